//! The command line: what is accepted, what is printed where, and the exit codes.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use cloudbuilder::sandbox::Options;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::{KEY, Place, Ran, TOKEN, until};

const ONE_SERVER: &str = r#"{
    "web1": {
        "region": "nyc3",
        "size": "s-1vcpu-1gb",
        "image": "debian-13-x64",
        "names": ["web1.example.com"]
    }
}
"#;

fn begin() -> (Cloud, Place) {
    begin_with(quick())
}

fn begin_with(options: Options) -> (Cloud, Place) {
    let cloud = Cloud::start(options);
    let place = Place::new(&cloud);
    place.write("cloud.json", ONE_SERVER);
    (cloud, place)
}

mod exit_codes {
    use super::*;

    #[test]
    fn each_command_in_turn() {
        let (_cloud, place) = begin();
        for (line, code) in [
            ("--help", 0),
            ("--version", 0),
            ("help", 0),
            ("help plan", 0),
            ("validate", 0),
            ("plan", 0),
            ("plan --detailed-exitcode", 2),
            ("plan --json --detailed-exitcode", 2),
            ("show", 0),
            ("state list", 0),
            ("state show server.web1", 1),
            ("destroy -y", 1),
            ("apply", 1),
            ("apply -y", 0),
            ("apply -y", 0),
            ("apply -y --detailed-exitcode", 0),
            ("plan --detailed-exitcode", 0),
            ("plan --destroy --detailed-exitcode", 2),
            ("show", 0),
            ("state list", 0),
            ("state show server.web1", 0),
            ("state show server.web2", 1),
            ("state rebuild", 1),
            ("catalog regions", 0),
            ("destroy", 1),
            ("destroy -y --detailed-exitcode", 2),
            ("destroy -y", 0),
        ] {
            place.run(line).code(code).never_says("panicked");
        }
    }

    /// Two would mean that there is something to do.
    #[test]
    fn a_usage_error_is_1() {
        let (cloud, place) = begin();
        for line in [
            "",
            "pln",
            "plan --nonsense",
            "plan extra",
            "plan -q -v",
            "plan --settle soon",
            "plan --settle 2562047788015215h",
            "plan --parallelism 0",
            "plan --max-destroy -1",
            "apply -y --lock-timeout 2562047788015215h",
            "state",
            "state show",
            "catalog",
            "catalog prices",
            "completions tcsh",
            "sandbox serve --listen nowhere",
            "sandbox proxy",
            "sandbox torture --seed 1 --cloud openstack",
            "sandbox torture --boundaries --cloud openstack --upstream http://127.0.0.1:9",
        ] {
            let ran = place.run(line).code(1);
            assert_eq!(ran.stdout, "", "{line}");
            assert!(!ran.stderr.is_empty(), "{line}");
        }
        assert_eq!(cloud.requests(), Vec::<String>::new());
    }
}

mod spellings {
    use super::*;

    #[test]
    fn those_of_terraform() {
        let (cloud, place) = begin();
        let elsewhere = place.root().join("home");
        let from_elsewhere = |line: &str| {
            let mut args: Vec<&str> = line.split(' ').collect();
            let here = place.path("");
            let directory = format!("-chdir={}", here.display());
            args.insert(0, &directory);
            let cd = format!("cd '{}'", elsewhere.display());
            place.start(Some(&cd), &args).finish()
        };
        from_elsewhere("plan -detailed-exitcode").code(2);
        let planned = from_elsewhere("plan -json -no-color").code(0);
        assert!(serde_json::from_str::<Value>(&planned.stdout).is_ok());
        from_elsewhere("apply -auto-approve -parallelism=2 -lock-timeout=1s").code(0);
        from_elsewhere("apply -auto-approve -destroy").code(0);
        assert_eq!(cloud.world(), "");
        place
            .run("plan -help")
            .code(0)
            .says("Usage: cloudbuilder plan");
        place.run("-version").code(0).says("cloudbuilder ");
    }

