//! The schemas of the user's files say of a file's form what the readers say.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cloudbuilder::config::{self, schema};
use cloudbuilder::provider::entry_words;
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use jsonschema::Validator;
use serde_json::{Value, json};

/// What is wrong with these is no question of form: whether an account is there, or a name taken.
const WRONG_BY_MEANING: [&str; 4] = [
    "accounts_and_servers.json",
    "claimed_names.json",
    "duplicates.json",
    "server_names.json",
];

fn cloud() -> Validator {
    jsonschema::validator_for(&schema::cloud()).unwrap()
}

fn security() -> Validator {
    jsonschema::validator_for(&schema::security(&entry_words())).unwrap()
}

fn is_read(document: &Value) -> bool {
    let text = document.to_string();
    config::cloud::parse("cloud.json", text.as_bytes())
        .cloud
        .is_some()
}

/// Every file below a folder whose name ends so.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text as JSON, if it is that but for comments and trailing commas.
fn value(text: &str) -> Option<Value> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    parse_to_serde_value(text.trim_start_matches('\u{feff}'), &options).ok()
}

#[test]
fn both_are_schemas() {
    for schema in [schema::cloud(), schema::security(&entry_words())] {
        jsonschema::meta::validate(&schema).unwrap();
    }
}

#[test]
fn every_file_that_is_read_is_accepted() {
    let validator = cloud();
    let mut accepted = 0;
    for path in files("fixtures", ".json") {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let parsed = config::cloud::parse("cloud.json", &bytes);
        let (Some(_), Some(value)) = (parsed.cloud, value(&text)) else {
            continue;
        };
        let errors: Vec<_> = validator.iter_errors(&value).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        accepted += 1;
    }
    assert!(accepted > 60, "{accepted}");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.unwrap();
    let examples = readme.split("```json\n").skip(1);
    for example in examples.map(|rest| rest.split("```").next().unwrap()) {
        assert!(validator.is_valid(&value(example).unwrap()), "{example}");
    }
}

#[test]
fn a_wrong_form_is_refused() {
    let validator = cloud();
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for path in files("fixtures/config/messages", ".json") {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let Some(value) = value(&text) else { continue };
        let name = path.file_name().unwrap().to_str().unwrap();
        match validator.is_valid(&value) {
            true => accepted.push(name.to_owned()),
            false => refused += 1,
        }
    }
    assert_eq!(accepted, WRONG_BY_MEANING);
    assert!(refused >= 10, "{refused}");
}

/// Files that have every key there is.
fn full() -> [Value; 3] {
    [
        json!({
            "$schema": "cloud.schema.json",
            "web1": {
                "region": "nyc3", "size": "s", "image": "i", "backups": true,
                "names": ["a.example.com"], "networks": {"v4": []},
            },
            "version": {"region": "nyc3", "size": "s", "image": "i"},
        }),
        json!({
            "$schema": "cloud.schema.json",
            "version": 2,
            "defaults": {"region": "nyc3", "backups": true, "disk": "grow", "replace": "create-first", "on_image_change": "replace", "on_destroy": "delete", "ipv6": false, "protect": false, "expires": "72h", "check": {"http": "/health", "port": 8080}, "tags": ["a"], "ttl": 300, "user_data": "#!x", "monitoring": true, "ignore": ["tags"]},
            "servers": {
                "web1": {
                    "size": {"name": "s*"}, "image": {"slug": "i*", "newest": true},
                    "disk": "keep", "on_image_change": "rebuild", "on_destroy": "snapshot", "ipv6": true,
                    "backups": {"plan": "weekly", "weekday": "SUN", "hour": 4}, "protect": true, "expires": "2026-12-31", "check": {"tcp": 22},
                    "user_data_file": "x.sh", "monitoring": false, "ignore": [],
                    "files": [
                        {"path": "/etc/motd", "content": "", "mode": "0644"},
                        {"path": "/etc/issue", "file": "issue.txt"},
                        {"path": "/key", "public_ssh_key": true},
                    ],
                },
                "web2": {"size": {"id": "1"}, "image": {"id": "2"}, "names": [], "vpc": "in", "volumes": [], "reserved_ip": "web"},
            },
            "volumes": {
                "data": {"size_gb": 16384, "filesystem": "xfs", "description": "d", "region": "nyc3"},
                "logs": {"size_gb": 1, "region": "fra1", "filesystem": "ext4"},
            },
            "vpcs": {"in": {"region": "nyc3", "ip_range": "10.0.0.0/20", "description": "d"}},
            "firewalls": {
                "web": {
                    "tags": ["web"],
                    "inbound": [
                        {"tcp": "22", "from": ["anywhere"]},
                        {"icmp": true, "from": ["203.0.113.0/24", "tag:db"]},
                    ],
                    "outbound": [{"udp": "8000-9000", "to": ["::/0"]}],
                },
            },
            "reserved_ips": {"web": {}},
            "domains": ["example.com"],
            "records": {"example.com": {
                "@": {"MX": ["10 mail"], "TXT": {"values": ["a", "b"], "ttl": 60}, "NS": "ns1", "CAA": "0 issue ca.org"},
                "mail": {"A": "192.0.2.1", "AAAA": {"values": "2001:db8::1"}, "SRV": "0 5 5060 sip", "ttl": 300},
                "www": {"CNAME": "@"},
            }},
        }),
        json!({
            "version": 2,
            "providers": {
                "os": {
                    "type": "openstack", "cloud": "home", "region": "r", "interface": "internal",
                    "auth_url": "https://cloud.example.com:5000/v3", "networks": ["n"],
                    "security_groups": ["g"], "floating_ip_from": "f", "public_network": "p",
                },
                "rax": {"type": "rackspace", "region": "DFW"},
                "do": {"type": "digitalocean"},
            },
            "defaults": {
                "provider": "os", "size": "s", "image": "i", "openstack": {"networks": ["n"]},
            },
            "servers": {
                "web1": {"openstack": {
                    "networks": ["n"], "security_groups": ["g"], "floating_ip_from": "f",
                    "public_network": "p",
                }},
                "web2": {"provider": "do", "region": "nyc3"},
            },
            "domains": {"example.com": {"provider": "do"}, "example.org": {"exclusive": true}},
        }),
    ]
}

