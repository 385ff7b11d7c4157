use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{Account, Address, Attributes, Origin, Recorded};
use crate::state::{Change, Effect, Entry, Intent, Progress};

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/state/v1"))
}

fn attributes(value: Value) -> Attributes {
    serde_json::from_value(value).unwrap()
}

/// Two servers' worth of everything that a state can hold.
fn acme() -> State {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let recorded = [
        Recorded {
            address: "ssh_key.default".parse().unwrap(),
            account: "default".to_owned(),
            id: "512189".to_owned(),
            origin: Origin::Found,
            ready: true,
            attributes: attributes(
                json!({"fingerprint": "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa"}),
            ),
            refers_to: vec![],
            recorded_at: time("2026-10-05T09:30:00Z"),
        },
        Recorded {
            address: "server.server1".parse().unwrap(),
            account: "default".to_owned(),
            id: "3164494".to_owned(),
            origin: Origin::Created,
            ready: false,
            attributes: attributes(json!({
                "backups": false,
                "image": "debian-13-x64",
                "ipv4": "203.0.113.10",
                "ipv6": null,
                "region": "nyc3",
                "size": "s-1vcpu-1gb",
                "tags": ["web", "größer \"3\"\\\n\u{1}"],
                "weights": {"b": 0.1, "a": -1e300, "c": []},
            })),
            refers_to: vec!["ssh_key.default".parse().unwrap()],
            recorded_at: time("2026-10-05T09:30:01.5Z"),
        },
        Recorded {
            address: "record.www.acme.com/A".parse().unwrap(),
            account: "dns".to_owned(),
            id: "28448429".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: attributes(json!({"data": "203.0.113.10", "ttl": 1800})),
            refers_to: vec!["server.server1".parse().unwrap()],
            recorded_at: time("2026-10-05T09:31:10Z"),
        },
    ];
    let account = |name: &str| Account {
        provider: "digitalocean".to_owned(),
        api_url: "https://api.digitalocean.com".to_owned(),
        id: "5df3e3004a17e242b7c20ca6c9fc25b701a47ece".to_owned(),
        name: name.to_owned(),
    };
    State {
        lineage: "8a1e5f3c-9f0b-4d83-bb5a-0f6e2f1d7c44".to_owned(),
        serial: 7,
        accounts: BTreeMap::from([
            ("default".to_owned(), account("Acme")),
            ("dns".to_owned(), account("Acme DNS")),
        ]),
        resources: recorded
            .into_iter()
            .map(|recorded| (recorded.address.clone(), recorded))
            .collect(),
        unsettled: BTreeMap::new(),
        progress: None,
    }
}

/// The same, cut off between a request and its answer.
fn acme_unsettled() -> State {
    State {
        unsettled: [
            Intent {
                number: 4,
                address: "server.server2".parse().unwrap(),
                account: "default".to_owned(),
                effect: Effect::Create,
                id: None,
                attributes: attributes(json!({"region": "nyc3", "tags": ["web", "db"]})),
                refers_to: vec!["ssh_key.default".parse().unwrap()],
                sent_at: Some("2026-10-05T09:29:58Z".parse().unwrap()),
                unmarked: true,
            },
            Intent {
                number: 6,
                address: "record.www.acme.com/A".parse().unwrap(),
                account: "dns".to_owned(),
                effect: Effect::Delete,
                id: Some("28448429".to_owned()),
                attributes: Attributes::new(),
                refers_to: vec![],
                sent_at: None,
                unmarked: false,
            },
        ]
        .map(|intent| (intent.number, intent))
        .into(),
        progress: Some(Progress { steps: 8, done: 3 }),
        ..acme()
    }
}

fn text_of(state: &State) -> String {
    String::from_utf8(encode(state).unwrap().bytes).unwrap()
}

/// `document` as format 1 text, with a checksum that is right whatever is in it.
fn sealed(mut document: Value) -> String {
    let members = document.as_object_mut().unwrap();
    members.remove("checksum");
    let checksum = v1::checksum(&document);
    document["checksum"] = checksum.into();
    document.to_string()
}

fn altered(alter: impl FnOnce(&mut Value)) -> FormatError {
    let mut document: Value = serde_json::from_str(&text_of(&acme())).unwrap();
    alter(&mut document);
    decode(sealed(document).as_bytes()).unwrap_err()
}

