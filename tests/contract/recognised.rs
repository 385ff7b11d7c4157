//! From no state.

use std::collections::BTreeMap;

use cloudbuilder::model::Diagnostic;
use cloudbuilder::plan::{self, Op, Plan};
use cloudbuilder::state::State;

use super::account::{Account, Provider};
use super::life::life;
use super::run::{carry_out, converge, look, planned, with_input};

pub(crate) async fn a_lost_state(provider: &'static Provider, subject: &str) {
    let account = Account::start(provider, subject).await;
    let [(_, cloud), ..] = life(&account);
    let cloud = cloud.as_deref();
    let mut made = State::new();
    converge(&account, cloud, &mut made, provider.name).await;

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
    assert_eq!(ids(&lost).len(), 2);
}
