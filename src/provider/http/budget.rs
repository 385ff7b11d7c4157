//! When the next request may be sent, so that no limit of the API is overrun: pure, with the time
//! handed in.
//!
//! Two limits count. The hour's is told by headers, with every answer. The minute's no header
//! tells, so what was sent is counted here. The API counts a request at some moment between its
//! sending and its answer; it is taken to be the last one, so that neither a slow line nor a clock
//! that runs differently makes a request too many. What another program has sent with the same
//! token in the last minute cannot be known, unless it is all that was sent in the hour.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The minute's limit, and the hour's: the minute allows a twentieth.
const A_MINUTE: usize = 250;
const MINUTES_SHARE: u64 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Added to every wait: times are cut to whole seconds or milliseconds somewhere.
const MARGIN: Duration = Duration::from_millis(250);

/// What an answer's headers say of the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) struct Hour {
    /// How many requests it allows in all.
    pub(in crate::provider) limit: u64,
    /// How many of them are left.
    pub(in crate::provider) remaining: u64,
    /// When the oldest counted request counts no more, in the API's own time.
    pub(in crate::provider) reset: u64,
    /// How long that is from now.
    pub(in crate::provider) until_reset: Duration,
}

/// Why a request must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The minute's requests are used up.
    Minute,
    /// The hour's are.
    Hour,
    /// The API said so.
    Told,
    /// What is in flight may use up what is left.
    InFlight,
}

impl Why {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Minute => "the API allows 250 requests a minute",
            Self::Hour => "the API's requests of this hour are used up",
            Self::Told => "the API's limit of requests is reached",
            Self::InFlight => "answers are outstanding",
        }
    }
}

/// What is left, for estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// What a minute allows in all.
    pub(super) a_minute: usize,
    /// What is left of it.
    pub(super) minute: usize,
    /// What is left of the hour, and when the first of those used is free again.
    pub(super) hour: Option<(u64, Duration)>,
}

/// The requests of the last minute, and what is known of the last hour.
#[derive(Debug, Default)]
pub(super) struct Budget {
    in_flight: usize,
    /// The API takes as many as come, unless it says otherwise.
    is_unlimited: bool,
    /// When requests of the last minute were answered, oldest first, and whether the answer told
    /// of the limits.
    answered: VecDeque<(Instant, bool)>,
    /// How many of these did.
    headed: u64,
    hour: Option<Window>,
    /// The most that the API ever said it has counted in an hour.
    most_counted: u64,
    /// Before this nothing is sent, because an answer said so.
    barred_until: Option<Instant>,
    told_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u64,
    left: u64,
    reset: u64,
    reset_at: Instant,
}

impl Budget {
    /// One for an API that takes as many as come; it may still ask to wait.
    pub(super) fn unlimited() -> Self {
        Self {
            is_unlimited: true,
            ..Self::default()
        }
    }

    /// Takes a request's place, or says how long to wait before asking again, and why. Whoever
    /// gets a place gives it back with [`Self::answered`].
    pub(super) fn take(&mut self, now: Instant) -> Result<(), (Duration, Why)> {
        if let Some(until) = self.barred_until.filter(|until| *until > now) {
            return Err((until - now, Why::Told));
        }
        self.forget(now);
        if self.is_counted() && self.in_flight + self.answered.len() >= self.a_minute() {
            return Err(match self.answered.front() {
                Some((oldest, _)) => (*oldest + MINUTE + MARGIN - now, Why::Minute),
                None => (MINUTE, Why::InFlight),
            });
        }
        if let Some(hour) = self.hour
            // The API may not have counted what is in flight when it said how many are left.
            && hour.left <= self.in_flight as u64
        {
            let wait = (hour.reset_at + MARGIN).saturating_duration_since(now);
            return Err(match hour.left {
                0 if !wait.is_zero() => (wait, Why::Hour),
                _ => (MINUTE, Why::InFlight),
            });
        }
        self.in_flight += 1;
        Ok(())
    }

