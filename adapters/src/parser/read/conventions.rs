//! The conventions by which people mark headings when they have no other means: numbers, words,
//! capitals, lines below.

/// The longest heading, in characters.
const MAX_LENGTH: usize = 90;

/// Tells the level of a heading that its words give away: "Chapter 3", "제 2 절", "1.4 Memory".
pub(crate) fn numbered_level(line: &str) -> Option<u8> {
    let line = line.trim();
    if !is_title_like(line) {
        return None;
    }
    word_level(line)
        .or_else(|| korean_level(line))
        .or_else(|| roman_level(line))
        .or_else(|| number_level(line))
}

/// Tells a line of capitals, the headings of manual pages.
pub(crate) fn is_capitals(line: &str) -> bool {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 3
        && line.chars().count() <= 60
        && letters * 2 >= line.chars().count()
        && line.chars().all(|c| !c.is_alphabetic() || c.is_uppercase())
        && !line.contains(|c: char| c == '_' || c.is_numeric())
        && !line.starts_with(char::is_whitespace)
}

/// Tells the level that a line of one repeated sign gives to the line above it.
pub(crate) fn underline_level(underline: &str, title: &str) -> Option<u8> {
    let sign = underline.trim_end().chars().next()?;
    let level = match sign {
        '=' => 1,
        '-' => 2,
        '~' => 3,
        '^' => 4,
        _ => return None,
    };
    let length = underline.trim_end().chars().count();
    let is_line = underline.trim_end().chars().all(|c| c == sign) && length >= 3;
    let title_length = title.trim().chars().count();
    (is_line && is_title_like(title.trim()) && length * 2 >= title_length).then_some(level)
}

/// Tells an item of an enumeration, `1.` or `1)`, and its number.
pub(crate) fn item_number(line: &str) -> Option<u32> {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line[digits..].strip_prefix(['.', ')'])?;
    if digits > 3 || !rest.starts_with(' ') {
        return None;
    }
    line[..digits].parse().ok()
}

/// Tells the title of a table of contents.
pub(crate) fn is_contents(title: &str) -> bool {
    let letters: String =
        title.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let words = ["contents", "tableofcontents", "listoffigures", "listoftables", "listofexamples"];
    words.contains(&letters.as_str())
        || ["목차", "차례", "표차례", "그림차례", "표목차", "그림목차", "目次", "目录"]
            .contains(&letters.as_str())
}

fn is_title_like(line: &str) -> bool {
    let length = line.chars().count();
    // A line of a table of contents leads to its page.
    let leads_on = line.contains("....") || line.contains(". . .") || line.contains("····");
    (1..=MAX_LENGTH).contains(&length)
        && line.contains(char::is_alphabetic)
        && !leads_on
        && !line.ends_with([',', ';', ':', '。', '\\', '{'])
}

fn word_level(line: &str) -> Option<u8> {
    let (word, rest) = line.split_once(char::is_whitespace)?;
    let level = match word.to_lowercase().as_str() {
        "part" | "chapter" | "appendix" | "부록" | "unit" | "lecture" | "module" => 1,
        "section" | "lesson" => 2,
        _ => return None,
    };
    let number =
        rest.split(|c: char| c.is_whitespace() || ".:-—".contains(c)).next().unwrap_or_default();
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit())
        || number.bytes().all(|byte| b"IVXLC".contains(&byte))
        || (number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_uppercase()));
    (!number.is_empty() && is_number && !line.ends_with('.')).then_some(level)
}

/// "제 1 장 …", "제2절 …", "3장 …".
fn korean_level(line: &str) -> Option<u8> {
    let rest = line.strip_prefix('제').unwrap_or(line).trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 3 {
        return None;
    }
    let mut rest = rest[digits..].trim_start().chars();
    let level = match rest.next()? {
        '편' | '부' | '장' | '강' | '과' => 1,
        '절' => 2,
        '항' => 3,
        _ => return None,
    };
    let follows = rest.next();
    follows.is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ':' | '-')).then_some(level)
}

/// "IV. Title".
fn roman_level(line: &str) -> Option<u8> {
    let (number, title) = line.split_once(". ")?;
    let is_roman = number.len() <= 5 && number.bytes().all(|byte| b"IVX".contains(&byte));
    (is_roman && !number.is_empty() && title.starts_with(char::is_uppercase)).then_some(1)
}

/// "1. Title" is 1, "1.2 Title" is 2 and so on; the title begins like one and is no sentence.
fn number_level(line: &str) -> Option<u8> {
    let (number, title) = line.split_once(char::is_whitespace)?;
    let parts: Vec<&str> = number.strip_suffix('.').unwrap_or(number).split('.').collect();
    let is_part = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_appendix = parts[0].len() == 1 && parts[0].bytes().all(|b| b.is_ascii_uppercase());
    let is_number = parts[1..].iter().all(is_part)
        && (is_part(&parts[0]) || is_appendix && parts.len() > 1)
        && (parts.len() > 1 || number.ends_with('.'));
    let begins = title.trim().chars().next()?;
    // "1.1. something" is numbered like nothing else.
    let is_certain = parts.len() > 2 || parts.len() > 1 && number.ends_with('.');
    let is_title = (begins.is_uppercase() || is_uncased(begins) || begins == '"' || is_certain)
        && !title.ends_with('.')
        && (parts.len() > 1 || !title.ends_with(['!', '?']));
    (is_number && is_title).then(|| u8::try_from(parts.len()).unwrap_or(6).min(6))
}

fn is_uncased(c: char) -> bool {
    c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_give_levels() {
        let check = |line: &str, expect: Option<u8>| {
            assert_eq!(numbered_level(line), expect, "{line}");
        };
        check("Chapter 3. Memory", Some(1));
        check("Appendix B", Some(1));
        check("Part of the work", None);
        check("1. Introduction", Some(1));
        check("2.4.1. Booting from USB", Some(3));
        check("A.1 Options", Some(2));
        check("3.14 is a number.", None);
        check("1.1. Console basics ........ 4", None);
        check("2024 was a good year", None);
        check("제 12 장 네트워크", Some(1));
        check("3장", Some(1));
        check("Chapter\u{a0}1. Start", Some(1));
        check("1.1.12. sudo configuration", Some(3));
        check("3장의 내용", None);
        check("1.2. 설치 방법", Some(2));
    }

    #[test]
    fn underlines_belong_to_titles_of_their_length() {
        assert_eq!(underline_level("=====", "Title"), Some(1));
        assert_eq!(underline_level("---", "A title that is much longer"), None);
        assert_eq!(underline_level("-=-=-", "Title"), None);
    }
}
