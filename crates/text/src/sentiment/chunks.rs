//! Reviews are longer than what an encoder reads at once, and a mean over pieces keeps what is said late.

use crate::words::{LONGEST_TEXT, without_markup};

/// `text` without markup in pieces of about equal length, of at most `words` words each. None when it has no word that could be read:
/// punctuation, digits and emoji alone say nothing to an encoder of letters.
pub(super) fn chunks(text: &str, words: usize) -> Vec<String> {
    let text = without_markup(&text[..text.floor_char_boundary(LONGEST_TEXT)]);
    if !text.contains(char::is_alphabetic) {
        return Vec::new();
    }
    let all: Vec<&str> = text.split_whitespace().collect();
    // Evenly, so that the last three words of a review do not weigh as much as its first hundred.
    let n_chunks = all.len().div_ceil(words.max(1)).max(1);
    all.chunks(all.len().div_ceil(n_chunks)).map(|chunk| chunk.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even_and_nothing_is_lost() {
        let text: Vec<String> = (0..205).map(|i| format!("palabra{i}")).collect();
        let pieces = chunks(&text.join(" \n"), 100);
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.split(' ').count()).collect();
        assert_eq!(lengths, [69, 69, 67]);
        assert_eq!(pieces.join(" "), text.join(" "));
    }

    #[test]
    fn any_text_has_pieces_or_none() {
        for nothing in ["", " \n", "😍😍😍", "10/10 !!!", "<br/><p class='x'></p>"] {
            assert!(chunks(nothing, 100).is_empty(), "{nothing:?}");
        }
        assert_eq!(chunks("<p>Muy <b>bueno</b></p>", 100), ["Muy bueno"]);
        assert_eq!(chunks("a < b y b > c", 100), ["a < b y b > c"]);
        assert_eq!(chunks("muy <b", 100), ["muy <b"], "a tag that never ends is text");
        assert!(!chunks("отлично 最高 muy bueno", 100).is_empty());
        assert_eq!(chunks(&"x".repeat(1 << 20), 100)[0].len(), LONGEST_TEXT);
        assert!(chunks(&"ñandú ".repeat(1 << 18), 100).len() <= LONGEST_TEXT / 700);
    }
}
