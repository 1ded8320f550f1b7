//! Queries and bodies of bull-board's page, field by field; the first that is wrong is told.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::extract::QueryPairs;

/// A query whose empty values count as absent.
pub(super) struct Query(pub(super) QueryPairs);

impl Query {
    /// The value of a parameter that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).filter(|text| !text.is_empty())
    }

    /// A whole number in a range, or the default when it is not given.
    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Refusal> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| Self::refuse(name))
    }

    /// A whole number that is brought into a range.
    pub(super) fn clamped(&self, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let number = self.text(name).and_then(|text| text.parse::<i64>().ok());
        let within = |number| u64::try_from(number).unwrap_or(0);
        number.map_or(default, |number| within(number).clamp(*range.start(), *range.end()))
    }

    /// Refuses a parameter.
    pub(super) fn refuse(name: &str) -> Refusal {
        Refusal::invalid("INVALID_QUERY_PARAM").with_options(json!({ "field": name }))
    }
}

/// Refuses a member of a body for which bull-board has no words of its own.
pub(super) fn refuse_member(name: &str) -> Refusal {
    Refusal::invalid("INVALID_REQUEST_BODY").with_options(json!({ "field": name }))
}

/// A member that is there and not null.
pub(super) fn member<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

/// A number, also as text, as forms send it.
pub(super) fn lenient_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// A number of milliseconds that is not negative.
pub(super) fn millis(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (0.0..9e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Query(QueryPairs(pairs.iter().map(own).collect()))
    }

    #[test]
    fn empty_parameters_count_as_absent() {
        let query = query(&[("page", ""), ("status", "failed")]);
        assert_eq!(query.number("page", 1..=9, 1).unwrap(), 1);
        assert_eq!(query.text("status"), Some("failed"));
    }

    #[test]
    fn numbers_out_of_range_are_refused_or_brought_into_it() {
        let query = query(&[("page", "0"), ("depth", "99"), ("maxChildren", "-5")]);
        assert!(query.number("page", 1..=9, 1).is_err());
        assert_eq!(query.clamped("depth", 1..=20, 10), 20);
        assert_eq!(query.clamped("maxChildren", 1..=1000, 20), 1);
        assert_eq!(query.clamped("other", 1..=20, 10), 10);
    }
}
