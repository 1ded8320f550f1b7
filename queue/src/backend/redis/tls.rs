//! Encryption, and whom to trust: the authorities of the system, or those of a file.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::line::OPERATION;
use crate::error::{QueueError, Result};

/// Encrypts connections to servers that a trusted authority vouches for.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// Trusts the authorities of a PEM file alone, or those of the system.
    ///
    /// # Errors
    /// [`QueueError::Unusable`] when there is none.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self> {
        let roots = match ca_file {
            Some(path) => from_file(path)?,
            None => from_system()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: Arc::new(config).into() })
    }

    /// Starts encryption on a connection to a host.
    pub(super) async fn encrypt(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| unusable(format!("{host:?} is not a name that a certificate can have")))?;
        self.connector.connect(name, stream).await.map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match inner {
                Some(rustls::Error::InvalidCertificate(_)) => {
                    unusable(format!("the certificate of {host} is not trusted: {error}"))
                }
                _ => QueueError::Unavailable {
                    operation: OPERATION,
                    cause: format!("no TLS with {host}: {error}"),
                },
            }
        })
    }
}

fn from_file(path: &Path) -> Result<RootCertStore> {
    let unreadable = |why: String| unusable(format!("{} {why}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    for certificate in certificates {
        let certificate = certificate
            .map_err(|error| unreadable(format!("is not a list of PEM certificates: {error}")))?;
        roots.add(certificate).map_err(|error| unreadable(format!("is not usable: {error}")))?;
    }
    if roots.is_empty() {
        return Err(unreadable("holds no PEM certificate".to_owned()));
    }
    Ok(roots)
}

fn from_system() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some that nobody can read; the others are enough.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or(String::new(), |error| format!(": {error}"));
        return Err(unusable(format!("this system trusts no certificate authority{why}")));
    }
    Ok(roots)
}

fn unusable(problem: String) -> QueueError {
    QueueError::Unusable {
        problem: format!("TLS to Redis is not possible: {problem}"),
        fix: "name the file with the certificate (PEM) of the authority that signed the server's \
              (redis.ca_file)"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing").unwrap();
        for path in [empty, folder.path().join("missing.pem")] {
            let Err(error) = Tls::new(Some(&path)) else { panic!("accepted") };
            let told = error.to_string();
            assert!(told.contains(path.to_str().unwrap()) && told.contains("PEM"), "{told}");
        }
    }
}
