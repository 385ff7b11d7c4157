use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::json::{DiagnosticJson, action_reason, imported, importing, line};
use super::phrase;
use crate::apply::{Event, Report};
use crate::model::{Address, Diagnostic, Severity};
use crate::plan::{Action, Counts, Op, Plan, Step, Verb};

/// The version of Terraform's machine-readable UI that the messages follow.
const UI_VERSION: &str = "1.2";

/// `apply --json`: one JSON object a line, in the shape of Terraform's machine-readable UI.
///
/// Every method returns whole lines, ready to be written. The caller says what time it is.
/// `apply_skipped` and `apply_incomplete`, and in a hook `step`, `because`, `outcome` and
/// `waiting_for`, are our own. `schemas/apply.schema.json` describes a line.
#[derive(Debug)]
pub struct JsonStream {
    plan: Arc<Plan>,
    /// The provider of each resource, where there are several.
    providers: HashMap<Address, String>,
    /// That of all others.
    provider: String,
    destroy: bool,
    running: BTreeMap<usize, Timestamp>,
}

impl JsonStream {
    /// For carrying out `plan`; `destroy` if that is the command.
    #[must_use]
    pub fn new(plan: Arc<Plan>, destroy: bool) -> Self {
        let provider = plan.providers.values().next().cloned().unwrap_or_default();
        let of_action = |action: &Action| {
            let other = plan.providers.get(&action.account)?;
            (*other != provider).then(|| (action.address.clone(), other.clone()))
        };
        Self {
            providers: plan.actions.iter().filter_map(of_action).collect(),
            plan,
            provider,
            destroy,
            running: BTreeMap::new(),
        }
    }

