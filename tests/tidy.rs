//! The rules of the house that no compiler checks, held against the text of the sources.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cloudbuilder::resource::{KINDS, ONLY_SEEN};

/// Modules that work with every kind and every provider and name none.
const CORE: &[&str] = &["model", "plan", "apply", "state", "render"];

/// Words of providers that the core does not use either.
const PROVIDER_WORDS: &[&str] = &["digitalocean", "droplet", "openstack", "rackspace"];

/// The sandbox's own client, which reaches this machine alone.
const LOOPBACK: &str = "src/sandbox/proxy/loopback.rs";
/// Asks servers, and no account.
const PROBE: &str = "src/probe.rs";

/// Beginnings of paths that exist on one machine only. In pieces, or this file would hold them.
const MACHINE_PATHS: &[&[&str]] = &[
    &["/ho", "me/"],
    &["/ro", "ot/"],
    &["/Us", "ers/"],
    &["/wo", "rk/"],
    &["/tm", "p/"],
    &["C:", "\\\\"],
];

/// A source file as far as the program is made of it.
struct Source {
    /// `src/plan/bind.rs`
    path: String,
    /// `plan`; `lib` and `main` for those themselves.
    module: String,
    /// How deep its own module is: 1 for `crate::plan`.
    depth: usize,
    /// Without comments, without tests, with the strings.
    code: String,
    /// The strings in it.
    strings: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder, as paths from the root, in order.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_str().expect("UTF-8").replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let rust = files("src")
        .into_iter()
        .filter(|path| path.ends_with(".rs"));
    let program = rust.filter(|path| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    program.map(|path| source(&path, &read(&path))).collect()
}

fn source(path: &str, text: &str) -> Source {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.trim_end_matches("/mod");
    let parts: Vec<&str> = inner.split('/').collect();
    // Tests stand at the end of a file.
    let text = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let (code, strings) = without_comments(text);
    Source {
        path: path.to_owned(),
        module: parts[0].to_owned(),
        depth: parts.len(),
        code,
        strings,
    }
}

/// The code without comments, and the contents of its string literals.
fn without_comments(text: &str) -> (String, Vec<String>) {
    let mut code = String::new();
    let mut strings = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r\"") || rest.starts_with("r#") && !code.ends_with('_') {
            let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            match rest.get(start..).and_then(|inside| inside.find(&end)) {
                Some(length) if rest[1 + hashes..].starts_with('"') => {
                    strings.push(rest[start..start + length].to_owned());
                    code.push_str(&rest[..start + length + end.len()]);
                    start + length + end.len()
                }
                _ => {
                    code.push(first);
                    first.len_utf8()
                }
            }
        } else if first == '"' {
            let length = string_length(&rest[1..]);
            strings.push(rest[1..=length].to_owned());
            code.push_str(&rest[..length + 2]);
            length + 2
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            let length = if rest.starts_with("'\"'") { 3 } else { 4 };
            code.push_str(&rest[..length]);
            length
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    (code, strings)
}

/// How long the inside of a string literal is, from behind its first quote.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    panic!("a string without end: {text}");
}

/// The table of ARCHITECTURE.md: what each module may import; `None` for everything.
fn import_table(text: &str) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let lines = text
        .lines()
        .skip_while(|line| *line != "| module | may import |");
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [module, may] = cells[..] else {
            panic!("not two cells: {row}");
        };
        let may = match may {
            "all" => None,
            "nothing" => Some(BTreeSet::new()),
            list => Some(list.split(',').map(|word| word.trim().to_owned()).collect()),
        };
        (module.to_owned(), may)
    })
    .collect()
}

/// The modules of ours that a file names.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // `use crate::{a::…, b};` and `crate::a::…` anywhere.
    for rest in after_each(&source.code, "crate::") {
        found.extend(first_words(rest));
    }
    // `super::super::a`, from as deep as it takes to reach the crate's root.
    let up = "super::".repeat(source.depth);
    for rest in after_each(&source.code, &up) {
        found.extend(first_words(rest));
    }
    found.remove("super");
    found
}

fn after_each<'a>(text: &'a str, what: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(what)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$')
        })
        .map(|(at, _)| &text[at + what.len()..])
}

