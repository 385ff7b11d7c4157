//! The API's JSON and our attributes, from answers in `fixtures/digitalocean/`.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::wire::{AnySnapshots, DomainAnswer, DropletAnswer, KeyAnswer, Page, Records};
use super::{ADAPTERS, CAPABILITIES, domain, record, server, snapshot, ssh_key};
use crate::model::{Attributes, Money, Observed, Readiness};
use crate::provider::Class;

const LINEAGE: &str = "6b0c8a52-0b7c-4d6e-9d0b-3f1f7c1f2a11";

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digitalocean");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn droplet(name: &str) -> Observed {
    server::from_wire(fixture::<DropletAnswer>(name).droplet)
}

fn attributes(observed: &Observed) -> Json {
    json!(observed.attributes)
}

#[test]
fn an_active_droplet_is_a_server() {
    let server = droplet("droplet_active");
    assert_eq!((server.kind, server.id.as_str()), ("server", "3164444"));
    assert_eq!(server.readiness, Readiness::Ready);
    assert_eq!(server.owners, [LINEAGE]);
    // Six dollars, and 30 % for backups.
    assert_eq!(server.monthly, Some(Money::from_dollars(7.8)));
    let expected = json!({
        "id": "3164444",
        "name": "web1",
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": "debian-13-x64",
        "made_from": "63663980",
        "backups": true,
        "power": "on",
        "private_ipv4": "10.128.192.124",
        "disk_gb": 25,
        "ipv6": true,
        // Not the private one, which comes first.
        "ipv4_address": "203.0.113.7",
        // In one spelling, whatever the API's.
        "ipv6_address": "2604:a880:400:d0::bc9:1001",
        "tags": ["web"],
        "vpc": "760e09ef-dc84-11e8-981e-3cfdfeaae000",
        "networks": {
            "v4": [
                {"ip_address": "203.0.113.7", "netmask": "255.255.240.0", "gateway": "203.0.113.1", "type": "public"},
                {"ip_address": "10.128.192.124", "netmask": "255.255.0.0", "gateway": null, "type": "private"},
            ],
            "v6": [
                {"ip_address": "2604:a880:400:d0::bc9:1001", "netmask": 64, "gateway": "2604:A880:0400:00D0::1", "type": "public"},
            ],
        },
    });
    assert_eq!(attributes(&server), expected);
}

#[test]
fn a_droplet_is_ready_once_it_has_its_addresses() {
    let pending = |why: &str| Readiness::Pending(why.to_owned());
    for (name, readiness) in [
        ("droplet_new", pending("it boots")),
        (
            "droplet_active_without_addresses",
            pending("it has no public IPv4 yet"),
        ),
        (
            "droplet_active_before_ipv6",
            pending("it has no public IPv6 yet"),
        ),
    ] {
        let server = droplet(name);
        assert_eq!(server.readiness, readiness, "{name}");
        // What is missing is not known yet: null would say that there is none.
        assert!(!server.attributes.contains_key("ipv6_address"), "{name}");
        assert!(!server.attributes.contains_key("networks"), "{name}");
    }
    assert!(
        !droplet("droplet_new")
            .attributes
            .contains_key("ipv4_address")
    );
}

#[test]
fn a_droplet_without_ipv6_says_so() {
    let server = droplet("droplet_off_without_ipv6");
    assert_eq!(server.attributes["ipv6_address"], Json::Null);
    assert_eq!(server.attributes["ipv6"], json!(false));
    assert_eq!(server.attributes["backups"], json!(false));
    assert_eq!(server.monthly, Some(Money::from_dollars(6.0)));
    assert_eq!(server.attributes["power"], json!("off"));
    // Off is not on its way: nobody waits for it.
    assert_eq!(server.readiness, Readiness::Ready);
    let created = server.created.map(|time| time.to_string());
    assert_eq!(created.as_deref(), Some("2026-01-02T03:04:05Z"));
}

#[test]
fn a_withdrawn_image_says_nothing_about_what_was_asked_for() {
    let server = droplet("droplet_of_retired_image");
    assert!(!server.attributes.contains_key("image"));
    assert!(server.owners.is_empty());
}

#[test]
fn only_tags_that_begin_with_our_mark_are_owners() {
    assert_eq!(droplet("droplet_many_tags").owners, ["one", "four"]);
}

#[test]
fn properties_may_be_missing_and_addresses_unspecified() {
    let server = droplet("droplet_sparse");
    assert_eq!((server.monthly, server.created), (None, None));
    assert!(!server.attributes.contains_key("ipv4_address"));
    assert_eq!(
        server.readiness,
        Readiness::Pending("it has no public IPv4 yet".to_owned())
    );
}

