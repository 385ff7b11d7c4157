//! A record of Rackspace Classic whose job ends after the program that asked for it.

use super::rackspace::{connect, control};
use super::*;
use cloudbuilder::apply::settle;
use cloudbuilder::model::Address;
use cloudbuilder::provider::Accounts;
use cloudbuilder::sandbox::Cloud;
use cloudbuilder::state::{Effect, Entry, Intent, State};

/// Longer than anything that does not wait takes, and far shorter than a job is waited for.
const JOB: Duration = Duration::from_millis(400);

#[tokio::test]
async fn a_record_whose_job_outlives_the_settling_time_is_found() {
    let lost = json!({"method": "POST", "body_contains": "www.acme.com", "kind": "do_then_drop"});
    let options = Options {
        cloud: Cloud::Rackspace,
        action: JOB,
        faults: serde_json::from_value(json!([lost])).unwrap(),
        ..Options::default()
    };
    let sandbox = sandbox::start(options).await.expect("a sandbox starts");
    let write = connect(HURRIED, sandbox.url(), 0, None);
    let zone = Attributes::from([("name".to_owned(), "acme.com".into())]);
    write.create("domain", &zone, None).await.unwrap();
    control(&sandbox, "POST", "/_sandbox/finish").await;

    let mut state = State::new();
    let www = [
        ("zone", "acme.com"),
        ("name", "www.acme.com"),
        ("type", "A"),
        ("data", "203.0.113.1"),
    ];
    let www: Attributes = www.map(|(name, is)| (name.to_owned(), is.into())).into();
    let error = write.create("record", &www, Some(&state.lineage)).await;
    assert_eq!(error.unwrap_err().class, Class::Ambiguous);
    let address: Address = "record.www.acme.com/A".parse().unwrap();
    state.enter(Entry::Intent(Intent {
        number: 1,
        address: address.clone(),
        account: "default".to_owned(),
        effect: Effect::Create,
        id: None,
        attributes: www,
        refers_to: Vec::new(),
        sent_at: None,
        unmarked: false,
    }));

    let readers = Accounts::one("default", write).readers();
    let mut looks = 0;
    let searching = |_: &[String], longest| {
        looks += 1;
        assert!(longest > JOB, "{longest:?}");
    };
    let mut journal = NoJournal;
    let settled = settle(
        &readers,
        &mut state,
        &mut journal,
        Duration::ZERO,
        searching,
    );
    let settled = settled.await.expect("the account answers").unwrap();
    assert_eq!((settled.found, settled.never), (1, 0));
    assert!(state.resources.contains_key(&address));
    // Looks double their distance, and eleven of them last as long as a job may.
    assert!(looks < 11, "what is found ends the search: {looks} looks");
}
