//! What the renderers print, compared with the texts in `fixtures/render/`. `UPDATE_GOLDEN=1
//! cargo test --test render` writes them anew; look at the difference before committing it.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudbuilder::apply::{Event, Report};
use cloudbuilder::model::{
    Address, Attributes, Catalog, Diagnostic, Image, Money, Origin, Place, Recorded, Reference,
    Region, Size, Value,
};
use cloudbuilder::plan::{
    Action, Change, Cost, Drift, Drifted, Kept, Op, Plan, Reason, Step, Verb,
};
use cloudbuilder::render::{
    Header, JsonStream, ListStyle, MARKDOWN_LIMIT, PlanStyle, Progress, ReportStyle, ShowStyle,
    images, plan_json, plan_markdown, plan_text, regions, report_text, show, sizes, state_list,
    state_show, text_diff,
};
use cloudbuilder::state::State;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// Compares with the fixture of that name, or writes it if `UPDATE_GOLDEN` is set.
fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/render")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        cloudbuilder::file::replace(&path, actual.as_bytes(), Some(0o644)).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if expected != actual {
        let difference = similar::TextDiff::from_lines(expected.as_str(), actual)
            .unified_diff()
            .header("expected", "actual")
            .to_string();
        panic!("{name} differs; UPDATE_GOLDEN=1 accepts it\n{difference}");
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn attributes(value: Json) -> Attributes {
    match value {
        Json::Object(map) => map.into_iter().collect(),
        other => panic!("not an object: {other}"),
    }
}

fn known(value: Json) -> Attributes<Value> {
    attributes(value)
        .into_iter()
        .map(|(name, value)| (name, Value::Known(value)))
        .collect()
}

fn reference(of: &str, attribute: &str) -> Value {
    Value::Reference(Reference {
        address: address(of),
        attribute: attribute.to_owned(),
    })
}

fn action(of: &str, verb: Verb, reason: Reason) -> Action {
    Action {
        address: address(of),
        account: "default".to_owned(),
        verb,
        reason,
        id: None,
        before: None,
        after: None,
        changes: Vec::new(),
        monthly_before: None,
        monthly_after: None,
        place: None,
    }
}

/// Builds a plan step by step, numbering it.
#[derive(Default)]
struct Builder(Plan);

/// Plans of one account, of a type of provider that is only a word here.
fn of_type(provider: &str, plan: &Plan) -> Plan {
    Plan {
        providers: [("default".to_owned(), provider.to_owned())].into(),
        ..plan.clone()
    }
}

/// What the plan says so far of the changes of an address.
fn changes_of(plan: &Builder, whose: &str) -> Vec<Change> {
    let mut actions = plan.0.actions.iter();
    let action = actions.find(|action| action.address == address(whose));
    action.unwrap().changes.clone()
}

impl Builder {
    fn step(&mut self, op: Op, verb: Verb, kind: &str, label: &str, detail: &str) -> &mut Step {
        self.0.steps.push(Step {
            number: self.0.steps.len() + 1,
            op,
            verb,
            kind: kind.to_owned(),
            label: label.to_owned(),
            detail: detail.to_owned(),
            monthly: Some(Money::ZERO),
            kept: None,
            loses: None,
            wipes: false,
            interrupts: false,
            permanent: false,
            waits_for: Vec::new(),
            after: Vec::new(),
        });
        self.0.steps.last_mut().unwrap()
    }

    fn create(
        &mut self,
        of: &str,
        label: &str,
        detail: &str,
        wanted: Attributes<Value>,
    ) -> &mut Step {
        self.0.actions.push(Action {
            after: Some(wanted.clone()),
            ..action(of, Verb::Create, Reason::New)
        });
        let address = address(of);
        let kind = address.kind().to_owned();
        let op = Op::Create {
            replaces: None,
            address,
            account: "default".to_owned(),
            attributes: wanted,
            refers_to: Vec::new(),
        };
        self.step(op, Verb::Create, &kind, label, detail)
    }

    fn server(&mut self, name: &str) -> &mut Step {
        let wanted = known(json!({
            "name": name, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "ipv6": true, "backups": false,
        }));
        let detail = "nyc3 · s-1vcpu-1gb · debian-13-x64 · ipv6";
        let step = self.create(&format!("server.{name}"), name, detail, wanted);
        step.monthly = Some(Money::from_dollars(6.0));
        step
    }

    fn record(&mut self, fqdn: &str, kind: &str, server: &str) -> &mut Step {
        let version = if kind == "A" { 4 } else { 6 };
        let mut wanted = known(json!({"fqdn": fqdn, "type": kind, "ttl": 1800}));
        let data = reference(&format!("server.{server}"), &format!("ipv{version}"));
        wanted.insert("data".to_owned(), data);
        let waits_for: Vec<usize> = self
            .0
            .steps
            .iter()
            .filter(|step| step.label == server)
            .map(|step| step.number)
            .collect();
        let label = format!("{fqdn} {kind}");
        let detail = format!("→ {server}'s public IPv{version}");
        let step = self.create(&format!("record.{fqdn}/{kind}"), &label, &detail, wanted);
        step.waits_for = waits_for;
        step
    }

