//! Scenarios of other sections once more, on a cluster of three nodes.

use std::sync::Arc;

use faults::{RedisCluster, RedisProcess};
use serde_json::json;

use crate::row::Roles::{self, Mixed, NodeToOurs, OursToNode};
use crate::row::{Row, World};
use crate::scenario::scenarios;

scenarios![s_119_clients_of_both_share_a_cluster];

/// What is played, with its roles.
const PLAYED: [(&str, Roles); 5] = [
    ("S-002", NodeToOurs),
    ("S-018", OursToNode),
    ("S-024", Mixed),
    ("S-083", NodeToOurs),
    ("S-098", NodeToOurs),
];

async fn s_119_clients_of_both_share_a_cluster(row: Row) {
    if !RedisProcess::is_installed() {
        println!("SKIPPED: S-119 needs the program redis-server, not installed here");
        row.has_no_model("not played: it needs the program redis-server");
        return;
    }
    let cluster = RedisCluster::start().await;
    let world = World::new(&format!("redis+cluster://127.0.0.1:{}", cluster.nodes[0].port()));
    let world = Arc::new(world);
    for (id, roles) in PLAYED {
        let home = server_of(&cluster, "bull").await;
        let part = row.part(&world, &format!("{{bull}}.{id}"), roles, &home).await;
        (super::numbered(id).play)(part.clone()).await;
        part.finish().await.unwrap_or_else(|problem| panic!("{id} in a cluster: {problem}"));
    }
    for roles in [OursToNode, NodeToOurs] {
        let home = server_of(&cluster, "mail").await;
        let part = row.part(&world, "bull", roles, &home).await;
        let worker = part.second().work("{mail}", json!({}), json!([["return", 7]])).await;
        let added = part.first().add("{mail}", "std", json!({}), json!({})).await;
        assert_eq!(part.node().finished("{mail}", &added).await.unwrap(), 7);
        worker.close().await;
        part.finish().await.unwrap_or_else(|problem| panic!("{{mail}} in a cluster: {problem}"));
    }
    for node in &cluster.nodes {
        let errors = node.ask("INFO errorstats").await;
        assert!(!errors.contains("CROSSSLOT"), "{errors}");
    }
}

/// Returns the address of the node that has the keys with a hash tag.
async fn server_of(cluster: &RedisCluster, tag: &str) -> String {
    let slot = cluster.nodes[0].ask(&format!("CLUSTER KEYSLOT {tag}")).await;
    cluster.nodes[cluster.owner(slot.parse().unwrap()).await].url()
}
