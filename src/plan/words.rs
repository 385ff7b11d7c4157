//! What a step is called and what is said of it.

use jiff::Timestamp;

use crate::model::{Address, Attributes, Desired, Money, Value};
use crate::resource::{Kind, show};

use super::bind::How;
use super::decide::Decision;
use super::drain::Drain;
use super::stages::Stage;
use super::{Action, Change, Input, Kept, Reason, Verb};

/// What is done, in a few words.
pub(super) fn detail(decision: &Decision<'_>) -> String {
    let action = &decision.action;
    let id = action.id.as_deref().unwrap_or_default();
    match &action.reason {
        Reason::New => decision.desired.map_or_else(String::new, |desired| {
            (decision.kind.detail)(&shown(decision, desired))
        }),
        Reason::DeletedOutside if action.verb == Verb::Create => {
            let made = decision.desired.map_or_else(String::new, |desired| {
                (decision.kind.detail)(&shown(decision, desired))
            });
            format!("{made} · was deleted outside")
        }
        Reason::DeletedOutside if action.verb == Verb::Delete => {
            "was deleted outside · what it may have left goes".to_owned()
        }
        Reason::DeletedOutside => "was deleted outside".to_owned(),
        Reason::Exists if gets_mark(decision) => {
            format!("take over {id}, with our mark")
        }
        Reason::Exists => format!("take over {id}, which is right already"),
        Reason::OurMark => format!("take back {id}, which carries our mark"),
        Reason::ChangedOutside | Reason::Configured | Reason::Unfinished => {
            changed(decision, &action.changes)
        }
        Reason::Differs if action.changes.is_empty() => {
            format!("another in place of {id} · as asked")
        }
        Reason::Differs => format!("another in place of {id} · {}", differs(decision)),
        Reason::Replaced => replaced(decision.kind),
        Reason::Remembered => String::new(),
        Reason::NotConfigured => gone(decision, "no longer in cloud.json"),
        Reason::Withdrawn(why) | Reason::Evicted(why) => gone(decision, why),
        Reason::Unmet => gone(decision, "there is nothing to lead to"),
        Reason::Destroy => gone(decision, ""),
        Reason::NotReady => awaited(id),
        Reason::Kept(why) => format!("stays in the account: {why}"),
        Reason::UpToDate | Reason::LeftOut => String::new(),
    }
}

/// Whether something that was there before gets our mark as it is taken over.
pub(super) fn gets_mark(decision: &Decision<'_>) -> bool {
    let kind = decision.kind;
    kind.marked && kind.marks_found && decision.how == Some(How::Nature)
}

/// What is said of something that goes because another serves in its place.
pub(super) fn replaced(kind: &Kind) -> String {
    let what = kind.loses.map(|lost| format!("with {lost} · "));
    format!("{}another serves in its place", what.unwrap_or_default())
}

/// What is said of something that goes before another is made.
pub(super) fn goes_first(kind: &Kind) -> String {
    let what = kind.loses.map(|lost| format!("with {lost} · "));
    format!(
        "{}another is made in its place · downtime",
        what.unwrap_or_default()
    )
}

/// What is said of something that serves on; `later` is what a later run does, if it is left to that.
pub(super) fn drains(drain: Drain, later: Option<&str>) -> String {
    let time = match drain.until {
        Some(until) => format!("until {}", time(until)),
        None => minutes(drain.seconds),
    };
    match later {
        None => format!("wait {time} · its address may be remembered"),
        Some(later) => format!("its address may be remembered · a later run {later}"),
    }
}

/// What a later run does with something that serves on.
pub(super) fn later(is_wanted: bool) -> &'static str {
    match is_wanted {
        true => "moves it",
        false => "deletes it",
    }
}

/// `10:32 UTC`; with its day, for it may be tomorrow's.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `30 min`, rounded up.
pub(super) fn minutes(seconds: u64) -> String {
    format!("{} min", seconds.div_ceil(60))
}