    fn delete(&mut self, of: &str, label: &str, reason: Reason, before: Json) -> &mut Step {
        self.0.actions.push(Action {
            id: Some("3164494".to_owned()),
            before: Some(attributes(before)),
            ..action(of, Verb::Delete, reason)
        });
        let address = address(of);
        let kind = address.kind().to_owned();
        let id = "3164494".to_owned();
        let why = match &self.0.actions.last().unwrap().reason {
            Reason::NotConfigured => "no longer in cloud.json".to_owned(),
            Reason::Kept(why) => why.clone(),
            _ => String::new(),
        };
        self.step(
            Op::Delete {
                address,
                id,
                unrecorded: None,
            },
            Verb::Delete,
            &kind,
            label,
            &why,
        )
    }

    /// Deletes something with a disk.
    fn delete_disk(&mut self, of: &str, label: &str, reason: Reason, monthly: f64) {
        let step = self.delete(of, label, reason, json!({"region": "nyc3"}));
        step.detail = format!("with its disk · {}", step.detail);
        step.monthly = Some(Money::from_dollars(-monthly));
        step.loses = Some("its disk");
    }

    fn write_back(&mut self, servers: &[&str]) {
        let addresses = servers
            .iter()
            .map(|name| address(&format!("server.{name}")))
            .collect();
        let detail = format!("write networks of {}", servers.join(", "));
        self.step(
            Op::WriteBack { addresses },
            Verb::Update,
            "file",
            "cloud.json",
            &detail,
        );
    }

    fn cost(&mut self, before: f64, after: f64) {
        self.0.cost = Cost {
            before: Money::from_dollars(before),
            after: Money::from_dollars(after),
            unknown: Vec::new(),
        };
    }
}

/// The example of the README: two new servers.
fn acme() -> Plan {
    let mut plan = Builder::default();
    let key = known(json!({"fingerprint": "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa"}));
    plan.create("ssh_key.default", "fredy@acme.com", "upload", key);
    plan.server("server1").waits_for = vec![1];
    plan.server("server2").waits_for = vec![1];
    for (fqdn, server) in [
        ("server1.acme.com", "server1"),
        ("acme.com", "server1"),
        ("server2.acme.com", "server2"),
    ] {
        plan.record(fqdn, "A", server);
        plan.record(fqdn, "AAAA", server);
    }
    plan.write_back(&["server1", "server2"]);
    plan.cost(0.0, 12.0);
    plan.0
}

/// One of everything that can happen to a deployment that exists.
fn mixed() -> Plan {
    let mut plan = Builder::default();
    let resized = Change {
        attribute: "size".to_owned(),
        before: "s-1vcpu-1gb".into(),
        after: "s-2vcpu-2gb".into(),
    };
    let drift = |of: &str, what| Drift {
        address: address(of),
        kind: if of.starts_with("server") {
            "server"
        } else {
            "record"
        },
        label: address(of).name().replacen('/', " ", 1),
        what,
    };
    plan.0.drift = vec![
        drift("record.old.acme.com/A", Drifted::Deleted),
        drift("server.web1", Drifted::Changed(vec![resized])),
    ];

    let mut untouched = action("ssh_key.default", Verb::NoOp, Reason::UpToDate);
    untouched.id = Some("512189".to_owned());
    untouched.before = Some(attributes(json!({"fingerprint": "3b:16:bf:e4"})));
    plan.0.actions.push(untouched);

    let found = known(json!({"region": "nyc3", "size": "s-1vcpu-1gb"}));
    plan.0.actions.push(Action {
        id: Some("3164450".to_owned()),
        before: Some(attributes(json!({"region": "nyc3", "size": "s-1vcpu-1gb"}))),
        after: Some(found.clone()),
        ..action("server.legacy", Verb::Import, Reason::Exists)
    });
    let import = Op::Import {
        address: address("server.legacy"),
        account: "default".to_owned(),
        id: "3164450".to_owned(),
        attributes: found,
        refers_to: Vec::new(),
        mark: true,
        ours: false,
    };
    plan.step(
        import,
        Verb::Import,
        "server",
        "legacy",
        "take over 3164450, with our mark",
    );

    let resized = known(json!({"region": "nyc3", "size": "s-2vcpu-2gb", "backups": true}));
    plan.0.actions.push(Action {
        id: Some("3164451".to_owned()),
        before: Some(attributes(
            json!({"region": "nyc3", "size": "s-1vcpu-1gb", "backups": null, "ipv4": "198.18.0.2"}),
        )),
        after: Some(resized.clone()),
        changes: vec![
            Change {
                attribute: "backups".to_owned(),
                before: Json::Null,
                after: json!(true).into(),
            },
            Change {
                attribute: "size".to_owned(),
                before: json!("s-1vcpu-1gb"),
                after: json!("s-2vcpu-2gb").into(),
            },
        ],
        ..action("server.db1", Verb::Update, Reason::Configured)
    });
    let update = Op::Update {
        address: address("server.db1"),
        id: "3164451".to_owned(),
        attributes: resized,
        refers_to: Vec::new(),
        changes: changes_of(&plan, "server.db1"),
    };
    let step = plan.step(
        update,
        Verb::Update,
        "server",
        "db1",
        "s-1vcpu-1gb → s-2vcpu-2gb, backups on",
    );
    step.monthly = Some(Money::from_dollars(14.4));

    plan.0
        .actions
        .push(action("server.slow", Verb::NoOp, Reason::NotReady));
    let wait = Op::Await {
        address: address("server.slow"),
        id: "3164452".to_owned(),
    };
    plan.step(
        wait,
        Verb::NoOp,
        "server",
        "slow",
        "wait for 3164452, which an earlier run made",
    );

    let mut changed = known(json!({"fqdn": "db.acme.com", "type": "A"}));
    changed.insert("data".to_owned(), reference("server.db1", "ipv4"));
    plan.0.actions.push(Action {
        id: Some("55".to_owned()),
        before: Some(attributes(
            json!({"fqdn": "db.acme.com", "type": "A", "data": "203.0.113.9"}),
        )),
        after: Some(changed.clone()),
        changes: vec![Change {
            attribute: "data".to_owned(),
            before: json!("203.0.113.9"),
            after: reference("server.db1", "ipv4"),
        }],
        ..action("record.db.acme.com/A", Verb::Update, Reason::ChangedOutside)
    });
    let update = Op::Update {
        address: address("record.db.acme.com/A"),
        id: "55".to_owned(),
        attributes: changed,
        refers_to: Vec::new(),
        changes: changes_of(&plan, "record.db.acme.com/A"),
    };
    plan.step(
        update,
        Verb::Update,
        "record",
        "db.acme.com A",
        "203.0.113.9 → db1's public IPv4 · changed outside",
    );

    plan.delete(
        "record.old.acme.com/A",
        "old.acme.com A",
        Reason::NotConfigured,
        json!({"data": "198.18.0.7"}),
    );
    plan.delete_disk("server.old", "old", Reason::NotConfigured, 6.0);
    plan.0.steps.last_mut().unwrap().waits_for = vec![5];

    let kept = Reason::Kept("its zone holds records that are not ours".to_owned());
    plan.0
        .actions
        .push(action("domain.acme.org", Verb::Forget, kept));
    let forget = Op::Forget {
        address: address("domain.acme.org"),
    };
    plan.step(
        forget,
        Verb::Forget,
        "domain",
        "acme.org",
        "stays in the account: its zone holds records that are not ours",
    );
    plan.cost(18.0, 26.4);
    plan.0
}

