//! The table "Bad input, everywhere" of the contract, and requests that come from elsewhere.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Options, Service};

/// A request that is refused: what is sent, and the answer.
struct Refused {
    method: Method,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Option<String>,
    status: u16,
    code: &'static str,
}

fn refused(method: Method, path: &'static str, status: u16, code: &'static str) -> Refused {
    Refused { method, path, headers: &[], body: None, status, code }
}

fn json_body(path: &'static str, body: &str, status: u16, code: &'static str) -> Refused {
    Refused {
        headers: &[("content-type", "application/json")],
        body: Some(body.to_owned()),
        ..refused(Method::POST, path, status, code)
    }
}

async fn ask(client: &Client, request: &Refused) -> (reqwest::header::HeaderMap, u16, Value) {
    let mut builder = client.request(request.method.clone(), request.path);
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    let response = builder.send().await.unwrap();
    let (headers, status) = (response.headers().clone(), response.status().as_u16());
    let body = response.bytes().await.unwrap();
    (headers, status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn table() -> Vec<Refused> {
    let mut table = bad_routes();
    table.extend(bad_bodies());
    table
}

fn bad_routes() -> Vec<Refused> {
    vec![
        refused(Method::GET, "/nothing", 404, "NOT_FOUND"),
        refused(Method::GET, "/api/nothing", 404, "NOT_FOUND"),
        refused(Method::DELETE, "/api/plans", 405, "METHOD_NOT_ALLOWED"),
        refused(Method::PUT, "/api/materials", 405, "METHOD_NOT_ALLOWED"),
        refused(Method::GET, "/api/materials?limit=0", 422, "VALIDATION_ERROR"),
        refused(Method::GET, "/api/materials?limit=x", 422, "VALIDATION_ERROR"),
        refused(Method::GET, "/api/materials?status=DONE", 422, "VALIDATION_ERROR"),
        refused(Method::GET, "/api/materials?cursor=nonsense", 400, "INVALID_CURSOR"),
        refused(Method::GET, "/api/search", 422, "VALIDATION_ERROR"),
        refused(Method::GET, "/api/materials/mat_1", 404, "MATERIAL_NOT_FOUND"),
        refused(Method::GET, "/api/plans/pln_1", 404, "PLAN_NOT_FOUND"),
        refused(Method::GET, "/api/jobs/mat_1", 404, "JOB_NOT_FOUND"),
        refused(Method::POST, "/api/jobs/mat_1/cancel", 404, "JOB_NOT_FOUND"),
        refused(Method::PUT, "/api/uploads/upl_1?token=x", 403, "UPLOAD_URL_INVALID"),
        refused(Method::GET, "/api/jobs/mat_1/events?token=x", 401, "UNAUTHORIZED"),
    ]
}

fn bad_bodies() -> Vec<Refused> {
    let multipart = &[("content-type", "multipart/form-data")];
    let missing = "mat_0123456789012345678901234567890123456789";
    assert_eq!(missing.len(), 44);
    vec![
        refused(Method::POST, "/api/plans", 415, "UNSUPPORTED_MEDIA_TYPE"),
        json_body("/api/plans", "{", 400, "INVALID_JSON"),
        json_body("/api/plans", "", 400, "INVALID_JSON"),
        json_body("/api/plans", "[]", 422, "VALIDATION_ERROR"),
        json_body("/api/plans", "{}", 422, "VALIDATION_ERROR"),
        json_body("/api/plans", r#"{"goal":"x","materialIds":[]}"#, 400, "PLAN_MATERIAL_LIMIT"),
        json_body(
            "/api/plans",
            r#"{"goal":"x","materialIds":["a","b","c","d","e","f"]}"#,
            400,
            "PLAN_MATERIAL_LIMIT",
        ),
        json_body(
            "/api/plans",
            r#"{"goal":"x","materialIds":["mat_x"]}"#,
            404,
            "MATERIAL_NOT_FOUND",
        ),
        json_body(
            "/api/plans",
            &format!(r#"{{"goal":"x","materialIds":["{missing}"]}}"#),
            404,
            "MATERIAL_NOT_FOUND",
        ),
        json_body(
            "/api/plans",
            &format!("\"{}\"", "x".repeat(300 * 1024)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        json_body(
            "/api/materials/init-upload",
            r#"{"filename":"a.exe","mimeType":"application/x-msdownload","sizeBytes":5}"#,
            415,
            "MATERIAL_UNSUPPORTED_TYPE",
        ),
        json_body(
            "/api/materials/init-upload",
            r#"{"filename":"a.pdf","mimeType":"application/pdf","sizeBytes":99999999}"#,
            413,
            "MATERIAL_FILE_TOO_LARGE",
        ),
        json_body(
            "/api/materials/complete-upload",
            r#"{"uploadId":"upl_1"}"#,
            404,
            "UPLOAD_NOT_FOUND",
        ),
        Refused {
            headers: multipart,
            body: Some("x".into()),
            ..refused(Method::POST, "/api/materials", 400, "INVALID_MULTIPART")
        },
        refused(Method::POST, "/api/materials", 415, "UNSUPPORTED_MEDIA_TYPE"),
        Refused {
            headers: &[("idempotency-key", ""), ("content-type", "application/json")],
            body: Some("{}".into()),
            ..refused(Method::POST, "/api/plans", 400, "INVALID_IDEMPOTENCY_KEY")
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_in_the_contracts_words() {
    let service = Service::start(&Options::default()).await;
    let client = service.client();

    for request in table() {
        let (headers, status, body) = ask(&client, &request).await;

        let asked = format!("{} {} {:?}", request.method, request.path, request.body);
        assert_eq!(status, request.status, "{asked}: {body}");
        assert_eq!(body["error"]["code"], request.code, "{asked}: {body}");
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{asked}");
        assert_eq!(body["error"]["requestId"], headers["x-request-id"].to_str().unwrap());
        if status == 405 {
            let allow = headers["allow"].to_str().unwrap();
            assert!(allow.contains("GET") || allow.contains("POST"), "{asked}: {allow}");
        }
    }
    let (_, materials) = client.get("/api/materials").await;
    assert_eq!(materials["data"], json!([]), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named() {
    let service = Service::start(&Options::default()).await;
    let body = json!({
        "goal": "", "materialIds": ["mat_a", "mat_a", 7], "targetDueDate": "yesterday",
        "sessionsPerWeek": 40, "timezone": "Mars/Olympus",
    });

    let (status, answer) = service.client().post("/api/plans", &body).await;

    assert_eq!(status, 422);
    let named: Vec<_> = answer["error"]["validation"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        [
            "goal",
            "materialIds[1]",
            "materialIds[2]",
            "timezone",
            "targetDueDate",
            "sessionsPerWeek",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_from_other_sites_are_refused_on_both_listeners() {
    let service = Service::start(&Options::default()).await;
    let vectors: [&[(&str, &str)]; 10] = [
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example")],
        &[("host", "localhost@evil.example")],
        &[("host", "0.0.0.0")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://localhost")],
        &[("origin", "http://localhost.evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")],
    ];
    for (client, path) in [
        (service.client(), "/api/plans"),
        (service.operator(), "/api/queues/plan-generation/pause"),
    ] {
        for vector in vectors {
            let mut request = client.request(Method::POST, path);
            for (name, value) in vector {
                request = request.header(*name, *value);
            }
            let response =
                request.header("content-type", "text/plain").body("x").send().await.unwrap();

            assert_eq!(response.status(), 403, "{path} {vector:?}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["code"], "ORIGIN_NOT_ALLOWED", "{vector:?}");
        }
    }
    let (_, queue) = service.operator().get("/api/queues/plan-generation").await;
    assert_eq!(queue["data"]["paused"], false);
}