    #[test]
    fn global_options_stand_anywhere() {
        let (_cloud, place) = begin();
        for line in ["-q plan", "plan -q", "state -q list", "-q state list"] {
            place.run(line).code(0);
        }
        place
            .run("-C nowhere plan")
            .one_error("nowhere is no directory");
        place
            .run("-C cloud.json plan")
            .one_error("cloud.json is no directory");
        fs::create_dir(place.path("below")).unwrap();
        place
            .run("-C below plan")
            .one_error("there is no below/cloud.json");
        place
            .run("-C below -C . plan")
            .code(1)
            .says("cannot be used multiple times");
    }
}

mod streams {
    use super::*;

    #[test]
    fn results_here_and_the_rest_there() {
        let (_cloud, place) = begin();
        let planned = place.run("plan").code(0);
        assert!(planned.stdout.contains("Plan: 5 to add"), "{planned}");
        assert!(planned.stderr.contains("note: "), "{planned}");
        let applied = place.run("apply -y").code(0);
        assert!(applied.stdout.contains("Apply complete!"), "{applied}");
        assert!(applied.stderr.contains("6/6"), "{applied}");
        for line in [
            "show",
            "state list",
            "catalog sizes",
            "validate",
            "--help",
            "--version",
        ] {
            let ran = place.run(line).code(0);
            assert!(!ran.stdout.is_empty(), "{line}: {ran}");
            assert_eq!(ran.stderr, "", "{line}");
        }
        for line in ["plan -j x", "state show server.x", "-C nowhere plan"] {
            let ran = place.run(line).code(1);
            assert_eq!(ran.stdout, "", "{line}");
        }
    }

    /// The line that is wrong is quoted; what would be on a server's disk is not.
    #[test]
    fn the_content_of_a_file_is_never_quoted() {
        let (_cloud, place) = begin();
        place.write(
            "cloud.json",
            r#"{"version": 2, "servers": {"web1": {
                "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "files": [{"path": "etc/motd", "content": "hunter2"}]}}}"#,
        );
        for line in ["validate", "plan", "apply -y"] {
            let ran = place.run(line).one_error("`path` of a file");
            ran.says("\"etc/motd\", \"content\":").never_says("hunter2");
        }
    }

    #[test]
    fn quiet_leaves_results_and_errors() {
        let (_cloud, place) = begin();
        let planned = place.run("plan -q").code(0);
        assert!(planned.stdout.contains("Plan: 5 to add"), "{planned}");
        assert!(!planned.stdout.contains("cloudbuilder plan"), "{planned}");
        assert_eq!(planned.stderr, "");
        let applied = place.run("apply -q -y").code(0);
        assert_eq!(applied.stderr, "");
        place.run("-q state show server.x").code(1).says("error: ");
    }

    #[test]
    fn verbose_says_more_and_twice_each_request() {
        let (_cloud, place) = begin();
        let plain = place.run("plan").code(0);
        let once = place.run("plan -v").code(0).says("known after step 2");
        assert!(!plain.stdout.contains("known after step 2"), "{plain}");
        assert!(!once.stderr.contains("GET "), "{once}");
        place.run("plan -vv").code(0).says("GET /v2/account");
        place.run("plan -v -v").code(0).says("GET /v2/account");
    }

    #[test]
    fn colours_are_for_terminals_unless_forced() {
        let (_cloud, mut place) = begin();
        let colours = |ran: &Ran| [&ran.stdout, &ran.stderr].map(|text| text.contains('\u{1b}'));
        assert_eq!(colours(&place.run("plan")), [false, false]);
        place.set("CLICOLOR_FORCE", "1");
        assert_eq!(colours(&place.run("plan")), [true, true]);
        assert_eq!(colours(&place.run("plan --no-color")), [false, false]);
        let json = place.run("plan --json").code(0);
        assert!(
            serde_json::from_str::<Value>(&json.stdout).is_ok(),
            "{json}"
        );
        place.set("NO_COLOR", "1");
        assert_eq!(colours(&place.run("plan")), [false, false]);
        assert_eq!(colours(&place.run("plan --nonsense")), [false, false]);
    }

