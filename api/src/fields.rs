//! Reads the fields of a request one by one and collects everything that is wrong with them.

use serde_json::Value;

use crate::error::{ApiError, ApiResult, FieldError};
use crate::extract::QueryPairs;

/// A JSON object that is being read; unknown members are ignored.
pub(crate) struct Fields<'a> {
    body: &'a Value,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(body: &'a Value) -> Self {
        let mut fields = Self { body, errors: Vec::new() };
        if !body.is_object() {
            fields.fail("", "INVALID_TYPE", "must be an object".to_owned());
        }
        fields
    }

    pub(crate) fn fail(&mut self, field: &str, code: &'static str, message: String) {
        self.errors.push(FieldError { field: field.to_owned(), code, message });
    }

    /// Ends the reading: the error of all fields, if there is any.
    pub(crate) fn finish(self) -> ApiResult<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::validation(self.errors)) }
    }

    /// A member that is there and not null.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.body.get(field).filter(|value| !value.is_null())
    }

    /// A text with a length in characters, after trimming.
    pub(crate) fn text(
        &mut self,
        field: &str,
        lengths: std::ops::RangeInclusive<usize>,
    ) -> Option<String> {
        let value = self.get(field)?;
        let Some(text) = value.as_str() else {
            self.fail(field, "INVALID_TYPE", "must be a text".to_owned());
            return None;
        };
        let text = text.trim();
        let length = text.chars().count();
        if !lengths.contains(&length) {
            let message = format!(
                "must have {} to {} characters, has {length}",
                lengths.start(),
                lengths.end()
            );
            let code = if length < *lengths.start() { "TOO_SHORT" } else { "TOO_LONG" };
            self.fail(field, code, message);
            return None;
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
            self.fail(field, "INVALID_CHARACTER", "must not hold control characters".to_owned());
            return None;
        }
        Some(text.to_owned())
    }

    /// As [`Self::text`], and it must be there.
    pub(crate) fn required_text(
        &mut self,
        field: &str,
        lengths: std::ops::RangeInclusive<usize>,
    ) -> String {
        if self.get(field).is_none() {
            self.fail(field, "REQUIRED", "is missing".to_owned());
            return String::new();
        }
        self.text(field, lengths).unwrap_or_default()
    }

    /// A whole number in a range.
    pub(crate) fn number(
        &mut self,
        field: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.get(field)?;
        let Some(number) = value.as_u64() else {
            self.fail(field, "INVALID_TYPE", "must be a whole number".to_owned());
            return None;
        };
        if !range.contains(&number) {
            let message = match *range.end() {
                u64::MAX => format!("must be at least {}", range.start()),
                end => format!("must be {} to {end}", range.start()),
            };
            self.fail(field, "OUT_OF_RANGE", message);
            return None;
        }
        Some(number)
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        let value = self.get(field)?;
        if !value.is_boolean() {
            self.fail(field, "INVALID_TYPE", "must be true or false".to_owned());
        }
        value.as_bool()
    }

    /// A word of a fixed set.
    pub(crate) fn word<T>(
        &mut self,
        field: &str,
        read: impl Fn(&str) -> Option<T>,
        words: &str,
    ) -> Option<T> {
        let value = self.get(field)?;
        let word = value.as_str().and_then(read);
        if word.is_none() {
            self.fail(field, "INVALID_VALUE", format!("must be one of {words}"));
        }
        word
    }
}

impl QueryPairs {
    /// A whole number in a range, or the default when it is not given.
    pub(crate) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> ApiResult<u32> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse::<u32>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(ApiError::field(
                name,
                "OUT_OF_RANGE",
                format!("must be a number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    /// A word of a fixed set, if it is given.
    pub(crate) fn word<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        words: &str,
    ) -> ApiResult<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| {
            ApiError::field(name, "INVALID_VALUE", format!("must be one of {words}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = serde_json::json!({ "goal": "", "n": 22, "flag": "yes", "title": 7 });
        let mut fields = Fields::of(&body);
        fields.required_text("goal", 1..=500);
        fields.required_text("missing", 1..=5);
        fields.number("n", 1..=21);
        fields.flag("flag");
        fields.text("title", 1..=200);
        let error = fields.finish().unwrap_err();
        let told: Vec<_> = error.validation.iter().map(|e| (e.field.as_str(), e.code)).collect();
        assert_eq!(
            told,
            [
                ("goal", "TOO_SHORT"),
                ("missing", "REQUIRED"),
                ("n", "OUT_OF_RANGE"),
                ("flag", "INVALID_TYPE"),
                ("title", "INVALID_TYPE"),
            ]
        );
    }
}
