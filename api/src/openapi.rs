//! The OpenAPI document, generated from the handlers, and its reference page that needs no network.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::{DOCTYPE, html};
use utoipa::openapi::{InfoBuilder, OpenApi, Tag};

use crate::identity::Visitor;
use crate::reply;
use crate::routes;
use crate::settings::Api;

/// Returns the document of both listeners.
#[must_use]
pub fn document() -> OpenApi {
    let (_, mut document) = routes::public_routes().split_for_parts();
    let (_, operators) = routes::admin_routes().split_for_parts();
    document.merge(operators);
    document.info = InfoBuilder::new()
        .title("Oxherd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Turns study materials into learning plans. Success is `{data}`, lists are \
             `{data, meta}`, every error is `{error: {code, message, details?, validation?, \
             requestId}}`. Long work is answered with 202 and a job to follow.",
        ))
        .build();
    let tag = |name: &str, text: &str| {
        let mut tag = Tag::new(name);
        tag.description = Some(text.to_owned());
        tag
    };
    document.tags = Some(vec![
        tag("Materials", "Documents, from upload to knowledge"),
        tag("Search", "Passages of the caller's own materials"),
        tag("Plans", "Learning plans made from materials"),
        tag("Jobs", "What runs in the background"),
        tag("Operators", "Queues and jobs, on the admin listener only"),
    ]);
    document
}

/// The document and its page.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/openapi.json", get(show_document)).route("/docs", get(show_page))
}

async fn show_document(State(_): State<Api>, _: Visitor) -> Response {
    reply::json(StatusCode::OK, &document())
}

async fn show_page(_: Visitor) -> Response {
    let document = serde_json::to_value(document()).unwrap_or_default();
    let empty = serde_json::Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Oxherd API" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/tokens.css";
                link rel="stylesheet" href="/assets/docs.css";
            }
            body {
                main {
                    h1 { "Oxherd API" }
                    p { (document["info"]["description"].as_str().unwrap_or_default()) }
                    p { a href="/openapi.json" { "OpenAPI 3.1 document" } " · " a href="/" { "Study page" } }
                    @for (path, methods) in paths {
                        @for (method, operation) in methods.as_object().unwrap_or(&empty) {
                            (operation_section(path, method, operation))
                        }
                    }
                }
            }
        }
    }
    .into_response()
}

fn operation_section(path: &str, method: &str, operation: &serde_json::Value) -> maud::Markup {
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    let replies = operation["responses"].as_object();
    let example = operation["requestBody"]["content"]["application/json"].get("example");
    html! {
        section {
            h2 { span class="method" { (method.to_uppercase()) } " " code { (path) } }
            p { (operation["summary"].as_str().unwrap_or_default()) }
            @if !parameters.is_empty() {
                ul {
                    @for parameter in parameters {
                        li { code { (parameter["name"].as_str().unwrap_or_default()) }
                            " (" (parameter["in"].as_str().unwrap_or_default()) ")" }
                    }
                }
            }
            @if let Some(example) = example {
                pre { (serde_json::to_string_pretty(example).unwrap_or_default()) }
            }
            @if let Some(replies) = replies {
                dl {
                    @for (status, reply) in replies {
                        dt { (status) }
                        dd { (reply["description"].as_str().unwrap_or_default()) }
                    }
                }
            }
        }
    }
}