    /// A request was answered, or never will be; what its answer said of the hour.
    pub(super) fn answered(&mut self, now: Instant, told: Option<Hour>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.forget(now);
        self.answered.push_back((now, told.is_some()));
        self.headed += u64::from(told.is_some());
        match told {
            Some(told) => self.told(now, told),
            None => {
                if let Some(hour) = &mut self.hour {
                    hour.left = hour.left.saturating_sub(1);
                }
            }
        }
    }

    fn told(&mut self, now: Instant, told: Hour) {
        let counted = told.limit.saturating_sub(told.remaining);
        self.most_counted = self.most_counted.max(counted);
        let Some(hour) = &mut self.hour else {
            self.hour = Some(Window {
                limit: told.limit,
                left: told.remaining,
                reset: told.reset,
                reset_at: now + told.until_reset,
            });
            self.count_others(now, told);
            return;
        };
        hour.limit = told.limit;
        if told.reset > hour.reset {
            // Something has been freed since.
            hour.left = told.remaining;
            hour.reset = told.reset;
            hour.reset_at = now + told.until_reset;
        } else {
            // Answers overtake each other: the lowest number is the latest one.
            hour.left = hour.left.min(told.remaining);
        }
    }

    /// The API refused a request until then.
    pub(super) fn bar(&mut self, until: Instant) {
        self.barred_until = self.barred_until.max(Some(until));
    }

    /// Whether a wait until then is news: many requests wait for the same moment.
    pub(super) fn is_news(&mut self, until: Instant) -> bool {
        let told = self.told_until;
        let known = told.is_some_and(|told| until <= told + Duration::from_secs(1));
        if !known {
            self.told_until = Some(until);
        }
        !known
    }

    /// What could be sent now; `None` where nothing is counted.
    pub(super) fn left(&mut self, now: Instant) -> Option<Left> {
        self.forget(now);
        let taken = self.in_flight + self.answered.len();
        self.is_counted().then(|| Left {
            a_minute: self.a_minute(),
            minute: self.a_minute().saturating_sub(taken),
            hour: self.hour.map(|hour| {
                let left = hour.left.saturating_sub(self.in_flight as u64);
                (left, hour.reset_at.saturating_duration_since(now))
            }),
        })
    }

    fn a_minute(&self) -> usize {
        let share = self.hour.map(|hour| hour.limit / MINUTES_SHARE);
        let share = share.and_then(|share| usize::try_from(share).ok());
        share.map_or(A_MINUTE, |share| share.max(1))
    }

    /// Whether the API counts at all. If it does, then at some answer it had counted about all
    /// those that are answered now; one that had not has no limits, as a sandbox.
    fn is_counted(&self) -> bool {
        let seems_counted = self.hour.is_none() || self.most_counted * 2 + 10 >= self.headed;
        !self.is_unlimited && seems_counted
    }

    /// Drops what does not count any more.
    fn forget(&mut self, now: Instant) {
        while let Some((oldest, headed)) = self.answered.front()
            && *oldest + MINUTE + MARGIN <= now
        {
            self.headed -= u64::from(*headed);
            self.answered.pop_front();
        }
        if let Some(hour) = &mut self.hour
            && hour.left == 0
            && hour.reset_at + MARGIN <= now
        {
            // One at least is free again; its answer will say how many.
            hour.left = 1;
        }
    }

    /// If the oldest request of the hour is less than a minute old, then all of them are: those of
    /// a plan that ran just before an apply.
    fn count_others(&mut self, now: Instant, told: Hour) {
        if told.until_reset + MINUTE <= HOUR {
            return;
        }
        let ours = self.answered.len() + self.in_flight;
        let counted = told.limit.saturating_sub(told.remaining);
        let others = usize::try_from(counted).unwrap_or(A_MINUTE).min(A_MINUTE);
        for _ in ours..others {
            self.answered.push_front((now, true));
            self.headed += 1;
        }
    }
}

#[cfg(test)]
mod tests;
