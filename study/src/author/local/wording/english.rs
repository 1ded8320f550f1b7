//! English sentences.

use super::{Casing, Size, Subject};

/// Joins a list: `a and b`, `a, b and c`.
pub(super) fn and(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Writes what the learner can do after a session.
pub(super) fn objective(subject: &Subject, casing: &Casing) -> String {
    let mut sentence = ability(subject, casing);
    if let Some(terms) = super::key_terms(subject, &sentence) {
        sentence.push_str(&format!(" Key terms: {}.", terms.join(", ")));
    }
    sentence
}

/// Completes a heading that says nothing alone.
pub(super) fn placed(lower: &str, above: &str) -> Option<String> {
    Some(match lower {
        "introduction" | "intro" => format!("Introduction to {above}"),
        "overview" => format!("Overview of {above}"),
        "summary" | "conclusion" | "conclusions" => format!("Summary of {above}"),
        "example" | "examples" => format!("Examples of {above}"),
        "exercises" | "exercise" | "problems" => format!("Exercises on {above}"),
        "background" => format!("Background of {above}"),
        "basics" | "the basics" => format!("Basics of {above}"),
        "notes" | "remarks" => format!("Notes on {above}"),
        "description" | "general" | "details" | "miscellaneous" | "options" | "usage" | "other" => {
            format!("{above}: {lower}")
        }
        _ => return None,
    })
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

/// Takes "I want to" off a goal.
pub(super) fn wanted(goal: &str) -> String {
    let lower = goal.to_ascii_lowercase();
    let starts = [
        "i want to ",
        "i would like to ",
        "i'd like to ",
        "i need to ",
        "i have to ",
        "i wish to ",
        "my goal is to ",
        "we want to ",
        "to ",
    ];
    let start = starts.iter().find(|start| lower.starts_with(*start));
    start.map_or_else(|| goal.to_owned(), |start| capitalised(&goal[start.len()..]))
}

/// What a heading asks of the learner.
enum Task {
    /// To answer a question.
    Answer(String),
    /// To do something, in words without a capital: `install Debian`.
    Act(String),
    /// To tell things apart.
    Compare(String),
    /// To explain a thing.
    Explain(String),
}

fn ability(subject: &Subject, casing: &Casing) -> String {
    let (mut explained, mut questions, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for topic in &subject.topics {
        match task(topic, casing) {
            Task::Explain(topic) => explained.push(topic),
            Task::Answer(question) => questions.push(format!("“{question}”")),
            Task::Act(action) => others.push(action),
            Task::Compare(things) => others.push(format!("compare {things}")),
        }
    }
    let mut parts = Vec::new();
    match questions.as_slice() {
        [] => {}
        [only] => parts.push(format!("answer the question {only}")),
        several => parts.push(format!("answer the questions {}", and(several))),
    }
    if !explained.is_empty() {
        parts.push(format!("explain {}", and(&explained)));
    }
    parts.append(&mut others);
    match subject.commands.as_slice() {
        [] => {}
        [only] => parts.push(format!("use the command {only}")),
        commands => parts.push(format!("use the commands {}", and(commands))),
    }
    let sentence = match parts.as_slice() {
        [first @ .., last]
            if !first.is_empty() && (first.len() > 1 || first[0].contains(" and ")) =>
        {
            format!("{}, and {last}", first.join(", "))
        }
        _ => and(&parts),
    };
    format!("{}.", capitalised(&sentence))
}

fn task(topic: &str, casing: &Casing) -> Task {
    if topic.ends_with('?') {
        return Task::Answer(topic.to_owned());
    }
    if let Some(action) = action(topic, casing) {
        return Task::Act(action);
    }
    let lower = topic.to_lowercase();
    if [" vs ", " vs. ", " versus "].iter().any(|word| lower.contains(word)) {
        let things = topic.replace(" vs. ", " and ").replace(" vs ", " and ");
        return Task::Compare(casing.inside(&things.replace(" versus ", " and ")));
    }
    let first = lower.split(' ').next().unwrap_or_default();
    if ["after", "before", "beyond", "from", "further", "more", "on", "where"].contains(&first) {
        return Task::Explain(format!("“{topic}”"));
    }
    Task::Explain(casing.inside(topic))
}

/// Turns a heading that names an action into the action: `Installing Debian` and `How to install
/// Debian` → `install Debian`.
fn action(topic: &str, casing: &Casing) -> Option<String> {
    let written = casing.inside(topic);
    if let Some(action) = written.strip_prefix("how to ") {
        return Some(action.to_owned());
    }
    let (first, rest) = topic.split_once(' ')?;
    let (_, object) = written.split_once(' ')?;
    // "Partitioning and mount points" names a thing, not what is done to the mount points.
    let names_thing = ["and ", "or ", "& ", "is ", "in ", "of ", "for ", "by ", "as "]
        .iter()
        .any(|word| rest.to_lowercase().starts_with(word))
        || first.ends_with(',');
    let base = if VERBS.contains(&first.to_lowercase().as_str()) && is_imperative(rest) {
        first.to_lowercase()
    } else {
        base_of(&first.to_lowercase()).filter(|_| !names_thing)?
    };
    Some(format!("{base} {object}"))
}

/// Tells whether what follows a verb shows that it is one: `Install the system`, not `Install
/// options`.
fn is_imperative(rest: &str) -> bool {
    let first = rest.split(' ').next().unwrap_or_default().to_lowercase();
    ["a", "an", "the", "your", "all", "this", "these", "up", "it", "to", "new"]
        .contains(&first.as_str())
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
    use super::{Casing, Subject, objective};

    #[test]
    fn objectives_are_english_sentences() {
        let check = |topics: &[&str], commands: &[&str], expected: &str| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let subject =
                Subject { topics: own(topics), terms: Vec::new(), commands: own(commands) };
            let casing =
                Casing::of(&["the system has parameters, a mirror, users and paths for sharing"]);
            assert_eq!(objective(&subject, &casing), expected);
        };
        check(&["disk partitions"], &[], "Explain disk partitions.");
        check(&["disks", "files"], &["dd"], "Explain disks and files, and use the command dd.");
        check(&["Installing Debian"], &[], "Install Debian.");
        check(&["How to Set Up a Mirror"], &[], "Set up a mirror.");
        check(&["Upgrade the System"], &[], "Upgrade the system.");
        check(&["Upgrade Paths"], &[], "Explain upgrade paths.");
        check(&["Before Installing"], &[], "Explain “Before Installing”.");
        check(
            &["Boot Parameters", "Setting up Users"],
            &["adduser", "id"],
            "Explain boot parameters, set up users, and use the commands adduser and id.",
        );
        check(&["What is Debian?"], &[], "Answer the question “What is Debian?”.");
        check(&["Mounting and Sharing"], &[], "Explain mounting and sharing.");
        check(&["Users vs. Parameters"], &[], "Compare users and parameters.");
        check(&["a", "b", "c"], &[], "Explain a, b and c.");
    }
}
