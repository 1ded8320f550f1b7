//! A client that speaks the contract: uploads, plan requests, waiting, and the laws that every
//! status sequence obeys.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Talks to one listener.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(70)).build();
        Self { http: http.unwrap(), base: base.to_owned() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Reads a path; the status and the JSON body.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// Sends JSON; the status and the JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// Sends JSON with another method.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(method, path).json(body).send().await.unwrap()).await
    }

    /// Uploads a file in one step and returns the material's id.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> String {
        let (status, body) = self.try_upload(name, bytes).await;
        assert_eq!(status, 202, "{name}: {body}");
        body["data"]["materialId"].as_str().unwrap().to_owned()
    }

    /// Uploads a file in one step; the status and the JSON body.
    pub(crate) async fn try_upload(&self, name: &str, bytes: Vec<u8>) -> (u16, Value) {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let sent = self.request(Method::POST, "/api/materials").multipart(form).send().await;
        read(sent.unwrap()).await
    }

    /// Asks for a plan of these materials and returns its id.
    pub(crate) async fn plan(&self, goal: &str, materials: &[String]) -> String {
        let body = json!({ "goal": goal, "materialIds": materials, "waitForMaterials": true });
        let (status, body) = self.post("/api/plans", &body).await;
        assert_eq!(status, 202, "{body}");
        body["data"]["planId"].as_str().unwrap().to_owned()
    }

    /// Polls a job until it ends; checks that its status never goes back on the way.
    pub(crate) async fn ended(&self, job: &str, within: Duration) -> Value {
        let mut sequence = Sequence::default();
        super::eventually(within, &format!("job {job} ends"), || async {
            let (status, body) = self.get(&format!("/api/jobs/{job}")).await;
            assert_eq!(status, 200, "{body}");
            Some(body["data"].clone())
        })
        .await;
        let until = std::time::Instant::now() + within;
        loop {
            let (status, body) = self.get(&format!("/api/jobs/{job}")).await;
            assert_eq!(status, 200, "{body}");
            sequence.observe(&body["data"]);
            if is_final(&body["data"]) {
                return body["data"].clone();
            }
            assert!(std::time::Instant::now() < until, "job {job} did not end: {body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

pub(crate) fn is_final(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("completed" | "failed"))
}

/// What a poller has seen of one job, and the laws that it obeys.
#[derive(Default)]
pub(crate) struct Sequence {
    last: Option<Value>,
}

impl Sequence {
    /// Checks a job object against the one before.
    pub(crate) fn observe(&mut self, job: &Value) {
        if let Some(last) = &self.last {
            let (before, now) = (version(last), version(job));
            assert!(now >= before, "the version went back: {last} then {job}");
            let same_run = last["generation"] == job["generation"];
            if same_run {
                let progress = |job: &Value| job["progress"].as_u64().unwrap();
                assert!(progress(job) >= progress(last), "progress fell: {last} then {job}");
                let left_end = is_final(last) && last["status"] != job["status"];
                assert!(!left_end, "a final state was left: {last} then {job}");
            }
            if now == before {
                assert_eq!(last["status"], job["status"], "one version, two states");
            }
        }
        self.last = Some(job.clone());
    }
}

fn version(job: &Value) -> (u64, u64) {
    let text = job["version"].as_str().unwrap();
    let (ms, seq) = text.split_once('-').unwrap();
    (ms.parse().unwrap(), seq.parse().unwrap())
}
