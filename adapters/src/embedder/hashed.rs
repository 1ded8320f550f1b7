//! Vectors of hashed words and pieces of words.
//!
//! Texts with many words or spellings in common come out near to each other, so that a misspelt
//! or inflected query still finds something. Meaning is beyond it: it must not be fused with the
//! full-text ranks, which it only makes worse.

use async_trait::async_trait;
use oxherd_study::error::{ErrorCode, Result, StudyError};
use oxherd_study::ports::Embedder;

use crate::terms::{Run, Terms, each_run, normalized};

/// The length of the vectors.
const DIMENSIONS: usize = 768;
/// In how many numbers of the vector a feature shows.
const SPREAD: usize = 4;

/// Makes vectors of hashed words and pieces of words; the same text always gives the same vector.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashedEmbedder;

#[async_trait]
impl Embedder for HashedEmbedder {
    fn model(&self) -> &str {
        "hashed-pieces-768-v1"
    }

    fn is_semantic(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let texts = texts.to_vec();
        let embed = move || {
            let terms = Terms::default();
            texts.iter().map(|text| vector(&terms, text)).collect()
        };
        tokio::task::spawn_blocking(embed).await.map_err(|error| {
            tracing::warn!(%error, "could not embed texts");
            StudyError::transient(ErrorCode::InternalError, "could not embed the texts; try again")
        })
    }
}

/// Returns the vector of a text, of unit length; a text without words points along the first axis.
fn vector(terms: &Terms, text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for same in features(terms, text).chunk_by(|a, b| a.hash == b.hash) {
        let count = same.len() as f32;
        let mean = same.iter().map(|feature| feature.weight).sum::<f32>() / count;
        let weight = mean * (1.0 + count.ln());
        for place in 0..SPREAD {
            let bits = mix(same[0].hash.wrapping_add(place as u64));
            let sign = if bits >> 63 == 0 { 1.0 } else { -1.0 };
            vector[(bits % DIMENSIONS as u64) as usize] += sign * weight;
        }
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    } else {
        vector[0] = 1.0;
    }
    vector
}

struct Feature {
    hash: u64,
    weight: f32,
}

/// All features of a text, equal ones side by side: terms, and pieces of three and four letters
/// with the edges of the word.
fn features(terms: &Terms, text: &str) -> Vec<Feature> {
    let mut features = Vec::with_capacity(text.len() * 2);
    terms.each(text, |term| features.push(Feature { hash: hash(term), weight: 1.0 }));
    let text = normalized(text).to_lowercase();
    let mut word = String::new();
    each_run(&text, &mut |run| match run {
        Run::Word(letters) => {
            word.clear();
            word.extend(['<'].into_iter().chain(letters.chars()).chain(['>']));
            pieces(&word, 3, 0.4, &mut features);
            pieces(&word, 4, 0.6, &mut features);
        }
        Run::Syllables { run, .. } => pieces(run, 3, 0.8, &mut features),
    });
    features.sort_unstable_by_key(|feature| feature.hash);
    features
}

/// Appends each piece of so many characters.
fn pieces(word: &str, length: usize, weight: f32, features: &mut Vec<Feature>) {
    let starts = word.char_indices().map(|(at, _)| at);
    let ends = starts.clone().chain([word.len()]).skip(length);
    for (start, end) in starts.zip(ends) {
        features.push(Feature { hash: hash(&word[start..end]), weight });
    }
}

/// FNV-1a: the same on every machine and for ever, unlike the standard library's.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Spreads the bits of a hash (the finalizer of SplitMix64).
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(left: &str, right: &str) -> f32 {
        let terms = Terms::default();
        let (left, right) = (vector(&terms, left), vector(&terms, right));
        left.iter().zip(&right).map(|(l, r)| l * r).sum()
    }

    #[test]
    fn a_misspelt_word_is_nearer_than_another_one() {
        assert!(cosine("postgresql", "postgrsql") > cosine("postgresql", "partition") + 0.2);
        assert!(
            cosine("데이터베이스", "데이터베이스를") > cosine("데이터베이스", "네트워크") + 0.4
        );
    }

    #[tokio::test]
    async fn vectors_have_unit_length_and_do_not_depend_on_the_batch() {
        let texts = ["One text.", "다른 글", "", "!!"].map(str::to_owned);
        let together = HashedEmbedder.embed(&texts).await.unwrap();
        for (text, vector) in texts.iter().zip(&together) {
            let length: f32 = vector.iter().map(|number| number * number).sum();
            assert!((length - 1.0).abs() < 1e-4, "{text:?}: {length}");
            let alone = HashedEmbedder.embed(std::slice::from_ref(text)).await.unwrap();
            assert_eq!(&alone[0], vector);
        }
    }

    #[test]
    fn the_hash_never_changes() {
        // A bundle keeps vectors for years: another hash needs another model name.
        assert_eq!(hash("ox"), 0x08B0_4E07_B556_5272);
        assert_eq!(mix(1), 0x5692_161D_100B_05E5);
    }
}
