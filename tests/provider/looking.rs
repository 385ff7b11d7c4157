//! Looking for what may have been made, and at what boots, in as few requests as it takes.

use cloudbuilder::model::Attributes;
use cloudbuilder::provider::Target;
use cloudbuilder::sandbox::Options;
use futures_util::future::join_all;

use crate::{Account, MARK, OTHER_MARK, attributes, record, server};

#[tokio::test]
async fn what_may_have_been_made_is_found_with_one_request() {
    let mut account = Account::start(Options::default()).await;
    let key = account.key().await;
    let mut made = Vec::new();
    for (name, mark) in [
        ("web1", MARK),
        ("web1", OTHER_MARK),
        ("WEB1", MARK),
        ("web1", MARK),
        ("web2", MARK),
    ] {
        let server = account
            .write
            .create("server", &server(name), Some(mark))
            .await;
        made.push(server.unwrap().id);
    }
    let zone = attributes(&[("name", "acme.com")]);
    account
        .write
        .create("domain", &zone, Some(MARK))
        .await
        .unwrap();
    let mut records = Vec::new();
    for (name, data) in [
        ("www.acme.com", "192.0.2.1"),
        ("www.acme.com", "192.0.2.2"),
        ("www.acme.com", "192.0.2.1"),
        ("acme.com", "192.0.2.1"),
    ] {
        let record = record("acme.com", name, data);
        let record = account.write.create("record", &record, Some(MARK)).await;
        records.push(record.unwrap().id);
    }
    account.requests();

    // Ours, each of them: whoever asks must know of all. Not the one of another deployment.
    let web1 = account.find("server", &server("web1")).await;
    assert_eq!(web1, [made[0].clone(), made[2].clone(), made[3].clone()]);
    assert_eq!(account.requests(), 1);
    assert!(account.find("server", &server("web3")).await.is_empty());
    assert_eq!(account.requests(), 1);

    assert_eq!(account.find("ssh_key", &key).await.len(), 1);
    assert_eq!(account.find("domain", &zone).await, ["acme.com"]);
    let other = attributes(&[("name", "acme.net")]);
    assert!(account.find("domain", &other).await.is_empty());
    assert_eq!(account.requests(), 3);

    let www = record("acme.com", "www.acme.com", "192.0.2.1");
    let copies = account.find("record", &www).await;
    assert_eq!(copies, [records[0].clone(), records[2].clone()]);
    let apex = record("acme.com", "acme.com", "192.0.2.1");
    assert_eq!(account.find("record", &apex).await, [records[3].clone()]);
    let nowhere = record("acme.net", "www.acme.net", "192.0.2.1");
    assert!(account.find("record", &nowhere).await.is_empty());
    assert_eq!(account.requests(), 3);
    account.sandbox.stop().await;
}

#[tokio::test]
async fn several_are_found_the_cheaper_way() {
    let mut account = Account::start(Options::default()).await;
    let key = account.key().await;
    let mut made = Vec::new();
    for (name, mark) in [("web1", MARK), ("web2", OTHER_MARK), ("Web3", MARK)] {
        let server = account
            .write
            .create("server", &server(name), Some(mark))
            .await;
        made.push(server.unwrap().id);
    }
    let [web1, web3] = [&made[0], &made[2]].map(|id| vec![id.clone()]);
    let mut records = Vec::new();
    for (zone, name, data) in [
        ("acme.com", "www.acme.com", "192.0.2.1"),
        ("acme.com", "acme.com", "192.0.2.1"),
        ("acme.com", "acme.com", "192.0.2.2"),
        ("acme.net", "www.acme.net", "192.0.2.1"),
    ] {
        let zone_wanted = attributes(&[("name", zone)]);
        let _ = account
            .write
            .create("domain", &zone_wanted, Some(MARK))
            .await;
        let made = account
            .write
            .create("record", &record(zone, name, data), Some(MARK))
            .await;
        records.push(vec![made.unwrap().id]);
    }
    account.requests();

    // Two names are more than the account's one page.
    let wanted = ["web3", "web2", "nope", "web1", "web3"].map(server);
    let found = account.find_all("server", &wanted.each_ref()).await;
    let none = Vec::new();
    assert_eq!(found, [&web3, &none, &none, &web1, &web3].map(Clone::clone));
    assert_eq!(account.requests(), 1);

    let wanted = [
        record("acme.net", "www.acme.net", "192.0.2.1"),
        record("acme.com", "acme.com", "192.0.2.2"),
        record("acme.com", "acme.com", "192.0.2.3"),
        record("acme.org", "acme.org", "192.0.2.1"),
        record("acme.com", "www.acme.com", "192.0.2.1"),
    ];
    let found = account.find_all("record", &wanted.each_ref()).await;
    let expected = [&records[3], &records[2], &none, &none, &records[0]];
    assert_eq!(found, expected.map(Clone::clone));
    assert_eq!(account.requests(), 3, "one a zone");

    let nobodys = attributes(&[("fingerprint", "00:11")]);
    let found = account.find_all("ssh_key", &[&nobodys, &key]).await;
    assert_eq!((found[0].len(), found[1].len()), (0, 1));
    assert_eq!(account.requests(), 2);
    assert!(account.find_all("domain", &[]).await.is_empty());
    assert!(account.find_all("server", &[]).await.is_empty());
    assert_eq!(account.requests(), 0);
    account.sandbox.stop().await;
}

