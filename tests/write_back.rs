//! Addresses put into cloud.json and taken out again, in every layout that people use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cloudbuilder::config::{
    self, WriteBackError, write_back, write_overlay, written_back, written_over,
};
use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

type Networks = BTreeMap<String, Option<Json>>;

fn networks(of: &[(&str, Option<Json>)]) -> Networks {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn addresses(last: u8) -> Json {
    json!({
        "v4": [
            {"ip_address": format!("198.18.0.{last}"), "netmask": "255.255.240.0", "gateway": "198.18.0.1", "type": "public"},
            {"ip_address": format!("10.108.0.{last}"), "netmask": "255.255.240.0", "gateway": "10.108.0.1", "type": "private"},
        ],
        "v6": [
            {"ip_address": format!("2001:db8::{last}"), "netmask": 64, "gateway": "2001:db8::1", "type": "public"},
        ],
    })
}

/// Writes, checks that a second run changes nothing and that taking out undoes it; gives the text.
fn written(text: &str, networks: &Networks) -> String {
    let edited = write_back(text.as_bytes(), networks).unwrap().unwrap();
    assert_eq!(write_back(&edited, networks).unwrap(), None, "second run");
    let none: Networks = networks.keys().map(|name| (name.clone(), None)).collect();
    let removed = write_back(&edited, &none).unwrap().unwrap();
    assert_eq!(String::from_utf8(removed).unwrap(), text, "taken out again");
    String::from_utf8(edited).unwrap()
}

fn check(name: &str, actual: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/config")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        cloudbuilder::file::replace(&path, actual.as_bytes(), None)
            .map_err(|error| error.to_string())?;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    let difference = similar::TextDiff::from_lines(&expected, actual);
    let difference = difference
        .unified_diff()
        .header("expected", "actual")
        .to_string();
    Err(format!("{}\n{difference}", path.display()))
}

#[test]
fn the_example_keeps_its_style() {
    let text = include_str!("../fixtures/acme/cloud.json");
    let both = networks(&[
        ("server1", Some(addresses(2))),
        ("server2", Some(addresses(3))),
    ]);
    let edited = written(text, &both);
    assert!(
        edited.contains("\"acme.com\"]\n        , \"networks\" : {\n"),
        "{edited}"
    );
    check("written_back_acme.json", &edited).unwrap_or_else(|difference| panic!("{difference}"));
    let parsed = config::cloud::parse("cloud.json", edited.as_bytes());
    assert_eq!(parsed.diagnostics, []);
    let servers = parsed.cloud.unwrap().servers;
    for (server, count) in servers.iter().zip([2, 3]) {
        let networks = server.networks.as_ref().unwrap();
        let networks: Json = serde_json::from_str(networks).unwrap();
        assert_eq!(networks, addresses(count));
    }

    // A changed address is a change of one line.
    let moved = networks(&[
        ("server1", Some(addresses(9))),
        ("server2", Some(addresses(3))),
    ]);
    let again = write_back(edited.as_bytes(), &moved).unwrap().unwrap();
    let again = String::from_utf8(again).unwrap();
    let changed = edited.lines().zip(again.lines()).filter(|(a, b)| a != b);
    assert_eq!(changed.count(), 3);
    assert_eq!(edited.lines().count(), again.lines().count());
}

#[test]
fn every_layout_keeps_its_style() {
    let layouts = [
        "{\n  \"a\": {\n    \"region\": \"nyc3\",\n    \"size\": \"s\"\n  }\n}\n",
        "{\r\n\t\"a\": {\r\n\t\t\"region\": \"nyc3\", // here\r\n\t\t\"size\": \"s\" // there  \r\n\t}\r\n}",
        "{\"a\": {\"region\": \"nyc3\", \"size\": \"s\"}}",
        "{\"a\":{\"region\":\"nyc3\",\"size\":\"s\"}}",
        "{ \"a\" : { \"region\" : \"nyc3\" , \"size\" : \"s\" } }",
        "{\n  \"a\": {\n    \"region\": \"nyc3\",\n    \"size\": \"s\",\n  },\n}\n",
        "{\n  \"version\": 2,\n  \"servers\": {\n    \"a\": {},\n    \"b\": {\n      \"size\": \"s\"\n    }\n  }\n}\n",
        "{\"version\": 2, \"servers\": {\"a\": {\n  }, \"b\": {\"size\":\n\"s\"}}}",
        "\u{feff}{\n  // one\n  \"a\": {\n    \"region\": \"nyc3\"\n    // two\n  }\n  // three\n}\n// four",
    ];
    let shown = layouts.map(|layout| written(layout, &networks(&[("a", Some(addresses(2)))])));
    let shown = shown.join("\n--------\n");
    check("written_back_layouts.txt", &shown).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn a_right_value_keeps_its_spelling() {
    let text = r#"{"a": {"networks" :{"v6":[] ,"v4": [ {"netmask": 6.4e1, "\u0061": 1 } ]/**/}}}"#;
    let same = networks(&[(
        "a",
        Some(json!({"v4": [{"a": 1, "netmask": 64}], "v6": []})),
    )]);
    assert_eq!(write_back(text.as_bytes(), &same).unwrap(), None);
    let other = networks(&[(
        "a",
        Some(json!({"v4": [{"a": 2, "netmask": 64}], "v6": []})),
    )]);
    let edited = write_back(text.as_bytes(), &other).unwrap().unwrap();
    let expected = r#"{"a": {"networks" :{"v4" :[{"netmask" :64, "a" :2}], "v6" :[]}}}"#;
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
}

#[test]
fn a_member_the_user_moved_is_taken_out_where_it_is() {
    for (text, expected) in [
        (
            "{\"a\": {\"networks\": {}, \"x\": 1}}",
            "{\"a\": {\"x\": 1}}",
        ),
        (
            "{\"a\": {\"x\": 1, \"networks\": {}, \"y\": 2}}",
            "{\"a\": {\"x\": 1, \"y\": 2}}",
        ),
        (
            "{\"a\": {\n  \"networks\": {}, // n\n  \"x\": 1}}",
            "{\"a\": {\n   // n\n  \"x\": 1}}",
        ),
        (
            "{\"a\": { // c\n \"networks\": {} }}",
            "{\"a\": { // c\n  }}",
        ),
        (
            "{\"a\": {\"x\": 1 // c\n , \"networks\": {} , \"y\": 2}}",
            "{\"a\": {\"x\": 1 // c\n  , \"y\": 2}}",
        ),
        (
            "{\"a\": {\"x\": 1, // c\n \"networks\": {} }}",
            "{\"a\": {\"x\": 1 // c\n  }}",
        ),
        (
            "{\"a\": {\"x\": 1, // c\n \"networks\": {}, }}",
            "{\"a\": {\"x\": 1, // c\n  }}",
        ),
        (
            "{\"a\": {\"networks\": {} /*c*/ , }}",
            "{\"a\": { /*c*/  }}",
        ),
        (
            "{\"a\": {\"x\": 1 // c\n , /*d*/ \"networks\": {}}}",
            "{\"a\": {\"x\": 1 // c\n  /*d*/}}",
        ),
    ] {
        let edited = write_back(text.as_bytes(), &networks(&[("a", None)]))
            .unwrap()
            .unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_not_there_is_passed_over() {
    for text in [
        "{}",
        "{\"b\": {}}",
        "{\"a\": 7}",
        "{\"version\": 2}",
        "{\"version\": 2, \"a\": {}}",
    ] {
        let gone = networks(&[("a", Some(addresses(2))), ("c", None)]);
        assert_eq!(write_back(text.as_bytes(), &gone).unwrap(), None, "{text}");
    }
    let absent = write_back(b"{\"a\": {\"x\": 1}}", &networks(&[("a", None)])).unwrap();
    assert_eq!(absent, None);
}

#[test]
fn a_text_that_is_not_clear_is_not_edited() {
    let wanted = networks(&[("a", Some(addresses(2)))]);
    for text in [
        "",
        "{",
        "[]",
        "{\"a\": {}",
        "{\"a\": {,}}",
        "{\"version\": 3, \"a\": {}}",
        "{\"version\": 2, \"servers\": []}",
    ] {
        let error = write_back(text.as_bytes(), &wanted).unwrap_err();
        assert!(
            matches!(&error, WriteBackError::Unreadable(_)),
            "{text}: {error:?}"
        );
        assert!(error.problem().unwrap().place.is_some());
    }
    for text in [
        "{\"a\": {}, \"\\u0061\": {}}",
        "{\"a\": {\"networks\": {}, \"networks\": {}}}",
        "{\"version\": 2, \"servers\": {\"a\": {}}, \"servers\": {}}",
    ] {
        let error = write_back(text.as_bytes(), &wanted).unwrap_err();
        assert!(
            matches!(error, WriteBackError::Ambiguous(_)),
            "{text}: {error:?}"
        );
    }
    assert!(write_back(b"{\"a\": {\"x\": \"\xff\"}}", &wanted).is_err());
}

/// Accounts, selectors, files and the block `openstack`, whose key `networks` is the user's.
#[test]
fn nothing_else_of_a_server_is_touched() {
    let text = r#"{
  "version": 2, // sections
  "providers": {
    "os": {"type": "openstack", "networks": ["private"]},
    "do": {"type": "digitalocean"},
  },
  "defaults": {
    "provider": "os",
    "image": {"name": "debian-12*", "newest": true},
    "openstack": { "security_groups": ["default"] },
  },
  "domains": {"acme.com": {"provider": "do"}},
  "servers": {
    "web1": {
      "size": {"name": "m1.*"}, // the only one
      "openstack": {
        "networks": ["private"],
        "floating_ip_from": "public"
      },
      "names": ["acme.com"],
      "files": [
        {"path": "/etc/motd", "content": "it's \"here\"\\n", "mode": "0644"},
        {"path": "/etc/ssh/admin_keys", "public_ssh_key": true},
      ]
    },
    "web2": {
      "provider": "do",
      "region": "nyc3",
      "size": "s-1vcpu-1gb",
      "image": "debian-13-x64"
    }
  }
}
"#;
    let before = config::cloud::parse("cloud.json", text.as_bytes());
    assert_eq!(before.diagnostics, []);
    let both = networks(&[("web1", Some(addresses(2))), ("web2", Some(addresses(3)))]);
    let edited = written(text, &both);
    check("written_back_sections.json", &edited)
        .unwrap_or_else(|difference| panic!("{difference}"));

    let after = config::cloud::parse("cloud.json", edited.as_bytes());
    assert_eq!(after.diagnostics, []);
    let after = after.cloud.unwrap();
    for (server, count) in after.servers.iter().zip([2, 3]) {
        let networks = server.networks.as_ref().unwrap();
        let networks: Json = serde_json::from_str(networks).unwrap();
        assert_eq!(networks, addresses(count));
    }
    let settings = after.servers[0].settings.as_ref().unwrap();
    assert_eq!(settings.networks[0].value, "private");

    // Every line that was there is there still, in its order; one of each server got a comma.
    let mut lines = edited.lines();
    for line in text.lines() {
        let found = lines.find(|other| *other == line || *other == format!("{line},"));
        assert!(found.is_some(), "{line} is gone from {edited}");
    }
}

/// A document in a layout made of a stream of choices.
struct Document {
    random: fastrand::Rng,
    eol: &'static str,
    comments: bool,
    /// `None`: every gap as it comes.
    style: Option<(&'static str, &'static str, &'static str)>,
    trailing_commas: bool,
}

impl Document {
    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.random.usize(..choices.len())]
    }

    fn space(&mut self) -> String {
        let space = self.pick(&["", "", " ", "  ", "\t", "\n", "\n    ", " \n\n\t", "\r"]);
        space.replace('\n', self.eol)
    }

    fn gap(&mut self) -> String {
        let mut gap = self.space();
        while self.comments && self.random.u8(..3) == 0 {
            gap += &match self.pick(&["line", "block", "blocks"]) {
                "line" => format!("// it's a \"{{,\" é  {}", self.pick(&[self.eol, "\r"])),
                "block" => "/* }, \" // */".to_owned(),
                _ => format!("/*{}*/", self.eol),
            };
            gap += &self.space();
        }
        gap
    }

    fn list(&mut self, brackets: [&str; 2], entries: &[String], depth: usize) -> String {
        let [open, close] = brackets;
        let deep = |line: &str, depth: usize, eol: &str| {
            let indent = line.trim_start_matches('\n').repeat(depth);
            if line.contains('\n') {
                format!("{eol}{indent}")
            } else {
                line.to_owned()
            }
        };
        let mut text = open.to_owned();
        for (index, entry) in entries.iter().enumerate() {
            let last = index + 1 == entries.len();
            let (before, after) = match self.style {
                None => (self.gap(), self.gap()),
                Some((first, before, after)) => {
                    let before = deep(if index == 0 { first } else { before }, depth + 1, self.eol);
                    let after = deep(after, depth + 1, self.eol);
                    (before, if index == 0 { String::new() } else { after })
                }
            };
            if index > 0 {
                text += &format!("{before},{after}");
            } else {
                text += &before;
            }
            text += entry;
            if last && self.trailing_commas && self.random.bool() {
                text += &self.gap();
                text += ",";
            }
        }
        text += &match self.style {
            None => self.gap(),
            Some((first, ..)) => {
                let comment = self.comments && self.random.u8(..3) == 0;
                let comment = if comment {
                    format!(" // c{}", self.eol)
                } else {
                    String::new()
                };
                comment + &deep(first, depth, self.eol)
            }
        };
        text + close
    }

    fn member(&mut self, key: &str, value: &str) -> String {
        let (before, after) = match self.style {
            None => (self.gap(), self.gap()),
            Some(_) => (self.pick(&["", " "]).to_owned(), " ".to_owned()),
        };
        format!("{}{before}:{after}{value}", Json::from(key))
    }

    fn server(&mut self, depth: usize) -> String {
        let keys = ["region", "si\"ze", "größe", "names", "backups"];
        let count = self.random.usize(..keys.len());
        let members: Vec<_> = keys[..count]
            .iter()
            .map(|key| {
                let value = match *key {
                    "names" => {
                        let names = ["\"a.example.com\"".to_owned(), "7".to_owned()];
                        self.list(["[", "]"], &names, depth + 1)
                    }
                    "backups" => "false".to_owned(),
                    _ => "\"ny\\u0063 // ,\"".to_owned(),
                };
                self.member(key, &value)
            })
            .collect();
        self.list(["{", "}"], &members, depth)
    }

    fn styled(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let styles = [
            ("\n  ", "", "\n  "),
            ("\n\t", "", "\n\t"),
            ("\n    ", "\n    ", " "),
            (" ", "", " "),
            ("", "", ""),
            (" ", " ", " "),
        ];
        Self {
            eol: if random.bool() { "\n" } else { "\r\n" },
            comments: random.bool(),
            style: random.bool().then(|| styles[random.usize(..styles.len())]),
            trailing_commas: random.u8(..4) == 0,
            random,
        }
    }

    fn whole(seed: u64) -> String {
        let sectioned = fastrand::Rng::with_seed(!seed).bool();
        Self::of(seed, &NAMES, sectioned)
    }

    fn of(seed: u64, keys: &[&str], sectioned: bool) -> String {
        let mut document = Self::styled(seed);
        let servers: Vec<_> = keys
            .iter()
            .map(|name| {
                let server = document.server(if sectioned { 2 } else { 1 });
                document.member(name, &server)
            })
            .collect();
        let root = if sectioned {
            let section = document.list(["{", "}"], &servers, 1);
            let members = [
                document.member("version", "2"),
                document.member("servers", &section),
            ];
            document.list(["{", "}"], &members, 0)
        } else {
            document.list(["{", "}"], &servers, 0)
        };
        let mark = document.pick(&["", "\u{feff}"]);
        format!("{mark}{}{root}{}", document.gap(), document.gap())
    }
}

impl Document {
    /// A text that says of some of the servers in what they differ, or of none.
    fn overlay(seed: u64) -> String {
        let mut document = Self::styled(seed);
        let mut members = Vec::new();
        if document.random.bool() {
            members.push(document.member("version", "2"));
        }
        if document.random.bool() {
            let defaults = document.server(1);
            members.push(document.member("defaults", &defaults));
        }
        if document.random.u8(..3) > 0 {
            let count = document.random.usize(..NAMES.len());
            let servers: Vec<_> = NAMES[..count]
                .iter()
                .map(|name| {
                    let server = match document.random.u8(..8) {
                        0 => "null".to_owned(),
                        _ => document.server(2),
                    };
                    document.member(name, &server)
                })
                .collect();
            let section = document.list(["{", "}"], &servers, 1);
            members.push(document.member("servers", &section));
        }
        let root = document.list(["{", "}"], &members, 0);
        let mark = document.pick(&["", "\u{feff}"]);
        format!("{mark}{}{root}{}", document.gap(), document.gap())
    }
}

const RANGES: [&str; 4] = ["web-{1..11}", "{08..10}.d\"b", "größe{3..3}", "web-x"];
/// Servers that these stand for; the first ones, in part, also once the first range is shorter.
const OF_RANGES: [&str; 7] = [
    "web-1", "web-2", "web-3", "web-11", "09.d\"b", "größe3", "web-x",
];
const NAMES: [&str; 4] = ["web1", "web2", "d\"b", "größe"];

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<i64>().prop_map(Json::from),
        "[a-z\"/\\\\é{},:\n]{0,6}".prop_map(Json::from),
        Just(addresses(2)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{0,3}", inner, 0..3)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// The servers and their keys, in the file's order.
fn outline(text: &str) -> Vec<(String, Vec<String>)> {
    let text = text.trim_start_matches('\u{feff}');
    let root = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let root = root.unwrap().value.unwrap();
    let root = root.as_object().unwrap();
    let servers = root.get_object("servers").unwrap_or(root);
    let server = |member: &ObjectProp<'_>| {
        let keys = member.value.as_object().unwrap().properties.iter();
        let keys = keys.map(|key| key.name.as_str().to_owned());
        let keys = keys.filter(|key| key != "networks").collect();
        (member.name.as_str().to_owned(), keys)
    };
    servers.properties.iter().map(server).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("WRITE_BACK_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(600),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn only_networks_change(
        seed: u64,
        first in prop::collection::btree_map(prop::sample::select(&NAMES[..]), value(), 1..4),
        second in prop::collection::btree_map(prop::sample::select(&NAMES[..]), value(), 1..4),
    ) {
        let text = Document::whole(seed);
        let outline_before = outline(&text);
        let set = |values: &BTreeMap<&str, Json>| -> Networks {
            values.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect()
        };
        let nothing: Networks = NAMES.iter().map(|name| ((*name).to_owned(), None)).collect();
        prop_assert_eq!(write_back(text.as_bytes(), &nothing).unwrap(), None);

        // Written, written over, and in part taken out again: always back to the first text.
        let once = String::from_utf8(write_back(text.as_bytes(), &set(&first)).unwrap().unwrap()).unwrap();
        prop_assert_eq!(write_back(once.as_bytes(), &set(&first)).unwrap(), None, "{}", once);
        let twice = match write_back(once.as_bytes(), &set(&second)).unwrap() {
            Some(twice) => String::from_utf8(twice).unwrap(),
            None => once.clone(),
        };
        prop_assert_eq!(outline(&twice), outline_before, "{}", twice);
        let mut wanted = first;
        wanted.extend(second);
        prop_assert_eq!(write_back(twice.as_bytes(), &set(&wanted)).unwrap(), None, "{}", twice);
        let back = write_back(twice.as_bytes(), &nothing).unwrap().unwrap();
        prop_assert_eq!(String::from_utf8(back).unwrap(), text, "{}", twice);
    }

    #[test]
    fn only_networks_change_in_ranges(
        seed: u64,
        first in prop::collection::btree_map(prop::sample::select(&OF_RANGES[..]), value(), 1..7),
        second in prop::collection::btree_map(prop::sample::select(&OF_RANGES[..]), value(), 1..7),
    ) {
        let text = Document::of(seed, &RANGES, true);
        let outline_before = outline(&text);
        let edited = |text: &str, networks: &Networks| {
            let edited = write_back(text.as_bytes(), networks).unwrap();
            edited.map_or_else(|| text.to_owned(), |edited| String::from_utf8(edited).unwrap())
        };
        let set = |values: &BTreeMap<&str, Json>| -> Networks {
            values.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect()
        };
        let nothing: Networks = OF_RANGES.iter().map(|name| ((*name).to_owned(), None)).collect();
        let read = |text: &str| -> BTreeMap<String, Json> {
            let held = written_back(text.as_bytes(), &BTreeMap::new()).into_iter();
            held.map(|(name, of)| (name, serde_json::from_str(&of).unwrap())).collect()
        };
        prop_assert_eq!(&edited(&text, &nothing), &text);

        let once = edited(&text, &set(&first));
        prop_assert_eq!(&edited(&once, &set(&first)), &once);
        let twice = edited(&once, &set(&second));
        prop_assert_eq!(outline(&twice), outline_before, "{}", twice);
        let mut wanted = first;
        wanted.extend(second);
        prop_assert_eq!(&edited(&twice, &set(&wanted)), &twice);
        let owned = wanted.iter().map(|(name, of)| ((*name).to_owned(), of.clone()));
        let mut owned: BTreeMap<String, Json> = owned.collect();
        prop_assert_eq!(&read(&twice), &owned, "{}", twice);

        // One that a range no longer has is read, and can be taken out by itself.
        let shrunk = twice.replace("{1..11}", "{1..2}");
        prop_assert_eq!(&read(&shrunk), &owned);
        let gone: Networks = OF_RANGES[2..4].iter().map(|name| ((*name).to_owned(), None)).collect();
        let shrunk = edited(&shrunk, &gone);
        owned.retain(|name, _| !gone.contains_key(name));
        prop_assert_eq!(&read(&shrunk), &owned, "{}", shrunk);

        prop_assert_eq!(&edited(&twice, &nothing), &text, "{}", twice);
        let back = edited(&shrunk, &nothing).replace("{1..2}", "{1..11}");
        prop_assert_eq!(&back, &text, "{}", shrunk);
    }

    #[test]
    fn only_networks_change_in_an_overlay(
        seed: u64,
        first in prop::collection::btree_map(prop::sample::select(&NAMES[..]), value(), 1..4),
        second in prop::collection::btree_map(prop::sample::select(&NAMES[..]), value(), 1..4),
    ) {
        let text = Document::overlay(seed);
        let before = meant(&text);
        let written = |text: &str, networks: &Networks| {
            let edited = write_overlay("cloud.prod.json", text.as_bytes(), networks, &[]).unwrap();
            edited.map_or_else(|| text.to_owned(), |edited| String::from_utf8(edited).unwrap())
        };
        let set = |values: &BTreeMap<&str, Json>| -> Networks {
            values.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect()
        };
        let nothing: Networks = NAMES.iter().map(|name| ((*name).to_owned(), None)).collect();
        prop_assert_eq!(&written(&text, &nothing), &text);

        let once = written(&text, &set(&first));
        prop_assert_eq!(&written(&once, &set(&first)), &once);
        let twice = written(&once, &set(&second));
        prop_assert_eq!(meant(&twice), before.clone(), "{}", twice);
        let mut wanted = first;
        wanted.extend(second);
        prop_assert_eq!(&written(&twice, &set(&wanted)), &twice);
        let held = written_over(twice.as_bytes(), &BTreeMap::new());
        for (name, value) in wanted {
            let says_null = text_of(&text, name) == Some(Json::Null);
            let held = held.get(name).map(|held| serde_json::from_str::<Json>(held).unwrap());
            prop_assert!(held == Some(value) || says_null, "{}: {}", name, twice);
        }
        let back = written(&twice, &nothing);
        prop_assert_eq!(meant(&back), before, "{}", twice);
        // What is empty means nothing here, and goes with the addresses that it got.
        if !has_empty(&text) {
            prop_assert_eq!(&written(&once, &nothing), &text, "{}", once);
            // Of what was added one after another, space beside a comment may be left.
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&back), bare(&text), "{}", twice);
        }
    }
}