#[test]
fn a_create_request_carries_key_and_mark() {
    let wanted = |image: &str| {
        let attributes = json!({
            "name": "web1", "region": "nyc3", "size": "s-1vcpu-1gb", "image": image,
            "backups": false, "ipv6": true, "ssh_key": "3b:16:bf",
        });
        serde_json::from_value::<Attributes>(attributes).unwrap()
    };
    let attributes = wanted("debian-13-x64");
    let request =
        server::to_create_request(super::wire::Names::One("web1"), &attributes, Some(LINEAGE))
            .unwrap();
    let expected = json!({
        "name": "web1", "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
        "ssh_keys": ["3b:16:bf"], "backups": false, "ipv6": true,
        "tags": [format!("cloudbuilder:{LINEAGE}")],
    });
    assert_eq!(json!(request), expected);
    // Private images go by their number.
    let attributes = wanted("63663980");
    let request =
        server::to_create_request(super::wire::Names::One("web1"), &attributes, Some(LINEAGE))
            .unwrap();
    assert_eq!(json!(request)["image"], json!(63_663_980));

    // Neither without our mark nor without a key.
    let refused = |attributes: &Attributes, mark| {
        let request = server::to_create_request(super::wire::Names::One("web1"), attributes, mark);
        request.map(|_| ()).unwrap_err().class
    };
    assert_eq!(refused(&attributes, Some("")), Class::Rejected);
    let mut keyless = attributes.clone();
    keyless.remove("ssh_key");
    assert_eq!(refused(&keyless, Some(LINEAGE)), Class::Rejected);
}

#[test]
fn records_of_every_type_have_whole_names() {
    let records = fixture::<Records>("records").into_items();
    let seen: Vec<String> = records
        .into_iter()
        .map(|wire| {
            let record = record::from_wire("acme.com", wire);
            assert_eq!(record.text("zone"), Some("acme.com"));
            let part = |name| record.text(name).unwrap();
            format!(
                "{} {} {} {}",
                record.id,
                part("name"),
                part("type"),
                part("data")
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "1 acme.com SOA 1800",
            "2 acme.com NS ns1.digitalocean.com",
            "3 acme.com A 203.0.113.7",
            "4 www.acme.com AAAA 2604:a880:400:d0::bc9:1001",
            "5 blog.acme.com CNAME acme.com",
            "6 shop.acme.com CNAME shops.example.net",
            "7 acme.com MX 10 mail.acme.com",
            "8 _dmarc.acme.com TXT v=DMARC1; p=none",
            "9 _sip._tcp.acme.com SRV 1 5 5060 sip.acme.com",
            "10 acme.com CAA 0 issue \"letsencrypt.org\"",
            "11 *.acme.com A not an address",
        ]
    );
}

#[test]
fn a_zone_goes_by_its_name_in_lower_case() {
    let zone = domain::from_wire(&fixture::<DomainAnswer>("domain").domain);
    assert_eq!(
        (zone.id.as_str(), zone.text("name")),
        ("acme.com", Some("acme.com"))
    );
}

#[test]
fn a_key_goes_by_its_fingerprint() {
    let key = ssh_key::from_wire(fixture::<KeyAnswer>("ssh_key").ssh_key);
    assert_eq!(key.id, "512189");
    assert_eq!(
        key.text("fingerprint"),
        Some("3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa")
    );
}

#[test]
fn every_adapter_is_a_known_kind_and_a_capability() {
    let kinds: Vec<_> = ADAPTERS.iter().map(|adapter| adapter.kind()).collect();
    assert_eq!(kinds, CAPABILITIES.kinds);
    for kind in kinds {
        assert!(crate::resource::kind(kind).is_some(), "{kind}");
    }
    for kind in CAPABILITIES.only_seen {
        let (_, kind) = crate::resource::kind(kind).unwrap();
        assert!(
            crate::resource::ONLY_SEEN
                .iter()
                .any(|one| one.name == kind.name)
        );
    }
    for kind in CAPABILITIES.marked {
        assert!(CAPABILITIES.kinds.contains(kind), "{kind}");
    }
    for update in CAPABILITIES.updates {
        let (_, kind) = crate::resource::kind(update.kind).unwrap();
        let during = update.during.iter().map(|(attribute, _)| attribute);
        for attribute in update.attributes.iter().chain(during) {
            assert!(kind.attribute(attribute).is_some(), "{update:?}");
        }
    }
}

#[test]
fn a_snapshot_costs_what_is_billed_of_it_and_not_its_disk() {
    let snapshots = fixture::<AnySnapshots>("snapshots").into_items();
    let seen: Vec<Observed> = snapshots.into_iter().map(snapshot::from_wire).collect();
    let said: Vec<_> = seen
        .iter()
        .map(|one| {
            let detail = (crate::resource::snapshot::KIND.detail)(&one.attributes.as_known());
            (one.id.as_str(), detail, one.monthly.unwrap().to_string())
        })
        .collect();
    let of_droplet = "of server 200776916 · 2.34 GB · nyc3 · sfo3";
    let of_volume = "of volume 89bcc42f-85cf-11e6-a004-000f53315871 · 0.1008 GB · nyc1";
    let second = "fbe805e8-866b-11e6-96bf-000f53315a41";
    assert_eq!(
        said,
        [
            ("6372321", of_droplet.to_owned(), "$0.14".to_owned()),
            (second, of_volume.to_owned(), "$0.01".to_owned()),
        ]
    );
    assert!(
        seen.iter()
            .all(|one| one.created.is_some() && one.owners.is_empty())
    );
}