/// Names that try to be more than names.
fn hostile() -> Plan {
    let mut plan = Builder::default();
    plan.server("web\u{1b}[2J\n  2  + server  safe|`<b>@octocat</b>```\u{202e}");
    plan.delete_disk(
        "server.x\n```\n</details>@all",
        "x\n```\n</details>@all <img src=x>``disk``\r\n# gone",
        Reason::Kept("because\u{7} of `this`".to_owned()),
        6.0,
    );
    plan.0.notes.push(
        Diagnostic::warning("a name with ```` in it\u{1b}[31m")
            .detail("first line\nsecond line <script>")
            .hint("ping @octocat"),
    );
    plan.cost(6.0, 6.0);
    plan.0
}

/// Servers enough to fill some screens.
fn many(servers: usize) -> Plan {
    let mut plan = Builder::default();
    let names: Vec<String> = (1..=servers).map(|n| format!("web{n:03}")).collect();
    for name in &names {
        plan.server(name);
    }
    for name in &names {
        plan.record(&format!("{name}.acme.com"), "A", name);
    }
    for n in 1..=3 {
        let name = format!("old{n}");
        plan.delete_disk(
            &format!("server.{name}"),
            &name,
            Reason::NotConfigured,
            24.0,
        );
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    plan.write_back(&names);
    #[expect(clippy::cast_precision_loss, reason = "a handful of servers")]
    let after = servers as f64 * 6.0;
    plan.cost(72.0, after);
    plan.0
}

fn style(verbose: bool) -> PlanStyle<'static> {
    PlanStyle {
        color: false,
        verbose,
        header: Some(Header {
            command: "plan",
            environment: None,
            provider: "digitalocean",
            requests: 8,
            elapsed: Duration::from_millis(420),
        }),
    }
}

fn plan(plan: &Plan) -> String {
    plan_text(plan, &style(false))
}

mod text {
    use super::*;

    #[test]
    fn new_servers() {
        golden("plan-acme.txt", &plan(&acme()));
        golden("plan-acme-verbose.txt", &plan_text(&acme(), &style(true)));
    }

    #[test]
    fn one_of_everything() {
        golden("plan-mixed.txt", &plan(&mixed()));
        golden("plan-mixed-verbose.txt", &plan_text(&mixed(), &style(true)));
    }

    #[test]
    fn colours_only_when_asked() {
        let colored = PlanStyle {
            color: true,
            ..style(false)
        };
        let text = plan_text(&mixed(), &colored);
        golden("plan-mixed-colour.txt", &text.replace('\u{1b}', "␛"));
        assert_eq!(console::strip_ansi_codes(&text), plan(&mixed()));
    }

    #[test]
    fn nothing_to_do() {
        golden("plan-nothing.txt", &plan(&Plan::default()));
        let mut only_file = Builder::default();
        only_file.write_back(&["server1"]);
        golden("plan-only-write-back.txt", &plan(&only_file.0));
    }

    /// The planner returns no steps beside an error, which is not the same as nothing to do.
    #[test]
    fn errors_are_never_no_changes() {
        let mut failed = Plan::default();
        failed.notes.push(refused());
        let stream =
            JsonStream::new(Arc::new(failed.clone()), false).planned(Timestamp::UNIX_EPOCH);
        let texts = [
            plan(&failed),
            plan_markdown(&failed, None),
            plan_json(&failed),
        ];
        for text in texts {
            assert!(text.contains("Planning failed: 1 error."), "{text}");
            assert!(!text.to_lowercase().contains("no changes"), "{text}");
        }
        assert_eq!(stream, "");
        let document: Json = serde_json::from_str(&plan_json(&failed)).unwrap();
        assert_eq!(document["errored"], true);
        assert_eq!(document["applyable"], false);
    }

