//! Several accounts: which zone of which account a name goes into, and which size and image of a
//! catalog is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloudbuilder::config::{Cloud, PublicKeys, cloud};
use cloudbuilder::model::{
    AccountView, Address, Attributes, Capabilities, Catalog, Desired, Diagnostic, Image, Origin,
    RecordRules, Recorded, Region, Size,
};
use cloudbuilder::resource::{Declared, Setting, Zones, declare, record, server};
use jiff::Timestamp;

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef key@acme.com";

static WITH_DNS: Capabilities = capabilities(&["ssh_key", "server", "domain", "record"]);
static WITHOUT_DNS: Capabilities = capabilities(&["ssh_key", "server"]);

const fn capabilities(kinds: &'static [&'static str]) -> Capabilities {
    Capabilities {
        provider: "toy",
        kinds,
        only_seen: &[],
        marked: &[],
        copy_gb: None,
        prices: true,
        batches: &[],
        records: RecordRules::ALL,
        updates: &[],
        leaves: &[],
        name_servers: &[],
        boot: Duration::from_secs(1),
        page: 1,
        by_id: true,
        lacks: &[],
    }
}

fn image(id: &str, name: &str, created: &str) -> Image {
    Image {
        id: id.to_owned(),
        name: name.to_owned(),
        regions: ["here".to_owned()].into(),
        created: Some(created.parse().unwrap()),
        ..Image::default()
    }
}

fn catalog() -> Catalog {
    let size = |id: &str, slug: &str| Size {
        id: Some(id.to_owned()),
        slug: slug.to_owned(),
        regions: ["here".to_owned()].into(),
        available: true,
        ..Size::default()
    };
    Catalog {
        regions: vec![Region {
            slug: "here".to_owned(),
            name: "here".to_owned(),
            features: BTreeSet::new(),
            available: true,
        }],
        sizes: vec![size("f1", "small"), size("f2", "large")],
        images: vec![
            image("i1", "debian-12", "2026-01-01T00:00:00Z"),
            image("i2", "twins", "2026-01-01T00:00:00Z"),
            image("i3", "twins", "2026-03-01T00:00:00Z"),
        ],
        ..Catalog::default()
    }
}

/// Two clouds, `a` with DNS and `b` without unless told otherwise, and what is recorded.
struct World {
    zones: Zones,
    recorded: BTreeMap<Address, Recorded>,
    both_have_dns: bool,
}

impl World {
    fn new(zones: &[(&str, &str)]) -> Self {
        let mut by_account = Zones::new();
        for (account, zone) in zones {
            let of_account = by_account.entry((*account).to_owned()).or_default();
            of_account.insert((*zone).to_owned());
        }
        Self {
            zones: by_account,
            recorded: BTreeMap::new(),
            both_have_dns: false,
        }
    }

    fn record(&mut self, address: Address, account: &str, attributes: &[(&str, &str)]) {
        let pairs = attributes.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let recorded = Recorded {
            address: address.clone(),
            account: account.to_owned(),
            id: "1".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: pairs.collect::<Attributes>(),
            refers_to: Vec::new(),
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        self.recorded.insert(address, recorded);
    }

    fn declared(&self, servers: &str, domains: &str, gone: &BTreeSet<Address>) -> Declared {
        let view = |capabilities| AccountView {
            region: None,
            clock: None,
            capabilities,
            catalog: Some(catalog()),
            dns_in: None,
            left_out: BTreeMap::new(),
            limits: BTreeMap::new(),
        };
        let other = if self.both_have_dns {
            &WITH_DNS
        } else {
            &WITHOUT_DNS
        };
        let accounts = [
            ("a".to_owned(), view(&WITH_DNS)),
            ("b".to_owned(), view(other)),
        ];
        let setting = Setting {
            public_keys: &PublicKeys::parse(KEY).unwrap(),
            zones: &self.zones,
            recorded: &self.recorded,
            gone,
            accounts: &accounts.into(),
            seen: None,
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        declare(&parsed(servers, domains), &setting)
    }

    /// The account and the zone of each record of www.acme.com, or the errors.
    fn place(&self, server_in: &str, domains: &str) -> Result<String, Vec<String>> {
        let servers = format!(
            r#""web": {{"provider": "{server_in}", "size": "small", "image": "debian-12",
                "names": ["www.acme.com"]}}"#
        );
        let Declared { desired, notes, .. } = self.declared(&servers, domains, &BTreeSet::new());
        errors(&notes)?;
        let mut records = desired
            .iter()
            .filter(|desired| desired.address.kind() == record::KIND.name);
        let first = records.next().expect("a record");
        let zones = desired
            .iter()
            .filter(|desired| desired.address.kind() == "domain");
        let made: Vec<String> = zones
            .map(|zone| format!("{} in {}", zone.address, zone.account))
            .collect();
        Ok(format!("{} [{}]", first.account, made.join(", ")))
    }