/// Files that some version wrote are read for ever. Add to the directory, never change a file.
#[test]
fn every_file_of_format_1_loads() {
    let mut count = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let decoded = decode(&fs::read(&path).unwrap());
        let decoded = decoded.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!decoded.state.lineage.is_empty(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 3, "only {count} files in {}", fixtures().display());
}

#[test]
fn a_file_of_format_1_says_what_it_said() {
    let bytes = fs::read(fixtures().join("acme.json")).unwrap();
    assert_eq!(decode(&bytes).unwrap().state, acme());
    let bytes = fs::read(fixtures().join("unsettled.json")).unwrap();
    let decoded = decode(&bytes).unwrap();
    assert_eq!(decoded.state, acme_unsettled());
    assert!(!decoded.open);
}

/// What is written now, but for the two lines that change with every release.
#[test]
fn the_layout_stays() {
    let stable = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.contains("\"written_by\"") && !line.contains("\"checksum\""))
            .map(str::to_owned)
            .collect()
    };
    for (file, state) in [("acme.json", acme()), ("unsettled.json", acme_unsettled())] {
        let kept = fs::read_to_string(fixtures().join(file)).unwrap();
        assert_eq!(stable(&text_of(&state)), stable(&kept));
    }
}

#[test]
fn the_checksum_is_the_documented_one() {
    // Worked out apart from this program: SHA-256 of the canonical text, written down by hand.
    let canonical = r#"{"a":[1,-2,5e-1,-1.25e300,"\n\u0001é"],"b":{},"c":null}"#;
    let digest = ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes());
    let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let parsed: Value = serde_json::from_str(
        r#"{ "c" : null, "b":{}, "a":[1, -2, 0.50, -125E+298, "\u000a\u0001\u00e9"] }"#,
    )
    .unwrap();
    assert_eq!(v1::checksum(&parsed), format!("sha256:{hex}"));
}

#[test]
fn another_layout_is_the_same_state() {
    let text = text_of(&acme());
    let document: Value = serde_json::from_str(&text).unwrap();
    let layouts = [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        text.trim_end().to_owned(),
        document.to_string(),
        serde_json::to_string_pretty(&document).unwrap(),
    ];
    for layout in layouts {
        assert_eq!(decode(layout.as_bytes()).unwrap().state, acme(), "{layout}");
    }
}

#[test]
fn a_text_cut_anywhere_says_where_it_ends() {
    let text = text_of(&acme());
    let bytes = text.trim_end().as_bytes();
    assert_eq!(decode(b""), Err(FormatError::Empty));
    assert_eq!(decode(b" \n"), Err(FormatError::Empty));
    for byte in 1..bytes.len() {
        assert_eq!(
            decode(&bytes[..byte]),
            Err(FormatError::Truncated { byte }),
            "cut at {byte}: …{:?}",
            String::from_utf8_lossy(&bytes[byte.saturating_sub(20)..byte])
        );
    }
    decode(bytes).unwrap();
}

#[test]
fn no_altered_byte_goes_unnoticed() {
    let mut state = acme();
    state
        .resources
        .retain(|address, _| address.kind() == "server");
    // 1e3 and 1E3 are the same number.
    for recorded in state.resources.values_mut() {
        recorded.attributes.remove("weights");
    }
    let good = encode(&state).unwrap().bytes;
    let mut harmless = 0;
    for place in 0..good.len() {
        let bits = (0..8).map(|bit| good[place] ^ (1 << bit));
        for other in bits.chain(*b" \n\",:{}[]0/") {
            if other == good[place] {
                continue;
            }
            let mut bytes = good.clone();
            bytes[place] = other;
            if let Ok(decoded) = decode(&bytes) {
                assert_eq!(decoded.state, state, "byte {place} as {other:#x}");
                assert!(
                    good[place].is_ascii_whitespace() && other.is_ascii_whitespace(),
                    "byte {place} as {other:#x}"
                );
                harmless += 1;
            }
        }
    }
    assert!(
        harmless > 0,
        "white space is none of the checksum's business"
    );
}

#[test]
fn damage_is_named_with_its_place() {
    let text = text_of(&acme());
    let at = text.find("\"region\"").unwrap();
    let mut bytes = text.clone().into_bytes();
    bytes[at + 9] = b'x';
    let error = decode(&bytes).unwrap_err();
    assert_eq!(error.byte(), Some(at + 9), "{error}");
    assert!(error.to_string().contains("(line "), "{error}");

    bytes[at + 9] = 0xff;
    assert_eq!(decode(&bytes), Err(FormatError::NotText { byte: at + 9 }));

    // A file system that lost the content leaves zeros.
    let error = decode(&[0; 64]).unwrap_err();
    assert_eq!(error.byte(), Some(0), "{error}");
}