    #[test]
    fn many_alike_steps() {
        golden("plan-many.txt", &plan(&many(12)));
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let text = plan(&hostile());
        golden("plan-hostile.txt", &text);
        assert!(text.lines().count() == 8, "a name began a line:\n{text}");
    }

    #[test]
    fn wide_names_align() {
        let mut plan = Builder::default();
        for name in [
            "web",
            "データベース",
            "café",
            "a-name-that-is-really-longer-than-anybody-would-ever-want",
        ] {
            plan.server(name);
        }
        plan.0.cost.unknown = vec![address("server.web"), address("server.café")];
        plan.0.steps[0].monthly = None;
        golden("plan-wide.txt", &super::plan(&plan.0));
    }

    /// Whatever stays is paid for by nothing that the rest of the line counts.
    #[test]
    fn copies_that_stay_are_paid_for_besides() {
        let mut plan = Builder::default();
        for name in ["web", "db"] {
            plan.server(name);
        }
        plan.cost(12.0, 0.0);
        let cost = |plan: &Plan| {
            let text = super::plan(plan);
            let line = text.lines().find(|line| line.starts_with("Cost: "));
            line.unwrap().to_owned()
        };
        for (sizes, says, number) in [
            ([None, None], "$12.00 → $0.00 a month.", Some(0.0)),
            (
                [Some(Some(1.5)), Some(Some(3.0))],
                "$12.00 → $0.00 a month, and at most $4.50 more for copies that stay.",
                Some(4.5),
            ),
            (
                [Some(None), Some(Some(3.0))],
                "$12.00 → $0.00 a month, and more for copies that stay.",
                None,
            ),
        ] {
            for (step, size) in plan.0.steps.iter_mut().zip(sizes) {
                step.kept = size.map(|most: Option<f64>| Kept {
                    at_most: most.map(Money::from_dollars),
                });
            }
            let told = cost(&plan.0);
            assert!(told.starts_with(&format!("Cost: {says}")), "{told}");
            let document: Json = serde_json::from_str(&plan_json(&plan.0)).unwrap();
            assert_eq!(document["cost"]["copies_at_most"], json!(number));
        }
    }

    #[test]
    fn prices_that_nobody_gives() {
        let mut plan = Builder::default();
        for n in 1..=5 {
            let name = format!("rax{n}");
            plan.server(&name).monthly = None;
            plan.0.cost.unknown.push(address(&format!("server.{name}")));
        }
        golden("plan-no-prices.txt", &super::plan(&plan.0));
    }
}

mod report {
    use super::*;

    fn report(plan: &Plan, report: &Report, destroy: bool) -> String {
        let style = ReportStyle {
            color: false,
            destroy,
            again: if destroy {
                "cloudbuilder destroy"
            } else {
                "cloudbuilder apply"
            },
        };
        report_text(plan, report, &style)
    }

    fn all_done(plan: &Plan) -> Report {
        Report {
            done: plan.steps.iter().map(|step| step.number).collect(),
            ..Report::default()
        }
    }

    #[test]
    fn all_done_is_one_line() {
        assert_eq!(
            report(&acme(), &all_done(&acme()), false),
            "Apply complete! Resources: 9 added, 0 changed, 0 destroyed.\n"
        );
        assert_eq!(
            report(&mixed(), &all_done(&mixed()), false),
            "Apply complete! Resources: 1 imported, 0 added, 2 changed, 2 destroyed, 1 forgotten.\n"
        );
        let mut destroy = Builder::default();
        for n in 1..=3 {
            destroy.delete(&format!("server.s{n}"), "s", Reason::Destroy, json!({}));
        }
        assert_eq!(
            report(&destroy.0, &all_done(&destroy.0), true),
            "Destroy complete! Resources: 3 destroyed.\n"
        );
    }

    #[test]
    fn a_failure_says_how_to_go_on() {
        let failed = Report {
            done: vec![1, 2, 4, 10],
            failed: vec![(
                3,
                Diagnostic::error("DigitalOcean refused to create server2\u{1b}[2J")
                    .detail("422 unprocessable_entity: nyc3 has no room for s-1vcpu-1gb now")
                    .hint("choose another region, such as nyc1, or try again later"),
            )],
            skipped: vec![(8, 3), (9, 3)],
            unknown: vec![5],
            pending: Vec::new(),
            not_started: vec![6, 7],
            interrupted: false,
            unsaved: None,
            stopped: None,
        };
        golden("report-failed.txt", &report(&acme(), &failed, false));
    }

    #[test]
    fn an_interrupt_is_not_a_failure() {
        let stopped = Report {
            done: vec![1, 2],
            not_started: (3..=10).collect(),
            interrupted: true,
            ..Report::default()
        };
        golden("report-interrupted.txt", &report(&acme(), &stopped, false));
    }

