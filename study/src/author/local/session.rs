//! Writes the sessions of a module: their chunks, minutes, titles and objectives.

use super::boilerplate::is_boilerplate;
use super::cut::{self, Edge};
use super::heading::{Heading, headings};
use super::wording::{self, Casing, Subject};
use super::{effort, named_part, structure};
use crate::author::{Brief, ModuleAnswer, SessionAnswer, validation};
use crate::bundle::Bundle;
use crate::chunk::Chunk;
use crate::keyword::Vocabulary;
use crate::language::Language;
use crate::outline::ChunkRange;

/// How much longer a learner stays with what the goal asks for.
const STRESS: f32 = 1.25;

/// An objective names at most so many topics.
const TOPICS_NAMED: usize = 3;

/// A heading that a session covers, and how many of its chunks.
struct Topic {
    text: String,
    size: u32,
    /// Whether it is an introduction, a summary or the like.
    is_general: bool,
}

/// Writes the sessions of a module.
pub(super) fn sessions(brief: &Brief, module: &ModuleAnswer) -> Vec<SessionAnswer> {
    let Some(material) = brief.materials.get(module.material_index) else { return Vec::new() };
    let bundle = &material.bundle;
    let headings = headings(bundle);
    let writer = Writer::new(bundle, &headings, module, structure::language(brief, module));
    let stressed = named_part::stressed(brief, module.material_index);
    let ranges = ranges(bundle, &headings, module, &stressed);
    let mut answers: Vec<SessionAnswer> =
        ranges.iter().map(|(range, minutes)| writer.write(*range, *minutes)).collect();
    tell_apart(&mut answers);
    answers
}

/// Returns the chunks and the minutes of each session of a module; `stressed` are the chunks that
/// the learner asks by name to stress.
pub(super) fn ranges(
    bundle: &Bundle,
    headings: &[Heading],
    module: &ModuleAnswer,
    stressed: &[ChunkRange],
) -> Vec<(ChunkRange, f32)> {
    let ChunkRange { start, end } = module.chunk_range;
    let chunks = bundle.chunks.get(start as usize..=end as usize).unwrap_or_default();
    let named: Vec<ChunkRange> =
        stressed.iter().filter(|part| part.start <= end && start <= part.end).copied().collect();
    // What is named counts; without names it is the whole module that the goal asks for.
    let is_stressed = |chunk: u32| {
        let by_name = named.iter().any(|part| (part.start..=part.end).contains(&chunk));
        module.stressed && (by_name || named.is_empty())
    };
    let take_longer = |(index, chunk): (u32, &Chunk)| {
        effort::minutes(chunk) * if is_stressed(index) { STRESS } else { 1.0 }
    };
    let minutes: Vec<f32> = (start..).zip(chunks).map(take_longer).collect();
    let edges = edges(headings, module.chunk_range);
    let take = |range: &ChunkRange| {
        let part = &minutes[(range.start - start) as usize..=(range.end - start) as usize];
        part.iter().sum()
    };
    let ranges = cut::cut(start, &minutes, &edges);
    ranges.iter().map(|range| (*range, take(range))).collect()
}

/// Tells for each chunk of a module how good a place it is to begin a session.
fn edges(headings: &[Heading], range: ChunkRange) -> Vec<Edge> {
    let inside = || {
        headings.iter().filter(|heading| range.start < heading.start && heading.start <= range.end)
    };
    let highest = inside().map(|heading| heading.depth).min().unwrap_or(0);
    let mut edges = vec![Edge::Inside; range.count() as usize];
    for heading in inside() {
        let edge = &mut edges[(heading.start - range.start) as usize];
        let level = heading.depth - highest;
        match edge {
            Edge::Heading(known) if *known <= level => {}
            _ => *edge = Edge::Heading(level),
        }
    }
    edges
}

/// What the sessions of one module are written from.
struct Writer<'a> {
    chunks: &'a [Chunk],
    headings: &'a [Heading],
    module: &'a ModuleAnswer,
    language: Language,
    vocabulary: Vocabulary,
    casing: Casing,
}

