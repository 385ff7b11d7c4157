//! Servers and keys of Rackspace Classic against the simulator.

use super::rackspace::{connect, control, simulated};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudbuilder::model::{Desired, Readiness, Value};
use md5::{Digest as _, Md5};

pub(super) fn server(name: &str) -> Attributes {
    attributes(&[
        ("name", name),
        ("size", "general1-1"),
        ("image", "Debian 12 (Bookworm) (Cloud)"),
        ("ssh_key", FINGERPRINT),
    ])
}

fn key() -> Attributes {
    attributes(&[
        ("name", "someone@example.com"),
        ("public_key", KEY),
        ("fingerprint", FINGERPRINT),
    ])
}

/// A client of an account that has the key.
pub(super) async fn with_key(sandbox: &Sandbox) -> Box<dyn Write> {
    let write = connect(HURRIED, sandbox.url(), 0, None);
    write.create("ssh_key", &key(), Some(MARK)).await.unwrap();
    write
}

pub(super) fn target(observed: &Observed) -> Target<'_> {
    Target {
        kind: observed.kind,
        id: &observed.id,
        attributes: &observed.attributes,
        coming: false,
    }
}

pub(super) async fn look(write: &dyn Write, observed: &Observed) -> Option<Observed> {
    let seen = write.look("server", &[target(observed)], MARK).await;
    seen.unwrap().pop()
}

