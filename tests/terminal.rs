//! The program on a real terminal: questions and answers, Ctrl-C, colours, and the block that is
//! drawn again and again.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use cloudbuilder::sandbox::{self, Options};
use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::{ANOTHER_KEY, KEY, Place, TOKEN};

/// Wide enough that no line of these tests is broken.
const WIDE: usize = 120;

const ONE_SERVER: &str = r#"{
    "web1": {
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": "debian-13-x64",
        "names": ["web1.example.com"]
    }
}
"#;

/// Servers that boot for longer than any test.
fn endless() -> Options {
    Options {
        boot: Duration::from_secs(86_400),
        ..quick()
    }
}

fn with_one_server(options: Options) -> (Cloud, Place) {
    let cloud = Cloud::start(options);
    let place = Place::new(&cloud);
    place.write("cloud.json", ONE_SERVER);
    (cloud, place)
}

/// What was asked of the account beside looking.
fn changes(cloud: &Cloud) -> Vec<String> {
    let mut requests = cloud.requests();
    requests.retain(|request| !request.starts_with("GET "));
    requests
}

fn mode(place: &Place, file: &str) -> u32 {
    let metadata = fs::metadata(place.path(file)).unwrap();
    metadata.permissions().mode() & 0o7777
}

mod init {
    use super::*;

    /// A directory with nothing in it, and a user with keys at home.
    fn newcomer(cloud: &Cloud) -> Place {
        let mut place = Place::new(cloud);
        place.unset("DIGITALOCEAN_TOKEN");
        place.unset("CLOUDBUILDER_PUBLIC_SSH_KEY");
        let keys = place.home().join(".ssh");
        fs::create_dir(&keys).unwrap();
        for (file, text) in [
            ("id_ed25519.pub", KEY),
            ("another.pub", ANOTHER_KEY),
            ("broken.pub", "this is no key"),
            ("id_ed25519", PRIVATE),
        ] {
            place.write(&format!("../home/.ssh/{file}"), format!("{text}\n"));
        }
        place
    }

    const PRIVATE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
        aW52ZW50ZWQtYW5kLW9wZW5zLW5vdGhpbmc=\n\
        -----END OPENSSH PRIVATE KEY-----";

    #[test]
    fn it_asks_checks_and_writes() {
        let cloud = Cloud::start(quick());
        cloud.fault(&json!({
            "method": "GET", "path": "/v2/account", "nth": 1,
            "kind": "refuse", "status": 401, "message": "Unable to authenticate you",
        }));
        let place = newcomer(&cloud);
        place.write(".gitignore", "*.log");

        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider [digitalocean]: ");
        session.enter("");
        session.until("https://cloud.digitalocean.com/account/api/tokens");
        session.until("Token (not shown): ");
        session.enter("an-invented-token-with-a-mistake");
        session.until("It is not accepted: Unable to authenticate you");
        session.until("Token (not shown): ");
        session.enter(TOKEN);
        session.until("It opens the account of ");
        session.until("another.pub");
        let private = place.home().join(".ssh/id_ed25519");
        session.until(&format!("[{}.pub]: ", private.display()));
        session.enter(private.to_str().unwrap());
        session.until("private key");
        session.until("Public SSH key");
        session.enter("");
        session.until("Wrote security.json (mode 0600).");
        session.until("Wrote cloud.json");
        let seen = session.end().code(0);
        seen.never_says(TOKEN)
            .never_says("with-a-mistake")
            .never_says("aW52ZW50ZWQ")
            .never_says("broken.pub")
            .says("Then: cloudbuilder plan");

        let security: Value = serde_json::from_str(&place.text("security.json")).unwrap();
        assert_eq!(
            security,
            json!({"digital_ocean_api_key": TOKEN, "public_ssh_key": KEY})
        );
        assert_eq!(mode(&place, "security.json"), 0o600);
        assert_eq!(place.text(".gitignore"), "*.log\nsecurity.json\n");

        place
            .run("validate")
            .code(0)
            .says("1 server")
            .never_says("warning");
        let planned = place.run("plan").code(0);
        assert!(
            planned
                .stdout
                .contains("Plan: 2 to add, 0 to change, 0 to destroy.")
        );
        assert_eq!(changes(&cloud), Vec::<String>::new());
    }