#[tokio::test]
async fn a_large_collection_is_not_listed_for_a_few_names() {
    let mut account = Account::start(Options::default()).await;
    account.key().await;
    let servers: Vec<Attributes> = (0..410).map(|n| server(&format!("web{n}"))).collect();
    for some in servers.chunks(10) {
        let asked: Vec<&Attributes> = some.iter().collect();
        let made = account.write.create_many("server", &asked, Some(MARK));
        made.await.unwrap();
    }
    let zone = attributes(&[("name", "acme.com")]);
    account
        .write
        .create("domain", &zone, Some(MARK))
        .await
        .unwrap();
    let records: Vec<Attributes> = (0..210)
        .map(|n| record("acme.com", &format!("web{n}.acme.com"), "192.0.2.1"))
        .collect();
    let made = records
        .iter()
        .map(|record| account.write.create("record", record, Some(MARK)));
    for made in join_all(made).await {
        made.unwrap();
    }
    account.requests();
    // How many are asked for, and what that takes. Before the first listing nobody knows how many
    // pages there are.
    for (kind, all, wanted, requests) in [
        ("server", &servers, 4, 3),
        ("server", &servers, 3, 3),
        ("server", &servers, 2, 2),
        ("server", &servers, 410, 3),
        ("record", &records, 3, 2),
        ("record", &records, 2, 2),
        ("record", &records, 1, 1),
        ("record", &records, 210, 2),
    ] {
        let asked: Vec<&Attributes> = all[..wanted].iter().collect();
        let found = account.find_all(kind, &asked).await;
        assert!(found.iter().all(|candidates| candidates.len() == 1));
        assert_eq!(account.requests(), requests, "{wanted} of {kind}");
    }
    account.sandbox.stop().await;
}

#[tokio::test]
async fn what_boots_is_looked_at_the_cheaper_way() {
    let mut account = Account::start(Options::default()).await;
    account.key().await;
    let mut made = Vec::new();
    for batch in 0..45 {
        let servers: Vec<Attributes> = (0..10)
            .map(|n| server(&format!("web{}", batch * 10 + n)))
            .collect();
        let asked: Vec<&Attributes> = servers.iter().collect();
        let answer = account
            .write
            .create_many("server", &asked, Some(MARK))
            .await;
        made.extend(answer.unwrap().into_iter().map(|made| made.unwrap().id));
    }
    let nothing = Attributes::new();
    let targets: Vec<Target<'_>> = made
        .iter()
        .map(|id| Target {
            kind: "server",
            id,
            attributes: &nothing,
            coming: false,
        })
        .collect();
    account.requests();
    // How many are looked for, and what that takes. Before the first listing nobody knows how
    // many pages there are.
    for (booting, requests) in [(1, 1), (450, 3), (4, 3), (3, 3), (2, 2), (1, 1), (200, 3)] {
        let seen = account.write.look("server", &targets[..booting], MARK);
        let seen = seen.await.unwrap();
        assert!(seen.len() >= booting);
        assert_eq!(account.requests(), requests, "{booting} boot");
    }
    account.sandbox.stop().await;
}

/// A record that asks for no TTL leaves that of its fellows, which others may have set, as it is.
#[tokio::test]
async fn a_new_value_takes_the_ttl_of_those_it_comes_to() {
    let account = Account::start(Options::default()).await;
    let zone = attributes(&[("name", "acme.com")]);
    let write = &account.write;
    write.create("domain", &zone, Some(MARK)).await.unwrap();
    let text = |data: &str| {
        attributes(&[
            ("zone", "acme.com"),
            ("name", "acme.com"),
            ("type", "TXT"),
            ("data", data),
        ])
    };
    let mut first = text("one");
    first.insert("ttl", 300.into());
    write.create("record", &first, Some(MARK)).await.unwrap();
    let second = write.create("record", &text("two"), Some(MARK)).await;
    assert_eq!(second.unwrap().attributes["ttl"], 300);
    let found = write.find("record", &[&text("one")], MARK).await.unwrap();
    assert_eq!(found[0][0].attributes["ttl"], 300);
}
