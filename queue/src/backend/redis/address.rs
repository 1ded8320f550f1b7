//! Where Redis is, read from a URL.
//!
//! Never opens a connection, never shows a password.

use std::fmt;
use std::path::PathBuf;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};

use crate::error::{QueueError, Result};

/// The port of a sentinel that the URL does not tell.
const SENTINEL_PORT: u16 = 26_379;

/// What a URL says.
#[derive(Clone)]
pub(super) struct Address {
    /// The servers that it names, at least one.
    pub(super) places: Vec<Place>,
    /// What those servers are.
    pub(super) route: Route,
    /// User, password and number of the database.
    pub(super) sign_in: SignIn,
    /// Whether connections are encrypted.
    pub(super) is_secure: bool,
}

/// Where one server listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Host and port.
    Tcp(String, u16),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How the named servers lead to the one with the keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// The named one has them, unless it turns out to be a node of a cluster.
    Direct,
    /// They are nodes of a cluster, which know each other.
    Cluster,
    /// They are sentinels, which know the primary of this name.
    Sentinel(String),
}

/// Who signs in, and to what.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct SignIn {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

impl From<&RedisConnectionInfo> for SignIn {
    fn from(info: &RedisConnectionInfo) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self { user: owned(info.username()), password: owned(info.password()), database: info.db() }
    }
}

impl Address {
    /// Reads a URL; which there are is said at [`super::RedisOptions::url`].
    ///
    /// # Errors
    /// [`QueueError::Unusable`] that shows no part of the password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (is_secure, plain) = match scheme {
            "rediss" | "valkeys" => (true, "redis"),
            "rediss+cluster" => (true, "redis+cluster"),
            "rediss+sentinel" => (true, "redis+sentinel"),
            "valkey" => (false, "redis"),
            other => (false, other),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match plain {
            "redis+cluster" => {
                let (places, sign_in) = servers(authority, path, None)?;
                Ok(Self { places, route: Route::Cluster, sign_in, is_secure })
            }
            "redis+sentinel" => {
                let (master, path) = primary(path)?;
                let (places, sign_in) = servers(authority, path, Some(SENTINEL_PORT))?;
                Ok(Self { places, route: Route::Sentinel(master), sign_in, is_secure })
            }
            "redis" => {
                let (place, sign_in) = server(&format!("redis://{rest}"))?;
                Ok(Self { places: vec![place], route: Route::Direct, sign_in, is_secure })
            }
            _ => {
                let (place, sign_in) = server(url)?;
                Ok(Self { places: vec![place], route: Route::Direct, sign_in, is_secure })
            }
        }
    }
}

impl fmt::Display for Address {
    /// Writes where the servers are, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, place) in self.places.iter().enumerate() {
            write!(f, "{}{place}", if number == 0 { "" } else { "," })?;
        }
        match &self.route {
            Route::Sentinel(master) => write!(f, "/{master}/{}", self.sign_in.database),
            _ if matches!(self.places[..], [Place::Unix(_)]) => Ok(()),
            _ => write!(f, "/{}", self.sign_in.database),
        }
    }
}

/// Takes the name of the primary off a path; the database is left.
fn primary(path: &str) -> Result<(String, &str)> {
    let path = path.strip_prefix('/').unwrap_or("");
    let end = path.find(['/', '?', '#']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    if name.is_empty() {
        return Err(unusable("it does not name the primary that the sentinels watch"));
    }
    Ok((name.to_owned(), rest))
}

/// Reads `[[user]:password@]host[:port][,host[:port]...]`.
fn servers(authority: &str, path: &str, port: Option<u16>) -> Result<(Vec<Place>, SignIn)> {
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let mut places = Vec::new();
    let mut signing = SignIn::default();
    for host in hosts.split(',') {
        let port = match port {
            Some(port) if !host.rsplit(']').next().unwrap_or(host).contains(':') => {
                format!(":{port}")
            }
            _ => String::new(),
        };
        let (place, sign_in) = server(&format!("redis://{user}{host}{port}{path}"))?;
        places.push(place);
        signing = sign_in;
    }
    Ok((places, signing))
}

/// Reads a URL of one server.
fn server(url: &str) -> Result<(Place, SignIn)> {
    let info: ConnectionInfo = url
        .into_connection_info()
        .map_err(|error| unusable(error.detail().unwrap_or(error.category())))?;
    let place = match info.addr() {
        ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
        ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
        _ => return Err(unusable("its scheme is not supported")),
    };
    Ok((place, info.redis_settings().into()))
}

fn unusable(why: &str) -> QueueError {
    QueueError::Unusable {
        problem: format!("the Redis URL cannot be read: {why}"),
        fix: "write redis://[[user]:password@]host[:port][/database], rediss://... for TLS, \
              redis+cluster://...host,host or redis+sentinel://...host,host/primary[/database], \
              with special characters in the password percent-encoded"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp(host.to_owned(), port)
    }

    #[test]
    fn a_url_is_read_with_user_and_password_decoded() {
        let address = Address::parse("redis://us%3Aer:p%40ss%3A%2Fw@example.org:6380/3").unwrap();
        assert_eq!(address.to_string(), "example.org:6380/3");
        assert_eq!(address.sign_in.user.as_deref(), Some("us:er"));
        assert_eq!(address.sign_in.password.as_deref(), Some("p@ss:/w"));
        assert_eq!(address.sign_in.database, 3);
        assert_eq!(address.route, Route::Direct);
        assert!(!address.is_secure);
    }

    #[test]
    fn tls_is_a_scheme_of_its_own() {
        for scheme in ["rediss", "valkeys", "rediss+cluster", "rediss+sentinel"] {
            let address = Address::parse(&format!("{scheme}://:s@host:1/2")).unwrap();
            assert!(address.is_secure, "{scheme}");
            assert_eq!(address.places, [tcp("host", 1)]);
        }
    }

    #[test]
    fn sentinels_are_a_list_with_the_name_of_the_primary_and_a_database() {
        let url = "redis+sentinel://u:p%2Cw@a,b:5,[::1]/orders/2";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.places, [tcp("a", 26_379), tcp("b", 5), tcp("::1", 26_379)]);
        assert_eq!(address.route, Route::Sentinel("orders".to_owned()));
        assert_eq!(address.sign_in.password.as_deref(), Some("p,w"));
        assert_eq!(address.sign_in.database, 2);
        assert_eq!(address.to_string(), "a:26379,b:5,::1:26379/orders/2");
    }

    #[test]
    fn nodes_of_a_cluster_are_a_list() {
        let address = Address::parse("redis+cluster://:p@a:1,b").unwrap();
        assert_eq!(address.places, [tcp("a", 1), tcp("b", 6379)]);
        assert_eq!(address.route, Route::Cluster);
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_its_password() {
        for url in [
            "http://:secret@host",
            "redis://:secret@",
            "redis://:secret@host/zero",
            "redis+sentinel://:secret@host",
            "redis+cluster://:secret@a,",
            "secret",
        ] {
            let Err(error) = Address::parse(url) else { panic!("{url} was accepted") };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
