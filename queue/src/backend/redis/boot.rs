//! What a Redis server must be like before jobs are trusted to it.
//!
//! Looks, once, at the start; never changes a setting of the server.

use std::time::Duration;

use tokio::time::Instant;

use super::connection::Link;
use super::{fault, wire};
use crate::error::{QueueError, Result};

/// The oldest server that has every command the scripts use.
const VERSION_MIN: (u32, u32) = (6, 2);

/// Waits for the server and checks it.
///
/// # Errors
/// [`QueueError::Unusable`] with the place of the server, never its password.
pub(super) async fn check(link: &Link, address: &str, patience: Duration) -> Result<()> {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match look(link, address, left).await {
            Err(error) if error.is_transient() => {
                if Instant::now() >= until {
                    return Err(QueueError::Unusable {
                        problem: format!("Redis at {address} cannot be used: {error}"),
                        fix: "start the server, or correct the Redis URL".to_owned(),
                    });
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            verdict => return verdict,
        }
    }
}

async fn look(link: &Link, address: &str, patience: Duration) -> Result<()> {
    link.ready("connect", patience).await?;
    // A managed server may forbid INFO: then nothing is known against it.
    let info = match link.command("connect", &redis::cmd("INFO")).await {
        Ok(reply) => wire::text(reply)?.unwrap_or_default(),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "Redis does not tell its version and memory policy");
            return Ok(());
        }
    };
    judge(&info, address)
}

fn judge(info: &str, address: &str) -> Result<()> {
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    if let Some(version) = field("redis_version") {
        let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < VERSION_MIN {
            return Err(QueueError::Unusable {
                problem: format!("Redis at {address} is version {version}"),
                fix: format!("use {}.{} or newer", VERSION_MIN.0, VERSION_MIN.1),
            });
        }
    }
    if field("role") == Some("slave") {
        let primary = field("master_host").zip(field("master_port"));
        let primary = primary.map_or(String::new(), |(host, port)| format!(" of {host}:{port}"));
        return Err(fault::unconnected(&format!("it is a replica{primary}, which takes no jobs")));
    }
    if let Some(policy) = field("maxmemory_policy")
        && policy != "noeviction"
    {
        return Err(QueueError::Unusable {
            problem: format!(
                "Redis at {address} may throw jobs away: its maxmemory-policy is {policy}"
            ),
            fix: "set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in redis.conf)"
                .to_owned(),
        });
    }
    if field("aof_enabled") == Some("0") {
        tracing::warn!(
            redis = address,
            "Redis keeps no append-only file: acknowledged jobs may be lost when it stops"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str) -> Option<String> {
        judge(info, "host:6379/0").err().map(|error| error.to_string())
    }

    #[test]
    fn a_server_that_evicts_keys_is_refused_with_the_fix() {
        let error = check("redis_version:7.0.15\r\nmaxmemory_policy:volatile-lru\r\n").unwrap();
        assert!(error.contains("volatile-lru") && error.contains("noeviction"), "{error}");
    }

    #[test]
    fn an_old_server_is_refused() {
        assert!(check("redis_version:6.0.16\r\n").unwrap().contains("6.2"));
        assert_eq!(check("redis_version:6.2.0\r\nmaxmemory_policy:noeviction\r\n"), None);
        assert_eq!(check("redis_version:10.0.0\r\n"), None);
    }

    #[test]
    fn a_replica_is_waited_for_and_named() {
        let info = "redis_version:7.0.15\r\nrole:slave\r\nmaster_host:db\r\nmaster_port:6379\r\n";
        let error = judge(info, "host:6379/0").unwrap_err();
        assert!(error.is_transient(), "a failover may make it the primary");
        assert!(error.to_string().contains("replica of db:6379"), "{error}");
    }

    #[test]
    fn a_server_that_tells_nothing_is_accepted() {
        assert_eq!(check(""), None);
    }
}
