//! One connection to one server: opened, encrypted if asked, signed in.
//!
//! Has no deadline of its own: the caller gives it one. Never chooses the server.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, RedisConnectionInfo, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::address::{Place, SignIn};
use super::fault;
use super::tls::Tls;
use crate::error::{QueueError, Result};

/// What a failure to connect is told as.
pub(super) const OPERATION: &str = "connect";

/// Opens connections for one user.
#[derive(Clone)]
pub(super) struct Opener {
    sign_in: SignIn,
    tls: Option<Tls>,
}

impl Opener {
    pub(super) fn new(sign_in: SignIn, tls: Option<Tls>) -> Self {
        Self { sign_in, tls }
    }

    /// Opens connections that do not sign in.
    pub(super) fn anonymous(&self) -> Self {
        Self { sign_in: SignIn::default(), tls: self.tls.clone() }
    }

    /// Opens connections to servers that have no databases.
    pub(super) fn without_database(&self) -> Self {
        let sign_in = SignIn { database: 0, ..self.sign_in.clone() };
        Self { sign_in, tls: self.tls.clone() }
    }

    /// Opens a connection and signs in.
    ///
    /// # Errors
    /// [`QueueError::Unavailable`] when nobody answers, [`QueueError::Unusable`] when the server is
    /// not trusted, does not let us in or lacks the database.
    pub(super) async fn open(&self, place: &Place) -> Result<Line> {
        let mut line = match place {
            Place::Tcp(host, port) => {
                let stream =
                    TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                stream.set_nodelay(true).map_err(unreachable)?;
                match &self.tls {
                    Some(tls) => greet(tls.encrypt(host, stream).await?, place).await?,
                    None => greet(stream, place).await?,
                }
            }
            Place::Unix(path) => {
                greet(UnixStream::connect(path).await.map_err(unreachable)?, place).await?
            }
        };
        self.sign_in(&mut line).await?;
        Ok(line)
    }

    async fn sign_in(&self, line: &mut Line) -> Result<()> {
        let SignIn { user, password, database } = &self.sign_in;
        if let Some(password) = password {
            let mut auth = redis::cmd("AUTH");
            auth.arg(user.as_deref().filter(|user| !user.is_empty())).arg(password);
            line.ask(&auth).await.map_err(|error| match error {
                QueueError::Corrupt(cause) => fault::rejected(cause),
                other => other,
            })?;
        }
        if *database != 0 {
            let mut select = redis::cmd("SELECT");
            line.ask(select.arg(*database)).await.map_err(|error| match error {
                QueueError::Corrupt(cause) => QueueError::Unusable {
                    problem: format!("Redis at {} has no database {database}: {cause}", line.place),
                    fix: "correct the number at the end of the Redis URL; a cluster has 0 alone"
                        .to_owned(),
                },
                other => other,
            })?;
        }
        Ok(())
    }
}

/// An open connection, closed when dropped.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    /// The task that moves the bytes; it ends when the server hangs up.
    pub(super) driver: JoinHandle<()>,
    /// The server at the other end.
    pub(super) place: Place,
}

impl Line {
    /// Sends a command and returns its reply.
    pub(super) async fn ask(&mut self, command: &Cmd) -> Result<Value> {
        let reply = self.connection.send_packed_command(command).await;
        fault::accepted(OPERATION, reply.map_err(|error| fault::from_redis(OPERATION, &error))?)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Starts the protocol on a stream; signing in is ours, so that a full server is told from a wrong
/// password.
async fn greet<S>(stream: S, place: &Place) -> Result<Line>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Deadlines are the callers'; one inside would keep a connection whose reply was given up.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let nobody =
        RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
    let (connection, driver) = MultiplexedConnection::new_with_config(&nobody, stream, config)
        .await
        .map_err(|error| fault::from_redis(OPERATION, &error))?;
    Ok(Line { connection, driver: tokio::spawn(driver), place: place.clone() })
}

fn unreachable(error: std::io::Error) -> QueueError {
    QueueError::Unavailable { operation: OPERATION, cause: error.to_string() }
}
