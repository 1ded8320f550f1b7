//! The Lua scripts, by name.
//!
//! Each stands in `lua/` with its keys, arguments, effects, events and results in its head. Never
//! runs one: [`super::connection::Link::script`] does.

use std::sync::LazyLock;

use redis::{Cmd, Pipeline, Script};

/// Declares the scripts, and the list of all of them for loading.
macro_rules! scripts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&assemble(include_str!(concat!("lua/", $file)))));)+

        /// Returns every script with its text.
        pub(super) fn all() -> Vec<(&'static Script, String)> {
            vec![$((&*$name, assemble(include_str!(concat!("lua/", $file))))),+]
        }
    };
}

scripts! {
    ADD = "add.lua",
    SUBMIT = "submit.lua",
    TURN = "turn.lua",
    RENEW = "renew.lua",
    PROGRESS = "progress.lua",
    LOG = "log.lua",
    RETRY = "retry.lua",
    PROMOTE = "promote.lua",
    CHANGE_DELAY = "change_delay.lua",
    CHANGE_PRIORITY = "change_priority.lua",
    CHANGE_DATA = "change_data.lua",
    ERASE = "erase.lua",
    OBLITERATE = "obliterate.lua",
    REQUEUE = "requeue.lua",
    SET_LIMITS = "set_limits.lua",
    FREE_DEDUPLICATION = "free_deduplication.lua",
    REMOVE = "remove.lua",
    CANCEL = "cancel.lua",
    PAUSE = "pause.lua",
    RESUME = "resume.lua",
    READ = "read.lua",
    SWEEP = "sweep.lua",
    REPAIR = "repair.lua",
    OPEN = "open.lua",
    STATUS_PUT = "status_put.lua",
    SCHEDULE = "schedule.lua",
    ARM = "arm.lua",
    UNSCHEDULE = "unschedule.lua",
    FLOW = "flow.lua",
    UNDEPEND = "undepend.lua",
    TREE = "tree.lua",
}

/// Parts that several scripts, or several branches of one, share.
const FRAGMENTS: &[(&str, &str)] = &[
    ("settle", include_str!("lua/settle.lua")),
    ("refused", include_str!("lua/refused.lua")),
    ("due", include_str!("lua/due.lua")),
    ("claim", include_str!("lua/claim.lua")),
    ("evict", include_str!("lua/evict.lua")),
    ("metrics", include_str!("lua/metrics.lua")),
    ("family", include_str!("lua/family.lua")),
    ("reach", include_str!("lua/reach.lua")),
    ("state", include_str!("lua/state.lua")),
    ("deduplicate", include_str!("lua/deduplicate.lua")),
    ("forget", include_str!("lua/forget.lua")),
    ("erasing", include_str!("lua/erasing.lua")),
    ("place", include_str!("lua/place.lua")),
    ("slot", include_str!("lua/slot.lua")),
    ("iteration", include_str!("lua/iteration.lua")),
];

/// Replaces each line `--@include name` by the fragment of that name, recursively.
fn assemble(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for line in source.lines() {
        match line.trim().strip_prefix("--@include ") {
            Some(name) => {
                let fragment = FRAGMENTS.iter().find(|(known, _)| *known == name);
                text.push_str(&assemble(fragment.map_or("", |(_, source)| source)));
            }
            // Comments and indentation would only be hashed, sent and kept by the server.
            None if line.trim_start().starts_with("--") => {}
            None => text.push_str(line.trim()),
        }
        text.push('\n');
    }
    text
}

/// Begins the call of a script on some keys; arguments follow.
pub(super) fn call(script: &Script, keys: &[String]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(keys.len()).arg(keys);
    command
}

/// Returns the commands that make a server know all scripts.
pub(super) fn loading() -> Pipeline {
    let mut pipeline = redis::pipe();
    for (_, source) in all() {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(source);
    }
    pipeline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_include_names_a_fragment() {
        for (script, source) in all() {
            assert!(!source.contains("--@"), "{}", script.get_hash());
        }
        for (_, source) in FRAGMENTS {
            for line in source.lines().filter_map(|line| line.trim().strip_prefix("--@include ")) {
                assert!(FRAGMENTS.iter().any(|(name, _)| *name == line), "{line}");
            }
        }
    }

    #[test]
    fn the_hot_scripts_create_functions_only_in_branches_that_need_them() {
        for name in ["add.lua", "turn.lua"] {
            let source = match name {
                "add.lua" => include_str!("lua/add.lua"),
                _ => include_str!("lua/turn.lua"),
            };
            assert!(!source.contains("function"), "{name}");
        }
        for part in ["settle", "due", "claim", "evict", "metrics", "deduplicate"] {
            let source = FRAGMENTS.iter().find(|(name, _)| *name == part).unwrap().1;
            assert!(!source.contains("function"), "{part}");
        }
    }
}
