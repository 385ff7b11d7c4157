//! Runs of the engine: a look, a plan, what it takes to carry it out, and what is there then.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudbuilder::apply::{Event, Journal, Options, Report, Surroundings, apply, settle};
use cloudbuilder::config::cloud;
use cloudbuilder::model::{Diagnostic, Observed, Recorded};
use cloudbuilder::plan::{self, Input, Op, Plan};
use cloudbuilder::provider::Scope;
use cloudbuilder::refresh::{Found, Wanted, refresh};
use cloudbuilder::resource::{domain, record, server};
use cloudbuilder::state::{Entry, State};

use super::account::Account;

/// Keeps what would be durable, and fails to save any more after so many savings.
#[derive(Default)]
pub(crate) struct Saves {
    pub(crate) durable: Option<State>,
    pub(crate) saves: usize,
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
pub(crate) async fn look(account: &Account, cloud: Option<&str>, state: &State) -> Found {
    let cloud = cloud.map(|text| {
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        let problems = parsed.diagnostics;
        parsed
            .cloud
            .unwrap_or_else(|| panic!("{text}\n{problems:#?}"))
    });
    let wanted = Wanted {
        cloud: cloud.as_ref().map(|cloud| (cloud, &account.key)),
        recorded: &state.resources,
        known: &BTreeMap::new(),
        mark: Some(&state.lineage),
        replace: &[],
        whole: false,
        leftovers: false,
        settle: Duration::ZERO,
    };
    let found = refresh(&account.readers(), &wanted).await;
    found.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub(crate) fn with_input<T>(
    found: &Found,
    state: &State,
    destroying: bool,
    ask: impl FnOnce(&Input<'_>) -> T,
) -> T {
    ask(&Input {
        desired: &found.desired,
        withdrawn: &found.withdrawn,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &state.resources,
        lineage: Some(&state.lineage),
        accounts: &found.accounts,
        written: None,
        destroying,
        now: jiff::Timestamp::now(),
        drains: true,
        part: &plan::Part::default(),
        replace: &[],
    })
}

pub(crate) async fn planned(account: &Account, cloud: Option<&str>, state: &State) -> Plan {
    let found = look(account, cloud, state).await;
    let plan = with_input(&found, state, cloud.is_none(), plan::plan);
    plan.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub(crate) async fn carry_out(
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
        first_look: account.provider.first_look,
        // Nobody here remembers where a name led.
        longest_drain: Duration::from_millis(100),
        ..Options::default()
    };
    let (_keep, mut interrupts) = tokio::sync::mpsc::unbounded_channel();
    let report = apply(
        plan,
        account.writers(),
        state,
        &mut saves,
        &mut interrupts,
        &options,
    );
    (report.await, saves)
}

/// Plans and applies until the end; nothing may be left to do then, and nothing be there twice.
/// Gives how often the state was saved meanwhile.
pub(crate) async fn converge(
    account: &Account,
    cloud: Option<&str>,
    state: &mut State,
    when: &str,
) -> usize {
    let mut saves = Saves::default();
    // What is there can be seen at once, so what cannot was never made.
    let settled = settle(
        &account.readers(),
        state,
        &mut saves,
        Duration::ZERO,
        |_, _| {},
    )
    .await;
    settled.expect("the account answers");
    let plan = planned(account, cloud, state).await;
    let (report, saved) = carry_out(account, &plan, state, None).await;
    assert!(report.is_complete(), "{when}: {report:#?}");
    let again = planned(account, cloud, state).await;
    assert!(again.steps.is_empty(), "{when}: {:#?}", again.steps);
    assert_nothing_twice(account, state, when).await;
    saved.saves
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
            leftovers: false,
            ..Scope::default()
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for observed in account.write().list(kind, scope).await.unwrap().found {
            // A zone has several of these from the start.
            if observed.text(record::TYPE) != Some("NS") {
                *counts.entry(key(&observed, parts)).or_default() += 1;
            }
        }
        counts.retain(|name, count| *count > 1 && name.starts_with(&account.prefix));
        assert!(counts.is_empty(), "{when}: {kind} {counts:?}");
    }
}

fn key(observed: &Observed, parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .map(|part| observed.text(part).unwrap_or_default());
    parts.collect::<Vec<_>>().join(" ")
}
