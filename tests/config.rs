//! The messages about a wrong cloud.json, in full: one file of each family of mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use cloudbuilder::config;
use cloudbuilder::render::{self, Sources};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/messages")
}

/// Compares with the expected text beside the input; `UPDATE_GOLDEN=1` rewrites it.
fn check(path: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        cloudbuilder::file::replace(path, actual.as_bytes(), None)
            .map_err(|error| error.to_string())?;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
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

fn render(bytes: &[u8]) -> String {
    let parsed = config::cloud::parse("cloud.json", bytes);
    let sources = Sources::new().with("cloud.json", &config::quotable(bytes));
    let text = render::diagnostics(&parsed.diagnostics, &sources, false, 100);
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

#[test]
fn every_family_of_mistakes_is_explained() {
    let mut inputs: Vec<_> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 20, "the inputs are there: {}", inputs.len());
    let failures: Vec<_> = inputs
        .iter()
        .filter_map(|input| {
            let actual = render(&fs::read(input).unwrap());
            for secret in ["hunter2", "b0b5c0de"] {
                assert!(
                    !actual.contains(secret),
                    "{} shows {secret}",
                    input.display()
                );
            }
            check(&input.with_extension("txt"), &actual).err()
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_example_is_right() {
    let bytes = include_bytes!("../fixtures/acme/cloud.json");
    let parsed = config::cloud::parse("cloud.json", bytes);
    assert_eq!(parsed.diagnostics, []);
    let cloud = parsed.cloud.unwrap();
    let servers: Vec<_> = cloud
        .servers
        .iter()
        .map(|server| server.name.value.as_str())
        .collect();
    assert_eq!(servers, ["server1", "server2"]);
    let first = &cloud.servers[0];
    assert_eq!(first.region.as_ref().unwrap().value, "nyc3");
    assert_eq!(first.size.value.text(), "1gb");
    assert_eq!(first.image.value.text(), "debian-7-0-x64");
    assert!(!first.backups.value);
    let names: Vec<_> = first.names.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["server1.acme.com", "acme.com"]);
    let place = &first.names[1].place;
    assert_eq!((place.line, place.column), (7, 43));
    assert_eq!(bytes[place.range.clone()], *b"\"acme.com\"");
}

fn parse(text: &str) -> config::cloud::Parsed {
    config::cloud::parse("cloud.json", text.as_bytes())
}

fn only_error(text: &str) -> String {
    let parsed = parse(text);
    assert!(parsed.cloud.is_none(), "{text:.80}");
    assert_eq!(parsed.diagnostics.len(), 1, "{:#?}", parsed.diagnostics);
    parsed.diagnostics[0].summary.clone()
}

#[test]
fn both_forms_become_the_same_model() {
    let flat = r#"{
        "web1": {"region": "nyc3", "size": "s", "image": "i", "backups": true, "names": ["A.b.c."]},
        "version": {"region": "ams3", "size": "s", "image": "i"}
    }"#;
    let sectioned = r#"{
        // comments and trailing commas are welcome
        "version": 2,
        "domains": ["acme.com", "Acme.ORG."], /* as a list */
        "servers": {
            "web1": {"region": "nyc3", "backups": true, "names": ["a.b.c"]},
            "version": {},
        },
        "defaults": {"region": "ams3", "size": "s", "image": "i"},
    }"#;
    let summary = |text: &str| {
        let parsed = parse(text);
        assert_eq!(parsed.diagnostics, [], "{text}");
        let cloud = parsed.cloud.unwrap();
        let servers = cloud.servers.iter().map(|server| {
            let names: Vec<_> = server.names.iter().map(|name| name.value.clone()).collect();
            let region = &server.region.as_ref().unwrap().value;
            let (size, image) = (server.size.value.text(), server.image.value.text());
            (
                [&server.name.value, region, size, image].map(str::to_owned),
                server.backups.value,
                names,
            )
        });
        let domains: Vec<_> = cloud.domains.iter().map(|d| d.name.value.clone()).collect();
        (servers.collect::<Vec<_>>(), domains)
    };
    let (flat, none) = summary(flat);
    let (sectioned, domains) = summary(sectioned);
    assert_eq!(flat, sectioned);
    assert_eq!(flat.len(), 2);
    assert_eq!(none, [""; 0]);
    assert_eq!(domains, ["acme.com", "acme.org"]);
    let as_object = parse(r#"{"version": 2, "domains": {"acme.com": {}}}"#)
        .cloud
        .unwrap();
    assert_eq!(as_object.domains[0].name.value, "acme.com");
    assert_eq!(parse("{}").cloud, Some(config::Cloud::default()));
}

#[test]
fn a_value_from_defaults_points_there_and_one_left_out_at_the_name() {
    let text = r#"{"version": 2, "defaults": {"size": "s"},
        "servers": {"web1": {"region": "r", "image": "i"}}}"#;
    let cloud = parse(text).cloud.unwrap();
    let server = &cloud.servers[0];
    assert_eq!(&text[server.size.place.range.clone()], "\"s\"");
    assert_eq!(
        &text[server.region.as_ref().unwrap().place.range.clone()],
        "\"r\""
    );
    assert_eq!(server.backups.place, server.name.place);
}

#[test]
fn networks_are_read_whatever_they_hold() {
    for value in [
        "null",
        "7",
        "1e999",
        "\"\"",
        "[[]]",
        r#"{"v4": 7, "v4": "\u0007", "v9": {"": []}}"#,
    ] {
        let text = format!(
            r#"{{"a": {{"region": "r", "size": "s", "image": "i", "networks": {value}}}}}"#
        );
        let parsed = parse(&text);
        assert_eq!(parsed.diagnostics, [], "{value}");
        assert!(parsed.cloud.unwrap().servers[0].networks.is_some());
    }
}

#[test]
fn nothing_looser_than_comments_and_trailing_commas_is_json() {
    for text in [
        "{\"a\": 0x10}",
        "{\"a\": +1}",
        "{\"a\": .5}",
        "{\"a\": 5.}",
        "{\"a\": NaN}",
        "{\"a\": -Infinity}",
        "{\"a\": 01}",
        "{\"a\": '1'}",
        "{a: 1}",
        "{\"a\": \"\\x41\"}",
        "{\"a\": \"\\\n\"}",
        "{\"a\": \"\t\"}",
        "{\"a\": 1 \"b\": 2}",
        "{\"a\": [1 2]}",
        "{,}",
        "{\"a\": \"\\ud800\"}",
        "{\u{c}}",
        "{\u{2003}}",
        "{} {}",
        "{}}",
        "{",
        "[",
        "\"",
        "/*",
        "{\"a\"",
        "{\"a\":",
        "{\"a\": t}",
        "tru",
        "# no",
        "",
        " \n// nothing\n",
        "\u{feff}",
    ] {
        only_error(text);
    }
}

#[test]
fn what_is_too_deep_or_too_large_is_refused() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(513), "]".repeat(513));
    assert_eq!(
        only_error(&deep),
        "the file is nested too deeply to be read"
    );
    let deep = "{\"a\":".repeat(100_000);
    assert_eq!(
        only_error(&deep),
        "the file is nested too deeply to be read"
    );
    let large = format!("{{}}{}", " ".repeat(16 * 1024 * 1024));
    assert_eq!(
        only_error(&large),
        "cloud.json is larger than 16 MiB and was not read"
    );
}

