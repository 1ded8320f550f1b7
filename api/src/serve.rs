//! The accept loop: HTTP/1 and HTTP/2 over a bound socket, with deadlines for slow clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use oxherd_actors::handles::Drain;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long a client may take to send its request head.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most connections at once; more wait in the kernel's backlog.
const CONNECTIONS_MAX: usize = 10_000;
/// What is read ahead of a connection, and so the longest request head. A thousand uploads at once
/// each hold a few pieces of this size.
const READ_AHEAD: usize = 8 * 1024;
/// How long requests may go on once the drain has begun.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a router on a socket until the drain begins and its requests have ended.
///
/// # Errors
/// When the socket cannot accept any more.
pub async fn serve(listener: TcpListener, router: Router, drain: Drain) -> std::io::Result<()> {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.begun() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = converse(stream, router.clone(), drain.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections right now: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, ended).await;
    Ok(())
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

async fn converse(stream: TcpStream, router: Router, drain: Drain) {
    let _ = stream.set_nodelay(true);
    let spoken = Arc::new(AtomicBool::new(false));
    let speaks = Arc::clone(&spoken);
    let service = hyper_util::service::TowerToHyperService::new(router.map_request(
        move |request: axum::http::Request<_>| {
            speaks.store(true, Ordering::Relaxed);
            request.map(axum::body::Body::new)
        },
    ));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(READ_AHEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // The timer of the headers runs once the protocol is known, so that silence needs its own.
    let silence = async {
        tokio::time::sleep(HEADERS_TIMEOUT).await;
        if spoken.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        // What has arrived is read before a client is called silent: this process may be the slow one.
        biased;
        ended = connection.as_mut() => ended,
        () = silence => return,
        () = drain.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!("a connection ended early: {error}");
    }
}
