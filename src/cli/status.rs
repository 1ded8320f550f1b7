//! `oxherd status`: the queues and the actors of the running service.

use std::process::ExitCode;

use oxherd_actors::tree::TreeNode;
use oxherd_adapters::admin::AdminClient;
use serde_json::{Value, json};

use super::block_on;
use crate::config::Config;

/// Runs the command.
pub(crate) fn run(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let (queues, tree) = block_on(async {
        let client = AdminClient::new(config.admin.listen)?;
        let queues = client.get("/api/queues").await?;
        let tree = client.get("/health/supervisor").await?;
        Ok((queues["data"].clone(), tree))
    })?;
    if as_json {
        println!("{}", json!({ "queues": queues, "tree": tree }));
        return Ok(ExitCode::SUCCESS);
    }
    show_queues(&queues);
    println!();
    show_node(&serde_json::from_value(tree)?, 0);
    Ok(ExitCode::SUCCESS)
}

fn show_queues(queues: &Value) {
    println!(
        "{:<22}{:>9}{:>9}{:>9}{:>11}{:>9}  oldest waiting",
        "queue", "waiting", "delayed", "active", "completed", "failed"
    );
    for queue in queues.as_array().into_iter().flatten() {
        let count = |state: &str| queue["counts"][state].as_u64().unwrap_or(0);
        let oldest = queue["oldestWaitingMs"].as_u64();
        println!(
            "{:<22}{:>9}{:>9}{:>9}{:>11}{:>9}  {}{}",
            queue["name"].as_str().unwrap_or_default(),
            count("waiting") + count("prioritized"),
            count("delayed"),
            count("active"),
            count("completed"),
            count("failed"),
            oldest.map_or_else(|| "-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0)),
            if queue["paused"].as_bool() == Some(true) { "  paused" } else { "" },
        );
    }
}

fn show_node(node: &TreeNode, depth: usize) {
    let state = json!(node.state);
    let mut line = format!(
        "{:indent$}{} ({}) {}",
        "",
        node.name,
        node.kind,
        state.as_str().unwrap_or_default(),
        indent = depth * 2
    );
    if node.restarts > 0 {
        line.push_str(&format!(
            ", {} restarts ({} of {} in the window)",
            node.restarts, node.restarts_in_window, node.restarts_allowed
        ));
    }
    if let Some(failure) = &node.last_failure {
        line.push_str(&format!(", last failure at {}: {}", failure.at, failure.reason));
    }
    println!("{line}");
    for child in &node.children {
        show_node(child, depth + 1);
    }
}