#[test]
fn both_sides_of_a_merge_are_called_that() {
    let text = text_of(&acme());
    let serial = "  \"serial\": 7,\n";
    let merged = text.replace(
        serial,
        &format!("<<<<<<< HEAD\n{serial}=======\n  \"serial\": 8,\n>>>>>>> main\n"),
    );
    let byte = merged.find("<<<<<<<").unwrap();
    let error = decode(merged.as_bytes()).unwrap_err();
    assert_eq!(error, FormatError::Conflict { byte, line: 4 });

    // The markers taken out, both lines left.
    let careless = text.replace(serial, "  \"serial\": 7,\n  \"serial\": 7,\n");
    let error = decode(careless.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("\"serial\" stands twice"), "{error}");
}

#[test]
fn an_edit_by_hand_is_noticed() {
    let edited = text_of(&acme()).replace("\"3164494\"", "\"3164495\"");
    let error = decode(edited.as_bytes()).unwrap_err();
    assert!(matches!(error, FormatError::Checksum { .. }), "{error}");
    assert!(
        error.to_string().contains("by hand or by a merge"),
        "{error}"
    );

    let mut document: Value = serde_json::from_str(&edited).unwrap();
    document.as_object_mut().unwrap().remove("checksum");
    let error = decode(document.to_string().as_bytes()).unwrap_err();
    assert_eq!(error, FormatError::NoChecksum);
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_not_dropped() {
    let newer = altered(|document| {
        document["format"] = 2.into();
        document["written_by"] = "cloudbuilder 3.0.0\u{1b}[2J".into();
    });
    assert_eq!(
        newer.to_string(),
        "it was written by cloudbuilder 3.0.0\\u{1b}[2J, in format 2; this version reads format 1"
    );
    assert!(newer.is_newer());

    for journal in [
        json!({"entries": 3}),
        json!({"open": false}),
        json!({"open": false, "unsettled": [{"number": 1}]}),
        json!({"open": false, "unsettled": [], "also": 1}),
        json!(true),
    ] {
        let error = altered(|document| document["journal"] = journal);
        assert_eq!(error, FormatError::OpenJournal);
        assert!(error.is_newer());
    }

    type Alter = fn(&mut Value);
    let unknown: [(Alter, &str); 4] = [
        (
            |d| d["owner"] = "x".into(),
            "the document: unknown field `owner`",
        ),
        (
            |d| d["accounts"]["dns"]["team"] = "x".into(),
            "the document: unknown field `team`",
        ),
        (
            |d| d["resources"][0]["tainted"] = true.into(),
            "record.www.acme.com/A: unknown field `tainted`",
        ),
        (
            |d| d["resources"][1]["origin"] = "adopted".into(),
            "server.server1: unknown variant `adopted`",
        ),
    ];
    for (alter, expected) in unknown {
        let error = altered(alter);
        assert!(error.is_newer(), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn every_member_is_needed() {
    let document: Value = serde_json::from_str(&text_of(&acme())).unwrap();
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    for name in names(&document) {
        let mut less = document.clone();
        less.as_object_mut().unwrap().remove(&name);
        let whole = if name == "checksum" {
            less.to_string()
        } else {
            sealed(less)
        };
        assert!(decode(whole.as_bytes()).is_err(), "without {name}");
    }
    for name in names(&document["resources"][0]) {
        let error = altered(|document| {
            document["resources"][0]
                .as_object_mut()
                .unwrap()
                .remove(&name);
        });
        assert!(error.to_string().contains(&name), "without {name}: {error}");
    }
}

#[test]
fn other_peoples_json_is_not_a_state() {
    let terraform = br#"{"version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "x"}"#;
    for text in [&terraform[..], b"[]", b"3", b"null"] {
        assert_eq!(decode(text), Err(FormatError::Foreign));
    }
    assert!(decode(br#"{"format": "1"}"#).is_err());
    assert!(decode(br#"{"format": 0}"#).is_err());
    assert!(decode(br#"{"format": 1}"#).is_err());
}

#[test]
fn one_address_stands_once() {
    let error = altered(|document| {
        let first = document["resources"][0].clone();
        document["resources"].as_array_mut().unwrap().push(first);
    });
    assert!(error.to_string().contains("stands twice"), "{error}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_address() -> impl Strategy<Value = Address> {
    ("[a-z_]{1,8}", "\\PC{1,12}").prop_map(|(kind, name)| Address::new(&kind, &name))
}

prop_compose! {
    fn any_recorded()(
        address in any_address(),
        account in any::<String>(),
        id in any::<String>(),
        created in any::<bool>(),
        ready in any::<bool>(),
        attributes in prop::collection::btree_map(any::<String>(), any_json(), 0..4),
        refers_to in prop::collection::vec(any_address(), 0..3),
        nanoseconds in any::<i64>(),
    ) -> Recorded {
        Recorded {
            address,
            account,
            id,
            origin: if created { Origin::Created } else { Origin::Found },
            ready,
            attributes: attributes.into_iter().collect(),
            refers_to,
            recorded_at: Timestamp::from_nanosecond(nanoseconds.into()).unwrap(),
        }
    }
}

prop_compose! {
    fn any_intent()(
        number in any::<u64>(),
        address in any_address(),
        account in any::<String>(),
        effect in prop::sample::select(vec![
            Effect::Create,
            Effect::Update,
            Effect::Delete,
            Effect::Import,
        ]),
        id in any::<Option<String>>(),
        attributes in prop::collection::btree_map(any::<String>(), any_json(), 0..4),
        refers_to in prop::collection::vec(any_address(), 0..3),
        sent_at in any::<Option<i64>>(),
        unmarked in any::<bool>(),
    ) -> Intent {
        let sent_at = sent_at.map(|at| Timestamp::from_nanosecond(at.into()).unwrap());
        let attributes = attributes.into_iter().collect();
        Intent { number, address, account, effect, id, attributes, refers_to, sent_at, unmarked }
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any_recorded().prop_map(Change::Put),
        any_address().prop_map(Change::Remove),
        Just(Change::Nothing),
    ]
}

fn any_progress() -> impl Strategy<Value = Progress> {
    (any::<u64>(), any::<u64>()).prop_map(|(steps, done)| Progress { steps, done })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        any_intent().prop_map(Entry::Intent),
        (any::<u64>(), any_change()).prop_map(|(number, change)| Entry::Outcome { number, change }),
        any_change().prop_map(Entry::Change),
        any_progress().prop_map(Entry::Progress),
    ]
}

prop_compose! {
    fn any_state()(
        lineage in any::<String>(),
        serial in any::<u64>(),
        accounts in prop::collection::btree_map(
            any::<String>(),
            (any::<String>(), any::<String>(), any::<String>(), any::<String>())
                .prop_map(|(provider, api_url, id, name)| Account { provider, api_url, id, name }),
            0..3,
        ),
        resources in prop::collection::vec(any_recorded(), 0..5),
        unsettled in prop::collection::vec(any_intent(), 0..3),
        progress in prop::option::of(any_progress()),
    ) -> State {
        State {
            lineage,
            serial,
            accounts,
            resources: resources
                .into_iter()
                .map(|recorded| (recorded.address.clone(), recorded))
                .collect(),
            unsettled: unsettled
                .into_iter()
                .map(|intent| (intent.number, intent))
                .collect(),
            progress,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(state in any_state()) {
        for (open, encode) in [
            (false, encode as fn(&State) -> serde_json::Result<Encoded>),
            (true, encode_open),
        ] {
            let encoded = encode(&state).unwrap();
            let decoded = decode(&encoded.bytes).unwrap();
            prop_assert_eq!(&decoded.state, &state);
            prop_assert_eq!(&decoded.checksum, &encoded.checksum);
            prop_assert_eq!(decoded.open, open);
            prop_assert_eq!(encode(&decoded.state).unwrap(), encoded);
        }
    }

    #[test]
    fn what_is_added_to_a_journal_is_read(
        appended in prop::collection::vec(prop::collection::vec(any_entry(), 1..4), 0..4),
        lineage in any::<String>(),
        serial in any::<u64>(),
    ) {
        let header = journal::Header::new(&lineage, serial, "sha256:0");
        let (mut text, mut checksum) = journal::encode_header(&header).unwrap();
        for entries in &appended {
            let (line, next) = journal::encode_entries(entries, &checksum).unwrap();
            text.extend(line);
            checksum = next;
        }
        let decoded = journal::decode(&text).unwrap();
        prop_assert_eq!(&decoded.header, &header);
        prop_assert_eq!(decoded.entries, appended.concat());
        prop_assert_eq!(decoded.checksum, checksum);
        prop_assert_eq!(decoded.torn, 0);
        prop_assert_eq!(journal::decode_header(&text).unwrap(), header);
    }
}
