//! The options of a job in their binary form.
//!
//! Never decides what an option means.

use serde_json::{Map, Value};

use crate::options::{Backoff, BackoffKind, Deduplication, JobOptions, Retention, Telemetry};

use super::encoding::{Decode, Encode, Input, Malformed, encoded_struct, put_bytes};

/// The options of a job in their binary form, some 15 bytes for most; the timestamp is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedOptions(Box<[u8]>);

impl PackedOptions {
    pub(super) fn pack(options: &JobOptions) -> Self {
        let mut out = Vec::with_capacity(24);
        options.attempts.encode(&mut out);
        options.backoff.encode(&mut out);
        options.delay_ms.encode(&mut out);
        options.remove_on_complete.encode(&mut out);
        options.remove_on_fail.encode(&mut out);
        options.keep_logs.encode(&mut out);
        options.stack_trace_limit.encode(&mut out);
        let other = (!options.other.is_empty())
            .then(|| serde_json::to_string(&options.other).unwrap_or_default());
        other.encode(&mut out);
        Rare::of(options).encode(&mut out);
        Self(out.into())
    }

    pub(super) fn unpack(&self) -> JobOptions {
        // Whatever came from the disk was read once when it was decoded.
        Self::read(&self.0).unwrap_or_else(|_| JobOptions::bare())
    }

    fn read(bytes: &[u8]) -> Result<JobOptions, Malformed> {
        let input = &mut Input::new(bytes);
        let options = JobOptions {
            attempts: Decode::decode(input)?,
            backoff: Decode::decode(input)?,
            delay_ms: Decode::decode(input)?,
            remove_on_complete: Decode::decode(input)?,
            remove_on_fail: Decode::decode(input)?,
            keep_logs: Decode::decode(input)?,
            stack_trace_limit: Decode::decode(input)?,
            timestamp_ms: None,
            other: match Option::<String>::decode(input)? {
                Some(text) => serde_json::from_str::<Map<String, Value>>(&text)
                    .map_err(|_| Malformed("options"))?,
                None => Map::new(),
            },
            ..JobOptions::bare()
        };
        Ok(Rare::decode(input)?.into_options(options))
    }
}

/// Options that few jobs have; a byte each for those that are set, and nothing for the others.
#[derive(Debug, Default)]
struct Rare {
    priority: u32,
    lifo: bool,
    deduplication: Option<Deduplication>,
    size_limit: Option<u64>,
    timeout_ms: Option<u64>,
    expires_after_ms: Option<u64>,
    telemetry: Option<Telemetry>,
}

encoded_struct!(Telemetry { metadata, omit_context });

impl Rare {
    fn of(options: &JobOptions) -> Self {
        Self {
            priority: options.priority,
            lifo: options.lifo,
            deduplication: options.deduplication.clone(),
            size_limit: options.size_limit,
            timeout_ms: options.timeout_ms,
            expires_after_ms: options.expires_after_ms,
            telemetry: options.telemetry.clone(),
        }
    }

    fn into_options(self, options: JobOptions) -> JobOptions {
        JobOptions {
            priority: self.priority,
            lifo: self.lifo,
            deduplication: self.deduplication,
            size_limit: self.size_limit,
            timeout_ms: self.timeout_ms,
            expires_after_ms: self.expires_after_ms,
            telemetry: self.telemetry,
            ..options
        }
    }
}

impl Encode for Rare {
    fn encode(&self, out: &mut Vec<u8>) {
        if self.priority > 0 {
            out.push(1);
            self.priority.encode(out);
        }
        if self.lifo {
            out.push(2);
        }
        if let Some(deduplication) = &self.deduplication {
            out.push(3);
            deduplication.encode(out);
        }
        let numbers = [(4, self.size_limit), (5, self.timeout_ms), (6, self.expires_after_ms)];
        for (tag, number) in numbers {
            if let Some(number) = number {
                out.push(tag);
                number.encode(out);
            }
        }
        if let Some(telemetry) = &self.telemetry {
            out.push(7);
            telemetry.encode(out);
        }
    }
}

impl Decode for Rare {
    /// Reads to the end of the input.
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut rare = Self::default();
        while !input.is_empty() {
            match input.byte()? {
                1 => rare.priority = Decode::decode(input)?,
                2 => rare.lifo = true,
                3 => rare.deduplication = Some(Decode::decode(input)?),
                4 => rare.size_limit = Some(Decode::decode(input)?),
                5 => rare.timeout_ms = Some(Decode::decode(input)?),
                6 => rare.expires_after_ms = Some(Decode::decode(input)?),
                7 => rare.telemetry = Some(Decode::decode(input)?),
                _ => return Err(Malformed("options")),
            }
        }
        Ok(rare)
    }
}

impl Encode for PackedOptions {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(&self.0, out);
    }
}

impl Decode for PackedOptions {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bytes = input.bytes()?;
        Self::read(bytes)?;
        Ok(Self(bytes.into()))
    }
}

/// What begins a retention with a limit; others begin with their count.
const WITH_LIMIT: u8 = 2;

impl Encode for Retention {
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(limit) = self.limit {
            out.push(WITH_LIMIT);
            limit.encode(out);
        }
        self.count.encode(out);
        self.age_seconds.encode(out);
    }
}

impl Decode for Retention {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut first = input.byte()?;
        let mut limit = None;
        if first == WITH_LIMIT {
            limit = Some(Decode::decode(input)?);
            first = input.byte()?;
        }
        let count = match first {
            0 => None,
            1 => Some(Decode::decode(input)?),
            _ => return Err(Malformed("retention")),
        };
        Ok(Self { count, age_seconds: Decode::decode(input)?, limit })
    }
}

impl Encode for Backoff {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            BackoffKind::Fixed => 0,
            BackoffKind::Exponential => 1,
        });
        self.delay_ms.encode(out);
        (self.jitter > 0.0).then(|| self.jitter.to_bits()).encode(out);
    }
}

impl Decode for Backoff {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: match input.byte()? {
                0 => BackoffKind::Fixed,
                1 => BackoffKind::Exponential,
                _ => return Err(Malformed("backoff")),
            },
            delay_ms: Decode::decode(input)?,
            jitter: Option::<u64>::decode(input)?.map_or(0.0, f64::from_bits),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_packing_and_are_small() {
        let mut options = JobOptions { keep_logs: Some(5), ..JobOptions::default() };
        assert!(PackedOptions::pack(&options).0.len() <= 24);
        options.other.insert("theirs".to_owned(), "x".into());
        options.size_limit = Some(1);
        options.timeout_ms = Some(2);
        options.expires_after_ms = Some(3);
        options.telemetry = Some(Telemetry::context("00-abc"));
        options.remove_on_fail = Some(Retention { limit: Some(9), ..Retention::seconds(5) });
        options.priority = 70_000;
        options.lifo = true;
        options.deduplication = Some(Deduplication::simple("once"));
        options.backoff = options.backoff.map(|backoff| backoff.with_jitter(0.25));
        assert_eq!(PackedOptions::pack(&options).unpack(), options);
        assert_eq!(PackedOptions::pack(&JobOptions::bare()).unpack(), JobOptions::bare());
    }
}
