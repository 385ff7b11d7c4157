use crate::plan::Verb;

/// Colours, if they are wanted. The decision is made once, by who knows the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) color: bool,
}

impl Paint {
    /// In the colour of what is done: green creates, yellow changes, red deletes, cyan takes over.
    pub(super) fn verb(self, verb: Verb, text: &str) -> String {
        match verb {
            Verb::Create | Verb::Replace | Verb::Recreate => self.wrap("32", text),
            Verb::Update => self.wrap("33", text),
            Verb::Delete => self.wrap("31", text),
            Verb::Import => self.wrap("36", text),
            Verb::NoOp | Verb::Forget => self.wrap("2", text),
        }
    }

    /// For what may be skipped when reading.
    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// For headings.
    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For what is good.
    pub(super) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// For what is bad or cannot be undone.
    pub(super) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// For places in a file.
    pub(super) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
