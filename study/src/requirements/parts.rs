//! Reads which parts of the materials a sentence asks to leave out or to stress.
//!
//! It only cuts out the words that name the part; whether a material has such a part is decided
//! by whoever knows the outlines.

use super::days::names_days;

/// What a mark asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Omit,
    Stress,
}

/// English words that stand before the part.
const BEFORE: &[(&str, Wish)] = &[
    ("leave out", Wish::Omit),
    ("leaving out", Wish::Omit),
    ("skip", Wish::Omit),
    ("skipping", Wish::Omit),
    ("omit", Wish::Omit),
    ("exclude", Wish::Omit),
    ("excluding", Wish::Omit),
    ("without", Wish::Omit),
    ("drop", Wish::Omit),
    ("ignore", Wish::Omit),
    ("except for", Wish::Omit),
    ("except", Wish::Omit),
    ("do not include", Wish::Omit),
    ("don't include", Wish::Omit),
    ("do not cover", Wish::Omit),
    ("don't cover", Wish::Omit),
    ("don't need", Wish::Omit),
    ("do not need", Wish::Omit),
    ("no need for", Wish::Omit),
    ("focus on", Wish::Stress),
    ("focusing on", Wish::Stress),
    ("focus mainly on", Wish::Stress),
    ("concentrate on", Wish::Stress),
    ("emphasize", Wish::Stress),
    ("emphasise", Wish::Stress),
    ("emphasis on", Wish::Stress),
    ("stress", Wish::Stress),
    ("prioritize", Wish::Stress),
    ("prioritise", Wish::Stress),
    ("especially", Wish::Stress),
    ("in particular", Wish::Stress),
    ("more time on", Wish::Stress),
    ("more time for", Wish::Stress),
];

/// Korean words that stand after the part.
const AFTER: &[(&str, Wish)] = &[
    ("제외", Wish::Omit),
    ("빼", Wish::Omit),
    ("뺀", Wish::Omit),
    ("뺄", Wish::Omit),
    ("건너뛰", Wish::Omit),
    ("건너 뛰", Wish::Omit),
    ("생략", Wish::Omit),
    ("필요 없", Wish::Omit),
    ("필요없", Wish::Omit),
    ("안 봐도", Wish::Omit),
    ("위주", Wish::Stress),
    ("중심", Wish::Stress),
    ("집중", Wish::Stress),
    ("강조", Wish::Stress),
    ("자세히", Wish::Stress),
    ("비중", Wish::Stress),
    ("중점", Wish::Stress),
];

/// Adds the parts that a sentence names.
pub(super) fn read(clause: &str, omit: &mut Vec<String>, stress: &mut Vec<String>) {
    let mut add = |wish, object: &str| {
        let object = clean(object);
        if object.is_empty() {
            return;
        }
        match wish {
            Wish::Omit => omit.push(object),
            Wish::Stress => stress.push(object),
        }
    };
    for (wish, object) in english(clause) {
        let parts = object.split(',').take_while(|part| !names_days(part));
        let parts: Vec<&str> = parts.collect();
        add(wish, &parts.join(","));
        // "skip the index and no weekends": the days are read elsewhere.
        if let [part, ..] = object.split(',').collect::<Vec<_>>().as_slice()
            && parts.is_empty()
            && let Some((before, _)) =
                part.rsplit_once(" and ").filter(|(head, _)| !names_days(head))
        {
            add(wish, before);
        }
    }
    for (wish, object) in korean(clause) {
        let mut parts: Vec<&str> = object
            .rsplit(',')
            .enumerate()
            .take_while(|(place, part)| is_name(*place, part) && !is_in_days(object, part))
            .map(|(_, part)| part)
            .collect();
        parts.reverse();
        add(wish, &parts.join(","));
    }
}

/// Returns what stands between each English mark and the next one or the end.
fn english(clause: &str) -> Vec<(Wish, &str)> {
    // The same length as the clause, so that places in one are places in the other.
    let lower = clause.to_ascii_lowercase();
    let mut marks: Vec<(usize, usize, Wish)> = Vec::new();
    for (mark, wish) in BEFORE {
        for (at, _) in lower.match_indices(mark) {
            let end = at + mark.len();
            let whole = !lower[..at].ends_with(|c: char| c.is_alphanumeric())
                && lower[end..].starts_with(|c: char| c.is_whitespace() || c == ':');
            if whole && !marks.iter().any(|&(from, to, _)| at < to && from < end) {
                marks.push((at, end, *wish));
            }
        }
    }
    marks.sort_unstable_by_key(|mark| mark.0);
    let mut found = Vec::new();
    for (index, &(_, end, wish)) in marks.iter().enumerate() {
        let until = marks.get(index + 1).map_or(clause.len(), |next| next.0);
        let object = &clause[end..until];
        let stop = ["because", "since", "please", " but ", " so that", " as i ", " if ", " - "]
            .iter()
            .filter_map(|word| lower[end..until].find(word))
            .min();
        found.push((wish, &object[..stop.unwrap_or(object.len())]));
    }
    found
}

