//! What an account of DigitalOcean holds that no deployment looks after, of kinds that carry no mark.

use cloudbuilder::model::Observed;
use cloudbuilder::provider::Scope;
use cloudbuilder::sandbox::Options;
use serde_json::json;

use crate::{Account, attributes};

const LEFTOVERS: Scope<'_> = Scope {
    desired: &[],
    recorded: &[],
    mark: None,
    entire: &[],
    whole: true,
    leftovers: true,
    is_led_to: false,
    in_full: false,
};

impl Account {
    async fn left(&self, kind: &str, scope: Scope<'_>) -> Vec<Observed> {
        self.write.list(kind, scope).await.unwrap().found
    }
}

#[tokio::test]
async fn snapshots_take_a_request_a_page_and_none_where_nobody_asks() {
    let mut account = Account::start(Options::default()).await;
    let mut volume = attributes(&[("name", "data"), ("region", "nyc3")]);
    volume.insert("size_gb".to_owned(), json!(10));
    let made = account
        .write
        .create("volume", &volume, Some(crate::MARK))
        .await;
    let volume = made.unwrap().id;
    let its = format!("/v2/volumes/{volume}/snapshots");
    for number in 0..201 {
        let body = json!({"name": format!("data-{number}")});
        let taken = account.sandbox.ask("POST", &its, &body).await;
        assert_eq!(taken.unwrap().0, 201);
    }
    account.requests();
    let listed = account.left("snapshot", LEFTOVERS).await;
    assert_eq!((listed.len(), account.requests()), (201, 2));
    let of_it = |one: &Observed| {
        one.text("source_id") == Some(&volume) && one.text("source") == Some("volume")
    };
    assert!(listed.iter().all(of_it));
    assert_eq!(listed[0].monthly.unwrap().to_string(), "$0.03");

    // A plan has no use for any of these.
    let plans = Scope {
        leftovers: false,
        ..LEFTOVERS
    };
    for kind in ["snapshot", "vpc", "firewall"] {
        assert!(account.left(kind, plans).await.is_empty());
    }
    assert_eq!(account.requests(), 0);
}

#[tokio::test]
async fn what_a_token_may_not_see_is_told() {
    let fault = json!([
        {"method": "GET", "path": "/v2/firewalls*", "kind": "refuse", "status": 403},
    ]);
    let options = Options {
        faults: serde_json::from_value(fault).unwrap(),
        ..Options::default()
    };
    let account = Account::start(options).await;
    assert!(account.left("firewall", LEFTOVERS).await.is_empty());
    assert!(
        !account.left("vpc", LEFTOVERS).await.is_empty(),
        "the default ones"
    );
    let notes = account.write.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("may not see firewalls"), "{notes:?}");
}