    /// What a reader does that has seen enough.
    #[test]
    fn a_pipe_may_be_closed_early() {
        let (cloud, place) = begin();
        for line in [
            "plan",
            "plan --json",
            "catalog sizes",
            "completions bash",
            "apply -y",
        ] {
            let program = env!("CARGO_BIN_EXE_cloudbuilder");
            let script =
                format!("exec 3>&1; {{ {program} {line}; echo \"code $?\" >&3; }} | head -n 1");
            let ran = place.start(Some(&format!("{script}; exit")), &[]).finish();
            assert!(ran.stdout.contains("code 0"), "{line}: {ran}");
            assert!(!ran.stderr.contains("panicked"), "{line}: {ran}");
        }
        assert_eq!(cloud.droplets().len(), 1);
    }

    #[test]
    fn a_full_disk_under_the_output_is_an_error() {
        if !Path::new("/dev/full").exists() {
            return;
        }
        let (cloud, place) = begin();
        for line in ["plan", "validate", "apply -y"] {
            let args: Vec<&str> = line.split(' ').collect();
            let ran = place.start(Some("exec >/dev/full"), &args).finish();
            ran.code(1).says("the result cannot be printed");
        }
        // A plan that nobody saw is not carried out.
        assert_eq!(cloud.droplets().len(), 0);
        // That nobody can be told how it goes is no reason to stop.
        let ran = place
            .start(Some("exec 2>/dev/full"), &["apply", "-y"])
            .finish();
        ran.code(0).says("Apply complete!");
    }

    #[test]
    fn all_may_be_closed_from_the_start() {
        let (cloud, place) = begin();
        let closed = Some("exec <&- >&- 2>&-");
        place.start(closed, &["plan"]).finish().code(0);
        place.start(closed, &["apply"]).finish().code(1);
        assert_eq!(cloud.droplets().len(), 0);
        place.start(closed, &["apply", "-y"]).finish().code(0);
        assert_eq!(cloud.droplets().len(), 1);
    }
}

mod approval {
    use super::*;

    /// Not even a request is sent.
    #[test]
    fn nobody_to_ask_is_a_refusal() {
        let (cloud, place) = begin();
        for line in ["apply", "destroy", "apply --json", "apply -destroy"] {
            place.run(line).one_error("").says("add -y");
        }
        // A yes from a pipe is nobody's decision.
        place.write("answer", "yes\n");
        let ran = place.start(Some("exec <answer"), &["apply"]).finish();
        ran.one_error("apply cannot ask");
        assert_eq!(cloud.requests(), Vec::<String>::new());
        assert!(!place.path(".cloudbuilder").exists());
        place.run("init").one_error("init asks questions");
    }
}

mod lock {
    use super::*;

    #[test]
    fn a_second_run_waits_if_it_is_told_to() {
        let (cloud, place) = begin();
        cloud.fault(&json!({"method": "GET", "path": "/v2/droplets/{id}", "kind": "refuse"}));
        let mut first = place.start(None, &["apply", "-y"]);
        first.until_it_says("it boots");
        let refused = place.run("apply -y").one_error("another run is at work");
        assert!(refused.stderr.contains("apply by "), "{refused}");
        assert!(refused.stderr.contains(", pid "), "{refused}");
        let mut second = place.start(None, &["apply", "-y", "--lock-timeout", "5m"]);
        second.until_it_says("Waiting: another run has the lock: apply by ");
        cloud.no_faults();
        first.finish().code(0);
        second.finish().code(0).says("No changes.");
        assert_eq!(cloud.droplets().len(), 1);
    }
}

mod documents {
    use super::*;

