//! A primary under sentinels dies, and its replica takes over.

use std::time::Duration;

use faults::RedisSentinels;
use oxherd_queue::backend::redis::RedisOptions;
use tokio::time::{Instant, sleep};

use crate::cell::{Cell, End, Load, play_in_turn};

#[test]
fn a_worker_goes_on_at_the_new_primary_after_the_old_one_died_or_fell_silent() {
    let kinds = [
        (Load::Parked, End::Killed, false),
        (Load::Busy, End::Killed, false),
        (Load::Busy, End::Killed, true),
        (Load::Parked, End::Frozen, false),
        (Load::Busy, End::Frozen, false),
    ];
    play_in_turn(kinds.map(|(load, end, all_away)| async move {
        let mut redis = RedisSentinels::start(&[]).await;
        let url = format!("redis+sentinel://{}/{}", redis.places(), RedisSentinels::PRIMARY);
        let name = format!("{load:?}, primary {end:?}, sentinels away: {all_away}");
        let mut cell = Cell::start(name, load, &redis.servers[0], RedisOptions::new(url)).await;

        if load == Load::Busy {
            cell.stop_producing().await;
            cell.backlog().await;
        }
        // What has reached the replica and is missing afterwards was lost by us.
        let [primary, replica] = &redis.servers;
        replica.catch_up_with(primary).await;
        if all_away {
            redis.kill_sentinels();
        }
        end.comes_to(&mut redis.servers[0]);
        if all_away {
            sleep(Duration::from_secs(5)).await;
            redis.start_sentinels();
        }
        redis.promoted(1).await;

        cell.verdict(Instant::now(), None).await
    }));
}