/// The first word of a path, or of each path in braces.
fn first_words(path: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(inside) = path.strip_prefix('{') else {
        return BTreeSet::from([word(path)]);
    };
    let mut words = BTreeSet::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                words.insert(word(&inside[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                words.insert(word(&inside[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    words.remove("");
    words
}

/// What breaks the import table.
fn forbidden_imports(
    source: &Source,
    table: &BTreeMap<String, Option<BTreeSet<String>>>,
) -> Vec<String> {
    let used = imports(source);
    let ours = used
        .iter()
        .filter(|word| table.contains_key(*word) && **word != source.module);
    match table.get(&source.module) {
        Some(None) => Vec::new(),
        Some(Some(may)) => ours
            .filter(|module| !may.contains(*module))
            .map(|module| format!("{}: {} may not import {module}", source.path, source.module))
            .collect(),
        None => vec![format!(
            "{}: {} is not in the table",
            source.path, source.module
        )],
    }
}

/// Strings that name a kind or a provider, and types of a provider.
fn names_in_core(source: &Source) -> Vec<String> {
    if !CORE.contains(&source.module.as_str()) {
        return Vec::new();
    }
    let kinds = KINDS.iter().chain(ONLY_SEEN).map(|kind| kind.name);
    let words: Vec<&str> = kinds.chain(PROVIDER_WORDS.iter().copied()).collect();
    let strings = source.strings.iter().filter(|text| {
        let text = text.to_lowercase();
        words
            .iter()
            .any(|word| text == *word || text.starts_with(&format!("{word}.")))
            || PROVIDER_WORDS.iter().any(|word| text.contains(word))
    });
    let strings = strings.map(|text| format!("{}: {text:?}", source.path));
    let code = source.code.to_lowercase();
    let types = PROVIDER_WORDS
        .iter()
        .filter(|word| code.contains(&format!("{word}::")));
    let constants = KINDS.iter().chain(ONLY_SEEN).filter(|kind| {
        let path = format!("resource::{}::", kind.name);
        source.code.contains(&path) || source.code.contains(&format!("{}::KIND", kind.name))
    });
    strings
        .chain(types.map(|word| format!("{}: {word}::", source.path)))
        .chain(constants.map(|kind| format!("{}: resource::{}", source.path, kind.name)))
        .collect()
}

/// Outside packages that have a place of their own: the folder that all providers share, and in
/// each provider `client.rs` and the folder beside it. A provider's adapters may name a method.
fn packages_out_of_place(source: &Source) -> Vec<String> {
    if [LOOPBACK, PROBE].contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let uses = |package: &str| after_each(&source.code, package).next().is_some();
    let without_method = source.code.replace("reqwest::Method", "");
    let client = source.path.ends_with("/client.rs")
        || source.path.contains("/client/")
        || source.path.starts_with("src/provider/http/");
    if !client && after_each(&without_method, "reqwest::").next().is_some() {
        found.push(format!("{}: reqwest", source.path));
    }
    if source.module != "provider" && uses("reqwest::") {
        found.push(format!("{}: reqwest", source.path));
    }
    if source.module != "sandbox" && uses("axum::") {
        found.push(format!("{}: axum", source.path));
    }
    found
}

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    MACHINE_PATHS
        .iter()
        .map(|pieces| pieces.concat())
        .filter(|prefix| {
            // A folder of that name inside another, or a URL, is none.
            text.match_indices(prefix.as_str()).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                before.is_none_or(|c| {
                    !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '>' | '/'))
                })
            })
        })
        .map(|prefix| format!("{path}: {prefix}"))
        .collect()
}

fn knows_version(changelog: &str, manifest: &str) -> bool {
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \""));
    let version = version
        .map(|rest| rest.trim_end_matches('"'))
        .expect("a version");
    changelog.lines().any(|line| {
        line.starts_with("## [Unreleased]") || line.starts_with(&format!("## [{version}]"))
    })
}

/// Modules of a test with several files that its `main.rs` does not name: they would never run.
fn unlisted(main: &str, files: &[&str]) -> Vec<String> {
    let listed: BTreeSet<&str> = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let unlisted = files.iter().filter(|file| !listed.contains(*file));
    unlisted.map(ToString::to_string).collect()
}

#[track_caller]
fn assert_none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn modules_import_what_the_architecture_says() {
    let table = import_table(&read("ARCHITECTURE.md"));
    let sources = sources();
    let sources = sources
        .iter()
        .filter(|source| !matches!(source.module.as_str(), "lib" | "main"));
    assert_none(sources.flat_map(|source| forbidden_imports(source, &table)));
    let folders: BTreeSet<String> = files("src")
        .iter()
        .filter_map(|path| {
            let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
            Some(inner.split('/').next()?.to_owned())
        })
        .filter(|module| !matches!(module.as_str(), "lib" | "main"))
        .collect();
    assert!(
        folders.iter().eq(table.keys()),
        "{folders:?}\n{:?}",
        table.keys()
    );
}

#[test]
fn the_core_names_no_kind_and_no_provider() {
    assert_none(sources().iter().flat_map(names_in_core));
}

#[test]
fn http_lives_in_clients_and_its_server_in_the_sandbox() {
    assert_none(sources().iter().flat_map(packages_out_of_place));
}