/// Truncated anywhere, a file is an error and never a smaller cloud, nor a crash.
#[test]
fn no_part_of_a_file_is_a_file() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/acme/cloud.json"))
            .unwrap();
    let whole = text.trim_end().len();
    for end in 0..whole {
        only_error(&text[..end]);
    }
    assert!(parse(&text[..whole]).cloud.is_some());
}

#[test]
fn every_problem_of_a_file_is_told_in_its_order() {
    let text = r#"{
        "b": {"region": 1, "size": "", "image": "i", "names": ["x", "y"], "zzz": 1},
        "B": {"names": ["acme.com", "acme.com"]}
    }"#;
    let parsed = parse(text);
    let places = parsed
        .diagnostics
        .iter()
        .map(|d| d.place.as_ref().unwrap().range.start);
    assert!(places.is_sorted());
    assert_eq!(parsed.diagnostics.len(), 8, "{:#?}", parsed.diagnostics);
}

/// Each server and each domain with the account it is in, and the default.
fn homes(text: &str) -> (Vec<String>, Option<String>) {
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let cloud = parsed.cloud.unwrap_or_default();
    let servers = cloud.servers.iter().map(|s| (&s.name, &s.account));
    let domains = cloud.domains.iter().map(|d| (&d.name, &d.account));
    let homes = servers.chain(domains);
    let homes = homes.map(|(name, account)| format!("{}@{}", name.value, account.value));
    (homes.collect(), cloud.default_account)
}