    #[track_caller]
    fn accepted(schema: &str, value: &Value) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schemas")
            .join(schema);
        let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
    }

    fn planned(place: &Place, line: &str) -> Value {
        let ran = place.run(line).code(0);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        accepted("plan.schema.json", &document);
        document
    }

    fn carried_out(place: &Place, line: &str, code: i32) -> Vec<Value> {
        let ran = place.run(line).code(code);
        let lines: Vec<Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for line in &lines {
            accepted("apply.schema.json", line);
        }
        lines
    }

    #[test]
    fn a_plan_as_json() {
        let (_cloud, place) = begin();
        let first = planned(&place, "plan --json");
        assert_eq!(first["resource_changes"].as_array().unwrap().len(), 5);
        place.run("apply -y").code(0);
        let then = planned(&place, "plan --json");
        let changes = then["resource_changes"].as_array().unwrap();
        assert!(
            changes
                .iter()
                .all(|change| change["change"]["actions"] == json!(["no-op"])),
            "{then:#}"
        );
        planned(&place, "plan --json --destroy");
    }

    #[test]
    fn an_apply_as_json() {
        let (cloud, place) = begin();
        cloud.fault(&json!({
            "method": "POST", "path": "/v2/domains", "kind": "refuse", "status": 422,
            "message": "not \u{1b}[31mtoday",
        }));
        let lines = carried_out(&place, "apply --json -y", 1);
        let has = |lines: &[Value], kind: &str| lines.iter().any(|line| line["type"] == kind);
        assert!(
            has(&lines, "apply_errored") && has(&lines, "apply_incomplete"),
            "{lines:#?}"
        );
        cloud.no_faults();
        let lines = carried_out(&place, "apply --json -y", 0);
        assert!(
            has(&lines, "version") && has(&lines, "apply_complete"),
            "{lines:#?}"
        );
        assert!(!has(&lines, "apply_errored"), "{lines:#?}");
        assert_eq!(lines.last().unwrap()["type"], "change_summary");
        carried_out(&place, "apply --json -y", 0);
        carried_out(&place, "destroy --json -y", 0);
        assert_eq!(cloud.world(), "");
    }

    #[test]
    fn a_plan_as_markdown() {
        let (_cloud, mut place) = begin();
        let summary = place.path("summary.md");
        place.write("summary.md", "# Before\n");
        place.set("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
        place.run("plan --markdown plan.md").code(0).says("Plan: 5");
        let plan = place.text("plan.md");
        assert!(plan.contains("5 to add"), "{plan}");
        assert_eq!(place.text("summary.md"), format!("# Before\n{plan}\n"));
        place.run("apply -y --markdown plan.md").code(0);
        assert!(
            place
                .text("summary.md")
                .starts_with(&format!("# Before\n{plan}\n"))
        );
        // Nobody asked for one.
        let before = place.text("summary.md");
        place.run("plan").code(0);
        assert_eq!(place.text("summary.md"), before);
        place
            .run("plan --markdown nowhere/plan.md")
            .one_error("nowhere/plan.md cannot be written");
    }

    #[test]
    fn the_record_can_be_looked_at() {
        let (_cloud, place) = begin();
        place.run("show").code(0).says("nothing was made yet");
        place.run("apply -y").code(0);
        place
            .run("show")
            .code(0)
            .says("server.web1")
            .says("record.web1.example.com/A");
        let list = place.run("state list").code(0);
        let addresses: Vec<&str> = list.stdout.lines().collect();
        assert_eq!(
            addresses,
            [
                "domain.example.com",
                "record.web1.example.com/A",
                "record.web1.example.com/AAAA",
                "server.web1",
                "ssh_key.default",
            ]
        );
        for address in addresses {
            place
                .run(&format!("state show {address}"))
                .code(0)
                .says(address);
        }
        place
            .run("state show server.wbe1")
            .one_error("the state has no server.wbe1")
            .says("server.web1");
        place
            .run("state show web1")
            .one_error("`web1` is not an address");
        for (what, word) in [
            ("regions", "nyc3"),
            ("sizes", "s-1vcpu-1gb"),
            ("images", "debian-13-x64"),
        ] {
            place.run(&format!("catalog {what}")).code(0).says(word);
        }
    }

    #[test]
    fn validate_tells_all_that_is_wrong_with_both_files() {
        let (cloud, mut place) = begin();
        place.unset("DIGITALOCEAN_TOKEN");
        place.unset("CLOUDBUILDER_PUBLIC_SSH_KEY");
        place.write("cloud.json", "{\"web1\": {\"regoin\": \"nyc3\"}}");
        place.write(
            "security.json",
            format!("{{\"digital_ocean_api_kee\": \"{TOKEN}\"}}"),
        );
        let ran = place.run("validate").code(1);
        assert_eq!(ran.stdout, "");
        ran.says("unknown key `regoin`")
            .says("missing `size` and `image`")
            .says("digital_ocean_api_kee");
        assert_eq!(cloud.requests(), Vec::<String>::new());
        assert!(!place.path(".cloudbuilder").exists());
        // What refers to nothing is told with what is wrong with the other file.
        let web = r#"{"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "files": [{"path": "/etc/db", "content": "${server.db.public_ipv4}"}]}"#;
        let cloud_json = format!("{{\"version\": 2, \"servers\": {{\"web\": {web}}}}}");
        place.write("cloud.json", cloud_json);
        let ran = place.run("validate").code(1);
        ran.says("server.web refers to server.db")
            .says("digital_ocean_api_kee");
    }

    #[test]
    fn import_without_a_word_says_what_to_type() {
        let (cloud, place) = begin();
        let ran = place
            .run("import")
            .one_error("`import` has to be told what to take over");
        ran.says("cloudbuilder import server.NAME ID")
            .says("import --all");
        place.run("import server.web1").code(1).says("<ID>");
        assert_eq!(cloud.requests(), Vec::<String>::new());
    }
}

