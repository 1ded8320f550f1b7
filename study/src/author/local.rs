//! The local author: extractive, deterministic, needs no key.