    #[test]
    fn what_is_there_is_not_touched() {
        let cloud = Cloud::start(quick());
        let place = newcomer(&cloud);
        place.write("security.json", "not even JSON");
        let session = place.at_terminal(WIDE, "init");
        session
            .end()
            .code(1)
            .says("security.json exists already")
            .never_says("Provider");
        assert_eq!(place.text("security.json"), "not even JSON");
        assert!(!place.path("cloud.json").exists());
        assert_eq!(cloud.requests(), Vec::<String>::new());

        place.remove("security.json");
        place.write("cloud.json", ONE_SERVER);
        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider");
        session.enter("DigitalOcean");
        session.until("Token");
        session.enter(TOKEN);
        session.until("Public SSH key");
        session.enter(ANOTHER_KEY);
        session.until("cloud.json exists already and was not touched.");
        session.end().code(0);
        assert_eq!(place.text("cloud.json"), ONE_SERVER);
        assert!(place.text("security.json").contains(ANOTHER_KEY));
    }

    #[test]
    fn it_gives_up_without_writing() {
        let cloud = Cloud::start(quick());
        let place = newcomer(&cloud);
        let before = place.files();
        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider");
        session.enter("");
        for _ in 0..3 {
            session.until("Token (not shown): ");
            session.enter("");
            session.until("That was empty.");
        }
        session.end().code(1).says("nothing was written");
        assert_eq!(place.files(), before);
    }

    #[test]
    fn an_unreachable_api_is_an_error_that_writes_nothing() {
        let mut cloud = Cloud::start(quick());
        let place = newcomer(&cloud);
        cloud.stop();
        let before = place.files();
        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider");
        session.enter("");
        session.until("Token");
        session.enter(TOKEN);
        let seen = session.end().code(1);
        seen.says("the API cannot be reached").never_says(TOKEN);
        assert_eq!(place.files(), before);
    }

    /// A terminal that stays silent after the program has gone seems broken.
    #[test]
    fn an_interrupt_at_the_token_leaves_the_terminal_as_it_was() {
        let cloud = Cloud::start(quick());
        let place = newcomer(&cloud);
        let before = place.files();
        let mut session = place.at_terminal_then(WIDE, "init", "stty -a");
        session.until("Provider");
        session.enter("");
        session.until("Token (not shown): ");
        session.control('c');
        let seen = session.end().code(130);
        let after = seen.text.rsplit("Interrupted").next().unwrap();
        assert!(after.contains(" echo "), "{}", seen.text);
        assert_eq!(place.files(), before);
    }

    #[test]
    fn another_provider_asks_for_what_opens_it() {
        let cloud = Cloud::start(Options {
            cloud: sandbox::Cloud::Rackspace,
            ..quick()
        });
        let [account, _] = &sandbox::rackspace::ACCOUNTS;
        let mut place = newcomer(&cloud);
        place.set("RAX_AUTH_URL", cloud.url());
        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider [digitalocean]: ");
        session.enter("elsewhere");
        session.until("There is digitalocean, openstack, rackspace, rackspace-flex.");
        session.until("Provider [digitalocean]: ");
        session.enter("Rackspace");
        session.until("The API key is in the control panel");
        for key in ["an-invented-key-with-a-mistake", account.api_key] {
            session.until("User name: ");
            session.enter(account.username);
            session.until("API key (not shown): ");
            session.enter(key);
            session.until("Region [your account's own]: ");
            session.enter("");
            if key != account.api_key {
                session.until("It is not accepted: ");
            }
        }
        session.until("It opens the account of ");
        session.until("Public SSH key");
        session.enter("");
        session.until("Then: cloudbuilder plan");
        let seen = session.end().code(0);
        seen.never_says(account.api_key)
            .never_says("with-a-mistake");

        assert_eq!(mode(&place, "security.json"), 0o600);
        let security: Value = serde_json::from_str(&place.text("security.json")).unwrap();
        let entry = json!({"username": account.username, "api_key": account.api_key});
        assert_eq!(
            security,
            json!({"accounts": {"rax": entry}, "public_ssh_key": KEY})
        );
        // What it begins with can be carried out.
        place
            .run("plan")
            .code(0)
            .says("Plan: 2 to add")
            .never_says(account.api_key);
    }

    #[test]
    fn the_end_of_the_input_is_the_end() {
        let cloud = Cloud::start(quick());
        let place = newcomer(&cloud);
        let before = place.files();
        let mut session = place.at_terminal(WIDE, "init");
        session.until("Provider");
        session.enter("");
        session.until("Token (not shown): ");
        session.control('d');
        session.end().code(1).says("the input ended");
        assert_eq!(place.files(), before);
    }
}

mod approval {
    use super::*;

    #[test]
    fn yes_goes_on() {
        let (cloud, place) = with_one_server(quick());
        let mut session = place.at_terminal(WIDE, "apply");
        session.until("Plan: 5 to add, 0 to change, 0 to destroy.");
        session.until("Only 'yes' will be accepted to approve.");
        session.until("Enter a value: ");
        assert_eq!(changes(&cloud), Vec::<String>::new());
        session.enter(" yes ");
        session.until("Apply complete! Resources: ");
        session.end().code(0);
        assert_eq!(cloud.droplets().len(), 1);

        // With nothing to do there is nothing to approve.
        let session = place.at_terminal(WIDE, "apply");
        session.end().code(0).never_says("Enter a value");
    }

