//! Documents through a real child process: what comes back, and what becomes of the child.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use oxherd_adapters::parser::{ChildParser, ParserOptions};
use oxherd_study::document::{BlockKind, DocumentKind, ParsedDocument};
use oxherd_study::error::{ErrorClass, ErrorCode, StudyError};
use oxherd_study::ports::{ByteStream, Parser};

fn options() -> ParserOptions {
    ParserOptions::with_command(vec![env!("CARGO_BIN_EXE_parse-child").into()])
}

fn shell(script: &str) -> ParserOptions {
    ParserOptions::with_command(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

fn source(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<_> =
        bytes.chunks(64 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::stream::iter(pieces).boxed()
}

async fn parse(
    options: ParserOptions,
    kind: DocumentKind,
    bytes: &[u8],
) -> Result<ParsedDocument, StudyError> {
    ChildParser::new(options).parse(kind, source(bytes), &|_, _| {}).await
}

#[tokio::test]
async fn a_text_comes_back_as_blocks() {
    let text = "# 운영체제\n\n본문입니다.\n";

    let document = parse(options(), DocumentKind::Markdown, text.as_bytes()).await.unwrap();

    let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Heading { level: 1 }, BlockKind::Paragraph]);
}

#[tokio::test]
async fn a_large_document_comes_back_whole_with_progress() {
    let page: String = (0..60_000).map(|n| format!("<p>paragraph number {n}</p>\n")).collect();
    let heard = Mutex::new(Vec::new());
    let parser = ChildParser::new(options());

    let document = parser
        .parse(DocumentKind::Html, source(page.as_bytes()), &|done, of| {
            heard.lock().unwrap().push((done, of));
        })
        .await
        .unwrap();

    assert_eq!(document.blocks.len(), 60_000);
    assert_eq!(document.blocks[59_999].text, "paragraph number 59999");
    let heard = heard.into_inner().unwrap();
    assert!(heard.len() > 2 && heard.is_sorted_by_key(|&(done, _)| done == 1 && heard.len() == 1));
}

#[tokio::test]
async fn a_document_without_words_has_no_text() {
    let error = parse(options(), DocumentKind::Text, b" \n \n").await.unwrap_err();

    assert_eq!((error.code, error.class), (ErrorCode::MaterialNoText, ErrorClass::Permanent));
}

#[tokio::test]
async fn a_source_that_breaks_ends_the_run_with_its_error() {
    let broken = futures::stream::iter([
        Ok(Bytes::from_static(b"text")),
        Err(StudyError::storage("the object store does not answer")),
    ]);

    let error = ChildParser::new(options())
        .parse(DocumentKind::Text, broken.boxed(), &|_, _| {})
        .await
        .unwrap_err();

    assert_eq!(error.code, ErrorCode::StorageUnavailable);
}

#[tokio::test]
async fn a_silent_child_is_killed_and_the_second_time_it_is_for_good() {
    let options = ParserOptions { silence_max: Duration::from_millis(300), ..shell("sleep 60") };
    let parser = ChildParser::new(options);
    let begun = Instant::now();

    let mut classes = Vec::new();
    for _ in 0..2 {
        let parsed = parser.parse(DocumentKind::Text, source(b"text"), &|_, _| {}).await;
        classes.push(parsed.unwrap_err().class);
    }

    assert_eq!(classes, [ErrorClass::Transient, ErrorClass::Permanent]);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_child_that_talks_nonsense_or_dies_is_a_typed_error() {
    for script in ["exit 3", "echo hello to you all; cat >/dev/null", "kill -SEGV $$", "yes"] {
        let error = parse(shell(script), DocumentKind::Text, b"text").await.unwrap_err();

        let expect = (ErrorCode::MaterialParseFailed, ErrorClass::Permanent);
        assert_eq!((error.code, error.class), expect, "{script}");
    }
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_worth_another_attempt() {
    let options = ParserOptions::with_command(vec!["/nonexistent/program".into()]);

    let error = parse(options, DocumentKind::Text, b"text").await.unwrap_err();

    assert_eq!(error.class, ErrorClass::Transient);
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_process() {
    let parser = ChildParser::new(shell("exec sleep 3033"));
    let run = parser.parse(DocumentKind::Text, source(b"text"), &|_, _| {});

    let given_up = tokio::time::timeout(Duration::from_millis(300), run).await;

    assert!(given_up.is_err());
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_running("3033") {
        assert!(Instant::now() < deadline, "the child lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Tells whether there is a process with this argument, where the system shows them as files.
fn is_running(argument: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    })
}

#[tokio::test]
async fn the_sandbox_says_how_it_confines() {
    let state = ChildParser::new(options()).sandbox_state().await.unwrap();

    println!("{state}");
    assert!(state.contains("confined by limits"), "{state}");
}
