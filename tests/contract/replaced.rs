//! What another has taken the place of.

use cloudbuilder::model::{Address, Attributes, Recorded};
use cloudbuilder::provider::Target;
use cloudbuilder::resource::{record, server};
use cloudbuilder::state::State;

use super::account::{Account, Provider};
use super::life::with_servers;
use super::run::{carry_out, converge, planned};

/// It stays if the other has gone, or a name was led back, since the plan was made.
pub(crate) async fn what_serves_again_stays(provider: &'static Provider, subject: &str) {
    for is_led_back in [true, false] {
        let account = Account::start(provider, subject).await;
        let both = with_servers(
            &account,
            r#"{"a": {SERVER "names": ["www.acme.com"]}, "b": {SERVER "names": []}}"#,
        );
        let one = with_servers(&account, r#"{"a": {SERVER "names": ["www.acme.com"]}}"#);
        let mut state = State::new();
        converge(&account, Some(&both), &mut state, provider.name).await;
        let address =
            |kind: &str, name: &str| Address::new(kind, &format!("{}{name}", account.prefix));
        let (a, b) = (address("server", "a"), address("server", "b"));
        // As if `a` had been made in the place of `b`, whose address nobody remembers any more.
        let mut old = state.resources.remove(&b).unwrap();
        old.address = a.set_aside(&old.id);
        old.attributes
            .insert(server::FORGOTTEN_AT, "2026-01-01T00:00:00Z".into());
        state.resources.insert(old.address.clone(), old.clone());
        let plan = planned(&account, Some(&one), &state).await;
        assert_eq!(plan.counts().destroy, 1, "{:#?}", plan.steps);

        let www = state.resources[&address("record", "www.acme.com/A")].clone();
        if is_led_back {
            let mut back: Attributes = www.attributes.clone();
            back.insert(record::DATA, old.attributes[server::IPV4_ADDRESS].clone());
            let target = of(&www);
            let changed = [record::DATA.to_owned()];
            let write = account.write();
            write
                .update(target, &back, &changed, &state.lineage)
                .await
                .unwrap();
        } else {
            let new = state.resources[&a].clone();
            let target = of(&new);
            account
                .write()
                .delete(target, &state.lineage)
                .await
                .unwrap();
        }
        let (report, _) = carry_out(&account, &plan, &mut state, None).await;
        assert_eq!(report.failed.len(), 1, "{report:#?}");
        let kept = account.write().get(of(&old)).await;
        assert!(kept.unwrap().is_some(), "{} lost it", provider.name);
        assert!(state.resources.contains_key(&old.address));
    }
}

fn of(recorded: &Recorded) -> Target<'_> {
    Target {
        kind: recorded.address.kind(),
        id: &recorded.id,
        attributes: &recorded.attributes,
        coming: false,
    }
}