fn document(text: &str) -> Json {
    let text = text.trim_start_matches('\u{feff}');
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    plain(&parsed.unwrap().value.unwrap())
}

fn plain(value: &Value<'_>) -> Json {
    match value {
        Value::Object(object) => {
            let members = object.properties.iter();
            members
                .map(|member| (member.name.as_str().to_owned(), plain(&member.value)))
                .collect()
        }
        Value::Array(list) => list.elements.iter().map(plain).collect(),
        Value::StringLit(text) => text.value.as_ref().into(),
        Value::NumberLit(number) => serde_json::from_str(number.value).unwrap(),
        Value::BooleanLit(literal) => literal.value.into(),
        Value::NullKeyword(_) => Json::Null,
    }
}

/// What an overlay says of a server.
fn text_of(text: &str, name: &str) -> Option<Json> {
    document(text).get("servers")?.get(name).cloned()
}

/// What an overlay says, but for addresses and what is empty without them.
fn meant(text: &str) -> Json {
    let mut document = document(text);
    if let Some(servers) = document.get_mut("servers").and_then(Json::as_object_mut) {
        for server in servers.values_mut().filter_map(Json::as_object_mut) {
            server.remove("networks");
        }
        servers.retain(|_, server| *server != json!({}));
        if servers.is_empty() {
            document.as_object_mut().unwrap().remove("servers");
        }
    }
    document
}

