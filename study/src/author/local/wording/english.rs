//! English sentences.

mod verb;

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
        "appendix" | "appendices" => format!("Appendix to {above}"),
        "name" | "see also" | "synopsis" => format!("{above}: {lower}"),
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
        parts.push(format!("explain {}", and(&set_apart(explained))));
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

/// Puts topics that are lists themselves into quotes when they stand in a list.
fn set_apart(topics: Vec<String>) -> Vec<String> {
    let is_list = |topic: &String| topic.contains(" and ") || topic.contains(',');
    if topics.len() < 2 || !topics.iter().any(is_list) {
        return topics;
    }
    let quote = |topic: String| {
        if is_list(&topic) { format!("“{}”", capitalised(&topic)) } else { topic }
    };
    topics.into_iter().map(quote).collect()
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
    let written = casing.inside(topic);
    // The name of an activity is small in a sentence, whether the text has it there or not.
    let is_activity = first.len() > 5 && first.ends_with("ing") && !casing.is_name(first);
    Task::Explain(match written.get(..first.len()).filter(|_| is_activity) {
        Some(head) => format!("{}{}", head.to_lowercase(), &written[first.len()..]),
        None => written,
    })
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
    let first = first.to_lowercase();
    if verb::is_base(&first) && is_imperative(rest) {
        return Some(format!("{first} {object}"));
    }
    let base = verb::base_of(&first)?;
    let is_noun = names_thing || (verb::is_noun_too(base) && !is_imperative(rest));
    (!is_noun).then(|| format!("{base} {object}"))
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

#[cfg(test)]
mod tests {
    use super::{Casing, Subject, objective};

    #[test]
    fn objectives_are_english_sentences() {
        let check = |topics: &[&str], commands: &[&str], expected: &str| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
            let subject =
                Subject { topics: own(topics), terms: Vec::new(), commands: own(commands) };
            let casing = Casing::of(&[
                "the system has parameters, a mirror, users and paths for sharing; an upgrade, a boot",
            ]);
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
        check(&["Users and Paths", "disks"], &[], "Explain “Users and paths” and disks.");
        check(&["Packaging workflow"], &[], "Explain packaging workflow.");
    }
}
