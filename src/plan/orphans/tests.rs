use std::sync::Arc;

use super::*;
use crate::model::{AccountView, Attributes, Capabilities, Origin, Readiness, RecordRules};

static TOY: Capabilities = Capabilities {
    provider: "toy",
    kinds: &["vpc", "server"],
    updates: &[],
    leaves: &[],
    only_seen: &["snapshot"],
    marked: &["server"],
    copy_gb: None,
    prices: true,
    batches: &[],
    records: RecordRules::ALL,
    name_servers: &[],
    boot: std::time::Duration::ZERO,
    page: 1,
    by_id: false,
    lacks: &[],
};

fn seen(id: &str, name: &str, owners: &[&str], dollars: Option<f64>) -> Observed {
    Observed {
        kind: "server",
        account: Arc::from("default"),
        id: id.to_owned(),
        attributes: Attributes::from([("name".to_owned(), name.into())]),
        owners: owners.iter().map(|&owner| owner.to_owned()).collect(),
        readiness: Readiness::Ready,
        monthly: dollars.map(Money::from_dollars),
        created: None,
    }
}

fn wanted(name: &str) -> Desired {
    Desired {
        address: Address::new("server", name),
        account: "default".to_owned(),
        attributes: Attributes::default(),
        only_if: None,
        follows: Vec::new(),
        place: None,
        places: BTreeMap::new(),
    }
}

fn ids(orphans: &Orphans<'_>) -> Vec<String> {
    let found = orphans.found.iter();
    found.map(|orphan| orphan.observed.id.clone()).collect()
}

#[test]
fn what_somebody_looks_after_is_no_orphan() {
    let observed = [
        seen("1", "recorded", &["us"], Some(6.0)),
        seen("2", "cheap", &[], Some(4.0)),
        seen("3", "dear", &[], Some(48.0)),
        seen("4", "unpriced", &[], None),
        seen("5", "theirs", &["them"], Some(6.0)),
        seen("6", "theirs-too", &["others"], Some(6.0)),
        seen("7", "lost", &["us"], Some(12.0)),
    ];
    let recorded = Recorded {
        address: Address::new("server", "recorded"),
        account: "default".to_owned(),
        id: "1".to_owned(),
        origin: Origin::Created,
        ready: true,
        attributes: Attributes::default(),
        refers_to: Vec::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let recorded = [(recorded.address.clone(), recorded)].into();
    let orphans = orphans(&recorded, &observed, &AccountViews::new(), Some("us"), &[]);
    assert_eq!(ids(&orphans), ["3", "7", "2", "4"]);
    assert!(
        orphans
            .found
            .iter()
            .all(|one| (one.mark == Mark::Ours) == (one.name == "lost"))
    );
    assert_eq!((orphans.of_others, orphans.others), (2, 2));
}

#[test]
fn what_a_plan_would_take_over_is_no_orphan() {
    let nothing = BTreeMap::new();
    for (observed, left) in [
        (vec![seen("1", "Web", &[], None)], vec![]),
        (vec![seen("1", "web", &["us"], None)], vec![]),
        // Which of them is meant, nobody knows.
        (
            vec![seen("1", "web", &[], None), seen("2", "web", &[], None)],
            vec!["1", "2"],
        ),
        (
            vec![seen("1", "web", &[], None), seen("2", "web", &["us"], None)],
            vec!["1"],
        ),
    ] {
        let views = AccountViews::new();
        let orphans = orphans(&nothing, &observed, &views, Some("us"), &[wanted("web")]);
        assert_eq!(ids(&orphans), left);
    }
}

#[test]
fn what_no_mark_tells_of_counts_only_if_it_is_paid_for() {
    let views = AccountViews::from([(
        "default".to_owned(),
        AccountView {
            capabilities: &TOY,
            region: None,
            clock: None,
            catalog: None,
            dns_in: None,
            left_out: BTreeMap::new(),
            limits: BTreeMap::new(),
        },
    )]);
    let of = |kind: &'static str, id: &str, dollars| Observed {
        kind,
        ..seen(id, id, &[], dollars)
    };
    let observed = [
        of("vpc", "free", None),
        of("snapshot", "paid", Some(0.03)),
        of("snapshot", "unpriced", None),
        seen("unmarked", "web", &[], None),
    ];
    let orphans = orphans(&BTreeMap::new(), &observed, &views, None, &[]);
    let found = orphans.found.iter();
    let found: Vec<_> = found
        .map(|one| (one.observed.id.as_str(), one.mark, one.counts()))
        .collect();
    assert_eq!(
        found,
        [
            ("paid", Mark::Unclear, true),
            ("free", Mark::Unclear, false),
            ("unmarked", Mark::Missing, true),
            ("unpriced", Mark::Unclear, true),
        ]
    );
}

/// Also if cloud.json does not say so any more: it is the state that goes on using it.
#[test]
fn what_something_recorded_uses_is_no_orphan() {
    let of = |kind: &'static str, id: &str| Observed {
        kind,
        ..seen(id, id, &[], None)
    };
    let uses = |kind: &str, attribute: &str, value: &str, account: &str| {
        let recorded = Recorded {
            address: Address::new(kind, "www"),
            account: account.to_owned(),
            id: "9".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: Attributes::from([(attribute.to_owned(), value.into())]),
            refers_to: Vec::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        BTreeMap::from([(recorded.address.clone(), recorded)])
    };
    let views = AccountViews::new();
    for (kind, by, attribute) in [
        ("vpc", "server", "vpc"),
        ("domain", "record", "zone"),
        ("snapshot", "server", "image"),
        ("snapshot", "server", "made_from"),
    ] {
        let observed = [of(kind, "used"), of(kind, "lone")];
        for (account, left) in [("default", vec!["lone"]), ("other", vec!["lone", "used"])] {
            let recorded = uses(by, attribute, "used", account);
            let orphans = orphans(&recorded, &observed, &views, Some("us"), &[]);
            assert_eq!(ids(&orphans), left, "{kind} {attribute} {account}");
        }
    }
}

#[test]
fn what_nobody_can_delete_is_no_orphan() {
    for kind in ["vpc", "firewall"] {
        let mut observed = [seen("1", "default", &[], None)];
        observed[0].kind = kind;
        let views = AccountViews::new();
        let found = |observed: &[Observed]| {
            orphans(&BTreeMap::new(), observed, &views, None, &[])
                .found
                .len()
        };
        assert_eq!(found(&observed), 1, "{kind}");
        let attributes = &mut observed[0].attributes;
        attributes.insert("default".to_owned(), true.into());
        assert_eq!(found(&observed), 0, "{kind}");
    }
}
