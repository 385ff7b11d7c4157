//! Which action brings a Droplet up. A create is answered before anything is made; if making it
//! fails later, the Droplet is in no list and has no page, and only its action says why.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a Droplet may stay out of sight before its action is asked for, and how long until it
/// is asked again.
pub(super) const UNSEEN: Duration = Duration::from_secs(60);

/// Droplets that this client created and has not seen ready.
#[derive(Debug, Default)]
pub(super) struct Births {
    by_droplet: HashMap<String, Birth>,
}

#[derive(Debug)]
struct Birth {
    action: u64,
    /// When it was seen, created or asked for last.
    seen: Instant,
}

impl Births {
    /// A Droplet was created by this action.
    pub(super) fn began(&mut self, droplet: u64, action: u64, now: Instant) {
        let birth = Birth { action, seen: now };
        self.by_droplet.insert(droplet.to_string(), birth);
    }

    /// Whether this client created it, and has not seen it ready.
    pub(super) fn expects(&self, droplet: &str) -> bool {
        self.by_droplet.contains_key(droplet)
    }

    /// A Droplet was seen; nothing more is expected of one that is ready.
    pub(super) fn seen(&mut self, droplet: &str, ready: bool, now: Instant) {
        if ready {
            self.by_droplet.remove(droplet);
        } else if let Some(birth) = self.by_droplet.get_mut(droplet) {
            birth.seen = now;
        }
    }

    /// The action to ask for, of a Droplet that was looked for and is not there.
    pub(super) fn missed(&mut self, droplet: &str, now: Instant) -> Option<u64> {
        let birth = self.by_droplet.get_mut(droplet)?;
        if now.duration_since(birth.seen) < UNSEEN {
            return None;
        }
        birth.seen = now;
        Some(birth.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_action_is_asked_for_once_a_minute_out_of_sight() {
        let mut births = Births::default();
        let after = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        births.began(7, 70, Instant::now());
        assert!(births.expects("7") && !births.expects("8"));
        assert_eq!(births.missed("8", Instant::now()), None);
        assert_eq!(births.missed("7", Instant::now()), None);
        after(59).await;
        assert_eq!(births.missed("7", Instant::now()), None);
        births.seen("7", false, Instant::now());
        after(59).await;
        assert_eq!(births.missed("7", Instant::now()), None);
        after(1).await;
        assert_eq!(births.missed("7", Instant::now()), Some(70));
        assert_eq!(births.missed("7", Instant::now()), None);
        after(60).await;
        assert_eq!(births.missed("7", Instant::now()), Some(70));
        births.seen("7", true, Instant::now());
        assert!(!births.expects("7"));
        after(600).await;
        assert_eq!(births.missed("7", Instant::now()), None);
    }
}
