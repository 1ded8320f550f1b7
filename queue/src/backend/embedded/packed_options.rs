//! The options of a job in their binary form.
//!
//! Never decides what an option means.

use serde_json::{Map, Value};

use crate::options::{Backoff, BackoffKind, Deduplication, JobOptions, Retention};

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
}

impl Rare {
    fn of(options: &JobOptions) -> Self {
        Self {
            priority: options.priority,
            lifo: options.lifo,
            deduplication: options.deduplication.clone(),
        }
    }

    fn into_options(self, options: JobOptions) -> JobOptions {
        let Self { priority, lifo, deduplication } = self;
        JobOptions { priority, lifo, deduplication, ..options }
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

encoded_struct!(Retention { count, age_seconds });

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
        options.other.insert("tm".to_owned(), "00-abc".into());
        options.priority = 70_000;
        options.lifo = true;
        options.deduplication = Some(Deduplication::simple("once"));
        options.backoff = options.backoff.map(|backoff| backoff.with_jitter(0.25));
        assert_eq!(PackedOptions::pack(&options).unpack(), options);
        assert_eq!(PackedOptions::pack(&JobOptions::bare()).unpack(), JobOptions::bare());
    }
}