/// Every place in a document, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                places(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn agree(validator: &Validator, document: &Value, what: &str) -> bool {
    let accepted = validator.is_valid(document);
    let told = config::cloud::parse("cloud.json", document.to_string().as_bytes());
    let told: Vec<_> = told.diagnostics.iter().map(|d| d.summary.clone()).collect();
    assert_eq!(
        accepted,
        is_read(document),
        "{what}: the schema says {accepted}, the reader {told:?}\n{document:#}"
    );
    accepted
}

#[test]
fn every_key_of_the_schema_is_read() {
    // Else a key could stand in the tables that the readers do not know what to do with.
    let text = json!(full()).to_string();
    let mut found = BTreeSet::new();
    keys_of(&schema::cloud(), &mut found);
    assert!(found.len() > 30, "{found:?}");
    for key in found {
        assert!(text.contains(&format!("\"{key}\":")), "{key} is not tried");
    }
}

/// The names of all `properties` that are described.
fn keys_of(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(members) = schema else {
        return;
    };
    if let Some(Value::Object(properties)) = members.get("properties") {
        let described = properties
            .iter()
            .filter(|(_, value)| value["description"].is_string());
        found.extend(described.map(|(key, _)| key.clone()));
    }
    for value in members.values() {
        match value {
            Value::Array(ways) => ways.iter().for_each(|way| keys_of(way, found)),
            value => keys_of(value, found),
        }
    }
}

/// One thing is made wrong at a time, at every place: an unknown key, or a value of another type.
#[test]
fn the_schema_and_the_reader_agree_on_what_is_wrong() {
    let validator = cloud();
    let mut refused = 0;
    for document in full() {
        assert!(agree(&validator, &document, "the whole"));
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for place in all {
            let with = |value: Value| {
                let mut changed = document.clone();
                *changed.pointer_mut(&place).unwrap() = value;
                changed
            };
            // What is written back may be anything.
            if place.contains("/web1/networks") {
                continue;
            }
            let now = document.pointer(&place).unwrap();
            // A server of no type is one of the flat form, and a zone may be in a list or not.
            let others = [
                json!(null),
                json!(false),
                json!(7),
                json!([7]),
                json!({"x": 7}),
                json!(""),
            ];
            for other in others {
                let accepted = agree(
                    &validator,
                    &with(other.clone()),
                    &format!("{place} as {other}"),
                );
                refused += usize::from(!accepted);
            }
            let Value::Object(members) = now else {
                continue;
            };
            let mut more = members.clone();
            more.insert("unheard_of".to_owned(), json!("x"));
            refused += usize::from(!agree(
                &validator,
                &with(more.into()),
                &format!("more in {place}"),
            ));
        }
    }
    assert!(refused > 400, "{refused}");
}