#[test]
fn everything_is_in_an_account() {
    let everything = r#"
        "servers": {"a": {"provider": "os", "size": "s", "image": "i"},
                    "b": {"size": "s", "image": "i"}},
        "domains": {"acme.com": {"provider": "os"}, "acme.org": {}}"#;
    let by_default = format!(
        r#"{{"version": 2, "defaults": {{"provider": "rax"}}, {everything},
            "providers": {{"os": {{"type": "openstack"}}, "rax": {{"type": "rackspace"}}}}}}"#
    );
    let expected = ["a@os", "b@rax", "acme.com@os", "acme.org@rax"];
    let (found, default) = homes(&by_default);
    assert_eq!(found, expected);
    assert_eq!(default.as_deref(), Some("rax"));

    let only = format!(
        r#"{{"version": 2, {everything}, "providers": {{"os": {{"type": "rackspace-flex"}}}}}}"#
    );
    let (found, default) = homes(&only);
    assert_eq!(found, ["a@os", "b@os", "acme.com@os", "acme.org@os"]);
    assert_eq!(default.as_deref(), Some("os"));

    let (found, default) = homes(
        r#"{"version": 2, "domains": ["acme.com"], "providers": {},
            "servers": {"a": {"provider": "default", "region": "r", "size": "s", "image": "i"}}}"#,
    );
    assert_eq!(found, ["a@default", "acme.com@default"]);
    assert_eq!(default.as_deref(), Some(config::DEFAULT_ACCOUNT));

    let (found, default) = homes(r#"{"a": {"region": "r", "size": "s", "image": "i"}}"#);
    assert_eq!(found, ["a@default"]);
    assert_eq!(default.as_deref(), Some(config::DEFAULT_ACCOUNT));

    let (found, default) = homes(
        r#"{"version": 2, "servers": {"a": {"provider": "os", "size": "s", "image": "i"}},
            "providers": {"os": {"type": "openstack"}, "do": {"type": "digitalocean"}}}"#,
    );
    assert_eq!(found, ["a@os"]);
    assert_eq!(default, None);
}

#[test]
fn accounts_have_their_settings() {
    let parsed = parse(
        r#"{"version": 2, "providers": {
            "os": {"type": "openstack", "cloud": "home", "region": "RegionOne",
                   "auth_url": "https://cloud.example.com:5000/v3", "interface": "internal"},
            "rax": {"type": "rackspace", "region": "DFW", "auth_url": "http://127.0.0.1:8900"},
            "do": {"type": "digitalocean"}}}"#,
    );
    assert_eq!(parsed.diagnostics, []);
    let cloud = parsed.cloud.unwrap();
    let shown = cloud.accounts.iter().map(|account| {
        let settings = &account.settings;
        let texts = [
            &settings.cloud,
            &settings.region,
            &settings.auth_url,
            &settings.interface,
        ];
        let texts = texts.map(|text| text.as_ref().map_or("-", |text| text.value.as_str()));
        format!(
            "{} {}: {}",
            account.name.value,
            account.provider.value,
            texts.join(" ")
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "os openstack: home RegionOne https://cloud.example.com:5000/v3 internal",
            "rax rackspace: - DFW http://127.0.0.1:8900 -",
            "do digitalocean: - - - -",
        ]
    );
    assert_eq!(cloud.account("rax"), Some(&cloud.accounts[1]));
    assert_eq!(cloud.account("RAX"), None);
}