    /// The attributes that say which size and image a server has.
    fn chosen(&self, selectors: &str, gone: bool) -> Result<Vec<String>, Vec<String>> {
        let servers = format!(r#""web": {{"provider": "a", {selectors}}}"#);
        let web = Address::new("server", "web");
        let gone = BTreeSet::from_iter(gone.then_some(web));
        let Declared { desired, notes, .. } = self.declared(&servers, "{}", &gone);
        errors(&notes)?;
        let is_server = |desired: &&Desired| desired.address.kind() == server::KIND.name;
        let found = desired.iter().find(is_server).expect("a server");
        let names = [
            server::SIZE,
            server::SIZE_ID,
            server::IMAGE,
            server::IMAGE_ID,
        ];
        Ok(names
            .iter()
            .map(|name| found.text(name).unwrap_or("-").to_owned())
            .collect())
    }
}

fn errors(notes: &[Diagnostic]) -> Result<(), Vec<String>> {
    let errors = notes.iter().filter(|note| note.is_error());
    let errors: Vec<String> = errors.map(|error| error.summary.clone()).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn parsed(servers: &str, domains: &str) -> Cloud {
    let text = format!(
        r#"{{"version": 2,
            "providers": {{"a": {{"type": "openstack"}}, "b": {{"type": "openstack"}}}},
            "defaults": {{"provider": "b"}},
            "servers": {{{servers}}}, "domains": {domains}}}"#
    );
    let parsed = cloud::parse("cloud.json", text.as_bytes());
    let problems = parsed.diagnostics;
    parsed.cloud.unwrap_or_else(|| panic!("{problems:#?}"))
}

#[test]
fn a_name_goes_where_its_zone_is() {
    let here = World::new(&[("a", "acme.com")]);
    assert_eq!(here.place("b", "{}").unwrap(), "a []");
    // None has it: the server's own account makes it, if that can.
    let nowhere = World::new(&[]);
    assert_eq!(
        nowhere.place("a", "{}").unwrap(),
        "a [domain.acme.com in a]"
    );
    assert_eq!(
        nowhere.place("b", "{}").unwrap_err(),
        ["there is no account for the zone of www.acme.com"]
    );
    // What cloud.json names goes before what there is.
    let named = r#"{"acme.com": {"provider": "a"}}"#;
    assert_eq!(
        nowhere.place("b", named).unwrap(),
        "a [domain.acme.com in a]"
    );
}

#[test]
fn of_two_zones_of_a_name_cloud_json_says_which() {
    let mut both = World::new(&[("a", "acme.com"), ("b", "acme.com")]);
    both.both_have_dns = true;
    assert_eq!(
        both.place("b", "{}").unwrap_err(),
        ["the zone of www.acme.com is in several accounts"]
    );
    let named = r#"{"acme.com": {"provider": "a"}}"#;
    assert_eq!(both.place("b", named).unwrap(), "a [domain.acme.com in a]");
}

#[test]
fn a_name_that_is_there_moves_to_no_other_account() {
    let mut world = World::new(&[("b", "acme.com")]);
    world.both_have_dns = true;
    let address = Address::new("record", "www.acme.com/A");
    world.record(address, "b", &[(record::ZONE, "acme.com")]);
    assert_eq!(world.place("b", "{}").unwrap(), "b []");
    let elsewhere = r#"{"acme.com": {"provider": "a"}}"#;
    assert_eq!(
        world.place("b", elsewhere).unwrap_err(),
        ["www.acme.com is in the zone acme.com of the account `b`"]
    );
}

#[test]
fn sizes_and_images_go_by_ids_and_stay() {
    let mut world = World::new(&[]);
    let chosen = |world: &World, selectors: &str| world.chosen(selectors, false);
    assert_eq!(
        chosen(&world, r#""size": "f2", "image": "debian-1?""#).unwrap(),
        ["large", "f2", "debian-12", "i1"]
    );
    assert_eq!(
        chosen(&world, r#""size": "small", "image": "twins""#).unwrap_err(),
        ["`twins` means 2 images"]
    );
    let newest = r#""size": "small", "image": {"name": "tw*", "newest": true}"#;
    assert_eq!(
        chosen(&world, newest).unwrap(),
        ["small", "f1", "twins", "i3"]
    );
    assert_eq!(
        chosen(&world, r#""size": "small", "image": "plan9*""#).unwrap_err(),
        ["no image matches `plan9*`"]
    );
    // What was chosen before stays, also if something else would be chosen now.
    let pairs = [
        (server::SIZE, "small"),
        (server::SIZE_ID, "f1"),
        (server::IMAGE, "twins"),
        (server::IMAGE_ID, "i0"),
    ];
    world.record(Address::new("server", "web"), "a", &pairs);
    assert_eq!(
        chosen(&world, newest).unwrap(),
        ["small", "f1", "twins", "i0"]
    );
    // One that is gone is made of what there is.
    assert_eq!(
        world.chosen(newest, true).unwrap(),
        ["small", "f1", "twins", "i3"]
    );
}
