//! Turns texts into vectors. For now there is one way, which needs neither weights nor a network.

mod hashed;

pub use hashed::HashedEmbedder;