    #[test]
    fn nothing_else_does() {
        let (cloud, place) = with_one_server(quick());
        for answer in ["y", "no", "", "YES", "yes, please", "\u{9}"] {
            let mut session = place.at_terminal(WIDE, "apply");
            session.until("Enter a value: ");
            session.enter(answer);
            session.end().code(1).says("Nothing was done.");
        }
        let mut session = place.at_terminal(WIDE, "apply");
        session.until("Enter a value: ");
        session.control('d');
        session.end().code(1).says("the input ended");

        assert_eq!(changes(&cloud), Vec::<String>::new());
        assert!(!place.path("cloud.state.json").exists());
        assert_eq!(place.text("cloud.json"), ONE_SERVER);
    }

    #[test]
    fn an_interrupt_is_heard_at_once() {
        let (cloud, place) = with_one_server(quick());
        let mut session = place.at_terminal(WIDE, "apply");
        session.until("Enter a value: ");
        session.control('c');
        session.end().code(130);
        assert_eq!(changes(&cloud), Vec::<String>::new());
        assert!(!place.path("cloud.state.json").exists());
        // And nobody is left to hold the lock.
        place.run("apply -y").code(0);
    }

    #[test]
    fn destroy_asks_its_own_question() {
        let (cloud, place) = with_one_server(quick());
        place.run("apply -y").code(0);
        cloud.forget_requests();
        for (answer, code) in [("y", 1), ("yes", 0)] {
            let mut session = place.at_terminal(WIDE, "destroy");
            session.until("Plan: 0 to add, 0 to change, 5 to destroy.");
            session.until("Do you really want to destroy all of this? There is no undo.");
            session.until("Enter a value: ");
            assert_eq!(changes(&cloud), Vec::<String>::new());
            session.enter(answer);
            session.end().code(code);
        }
        assert_eq!(cloud.world(), "");
    }

    /// A yes is soon said.
    #[test]
    fn whoever_destroys_several_says_how_many() {
        let (cloud, place) = with_one_server(quick());
        let server = json!({"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"});
        let servers = json!({"web": server, "db": server});
        place.write("cloud.json", servers.to_string());
        place.run("apply -y").code(0);
        cloud.forget_requests();
        for (number, code) in [("1", 1), ("2", 0)] {
            let mut session = place.at_terminal(WIDE, "destroy");
            session.until("Enter a value: ");
            session.enter("yes");
            session.until("How many servers does it destroy for good?");
            session.until("Enter a value: ");
            assert_eq!(changes(&cloud), Vec::<String>::new());
            session.enter(number);
            let ran = session.end().code(code);
            if code == 1 {
                ran.says("The plan destroys 2 servers.");
            }
        }
        assert_eq!(cloud.droplets().len(), 0);
    }

    /// The plan goes to a file, the question to the person.
    #[test]
    fn the_question_is_seen_though_results_go_elsewhere() {
        let (cloud, place) = with_one_server(quick());
        let mut session = place.at_terminal_with(WIDE, ">plan.txt", "apply");
        session.until("Enter a value: ");
        assert!(place.text("plan.txt").contains("Plan: 5 to add"));
        session.enter("no");
        session.end().code(1).never_says("Plan: ");
        assert_eq!(changes(&cloud), Vec::<String>::new());
    }

    /// Who reads JSON answers no questions.
    #[test]
    fn a_stream_for_a_program_asks_nothing() {
        let (cloud, place) = with_one_server(quick());
        let session = place.at_terminal(WIDE, "apply --json");
        session.end().code(1).says("add -y");
        assert_eq!(cloud.requests(), Vec::<String>::new());
    }
}

mod at_work {
    use super::*;

    #[test]
    fn an_interrupt_while_servers_boot_loses_nothing() {
        let (cloud, place) = with_one_server(endless());
        let mut session = place.at_terminal(WIDE, "apply -y");
        session.until("it boots");
        session.control('c');
        let seen = session.end().code(130);
        assert_eq!(
            seen.text.matches("cloudbuilder apply").count(),
            2,
            "{}",
            seen.text
        );
        seen.never_says("Run it again");
        let state: Value = serde_json::from_str(&place.text("cloud.state.json")).unwrap();
        let id = cloud.the_droplet("web1")["id"].to_string();
        assert!(state.to_string().contains(&id), "{state:#}");

        cloud.forget_requests();
        let mut session = place.at_terminal(WIDE, "apply -y");
        session.until("0 of 4 done");
        session.control('c');
        session.end().code(130);
        assert_eq!(changes(&cloud), Vec::<String>::new());
        assert_eq!(cloud.the_droplet("web1")["id"].to_string(), id);
    }

