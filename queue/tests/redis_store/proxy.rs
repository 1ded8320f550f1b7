//! A TCP proxy that can fall silent: sockets stay open, bytes are thrown away.
//!
//! A connection that was silent once stays so, as one whose state a router has forgotten; new ones
//! pass when the proxy passes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;

const PASS: u8 = 0;
const DISCARD: u8 = 1;
const CUT_REPLIES: u8 = 2;

/// Stands between the store and a server.
pub(crate) struct Proxy {
    port: u16,
    mode: Arc<AtomicU8>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(server: &Server) -> Self {
        let port = server.port;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let mode = Arc::new(AtomicU8::new(PASS));
        let shared = Arc::clone(&mode);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self { port: own, mode, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Silences all connections, and those that are opened from now on.
    pub(crate) fn discard(&self) {
        self.mode.store(DISCARD, Ordering::SeqCst);
    }

    /// Lets commands through and hangs up instead of passing a reply.
    pub(crate) fn cut_replies(&self) {
        self.mode.store(CUT_REPLIES, Ordering::SeqCst);
    }

    /// Passes the bytes of new connections again.
    pub(crate) fn pass(&self) {
        self.mode.store(PASS, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mode: Arc<AtomicU8>) {
    let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
    let mut silent = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                silent |= mode.load(Ordering::SeqCst) == DISCARD;
                if !silent && server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                silent |= mode.load(Ordering::SeqCst) == DISCARD;
                if mode.load(Ordering::SeqCst) == CUT_REPLIES {
                    return;
                }
                if !silent && client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