mod completions {
    use super::*;

    fn script(place: &Place, shell: &str) -> String {
        let ran = place.run(&format!("completions {shell}")).code(0);
        assert_eq!(ran.stderr, "");
        assert!(ran.stdout.contains("auto-approve"), "{shell}");
        place.write(shell, &ran.stdout);
        place.path(shell).to_str().unwrap().to_owned()
    }

    #[test]
    fn scripts_are_understood_by_their_shells() {
        let (_cloud, place) = begin();
        for (shell, program, args) in [
            ("bash", "bash", ["-n"]),
            ("zsh", "zsh", ["-n"]),
            ("fish", "fish", ["--no-execute"]),
        ] {
            let script = script(&place, shell);
            let Ok(checked) = Command::new(program).args(args).arg(script).output() else {
                eprintln!("not checked, for there is no {shell} here");
                continue;
            };
            assert!(checked.status.success(), "{shell}: {checked:?}");
        }
        script(&place, "powershell");
        script(&place, "elvish");
    }

    #[test]
    fn bash_completes_commands_and_options() {
        let (_cloud, place) = begin();
        let script = script(&place, "bash");
        let complete = |words: &str| {
            let last = words.split(' ').count() - 1;
            let code = format!(
                "set -e; . '{script}'; COMP_WORDS=({words}); COMP_CWORD={last}; \
                 _cloudbuilder cloudbuilder \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\" || true; \
                 echo \"${{COMPREPLY[*]}}\""
            );
            let Ok(ran) = Command::new("bash").args(["--norc", "-c", &code]).output() else {
                return None;
            };
            assert!(ran.status.success(), "{ran:?}");
            Some(String::from_utf8(ran.stdout).unwrap().trim().to_owned())
        };
        for (words, completed) in [
            ("cloudbuilder val", "validate"),
            ("cloudbuilder state reb", "rebuild"),
            ("cloudbuilder catalog im", "images"),
            ("cloudbuilder apply --auto", "--auto-approve"),
        ] {
            if let Some(found) = complete(words) {
                assert_eq!(found, completed, "{words}");
            }
        }
    }
}

mod practice {
    use super::*;

    /// The program, serving its sandbox, and where.
    fn serve(place: &Place) -> (support::program::Running, String) {
        listening(place, &["sandbox", "serve", "--boot", "0s"])
    }

    /// A command that goes on until it is stopped, and the address that it says.
    fn listening(place: &Place, args: &[&str]) -> (support::program::Running, String) {
        let running = place.start(Some("exec >url.txt"), args);
        until("it says where it serves", || {
            fs::read_to_string(place.path("url.txt")).is_ok_and(|text| text.ends_with('\n'))
        });
        let text = place.text("url.txt");
        let url = text.lines().next().unwrap().to_owned();
        (running, url)
    }

    #[test]
    fn it_serves_until_it_is_stopped() {
        let (cloud, mut place) = begin();
        let (running, url) = serve(&place);
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");

        // Others in this directory use it and do not begin their own.
        place.run("apply -y --sandbox").code(0);
        place
            .run("sandbox serve")
            .one_error("this directory's practice cloud is running already")
            .says(&url);
        place
            .run("sandbox reset")
            .one_error("the sandbox cannot be used")
            .says("stop that first");
        place.point_at(&url);
        // Of another state, the server is somebody else's.
        place.run("plan").code(1).says("web1");

        running.signal("TERM");
        running.finish().code(0);
        place.run("plan --sandbox").code(0).says("No changes.");
        place.run("sandbox reset").code(0);
        place.run("plan --sandbox").code(0).says("Plan: 5 to add");
        assert_eq!(cloud.requests(), Vec::<String>::new());
        assert_eq!(place.text("cloud.json"), ONE_SERVER);
        assert!(!place.path("cloud.state.json").exists());
    }

