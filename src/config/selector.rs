//! How cloud.json names an image or a size: exactly, or by a pattern.

mod read;

use glob::{MatchOptions, Pattern};
use jiff::Timestamp;

pub(super) use read::{IMAGE, SIZE, Wanted, selector};

/// Case does not count, and no character is special in a name but those of the pattern itself.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: false,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// What stands in cloud.json for an image or a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    by: By,
    glob: Option<Pattern>,
    newest: bool,
}

/// What of a candidate the text is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Anything,
    Name,
    Slug,
    Id,
}

/// One image or size on offer, as far as it can be selected by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The provider's short name for it, where it has such names.
    pub slug: Option<&'a str>,
    /// The name that people read.
    pub name: Option<&'a str>,
    /// The provider's id.
    pub id: Option<&'a str>,
    /// When it was made, which only `newest` asks for.
    pub created: Option<Timestamp>,
}

/// What a selector found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection<'a, T> {
    /// The one that is meant.
    One(&'a T),
    /// Nothing matches.
    None,
    /// More than one matches, in the order in which they were offered.
    Several(Vec<&'a T>),
}

/// Why a text is no pattern, in the words that follow it in a sentence; and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternProblem {
    /// What is wrong.
    pub problem: &'static str,
    /// What to do.
    pub hint: &'static str,
}

impl Selector {
    /// A string of cloud.json: an exact slug, name or id, or a pattern with `*`, `?` or `[..]`.
    ///
    /// # Errors
    /// If it is a pattern that means nothing.
    pub fn new(text: &str) -> Result<Self, PatternProblem> {
        Self::by(By::Anything, text, false)
    }

    fn by(by: By, text: &str, newest: bool) -> Result<Self, PatternProblem> {
        let glob = match by {
            By::Id => None,
            By::Anything | By::Name | By::Slug => pattern(text)?,
        };
        Ok(Self {
            text: text.to_owned(),
            by,
            glob,
            newest,
        })
    }

    /// What takes the place of a selector that is missing or could not be read. Nothing matches
    /// it.
    pub(super) fn nothing() -> Self {
        Self {
            text: String::new(),
            by: By::Id,
            glob: None,
            newest: false,
        }
    }

    /// What the user wrote, for messages.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a pattern.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// Whether the newest is meant if several match.
    #[must_use]
    pub fn is_newest(&self) -> bool {
        self.newest
    }

    /// Whether a candidate is one of those that are meant.
    #[must_use]
    pub fn matches(&self, candidate: Candidate<'_>) -> bool {
        self.rank(candidate).is_some()
    }

    /// How well a candidate fits, the best first: an id is one thing, a slug nearly so, names are
    /// given twice, and a pattern counts only where nothing is called exactly that.
    fn rank(&self, candidate: Candidate<'_>) -> Option<u8> {
        let by = |by: By| {
            // A slug is a name too, where there are slugs.
            self.by == By::Anything || self.by == by || (self.by == By::Name && by == By::Slug)
        };
        let is = |text: Option<&str>| text == Some(&self.text);
        let fits = |text: Option<&str>| {
            let glob = self.glob.as_ref();
            glob.zip(text)
                .is_some_and(|(glob, text)| glob.matches_with(text, MATCHING))
        };
        let Candidate { slug, name, id, .. } = candidate;
        if self.text.is_empty() {
            None
        } else if by(By::Id) && is(id) {
            Some(0)
        } else if by(By::Slug) && is(slug) {
            Some(1)
        } else if by(By::Name) && is(name) {
            Some(2)
        } else if by(By::Slug) && fits(slug) || by(By::Name) && fits(name) {
            Some(3)
        } else {
            None
        }
    }
}

/// The pattern that a text is; `None` if it is an exact name.
fn pattern(text: &str) -> Result<Option<Pattern>, PatternProblem> {
    if !text.contains(['*', '?', '[']) {
        return Ok(None);
    }
    if text.contains("**") {
        return Err(PatternProblem {
            problem: "has two `*` in a row",
            hint: "one `*` stands for any characters",
        });
    }
    let unclosed = PatternProblem {
        problem: "has a `[` that no `]` closes",
        hint: "`[..]` stands for one of the characters in it, `[[]` for the bracket itself",
    };
    Pattern::new(text).map(Some).map_err(|_| unclosed)
}

/// Which of `all` a selector means. Of several that fit, the newest is taken if the selector says
/// so and one of them is.
pub fn select<'a, 'c, T>(
    selector: &Selector,
    all: &'a [T],
    describe: impl Fn(&'a T) -> Candidate<'c>,
) -> Selection<'a, T> {
    let ranked: Vec<_> = all
        .iter()
        .filter_map(|item| Some((selector.rank(describe(item))?, item)))
        .collect();
    let best = ranked.iter().map(|(rank, _)| *rank).min();
    let mut fitting: Vec<&T> = ranked
        .into_iter()
        .filter(|(rank, _)| Some(*rank) == best)
        .map(|(_, item)| item)
        .collect();
    if selector.newest {
        // What does not say when it was made counts as the oldest.
        let newest = fitting.iter().map(|item| describe(item).created).max();
        fitting.retain(|item| Some(describe(item).created) == newest);
    }
    match fitting.as_slice() {
        [] => Selection::None,
        [one] => Selection::One(one),
        _ => Selection::Several(fitting),
    }
}

#[cfg(test)]
mod tests;
