//! A TCP proxy between a client and a server that breaks in the ways in which networks do.
//!
//! ```text
//!   pass        bytes go both ways
//!   hold        bytes of both ways are kept, in order, and delivered when the network passes again
//!   half-open   every connection is dead for ever, and open: bytes are swallowed, nothing is
//!               answered, nobody hangs up; connections opened meanwhile share the fate
//!   silent      as half-open for new connections alone; those that were open go on
//!   cut         the next so many bytes of replies pass, then the connection is reset
//!   reset       every connection is reset at once, and new ones until the network passes again
//! ```
//! Never changes a byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The most bytes read at a time; the most that a held direction keeps is what the sockets hold.
const PIECE: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Hold,
    HalfOpen,
    Silent,
    Cut,
    Reset,
}

/// Stands between clients and one server.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    network: Network,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Network {
    mode: watch::Sender<Mode>,
    /// The bytes of replies that still pass before a cut.
    left: Arc<AtomicI64>,
}

impl FaultProxy {
    /// Listens on a port of its own and passes everything to a port of this machine.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let network =
            Network { mode: watch::Sender::new(Mode::Pass), left: Arc::new(AtomicI64::new(0)) };
        let task = tokio::spawn(accept(listener, port, network.clone()));
        Self { port: own, network, task }
    }

    /// The port on which clients are served.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the server through this proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The network works, for what is not dead already.
    pub fn pass(&self) {
        self.network.mode.send_replace(Mode::Pass);
    }

    /// Keeps the bytes of both ways until the network passes again.
    pub fn hold(&self) {
        self.network.mode.send_replace(Mode::Hold);
    }

    /// Forgets every connection, as a router does that was restarted: both ends believe it open.
    pub fn half_open(&self) {
        self.network.mode.send_replace(Mode::HalfOpen);
    }

    /// Accepts new connections and never answers them.
    pub fn silent(&self) {
        self.network.mode.send_replace(Mode::Silent);
    }

    /// Lets so many bytes of replies through, then resets the connection that reaches the number;
    /// until the network passes again also every other one that has a reply.
    pub fn cut_after(&self, bytes: u32) {
        self.network.left.store(i64::from(bytes), Ordering::SeqCst);
        self.network.mode.send_replace(Mode::Cut);
    }

    /// Resets every connection, and new ones at once.
    pub fn reset(&self) {
        self.network.mode.send_replace(Mode::Reset);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, port: u16, network: Network) {
    let mut carried = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        while carried.try_join_next().is_some() {}
        carried.spawn(carry(client, port, network.clone()));
    }
}

/// Carries one connection until an end hangs up or the network ends it.
async fn carry(client: TcpStream, port: u16, network: Network) {
    let mode = *network.mode.borrow();
    match mode {
        Mode::Reset => return reset(&client),
        Mode::HalfOpen | Mode::Silent => return swallow(client).await,
        Mode::Pass | Mode::Hold | Mode::Cut => {}
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let mut end = network.mode.subscribe();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let carried = tokio::select! {
        biased;
        ended = end.wait_for(|mode| matches!(mode, Mode::HalfOpen | Mode::Reset)) => {
            ended.map_or(End::Closed, |mode| if *mode == Mode::Reset { End::Reset } else { End::Dead })
        }
        end = pump(&mut from_client, &mut to_server, &network, None) => end,
        end = pump(&mut from_server, &mut to_client, &network, Some(&network.left)) => end,
    };
    let (Ok(client), Ok(server)) = (from_client.reunite(to_client), from_server.reunite(to_server))
    else {
        return;
    };
    match carried {
        End::Closed => {}
        End::Reset => {
            reset(&client);
            reset(&server);
        }
        // The server's side stays open too: it does not know either.
        End::Dead => {
            tokio::join!(swallow(client), linger(server));
        }
    }
}

/// How a connection ends.
enum End {
    Closed,
    Reset,
    Dead,
}

/// Moves bytes one way.
async fn pump(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    network: &Network,
    left: Option<&AtomicI64>,
) -> End {
    let mut mode = network.mode.subscribe();
    let mut piece = vec![0; PIECE];
    while let Ok(mut count @ 1..) = from.read(&mut piece).await {
        if mode.wait_for(|mode| *mode != Mode::Hold).await.is_err() {
            break;
        }
        if let Some(left) = left.filter(|_| *mode.borrow() == Mode::Cut) {
            let allowed =
                left.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Ordering::SeqCst);
            count = count.min(usize::try_from(allowed).unwrap_or(0));
            if to.write_all(&piece[..count]).await.is_err() || allowed <= 0 {
                return End::Reset;
            }
            continue;
        }
        if to.write_all(&piece[..count]).await.is_err() {
            break;
        }
    }
    // What was kept on the way is delivered before the end is told.
    let _ = mode.wait_for(|mode| *mode != Mode::Hold).await;
    End::Closed
}

/// Takes whatever comes until the client gives up.
async fn swallow(mut client: TcpStream) {
    let mut piece = vec![0; PIECE];
    while let Ok(1..) = client.read(&mut piece).await {}
}

/// How long the server's side of a dead connection stays open.
const LINGER: Duration = Duration::from_secs(60);

async fn linger(server: TcpStream) {
    tokio::time::sleep(LINGER).await;
    drop(server);
}

fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
