//! What the server tells of itself, and of the workers that are connected to it.
//!
//! Both may be forbidden by a hosted server: then nothing is told. Never changes anything.

use std::time::Duration;

use super::connection::Link;
use super::keys::QueueKeys;
use super::wire;
use crate::backend::{ServerInfo, WorkerClient};
use crate::error::Result;

/// Between the name of a queue and that of a worker in the name of its connection.
const WORKER_NAME: &str = ":w:";

/// Asks the server about itself.
pub(super) async fn info(link: &Link) -> Result<Option<ServerInfo>> {
    let text = allowed(link.command("info", &redis::cmd("INFO")).await)?;
    Ok(text.map(|text| read_info(&text)))
}

/// Asks the server which workers of a queue are connected.
pub(super) async fn workers(link: &Link, keys: &QueueKeys) -> Result<Option<Vec<WorkerClient>>> {
    let mut command = redis::cmd("CLIENT");
    command.arg("LIST");
    let text = allowed(link.command("workers", &command).await)?;
    let unnamed = keys.worker_client_name(None);
    let read = |text: String| text.lines().filter_map(|line| read_client(line, &unnamed)).collect();
    Ok(text.map(read))
}

/// Takes the refusal of a command for an answer without content.
fn allowed(answer: Result<redis::Value>) -> Result<Option<String>> {
    match answer {
        Ok(reply) => wire::text(reply),
        Err(error) if error.is_transient() => Err(error),
        Err(_) => Ok(None),
    }
}

fn read_info(text: &str) -> ServerInfo {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim).unwrap_or_default()
    };
    let number = |name: &str| field(name).parse::<u64>().unwrap_or(0);
    let memory_max = number("maxmemory");
    ServerInfo {
        version: field("redis_version").to_owned(),
        mode: field("redis_mode").to_owned(),
        port: number("tcp_port"),
        os: field("os").to_owned(),
        uptime: Duration::from_secs(number("uptime_in_seconds")),
        memory_total: if memory_max > 0 { memory_max } else { number("total_system_memory") },
        memory_used: number("used_memory"),
        memory_peak: number("used_memory_peak"),
        fragmentation: field("mem_fragmentation_ratio").parse().unwrap_or(0.0),
        clients: number("connected_clients"),
        clients_blocked: number("blocked_clients"),
    }
}

/// Reads a line of `CLIENT LIST`; nothing for the connections of others.
fn read_client(line: &str, queue: &str) -> Option<WorkerClient> {
    let field = |name: &str| {
        line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("")
    };
    let name = match field("name").strip_prefix(queue)? {
        "" => None,
        rest => Some(rest.strip_prefix(WORKER_NAME)?.to_owned()),
    };
    Some(WorkerClient {
        id: field("id").to_owned(),
        name,
        address: field("addr").to_owned(),
        age: Duration::from_secs(field("age").parse().unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_counts_where_no_limit_is_set() {
        let text = "# Memory\r\nused_memory:7\r\ntotal_system_memory:90\r\nmaxmemory:0\r\n";
        assert_eq!(read_info(text).memory_total, 90);
        assert_eq!(read_info("maxmemory:50\r\ntotal_system_memory:90\r\n").memory_total, 50);
    }

    #[test]
    fn workers_are_told_from_other_connections_by_their_names() {
        let read = |name: &str| {
            let line = format!("id=7 addr=127.0.0.1:5 laddr=127.0.0.1:6 name={name} age=12 db=0");
            read_client(&line, "bull:bWFpbA==")
        };
        let worker = read("bull:bWFpbA==").unwrap();
        assert_eq!((worker.id.as_str(), worker.address.as_str()), ("7", "127.0.0.1:5"));
        assert_eq!((worker.name, worker.age.as_secs()), (None, 12));
        assert_eq!(read("bull:bWFpbA==:w:ada").unwrap().name.as_deref(), Some("ada"));
        for other in ["", "bull:bWFpbA==:qe", "bull:bWFpbA==x", "other"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
