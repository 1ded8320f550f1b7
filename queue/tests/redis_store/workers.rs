//! How the server and its dashboards see our workers.

use std::time::Duration;

use oxherd_queue::Store as _;
use redis::aio::MultiplexedConnection;

use crate::server::{Server, ask, open, run};

/// The lines of the server's list of clients whose name begins like that of a worker of queue `m`.
async fn workers(stranger: &mut MultiplexedConnection) -> Vec<String> {
    let clients: String = ask(stranger, "CLIENT LIST").await;
    let is_ours =
        |line: &&str| line.contains(" name=bull:bQ== ") || line.contains(" name=bull:bQ==:w:");
    clients.lines().filter(is_ours).map(str::to_owned).collect()
}

async fn until_seen(stranger: &mut MultiplexedConnection, count: usize) -> Vec<String> {
    for _ in 0..1000 {
        let seen = workers(stranger).await;
        if seen.len() == count {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {count} workers: {:?}", workers(stranger).await);
}

#[test]
fn a_worker_is_one_connection_however_long_it_waits() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let queue = server.queue().await;
        let _seen = queue.attend(None);
        let _named = queue.attend(Some("a b"));

        queue.wait(Duration::from_millis(200)).await.unwrap();

        let seen = until_seen(&mut stranger, 2).await;
        assert!(seen.iter().any(|line| line.contains(" name=bull:bQ==:w:a%20b ")), "{seen:?}");
    });
}

#[test]
fn a_worker_whose_connection_was_cut_is_seen_again() {
    run(|mut server: Server| async move {
        let queue = server.queue().await;
        let _seen = queue.attend(Some("w1"));
        let mut stranger = server.connect().await;
        let line = until_seen(&mut stranger, 1).await.swap_remove(0);
        let id = line.split(' ').next().unwrap().strip_prefix("id=").unwrap().to_owned();

        ask::<i64>(&mut stranger, &format!("CLIENT KILL ID {id}")).await;

        let again = until_seen(&mut stranger, 1).await.swap_remove(0);
        assert!(!again.starts_with(&format!("id={id} ")), "{again}");

        server.kill();
        server.restart().await;

        until_seen(&mut server.connect().await, 1).await;
    });
}

#[test]
fn a_closed_store_leaves_no_worker_behind() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        let store = server.store().await;
        let _seen = store.queue("m").await.unwrap().attend(None);
        until_seen(&mut stranger, 1).await;

        store.close().await;

        until_seen(&mut stranger, 0).await;
    });
}

#[test]
fn a_server_that_refuses_names_is_worked_with_unseen() {
    run(|server| async move {
        let mut stranger = server.connect().await;
        ask::<String>(&mut stranger, "ACL SETUSER shy on >secret ~* &* +@all -client").await;
        let store = open(&format!("redis://shy:secret@127.0.0.1:{}", server.port())).await;
        let queue = store.queue("m").await.unwrap();
        let _seen = queue.attend(Some("w1"));

        let listed = queue.workers().await;

        assert_eq!(listed.unwrap(), None, "it does not tell");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(workers(&mut stranger).await.is_empty());
        queue.pause().await.unwrap();
    });
}
