//! Which requests are sent again, and when.

use std::time::Duration;

use tokio::time::Instant;

use crate::provider::{Class, Tempo};

/// How often a request that only looks is repeated: whoever asked may ask again.
pub(super) const LOOKS: u32 = 4;
/// How often one that changes something is: for about three quarters of a minute.
pub(super) const CHANGES: u32 = 10;
/// Pauses grow to this many times the first one.
const LONGEST: u32 = 40;

/// What may be done about a request whose answer says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Repeat {
    /// Sent again only if it never left: once more could be one too many.
    Unsent,
    /// Sent again in any case: it comes to the same, however often it is done.
    Unclear,
}

impl Repeat {
    /// Whether an error of this class may be met by sending it again.
    pub(super) fn after(self, class: Class) -> bool {
        match class {
            Class::NotSent | Class::Transient => true,
            Class::Ambiguous => self == Self::Unclear,
            _ => false,
        }
    }
}

/// The pauses between the tries of one request.
#[derive(Debug)]
pub(super) struct Pauses {
    tempo: Tempo,
    left: u32,
    next: Duration,
    until: Option<Instant>,
}

impl Pauses {
    /// At most so many.
    pub(super) fn new(tempo: Tempo, most: u32) -> Self {
        Self {
            tempo,
            left: most,
            next: tempo.first_pause,
            until: None,
        }
    }

    /// How long to wait before the next try; `None` if the one that failed just now was the last.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        // Counted from the first failure: before it, a request may have waited for its turn.
        let until = *self.until.get_or_insert(now + self.tempo.patience);
        let longest = self.tempo.first_pause * LONGEST;
        let pause = self.next;
        self.next = (pause * 2).min(longest);
        // Half of it by chance, so that many clients do not come back in step.
        let pause = pause.mul_f64(0.5 + fastrand::f64());
        (now + pause <= until).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let tempo = Tempo {
            first_pause: Duration::from_millis(10),
            patience: Duration::from_secs(60),
        };
        let mut pauses = Pauses::new(tempo, CHANGES);
        let now = Instant::now();
        for about in [10, 20, 40, 80, 160, 320, 400, 400, 400, 400] {
            let pause = pauses.next(now).unwrap().as_millis();
            assert!((about / 2..=about * 3 / 2).contains(&pause), "{pause}");
        }
        assert_eq!(pauses.next(now), None);
    }

    #[test]
    fn patience_is_counted_from_the_first_failure() {
        let tempo = Tempo {
            first_pause: Duration::from_millis(10),
            patience: Duration::from_secs(60),
        };
        let mut pauses = Pauses::new(tempo, CHANGES);
        let first = Instant::now() + Duration::from_secs(600);
        assert!(pauses.next(first).is_some());
        assert!(pauses.next(first + Duration::from_secs(59)).is_some());
        assert_eq!(pauses.next(first + Duration::from_secs(60)), None);
    }

    #[test]
    fn what_may_be_done_twice_is_repeated_when_unclear() {
        assert!(Repeat::Unsent.after(Class::NotSent));
        assert!(!Repeat::Unsent.after(Class::Ambiguous));
        assert!(Repeat::Unclear.after(Class::Ambiguous));
        for class in [
            Class::NotFound,
            Class::Busy,
            Class::RateLimited,
            Class::Rejected,
        ] {
            assert!(!Repeat::Unclear.after(class), "{class:?}");
        }
    }
}
