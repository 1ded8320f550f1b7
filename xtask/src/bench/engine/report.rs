//! The table: what was measured here, beside the targets and what was measured of others.
//!
//! Sources of the fixed columns, same kind of machine (2 cores, virtual disk), another day:
//! "study" is the bake-off of embedded stores (the chosen design as a bare prototype, without
//! handlers, events and options), "rival" the best of bunqueue, rustqueue, glide-mq and npm bullmq
//! that does the same thing, synced before the answer where it says nothing else.

use std::fmt;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

/// All rows, in the order of measurement.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    rows: Vec<Row>,
}

/// One figure and its neighbours.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    name: &'static str,
    unit: &'static str,
    measured: Option<f64>,
    target: &'static str,
    study: &'static str,
    rival: &'static str,
}

impl Row {
    pub(super) fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, measured: None, target: "", study: "", rival: "" }
    }

    /// Sets what stands beside the figure.
    pub(super) fn beside(
        self,
        target: &'static str,
        study: &'static str,
        rival: &'static str,
    ) -> Self {
        Self { target, study, rival, ..self }
    }

    pub(super) fn measured(self, figure: f64) -> Self {
        Self { measured: Some(figure), ..self }
    }

    /// Takes the figure from a distribution of microseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds")]
    pub(super) fn quantile(self, times: &Histogram<u64>, quantile: f64) -> Self {
        self.measured(times.value_at_quantile(quantile) as f64)
    }

    fn figure(&self) -> String {
        match self.measured {
            None => "-".to_owned(),
            Some(figure) if figure.is_nan() => "-".to_owned(),
            Some(figure) if figure < 100.0 => format!("{figure:.1}"),
            Some(figure) => grouped(&format!("{figure:.0}")),
        }
    }
}

impl Report {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let line = |f: &mut fmt::Formatter<'_>, cells: [&str; 6]| {
            let [name, unit, measured, target, study, rival] = cells;
            writeln!(
                f,
                "{name:width$}  {measured:>10} {unit:12}  {target:>20}  {study:>22}  {rival:>16}"
            )
        };
        line(f, ["", "", "here", "target", "study", "best rival"])?;
        for row in &self.rows {
            line(f, [row.name, row.unit, &row.figure(), row.target, row.study, row.rival])?;
        }
        Ok(())
    }
}

/// Puts a comma before each three digits.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        for (digits, expected) in
            [("7", "7"), ("100", "100"), ("1234", "1,234"), ("1234567", "1,234,567")]
        {
            assert_eq!(grouped(digits), expected);
        }
    }
}
