//! Clients that are large, slow, silent or elsewhere.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Options, Service};

const MIB: usize = 1024 * 1024;
/// How long a client may be silent before it is sent away, and some patience.
const SENT_AWAY: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_form_takes_files_up_to_the_limit_and_no_larger_ones() {
    let service = Service::start(&Options::default()).await;
    let client = service.client();

    let (status, body) = client.try_upload("large.txt", b"words ".repeat(MIB)).await;
    assert_eq!(status, 202, "6 MiB: {body}");
    let (status, body) = client.try_upload("too-large.txt", vec![b'x'; 51 * MIB]).await;
    assert_eq!((status, &body["error"]["code"]), (413, &json!("MATERIAL_FILE_TOO_LARGE")));
    let form =
        reqwest::multipart::Form::new().part("file", part("one.md")).part("file", part("two.md"));
    let sent = client.request(Method::POST, "/api/materials").multipart(form).send().await;
    assert_eq!(sent.unwrap().status(), 422, "two files in one form");

    let (_, materials) = client.get("/api/materials").await;
    assert_eq!(materials["data"].as_array().unwrap().len(), 1);
}

fn part(name: &'static str) -> reqwest::multipart::Part {
    reqwest::multipart::Part::bytes(format!("# {name}").into_bytes()).file_name(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_slow_clients_are_sent_away() {
    let service = Service::start(&Options::default()).await;
    let address = service.public.strip_prefix("http://").unwrap().to_owned();
    let head = format!(
        "POST /api/materials HTTP/1.1\r\nhost: {address}\r\ncontent-length: 5000\r\n\
         content-type: multipart/form-data; boundary=b\r\n\r\n"
    );
    let title = "--b\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\n";
    let other = "--b\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\n";
    let cases = [
        (String::new(), None),
        ("P".to_owned(), None),
        ("GET / HTTP/1.1\r\nhost: ".to_owned(), None),
        (head.clone(), Some("408")),
        (format!("{head}{title}"), Some("408")),
        (format!("{head}{other}"), Some("408")),
    ];

    let ends = cases.map(|(sent, status)| {
        let address = address.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let mut connection = TcpStream::connect(&address).await.unwrap();
            connection.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let read = tokio::time::timeout(SENT_AWAY, connection.read_to_end(&mut answer)).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(read.is_ok(), "{sent:?} still holds its connection: {answer}");
            assert!(began.elapsed() > Duration::from_secs(5), "{sent:?}: {answer}");
            if let Some(status) = status {
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{sent:?}: {answer}");
            }
        })
    });

    for end in ends {
        end.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_allowed_origins_may_use_every_method_of_a_route() {
    let service = Service::start(&Options::default()).await;
    let client = service.client();
    for (path, methods) in [
        ("/api/materials/mat_x", ["GET", "PATCH", "DELETE"].as_slice()),
        ("/api/plans/pln_x", &["GET", "PATCH", "DELETE"]),
        ("/api/materials", &["GET", "HEAD", "POST"]),
    ] {
        let preflight = client
            .request(Method::OPTIONS, path)
            .header("origin", "http://localhost:5173")
            .header("access-control-request-method", "PATCH")
            .send()
            .await
            .unwrap();

        assert_eq!(preflight.status(), 204, "{path}");
        for name in ["allow", "access-control-allow-methods"] {
            let allowed = preflight.headers()[name].to_str().unwrap();
            for method in methods {
                assert!(allowed.contains(method), "{path}: {method} is not in {name}: {allowed}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_absolute_form_is_judged_by_its_address() {
    let service = Service::start(&Options::default()).await;
    let address = service.public.strip_prefix("http://").unwrap();
    for (target, status) in [("http://evil.example", "403"), (service.public.as_str(), "200")] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {target}/api/plans HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();

        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_cleans_only_what_was_named() {
    let service = Service::start(&Options::default()).await;
    let (client, operator) = (service.client(), service.operator());
    let material = client.upload("one.md", b"# One\n\nText.".to_vec()).await;
    client.ended(&material, Duration::from_secs(30)).await;
    let clean = "/api/queues/material-processing/clean";

    for body in
        [json!({}), json!({ "state": "active" }), json!({ "state": "completed", "graceMs": -5 })]
    {
        assert_eq!(operator.post(clean, &body).await.0, 422, "{body}");
    }
    let young = json!({ "state": "completed", "graceMs": 3_600_000 });
    assert_eq!(operator.post(clean, &young).await.1["data"]["affected"], 0);
    let (_, jobs) = operator.get("/api/queues/material-processing/jobs").await;
    assert_eq!(jobs["data"].as_array().unwrap().len(), 1, "all states are listed");
    let all = json!({ "state": "completed" });
    assert_eq!(operator.post(clean, &all).await.1["data"]["affected"], 1);
}