    #[test]
    fn what_is_on_its_way_out_is_not_told_as_made() {
        let mut plan = acme();
        let (comes, goes) = (2, plan.steps.len() + 1);
        let address = address("server.old");
        plan.steps.push(Step {
            number: goes,
            op: Op::Delete {
                unrecorded: None,
                address,
                id: "3164494".to_owned(),
            },
            verb: Verb::Delete,
            label: "old".to_owned(),
            waits_for: Vec::new(),
            ..plan.steps[comes - 1].clone()
        });
        let stopped = Report {
            pending: vec![comes, goes],
            interrupted: true,
            ..Report::default()
        };
        let text = report(&plan, &stopped, false);
        let told: Vec<&str> = text.lines().map(str::trim).collect();
        let of = |heading| told.iter().position(|line| *line == heading).unwrap();
        let made = of("Not ready yet, made and recorded:");
        let gone = of("Not gone yet, to be deleted and still recorded:");
        assert!(told[made + 1].ends_with("server   server1"), "{text}");
        assert_eq!(told[made + 2], "The next run goes on waiting for them.");
        assert!(told[gone + 1].ends_with("server   old"), "{text}");
        assert_eq!(told[gone + 2], "The next run looks whether they are gone.");

        let leaving = Report {
            pending: vec![goes],
            ..stopped
        };
        let text = report(&plan, &leaving, true);
        assert!(!text.contains("made"), "{text}");

        let step = plan.steps.last_mut().unwrap();
        let address = step.op.address().unwrap().clone();
        step.op = Op::Drain {
            address,
            id: "3164494".to_owned(),
            seconds: 1800,
            until: None,
            wait: true,
        };
        let text = report(&plan, &leaving, false);
        assert!(text.contains("Serving on"), "{text}");
        assert!(!text.contains("Not ready"), "{text}");
    }

    #[test]
    fn alike_failures_are_told_once() {
        let refused = Diagnostic::error("the token was refused").hint("make a new one");
        let failed = Report {
            failed: (1..=12).map(|n| (n, refused.clone())).collect(),
            skipped: (13..=24).map(|n| (n, n - 12)).collect(),
            ..Report::default()
        };
        golden("report-alike.txt", &report(&many(12), &failed, false));
    }
}

