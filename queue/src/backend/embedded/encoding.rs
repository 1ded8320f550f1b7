//! The binary form of what the store keeps: compact, self-contained, without field names.
//!
//! Never changes the meaning of a form that was released: a new form gets a new format number in
//! the store's `meta` table.

use std::sync::Arc;

use crate::job::{JobId, Payload, Token};

/// Bytes that this version did not write, or that were damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Has a binary form.
pub(super) trait Encode {
    fn encode(&self, out: &mut Vec<u8>);
}

/// Can be read back from its binary form.
pub(super) trait Decode: Sized {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed>;
}

/// What is left to read.
#[derive(Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed("byte"))?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::decode(self)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed("length"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("text"))
    }
}

/// Writes bytes with their length in front.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().encode(out);
    out.extend_from_slice(bytes);
}

impl Encode for u64 {
    /// Seven bits a byte, lowest first; the high bit says that more follow.
    fn encode(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        out.push(rest.to_le_bytes()[0]);
    }
}

impl Decode for u64 {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = input.byte()?;
            value |= Self::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("number"))
    }
}

/// Numbers that travel as `u64`.
macro_rules! encoded_as_u64 {
    ($($number:ty),*) => {$(
        impl Encode for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                u64::try_from(*self).unwrap_or(u64::MAX).encode(out);
            }
        }
        impl Decode for $number {
            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Self::try_from(u64::decode(input)?).map_err(|_| Malformed("number"))
            }
        }
    )*};
}
encoded_as_u64!(u8, u32, usize);

impl Encode for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        // The sign goes to the lowest bit, so that small numbers of both signs stay short.
        ((self << 1) ^ (self >> 63)).cast_unsigned().encode(out);
    }
}

impl Decode for i64 {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let folded = u64::decode(input)?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("flag")),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(if bool::decode(input)? { Some(T::decode(input)?) } else { None })
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        self.iter().for_each(|item| item.encode(out));
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = usize::decode(input)?;
        // A damaged length must not reserve memory: every item takes a byte at least.
        if length > input.rest.len() {
            return Err(Malformed("length"));
        }
        (0..length).map(|_| T::decode(input)).collect()
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }
}

/// Values that travel as text.
macro_rules! encoded_as_text {
    ($($type:ty: $write:expr, $read:expr;)*) => {$(
        impl Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                let write: fn(&$type) -> &str = $write;
                put_bytes(write(self).as_bytes(), out);
            }
        }
        impl Decode for $type {
            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                let read: fn(&str) -> $type = $read;
                input.text().map(read)
            }
        }
    )*};
}
encoded_as_text! {
    String: |text| text, |text| text.to_owned();
    Arc<str>: |text| text, |text| text.into();
    JobId: JobId::as_str, |text| JobId::from_store(text);
    Payload: Payload::as_str, |text| Payload::from_store(text);
    Token: Token::as_str, |text| Token::from_store(text);
}

/// Encodes a struct as its fields, in the order given.
macro_rules! encoded_struct {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::backend::embedded::encoding::Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::backend::embedded::encoding::Encode::encode(&self.$field, out);)*
            }
        }
        impl $crate::backend::embedded::encoding::Decode for $type {
            fn decode(
                input: &mut $crate::backend::embedded::encoding::Input<'_>,
            ) -> Result<Self, $crate::backend::embedded::encoding::Malformed> {
                Ok(Self { $($field: $crate::backend::embedded::encoding::Decode::decode(input)?,)* })
            }
        }
    };
}
pub(super) use encoded_struct;

/// Encodes an enum as the number of the variant and its fields, in the order given.
macro_rules! encoded_enum {
    ($type:ident { $($tag:literal => $variant:ident { $($field:ident),* }),* $(,)? }) => {
        impl $crate::backend::embedded::encoding::Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        out.push($tag);
                        $($crate::backend::embedded::encoding::Encode::encode($field, out);)*
                    })*
                }
            }
        }
        impl $crate::backend::embedded::encoding::Decode for $type {
            fn decode(
                input: &mut $crate::backend::embedded::encoding::Input<'_>,
            ) -> Result<Self, $crate::backend::embedded::encoding::Malformed> {
                match input.byte()? {
                    $($tag => Ok(Self::$variant {
                        $($field: $crate::backend::embedded::encoding::Decode::decode(input)?,)*
                    }),)*
                    _ => Err($crate::backend::embedded::encoding::Malformed(stringify!($type))),
                }
            }
        }
    };
}
pub(super) use encoded_enum;

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Encode + Decode + PartialEq + std::fmt::Debug>(value: T) -> usize {
        let mut bytes = Vec::new();
        value.encode(&mut bytes);
        let mut input = Input::new(&bytes);
        assert_eq!(T::decode(&mut input), Ok(value));
        assert!(input.is_empty());
        bytes.len()
    }

    #[test]
    fn values_read_back_and_small_numbers_are_short() {
        for number in [0, 1, 127, 128, 1 << 35, u64::MAX] {
            round_trip(number);
        }
        for number in [0, -1, 1, i64::MIN, i64::MAX] {
            round_trip(number);
        }
        assert_eq!(round_trip(100_u64), 1);
        assert_eq!(round_trip(-3_i64), 1);
        round_trip(vec![Some("나무".to_owned()), None]);
        round_trip(JobId::from_store("mat_1"));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_reserve_nothing() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0x7f];
        assert!(Vec::<u64>::decode(&mut Input::new(&huge)).is_err());
        assert!(String::decode(&mut Input::new(&huge)).is_err());
        assert!(u64::decode(&mut Input::new(&[0x80])).is_err());
        assert!(bool::decode(&mut Input::new(&[7])).is_err());
    }
}
