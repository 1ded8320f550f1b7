//! The server is well, the network is not: connections are cut, die in silence, or stall.

use std::time::Duration;

use faults::{FaultProxy, RedisProcess};
use oxherd_queue::backend::redis::RedisOptions;
use tokio::time::{Instant, sleep};

use crate::cell::{Cell, Load, RUNS, play};

/// How long each of the runs goes without a network.
const AWAY_MS: [u64; RUNS] = [100, 1500, 5000, 12_000];

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Reset between two replies.
    Reset,
    /// Reset within a reply.
    Cut,
    /// Both ends believe that the connections are open; nothing passes.
    HalfOpen,
    /// Bytes are kept and delivered later.
    Stalled,
}

#[test]
fn a_worker_takes_jobs_again_after_its_connections_were_cut_died_or_stalled() {
    let mut cells = Vec::new();
    for fault in [Fault::Stalled, Fault::HalfOpen, Fault::Cut, Fault::Reset] {
        for load in [Load::Parked, Load::Busy] {
            cells.extend((0..RUNS).map(|run| outage(fault, load, run)));
        }
    }
    play(cells);
}

async fn outage(fault: Fault, load: Load, run: usize) -> Result<String, String> {
    let away = Duration::from_millis(AWAY_MS[run]);
    let name = format!("{load:?}, {fault:?} for {away:?}");
    let server = RedisProcess::start(&["--appendfsync", "no"]).await;
    let proxy = FaultProxy::before(server.port()).await;
    let cell = Cell::start(name, load, &server, RedisOptions::new(proxy.url())).await;

    match fault {
        Fault::Reset => proxy.reset(),
        Fault::Cut => proxy.cut_after([0, 3, 17, 60][run]),
        Fault::HalfOpen => proxy.half_open(),
        Fault::Stalled => proxy.hold(),
    }
    sleep(away).await;
    proxy.pass();

    let near = run.is_multiple_of(2).then(|| RedisOptions::new(server.url()));
    cell.verdict(Instant::now(), near).await
}