#[test]
fn no_file_names_a_machine() {
    let text = |path: &String| {
        [".rs", ".md", ".toml", ".json", ".txt", ".py", ".sh"]
            .iter()
            .any(|end| path.ends_with(end))
    };
    let all = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(files)
        .filter(text);
    let top = ["Cargo.toml", "README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(ToOwned::to_owned);
    assert_none(
        all.chain(top)
            .flat_map(|path| machine_paths(&path, &read(&path))),
    );
}

#[test]
fn the_changelog_knows_the_version() {
    assert!(knows_version(&read("CHANGELOG.md"), &read("Cargo.toml")));
}

#[test]
fn every_test_file_is_run() {
    let mut problems = Vec::new();
    let tests = files("tests");
    for main in tests.iter().filter(|path| path.ends_with("/main.rs")) {
        let folder = main.trim_end_matches("main.rs");
        let names = tests.iter().filter_map(|path| {
            let name = path.strip_prefix(folder)?.strip_suffix(".rs")?;
            (name != "main" && !name.contains('/')).then_some(name)
        });
        let unlisted = unlisted(&read(main), &names.collect::<Vec<_>>());
        problems.extend(
            unlisted
                .into_iter()
                .map(|name| format!("{folder}{name}.rs")),
        );
    }
    assert_none(problems);
}

/// Each rule must be able to fail.
#[test]
fn every_rule_finds_what_breaks_it() {
    let table = import_table(
        "| module | may import |\n|---|---|\n| plan | model |\n| model | nothing |\n| cli | all |\n",
    );
    let breaks =
        |path: &str, text: &str| !forbidden_imports(&source(path, text), &table).is_empty();
    assert!(breaks("src/model/a.rs", "use crate::plan::Plan;"));
    assert!(breaks("src/model/a.rs", "fn f() { crate::plan::plan() }"));
    assert!(breaks(
        "src/model/a.rs",
        "use crate::{model::{A, B}, plan::C};"
    ));
    assert!(breaks("src/model/a.rs", "use super::super::plan::Plan;"));
    assert!(breaks("src/model/mod.rs", "use super::plan::Plan;"));
    assert!(breaks("src/other.rs", ""));
    assert!(!breaks(
        "src/plan/a.rs",
        "use crate::model::A; // crate::cli::x"
    ));
    assert!(!breaks("src/cli/a.rs", "use crate::plan::Plan;"));
    assert!(!breaks("src/model/a.rs", "use super::plan::Local;"));
    assert!(!breaks(
        "src/model/a.rs",
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::plan::P;\n}\n"
    ));

    let core = |text: &str| !names_in_core(&source("src/plan/a.rs", text)).is_empty();
    assert!(core(r#"if kind == "server" {}"#));
    assert!(core(r#"let a = "record.x/A";"#));
    assert!(core(r##"let a = r#"DigitalOcean says no"#;"##));
    assert!(core("use crate::resource::server::NAME;"));
    assert!(core("fn f(d: digitalocean::Droplet) {}"));
    assert!(!core(
        r#"// "server"
        let a = "the server's"; let quote = '"'; let b = "\"recorded\"";"#
    ));
    assert!(names_in_core(&source("src/resource/a.rs", r#""server""#)).is_empty());

    let place = |path: &str, text: &str| !packages_out_of_place(&source(path, text)).is_empty();
    assert!(place("src/cli/a.rs", "use reqwest::Method;"));
    assert!(place("src/provider/x/server.rs", "use reqwest::Client;"));
    assert!(place("src/provider/x/client.rs", "use axum::Router;"));
    assert!(!place("src/provider/x/client.rs", "use reqwest::Client;"));
    assert!(!place(
        "src/provider/x/client/a.rs",
        "use reqwest::Response;"
    ));
    assert!(!place("src/provider/http/a.rs", "use reqwest::Response;"));
    assert!(place("src/cli/client/a.rs", "use reqwest::Response;"));
    assert!(!place("src/provider/x/server.rs", "use reqwest::Method;"));

    for pieces in MACHINE_PATHS {
        let path = pieces.concat();
        assert!(
            !machine_paths("a", &format!("see {path}x")).is_empty(),
            "{path}"
        );
        assert!(
            machine_paths("a", &format!("see docs{path}x")).is_empty(),
            "{path}"
        );
    }

    let manifest = "[package]\nversion = \"1.2.3\"\n";
    assert!(knows_version("## [1.2.3] - 2026-01-01", manifest));
    assert!(!knows_version("## [1.2.2] - 2026-01-01", manifest));
    assert_eq!(unlisted("mod a;\n", &["a", "b"]), ["b"]);
}
