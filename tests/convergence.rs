//! What every provider must keep, tried over HTTP: what was applied needs nothing more, a run cut
//! off after any saving of the state is simply run again, and a lost state is recognised.
//!
//! Another provider is another line in [`PROVIDERS`].

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use cloudbuilder::apply::{Event, Journal, Options, Report, Surroundings, apply, settle};
use cloudbuilder::config::{PublicKey, cloud};
use cloudbuilder::model::{Address, Attributes, Diagnostic, Observed, Origin, Recorded, Secret};
use cloudbuilder::plan::{self, Input, Op, Plan};
use cloudbuilder::provider::{
    Connection, Login, Readers, Scope, Target, Write, Writers, digitalocean, open_write,
};
use cloudbuilder::refresh::{Found, Wanted, refresh};
use cloudbuilder::resource::{domain, record, server};
use cloudbuilder::sandbox::{self, Sandbox};
use cloudbuilder::state::{Entry, State};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

type Start = fn() -> BoxFuture<'static, Account>;

/// Each starts an account that nobody else uses, with nothing in it.
const PROVIDERS: &[(&str, Start)] = &[(digitalocean::TYPE, || practice_cloud().boxed())];

/// One deployment's life: each cloud.json in turn; none at last, to destroy.
const LIFE: &[(&str, Option<&str>)] = &[
    (
        "two servers",
        Some(
            r#"{"a": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                      "names": ["acme.com", "www.acme.com"]},
                "b": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                      "backups": true, "names": ["b.acme.com"]}}"#,
        ),
    ),
    (
        "a name moves, a server comes, one goes",
        Some(
            r#"{"a": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                      "names": ["acme.com", "b.acme.com"]},
                "c": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                      "names": ["www.acme.com", "c.other.net"]}}"#,
        ),
    ),
    ("nothing", None),
];

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef key@acme.com";

/// An account to practise on; it ends with this.
struct Account {
    writers: Writers,
    _runs: Sandbox,
}

impl Account {
    fn readers(&self) -> Readers {
        self.writers.readers()
    }

    fn write(&self) -> &dyn Write {
        self.writers.of("default").expect("there is one account")
    }
}

async fn practice_cloud() -> Account {
    let options = sandbox::Options {
        boot: Duration::from_millis(20),
        action: Duration::ZERO,
        ..sandbox::Options::default()
    };
    let sandbox = sandbox::start(options).await.expect("a sandbox starts");
    let login = digitalocean::Login {
        url: sandbox.url().to_owned(),
        token: Secret::new(sandbox::TOKEN.to_owned()),
    };
    let connection = Connection::usual(Login::DigitalOcean(login));
    Account {
        writers: Writers::one(
            "default",
            open_write(connection).expect("loopback is allowed"),
        ),
        _runs: sandbox,
    }
}

/// Keeps what would be durable, and fails to save any more after so many savings.
#[derive(Default)]
struct Saves {
    durable: Option<State>,
    saves: usize,
    at_most: Option<usize>,
}

impl Saves {
    fn save(&mut self) -> Result<(), Diagnostic> {
        if self.at_most.is_some_and(|most| self.saves >= most) {
            return Err(Diagnostic::error("the power went off"));
        }
        self.saves += 1;
        Ok(())
    }
}

impl Journal for Saves {
    fn begin(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.save()?;
        state.serial += 1;
        self.durable = Some(state.clone());
        Ok(())
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), Diagnostic> {
        self.save()?;
        let durable = self.durable.as_mut().expect("a journal is open");
        for entry in entries {
            durable.enter(entry.clone());
        }
        Ok(())
    }

    fn finish(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        if self.durable.is_none() {
            return Ok(());
        }
        self.begin(state)
    }
}

impl Surroundings for Saves {
    fn write_back(&mut self, _: &State, _: &Op) -> Result<String, Diagnostic> {
        Ok(String::new())
    }

    fn event(&mut self, _: &Event) {}
}

/// What a look at the account shows, for one cloud.json and state.
async fn look(account: &Account, cloud: Option<&str>, state: &State) -> Found {
    let cloud = cloud.map(|text| {
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        parsed.cloud.expect("a good cloud.json")
    });
    let key = PublicKey::parse(KEY).expect("a good key");
    let wanted = Wanted {
        cloud: cloud.as_ref().map(|cloud| (cloud, &key)),
        recorded: &state.resources,
        known: &BTreeMap::new(),
        mark: Some(&state.lineage),
        whole: false,
        settle: Duration::ZERO,
    };
    let found = refresh(&account.readers(), &wanted).await;
    found.expect("the account answers")
}

