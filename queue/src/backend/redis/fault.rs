//! What went wrong with Redis, in the words of the engine.

use redis::{ErrorKind, RedisError, Value};

use super::dial::OPERATION;
use crate::error::{QueueError, Result};

/// The server refuses writes and has changed nothing.
const REFUSALS: [&str; 4] = ["OOM", "MISCONF", "READONLY", "NOREPLICAS"];
/// The server cannot answer now.
const PAUSES: [&str; 9] = [
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "UNBLOCKED",
    "MOVED",
    "ASK",
    "EXECABORT",
];
/// The server is not, or no longer, the one that has the keys.
const ELSEWHERE: [&str; 4] = ["MOVED", "READONLY", "MASTERDOWN", "UNBLOCKED"];
/// The server does not let us in.
const REJECTIONS: [&str; 3] = ["NOAUTH", "WRONGPASS", "NOPERM"];

/// Maps an error of the client to what the caller does next.
pub(super) fn from_redis(operation: &'static str, error: &RedisError) -> QueueError {
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension => {
            by_code(operation, error.code().unwrap_or(""), text(error))
        }
        ErrorKind::AuthenticationFailed => rejected(text(error)),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => QueueError::Corrupt(text(error)),
        _ => QueueError::Unavailable { operation, cause: text(error) },
    }
}

/// Returns a reply, or the error that the server sent in its place.
pub(super) fn accepted(operation: &'static str, reply: Value) -> Result<Value> {
    let Value::ServerError(error) = reply else { return Ok(reply) };
    let cause = format!("{} {}", error.code(), error.details().unwrap_or(""));
    Err(by_code(operation, error.code(), cause.trim_end().to_owned()))
}

/// Returns what the server or the network said, on one line.
pub(super) fn text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// There is no connection, for this reason.
pub(super) fn unconnected(cause: &str) -> QueueError {
    QueueError::Unavailable { operation: OPERATION, cause: cause.to_owned() }
}

pub(super) fn closed(operation: &'static str) -> QueueError {
    QueueError::Unavailable { operation, cause: "the store was closed".to_owned() }
}

/// Tells whether the server does not know a script, as after a restart.
pub(super) fn is_script_missing(error: &QueueError) -> bool {
    matches!(error, QueueError::Corrupt(cause) if cause.starts_with("NOSCRIPT"))
}

/// Tells whether the server sent this code.
pub(super) fn says(error: &QueueError, code: &str) -> bool {
    match error {
        QueueError::Unavailable { cause, .. } | QueueError::Refused { cause, .. } => {
            cause.strip_prefix(code).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                || (cause.starts_with("ERR ") && cause.contains(&format!(" {code} ")))
        }
        _ => false,
    }
}

/// Tells whether another server has the keys: after a failover, or when a slot was moved.
pub(super) fn is_elsewhere(error: &QueueError) -> bool {
    ELSEWHERE.iter().any(|code| says(error, code))
}

fn by_code(operation: &'static str, code: &str, cause: String) -> QueueError {
    // Redis 6 wraps the error of a command inside a script into an ERR with the code in its text.
    let says = |codes: &[&str]| {
        codes.contains(&code)
            || (code == "ERR" && codes.iter().any(|code| cause.contains(&format!(" {code} "))))
    };
    if says(&REFUSALS) {
        return QueueError::Refused { operation, cause };
    }
    if says(&PAUSES) || cause.contains("max number of clients") {
        return QueueError::Unavailable { operation, cause };
    }
    if says(&REJECTIONS) {
        return rejected(cause);
    }
    QueueError::Corrupt(cause)
}

/// The server does not let us in.
pub(super) fn rejected(cause: String) -> QueueError {
    QueueError::Unusable {
        problem: format!("Redis does not let this program in: {cause}"),
        fix: "check user, password and ACL in the Redis URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &'static str, detail: &str) -> QueueError {
        by_code("claim", code, format!("{code} {detail}"))
    }

    #[test]
    fn a_server_that_refuses_writes_is_told_from_one_that_cannot_answer() {
        assert!(matches!(check("OOM", "command not allowed"), QueueError::Refused { .. }));
        assert!(matches!(check("LOADING", "Redis is loading"), QueueError::Unavailable { .. }));
        assert!(matches!(check("WRONGPASS", "invalid"), QueueError::Unusable { .. }));
        assert!(matches!(check("WRONGTYPE", "Operation against"), QueueError::Corrupt(_)));
    }

    #[test]
    fn what_passes_without_anyone_doing_anything_may_be_tried_again() {
        for code in REFUSALS.iter().chain(&PAUSES) {
            let error = by_code("claim", code, format!("{code} for now"));
            assert!(error.is_transient(), "{code}");
            assert_eq!(is_elsewhere(&error), ELSEWHERE.contains(code), "{code}");
        }
        assert!(check("ERR", "max number of clients reached").is_transient());
        assert!(!says(&check("MOVED", "7 host:1"), "ASK"));
    }

    #[test]
    fn the_code_of_a_command_inside_a_script_counts() {
        let wrapped = check("ERR", "Error running script: @user_script:1: OOM command not allowed");
        assert!(matches!(wrapped, QueueError::Refused { .. }));
    }
}