/// Fails unless the schema in the repository accepts the value.
#[track_caller]
fn accepted(schema: &str, value: &Json) {
    let errors: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{value:#}\n{}", errors.join("\n"));
}

fn validator(schema: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(schema);
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The failure of the third step, with a place.
fn refused() -> Diagnostic {
    let place = Place {
        file: "cloud.json".into(),
        range: 120..126,
        line: 9,
        column: 20,
    };
    Diagnostic::error("DigitalOcean refused to create server2")
        .detail("422 unprocessable_entity: nyc3 has no room for s-1vcpu-1gb now")
        .hint("choose another region, such as nyc1, or try again later")
        .at(place.clone())
        .related(place, "the region is chosen here")
}

/// What an apply of [`acme`] tells, in which one server fails.
fn events() -> Vec<Event> {
    let finished = |step: usize, id: Option<&str>, outcome: &str, millis: u64| Event::Finished {
        step,
        id: id.map(str::to_owned),
        outcome: outcome.to_owned(),
        elapsed: Duration::from_millis(millis),
    };
    let waiting = |step: usize, id: &str| Event::Waiting {
        step,
        id: id.to_owned(),
        why: "boots".to_owned(),
    };
    vec![
        Event::Started { step: 1 },
        finished(1, Some("512189"), "", 312),
        Event::Started { step: 2 },
        Event::Started { step: 3 },
        waiting(2, "3164494"),
        Event::Paused {
            wait: Duration::from_secs(12),
            why: "the API's limit of requests a minute is reached".to_owned(),
        },
        Event::Failed {
            step: 3,
            error: refused(),
            elapsed: Duration::from_millis(2_040),
        },
        Event::Skipped {
            step: 8,
            because: 3,
        },
        Event::Skipped {
            step: 9,
            because: 3,
        },
        finished(2, Some("3164494"), "198.18.0.2, 2001:db8::1", 31_000),
        Event::Started { step: 4 },
        Event::Started { step: 5 },
        finished(4, Some("55"), "198.18.0.2", 640),
        Event::Interrupted,
        finished(5, Some("56\u{1b}[2J"), "2001:db8::1\nall is well", 65_000),
    ]
}

mod json_document {
    use super::*;

    fn document(plan: &Plan) -> Json {
        let text = plan_json(&of_type("digitalocean", plan));
        assert_eq!(text.matches('\n').count(), 1, "more than one line: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn pretty(plan: &Plan) -> String {
        let mut document = document(plan);
        document["cloudbuilder_version"] = json!("VERSION");
        format!("{document:#}\n")
    }

    /// The change of one address.
    fn change<'a>(document: &'a Json, address: &str) -> &'a Json {
        let changes = document["resource_changes"].as_array().unwrap();
        changes
            .iter()
            .find(|change| change["address"] == address)
            .unwrap()
    }

    #[test]
    fn one_of_everything() {
        golden("plan-mixed.json", &pretty(&mixed()));
    }

    #[test]
    fn every_document_follows_the_schema() {
        let mut noted = mixed();
        noted.notes = vec![
            refused(),
            Diagnostic::warning("w").hint("h"),
            Diagnostic::note("n"),
        ];
        noted.cost.unknown.push(address("server.db1"));
        noted.steps[0].monthly = None;
        for plan in [acme(), mixed(), noted, hostile(), many(2), Plan::default()] {
            accepted("plan.schema.json", &document(&plan));
        }
    }

    #[test]
    fn the_schema_refuses_what_is_not_ours() {
        let good = document(&mixed());
        let validator = validator("plan.schema.json");
        let spoil: [fn(&mut Json); 6] = [
            |plan| plan["extra"] = json!(1),
            |plan| plan["resource_changes"][0]["change"]["actions"] = json!(["replace"]),
            |plan| plan["steps"][0]["number"] = json!(0),
            |plan| plan["cost"]["unknown"] = json!(["nodot"]),
            |plan| plan["resource_changes"][0]["change"]["after_sensitive"] = json!({"x": true}),
            |plan| {
                plan.as_object_mut().unwrap().remove("steps");
            },
        ];
        for (index, spoil) in spoil.iter().enumerate() {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert!(!validator.is_valid(&bad), "{index} was accepted");
        }
    }

    #[test]
    fn actions_are_terraforms() {
        let document = document(&mixed());
        for (address, actions) in [
            ("ssh_key.default", "no-op"),
            ("server.legacy", "no-op"),
            ("server.db1", "update"),
            ("server.old", "delete"),
            ("domain.acme.org", "forget"),
        ] {
            assert_eq!(
                change(&document, address)["change"]["actions"],
                json!([actions])
            );
        }
        assert_eq!(
            change(&document, "server.legacy")["change"]["importing"],
            json!({"id": "3164450"})
        );
        assert_eq!(
            change(&document, "server.old")["action_reason"],
            "delete_because_no_resource_config"
        );
    }

    #[test]
    fn what_is_known_only_afterwards_is_absent() {
        let document = document(&mixed());
        let record = &change(&document, "record.db.acme.com/A")["change"];
        assert_eq!(record["before"]["data"], "203.0.113.9");
        assert!(record["after"].get("data").is_none());
        assert_eq!(record["after_unknown"], json!({"data": true}));
        let server = &change(&document, "server.db1")["change"];
        assert_eq!(
            server["after"]["ipv4"], "198.18.0.2",
            "what does not change stays"
        );
    }

    #[test]
    fn a_terminal_is_not_steered_by_json_either() {
        let text = plan_json(&of_type("digitalocean", &hostile()));
        let steering = |character: &char| character.is_control() && *character != '\n';
        assert_eq!(text.chars().find(steering), None);
        assert!(!text.contains('\u{202e}'));
    }
}

mod json_lines {
    use super::*;

    /// A run of [`acme`], a second between two messages.
    fn lines(report: &Report) -> String {
        let plan = acme();
        let mut clock = "2026-03-04T05:06:07Z".parse::<Timestamp>().unwrap();
        let mut now = || {
            clock += Duration::from_secs(1);
            clock
        };
        let mut stream = JsonStream::new(Arc::new(of_type("digitalocean", &plan)), false);
        let mut text = stream.version(now());
        text.push_str(&stream.diagnostic(now(), &Diagnostic::warning("cloud.json is odd")));
        text.push_str(&stream.planned(now()));
        for event in events() {
            text.push_str(&stream.event(now(), &event));
            if matches!(event, Event::Paused { .. }) {
                text.push_str(&stream.still_running(now()));
            }
        }
        text.push_str(&stream.finished(now(), report));
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    fn broken() -> Report {
        Report {
            done: vec![1, 2, 4, 5],
            failed: vec![(3, refused())],
            skipped: vec![(8, 3), (9, 3)],
            unknown: Vec::new(),
            pending: Vec::new(),
            not_started: vec![6, 7, 10],
            interrupted: true,
            unsaved: None,
            stopped: None,
        }
    }

    #[test]
    fn a_run_that_fails() {
        golden("apply-failed.jsonl", &lines(&broken()));
    }

    #[test]
    fn every_line_follows_the_schema() {
        let all = Report {
            done: (1..=10).collect(),
            ..Report::default()
        };
        let mut types = BTreeSet::new();
        for line in lines(&broken()).lines().chain(lines(&all).lines()) {
            let value: Json = serde_json::from_str(line).unwrap();
            accepted("apply.schema.json", &value);
            types.insert(value["type"].as_str().unwrap().to_owned());
        }
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/apply.schema.json");
        let schema: Json = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        for word in schema["properties"]["type"]["enum"].as_array().unwrap() {
            assert!(
                types.contains(word.as_str().unwrap()),
                "no line of type {word}"
            );
        }
        let plan = mixed();
        for line in JsonStream::new(Arc::new(of_type("x", &plan)), false)
            .planned(Timestamp::UNIX_EPOCH)
            .lines()
        {
            accepted("apply.schema.json", &serde_json::from_str(line).unwrap());
        }
    }

    #[test]
    fn the_schema_refuses_a_line_with_keys_of_another_type() {
        let validator = validator("apply.schema.json");
        let text = lines(&broken());
        for line in text.lines() {
            let mut value: Json = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&value));
            value["extra"] = json!(1);
            assert!(!validator.is_valid(&value), "{value}");
        }
        let mut version: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        version["wait_seconds"] = json!(1);
        assert!(!validator.is_valid(&version));
    }

    #[test]
    fn only_a_complete_run_ends_like_terraforms() {
        let failed = lines(&broken());
        assert!(!failed.contains("Apply complete!"));
        assert_eq!(failed.matches("change_summary").count(), 1, "the plan's");
        assert!(
            failed
                .lines()
                .last()
                .unwrap()
                .contains("\"apply_incomplete\"")
        );
    }
}

mod markdown {
    use super::*;

    #[test]
    fn plans() {
        golden("plan-acme.md", &plan_markdown(&acme(), None));
        golden("plan-mixed.md", &plan_markdown(&mixed(), None));
        golden("plan-nothing.md", &plan_markdown(&Plan::default(), None));
    }