/// What another one is made for: `image debian-12-x64 → debian-13-x64`.
fn differs(decision: &Decision<'_>) -> String {
    let each = decision.action.changes.iter().map(|change| {
        let attribute = decision.kind.attribute(&change.attribute);
        let about = attribute.map_or("", |attribute| attribute.about);
        let before = show(&Value::Known(change.before.clone()));
        format!("{about} {before} → {}", show(&change.after))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What is said of a copy that is made of what goes. What is paid for is what is used of its size.
pub(super) fn copied(kind: &Kind, change: &Change, a_gb: Option<Money>, kept: Kept) -> String {
    let what = &Attributes::new();
    let what = (kind.changed)(&change.attribute, &change.before, &change.after, what);
    let price = match (a_gb, kept.at_most) {
        (Some(a_gb), Some(most)) => format!(" · at most {most} a month, {a_gb} a GB"),
        (Some(a_gb), None) => format!(" · {a_gb} a GB and month"),
        (None, _) => String::new(),
    };
    format!("{what} · stays{price}")
}

/// Where something new is made, if there is more than one place.
pub(super) fn whereabouts(input: &Input<'_>, decision: &Decision<'_>) -> String {
    let is_new = matches!(
        decision.action.verb,
        Verb::Create | Verb::Replace | Verb::Recreate
    );
    match input.accounts.len() {
        0 | 1 => String::new(),
        _ if is_new => format!(" · in {}", decision.action.account),
        _ => String::new(),
    }
}

/// A new resource's attributes as its description shows them.
fn shown(decision: &Decision<'_>, desired: &Desired) -> Attributes<Value> {
    decision
        .action
        .after
        .clone()
        .unwrap_or_else(|| desired.attributes.clone())
}

/// What is waited for.
pub(super) fn awaited(id: &str) -> String {
    format!("wait for {id}, which an earlier run made")
}

/// What a step does in place, why, and what that means.
pub(super) fn in_place(
    decision: &Decision<'_>,
    stage: &Stage,
    (permanent, loses): (bool, Option<&str>),
) -> String {
    let mut text = changed(decision, &stage.changes);
    for change in &stage.changes {
        if let Some(what) = (decision.kind.beforehand)(&change.attribute, &change.before) {
            text.push_str(&format!(" · {what}"));
        }
    }
    if stage.interrupts {
        text.push_str(" · downtime");
    }
    if let Some(lost) = loses {
        text.push_str(&format!(" · data loss: {lost}"));
    }
    if permanent {
        text.push_str(" · permanent");
    }
    text
}

fn changed(decision: &Decision<'_>, changes: &[Change]) -> String {
    let wanted = decision.action.after.clone().unwrap_or_default();
    let each = changes.iter().map(|change| {
        (decision.kind.changed)(&change.attribute, &change.before, &change.after, &wanted)
    });
    let what = each.collect::<Vec<_>>().join(", ");
    let is_asked_for = |change: &Change| {
        decision.action.changes.contains(change) && change.usual(decision.kind).is_none()
    };
    match decision.action.reason {
        Reason::ChangedOutside if changes.iter().any(is_asked_for) => {
            format!("{what} · changed outside")
        }
        Reason::Unfinished => format!("{what} · an earlier run left it so"),
        _ => what,
    }
}

pub(super) fn label(decision: &Decision<'_>) -> String {
    let action = &decision.action;
    let attributes = action.after.clone().unwrap_or_else(|| before(action));
    label_of(decision.kind, &action.address, &attributes)
}

/// What people call it; one that was set aside by its id too: `web1 (3164444)`.
pub(super) fn label_of(kind: &Kind, address: &Address, attributes: &Attributes<Value>) -> String {
    match address.had() {
        Some((had, id)) => format!("{} ({id})", (kind.label)(had.name(), attributes)),
        None => (kind.label)(address.name(), attributes),
    }
}

/// The attributes that a resource had, as values.
pub(super) fn before(action: &Action) -> Attributes<Value> {
    let before = action.before.as_ref();
    before.map(Attributes::as_known).unwrap_or_default()
}

fn gone(decision: &Decision<'_>, why: &str) -> String {
    let before = before(&decision.action);
    let is = (decision.kind.removed)(&before);
    let what = match decision.kind.loses {
        Some(lost) => format!("with {lost} {is}").trim_end().to_owned(),
        None => is,
    };
    let parts = [what.as_str(), why];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}