    /// The first line: who speaks.
    #[must_use]
    pub fn version(&self, now: Timestamp) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let more = json!({"cloudbuilder": version, "ui": UI_VERSION});
        message(
            now,
            "info",
            "version",
            &format!("cloudbuilder {version}"),
            more,
        )
    }

    /// What is going to happen: a `planned_change` for each resource, and their sum.
    #[must_use]
    pub fn planned(&self, now: Timestamp) -> String {
        let imported = imported(&self.plan);
        let mut lines = String::new();
        for action in &self.plan.actions {
            let importing = importing(&imported, &action.address);
            if action.verb == Verb::NoOp && importing.is_none() {
                continue;
            }
            let word = match action.verb {
                Verb::Import if !action.changes.is_empty() => "update",
                verb => action_word(verb),
            };
            let mut change = json!({
                "resource": self.resource(&action.address),
                "action": word,
            });
            if let Some(reason) = action_reason(action) {
                put(&mut change, "reason", json!(reason));
            }
            if let Some(importing) = importing {
                put(&mut change, "importing", json!(importing));
            }
            let said = format!("{}: Plan to {word}", action.address);
            let more = json!({"change": change});
            lines.push_str(&message(now, "info", "planned_change", &said, more));
        }
        if phrase::errors(&self.plan) > 0 {
            return lines;
        }
        let more = json!({"changes": changes(&self.plan.counts(), "plan")});
        let said = phrase::planned(&self.plan);
        lines.push_str(&message(now, "info", "change_summary", &said, more));
        lines
    }

    /// A message for people.
    #[must_use]
    pub fn diagnostic(&self, now: Timestamp, diagnostic: &Diagnostic) -> String {
        diagnostic_line(now, diagnostic, None)
    }

    /// What an event says.
    pub fn event(&mut self, now: Timestamp, event: &Event) -> String {
        match event {
            Event::Started { step } => {
                self.running.insert(*step, now);
                self.hook(*step, |name, words| {
                    (
                        now,
                        "info",
                        "apply_start",
                        format!("{name}: {}...", words.doing),
                        json!({}),
                    )
                })
            }
            Event::Waiting { step, id, why } => {
                let time = self.since(*step, now);
                self.hook(*step, |name, words| {
                    let said = format!("{name}: {} [id={id}]: {why}", words.still(time));
                    let more = json!({
                        "elapsed_seconds": seconds(time),
                        "id_key": "id",
                        "id_value": id,
                        "waiting_for": why,
                    });
                    (now, "info", "apply_progress", said, more)
                })
            }
            Event::Lost { step, why } => {
                let time = self.since(*step, now);
                self.hook(*step, |name, words| {
                    let said = format!("{name}: {}: {}: {why}", words.still(time), phrase::LOST);
                    let more = json!({
                        "elapsed_seconds": seconds(time),
                        "waiting_for": phrase::LOST,
                    });
                    (now, "warn", "apply_progress", said, more)
                })
            }
            Event::Finished {
                step,
                id,
                outcome,
                elapsed,
            } => {
                self.running.remove(step);
                self.hook(*step, |name, words| {
                    let mut said =
                        format!("{name}: {} complete after {}", words.deed, go(*elapsed));
                    let mut more = json!({"elapsed_seconds": seconds(*elapsed)});
                    if let Some(id) = id {
                        said.push_str(&format!(" [id={id}]"));
                        put(&mut more, "id_key", json!("id"));
                        put(&mut more, "id_value", json!(id));
                    }
                    if !outcome.is_empty() {
                        put(&mut more, "outcome", json!(outcome));
                    }
                    (now, "info", "apply_complete", said, more)
                })
            }
            Event::Failed {
                step,
                error,
                elapsed,
            } => {
                self.running.remove(step);
                let mut lines = self.hook(*step, |name, words| {
                    let said = format!("{name}: {} errored after {}", words.deed, go(*elapsed));
                    let more = json!({"elapsed_seconds": seconds(*elapsed)});
                    (now, "info", "apply_errored", said, more)
                });
                let address = self.step(*step).map(name);
                lines.push_str(&diagnostic_line(now, error, address));
                lines
            }
            Event::Skipped { step, because } => self.hook(*step, |name, _| {
                let said = format!("{name}: Skipped, because step {because} failed");
                (
                    now,
                    "warn",
                    "apply_skipped",
                    said,
                    json!({"because": because}),
                )
            }),
            Event::Paused { wait, why } => {
                let said = format!("Paused for {}: {why}", phrase::elapsed(*wait));
                let more = json!({"wait_seconds": wait.as_secs_f64()});
                message(now, "info", "log", &said, more)
            }
            Event::Interrupted => {
                let said = "Interrupted: nothing new is started";
                message(now, "warn", "log", said, json!({}))
            }
        }
    }

    /// That the steps which are running still run; Terraform says so every ten seconds.
    #[must_use]
    pub fn still_running(&self, now: Timestamp) -> String {
        let mut lines = String::new();
        for (step, since) in &self.running {
            let time = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
            lines.push_str(&self.hook(*step, |name, words| {
                let said = format!("{name}: {}", words.still(time));
                let more = json!({"elapsed_seconds": seconds(time)});
                (now, "info", "apply_progress", said, more)
            }));
        }
        lines
    }

    /// The last line. Only a run that did everything ends with Terraform's `change_summary`, so
    /// that nobody takes another for it.
    #[must_use]
    pub fn finished(&self, now: Timestamp, report: &Report) -> String {
        let counts = phrase::done_counts(&self.plan, report);
        let operation = if self.destroy { "destroy" } else { "apply" };
        let said = phrase::ended(&self.plan, report, self.destroy);
        let changes = changes(&counts, operation);
        if report.is_complete() {
            let more = json!({"changes": changes});
            return message(now, "info", "change_summary", &said, more);
        }
        let failed: Vec<usize> = report.failed.iter().map(|(step, _)| *step).collect();
        let skipped: Vec<usize> = report.skipped.iter().map(|(step, _)| *step).collect();
        let more = json!({
            "changes": changes,
            "steps": {
                "done": report.done,
                "failed": failed,
                "skipped": skipped,
                "unknown": report.unknown,
                "pending": report.pending,
                "not_started": report.not_started,
            },
            "interrupted": report.interrupted,
        });
        let unsaved = report
            .unsaved
            .iter()
            .chain(&report.stopped)
            .map(|error| self.diagnostic(now, error));
        let unsaved: String = unsaved.collect();
        unsaved + &message(now, "error", "apply_incomplete", &said, more)
    }

    fn step(&self, number: usize) -> Option<&Step> {
        self.plan.steps.get(number.checked_sub(1)?)
    }

    fn since(&self, step: usize, now: Timestamp) -> Duration {
        let since = self.running.get(&step).copied().unwrap_or(now);
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
    }

    /// A line about one step, from what `say` makes of its name and its words.
    fn hook(
        &self,
        number: usize,
        say: impl FnOnce(&str, &Words) -> (Timestamp, &'static str, &'static str, String, Json),
    ) -> String {
        let Some(step) = self.step(number) else {
            return String::new();
        };
        let words = Words::of(step);
        let (now, level, kind, said, mut hook) = say(&name(step), &words);
        let resource = match step.op.address() {
            Some(address) => self.resource(address),
            None => self.resource(&Address::new(&step.kind, &step.label)),
        };
        put(&mut hook, "resource", resource);
        put(&mut hook, "action", json!(words.action));
        put(&mut hook, "step", json!(number));
        message(now, level, kind, &said, json!({"hook": hook}))
    }

    fn resource(&self, address: &Address) -> Json {
        json!({
            "addr": address.to_string(),
            "module": "",
            "resource": address.to_string(),
            "implied_provider": self.providers.get(address).unwrap_or(&self.provider),
            "resource_type": address.kind(),
            "resource_name": address.name(),
            "resource_key": null,
        })
    }
}

