//! From every state: what was applied needs nothing more, and what was cut off is run again.

use cloudbuilder::provider::Scope;
use cloudbuilder::resource::{domain, server};
use cloudbuilder::state::State;
use futures_util::future::join_all;

use super::account::{Account, Provider};
use super::life::life;
use super::run::{carry_out, converge, planned};

pub(crate) async fn needs_nothing_more(provider: &'static Provider, subject: &str) {
    let account = Account::start(provider, subject).await;
    let mut state = State::new();
    for (stage, cloud) in life(&account) {
        let when = format!("{}, {stage}", provider.name);
        converge(&account, cloud.as_deref(), &mut state, &when).await;
    }
    assert!(state.resources.is_empty());
    for (kind, name) in [
        (server::KIND.name, server::NAME),
        (domain::KIND.name, domain::NAME),
    ] {
        let scope = Scope {
            whole: true,
            ..Scope::default()
        };
        let mut left = account.write().list(kind, scope).await.unwrap().found;
        left.retain(|one| {
            let name = one.text(name).unwrap_or_default();
            name.starts_with(&account.prefix)
        });
        assert!(left.is_empty(), "{} keeps {left:?}", provider.name);
    }
}

/// The account goes on from where the power went off: what was under way then is there, and the
/// state does not know it.
#[expect(clippy::print_stdout, reason = "how much was tried is a result")]
pub(crate) async fn cut_off(provider: &'static Provider, subject: &str) {
    let stages = (0..3).map(|stage| cut_off_in(provider, subject, stage));
    let cuts: usize = join_all(stages).await.into_iter().sum();
    println!("{}: cut off after {cuts} savings", provider.name);
}

/// Gives how many savings a run was cut off after.
async fn cut_off_in(provider: &'static Provider, subject: &str, stage: usize) -> usize {
    let stride = provider.stride();
    let mut cuts = 0;
    // Cut off before the first saving, nothing happens: that is left out of a sample.
    let mut saves = usize::from(stride > 1);
    loop {
        let subject = format!("{subject}-{stage}-{saves}");
        let account = Account::start(provider, &subject).await;
        let life = life(&account);
        let (name, cloud) = &life[stage];
        let cloud = cloud.as_deref();
        let mut state = State::new();
        for (before, cloud) in life.iter().take(stage) {
            converge(&account, cloud.as_deref(), &mut state, before).await;
        }
        let when = format!("{}, {name}, cut off after {saves} savings", provider.name);
        let plan = planned(&account, cloud, &state).await;
        let mut lost = state.clone();
        let (report, saved) = carry_out(&account, &plan, &mut lost, Some(saves)).await;
        let mut state = saved.durable.unwrap_or(state);
        converge(&account, cloud, &mut state, &when).await;
        if provider.is_shared {
            converge(&account, None, &mut state, &when).await;
        }
        if report.is_complete() {
            assert!(saves > 4, "{when}: it was never cut off");
            return cuts;
        }
        cuts += 1;
        saves += stride;
    }
}
