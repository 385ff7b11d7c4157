//! The requests that it takes to change something in place, one after another.

use serde_json::Value as Json;

use crate::model::{Attributes, Capabilities, Update, Value};

use super::Change;

/// One request of several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) changes: Vec<Change>,
    /// Whether what is changed cannot be used from here on.
    pub(super) interrupts: bool,
    /// The stages that must be done first, by their place.
    pub(super) needs: Vec<usize>,
}

impl Stage {
    /// What only the state hears of.
    pub(super) fn noting(changes: Vec<Change>) -> Self {
        Self {
            changes,
            interrupts: false,
            needs: Vec::new(),
        }
    }
}

/// The stages that `changes` come to, in order: each begins when the one before is over, whatever
/// came of it, so that what has been stopped for them is started again in any case.
pub(super) fn stages(
    capabilities: &Capabilities,
    kind: &str,
    changes: &[Change],
    is: &Attributes,
) -> Vec<Stage> {
    let mut left: Vec<&Change> = changes.iter().collect();
    let mut plain = Vec::new();
    let mut conditional = Vec::new();
    for update in capabilities.updates.iter().filter(|u| u.kind == kind) {
        let (together, others): (Vec<&Change>, Vec<&Change>) = left
            .into_iter()
            .partition(|change| update.attributes.contains(&change.attribute.as_str()));
        left = others;
        if !together.is_empty() {
            match update.during {
                None => plain.push((update, together)),
                Some(condition) => conditional.push((condition, update, together)),
            }
        }
    }
    let conditions: Vec<&str> = conditional.iter().map(|((name, _), ..)| *name).collect();
    // What has been stopped before is started again, but last.
    let (closing, plain): (Vec<_>, Vec<_>) = plain.into_iter().partition(|(update, _)| {
        update
            .attributes
            .iter()
            .any(|name| conditions.contains(name))
    });
    let mut stages: Vec<Stage> = plain
        .into_iter()
        .map(|(update, changes)| Stage {
            interrupts: interrupts(update, &changes),
            changes: changes.into_iter().cloned().collect(),
            needs: Vec::new(),
        })
        .collect();
    let mut opened: Vec<(Change, usize)> = Vec::new();
    for ((name, value), update, changes) in conditional {
        let needs = match opened
            .iter()
            .find(|(change, _)| change.after == value.into())
        {
            Some((_, at)) => vec![*at],
            None => match open(name, value, is) {
                None => Vec::new(),
                Some(change) => {
                    let at = stages.len();
                    opened.push((change.clone(), at));
                    stages.push(Stage {
                        changes: vec![change],
                        interrupts: true,
                        needs: Vec::new(),
                    });
                    vec![at]
                }
            },
        };
        stages.push(Stage {
            interrupts: interrupts(update, &changes),
            changes: changes.into_iter().cloned().collect(),
            needs,
        });
    }
    for (change, at) in opened {
        let back = Change {
            before: change.after.known().cloned().unwrap_or_default(),
            after: Value::Known(change.before),
            attribute: change.attribute,
        };
        stages.push(Stage {
            changes: vec![back],
            interrupts: false,
            needs: vec![at],
        });
    }
    stages.extend(closing.into_iter().map(|(_, changes)| Stage {
        changes: changes.into_iter().cloned().collect(),
        interrupts: false,
        needs: Vec::new(),
    }));
    stages
}

/// Whether it cannot be used meanwhile. What has the value already, and only has to be brought to its
/// end, can.
fn interrupts(update: &Update, changes: &[&Change]) -> bool {
    let mut changes = changes.iter();
    update.interrupts && changes.any(|change| change.after.known() != Some(&change.before))
}

/// What has to be changed first, unless it is so already.
fn open(name: &str, value: &str, is: &Attributes) -> Option<Change> {
    let before = is.get(name)?;
    (before.as_str() != Some(value)).then(|| Change {
        attribute: name.to_owned(),
        before: before.clone(),
        after: Value::Known(Json::from(value)),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::model::RecordRules;

    use super::*;

    static TOYS: Capabilities = Capabilities {
        provider: "toys",
        kinds: &["toy"],
        updates: &[
            Update::at_once("toy", &["name", "colour"]),
            Update {
                during: Some(("motor", "off")),
                ..Update::at_once("toy", &["size"])
            },
            Update {
                during: Some(("motor", "off")),
                ..Update::at_once("toy", &["weight"])
            },
            Update::at_once("toy", &["motor"]),
        ],
        leaves: &[],
        only_seen: &[],
        marked: &[],
        copy_gb: None,
        prices: true,
        batches: &[],
        records: RecordRules::ALL,
        name_servers: &[],
        boot: Duration::ZERO,
        page: 1,
        by_id: false,
        lacks: &[],
    };

    /// Each stage as the attributes that it changes and to what, and the stages it needs.
    fn told(motor: &str, changed: &[(&str, &str)]) -> Vec<String> {
        let change = |&(name, after): &(&str, &str)| Change {
            attribute: name.to_owned(),
            before: "before".into(),
            after: after.into(),
        };
        let changes: Vec<Change> = changed.iter().map(change).collect();
        let is = Attributes::from([("motor".to_owned(), motor.into())]);
        let stages = stages(&TOYS, "toy", &changes, &is);
        let told = stages.iter().map(|stage| {
            let changes: Vec<String> = stage
                .changes
                .iter()
                .map(|change| {
                    let after = change.after.known().and_then(Json::as_str);
                    format!("{} {}", change.attribute, after.unwrap_or_default())
                })
                .collect();
            format!("{} {:?}", changes.join(", "), stage.needs)
        });
        told.collect()
    }

    #[test]
    fn what_one_request_changes_is_one_stage() {
        let changed = [("colour", "red"), ("name", "b")];
        assert_eq!(told("on", &changed), ["colour red, name b []"]);
    }

    #[test]
    fn what_has_to_be_stopped_is_stopped_once_and_started_again_last() {
        let changed = [("weight", "2"), ("size", "l"), ("name", "b")];
        assert_eq!(
            told("on", &changed),
            [
                "name b []",
                "motor off []",
                "size l [1]",
                "weight 2 [1]",
                "motor on [1]"
            ]
        );
    }

    #[test]
    fn what_is_stopped_already_is_left_so() {
        assert_eq!(told("off", &[("size", "l")]), ["size l []"]);
    }

    #[test]
    fn what_an_earlier_run_stopped_is_started_last() {
        let changed = [("motor", "on"), ("size", "l"), ("name", "b")];
        assert_eq!(
            told("off", &changed),
            ["name b []", "size l []", "motor on []"]
        );
    }
}
