//! Writes the sessions of a module: their chunks, minutes, titles and objectives.

use super::boilerplate::is_boilerplate;
use super::cut::{self, Edge};
use super::heading::{Heading, headings};
use super::wording::{self, Subject};
use super::{effort, structure};
use crate::author::{Brief, ModuleAnswer, SessionAnswer, validation};
use crate::bundle::Bundle;
use crate::chunk::Chunk;
use crate::keyword::Vocabulary;
use crate::language::Language;
use crate::outline::ChunkRange;

/// How much longer a learner stays with what the goal asks for.
const STRESS: f32 = 1.25;

/// Writes the sessions of a module.
pub(super) fn sessions(brief: &Brief, module: &ModuleAnswer) -> Vec<SessionAnswer> {
    let Some(material) = brief.materials.get(module.material_index) else { return Vec::new() };
    let bundle = &material.bundle;
    let headings = headings(bundle);
    let writer = Writer::new(bundle, &headings, module, structure::language(brief, module));
    let ranges = ranges(bundle, &headings, module);
    let mut answers: Vec<SessionAnswer> =
        ranges.iter().map(|(range, minutes)| writer.write(*range, *minutes)).collect();
    tell_apart(&mut answers);
    answers
}

/// Returns the chunks and the minutes of each session of a module.
pub(super) fn ranges(
    bundle: &Bundle,
    headings: &[Heading],
    module: &ModuleAnswer,
) -> Vec<(ChunkRange, f32)> {
    let ChunkRange { start, end } = module.chunk_range;
    let factor = if module.stressed { STRESS } else { 1.0 };
    let chunks = bundle.chunks.get(start as usize..=end as usize).unwrap_or_default();
    let minutes: Vec<f32> = chunks.iter().map(|chunk| effort::minutes(chunk) * factor).collect();
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
        Self { chunks, headings, module, language, vocabulary: Vocabulary::of(&texts) }
    }

    fn write(&self, range: ChunkRange, minutes: f32) -> SessionAnswer {
        let subject = self.subject(range);
        let objective = wording::objective(self.language, &subject);
        let about_document = self.is_boilerplate(range);
        SessionAnswer {
            title: self.title(range, &subject),
            objective: wording::shorten(&objective, validation::OBJECTIVE_MAX),
            estimated_minutes: rounded(minutes),
            chunk_range: range,
            optional: self.module.optional || about_document,
        }
    }

    fn title(&self, range: ChunkRange, subject: &Subject) -> String {
        let _ = range;
        let title = wording::joined(self.language, &subject.topics);
        wording::shorten(&title, validation::SESSION_TITLE_MAX)
    }

    fn subject(&self, range: ChunkRange) -> Subject {
        let first = (range.start - self.module.chunk_range.start) as usize;
        let last = (range.end - self.module.chunk_range.start) as usize;
        let terms: Vec<String> = self
            .vocabulary
            .keyphrases(first..last + 1, 6)
            .iter()
            .map(|phrase| wording::plain(phrase, 40))
            .filter(|phrase| !phrase.is_empty())
            .collect();
        let topics = self.topics(range, &terms);
        Subject { topics, terms, commands: commands(&self.chunks[first..=last]) }
    }

    /// Returns the highest headings that begin in a session; before them the one that goes on.
    fn topics(&self, range: ChunkRange, terms: &[String]) -> Vec<String> {
        let mut topics: Vec<String> = Vec::new();
        let mut covered: Option<u32> = None;
        let begins = self.headings.iter().any(|heading| heading.start == range.start);
        if !begins {
            let goes_on = self.headings.iter().rev().find(|heading| heading.holds(range.start));
            topics.extend(goes_on.and_then(|heading| topic(heading)));
        }
        for heading in self.headings {
            let inside = (range.start..=range.end).contains(&heading.start);
            // The whole module's heading tells nothing of its first session alone.
            let is_wider = heading.end > range.end
                && self.headings.iter().any(|other| {
                    other.depth > heading.depth
                        && heading.holds(other.start)
                        && (range.start..=range.end).contains(&other.start)
                });
            if !inside
                || is_wider
                || covered.is_some_and(|end| heading.start <= end && heading.end <= end)
            {
                continue;
            }
            covered = Some(heading.end);
            topics.extend(topic(heading).filter(|topic| !topics.contains(topic)));
        }
        if topics.is_empty() {
            topics.extend(terms.iter().take(2).cloned());
        }
        if topics.is_empty() {
            topics.push(self.module.title.clone());
        }
        topics
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

fn topic(heading: &Heading) -> Option<String> {
    let topic = wording::plain(wording::without_number(&heading.title), 80);
    (!topic.is_empty()).then_some(topic)
}

/// Returns the commands that chunks show after a prompt, the most used first, at most three.
fn commands(chunks: &[Chunk]) -> Vec<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let lines = chunks.iter().flat_map(|chunk| chunk.text.lines());
    for command in lines.filter_map(effort::command) {
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