fn with_input<T>(
    found: &Found,
    state: &State,
    destroying: bool,
    ask: impl FnOnce(&Input<'_>) -> T,
) -> T {
    ask(&Input {
        desired: &found.desired,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &state.resources,
        lineage: Some(&state.lineage),
        accounts: &found.accounts,
        written: None,
        destroying,
    })
}

async fn planned(account: &Account, cloud: Option<&str>, state: &State) -> Plan {
    let found = look(account, cloud, state).await;
    let plan = with_input(&found, state, cloud.is_none(), plan::plan);
    plan.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

async fn carry_out(
    account: &Account,
    plan: &Plan,
    state: &mut State,
    at_most: Option<usize>,
) -> (Report, Saves) {
    let mut saves = Saves {
        at_most,
        ..Saves::default()
    };
    let options = Options {
        first_look: Duration::from_millis(5),
        ..Options::default()
    };
    let (_keep, mut interrupts) = tokio::sync::mpsc::unbounded_channel();
    let report = apply(
        plan,
        &account.writers,
        state,
        &mut saves,
        &mut interrupts,
        &options,
    );
    (report.await, saves)
}

/// Plans and applies until the end; nothing may be left to do then, and nothing be there twice.
async fn converge(account: &Account, cloud: Option<&str>, state: &mut State, when: &str) {
    let mut saves = Saves::default();
    // What is there can be seen at once, so what cannot was never made.
    let settled = settle(
        &account.readers(),
        state,
        &mut saves,
        Duration::ZERO,
        |_| {},
    )
    .await;
    settled.expect("the account answers");
    let plan = planned(account, cloud, state).await;
    let (report, _) = carry_out(account, &plan, state, None).await;
    assert!(report.is_complete(), "{when}: {report:#?}");
    let again = planned(account, cloud, state).await;
    assert!(again.steps.is_empty(), "{when}: {:#?}", again.steps);
    assert_nothing_twice(account, state, when).await;
}

async fn assert_nothing_twice(account: &Account, state: &State, when: &str) {
    let recorded: Vec<&Recorded> = state.resources.values().collect();
    for (kind, parts) in [
        (server::KIND.name, &[server::NAME] as &[&str]),
        (domain::KIND.name, &[domain::NAME]),
        (
            record::KIND.name,
            &[record::ZONE, record::NAME, record::TYPE],
        ),
    ] {
        let of_kind = recorded
            .iter()
            .copied()
            .filter(|r| r.address.kind() == kind);
        let of_kind: Vec<&Recorded> = of_kind.collect();
        let scope = Scope {
            recorded: &of_kind,
            whole: true,
            ..Scope::default()
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for observed in account.write().list(kind, scope).await.unwrap().found {
            // A zone has three of these from the start.
            if observed.text(record::TYPE) != Some("NS") {
                *counts.entry(key(&observed, parts)).or_default() += 1;
            }
        }
        counts.retain(|_, count| *count > 1);
        assert!(counts.is_empty(), "{when}: {kind} {counts:?}");
    }
}

fn key(observed: &Observed, parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .map(|part| observed.text(part).unwrap_or_default());
    parts.collect::<Vec<_>>().join(" ")
}

async fn limited(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test takes far too long");
}

#[tokio::test]
async fn what_was_applied_needs_nothing_more() {
    limited(async {
        for (provider, start) in PROVIDERS {
            let account = start().await;
            let mut state = State::new();
            for (stage, cloud) in LIFE {
                let when = format!("{provider}, {stage}");
                converge(&account, *cloud, &mut state, &when).await;
            }
            assert!(state.resources.is_empty());
            for kind in [server::KIND.name, domain::KIND.name] {
                let scope = Scope {
                    whole: true,
                    ..Scope::default()
                };
                let left = account.write().list(kind, scope).await.unwrap().found;
                assert!(left.is_empty(), "{provider} keeps {left:?}");
            }
        }
    })
    .await;
}

/// The account goes on from where the power went off: what was under way then is there, and the
/// state does not know it.
#[tokio::test]
async fn a_run_cut_off_after_any_saving_is_simply_run_again() {
    limited(async {
        for (provider, start) in PROVIDERS {
            for (stage, (name, cloud)) in LIFE.iter().enumerate() {
                for saves in 0.. {
                    let account = start().await;
                    let mut state = State::new();
                    for (before, cloud) in LIFE.iter().take(stage) {
                        converge(&account, *cloud, &mut state, before).await;
                    }
                    let when = format!("{provider}, {name}, cut off after {saves} savings");
                    let plan = planned(&account, *cloud, &state).await;
                    let mut lost = state.clone();
                    let (report, saved) = carry_out(&account, &plan, &mut lost, Some(saves)).await;
                    let mut state = saved.durable.unwrap_or(state);
                    converge(&account, *cloud, &mut state, &when).await;
                    if report.is_complete() {
                        assert!(saves > 4, "{when}: it was never cut off");
                        break;
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_state_is_recognised() {
    limited(async {
        for (provider, start) in PROVIDERS {
            let account = start().await;
            let cloud = LIFE[0].1;
            let mut made = State::new();
            converge(&account, cloud, &mut made, provider).await;

            let mut lost = State {
                resources: BTreeMap::new(),
                ..made.clone()
            };
            let found = look(&account, cloud, &lost).await;
            let (mut steps, notes) = with_input(&found, &lost, false, plan::recognise);
            assert!(!notes.iter().any(Diagnostic::is_error), "{notes:#?}");
            for (at, step) in steps.iter_mut().enumerate() {
                assert!(matches!(step.op, Op::Import { mark: false, .. }));
                step.number = at + 1;
                step.waits_for.clear();
            }
            let recognised = Plan {
                steps,
                ..Plan::default()
            };
            let (report, _) = carry_out(&account, &recognised, &mut lost, None).await;
            assert!(report.is_complete(), "{report:#?}");
            let again = planned(&account, cloud, &lost).await;
            assert!(again.steps.is_empty(), "{:#?}", again.steps);
            let ids = |state: &State| -> BTreeMap<_, _> {
                let servers = state
                    .resources
                    .values()
                    .filter(|r| r.address.kind() == "server");
                servers.map(|r| (r.address.clone(), r.id.clone())).collect()
            };
            assert_eq!(ids(&lost), ids(&made));
        }
    })
    .await;
}

/// Deleting a zone deletes all that is in it.
#[tokio::test]
async fn a_zone_stays_while_somebody_else_has_a_record_in_it() {
    limited(async {
        for (provider, start) in PROVIDERS {
            let account = start().await;
            let cloud = Some(r#"{"version": 2, "servers": {}, "domains": ["made.org"]}"#);
            let mut state = State::new();
            converge(&account, cloud, &mut state, provider).await;
            let theirs = Attributes::from([
                (record::ZONE.to_owned(), "made.org".into()),
                (record::NAME.to_owned(), "www.made.org".into()),
                (record::TYPE.to_owned(), "A".into()),
                (record::DATA.to_owned(), "203.0.113.9".into()),
            ]);
            let theirs = account.write().create(record::KIND.name, &theirs, None);
            let theirs = theirs.await.unwrap();
            let target = Target {
                kind: record::KIND.name,
                id: &theirs.id,
                attributes: &theirs.attributes,
            };
            converge(&account, None, &mut state, provider).await;
            let kept = account.write().get(target).await.unwrap();
            assert_eq!(kept.as_ref(), Some(&theirs), "{provider} lost it");
        }
    })
    .await;
}

/// Nobody is taken for gone unasked, unless the plan is refused anyhow.
#[tokio::test]
async fn what_nobody_sees_is_asked_for_singly_while_something_is_young() {
    let looks = async {
        for (name, start) in PROVIDERS {
            let account = start().await;
            let mut requests = Vec::new();
            for young in [0, 1] {
                let recorded: BTreeMap<Address, Recorded> =
                    (0..30).map(|n| vanished(n, young)).collect();
                let before = account.write().requests();
                let wanted = Wanted {
                    cloud: None,
                    recorded: &recorded,
                    known: &BTreeMap::new(),
                    mark: None,
                    whole: false,
                    settle: Duration::from_secs(u32::MAX.into()),
                };
                let found = refresh(&account.readers(), &wanted).await;
                assert_eq!(found.expect("it answers").absent.len(), 30, "{name}");
                requests.push(account.write().requests() - before);
            }
            // Not even once more the account, which is remembered.
            assert_eq!(
                requests[1] - (requests[0] - 1),
                30 - 8,
                "{name}: {requests:?}"
            );
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, looks).await.expect("in time");
}

fn vanished(number: usize, young: usize) -> (Address, Recorded) {
    let address = Address::new(server::KIND.name, &format!("web{number}"));
    let recorded = Recorded {
        address: address.clone(),
        account: "default".to_owned(),
        id: format!("{}", 900_000 + number),
        origin: Origin::Created,
        ready: true,
        attributes: Attributes::new(),
        refers_to: Vec::new(),
        // The youngest come last, where a few questions would not meet them.
        recorded_at: if number >= 30 - young {
            Timestamp::MAX
        } else {
            Timestamp::MIN
        },
    };
    (address, recorded)
}
