//! Where Redis is, and how to reach it.
//!
//! Opens and names connections; never keeps one. Never shows a password.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    ProtocolVersion, RedisConnectionInfo,
};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::fault;
use crate::error::{QueueError, Result};

/// What a failure to dial is told as.
pub(super) const OPERATION: &str = "connect";

/// The place of a Redis server and how to sign in.
#[derive(Clone)]
pub(super) struct Dialer {
    place: Place,
    sign_in: RedisConnectionInfo,
}

#[derive(Clone)]
enum Place {
    Tcp(String, u16),
    Unix(std::path::PathBuf),
}

impl Dialer {
    /// Reads a URL: `redis://[[user]:password@]host[:port][/database]`, or `redis+unix:///path`.
    /// User and password are percent-decoded.
    ///
    /// # Errors
    /// [`QueueError::Unusable`] that shows no part of the password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if matches!(scheme, "rediss" | "valkeys") {
            return Err(QueueError::Unusable {
                problem: "the Redis URL asks for TLS (rediss://), which this version cannot do yet"
                    .to_owned(),
                fix: "use redis://, through a TLS tunnel where the network is not trusted"
                    .to_owned(),
            });
        }
        let unusable = |why: String| QueueError::Unusable {
            problem: format!("the Redis URL cannot be read: {why}"),
            fix: "write redis://[[user]:password@]host[:port][/database], with special characters \
                  in the password percent-encoded"
                .to_owned(),
        };
        let info: ConnectionInfo = url
            .into_connection_info()
            .map_err(|error| unusable(error.detail().unwrap_or(error.category()).to_owned()))?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(unusable(format!("scheme {scheme:?} is not supported"))),
        };
        let sign_in = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        Ok(Self { place, sign_in })
    }

    /// Returns where the server is, without user and password.
    pub(super) fn address(&self) -> String {
        match &self.place {
            Place::Tcp(host, port) => format!("{host}:{port}/{}", self.sign_in.db()),
            Place::Unix(path) => path.display().to_string(),
        }
    }

    /// Opens a connection and signs in; with a name, the server shows it in its client list.
    ///
    /// Has no deadline of its own: the caller gives it one.
    pub(super) async fn dial(&self, name: Option<&str>) -> Result<Line> {
        let mut line = match &self.place {
            Place::Tcp(host, port) => {
                let stream =
                    TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
                stream.set_nodelay(true).map_err(unreachable)?;
                self.sign_in(stream).await?
            }
            Place::Unix(path) => {
                self.sign_in(UnixStream::connect(path).await.map_err(unreachable)?).await?
            }
        };
        if let Some(name) = name {
            // Managed servers may forbid CLIENT; the name is only for dashboards.
            let mut command = redis::cmd("CLIENT");
            command.arg("SETNAME").arg(name);
            let reply = line.connection.send_packed_command(&command).await;
            let reply = reply.map_err(|error| fault::from_redis(OPERATION, &error))?;
            if let Err(error) = fault::accepted(OPERATION, reply) {
                tracing::debug!(%error, "the connection stays unnamed");
            }
        }
        Ok(line)
    }

    async fn sign_in<S>(&self, stream: S) -> Result<Line>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        // Deadlines are the callers'; one inside would keep a connection whose reply was given up.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.sign_in, stream, config)
                .await
                .map_err(|error| fault::from_redis(OPERATION, &error))?;
        Ok(Line { connection, driver: tokio::spawn(driver) })
    }
}

/// An open connection, closed when dropped.
pub(super) struct Line {
    pub(super) connection: MultiplexedConnection,
    /// The task that moves the bytes; it ends when the server hangs up.
    pub(super) driver: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn unreachable(error: std::io::Error) -> QueueError {
    QueueError::Unavailable { operation: OPERATION, cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_its_password_decoded() {
        let dialer = Dialer::parse("redis://user:p%40ss%3Aw@example.org:6380/3").unwrap();
        assert_eq!(dialer.address(), "example.org:6380/3");
        assert_eq!(dialer.sign_in.username(), Some("user"));
        assert_eq!(dialer.sign_in.password(), Some("p@ss:w"));
        assert_eq!(dialer.sign_in.db(), 3);
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_its_password() {
        for url in ["rediss://:secret@host", "http://:secret@host", "redis://:secret@", "secret"] {
            let Err(error) = Dialer::parse(url) else { panic!("{url} was accepted") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn tls_is_refused_by_name() {
        let Err(error) = Dialer::parse("rediss://host") else { panic!("accepted") };
        assert!(error.to_string().contains("TLS"), "{error}");
    }
}