    #[test]
    fn a_proxy_stands_before_a_cloud_until_it_is_stopped() {
        let (cloud, mut place) = begin();
        let args = ["sandbox", "proxy", "--upstream", cloud.url()];
        let (running, url) = listening(&place, &args);
        assert_ne!(url, cloud.url());
        place.point_at(&url);
        place.run("apply -y").code(0);
        assert_eq!(cloud.droplets().len(), 1);
        running.signal("TERM");
        running.finish().code(0).says("_sandbox/fault");
        place.run("plan").code(1).says("refused");
    }

    #[test]
    fn a_proxy_is_for_this_machine_alone() {
        let (_cloud, place) = begin();
        for upstream in [
            "https://example.com/v3",
            "http://192.0.2.1:5000",
            "nonsense",
        ] {
            place
                .run(&format!("sandbox proxy --upstream {upstream}"))
                .one_error("the sandbox cannot be used")
                .says(upstream)
                .says("carries tokens");
        }
        place
            .run("sandbox torture --seed 1 --cloud openstack --upstream http://127.0.0.1:9/v3")
            .one_error("OS_USERNAME is not set");
        place
            .run("sandbox torture --seed 1 --upstream http://127.0.0.1:9/v3")
            .one_error("only --cloud openstack has an upstream");
    }

    #[test]
    fn another_cloud_has_a_world_of_its_own() {
        let (_cloud, place) = begin();
        let (running, _) = listening(&place, &["sandbox", "serve", "--cloud", "rackspace"]);
        // That one does not keep the other from being used.
        place.run("plan --sandbox").code(0).says("Plan: 5 to add");
        place
            .run("sandbox reset")
            .one_error("the sandbox cannot be used")
            .says("rackspace.jsonl");
        running.signal("TERM");
        let said = running.finish().code(0);
        said.says("practice with the API key practice-api-key-");
        place.run("plan --sandbox").code(0).says("Plan: 5 to add");
        let world = place.path(".cloudbuilder/sandbox/rackspace.jsonl");
        assert!(world.exists());
        place.run("sandbox reset").code(0);
        assert!(!world.exists());
    }

    #[test]
    fn what_cannot_be_listened_on_is_said() {
        let (_cloud, place) = begin();
        place
            .run("sandbox serve --listen 0.0.0.0:0")
            .one_error("the sandbox cannot be used")
            .says("127.0.0.1");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        place
            .run(&format!("sandbox serve --in-memory --listen {address}"))
            .one_error("the sandbox cannot be used")
            .says("another port");
    }
}

mod hostile {
    use super::*;

    /// Whatever else stands where a file should be: an error, and no waiting for it.
    #[test]
    fn files_that_are_none() {
        let (cloud, mut place) = begin();
        place.unset("DIGITALOCEAN_TOKEN");
        let path = |name: &str| place.path(name);
        for file in ["cloud.json", "security.json", "cloud.state.json"] {
            for make in [
                "mkdir FILE",
                "mkfifo FILE",
                "ln -s FILE FILE",
                "ln -s /dev/zero FILE",
            ] {
                place.write("cloud.json", ONE_SERVER);
                place.write(
                    "security.json",
                    format!("{{\"digital_ocean_api_key\": \"{TOKEN}\"}}"),
                );
                let _ = fs::remove_file(path(file));
                let target = path(file);
                let script = make.replace("FILE", &format!("'{}'", target.display()));
                assert!(
                    Command::new("sh")
                        .args(["-c", &script])
                        .status()
                        .unwrap()
                        .success()
                );
                for line in ["validate", "plan", "apply -y", "show", "state list"] {
                    let reads = match file {
                        "cloud.state.json" => line != "validate",
                        _ => !matches!(line, "show" | "state list"),
                    };
                    if reads {
                        let args: Vec<&str> = line.split(' ').collect();
                        let ran = place.start(None, &args).finish();
                        ran.one_error("").says(file).never_says(TOKEN);
                    }
                }
                if make.starts_with("mkdir") {
                    fs::remove_dir(target).unwrap();
                } else {
                    fs::remove_file(target).unwrap();
                }
            }
        }
        assert_eq!(cloud.requests(), Vec::<String>::new());
    }