/// A default region is no region of an account that is one itself, unless it is the default.
#[test]
fn a_default_region_goes_where_it_means_something() {
    let text = |provider: &str| {
        format!(
            r#"{{"version": 2,
            "providers": {{"os": {{"type": "openstack"}}, "do": {{"type": "digitalocean"}}}},
            "defaults": {{"region": "r", "size": "s", "image": "i" {provider}}},
            "servers": {{"a": {{"provider": "os"}}, "b": {{"provider": "do"}},
                         "c": {{"provider": "os", "region": "own"}}}}}}"#
        )
    };
    let regions = |text: &str| -> Vec<String> {
        let parsed = parse(text);
        assert_eq!(parsed.diagnostics, [], "{text}");
        let servers = parsed.cloud.unwrap().servers;
        let regions = servers.into_iter().map(|server| server.region);
        regions
            .map(|region| region.map_or("-".to_owned(), |region| region.value))
            .collect()
    };
    assert_eq!(regions(&text("")), ["-", "r", "own"]);
    assert_eq!(regions(&text(r#", "provider": "do""#)), ["-", "r", "own"]);
    assert_eq!(regions(&text(r#", "provider": "os""#)), ["r", "r", "own"]);
}

#[test]
fn the_block_of_a_server_lies_over_those_of_defaults_and_account() {
    let text = r#"{"version": 2,
        "providers": {
            "os": {"type": "openstack", "networks": ["n0"], "security_groups": ["g0"],
                   "floating_ip_from": "f0", "public_network": "p0"},
            "flex": {"type": "rackspace-flex"},
            "rax": {"type": "rackspace"}},
        "defaults": {"provider": "os", "size": "s", "image": "i",
            "openstack": {"security_groups": ["g1", "g2"], "floating_ip_from": "f1"}},
        "servers": {
            "a": {"openstack": {"floating_ip_from": "f2"}},
            "b": {"openstack": {"networks": ["n2", "n1"]}},
            "c": {"provider": "flex"},
            "d": {"provider": "rax"}}}"#;
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    let servers = parsed.cloud.unwrap().servers;
    let shown = servers.iter().map(|server| {
        server.settings.as_ref().map(|settings| {
            let list = |list: &[config::Spanned<String>]| {
                let words: Vec<_> = list.iter().map(|word| word.value.as_str()).collect();
                words.join("+")
            };
            let one = |text: &Option<config::Spanned<String>>| {
                text.as_ref()
                    .map_or("-".to_owned(), |text| text.value.clone())
            };
            [
                list(&settings.networks),
                list(&settings.security_groups),
                one(&settings.floating_ip_from),
                one(&settings.public_network),
            ]
            .join(" ")
        })
    });
    let shown: Vec<_> = shown.collect();
    let shown: Vec<_> = shown.iter().map(Option::as_deref).collect();
    assert_eq!(
        shown,
        [
            Some("n0 g1+g2 f2 p0"),
            Some("n2+n1 g1+g2 f1 p0"),
            Some(" g1+g2 f1 -"),
            None,
        ]
    );
    let networks = &servers[1].settings.as_ref().unwrap().networks;
    assert_eq!(&text[networks[0].place.range.clone()], "\"n2\"");
}

#[test]
fn images_and_sizes_are_selected_in_several_ways() {
    let text = r#"{"version": 2, "defaults": {"region": "r"}, "servers": {
        "a": {"size": "s-1vcpu-*", "image": "Debian 12 (Bookworm)"},
        "b": {"size": {"name": "m1.small"}, "image": {"name": "debian-1[23]*", "newest": true}},
        "c": {"size": {"slug": "s"}, "image": {"newest": false, "id": "12-*"}}}}"#;
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    let servers = parsed.cloud.unwrap().servers;
    let shown = servers.iter().flat_map(|server| {
        [&server.size, &server.image].map(|written| {
            let selector = &written.value;
            // The place is that of the text itself, in an object too.
            let quoted = format!("{:?}", selector.text());
            assert_eq!(text[written.place.range.clone()], quoted);
            (selector.text(), selector.is_glob(), selector.is_newest())
        })
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("s-1vcpu-*", true, false),
            ("Debian 12 (Bookworm)", false, false),
            ("m1.small", false, false),
            ("debian-1[23]*", true, true),
            ("s", false, false),
            ("12-*", false, false),
        ]
    );
    let by_name = config::Candidate {
        name: Some("s"),
        ..config::Candidate::default()
    };
    assert!(!servers[2].size.value.matches(by_name), "by slug only");
}

#[test]
fn files_are_read_and_their_content_is_not_shown() {
    let text = r#"{"version": 2, "servers": {"a": {"region": "r", "size": "s", "image": "i",
        "files": [
            {"path": "/etc/motd", "content": "hunter2\n", "mode": "0640"},
            {"path": "/opt/a b/ü", "content": ""},
            {"mode": "4755", "file": "../bin/tool", "path": "/usr/local/bin/tool"},
            {"path": "/etc/ssh/admin_keys", "public_ssh_key": true, "mode": "600"}
        ]}}}"#;
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    assert!(!format!("{parsed:?}").contains("hunter2"));
    let cloud = parsed.cloud.unwrap();
    let files = &cloud.servers[0].files;
    let shown = files.iter().map(|file| {
        let source = match &file.source {
            config::FileSource::Content(text) => format!("{:?}", text.expose()),
            config::FileSource::Local(path) => path.value.clone(),
            config::FileSource::PublicKey => "key".to_owned(),
        };
        (file.path.value.as_str(), source, file.mode)
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("/etc/motd", "\"hunter2\\n\"".to_owned(), Some(0o640)),
            ("/opt/a b/ü", "\"\"".to_owned(), None),
            (
                "/usr/local/bin/tool",
                "../bin/tool".to_owned(),
                Some(0o4755)
            ),
            ("/etc/ssh/admin_keys", "key".to_owned(), Some(0o600)),
        ]
    );
    assert_eq!(files[0].place.line, 3);
    // Two readings are the same, and another content is another file.
    assert_eq!(parse(text).cloud.as_ref(), Some(&cloud));
    let other = parse(&text.replace("hunter2", "hunter3"));
    assert_ne!(other.cloud.as_ref(), Some(&cloud));
}