fn has_empty(text: &str) -> bool {
    let document = document(text);
    let servers = document.get("servers").and_then(Json::as_object);
    servers.is_some_and(|servers| {
        servers.is_empty() || servers.values().any(|server| *server == json!({}))
    })
}

#[test]
fn an_overlay_gets_what_it_lacks() {
    let overlays = [
        "{}",
        "{\n}\n",
        "{\n  \"defaults\": {\"size\": \"s\"}\n}\n",
        "{\n  // none\n  \"servers\": {\n    \"b\": null\n  }\n}\n",
        "{\n    \"servers\" : {\n          \"a\" : {\"size\" : \"s\"}\n        , \"b\" : null\n    }\n}\n",
        "{\"servers\":{\"b\":{\"size\":\"s\"}}}",
        "{\n\t\"servers\": {\n\t\t\"b\": null, // gone\n\t},\n}\n",
    ];
    let all = networks(&[
        (
            "a",
            Some(json!({"v4": [{"ip_address": "198.18.0.2", "netmask": "255.255.240.0"}]})),
        ),
        ("b", None),
        (
            "c",
            Some(json!({"v4": [], "v6": [{"ip_address": "2001:db8::2", "netmask": 64}]})),
        ),
    ]);
    let none = networks(&[("a", None), ("b", None), ("c", None)]);
    let shown = overlays.map(|text| {
        let edited = write_overlay("over", text.as_bytes(), &all, &[])
            .unwrap()
            .unwrap();
        let edited = String::from_utf8(edited).unwrap();
        let back = write_overlay("over", edited.as_bytes(), &none, &[])
            .unwrap()
            .unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), text, "{edited}");
        edited
    });
    let shown = shown.join("\n--------\n");
    check("written_into_overlays.txt", &shown).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn an_entry_with_a_comment_stays() {
    let text = "{\"servers\": {\"a\": {\n// mine\n\"networks\": 1}, \"b\": {\"networks\": 2}}}";
    let none = networks(&[("a", None), ("b", None)]);
    let edited = write_overlay("over", text.as_bytes(), &none, &[])
        .unwrap()
        .unwrap();
    let edited = String::from_utf8(edited).unwrap();
    assert_eq!(edited, "{\"servers\": {\"a\": {\n// mine\n}}}");
}