    fn block(line: &str) -> bool {
        line.contains("of 6 done") || line.contains("it boots")
    }

    #[test]
    fn the_block_goes_and_the_lines_stay() {
        for columns in [WIDE, 40] {
            let (_cloud, place) = with_one_server(endless());
            let mut session = place.at_terminal(columns, "apply -y");
            session.until("2 of 6 done");
            session.control('c');
            let seen = session.end().code(130);
            let screen = seen.screen(columns);
            assert!(!screen.iter().any(|line| block(line)), "{screen:#?}");
            for step in ["+ ssh_key  someone@example.com", "+ domain   example.com"] {
                // Once in the plan, once when it was done.
                let lines = screen.iter().filter(|line| line.contains(step));
                assert_eq!(lines.count(), 2, "{step}: {screen:#?}");
            }
        }
    }

    #[test]
    fn all_lines_are_there_in_the_end() {
        for columns in [WIDE, 40] {
            let (_cloud, place) = with_one_server(quick());
            let seen = place.at_terminal(columns, "apply -y").end().code(0);
            let screen = seen.screen(columns);
            assert!(!screen.iter().any(|line| block(line)), "{screen:#?}");
            for number in 1..=6 {
                let count = format!("{number}/6 ");
                let lines = screen.iter().filter(|line| line.contains(&count));
                assert_eq!(lines.count(), 1, "{count}: {screen:#?}");
            }
            let last = screen.iter().rfind(|line| !line.is_empty()).unwrap();
            assert!(
                "Apply complete! Resources: 5 added, 0 changed, 0 destroyed."
                    .contains(last.as_str()),
                "{screen:#?}"
            );
        }
    }

    #[test]
    fn quiet_shows_no_progress() {
        let (_cloud, place) = with_one_server(quick());
        let seen = place.at_terminal(WIDE, "apply -y -q").end().code(0);
        seen.never_says("1/6").says("Apply complete!");
    }
}

mod colour {
    use super::*;

    const ESCAPE: &str = "\u{1b}";

    #[test]
    fn a_terminal_has_colours_unless_somebody_minds() {
        let (_cloud, mut place) = with_one_server(quick());
        for line in [
            "plan",
            "apply -y",
            "apply --help",
            "plan --nonsense",
            "catalog sizes",
        ] {
            place.at_terminal(WIDE, line).end().says(ESCAPE);
        }
        for line in [
            "plan --no-color",
            "plan -no-color",
            "plan --nonsense --no-color",
        ] {
            place.at_terminal(WIDE, line).end().never_says(ESCAPE);
        }
        place.set("NO_COLOR", "1");
        for line in [
            "plan",
            "apply --help",
            "plan --nonsense",
            "catalog sizes",
            "validate",
        ] {
            place.at_terminal(WIDE, line).end().never_says(ESCAPE);
        }
        // Set but empty is not set.
        place.set("NO_COLOR", "");
        place.at_terminal(WIDE, "plan").end().says(ESCAPE);
    }

    /// Neither colours nor a cursor that moves.
    #[test]
    fn a_dumb_terminal_is_told_in_lines() {
        let (cloud, mut place) = with_one_server(quick());
        place.set("TERM", "dumb");
        for line in [
            "plan",
            "apply -y",
            "destroy -y",
            "plan --nonsense",
            "--help",
        ] {
            let seen = place.at_terminal(WIDE, line).end().never_says(ESCAPE);
            assert!(
                !line.ends_with("-y") || seen.text.contains("4/"),
                "{}",
                seen.text
            );
        }
        assert_eq!(cloud.world(), "");
    }

    #[test]
    fn progress_without_colours_is_still_live() {
        let (_cloud, place) = with_one_server(quick());
        let seen = place.at_terminal(WIDE, "apply -y --no-color").end().code(0);
        seen.never_says("\u{1b}[3").never_says("\u{1b}[1m");
    }
}

#[test]
fn a_narrow_terminal_is_not_too_narrow() {
    let (_cloud, place) = with_one_server(quick());
    for columns in [0, 1, 20, 40] {
        place.at_terminal(columns, "--help").end().code(0);
        place
            .at_terminal(columns, "plan")
            .end()
            .code(0)
            .says("Plan: 5");
        place.at_terminal(columns, "catalog sizes").end().code(0);
    }
    let done = "Resources: 5 ";
    place.at_terminal(20, "apply -y").end().code(0).says(done);
    place.at_terminal(1, "destroy -y").end().code(0).says(done);
}
