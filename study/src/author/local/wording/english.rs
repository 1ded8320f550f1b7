//! English sentences.

use super::{Size, Subject};

/// Joins a list: `a and b`, `a, b and c`.
pub(super) fn and(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Writes what the learner can do after a session.
pub(super) fn objective(subject: &Subject) -> String {
    let mut sentence = ability(subject);
    if let Some(terms) = super::key_terms(subject, &sentence) {
        sentence.push_str(&format!(" Key terms: {}.", terms.join(", ")));
    }
    sentence
}

/// Writes the summary of a plan.
pub(super) fn summary(materials: &[String], size: &Size, stressed: &[String]) -> String {
    let count = |number: u32, one: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    };
    let modules = u32::try_from(size.modules).unwrap_or(u32::MAX);
    let sessions = count(size.sessions, "session");
    let mut text = format!("{sessions} in {} from {}.", count(modules, "module"), and(materials));
    if !stressed.is_empty() {
        text.push_str(&format!(" For the goal it stays longest with {}.", and(stressed)));
    }
    match size.optional {
        0 => {}
        1 => text.push_str(" One module is optional."),
        more => text.push_str(&format!(" {more} modules are optional.")),
    }
    text
}

fn ability(subject: &Subject) -> String {
    let topics = &subject.topics[..subject.topics.len().min(3)];
    let more = if subject.topics.len() > topics.len() { ", among others" } else { "" };
    let commands = match subject.commands.as_slice() {
        [] => String::new(),
        [only] => format!(", and use the command {only}"),
        commands => format!(", and use the commands {}", and(&commands[..commands.len().min(3)])),
    };
    if let [topic] = topics {
        if topic.ends_with('?') {
            return format!("Answer the question “{topic}”{commands}.");
        }
        if let Some(action) = action(topic) {
            return format!("{action}{commands}.");
        }
        let lower = topic.to_lowercase();
        let compares = [" vs ", " vs. ", " versus ", "comparison", "difference", "compared"];
        if compares.iter().any(|word| lower.contains(word)) {
            return format!("Compare and choose: {topic}{commands}.");
        }
    }
    format!("Explain {}{more}{commands}.", and(topics))
}

/// Turns a heading that names an action into the action: `Installing Debian` and `How to install
/// Debian` → `Install Debian`.
fn action(topic: &str) -> Option<String> {
    let lower = topic.to_lowercase();
    if lower.starts_with("how to ") {
        return Some(capitalised(&topic["how to ".len()..]));
    }
    let (first, rest) = topic.split_once(' ')?;
    let base = base_of(&first.to_lowercase())?;
    Some(format!("{} {rest}", capitalised(&base)))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

/// Returns the base of the `-ing` form of a verb that manuals' headings begin with.
fn base_of(word: &str) -> Option<String> {
    VERBS.iter().find(|verb| ing(verb) == word).map(|verb| (*verb).to_owned())
}

fn ing(verb: &str) -> String {
    let doubled = [
        "set", "get", "run", "begin", "stop", "plan", "plug", "cut", "put", "log", "map", "debug",
        "wrap", "swap", "split", "ship", "shut",
    ];
    match verb.strip_suffix('e').filter(|stem| !stem.ends_with('e')) {
        Some(stem) => format!("{stem}ing"),
        None if doubled.contains(&verb) => format!("{verb}{}ing", &verb[verb.len() - 1..]),
        None => format!("{verb}ing"),
    }
}

const VERBS: &[&str] = &[
    "access",
    "activate",
    "add",
    "adjust",
    "administer",
    "analyse",
    "analyze",
    "apply",
    "archive",
    "assign",
    "attach",
    "authenticate",
    "automate",
    "back",
    "boot",
    "browse",
    "build",
    "burn",
    "calculate",
    "call",
    "change",
    "check",
    "choose",
    "clean",
    "clone",
    "combine",
    "compile",
    "compare",
    "configure",
    "connect",
    "control",
    "convert",
    "copy",
    "create",
    "customise",
    "customize",
    "cut",
    "debug",
    "declare",
    "define",
    "delete",
    "deploy",
    "describe",
    "design",
    "detect",
    "determine",
    "develop",
    "diagnose",
    "disable",
    "display",
    "download",
    "draw",
    "edit",
    "enable",
    "encrypt",
    "enter",
    "execute",
    "export",
    "extend",
    "extract",
    "filter",
    "find",
    "fix",
    "format",
    "generate",
    "get",
    "give",
    "handle",
    "identify",
    "implement",
    "import",
    "improve",
    "insert",
    "inspect",
    "install",
    "integrate",
    "invoke",
    "join",
    "keep",
    "learn",
    "limit",
    "link",
    "list",
    "load",
    "locate",
    "log",
    "maintain",
    "make",
    "manage",
    "manipulate",
    "map",
    "measure",
    "merge",
    "migrate",
    "modify",
    "monitor",
    "mount",
    "move",
    "navigate",
    "obtain",
    "open",
    "organise",
    "organize",
    "package",
    "partition",
    "perform",
    "plan",
    "plot",
    "prepare",
    "prevent",
    "print",
    "process",
    "protect",
    "provide",
    "publish",
    "query",
    "read",
    "rebuild",
    "record",
    "recover",
    "reduce",
    "remove",
    "rename",
    "repair",
    "replace",
    "report",
    "resize",
    "resolve",
    "restore",
    "retrieve",
    "run",
    "save",
    "search",
    "secure",
    "select",
    "send",
    "serve",
    "set",
    "share",
    "shut",
    "sign",
    "simplify",
    "solve",
    "sort",
    "specify",
    "split",
    "start",
    "stop",
    "store",
    "submit",
    "swap",
    "switch",
    "synchronise",
    "synchronize",
    "test",
    "track",
    "transfer",
    "troubleshoot",
    "tune",
    "uninstall",
    "update",
    "upgrade",
    "upload",
    "use",
    "validate",
    "verify",
    "view",
    "work",
    "wrap",
    "write",
];

#[cfg(test)]
mod tests {
    use super::{Subject, objective};

    #[test]
    fn objectives_are_english_sentences() {
        let check = |topics: &[&str], commands: &[&str], expected: &str| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let subject =
                Subject { topics: own(topics), terms: Vec::new(), commands: own(commands) };
            assert_eq!(objective(&subject), expected);
        };
        check(&["disk partitions"], &[], "Explain disk partitions.");
        check(
            &["disks", "files"],
            &["fdisk"],
            "Explain disks and files, and use the command fdisk.",
        );
        check(&["Installing Debian"], &[], "Install Debian.");
        check(&["How to set up a mirror"], &[], "Set up a mirror.");
        check(
            &["Setting up users"],
            &["adduser", "id"],
            "Set up users, and use the commands adduser and id.",
        );
        check(&["What is Debian?"], &[], "Answer the question “What is Debian?”.");
        check(&["a", "b", "c", "d"], &[], "Explain a, b and c, among others.");
    }
}