/// One thing is left out at a time, wherever that is a question of form: not an account that others
/// name, nor what says which account something is in.
#[test]
fn the_schema_and_the_reader_agree_on_what_is_missing() {
    let validator = cloud();
    let others = [
        "/providers",
        "/providers/os",
        "/providers/do",
        "/defaults/provider",
        "/servers/web2/provider",
        "/servers/web2/region",
        // A server names it.
        "/reserved_ips",
        "/reserved_ips/web",
    ];
    let mut refused = 0;
    for document in full() {
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for place in all.iter().filter(|place| !others.contains(&place.as_str())) {
            let Some((parent, key)) = place.rsplit_once('/') else {
                continue;
            };
            let mut less = document.clone();
            match less.pointer_mut(parent).unwrap() {
                Value::Object(members) => {
                    members.remove(key);
                }
                Value::Array(elements) => {
                    elements.remove(key.parse().unwrap());
                }
                _ => unreachable!("it has members"),
            }
            refused += usize::from(!agree(&validator, &less, &format!("without {place}")));
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn what_a_server_must_say_may_be_said_in_defaults() {
    let validator = cloud();
    for (key, value) in [("region", "nyc3"), ("size", "s"), ("image", "i")] {
        let server = json!({"region": "nyc3", "size": "s", "image": "i"});
        let mut less = server.clone();
        less.as_object_mut().unwrap().remove(key);
        for provider in ["none", "digitalocean", "rackspace"] {
            let providers = match provider {
                "none" => json!({}),
                provider => json!({"a": {"type": provider}}),
            };
            for defaults in [json!({}), json!({key: value})] {
                let document = |server: &Value| {
                    json!({
                        "version": 2, "providers": providers, "defaults": defaults,
                        "servers": {"a": server},
                    })
                };
                let what = format!("{key} at {provider} with defaults {defaults}");
                let given = !defaults.as_object().unwrap().is_empty();
                let needed = key != "region" || provider != "rackspace";
                let accepted = agree(&validator, &document(&less), &what);
                assert_eq!(accepted, given || !needed, "{what}");
            }
        }
        assert!(!agree(&validator, &json!({"a": less}), key));
    }
    // Another account of several regions among others: only the reader can tell which server is in it.
    let several = json!({
        "version": 2,
        "providers": {"do": {"type": "digitalocean"}, "rax": {"type": "rackspace"}},
        "servers": {"a": {"provider": "rax", "size": "s", "image": "i"}},
    });
    assert!(agree(&validator, &several, "several"));
}

#[test]
fn settings_belong_to_a_type() {
    let validator = cloud();
    for (account, right) in [
        (json!({"type": "openstack", "cloud": "home"}), true),
        (json!({"type": "rackspace", "cloud": "home"}), false),
        (json!({"type": "digitalocean", "region": "nyc3"}), false),
        (json!({"type": "amazon"}), false),
        (json!({"region": "DFW"}), false),
        (json!({"type": "openstack", "password": "x"}), false),
    ] {
        let document = json!({"version": 2, "providers": {"a": account}});
        assert_eq!(
            agree(&validator, &document, "an account"),
            right,
            "{document}"
        );
    }
}

#[test]
fn the_key_of_the_schema_is_no_server_and_no_section() {
    for document in full().iter().take(2) {
        let parsed = config::cloud::parse("cloud.json", document.to_string().as_bytes());
        let names: Vec<_> = parsed.cloud.unwrap().servers;
        assert!(names.iter().all(|server| server.name.value != "$schema"));
    }
    for text in [r#"{"$schema": 7}"#, r#"{"version": 2, "$schema": {}}"#] {
        let parsed = config::cloud::parse("cloud.json", text.as_bytes());
        assert_eq!(parsed.diagnostics.len(), 1, "{text}");
        let told = &parsed.diagnostics[0].summary;
        assert!(told.starts_with("`$schema` must be a string"), "{told}");
    }
    let twice = r#"{"$schema": "a", "$schema": "b"}"#;
    let told = config::cloud::parse("cloud.json", twice.as_bytes()).diagnostics;
    assert_eq!(told[0].summary, "`$schema` is there twice");
}

#[test]
fn what_opens_accounts_has_a_form_too() {
    let validator = security();
    for path in files("fixtures", "security.json") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            validator.is_valid(&value(&text).unwrap()),
            "{}",
            path.display()
        );
    }
    let whole = json!({
        "$schema": "security.schema.json",
        "digital_ocean_api_key": "",
        "public_ssh_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef a",
        "accounts": {
            "do": {"token": "x"},
            "rax": {"username": "x", "api_key": "x"},
            "os": {"application_credential_id": "x", "application_credential_secret": "x", "cacert": "x"},
            "flex": {"username": "x", "api_key": "x", "project": "x"},
        },
    });
    let read = |document: &Value| {
        let text = document.to_string();
        let parsed = config::security::parse("security.json", text.as_bytes(), |_| None);
        parsed.security.is_some()
    };
    assert!(validator.is_valid(&whole) && read(&whole));
    for (place, wrong) in [
        ("/digital_ocean_api_key", json!(7)),
        ("/public_ssh_key", json!(null)),
        ("/accounts", json!([])),
        ("/accounts/do", json!("x")),
        ("/$schema", json!(7)),
        ("", json!({"token": "x"})),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(place).unwrap() = wrong;
        assert!(!validator.is_valid(&changed) && !read(&changed), "{place}");
    }
    // These are looked at when the account is opened.
    for wrong in [json!({"tokn": "x"}), json!({"password": 7})] {
        let mut changed = whole.clone();
        changed["accounts"]["os"] = wrong;
        assert!(!validator.is_valid(&changed));
    }
}

/// README's tables of a server's keys have those that the schema has, and no others.
#[test]
fn readme_tells_of_every_key_of_a_server() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let tables = readme.split("| key of a server |").skip(1);
    let rows = tables.flat_map(|table| {
        let rows = table.lines().skip(2);
        rows.take_while(|row| row.starts_with('|'))
    });
    let told: BTreeSet<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    let schema = schema::cloud();
    let properties =
        schema.pointer("/$defs/sections/properties/servers/additionalProperties/properties");
    let keys = properties.and_then(Value::as_object).unwrap().keys();
    assert_eq!(told, keys.map(String::as_str).collect());
}
