//! Text strings of PDF: titles and names are not in the encoding of the page.

use hayro_syntax::object::String as PdfString;

/// Decodes a text string: UTF-16 or UTF-8 with a mark, else the encoding of PDF documents.
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_with_bom_removal(bytes).0.into_owned();
    }
    bytes.iter().map(|&byte| document_character(byte)).collect()
}

/// Decodes a text string.
pub(super) fn text_of(string: &PdfString<'_>) -> String {
    text(string.as_bytes())
}

/// PDFDocEncoding: Latin-1, with typographic signs in the gap of the controls.
fn document_character(byte: u8) -> char {
    const SIGNS: [char; 31] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚',
        '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž',
    ];
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    match byte {
        0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        0x80..=0x9e => SIGNS[usize::from(byte - 0x80)],
        0xa0 => '€',
        other => char::from(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_decoded_from_their_three_encodings() {
        assert_eq!(text(b"\xfe\xff\xd5\x5c\x00 \xae\x00"), "한 글");
        assert_eq!(text("\u{feff}한".as_bytes()), "한");
        assert_eq!(text(b"Caf\xe9 \x84 \xa02"), "Café — €2");
    }
}
