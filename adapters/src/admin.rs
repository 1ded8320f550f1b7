//! A running Oxherd, as its own command line sees it: the admin listener over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to the admin listener of a running service.
pub struct AdminClient {
    client: reqwest::Client,
    base: String,
}

/// Why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody answers at the address.
    #[error("no service answers at {base} ({cause}); is `oxherd serve` running there?")]
    Unreachable {
        /// The address.
        base: String,
        /// What the network said.
        cause: String,
    },
    /// The service answered with an error.
    #[error("{code}: {message}")]
    Refused {
        /// The word that programs match on.
        code: String,
        /// One sentence.
        message: String,
    },
}

impl AdminClient {
    /// Prepares to talk to a listener.
    ///
    /// # Errors
    /// When the HTTP client cannot be made on this machine.
    pub fn new(listen: SocketAddr) -> Result<Self, AdminError> {
        let base = format!("http://{listen}");
        let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build();
        let client = client.map_err(|error| AdminError::Unreachable {
            base: base.clone(),
            cause: error.to_string(),
        })?;
        Ok(Self { client, base })
    }

    /// Reads JSON at a path.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn get(&self, path: &str) -> Result<Value, AdminError> {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    /// Sends JSON to a path and reads the answer.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, AdminError> {
        let unreachable = |error: reqwest::Error| AdminError::Unreachable {
            base: self.base.clone(),
            cause: error.without_url().to_string(),
        };
        let response = request.send().await.map_err(unreachable)?;
        let failed = !response.status().is_success();
        let body: Value = response.json().await.map_err(unreachable)?;
        match body.get("error").filter(|_| failed) {
            None => Ok(body),
            Some(error) => Err(AdminError::Refused {
                code: error["code"].as_str().unwrap_or("UNKNOWN").to_owned(),
                message: error["message"].as_str().unwrap_or("no reason given").to_owned(),
            }),
        }
    }
}
