//! Where sentences end, in English and Korean, without a model.

/// Cuts a text behind the ends of its sentences; nothing is lost, blanks stay at the ends.
#[must_use]
pub fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(is_end) {
        if at < start {
            continue;
        }
        if let Some(end) = end_behind(text, at)
            && !is_abbreviation(&text[start..at])
        {
            sentences.push(&text[start..end]);
            start = end;
        }
    }
    if start < text.len() {
        sentences.push(&text[start..]);
    }
    sentences
}

fn is_end(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '。' | '！' | '？')
}

/// The place behind a sentence's end: the mark, closing quotes and brackets, then blanks. `None`
/// when what follows goes on: `3.5`, `a.txt`, `e.g. this`.
fn end_behind(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let mark_length = rest.find(|c| !is_end(c)).unwrap_or(rest.len());
    let closing = |c| matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '」' | '』' | '»');
    let behind = &rest[mark_length..];
    let closed = behind.find(|c| !closing(c)).unwrap_or(behind.len());
    let next = &behind[closed..];
    let blank_length = next.find(|c: char| !c.is_whitespace()).unwrap_or(next.len());
    let is_wide = rest.starts_with(['。', '！', '？']);
    let goes_on = next[blank_length..].starts_with(char::is_lowercase) && rest.starts_with('.');
    ((blank_length > 0 || next.is_empty() || is_wide) && !goes_on)
        .then_some(at + mark_length + closed + blank_length)
}

/// Tells whether the word before a full stop is a short form or an initial.
fn is_abbreviation(before: &str) -> bool {
    const SHORT: &[&str] = &[
        "e.g", "i.e", "etc", "cf", "vs", "Dr", "Mr", "Mrs", "Ms", "Prof", "Fig", "fig", "No", "no",
        "St", "Vol", "vol", "pp", "al", "Eq", "Sec", "Ch", "approx", "Inc", "Ltd", "Co", "Jr",
    ];
    let word = before
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"'))
        .next()
        .unwrap_or_default();
    let mut letters = word.chars();
    let is_initial = matches!((letters.next(), letters.next()), (Some(one), None)
        if one.is_ascii_uppercase() || one.is_ascii_digit());
    // A line that begins with `1.` or `A.` is numbered, not ended.
    is_initial || SHORT.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(sentences(text), expected);
        assert_eq!(sentences(text).concat(), text);
    }

    #[test]
    fn english_sentences_end_at_marks_before_blanks() {
        check(
            "One ends. Two asks? \"Three!\" Four",
            &["One ends. ", "Two asks? ", "\"Three!\" ", "Four"],
        );
    }

    #[test]
    fn numbers_names_and_short_forms_do_not_end_a_sentence() {
        check(
            "See v3.5 of a.txt, e.g. this. Dr. Kim (J. Kim) wrote it.",
            &["See v3.5 of a.txt, e.g. this. ", "Dr. Kim (J. Kim) wrote it."],
        );
        check("1. Open the box. 2. Close it.", &["1. Open the box. ", "2. Close it."]);
    }

    #[test]
    fn korean_sentences_end_at_marks_before_blanks() {
        check(
            "설치합니다. 다음으로 넘어갑니다! 끝인가요? 네.",
            &["설치합니다. ", "다음으로 넘어갑니다! ", "끝인가요? ", "네."],
        );
        check("「끝。」次です。", &["「끝。」", "次です。"]);
    }

    #[test]
    fn a_text_without_ends_is_one_sentence() {
        check("no end at all", &["no end at all"]);
        check("", &[]);
    }
}
