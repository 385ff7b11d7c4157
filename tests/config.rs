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
    let sources = Sources::new().with("cloud.json", bytes);
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
    assert_eq!(first.region.value, "nyc3");
    assert_eq!(first.size.value, "1gb");
    assert_eq!(first.image.value, "debian-7-0-x64");
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
            let texts = [&server.name, &server.region, &server.size, &server.image];
            (
                texts.map(|text| text.value.clone()),
                server.backups.value,
                names,
            )
        });
        let domains: Vec<_> = cloud.domains.iter().map(|d| d.value.clone()).collect();
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
    assert_eq!(as_object.domains[0].value, "acme.com");
    assert_eq!(parse("{}").cloud, Some(config::Cloud::default()));
}

#[test]
fn a_value_from_defaults_points_there_and_one_left_out_at_the_name() {
    let text = r#"{"version": 2, "defaults": {"size": "s"},
        "servers": {"web1": {"region": "r", "image": "i"}}}"#;
    let cloud = parse(text).cloud.unwrap();
    let server = &cloud.servers[0];
    assert_eq!(&text[server.size.place.range.clone()], "\"s\"");
    assert_eq!(&text[server.region.place.range.clone()], "\"r\"");
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