#[test]
fn overlays_that_cannot_be_edited_stay() {
    let wanted = networks(&[("a", Some(addresses(2)))]);
    for (text, problem) in [
        ("", "over is empty"),
        ("[]", "the file as a whole must be an object"),
        ("{\"servers\": []}", "`servers` must be an object"),
    ] {
        let error = write_overlay("over", text.as_bytes(), &wanted, &[]).unwrap_err();
        let problem_there = error.problem().unwrap();
        assert_eq!(problem_there.summary, problem);
        assert_eq!(&*problem_there.place.as_ref().unwrap().file, "over");
    }
    for text in [
        "{\"servers\": {\"a\": {}, \"a\": {}}}",
        "{\"servers\": {}, \"servers\": {}}",
    ] {
        let error = write_overlay("over", text.as_bytes(), &wanted, &[]).unwrap_err();
        assert!(matches!(error, WriteBackError::Ambiguous(_)), "{error}");
    }
}

#[test]
fn what_is_written_can_be_read() {
    let homes = BTreeMap::new();
    let held = |text: &str| {
        let text = text.as_bytes();
        (written_back(text, &homes), written_over(text, &homes))
    };
    let a = BTreeMap::from([("a".to_owned(), "[1]".to_owned())]);
    let none = BTreeMap::new();
    assert_eq!(
        held("{\"a\": {\"networks\": [1]}, \"b\": {}}"),
        (a.clone(), none.clone())
    );
    let sectioned = "{\"version\": 2, \"servers\": {\"a\": {\"networks\": [1]}}}";
    assert_eq!(held(sectioned), (a.clone(), a.clone()));
    let overlay = "{\"servers\": {\"a\": {\"networks\": [1]}, \"b\": null}}";
    assert_eq!(held(overlay).1, a);
    assert_eq!(held("{\"a\": {"), (none.clone(), none));
}