/// What a step is about: a resource's address, or a file in the same form.
fn name(step: &Step) -> String {
    match step.op.address() {
        Some(address) => address.to_string(),
        None => Address::new(&step.kind, &step.label).to_string(),
    }
}

/// Terraform's words for what a step does.
struct Words {
    action: &'static str,
    doing: &'static str,
    deed: &'static str,
}

impl Words {
    fn of(step: &Step) -> Self {
        let (action, doing, deed) = match step.op {
            Op::Create { .. } => ("create", "Creating", "Creation"),
            Op::Import { .. } => ("import", "Importing", "Import"),
            Op::Update { .. } | Op::WriteBack { .. } => ("update", "Modifying", "Modifications"),
            Op::Await { .. } | Op::Check { .. } | Op::Drain { .. } => {
                ("read", "Waiting", "Waiting")
            }
            Op::Delete { .. } => ("delete", "Destroying", "Destruction"),
            Op::Forget { .. } => ("remove", "Forgetting", "Forgetting"),
        };
        Self {
            action,
            doing,
            deed,
        }
    }

    fn still(&self, time: Duration) -> String {
        format!(
            "Still {}... [{} elapsed]",
            self.doing.to_lowercase(),
            go(time)
        )
    }
}

/// The word for a planned action; the stream's words are not those of the plan document.
fn action_word(verb: Verb) -> &'static str {
    match verb {
        Verb::NoOp => "noop",
        Verb::Create => "create",
        Verb::Replace | Verb::Recreate => "replace",
        Verb::Import => "import",
        Verb::Update => "update",
        Verb::Delete => "delete",
        Verb::Forget => "remove",
    }
}

/// Terraform calls what is destroyed `remove` here, although that is its word for forgetting
/// elsewhere; `forget` is ours.
fn changes(counts: &Counts, operation: &str) -> Json {
    json!({
        "add": counts.add,
        "change": counts.change,
        "import": counts.import,
        "remove": counts.destroy,
        "forget": counts.forget,
        "operation": operation,
    })
}

fn diagnostic_line(now: Timestamp, diagnostic: &Diagnostic, address: Option<String>) -> String {
    let (level, word) = match diagnostic.severity {
        Severity::Note => ("info", "Note"),
        Severity::Warning => ("warn", "Warning"),
        Severity::Error => ("error", "Error"),
    };
    let said = format!("{word}: {}", diagnostic.summary);
    let more = json!({"diagnostic": DiagnosticJson::new(diagnostic, address)});
    message(now, level, "diagnostic", &said, more)
}

/// One line: what every message has, and what this kind of message has besides.
fn message(now: Timestamp, level: &str, kind: &str, said: &str, more: Json) -> String {
    let mut message = Map::new();
    message.insert("@level".to_owned(), json!(level));
    message.insert("@message".to_owned(), json!(said));
    message.insert("@module".to_owned(), json!("cloudbuilder.ui"));
    message.insert("@timestamp".to_owned(), json!(format!("{now:.6}")));
    message.insert("type".to_owned(), json!(kind));
    if let Json::Object(more) = more {
        message.extend(more);
    }
    line(&message)
}

fn put(object: &mut Json, key: &str, value: Json) {
    if let Json::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

/// Terraform counts whole seconds.
fn seconds(time: Duration) -> u64 {
    (time + Duration::from_millis(500)).as_secs()
}

/// A time as Terraform writes it in these messages: `4s`, `1m30s`, `1h0m5s`.
fn go(time: Duration) -> String {
    let seconds = seconds(time);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_terraform_writes_them() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (90, "1m30s"),
            (3605, "1h0m5s"),
        ] {
            assert_eq!(go(Duration::from_secs(seconds)), text);
        }
        assert_eq!(go(Duration::from_millis(4_500)), "5s");
    }
}
