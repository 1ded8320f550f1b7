//! One BM25 list over several indexes: a term counts as rare or common over all of them.

use std::collections::{BTreeSet, HashMap};

use oxherd_study::ports::Hit;
use tantivy::collector::TopDocs;
use tantivy::query::{Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::Fields;
use crate::terms::Terms;

/// What a word in a heading above a chunk counts, against one in its text.
const HEADINGS_BOOST: f32 = 0.7;
/// A longer query is a pasted text; its first terms say enough.
const TERMS_MAX: usize = 64;

/// Returns the best chunks over all indexes, best first.
pub(super) fn search(
    indexes: &[Searcher],
    terms: &Terms,
    query: &str,
    limit: usize,
) -> tantivy::Result<Vec<Hit>> {
    let fields = Fields::new();
    let terms = query_terms(&fields, terms, query);
    if terms.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let statistics = PooledStatistics::of(indexes, &fields, &terms)?;
    let query = any_of(&fields, &terms);
    let best = TopDocs::with_limit(limit).order_by_score();
    let mut hits = Vec::new();
    for (bundle, index) in indexes.iter().enumerate() {
        let found = index.search_with_statistics_provider(&query, &best, &statistics)?;
        hits.extend(found.into_iter().map(|(score, at)| Hit { bundle, chunk: at.doc_id, score }));
    }
    let place = |hit: &Hit| (hit.bundle, hit.chunk);
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b))));
    hits.truncate(limit);
    Ok(hits)
}

/// The different terms of a query, in both fields.
fn query_terms(fields: &Fields, terms: &Terms, query: &str) -> BTreeSet<Term> {
    let mut words = BTreeSet::new();
    terms.each(query, |term| {
        if words.len() < TERMS_MAX {
            words.insert(term.to_owned());
        }
    });
    let both = [fields.text, fields.headings];
    words.iter().flat_map(|word| both.map(|field| Term::from_field_text(field, word))).collect()
}

fn any_of(fields: &Fields, terms: &BTreeSet<Term>) -> BooleanQuery {
    let clause = |term: &Term| -> (Occur, Box<dyn Query>) {
        let query = Box::new(TermQuery::new(term.clone(), IndexRecordOption::WithFreqs));
        if term.field() == fields.headings {
            return (Occur::Should, Box::new(BoostQuery::new(query, HEADINGS_BOOST)));
        }
        (Occur::Should, query)
    };
    BooleanQuery::new(terms.iter().map(clause).collect())
}

/// The counts that BM25 asks for, summed over all indexes.
struct PooledStatistics {
    documents: u64,
    tokens: HashMap<Field, u64>,
    with_term: HashMap<Term, u64>,
}

impl PooledStatistics {
    fn of(indexes: &[Searcher], fields: &Fields, terms: &BTreeSet<Term>) -> tantivy::Result<Self> {
        let mut pooled = Self { documents: 0, tokens: HashMap::new(), with_term: HashMap::new() };
        for index in indexes {
            pooled.documents += index.total_num_docs()?;
            for field in [fields.text, fields.headings] {
                *pooled.tokens.entry(field).or_default() += index.total_num_tokens(field)?;
            }
            for term in terms {
                *pooled.with_term.entry(term.clone()).or_default() += index.doc_freq(term)?;
            }
        }
        Ok(pooled)
    }
}

impl Bm25StatisticsProvider for PooledStatistics {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Ok(self.tokens.get(&field).copied().unwrap_or_default())
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        Ok(self.with_term.get(term).copied().unwrap_or_default())
    }
}
