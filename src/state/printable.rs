/// `text` with everything escaped that could steer a terminal or turn the reading direction: it
/// comes from a file that others may have written.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let steers = character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_steers_is_escaped() {
        assert_eq!(
            printable("Zoë\u{1b}[2J\n\u{202e}x"),
            "Zoë\\u{1b}[2J\\n\\u{202e}x"
        );
    }
}
