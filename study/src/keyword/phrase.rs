//! Ranks the phrases of a part: frequent in it, made of telling words, not a piece of a longer one.

use std::collections::HashMap;

use super::Token;

/// The most words of a phrase.
const WORDS_MAX: usize = 3;
/// What a phrase that stands alone loses: seen once, it tells much less than half of seen twice.
const ONCE: f32 = 0.6;
/// How many phrases are wanted even if each stands in the part only once.
const WANTED: usize = 3;
/// Fills the unused places of a [`Phrase`].
const NONE: u32 = u32::MAX;

/// One to three words.
type Phrase = [u32; WORDS_MAX];

/// How often a phrase stands in the part, and where first.
#[derive(Clone, Copy)]
struct Seen {
    count: u32,
    /// Decides between equals, so that the order is the document's.
    first: usize,
}

/// Returns the best phrases as lists of words, at most `limit`.
///
/// The weight is the count, less the mean count of the longer phrases around it (after the
/// C-value of Frantzi and Ananiadou), times a little for length, times the words' mean rarity.
pub(super) fn rank(
    part: &[Vec<Token>],
    limit: usize,
    rarity: &dyn Fn(u32) -> f32,
) -> Vec<Vec<u32>> {
    let seen = count(part);
    let around = count_around(&seen);
    // Where words come back, real phrases do too; neighbours that met once are chance.
    let repeats = seen.values().any(|seen| seen.count > 1);
    let mut ranked: Vec<(f32, usize, Phrase)> = seen
        .iter()
        .filter(|(phrase, seen)| words(phrase).len() == 1 || seen.count > u32::from(repeats))
        .map(|(phrase, seen)| {
            let own = seen.count as f32 - around.get(phrase).copied().unwrap_or(ONCE);
            (own * weight(phrase, rarity), seen.first, *phrase)
        })
        .filter(|(weight, ..)| *weight > 0.0)
        .collect();
    ranked.sort_by(|(a, a_first, a_words), (b, b_first, b_words)| {
        b.total_cmp(a).then(a_first.cmp(b_first)).then(a_words.cmp(b_words))
    });
    let mut chosen: Vec<Vec<u32>> = Vec::new();
    for (.., phrase) in ranked {
        if chosen.len() == limit {
            break;
        }
        if chosen.len() >= WANTED && seen[&phrase].count == 1 {
            continue;
        }
        if !chosen.iter().any(|other| holds(other, words(&phrase)) || holds(words(&phrase), other))
        {
            chosen.push(words(&phrase).to_vec());
        }
    }
    chosen
}

fn count(part: &[Vec<Token>]) -> HashMap<Phrase, Seen> {
    let mut seen: HashMap<Phrase, Seen> = HashMap::new();
    let mut place = 0;
    for text in part {
        for start in 0..text.len() {
            place += 1;
            let mut phrase = [NONE; WORDS_MAX];
            for (length, token) in text[start..].iter().take(WORDS_MAX).enumerate() {
                if !token.is_content || (length > 0 && token.breaks_before) {
                    break;
                }
                phrase[length] = token.word;
                seen.entry(phrase).or_insert(Seen { count: 0, first: place }).count += 1;
            }
        }
    }
    seen
}

/// The mean count of the longer phrases that contain a phrase.
fn count_around(seen: &HashMap<Phrase, Seen>) -> HashMap<Phrase, f32> {
    let mut sums: HashMap<Phrase, (u32, u32)> = HashMap::new();
    for (phrase, seen) in seen {
        let words = words(phrase);
        for length in 1..words.len() {
            for piece in words.windows(length) {
                let mut key = [NONE; WORDS_MAX];
                key[..length].copy_from_slice(piece);
                let (sum, of) = sums.entry(key).or_default();
                *sum += seen.count;
                *of += 1;
            }
        }
    }
    sums.into_iter().map(|(phrase, (sum, of))| (phrase, sum as f32 / of as f32)).collect()
}

fn weight(phrase: &Phrase, rarity: &dyn Fn(u32) -> f32) -> f32 {
    let words = words(phrase);
    let count = words.len() as f32;
    let rarity: f32 = words.iter().map(|&word| rarity(word)).sum::<f32>() / count;
    rarity * (1.0 + count).log2()
}

fn words(phrase: &Phrase) -> &[u32] {
    let end = phrase.iter().position(|&word| word == NONE).unwrap_or(WORDS_MAX);
    &phrase[..end]
}

/// Tells whether all words of `piece` are in `whole`.
fn holds(whole: &[u32], piece: &[u32]) -> bool {
    piece.iter().all(|word| whole.contains(word))
}
