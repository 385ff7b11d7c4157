//! What is kept, and what counts as gone.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudbuilder::model::{Address, Attributes, Observed, Origin, Recorded};
use cloudbuilder::provider::Target;
use cloudbuilder::refresh::{Wanted, refresh};
use cloudbuilder::resource::{record, server};
use cloudbuilder::state::State;
use jiff::Timestamp;

use super::account::{Account, Provider};
use super::life::{only_a_zone, zone};
use super::run::converge;

/// Deleting a zone deletes all that is in it.
pub(crate) async fn a_zone_stays(provider: &'static Provider, subject: &str) {
    let account = Account::start(provider, subject).await;
    let cloud = only_a_zone(&account);
    let mut state = State::new();
    converge(&account, Some(&cloud), &mut state, provider.name).await;
    let zone = zone(&account, "made.org");
    let theirs = Attributes::from([
        (record::ZONE.to_owned(), zone.as_str().into()),
        (record::NAME.to_owned(), format!("www.{zone}").into()),
        (record::TYPE.to_owned(), "A".into()),
        (record::DATA.to_owned(), "203.0.113.9".into()),
    ]);
    let theirs = account.write().create(record::KIND.name, &theirs, None);
    let theirs = theirs.await.unwrap();
    let target = Target {
        kind: record::KIND.name,
        id: &theirs.id,
        attributes: &theirs.attributes,
        coming: false,
    };
    converge(&account, None, &mut state, provider.name).await;
    let kept = account.write().get(target).await.unwrap();
    // By now it is answered by the name servers too.
    let kept = kept.map(|kept| Observed {
        readiness: theirs.readiness.clone(),
        ..kept
    });
    assert_eq!(kept.as_ref(), Some(&theirs), "{} lost it", provider.name);
}

/// Nobody is taken for gone unasked, unless the plan is refused anyhow.
pub(crate) async fn what_nobody_sees(provider: &'static Provider, subject: &str) {
    let account = Account::start(provider, subject).await;
    let mut requests = Vec::new();
    for young in [0, 0, 1] {
        let recorded: BTreeMap<Address, Recorded> =
            (0..30).map(|n| vanished(&account, n, young)).collect();
        let before = account.write().requests();
        let wanted = Wanted {
            cloud: None,
            recorded: &recorded,
            known: &BTreeMap::new(),
            mark: None,
            replace: &[],
            whole: false,
            leftovers: false,
            settle: Duration::from_secs(u32::MAX.into()),
        };
        let found = refresh(&account.readers(), &wanted).await;
        let absent = found.expect("it answers").absent.len();
        assert_eq!(absent, 30, "{}", provider.name);
        requests.push(account.write().requests() - before);
    }
    let [first, without, with] = requests[..] else {
        panic!("{requests:?}");
    };
    let opening = first - without;
    // What opens an account is remembered.
    assert!(opening > 0, "{}: {requests:?}", provider.name);
    assert!(
        provider.opening.is_none_or(|usual| usual == opening),
        "{}: {requests:?}",
        provider.name
    );
    assert_eq!(with - without, 30 - 8, "{}: {requests:?}", provider.name);
}

fn vanished(account: &Account, number: usize, young: usize) -> (Address, Recorded) {
    let address = Address::new(server::KIND.name, &format!("web{number}"));
    let recorded = Recorded {
        address: address.clone(),
        account: account.provider.account.to_owned(),
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
