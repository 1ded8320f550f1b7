//! Redis is killed, and comes back after a while.

use std::time::Duration;

use faults::RedisProcess;
use oxherd_queue::backend::redis::RedisOptions;
use tokio::time::{Instant, sleep};

use crate::cell::{Cell, Load, RUNS, play};

#[test]
fn a_worker_takes_jobs_again_after_redis_was_killed_however_long_it_was_away() {
    let mut cells = Vec::new();
    // The longest first: it bounds the time that all take together.
    for away_ms in [60_000, 12_000, 2000, 200] {
        for load in [Load::Parked, Load::Busy] {
            cells.extend((0..RUNS).map(|run| death(away_ms, load, run)));
        }
    }
    play(cells);
}

async fn death(away_ms: u64, load: Load, run: usize) -> Result<String, String> {
    let away = Duration::from_millis(away_ms);
    let name = format!("{load:?}, killed, back after {away:?}, run {run}");
    // An acknowledged job is with the kernel, which outlives the server: what is missing afterwards was
    // lost by us. (Synced each second, the server may hold a write back while its disk is slow.)
    let mut server = RedisProcess::start(&["--appendfsync", "no"]).await;
    let options = RedisOptions::new(server.url());
    let cell = Cell::start(name, load, &server, options.clone()).await;

    server.kill();
    sleep(away).await;
    server.restart().await;

    cell.verdict(Instant::now(), run.is_multiple_of(2).then_some(options)).await
}
