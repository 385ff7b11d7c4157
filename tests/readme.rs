//! The README is what a newcomer types and sees; it must be so.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use similar::TextDiff;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap()
}

/// Runs the program on a copy of the example, so that the checkout stays clean.
fn run(args: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let acme = directory.path().join("fixtures/acme");
    fs::create_dir_all(&acme).unwrap();
    for file in ["cloud.json", "security.json"] {
        fs::copy(
            Path::new(ROOT).join("fixtures/acme").join(file),
            acme.join(file),
        )
        .unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_cloudbuilder"))
        .args(args)
        .current_dir(directory.path())
        .env_clear()
        .env("HOME", directory.path())
        .output()
        .unwrap()
}

/// The first line of a plan says how long it took.
fn without_seconds(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_suffix(" s") {
        Some(head) if head.contains("requests, ") => head
            .rsplit_once(' ')
            .map_or(line, |(head, _)| head)
            .to_owned(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    let found = text.split(opening.as_str()).skip(1);
    found
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// What is shown of a longer story is taken from where that is told.
#[test]
fn excerpts_are_what_scenarios_print() {
    let readme = read("README.md");
    let excerpts = blocks(&readme, "text");
    assert!(!excerpts.is_empty());
    // Scenarios have no ids, and so other gaps.
    let even = |text: &str| -> String {
        let lines = text.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.join(" ").replace("3164444", "ID(web)")
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let told = [
        "size_and_backups_changed",
        "replaced_in_another_region",
        "rebuilt",
    ]
    .map(|name| even(&read(&format!("fixtures/scenarios/{name}/expected.txt"))));
    for excerpt in excerpts {
        assert!(
            told.iter().any(|told| told.contains(&even(excerpt))),
            "no scenario prints this:\n{excerpt}"
        );
    }
}

#[test]
fn transcripts_are_what_the_program_prints() {
    let readme = read("README.md");
    let mut transcripts = blocks(&readme, "console");
    // Those of a real cloud are checked in tests/openstack.
    transcripts.retain(|transcript| !transcript.contains("-C fixtures/acme-openstack "));
    assert!(!transcripts.is_empty());
    for transcript in transcripts {
        let (command, expected) = transcript.split_once('\n').unwrap();
        let args: Vec<&str> = command
            .strip_prefix("$ cloudbuilder ")
            .unwrap()
            .split_whitespace()
            .collect();
        let output = run(&args);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let printed = without_seconds(&String::from_utf8(output.stdout).unwrap());
        let expected = without_seconds(expected);
        let difference = TextDiff::from_lines(&expected, &printed)
            .unified_diff()
            .to_string();
        assert!(
            difference.is_empty(),
            "README.md differs for `{command}`:\n{difference}"
        );
    }
}

#[test]
fn the_example_is_the_fixture() {
    let readme = read("README.md");
    let fixture = read("fixtures/acme/cloud.json");
    assert!(blocks(&readme, "json").contains(&fixture.as_str()));
}

#[test]
fn every_json_example_is_valid() {
    for example in blocks(&read("README.md"), "json") {
        let parsed = cloudbuilder::config::cloud::parse("README.md", example.as_bytes());
        assert!(
            parsed.cloud.is_some(),
            "{example}\n{:?}",
            parsed.diagnostics
        );
    }
}

#[test]
fn continuous_integration_runs_the_tests_as_the_readme_does() {
    let command = "cargo test --locked";
    assert!(read("README.md").contains(&format!("    {command}\n")));
    assert!(
        read(".ci/run")
            .lines()
            .any(|line| line == format!("step {command}"))
    );
}

#[test]
fn every_command_and_option_of_the_readme_exists() {
    let readme = read("README.md");
    let (_, commands) = readme.split_once("| command | does |").unwrap();
    let rows = commands
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut checked = 0;
    for row in rows {
        let names = row.split('|').nth(1).unwrap();
        for name in names.split(',') {
            let name = name.trim().trim_matches('`');
            // `sizes` alone stands for `catalog sizes`.
            let words: Vec<&str> = name
                .split(' ')
                .take_while(|word| word.chars().all(char::is_lowercase))
                .collect();
            if ["sizes", "images"].contains(&name) || words.is_empty() {
                continue;
            }
            let words: Vec<&str> = match words.as_slice() {
                ["catalog", ..] => vec!["catalog"],
                words => words.to_vec(),
            };
            let output = run(&[words.as_slice(), &["--help"]].concat());
            assert!(output.status.success(), "{name}");
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} commands");
}