#[test]
fn a_range_has_its_addresses_by_name() {
    let layouts = [
        "{\n  \"version\": 2,\n  \"servers\": {\n    // twenty\n    \"a{1..20}\": {\n      \"size\": \"s\"\n    }\n  }\n}\n",
        "{\"version\": 2, \"servers\": {\"a{1..20}\": {}}}",
        "{\n    \"version\" : 2\n  , \"servers\" : {\n          \"a{1..20}\" : {\n              \"size\" : \"s\"\n            , \"image\" : \"i\"\n        }\n    }\n}\n",
    ];
    let one = json!({"v4": [{"ip_address": "198.18.0.2"}]});
    let some = networks(&[
        ("a10", Some(one.clone())),
        ("a2", Some(one.clone())),
        ("a1", Some(one)),
    ]);
    let shown = layouts.map(|layout| written(layout, &some));
    let shown = shown.join("\n--------\n");
    check("written_back_ranges.txt", &shown).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn what_an_entry_had_before_it_was_a_range_or_no_longer_is_makes_way() {
    let one = json!({"v4": [1]});
    let of_a1 = networks(&[("a1", Some(one))]);
    for (before, after) in [
        (
            r#"{"version": 2, "servers": {"a{1..2}": {"networks": {"v4": [1], "v6": []}}}}"#,
            r#"{"version": 2, "servers": {"a{1..2}": {"networks": {"a1": {"v4": [1]}}}}}"#,
        ),
        (
            r#"{"version": 2, "servers": {"a1": {"networks": {"a1": {"v4": [1]}}}}}"#,
            r#"{"version": 2, "servers": {"a1": {"networks": {"v4": [1]}}}}"#,
        ),
        // It has an entry of its own now.
        (
            r#"{"version": 2, "servers": {"a{2..3}": {"networks": {"a1": 7, "a2": 8}}, "a1": {}}}"#,
            r#"{"version": 2, "servers": {"a{2..3}": {"networks": {"a2": 8}}, "a1": {"networks": {"v4": [1]}}}}"#,
        ),
    ] {
        let edited = write_back(before.as_bytes(), &of_a1).unwrap().unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), after);
    }
}