    /// The lines outside fenced code, with code within lines taken out: what Markdown and HTML
    /// mean something in.
    fn live_text(markdown: &str) -> String {
        let mut live = String::new();
        let mut fence: Option<String> = None;
        for line in markdown.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if line.trim_end() == open.as_str() => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => {
                    fence = Some(ticks);
                }
                None => {
                    let mut rest = line;
                    while let Some(start) = rest.find('`') {
                        live.push_str(&rest[..start]);
                        let run: String = rest[start..].chars().take_while(|c| *c == '`').collect();
                        let body = &rest[start + run.len()..];
                        let end = end_of_span(body, run.len()).unwrap_or(body.len());
                        rest = &body[end..];
                    }
                    live.push_str(rest);
                    live.push('\n');
                }
            }
        }
        assert_eq!(fence, None, "a fence is not closed");
        live
    }

    /// Behind the first run of exactly so many backticks.
    fn end_of_span(body: &str, ticks: usize) -> Option<usize> {
        let mut at = 0;
        while let Some(start) = body[at..].find('`') {
            let run = body[at + start..].chars().take_while(|c| *c == '`').count();
            at += start + run;
            if run == ticks {
                return Some(at);
            }
        }
        None
    }

    #[test]
    fn names_mean_nothing_in_it() {
        let mut plan = hostile();
        plan.cost.unknown.push(address("server.<i>`@all"));
        let text = plan_markdown(&plan, None);
        golden("plan-hostile.md", &text);
        let live = live_text(&text);
        for bait in [
            "@octocat", "@all", "<b>", "<img", "<i>", "<script", "# gone",
        ] {
            assert!(text.contains(bait), "{bait} is not shown at all");
            assert!(!live.contains(bait), "{bait} is live in\n{live}");
        }
        assert_eq!(live.matches("</details>").count(), 1);
    }

    #[test]
    fn long_plans_are_cut_and_counted() {
        let mut plan = many(800);
        for n in 0..2_000 {
            plan.notes
                .push(Diagnostic::warning(format!("warning {n} про всё")));
        }
        let text = plan_markdown(&plan, None);
        assert!(text.len() <= MARKDOWN_LIMIT, "{} bytes", text.len());
        assert!(text.len() > MARKDOWN_LIMIT * 9 / 10, "{} bytes", text.len());
        live_text(&text);
        let shown = text.lines().filter(|line| line.starts_with("+ ")).count();
        let total = plan.steps.len();
        let sentence = format!("**{} of {total} steps left out here", total - shown);
        assert!(text.contains(&sentence), "no {sentence:?}");
        assert!(
            text.contains(" lines left out here"),
            "the warnings are cut too"
        );

        assert!(!plan_markdown(&many(12), None).contains("left out"));
    }

    #[test]
    fn one_endless_name_does_not_break_the_limit() {
        let mut plan = Builder::default();
        plan.server(&"`".repeat(MARKDOWN_LIMIT));
        plan.server(&"x`".repeat(MARKDOWN_LIMIT)).loses = Some("its disk");
        assert!(plan_markdown(&plan.0, None).len() <= MARKDOWN_LIMIT);
    }
}

/// A sink that the test keeps.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that remembers what was written to it.
#[derive(Clone, Debug, Default)]
struct Terminal(Shared);

impl Terminal {
    fn write(&self, text: &str) -> io::Result<()> {
        self.0.clone().write_all(text.as_bytes())
    }
}

impl indicatif::TermLike for Terminal {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.write(&format!("<up {lines}>"))
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

mod progress {
    use indicatif::ProgressDrawTarget;

    use super::*;

    fn plain(color: bool) -> String {
        let sink = Shared::default();
        let mut progress = Progress::plain(&acme(), color, Box::new(sink.clone()));
        for event in events() {
            progress.event(&event);
        }
        progress.finish();
        sink.text()
    }

    #[test]
    fn a_log_gets_a_line_for_each_step() {
        golden("progress.txt", &plain(false));
        assert_eq!(console::strip_ansi_codes(&plain(true)), plain(false));
    }

    #[test]
    fn a_sink_that_fails_stops_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let mut progress = Progress::plain(&acme(), false, Box::new(Full));
        for event in events() {
            progress.event(&event);
        }
    }

    #[test]
    fn a_terminal_keeps_the_same_lines() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::live(&acme(), false, target, || 80);
        for event in events() {
            progress.event(&event);
        }
        progress.finish();
        let text = terminal.0.text();
        // The one that says that waiting begins is in the block there.
        for line in plain(false).lines().filter(|line| !line.ends_with('…')) {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
        assert!(text.contains("server1"), "{text}");
    }

    #[test]
    fn the_block_has_few_lines() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::live(&many(100), false, target, || 80);
        for step in 1..=50 {
            progress.event(&Event::Started { step });
        }
        // Whatever is said draws the block anew at once.
        progress.event(&Event::Interrupted);
        progress.finish();
        let text = terminal.0.text();
        let block = text.rsplit("interrupted: ").next().unwrap();
        assert!(block.contains("… and 42 more"), "{block}");
        assert!(block.contains("0 of 204 done"), "{block}");
        assert_eq!(block.matches("+ server").count(), 8, "{block}");
    }
}

mod listing {
    use super::*;

