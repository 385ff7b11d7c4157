//! Tokens that may not create tags, or not even read them.

use std::time::Duration;

use cloudbuilder::model::{Attributes, Readiness};
use cloudbuilder::provider::{Class, Target};
use cloudbuilder::sandbox::Options;

use crate::{Account, MARK, open, server};

async fn account(lacked: &[&str]) -> Account {
    let options = Options {
        without_scopes: lacked.iter().copied().map(ToOwned::to_owned).collect(),
        boot: Duration::from_millis(1),
        ..Options::default()
    };
    let mut account = Account::start(options).await;
    account.key().await;
    account.requests();
    account
}

#[tokio::test]
async fn servers_are_made_without_a_mark_if_there_can_be_none() {
    let mut account = account(&["tag:create"]).await;
    assert!(account.write.notes().is_empty());

    let web = server("web");
    assert!(account.write.marks());
    let refused = account.write.create("server", &web, Some(MARK)).await;
    assert_eq!(refused.unwrap_err().class, Class::Unmarkable);
    assert!(!account.write.marks());
    let made = account.write.create("server", &web, None).await.unwrap();
    assert!(made.owners.is_empty());
    assert_eq!(account.requests(), 2, "refused once");
    let notes = account.write.notes();
    assert!(notes[0].contains("may not create tags"), "{notes:?}");

    // What says that it carries the mark carries it or is not made, also when it is known already.
    let refused = account.write.create("server", &web, Some(MARK)).await;
    assert_eq!(refused.unwrap_err().class, Class::Unmarkable);
    assert_eq!(account.requests(), 1);

    // It need not be refused again.
    let several = ["a", "b"].map(server);
    let several = several.each_ref();
    let many = account.write.create_many("server", &several, None).await;
    assert!(many.unwrap().iter().all(Result::is_ok));
    assert_eq!(account.requests(), 1);
    let target = Target {
        kind: "server",
        id: &made.id,
        attributes: &web,
        coming: false,
    };
    account.write.mark(target, MARK).await.unwrap();
    assert_eq!(account.requests(), 0);
    assert_eq!(account.write.notes().len(), 1);

    // What tells ours from others then: the name, and when it was made by the API's clock.
    let found = account.write.find("server", &[&web], MARK).await.unwrap();
    let [found] = &found[0][..] else {
        panic!("one server, not {found:?}");
    };
    assert_eq!(found.id, made.id);
    let (created, clock) = (found.created.unwrap(), account.write.clock().unwrap());
    assert!(
        (clock - created).get_seconds().abs() < 60,
        "{created} {clock}"
    );
    account.sandbox.stop().await;
}

#[tokio::test]
async fn several_at_once_are_made_without_a_mark_too() {
    let mut account = account(&["tag:create"]).await;
    let several = ["a", "b"].map(server);
    let several = several.each_ref();
    let refused = account
        .write
        .create_many("server", &several, Some(MARK))
        .await;
    assert_eq!(refused.unwrap_err().class, Class::Unmarkable);
    let many = account.write.create_many("server", &several, None).await;
    assert!(many.unwrap().iter().all(Result::is_ok));
    assert_eq!(account.requests(), 2);
    account.sandbox.stop().await;
}

#[tokio::test]
async fn a_mark_that_cannot_be_put_on_is_left_out() {
    let mut account = account(&["tag:create"]).await;
    let nothing = Attributes::new();
    let target = Target {
        kind: "server",
        id: "1",
        attributes: &nothing,
        coming: false,
    };
    account.write.mark(target, MARK).await.unwrap();
    assert_eq!((account.requests(), account.write.notes().len()), (1, 1));
    account.sandbox.stop().await;
}

/// In the run that made them, and in one after it that goes on waiting for them.
#[tokio::test]
async fn what_boots_without_a_mark_is_seen() {
    for lacked in [
        &["tag:create"][..],
        &["tag:read"][..],
        &["tag:create", "tag:read"][..],
    ] {
        let account = account(lacked).await;
        let several: Vec<Attributes> = (0..5).map(|n| server(&format!("web{n}"))).collect();
        let asked: Vec<&Attributes> = several.iter().collect();
        let mut made = account
            .write
            .create_many("server", &asked, Some(MARK))
            .await;
        if matches!(&made, Err(error) if error.class == Class::Unmarkable) {
            made = account.write.create_many("server", &asked, None).await;
        }
        let made: Vec<String> = made
            .unwrap()
            .into_iter()
            .map(|one| one.unwrap().id)
            .collect();
        let later = open(account.sandbox.url());
        for write in [&account.write, &later] {
            for waited_for in [5, 1] {
                let targets: Vec<Target<'_>> = made[..waited_for]
                    .iter()
                    .zip(&several)
                    .map(|(id, attributes)| Target {
                        kind: "server",
                        id,
                        attributes,
                        coming: false,
                    })
                    .collect();
                tokio::time::sleep(Duration::from_millis(20)).await;
                let seen = write.look("server", &targets, MARK).await.unwrap();
                for id in &made[..waited_for] {
                    let ready = seen
                        .iter()
                        .any(|one| one.id == *id && one.readiness == Readiness::Ready);
                    assert!(ready, "{lacked:?}: {id} of {waited_for} in {seen:?}");
                }
            }
        }
        account.sandbox.stop().await;
    }
}

#[tokio::test]
async fn another_refusal_is_an_error() {
    let fault = serde_json::json!({
        "method": "POST", "path": "/v2/droplets", "kind": "refuse", "status": 403,
        "message": "You are not authorized to perform this operation",
    });
    let options = Options {
        faults: vec![serde_json::from_value(fault).unwrap()],
        ..Options::default()
    };
    let mut account = Account::start(options).await;
    account.key().await;
    account.requests();
    let refused = account
        .write
        .create("server", &server("web"), Some(MARK))
        .await;
    assert_eq!(refused.unwrap_err().class, Class::Unauthorized);
    assert_eq!(account.requests(), 1);
    assert!(account.write.notes().is_empty());
    account.sandbox.stop().await;
}