/// Returns what stands between the mark or comma before and each Korean mark.
fn korean(clause: &str) -> Vec<(Wish, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some((at, end, wish)) = AFTER
        .iter()
        .filter_map(|(mark, wish)| {
            clause[from..].find(mark).map(|at| (from + at, from + at + mark.len(), *wish))
        })
        .min_by_key(|mark| mark.0)
    {
        found.push((wish, after_verb(&clause[from..at])));
        // The rest of the verb ("빼 주시고") is no name of a part.
        let ending = clause[end..]
            .find(['고', ',', '며'])
            .map(|at| end + at + clause[end + at..].chars().next().map_or(1, char::len_utf8));
        from = ending.unwrap_or(clause.len());
    }
    found
}

/// Returns what stands after the last verb that is joined to the next one (`…하고 부록은`).
fn after_verb(object: &str) -> &str {
    let verbs = ["하고 ", "되고 ", "있고 ", "없고 ", "쉬고 ", "빼고 ", "하며 ", "지만 "];
    let end = verbs.iter().filter_map(|verb| object.rfind(verb).map(|at| at + verb.len())).max();
    &object[end.unwrap_or(0)..]
}

/// Takes off what is around the name of a part.
fn clean(object: &str) -> String {
    let edge = |c: char| c.is_whitespace() || ",.:;-–—\"“”'‘’()".contains(c);
    let mut object = object.trim_matches(edge);
    for word in [
        "the part about",
        "the part on",
        "the parts about",
        "the chapter on",
        "the chapters on",
        "the chapter about",
        "the section on",
        "the section about",
        "the sections on",
        "parts about",
        "anything about",
        "everything about",
        "all the",
        "the",
        "all",
        "any",
        "on",
        "특히",
        "그리고",
        "저는",
    ] {
        let head = object.get(..word.len());
        if head.is_some_and(|head| head.eq_ignore_ascii_case(word)) {
            let rest = &object[word.len()..];
            if rest.starts_with(char::is_whitespace) {
                object = rest.trim_matches(edge);
            }
        }
    }
    for word in [" and", " then", " or", " please", " too", " also"] {
        let tail = object.len().checked_sub(word.len()).and_then(|at| object.get(at..));
        if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word)) {
            object = object[..object.len() - word.len()].trim_matches(edge);
        }
    }
    without_particles(object).trim_matches(edge).to_owned()
}

/// Takes Korean particles and words like "part" off the end.
fn without_particles(object: &str) -> &str {
    let mut object = object.trim();
    for ending in [
        "에 대해서는",
        "에 대해",
        "에 더",
        "을",
        "를",
        "은",
        "는",
        "에",
        "의",
        "도",
        "만",
        "이",
        "가",
    ] {
        let korean = object.chars().next_back().is_some_and(crate::language::is_hangul);
        if let Some(stem) = object.strip_suffix(ending).filter(|stem| korean && !stem.is_empty()) {
            object = stem.trim_end();
            break;
        }
    }
    for ending in [" 부분", " 파트", " 관련", " 내용", " 쪽"] {
        object = object.strip_suffix(ending).unwrap_or(object);
    }
    object
}

/// Tells whether a piece of a Korean list is one of the days that the list names: `일` in "토, 일",
/// or `화목`, which alone are other words.
fn is_in_days(object: &str, piece: &str) -> bool {
    let piece = piece.trim();
    let is_word = !piece.contains(char::is_whitespace);
    names_days(object) && names_days(&format!("{piece}, 월"))
        || is_word && names_days(&format!("{piece} 제외"))
}

/// Tells whether a piece of a Korean list, counted from its end, still names a part: not days, not
/// another wish with a verb or a number of its own.
fn is_name(place: usize, piece: &str) -> bool {
    let piece = piece.trim();
    let other = ["고", "요", "다", "며", "만", "회", "번", "분", "시간", "개"];
    !names_days(piece) && (place == 0 || !other.iter().any(|ending| piece.ends_with(ending)))
}