    fn words(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn catalog() -> Catalog {
        let region = |slug: &str, name: &str, features: &str, available: bool| Region {
            slug: slug.to_owned(),
            name: name.to_owned(),
            features: words(features),
            available,
        };
        let size = |slug: &str, monthly: Option<f64>, memory_mib: u64, regions: &str| Size {
            slug: slug.to_owned(),
            description: "Basic".to_owned(),
            vcpus: memory_mib.div_ceil(2048),
            memory_mib,
            disk_gb: memory_mib / 40,
            transfer_tb: 0.5,
            monthly: monthly.map(Money::from_dollars),
            regions: words(regions),
            available: true,
            unusable: (slug == "gpu-secret").then(|| "it is in no list".to_owned()),
            sandbox_only: slug == "1gb",
            ..Size::default()
        };
        let image = |id: &str, slug: Option<&str>, name: &str| Image {
            id: id.to_owned(),
            slug: slug.map(str::to_owned),
            distribution: "Debian".to_owned(),
            name: name.to_owned(),
            regions: words("ams3 nyc3"),
            min_disk_gb: if slug.is_some() { 7 } else { 0 },
            sandbox_only: false,
            ..Image::default()
        };
        Catalog {
            regions: vec![
                region("nyc2", "New York 2", "backups", false),
                region("nyc3", "New York 3", "backups ipv6", true),
                region("ams3", "Amsterdam 3", "backups ipv6", true),
            ],
            sizes: vec![
                size("s-4vcpu-8gb", Some(48.0), 8192, "nyc3"),
                size("gpu-secret", None, 65536, "nyc3"),
                size("1gb", Some(6.0), 1024, "ams3 nyc3"),
                size("s-1vcpu-512mb", Some(4.0), 512, "ams3 nyc3"),
                size("s-1vcpu-1536mb", Some(9.0), 1536, ""),
            ],
            images: vec![
                image("2", Some("debian-13-x64"), "13 x64"),
                image("901", None, "my \u{1b}[31msnapshot"),
            ],
            ..Catalog::default()
        }
    }

    fn state() -> State {
        let recorded = |of: &str, id: &str, refers_to: &[&str], attributes: Json| Recorded {
            address: address(of),
            account: "default".to_owned(),
            id: id.to_owned(),
            origin: if of.starts_with("domain") {
                Origin::Found
            } else {
                Origin::Created
            },
            ready: id != "3164495",
            attributes: super::attributes(attributes),
            refers_to: refers_to.iter().map(|of| address(of)).collect(),
            recorded_at: "2026-03-04T05:06:07.89Z".parse().unwrap(),
        };
        let resources = [
            recorded(
                "ssh_key.default",
                "512189",
                &[],
                json!({"fingerprint": "3b:16"}),
            ),
            recorded("domain.acme.com", "acme.com", &[], json!({})),
            recorded(
                "server.web1",
                "3164494",
                &["ssh_key.default"],
                json!({"ipv4": "198.18.0.2", "ipv6": "2001:db8::1", "region": "nyc3",
                       "backups": false, "names": ["acme.com"], "vpc": null, "note": "a\u{1b}b"}),
            ),
            recorded(
                "server.web2",
                "3164495",
                &["ssh_key.default"],
                json!({"region": "nyc3"}),
            ),
            recorded(
                "record.acme.com/A",
                "55",
                &["domain.acme.com", "server.web1"],
                json!({"data": "198.18.0.2"}),
            ),
        ];
        State {
            lineage: "7c8d".to_owned(),
            resources: resources
                .into_iter()
                .map(|recorded| (recorded.address.clone(), recorded))
                .collect(),
            ..State::new()
        }
    }

    #[test]
    fn catalogs() {
        let style = ListStyle::default();
        let catalog = catalog();
        let text = [
            regions(&catalog, style),
            sizes(&catalog, style),
            images(&catalog, style),
        ];
        golden("catalog.txt", &text.join("\n"));
    }

    #[test]
    fn only_a_terminal_wraps_lines() {
        let narrow = ListStyle {
            color: false,
            width: Some(40),
        };
        let wrapped = sizes(&catalog(), narrow);
        let longest = wrapped.lines().map(console::measure_text_width).max();
        assert!(longest <= Some(40), "{wrapped}");
        let unwrapped = sizes(&catalog(), ListStyle::default());
        assert_eq!(unwrapped.lines().count(), 1 + catalog().sizes.len());
    }

    #[test]
    fn colours_only_when_asked() {
        let plain = sizes(&catalog(), ListStyle::default());
        let colored = sizes(
            &catalog(),
            ListStyle {
                color: true,
                width: None,
            },
        );
        assert!(!plain.contains('\u{1b}'));
        assert!(colored.contains('\u{1b}'));
    }

    #[test]
    fn states() {
        let state = state();
        let list = ListStyle::default();
        let style = ShowStyle {
            kind: "server",
            attributes: &["ipv4", "ipv6", "region"],
            list,
        };
        let text = [
            state_list(&state, false, list),
            state_list(&state, true, list),
            state_show(&state.resources[&address("server.web1")]),
            show(&state, &style),
        ];
        golden("state.txt", &text.join("\n"));
    }
}

mod diff {
    use super::*;

    const BEFORE: &str = "{\r\n    \"web\u{1b}\" : {\r\n        \"size\" : \"1gb\"\r\n    }\r\n}";

    #[test]
    fn a_file_before_and_after() {
        let after = BEFORE.replace("\"1gb\"", "\"1gb\",\r\n        \"networks\" : {}");
        let text = text_diff("cloud.json", BEFORE, &after, false);
        golden("text-diff.txt", &text);
        let colored = text_diff("cloud.json", BEFORE, &after, true);
        assert_ne!(colored, text);
        assert_eq!(console::strip_ansi_codes(&colored), text);
    }

    #[test]
    fn no_difference_is_no_text() {
        assert_eq!(text_diff("cloud.json", BEFORE, BEFORE, true), "");
    }
}
