use std::borrow::Cow;

/// `text` with everything that steers a terminal, or hides in one, spelled out: `\n`, `\u{1b}`.
///
/// Names, ids and messages come from APIs and files. Whoever chose them must not move the cursor,
/// start a line of their own or turn the direction of writing round. All text that was not written
/// in this program goes through here before it is printed.
///
/// ```
/// use cloudbuilder::model::escape;
///
/// assert_eq!(escape("web1"), "web1");
/// assert_eq!(escape("web1\u{1b}[2J\n+ all is well"), "web1\\u{1b}[2J\\n+ all is well");
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if steers(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character moves the cursor, hides, or turns the direction of writing: control characters,
///  line and paragraph separators, marks that change the direction of writing,
/// and letters that take no room.
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left() {
        for code in 0..=0x0010_ffff {
            let Some(character) = char::from_u32(code) else {
                continue;
            };
            let text = escape(character.encode_utf8(&mut [0; 4])).into_owned();
            assert!(!text.contains(steers), "U+{code:04X}");
        }
    }

    #[test]
    fn letters_of_all_scripts_stay() {
        for text in ["café", "名前", "שלום", "👩‍💻", "a\\nb"] {
            assert_eq!(escape(text), text);
        }
    }
}
