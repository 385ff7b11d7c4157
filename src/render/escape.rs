use crate::model::steers;

/// A text that is JSON with everything that steers a terminal spelled out. It stays the same JSON:
/// such characters can stand only inside its strings, where `\u001b` means the character itself.
pub(super) fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if steers(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"name": "a\u{9b}2J\u{7f}\u{202e}\u{e0041}\u{1b}\n\"\\"});
        let text = escape_json(&value.to_string());
        assert!(text.chars().all(|character| !steers(character)), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