#[test]
fn in_an_overlay_the_entry_of_a_range_is_that_of_cloud_json() {
    let base = r#"{"version": 2, "servers": {"a{1..2}": {}, "b": {}}}"#;
    let ranges = config::range_keys(base.as_bytes());
    assert_eq!(ranges, ["a{1..2}"]);
    let homes = BTreeMap::from([("a1", "a{1..2}"), ("a2", "a{1..2}")]);
    let both = networks(&[("a1", Some(json!(1))), ("a2", Some(json!(2))), ("a3", None)]);
    for (before, held) in [
        ("{}", 0),
        (r#"{"servers":{"a{1..2}":{"networks":{"a1":1,"a2":3}}}}"#, 2),
        // What the range was called before.
        (
            r#"{"servers":{"a{1..3}":{"networks":{"a1":1,"a2":2,"a3":3}}}}"#,
            1,
        ),
    ] {
        assert_eq!(
            written_over(before.as_bytes(), &homes).len(),
            held,
            "{before}"
        );
        let edited = write_overlay("over", before.as_bytes(), &both, &ranges);
        let edited = edited.unwrap().unwrap();
        let document = document(str::from_utf8(&edited).unwrap());
        let expected = json!({"servers": {"a{1..2}": {"networks": {"a1": 1, "a2": 2}}}});
        assert_eq!(document, expected);
        assert_eq!(written_over(&edited, &homes).len(), 2);
        let none = networks(&[("a1", None), ("a2", None)]);
        let back = write_overlay("over", &edited, &none, &ranges)
            .unwrap()
            .unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), "{}");
    }
}
