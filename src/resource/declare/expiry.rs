//! Servers that are wanted until some time: what is not any more, and what will soon not be.

use jiff::{SignedDuration, Timestamp};

use crate::config::{Cloud, Ends, Server};
use crate::model::{Address, Diagnostic, Place};

use super::kept::not_applied_yet;
use super::{Declaration, Setting, server_address};
use crate::resource::{domain, record};

/// So long before a server expires every plan says so.
const NOTICE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// When a server expires. One that is not made yet has not begun to, if that counts from then.
fn end(server: &Server, setting: &Setting<'_>) -> Option<Timestamp> {
    match server.expires.as_ref()?.value.ends {
        Ends::At(time) => Some(time),
        Ends::After(duration) => {
            let recorded = setting.recorded.get(&server_address(server))?;
            recorded.recorded_at.checked_add(duration).ok()
        }
    }
}

pub(super) fn is_expired(server: &Server, setting: &Setting<'_>) -> bool {
    is_over(server, setting) && !is_kept_for_now(server, setting)
}

fn is_over(server: &Server, setting: &Setting<'_>) -> bool {
    end(server, setting).is_some_and(|end| end <= setting.now)
}

/// Whether cloud.json says more than was applied of what is to keep it, or a copy of it: that is
/// applied first.
fn is_kept_for_now(server: &Server, setting: &Setting<'_>) -> bool {
    let recorded = setting.recorded.get(&server_address(server));
    recorded.is_some_and(|recorded| !not_applied_yet(server, recorded).is_empty())
}

/// When it expires, in the user's words.
fn when(server: &Server) -> String {
    let Some(expires) = &server.expires else {
        return String::new();
    };
    let text = &expires.value.text;
    match expires.value.ends {
        Ends::At(_) => text.clone(),
        Ends::After(_) => format!("{text} after it was made"),
    }
}

impl Declaration<'_> {
    /// Takes a server that has expired as one that is not in cloud.json, and says of what goes
    /// with it why it does.
    pub(super) fn withdraw(&mut self, server: &Server) {
        let expired = format!("expired {}", when(server));
        let of_it = format!("{} {expired}", server.name.value);
        let withdrawn = &mut self.out.withdrawn;
        withdrawn.insert(server_address(server), expired);
        for name in &server.names {
            for record_type in ["A", "AAAA"] {
                let address = record::address(&name.value, record_type);
                let recorded = self.setting.recorded.get(&address);
                // It may have been the last one in its zone.
                if let Some(zone) = recorded.and_then(|recorded| recorded.text(record::ZONE)) {
                    withdrawn.insert(domain::address(zone), of_it.clone());
                }
                withdrawn.insert(address, of_it.clone());
            }
        }
    }
}

/// What is to be said of servers, once of all that have it from one place.
#[derive(PartialEq)]
enum Said {
    /// It goes in that time.
    Soon(String),
    /// It has gone, or goes with this plan, and its time begins again.
    Again,
    /// It is not made.
    NotMade,
    /// What is to keep it, or a copy of it, is applied first.
    Kept,
}

struct Group<'a> {
    said: Said,
    place: &'a Place,
    servers: Vec<&'a Server>,
}

pub(super) fn notes(cloud: &Cloud, setting: &Setting<'_>) -> Vec<Diagnostic> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for server in &cloud.servers {
        let Some((expires, end)) = server.expires.as_ref().zip(end(server, setting)) else {
            continue;
        };
        let left = end.duration_since(setting.now);
        let is_recorded = setting.recorded.contains_key(&server_address(server));
        let said = match expires.value.ends {
            _ if left > NOTICE => continue,
            _ if left > SignedDuration::ZERO => Said::Soon(roughly(left)),
            _ if is_kept_for_now(server, setting) => Said::Kept,
            Ends::At(_) if is_recorded => continue,
            Ends::At(_) => Said::NotMade,
            Ends::After(_) => Said::Again,
        };
        let place = &expires.place;
        match groups
            .iter_mut()
            .find(|group| group.place == place && group.said == said)
        {
            Some(group) => group.servers.push(server),
            None => groups.push(Group {
                said,
                place,
                servers: vec![server],
            }),
        }
    }
    groups.iter().filter_map(Group::note).collect()
}

impl Group<'_> {
    fn note(&self) -> Option<Diagnostic> {
        let first = self.servers.first()?;
        let address: Address = server_address(first);
        let (who, one) = match self.servers.len() - 1 {
            0 => (address.to_string(), true),
            more => (format!("{address} and {more} more"), false),
        };
        let verb = |singular: &'static str, plural| if one { singular } else { plural };
        let when = when(first);
        let note = match &self.said {
            Said::Soon(left) => Diagnostic::warning(format!(
                "{who} {} in {left} ({when})",
                verb("expires", "expire")
            ))
            .detail("what has expired is deleted, with its disk and the names that lead to it")
            .hint("a later `expires` keeps it"),
            Said::Again => Diagnostic::warning(format!(
                "{who} {} expired, and a later apply makes {} anew",
                verb("has", "have"),
                verb("it", "them")
            ))
            .detail("a duration counts from when a server is made, each time it is")
            .hint("take it out of cloud.json, or give it a date"),
            Said::Kept => Diagnostic::note(format!(
                "{who} {} for now: expired {when}",
                verb("stays", "stay")
            ))
            .detail("what cloud.json says of protection and of a snapshot is applied first"),
            Said::NotMade => Diagnostic::note(format!(
                "{who} {} not made: expired {when}",
                verb("is", "are")
            ))
            .hint("take it out of cloud.json, or give it a later `expires`"),
        };
        Some(note.at(self.place.clone()))
    }
}

/// `2 days`; what is over of it is left out.
fn roughly(left: SignedDuration) -> String {
    match (left.as_hours(), left.as_mins()) {
        (hours @ 48.., _) => format!("{} days", hours / 24),
        (hours @ 2.., _) => format!("{hours} hours"),
        (_, minutes @ 2..) => format!("{minutes} minutes"),
        _ => "a minute".to_owned(),
    }
}