impl<'a> Writer<'a> {
    fn new(
        bundle: &'a Bundle,
        headings: &'a [Heading],
        module: &'a ModuleAnswer,
        language: Language,
    ) -> Self {
        let ChunkRange { start, end } = module.chunk_range;
        let chunks = bundle.chunks.get(start as usize..=end as usize).unwrap_or_default();
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        let (vocabulary, casing) = (Vocabulary::of(&texts), Casing::of(&texts));
        Self { chunks, headings, module, language, vocabulary, casing }
    }

    fn write(&self, range: ChunkRange, minutes: f32) -> SessionAnswer {
        let terms = self.terms(range);
        let topics = self.topics(range, &terms);
        let names: Vec<String> = topics.iter().map(|topic| topic.text.clone()).collect();
        let title = wording::joined(&names);
        let topics = self.inner(range).filter(|_| names.len() == 1).unwrap_or(topics);
        let first = (range.start - self.module.chunk_range.start) as usize;
        let last = (range.end - self.module.chunk_range.start) as usize;
        let subject = Subject {
            topics: largest(topics, TOPICS_NAMED),
            terms,
            commands: commands(&self.chunks[first..=last]),
        };
        let objective = wording::objective(self.language, &subject, &self.casing);
        SessionAnswer {
            title: wording::shorten(&title, validation::SESSION_TITLE_MAX),
            objective: wording::shorten(&objective, validation::OBJECTIVE_MAX),
            estimated_minutes: rounded(minutes),
            chunk_range: range,
            optional: self.module.optional || self.is_boilerplate(range),
        }
    }

    fn terms(&self, range: ChunkRange) -> Vec<String> {
        let first = (range.start - self.module.chunk_range.start) as usize;
        let last = (range.end - self.module.chunk_range.start) as usize;
        let phrases = self.vocabulary.keyphrases(first..last + 1, 14);
        let plain = phrases.iter().map(|phrase| wording::plain(phrase, 40));
        plain.filter(|phrase| !phrase.is_empty()).collect()
    }

    /// Returns the highest headings that begin in a session; before them the one that goes on.
    fn topics(&self, range: ChunkRange, terms: &[String]) -> Vec<Topic> {
        let inside = |heading: &&Heading| (range.start..=range.end).contains(&heading.start);
        let begun: Vec<&Heading> = self.headings.iter().filter(inside).collect();
        let mut chosen: Vec<&Heading> = Vec::new();
        if begun.first().is_none_or(|first| first.start > range.start) {
            chosen.extend(self.headings.iter().rev().find(|heading| heading.holds(range.start)));
        }
        for heading in &begun {
            // A heading that goes on after the session tells less than those below it.
            let below =
                |other: &&&Heading| other.depth > heading.depth && heading.holds(other.start);
            let is_wider = heading.end > range.end && begun.iter().any(|other| below(&other));
            let is_below =
                |above: &&Heading| above.depth < heading.depth && above.holds(heading.start);
            if !is_wider && !chosen.last().is_some_and(is_below) {
                chosen.push(heading);
            }
        }
        let mut topics: Vec<Topic> = Vec::new();
        for heading in chosen {
            let Some(text) = self.topic(heading) else { continue };
            let held = heading.end.min(range.end) + 1 - heading.start.max(range.start);
            if topics.iter().all(|topic| topic.text != text) {
                let is_general = wording::is_general(self.language, &heading.title);
                topics.push(Topic { text, size: held, is_general });
            }
        }
        if topics.is_empty() {
            let named = terms.iter().take(2).cloned().collect::<Vec<_>>();
            let named = if named.is_empty() { vec![self.module.title.clone()] } else { named };
            let topic = |text| Topic { text, size: 1, is_general: false };
            topics.extend(named.into_iter().map(topic));
        }
        topics
    }

