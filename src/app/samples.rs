//! The sample documents that come with the program, to try it without one of your own.

/// File names and bytes.
pub(crate) const ALL: [(&str, &[u8]); 2] = [
    ("job-queues.md", include_bytes!("../../samples/job-queues.md")),
    ("spaced-study.ko.md", include_bytes!("../../samples/spaced-study.ko.md")),
];