fn desired(attributes: Attributes) -> Desired {
    let known = attributes.into_iter();
    Desired {
        address: "server.web1".parse().unwrap(),
        account: "rax".to_owned(),
        attributes: known
            .map(|(name, value)| (name, Value::Known(value)))
            .collect(),
        only_if: None,
        follows: Vec::new(),
        place: None,
        places: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_server_comes_up_with_its_files_and_goes() {
    let sandbox = simulated(json!([])).await;
    let write = with_key(&sandbox).await;
    let mut wanted = server("web1");
    let file = json!([{"path": "/etc/motd", "content": "hello\n"}]);
    wanted.insert("files", file);
    let made = write.create("server", &wanted, Some(MARK)).await.unwrap();
    assert!(matches!(made.readiness, Readiness::Pending(_)));
    let coming = look(&*write, &made).await.unwrap();
    let Readiness::Pending(how_far) = &coming.readiness else {
        panic!("{coming:?}")
    };
    assert!(how_far.contains('%'), "{how_far}");
    assert_eq!(coming.attributes.get("ipv4_address"), None, "not known yet");

    control(&sandbox, "POST", "/_sandbox/finish").await;
    let there = look(&*write, &made).await.unwrap();
    assert_eq!(there.readiness, Readiness::Ready, "{there:?}");
    assert_eq!(there.owners, [MARK]);
    assert_eq!(there.text("name"), Some("web1"));
    assert_eq!(there.text("size"), Some("general1-1"));
    assert_eq!(there.text("region"), Some("DFW"));
    let public = |attribute| there.text(attribute).unwrap().parse::<std::net::IpAddr>();
    let (v4, v6) = (
        public("ipv4_address").unwrap(),
        public("ipv6_address").unwrap(),
    );
    assert!(v4.is_ipv4() && v6.is_ipv6());
    // In one spelling, whatever the cloud's was.
    assert_eq!(there.text("ipv6_address").unwrap(), v6.to_string());
    let networks = &there.attributes["networks"]["v4"];
    let types: Vec<&str> = [0, 1]
        .map(|at| networks[at]["type"].as_str().unwrap())
        .into();
    assert_eq!(types, ["public", "private"]);
    let injected = format!("/_sandbox/injected/{}", there.id);
    let injected = control(&sandbox, "GET", &injected).await;
    assert!(injected.contains("/etc/motd"), "{injected}");
    assert!(injected.contains("cb-28cc8d"), "{injected}");

    let listed = write.list("server", Scope::default()).await.unwrap().found;
    assert_eq!(listed, std::slice::from_ref(&there));
    let found = write.find("server", &[&wanted], MARK).await.unwrap();
    assert_eq!(found, [vec![there.clone()]]);
    let theirs = write.find("server", &[&wanted], OTHER_MARK).await.unwrap();
    assert_eq!(theirs, [vec![]]);

    write.delete(target(&there), MARK).await.unwrap();
    control(&sandbox, "POST", "/_sandbox/finish").await;
    assert_eq!(write.get(target(&there)).await.unwrap(), None);
    write.delete(target(&there), MARK).await.unwrap();
}

/// Nova knows no modes, five files at most and 1,000 bytes of each: cloud-init writes the others.
#[tokio::test]
async fn files_that_nova_cannot_put_onto_the_disk_come_there_all_the_same() {
    let sandbox = simulated(json!([])).await;
    let write = with_key(&sandbox).await;
    let mut wanted = server("web1");
    let large = "x".repeat(1001);
    let files = json!([
        {"path": "/etc/private", "content": "hello\n", "mode": "0600"},
        {"path": "/etc/large", "content": large},
    ]);
    wanted.insert("files", files);
    let asked = desired(wanted.clone());
    let resolved = write.resolve("server", &[&asked]).await.unwrap();
    let [note] = resolved[0].problems.as_slice() else {
        panic!("{:?}", resolved[0].problems)
    };
    assert!(!note.is_error(), "{note:?}");
    assert!(note.summary.contains("by cloud-init"), "{note:?}");

    let made = write.create("server", &wanted, Some(MARK)).await.unwrap();
    let injected = format!("/_sandbox/injected/{}", made.id);
    let answer = control(&sandbox, "GET", &injected).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let injected: Json = serde_json::from_str(body).unwrap();
    assert_eq!(injected["files"], json!([]));
    let encoded = |text: &str| STANDARD.encode(text);
    let (private, large) = (encoded("hello\n"), encoded(&large));
    let config = format!(
        "#cloud-config\n{{\"write_files\":[\
         {{\"content\":\"{private}\",\"encoding\":\"b64\",\"path\":\"/etc/private\",\
         \"permissions\":\"0600\"}},\
         {{\"content\":\"{large}\",\"encoding\":\"b64\",\"path\":\"/etc/large\"}}]}}\n"
    );
    assert_eq!(
        injected["user_data_md5"],
        format!("{:x}", Md5::digest(config))
    );
}

#[tokio::test]
async fn what_a_lost_answer_made_carries_its_mark() {
    let faults = json!([{"method": "POST", "name": "web1", "kind": "do_then_drop"}]);
    let sandbox = simulated(faults).await;
    let write = with_key(&sandbox).await;
    let wanted = server("web1");
    let lost = write.create("server", &wanted, Some(MARK)).await;
    assert_eq!(lost.unwrap_err().class, Class::Ambiguous);
    let found = write.find("server", &[&wanted], MARK).await.unwrap();
    assert_eq!(found[0].len(), 1);
    assert_eq!(found[0][0].owners, [MARK]);
}

#[tokio::test]
async fn a_server_of_somebody_else_can_be_marked() {
    let sandbox = simulated(json!([])).await;
    let write = with_key(&sandbox).await;
    let made = write.create("server", &server("web1"), None).await.unwrap();
    control(&sandbox, "POST", "/_sandbox/finish").await;
    let seen = look(&*write, &made).await.unwrap();
    assert_eq!(seen.owners, [""; 0]);
    write.mark(target(&seen), MARK).await.unwrap();
    let seen = look(&*write, &made).await.unwrap();
    assert_eq!(seen.owners, [MARK]);
}

#[tokio::test]
async fn a_key_is_known_by_its_name_and_made_once() {
    let sandbox = simulated(json!([])).await;
    let write = with_key(&sandbox).await;
    let twice = write.create("ssh_key", &key(), Some(MARK)).await;
    assert_eq!(twice.unwrap_err().class, Class::Exists);
    let key = key();
    let found = write.find("ssh_key", &[&key], MARK).await.unwrap();
    let [found] = found[0].as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(found.text("fingerprint"), Some(FINGERPRINT));
    write.delete(target(found), MARK).await.unwrap();
    assert_eq!(write.get(target(found)).await.unwrap(), None);
}

#[tokio::test]
async fn the_catalog_is_that_of_the_users_region() {
    let sandbox = simulated(json!([])).await;
    let write = connect(HURRIED, sandbox.url(), 0, None);
    let catalog = write.catalog().await.unwrap();
    let regions: Vec<&str> = catalog
        .regions
        .iter()
        .map(|one| one.slug.as_str())
        .collect();
    assert_eq!(regions, ["DFW"]);
    let size = catalog.size("general1-1").unwrap();
    assert_eq!(
        (size.memory_mib, size.disk_gb, size.monthly),
        (1024, 20, None)
    );
    let mut images = catalog.images.iter();
    let debian = images.find(|image| image.name == "Debian 12 (Bookworm) (Cloud)");
    let debian = debian.unwrap();
    assert!(debian.created.is_some(), "{debian:?}");
    // Images have other ids in other regions.
    let other = connect(HURRIED, sandbox.url(), 1, None);
    let there = other.catalog().await.unwrap();
    assert_eq!(there.regions[0].slug, "IAD");
    assert!(there.images.iter().all(|image| image.id != debian.id));
}

#[tokio::test]
async fn what_cannot_be_is_told_before_anything_is_made() {
    let sandbox = simulated(json!([])).await;
    let write = with_key(&sandbox).await;
    let fits = desired(server("web1"));
    let mut large = server("web1");
    let file = json!([{"path": "/etc/motd", "content": "x".repeat(50_000)}]);
    large.insert("files", file);
    let large = desired(large);
    let mut placed = server("web1");
    placed.insert("settings", json!({"security_groups": ["default"]}));
    let placed = desired(placed);
    let all = [&fits, &large, &placed];
    let resolved = write.resolve("server", &all).await.unwrap();
    let told = resolved.iter().map(|one| {
        let problems = one.problems.iter().map(|problem| problem.summary.as_str());
        problems.collect::<Vec<_>>().join(" | ")
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "",
            "server web1: its `files` take 89004 bytes as it is sent, where 65535 are allowed",
            "server web1: there are no networks, security groups or floating IPs to choose here",
        ]
    );
    assert_eq!(resolved[0].attributes["ipv6"], true);
    // More memory than an account may have.
    let mut huge = server("web1");
    huge.insert("size", "7".into());
    let huge = desired(huge);
    let many = vec![&huge; 20];
    let resolved = write.resolve("server", &many).await.unwrap();
    let problem = resolved
        .iter()
        .find_map(|one| one.problems.first())
        .unwrap();
    assert!(
        problem.summary.contains("quota of MiB of memory"),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_in_the_clouds_words() {
    let options = Options {
        cloud: cloudbuilder::sandbox::Cloud::Rackspace,
        droplet_limit: 1,
        ..Options::default()
    };
    let sandbox = sandbox::start(options).await.unwrap();
    let write = with_key(&sandbox).await;
    write
        .create("server", &server("web1"), Some(MARK))
        .await
        .unwrap();
    let before = write.requests();
    let error = write.create("server", &server("web2"), Some(MARK)).await;
    let error = error.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    assert_eq!(error.status, Some(413));
    assert_eq!(write.requests() - before, 1, "not tried again");
}