    /// Returns what a session holds that is about one heading: the headings below that one.
    fn inner(&self, range: ChunkRange) -> Option<Vec<Topic>> {
        let begun = || {
            self.headings
                .iter()
                .filter(|heading| (range.start..=range.end).contains(&heading.start))
        };
        let highest = begun().map(|heading| heading.depth).min()?;
        let depth = begun().map(|heading| heading.depth).filter(|depth| *depth > highest).min()?;
        let below = begun().filter(|heading| heading.depth == depth);
        let topics: Vec<Topic> = below
            .filter_map(|heading| {
                let size = heading.end.min(range.end) + 1 - heading.start;
                let is_general = wording::is_general(self.language, &heading.title);
                Some(Topic { text: self.topic(heading)?, size, is_general })
            })
            .collect();
        (!topics.is_empty() && topics.iter().any(|topic| !topic.is_general)).then_some(topics)
    }

    /// Returns a heading in words that say something without the headings above it; nothing for
    /// one about the document or without words.
    fn topic(&self, heading: &Heading) -> Option<String> {
        let is_whole = heading.holds(self.module.chunk_range.start)
            && heading.holds(self.module.chunk_range.end);
        if is_boilerplate(&heading.title) && !is_whole {
            return None;
        }
        let own = wording::plain(wording::without_number(&heading.title), 80);
        let above = heading.parent.map(|above| self.headings[above].title.as_str());
        let above = above.map(|title| wording::plain(wording::without_number(title), 60));
        let text = match above.filter(|above| !above.is_empty()) {
            Some(above) => wording::placed(self.language, &own, &above),
            None => own,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Tells whether a session only speaks of the document.
    fn is_boilerplate(&self, range: ChunkRange) -> bool {
        (range.start..=range.end).all(|chunk| {
            self.headings
                .iter()
                .any(|heading| heading.holds(chunk) && is_boilerplate(&heading.title))
        })
    }
}

/// Keeps the largest topics, in their order; introductions only when there is nothing else.
fn largest(mut topics: Vec<Topic>, most: usize) -> Vec<String> {
    if topics.iter().any(|topic| !topic.is_general) {
        topics.retain(|topic| !topic.is_general);
    }
    let mut sizes: Vec<u32> = topics.iter().map(|topic| topic.size).collect();
    sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
    let least = sizes.get(most.saturating_sub(1)).copied().unwrap_or(0);
    let large = topics.into_iter().filter(|topic| topic.size >= least);
    large.take(most).map(|topic| topic.text).collect()
}

/// Returns the commands that chunks show after a prompt, the most used first, at most three.
fn commands(chunks: &[Chunk]) -> Vec<String> {
    let trivial = [
        "cat", "cd", "clear", "command", "do", "done", "echo", "else", "exit", "export", "false",
        "fi", "for", "if", "less", "ls", "more", "pwd", "set", "su", "test", "then", "time",
        "true", "type", "unset", "while",
    ];
    let mut counts: Vec<(String, usize)> = Vec::new();
    let lines = chunks.iter().flat_map(|chunk| chunk.text.lines());
    for command in
        lines.filter_map(effort::command).filter(|name| !trivial.contains(name) && name.len() < 20)
    {
        match counts.iter_mut().find(|(known, _)| known == command) {
            Some((_, count)) => *count += 1,
            None => counts.push((command.to_owned(), 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(3).map(|(command, _)| command).collect()
}

/// Rounds to five minutes within what a session may take.
fn rounded(minutes: f32) -> u32 {
    let (least, most) = (*validation::MINUTES.start(), *validation::MINUTES.end());
    ((minutes / 5.0).round() as u32 * 5).clamp(least, most)
}

/// Numbers the sessions that would have the same title.
fn tell_apart(answers: &mut [SessionAnswer]) {
    let titles: Vec<String> = answers.iter().map(|answer| answer.title.clone()).collect();
    for (place, answer) in answers.iter_mut().enumerate() {
        let same = |list: &[String]| list.iter().filter(|title| **title == titles[place]).count();
        let all = same(&titles);
        if all > 1 {
            let number = same(&titles[..=place]);
            let title = wording::shorten(&answer.title, validation::SESSION_TITLE_MAX - 8);
            answer.title = wording::numbered(&title, number, all);
        }
    }
}
