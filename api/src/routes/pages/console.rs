//! The operators' page: queues with their counts, and the actor tree.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use oxherd_actors::handles::{Check, QueueOverview};
use oxherd_actors::tree::{NodeState, TreeNode};

use super::layout;
use super::words::EN;
use crate::identity::Visitor;
use crate::settings::Api;

pub(super) async fn page(State(api): State<Api>, _: Visitor) -> Response {
    // What is wrong with their store stands in the readiness above the table.
    let queues = api.parts.tree.queues().await.unwrap_or_default();
    let (tree, checks) = (api.parts.tree.tree(), api.parts.tree.readiness());
    layout::page(
        &EN,
        "Oxherd operators",
        None,
        html! {
            body {
                header class="top" {
                    a class="name" href="/" { "Oxherd operators" }
                    nav {
                        a href="/metrics" { "Metrics" }
                        a href="/health/supervisor" { "Tree as JSON" }
                        a href="/readyz?verbose" { "Readiness" }
                    }
                }
                main class="console" {
                    p class="health" { (health(&checks)) }
                    h1 { "Queues" }
                    (queue_table(&queues))
                    h1 { "Actors" }
                    ul class="tree" { (branch(&tree)) }
                }
                }
        },
    )
}

fn health(checks: &[Check]) -> Markup {
    match checks.iter().find(|check| !check.ok) {
        None => html! { "All is well: every consumer fetched within the last 10 s." },
        Some(check) => html! {
            strong class="fail" { (check.name) } ": " (check.cause) ". " (check.fix)
        },
    }
}

fn queue_table(queues: &[QueueOverview]) -> Markup {
    html! {
        table {
            thead { tr {
                th { "Queue" } th class="figure" { "Waiting" } th class="figure" { "Delayed" }
                th class="figure" { "Active" } th class="figure" { "Completed" }
                th class="figure" { "Failed" } th class="figure" { "Slots" }
                th class="figure" { "Oldest waiting" }
            } }
            tbody {
                @for queue in queues {
                    @let count = |state: &str| queue.counts.get(state).copied().unwrap_or(0);
                    tr {
                        td { (queue.name) @if queue.paused { " " em { "paused" } } }
                        td class="figure" { (count("waiting") + count("prioritized")) }
                        td class="figure" { (count("delayed")) }
                        td class="figure" { (count("active")) }
                        td class="figure" { (count("completed")) }
                        td class="figure" { (count("failed")) }
                        td class="figure" { (queue.workers) }
                        td class="figure" { @match queue.oldest_waiting_ms {
                            Some(ms) => { (ms / 1000) " s" }
                            None => { "–" }
                        } }
                    }
                }
            }
        }
    }
}

fn branch(node: &TreeNode) -> Markup {
    html! {
        li {
            span class=(format!("dot {}", word(node.state))) title=(word(node.state)) {}
            strong { (node.name) } " " span class="says" { (node.kind) ", " (word(node.state)) }
            @if node.restarts > 0 {
                span class="says" {
                    ", " (node.restarts) " restarts ("
                    (node.restarts_in_window) " of " (node.restarts_allowed) " in the window)"
                }
            }
            @if let Some(failure) = &node.last_failure {
                span class="says" { ", last failure " (failure.at) ": " (failure.reason) }
            }
            @if !node.children.is_empty() {
                ul { @for child in &node.children { (branch(child)) } }
            }
        }
    }
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Starting => "starting",
        NodeState::Running => "running",
        NodeState::Restarting => "restarting",
        NodeState::Draining => "draining",
        NodeState::Stopped => "stopped",
    }
}
