//! The server that keeps the queues, and the workers that are known.

use axum::extract::{Path, State};
use oxherd_queue::backend::{ServerInfo, WorkerClient};
use serde_json::{Value, json};

use super::{Answer, body};
use crate::identity::Visitor;
use crate::routes::admin::open;
use crate::settings::Api;

/// Tells how the server does; of the embedded store, how this process does.
pub(super) async fn stats(State(api): State<Api>, _: Visitor) -> Answer {
    let info = api.parts.store.server().await?;
    body(&info.as_ref().map_or_else(|| own_stats(&api), server_stats))
}

fn server_stats(info: &ServerInfo) -> Value {
    json!({
        "backend": "redis",
        "version": info.version,
        "mode": info.mode,
        "port": info.port,
        "os": info.os,
        "uptime": info.uptime.as_secs(),
        "memory": {
            "total": info.memory_total,
            "used": info.memory_used,
            "fragmentationRatio": info.fragmentation,
            "peak": info.memory_peak,
        },
        "clients": { "connected": info.clients, "blocked": info.clients_blocked },
    })
}

/// The page cannot do without these members, so that a store without a server has them as well.
fn own_stats(api: &Api) -> Value {
    json!({
        "version": concat!("oxherd ", env!("CARGO_PKG_VERSION")),
        "port": 0,
        "os": std::env::consts::OS,
        "uptime": api.now_ms().saturating_sub(api.started_ms) / 1000,
        "clients": { "connected": 1, "blocked": 0 },
    })
}

/// Lists the workers of a queue; `null` where the server does not tell.
pub(super) async fn workers(
    State(api): State<Api>,
    _: Visitor,
    Path(name): Path<String>,
) -> Answer {
    let workers = open(&api, &name).await?.workers().await?;
    let workers = workers.map(|workers| workers.iter().map(worker).collect::<Vec<_>>());
    body(&json!({ "workers": workers }))
}

fn worker(client: &WorkerClient) -> Value {
    json!({
        "id": client.id,
        "name": client.name,
        "addr": client.address,
        "age": client.age.as_secs(),
    })
}
