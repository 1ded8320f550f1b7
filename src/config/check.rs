//! What makes a configuration unusable, told before anything is opened.

use super::{AuthMode, Config};

/// A setting that cannot work, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Problem {
    /// The setting.
    pub(crate) setting: &'static str,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to do.
    pub(crate) fix: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.problem, self.fix)
    }
}

/// Returns everything that is wrong with a configuration.
#[must_use]
pub(crate) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |setting, problem: String, fix: &str| {
        problems.push(Problem { setting, problem, fix: fix.to_owned() });
    };
    for (setting, listen) in
        [("http.listen", config.http.listen), ("admin.listen", config.admin.listen)]
    {
        if config.auth.mode == AuthMode::None && !listen.ip().is_loopback() {
            problem(
                setting,
                format!("{listen} can be reached from other machines while auth.mode is \"none\""),
                "listen on 127.0.0.1 and put a proxy that knows its users before it",
            );
        }
    }
    if config.http.listen == config.admin.listen && config.http.listen.port() != 0 {
        problem("admin.listen", "both listeners have the same address".into(), "change one port");
    }
    let key = config.auth.signing_key.len();
    if key > 0 && key < 32 {
        problem("auth.signing_key", format!("has {key} characters"), "use at least 32");
    }
    for (setting, slots, least) in [
        ("worker.material_concurrency", config.worker.material_concurrency, 0),
        ("worker.plan_concurrency", config.worker.plan_concurrency, 1),
    ] {
        if !(least..=1000).contains(&slots) {
            problem(setting, format!("is {slots}"), "use 1 to 1000");
        }
    }
    if config.worker.renew_seconds == 0
        || config.worker.renew_seconds * 2 >= config.worker.lock_seconds
    {
        problem(
            "worker.renew_seconds",
            format!(
                "is {} with locks of {} s",
                config.worker.renew_seconds, config.worker.lock_seconds
            ),
            "renew at least twice within a lock, e.g. 5 and 15",
        );
    }
    if config.worker.stalled_seconds == 0 {
        problem("worker.stalled_seconds", "is 0".into(), "use 1 or more");
    }
    if config.redis.prefix.is_empty() || config.redis.prefix.contains(':') {
        problem(
            "redis.prefix",
            format!("is {:?}", config.redis.prefix),
            "use a word without ':', as BullMQ's prefix",
        );
    }
    if config.parser.seconds == 0 || config.parser.memory_mib < 64 {
        problem("parser", "leaves no room".into(), "give at least 1 s and 64 MiB");
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_usable() {
        assert_eq!(check(&Config::default()), []);
    }

    #[test]
    fn each_unusable_setting_is_named_with_its_fix() {
        let spoil = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            check(&config).iter().map(|problem| problem.setting).collect::<Vec<_>>()
        };
        assert_eq!(spoil(|c| c.http.listen = ([0, 0, 0, 0], 80).into()), ["http.listen"]);
        assert_eq!(spoil(|c| c.admin.listen = c.http.listen), ["admin.listen"]);
        assert_eq!(spoil(|c| c.auth.signing_key = "short".into()), ["auth.signing_key"]);
        assert_eq!(spoil(|c| c.worker.plan_concurrency = 0), ["worker.plan_concurrency"]);
        assert_eq!(spoil(|c| c.worker.renew_seconds = 8), ["worker.renew_seconds"]);
        assert_eq!(spoil(|c| c.redis.prefix = "a:b".into()), ["redis.prefix"]);
    }
}
