//! A Redis cluster of three primaries, as child processes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::redis_process::{RedisProcess, free_port};

/// How long the nodes may take to agree.
const AGREED_WITHIN: Duration = Duration::from_secs(60);
/// The first slot of each node, and the end.
const BOUNDS: [u16; 4] = [0, 5461, 10_923, 16_384];

/// Nodes that know each other.
#[derive(Debug)]
pub struct RedisCluster {
    /// The three that had slots at the start, then the others.
    pub nodes: Vec<RedisProcess>,
}

impl RedisCluster {
    /// Starts three nodes that share the slots, and waits until they serve them.
    pub async fn start() -> Self {
        let mut cluster = Self { nodes: Vec::new() };
        for (number, bounds) in BOUNDS.windows(2).enumerate() {
            cluster.join().await;
            let (first, last) = (bounds[0], bounds[1] - 1);
            cluster.told(number, &format!("CLUSTER ADDSLOTSRANGE {first} {last}")).await;
        }
        for number in 0..3 {
            cluster.until(number, "CLUSTER INFO", "cluster_state:ok").await;
        }
        cluster
    }

    /// Starts a node without slots, and waits until all know it; returns its number.
    pub async fn join(&mut self) -> usize {
        let bus = free_port().to_string();
        let node = RedisProcess::start(&[
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1500",
            "--cluster-port",
            &bus,
            "--appendfsync",
            "no",
            "--repl-diskless-sync-delay",
            "0",
        ])
        .await;
        let number = self.nodes.len();
        self.nodes.push(node);
        self.told(number, &format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).await;
        if number > 0 {
            let port = self.nodes[number].port();
            self.told(0, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}")).await;
            let id = self.id(number).await;
            for other in 0..number {
                self.until(other, "CLUSTER NODES", &format!("{id} 127.0.0.1")).await;
                let id = self.id(other).await;
                self.until(number, "CLUSTER NODES", &format!("{id} 127.0.0.1")).await;
            }
        }
        number
    }

    /// Makes a node a replica of another, and waits until it has caught up.
    pub async fn follow(&self, replica: usize, primary: usize) {
        let id = self.id(primary).await;
        self.told(replica, &format!("CLUSTER REPLICATE {id}")).await;
        self.until(replica, "INFO replication", "master_link_status:up").await;
    }

    /// Returns the number of the node that owns a slot by its own word.
    pub async fn owner(&self, slot: u16) -> usize {
        let deadline = Instant::now() + AGREED_WITHIN;
        loop {
            for (number, node) in self.nodes.iter().enumerate() {
                if !node.answers().await {
                    continue;
                }
                let known = node.ask("CLUSTER NODES").await;
                let own = known.lines().find(|line| line.contains("myself,master"));
                if own.is_some_and(|line| ranges(line).any(|(a, b)| a <= slot && slot <= b)) {
                    return number;
                }
            }
            assert!(Instant::now() < deadline, "nobody owns slot {slot}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a node serves a slot, after the death of another; returns its number.
    pub async fn serving(&self, slot: u16) -> usize {
        let owner = self.owner(slot).await;
        self.until(owner, "CLUSTER INFO", "cluster_state:ok").await;
        owner
    }

    /// Moves a slot to another node, a few keys at a time with a pause after each few.
    pub async fn move_slot(&self, slot: u16, from: usize, to: usize, pause: Duration) {
        let (source, target) = (self.id(from).await, self.id(to).await);
        self.told(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {source}")).await;
        self.told(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {target}")).await;
        loop {
            let keys = self.nodes[from].ask(&format!("CLUSTER GETKEYSINSLOT {slot} 5")).await;
            if keys.is_empty() {
                break;
            }
            let (port, keys) = (self.nodes[to].port(), keys.replace('\n', " "));
            let moved = format!("MIGRATE 127.0.0.1 {port}  0 5000 KEYS {keys}");
            let moved = self.nodes[from].ask(&moved).await;
            assert!(moved == "OK" || moved == "NOKEY", "{moved}");
            sleep(pause).await;
        }
        for node in [to, from].into_iter().chain(0..3) {
            self.told(node, &format!("CLUSTER SETSLOT {slot} NODE {target}")).await;
        }
    }

    async fn id(&self, node: usize) -> String {
        self.nodes[node].ask("CLUSTER MYID").await
    }

    async fn told(&self, node: usize, command: &str) {
        let answer = self.nodes[node].ask(command).await;
        assert_eq!(answer, "OK", "{command}");
    }

    async fn until(&self, node: usize, question: &str, told: &str) {
        let deadline = Instant::now() + AGREED_WITHIN;
        loop {
            let answer = self.nodes[node].ask(question).await;
            if answer.contains(told) {
                return;
            }
            assert!(Instant::now() < deadline, "{question}: no {told} in {answer}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Reads the ranges of slots at the end of a line of `CLUSTER NODES`.
fn ranges(line: &str) -> impl Iterator<Item = (u16, u16)> + '_ {
    line.split(' ').skip(8).filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    })
}
