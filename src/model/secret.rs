use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A text that never shows itself: `Debug` prints `[REDACTED]`, there is no `Display`, and the
/// memory is wiped when it is dropped.
///
/// ```
/// use cloudbuilder::model::Secret;
///
/// let token = Secret::new("invented-token".to_owned());
/// assert!(!format!("{token:?}").contains("invented"));
/// assert_eq!(token.scrub("bad token invented-token!"), "bad token [REDACTED]!");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text in; nothing but [`Secret::expose`] gives it out again.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text` with the secret taken out, for text that came from outside and may repeat it.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        if self.expose().is_empty() {
            return text.to_owned();
        }
        text.replace(self.expose(), "[REDACTED]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
