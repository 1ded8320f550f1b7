//! The HTTP edge: routes, identity, errors, OpenAPI, streams and pages.
//!
//! # Layout, in reading order
//! * [`settings`]: what the program tells the edge.
//! * `error`, `envelope`, `extract`, `fields`, `reply`: how every request is read and answered.
//! * [`signing`], `identity`: who asks, and the signed links.
//! * `routes`: one file per resource; `stream`: server-sent events.
//! * `openapi`: the document and its reference page; [`serve`]: the accept loop.
//!
//! It decides nothing about materials, plans or jobs: it asks the study crate and the handles.

mod conditional;
mod envelope;
mod error;
mod extract;
mod fields;
mod identity;
mod openapi;
mod reply;
mod routes;
pub mod serve;
pub mod settings;
pub mod signing;
mod stream;

pub use openapi::document;
pub use routes::{admin_router, public_router};
pub use settings::{Api, ApiParts, ApiSettings};