/// Cut off anywhere, or with any one character missing or wrong, a file shows no content.
#[test]
fn no_slip_shows_a_content() {
    let text = r#"{"version": 2, "servers": {"a": {
        "files": [{"path": "/etc/motd", "content": "hunter2-hunter2", "mode": "x"}]}}}"#;
    let mut quoted = 0;
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        let behind = &rest[1..];
        for slip in [
            before.to_owned(),
            format!("{before}{behind}"),
            format!("{before}'{behind}"),
            format!("{before}\"{behind}"),
            format!("{before}\"{rest}"),
            format!("{before}\n{rest}"),
        ] {
            let shown = render(slip.as_bytes());
            assert!(!shown.contains("hunter2"), "{slip}\n{shown}");
            quoted += usize::from(shown.contains("\"files\": [{\"path\""));
        }
    }
    assert!(quoted > 100, "the line is quoted: {quoted}");
}

/// Values keep the file that they stand in; addresses of another environment do not come along.
#[test]
fn an_environment_is_laid_over_what_all_share() {
    let base = r#"{"version": 2, "defaults": {"size": "${SIZE}", "image": "i"}, "servers": {
        "web": {"region": "nyc3", "names": ["a.acme.com"], "networks": {"v4": []}},
        "old": {"region": "nyc3"}
    }}"#;
    let over = r#"{"servers": {
        "old": null,
        "web": {"names": ["b.acme.com"]},
        "new": {"region": "ams3", "networks": {"v4": [1]}}
    }}"#;
    let given = std::collections::BTreeMap::from([("SIZE".to_owned(), "s".to_owned())]);
    let variables = config::Variables {
        given: &given,
        environment: &|_| Some("not this one".to_owned()),
    };
    let files = [("cloud.json", base), ("cloud.prod.json", over)];
    let [base, over] = files.map(|(name, text)| (name, text.as_bytes()));
    let parsed = config::cloud::parse_over(base, Some(over), variables);
    assert_eq!(parsed.diagnostics, []);
    let servers = parsed.cloud.unwrap().servers;
    let [web, new] = servers.as_slice() else {
        panic!("two servers: {servers:?}")
    };
    assert_eq!((&*web.name.value, &*new.name.value), ("web", "new"));
    assert_eq!(web.networks, None);
    assert_eq!(new.networks.as_deref(), Some(r#"{"v4":[1]}"#));
    assert_eq!(web.size.value.text(), "s");
    let name = &web.names[0];
    assert_eq!(name.value, "b.acme.com");
    assert_eq!(&*name.place.file, "cloud.prod.json");
    assert_eq!(over.1[name.place.range.clone()], *b"\"b.acme.com\"");
    assert_eq!(&*web.name.place.file, "cloud.json");
    assert_eq!(&*web.size.place.file, "cloud.json");
    assert_eq!(&*new.region.as_ref().unwrap().place.file, "cloud.prod.json");
}
