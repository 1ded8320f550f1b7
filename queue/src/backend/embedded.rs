//! The embedded store: a state machine in memory with SQLite as its log.
