//! From bytes to characters: which encoding a text is in.
//!
//! The order is the order of certainty: a mark at the beginning, the zero bytes of UTF-16, bytes
//! that are UTF-8 throughout, what the text declares, and last a guess by frequency.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The bytes that the guess looks at first; more are used only when these are plain ASCII.
const SAMPLE: usize = 1 << 20;

/// Decodes a text; what cannot be decoded becomes U+FFFD.
pub(super) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding.decode_with_bom_removal(bytes).0.into_owned();
    }
    if let Some(encoding) = utf_16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    // A text that says UTF-8 and is not was cut or damaged somewhere: most of it is UTF-8 still.
    if declared == Some(UTF_8) || is_mostly_utf_8(bytes) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let encoding = declared.unwrap_or_else(|| guess(bytes));
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Tells UTF-16 by the zero bytes of its Latin letters, spaces and line ends.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(64 * 1024)];
    let pairs = head.chunks_exact(2);
    let count = pairs.len();
    if count < 2 {
        return None;
    }
    let (first, second) = pairs.fold((0, 0), |(first, second), pair| {
        (first + usize::from(pair[0] == 0), second + usize::from(pair[1] == 0))
    });
    // Korean text has few zero bytes but its spaces: a tenth on one side and none on the other.
    let is_side = |zeros: usize, others: usize| zeros * 10 > count && others * 50 <= zeros;
    match (is_side(first, second), is_side(second, first)) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// Tells UTF-8 in which a few bytes were damaged: nearly all non-ASCII bytes form characters.
fn is_mostly_utf_8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|byte| !byte.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    good > 20 * bad
}

/// Guesses by frequency. The hint makes short Korean texts certain and costs others nothing.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut fed = 0;
    for piece in bytes.chunks(SAMPLE) {
        fed += piece.len();
        // Never "last" before the real end: a character cut in half would rule its encoding out.
        let is_telling = detector.feed(piece, fed == bytes.len());
        if is_telling {
            break;
        }
    }
    let guessed = detector.guess(Some(b"kr"), Utf8Detection::Deny);
    // Latin-1 is read as its superset, as browsers do.
    if guessed == UTF_8 { WINDOWS_1252 } else { guessed }
}

#[cfg(test)]
mod tests {
    use encoding_rs::EUC_KR;

    use super::*;

    const KOREAN: &str = "제 1 장 시작하기\n이 문서는 설치 방법을 설명합니다.\n똠방각하 펲시콜라\n";

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn check(bytes: &[u8], expect: &str) {
        assert_eq!(decode(bytes, None), expect);
    }

    #[test]
    fn korean_is_read_in_all_of_its_encodings() {
        check(KOREAN.as_bytes(), KOREAN);
        check(&[b"\xef\xbb\xbf", KOREAN.as_bytes()].concat(), KOREAN);
        check(&EUC_KR.encode(KOREAN).0, KOREAN);
        check(&utf_16(KOREAN, u16::to_le_bytes), KOREAN);
        check(&utf_16(KOREAN, u16::to_be_bytes), KOREAN);
        check(&[b"\xff\xfe".to_vec(), utf_16(KOREAN, u16::to_le_bytes)].concat(), KOREAN);
    }

    #[test]
    fn six_korean_characters_are_enough() {
        check(&EUC_KR.encode("운영체제입문").0, "운영체제입문");
    }

    #[test]
    fn latin_1_is_read_as_its_superset() {
        let text = "Le café déjà fermé — “trop tard”, dit l’élève à la façade.";

        check(&WINDOWS_1252.encode(text).0, text);
    }

    #[test]
    fn a_damaged_byte_does_not_change_the_encoding() {
        let mut bytes = KOREAN.repeat(10).into_bytes();
        bytes[9] = 0xff;

        let text = decode(&bytes, None);

        assert!(text.contains("설치 방법"), "{text}");
    }

    #[test]
    fn what_is_declared_wins_over_the_guess() {
        let bytes = EUC_KR.encode("한").0;

        assert_eq!(decode(&bytes, Some(EUC_KR)), "한");
    }
}