    #[test]
    fn text_from_the_account_steers_no_terminal() {
        let (cloud, place) = begin();
        cloud.good("POST", "/v2/domains", &json!({"name": "example.com"}));
        cloud.good(
            "POST",
            "/v2/domains/example.com/records",
            &json!({"type": "CNAME", "name": "web1", "data": "a\u{1b}[2J\u{202e}b.example.org."}),
        );
        cloud.good(
            "POST",
            "/v2/account/keys",
            &json!({"name": "key\u{1b}]0;title\u{7}", "public_key": KEY}),
        );
        let clean = |ran: Ran| {
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(
                !ran.stdout.contains(steers) && !ran.stderr.contains(steers),
                "{ran:?}"
            );
        };
        for line in ["plan", "plan -vv", "plan --json", "apply -y"] {
            clean(place.run(line).code(1).says("\\u{1b}[2"));
        }
        cloud.fault(&json!({
            "method": "GET", "kind": "refuse", "status": 422,
            "message": "no\u{1b}[31m\r\nPlan: 0 to add",
        }));
        for line in ["plan", "plan -vv", "catalog sizes", "state rebuild"] {
            clean(place.run(line).code(1));
        }
    }

    #[test]
    fn an_address_with_a_password_is_not_repeated() {
        let (cloud, mut place) = begin();
        let url = cloud.url().replace("http://", "http://someone:hunter2@");
        place.point_at(&url);
        for line in ["plan -vv", "apply -y -vv", "catalog sizes -vv"] {
            place
                .run(line)
                .code(1)
                .never_says("hunter2")
                .says("a user name or a password");
        }
        assert_eq!(cloud.requests(), Vec::<String>::new());
    }

    #[test]
    fn a_user_without_a_home() {
        let (_cloud, mut place) = begin();
        for name in ["HOME", "PATH", "LC_ALL"] {
            place.unset(name);
        }
        place.run("validate").code(0);
        place.run("apply -y").code(0);
    }

    #[test]
    fn directories_with_strange_names() {
        let (_cloud, mut place) = begin();
        for name in [
            "with space",
            "-q",
            "line\nbreak",
            "\u{1b}[31mred",
            "\u{202e}drow",
        ] {
            place.enter(name);
            place.write("cloud.json", ONE_SERVER);
            place.run("plan --sandbox").code(0);
            let here = place.path("");
            let args = ["-C", here.to_str().unwrap(), "show"];
            let ran = place.start(None, &args).finish().code(0);
            assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
            place.write("cloud.json", "[]");
            let args = ["-C", here.to_str().unwrap(), "validate"];
            let ran = place.start(None, &args).finish().code(1);
            assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}']), "{ran:?}");
        }
    }
}

/// Each text of help is short, in the same voice, and about the command it is printed for.
#[test]
fn help_is_there_for_all() {
    let (_cloud, place) = begin();
    for line in [
        "init",
        "validate",
        "plan",
        "apply",
        "destroy",
        "show",
        "state",
        "state list",
        "state show",
        "state rebuild",
        "catalog",
        "catalog regions",
        "sandbox",
        "sandbox serve",
        "sandbox reset",
        "sandbox proxy",
        "sandbox torture",
        "completions",
    ] {
        let long = place.run(&format!("{line} --help")).code(0);
        assert!(
            long.stdout.contains(&format!("Usage: cloudbuilder {line}")),
            "{long}"
        );
        assert!(long.stdout.contains("Options of every command:"), "{long}");
        assert!(
            long.stdout.lines().all(|line| line.chars().count() <= 100),
            "{long}"
        );
        let first = long.stdout.lines().next().unwrap();
        assert!(!first.ends_with('.'), "{first}");
        assert_eq!(place.run(&format!("{line} -h")).stdout, long.stdout);
        assert_eq!(place.run(&format!("help {line}")).stdout, long.stdout);
    }
}
