//! What commands do at the edges: odd files, odd options, an odd API.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cloudbuilder::sandbox::{Kill, Options};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use support::cloud::{Cloud, quick};
use support::program::{KEY, Place, TOKEN};
use support::terminal::Seen;

const WEB: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]
  }
}
"#;

const TWO: &str = r#"{
  "web1": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"},
  "web2": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"}
}
"#;

fn begin(configuration: &str) -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place)
}

/// A cloud that tells when the client is to be killed.
fn begin_with_kills(configuration: &str) -> (Cloud, Place, UnboundedReceiver<Kill>) {
    let (kills, killed) = unbounded_channel();
    let cloud = Cloud::start(Options {
        kills: Some(kills),
        ..quick()
    });
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place, killed)
}

/// Writes security.json, readable by everybody.
fn secure(place: &Place, security: &Value) {
    place.write("security.json", security.to_string());
    let permissions = fs::Permissions::from_mode(0o644);
    fs::set_permissions(place.path("security.json"), permissions).expect("the mode is set");
}

#[test]
fn a_token_in_an_open_file_is_warned_of_whichever_is_used() {
    let (_cloud, mut place) = begin(WEB);
    let warning = "security.json holds a token and others can read it";
    secure(&place, &json!({"digital_ocean_api_key": TOKEN}));
    place.run("plan").code(0).says(warning);
    place.unset("DIGITALOCEAN_TOKEN");
    place.run("plan").code(0).says(warning);
    place.set("DIGITALOCEAN_TOKEN", TOKEN);
    secure(&place, &json!({"public_ssh_key": KEY}));
    place.run("plan").code(0).never_says("warning");
}

/// In CI the file may be a form that nobody filled in.
#[test]
fn an_empty_key_in_the_file_does_not_matter_beside_the_environment() {
    let (_cloud, mut place) = begin(WEB);
    secure(
        &place,
        &json!({"digital_ocean_api_key": "", "public_ssh_key": ""}),
    );
    place
        .run("plan")
        .code(0)
        .says("warning: `public_ssh_key` is empty")
        .says("Plan: 5 to add");
    place.unset("CLOUDBUILDER_PUBLIC_SSH_KEY");
    place.run("plan").one_error("`public_ssh_key` is empty");
}

/// Answers what init asks, up to where it begins to write.
fn answer_init(place: &Place) -> Seen {
    let mut session = place.at_terminal(120, "init");
    session.until("Provider [digitalocean]: ");
    session.enter("");
    session.until("Token (not shown): ");
    session.enter(TOKEN);
    session.until("Public SSH key");
    session.enter(KEY);
    session.end()
}

#[test]
fn init_adds_to_a_list_in_any_encoding() {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.unset("DIGITALOCEAN_TOKEN");
    place.write(".gitignore", b"caf\xe9.log");
    answer_init(&place).code(0).never_says(TOKEN);
    assert_eq!(place.read(".gitignore"), b"caf\xe9.log\nsecurity.json\n");
}

/// A token that git could see is not written.
#[test]
fn init_writes_no_token_before_it_is_ignored() {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.unset("DIGITALOCEAN_TOKEN");
    fs::create_dir(place.path(".gitignore")).expect("a directory");
    answer_init(&place)
        .code(1)
        .says(".gitignore cannot be read")
        .never_says(TOKEN);
    assert!(!place.path("security.json").exists());
}

/// CI reads these, and must not take silence for consent.
#[test]
fn a_refused_plan_is_told_to_programs_too() {
    let (cloud, place) = begin(WEB);
    cloud.good("POST", "/v2/domains", &json!({"name": "acme.com"}));
    let elsewhere = json!({"type": "A", "name": "www", "data": "203.0.113.7"});
    cloud.good("POST", "/v2/domains/acme.com/records", &elsewhere);
    let problem = "www.acme.com already leads elsewhere";
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/plan.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).expect("a file")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let check = |summary: &str| {
        let ran = place
            .run("plan --json --markdown plan.md")
            .one_error(summary);
        let document: Value = serde_json::from_str(&ran.stdout).expect("one document");
        assert!(schema.is_valid(&document), "{document:#}");
        assert_eq!(document["errored"], true);
        assert_eq!(document["applyable"], false);
        assert_eq!(document["steps"], json!([]));
        let told = document["diagnostics"].as_array().expect("a list");
        assert!(
            told.iter().any(|told| told["summary"] == summary),
            "{told:?}"
        );
        let markdown = place.text("plan.md");
        assert!(markdown.contains("no plan") && markdown.contains(summary));
    };
    check(problem);
    place.write("cloud.state.json", "{}");
    check("the state cannot be used");
    place.remove("cloud.state.json");
    place.remove("cloud.json");
    check("there is no cloud.json");

    place.write("cloud.json", WEB);
    let ran = place.run("plan").one_error(problem);
    assert_eq!(ran.stdout, "");
    place
        .run("plan --json --markdown missing/plan.md")
        .code(1)
        .says(problem)
        .says("missing/plan.md cannot be written");
}

#[test]
fn apply_writes_the_plan_as_a_comment_in_either_form() {
    let (_cloud, place) = begin(WEB);
    place.run("apply -y --json --markdown plan.md").code(0);
    assert!(
        place
            .text("plan.md")
            .contains("cloudbuilder plan: 5 to add")
    );
}

#[test]
fn a_wrong_address_of_the_api_is_called_so() {
    let (cloud, place) = begin(WEB);
    cloud.fault(&json!({"kind": "refuse", "status": 404, "path": "/v2*"}));
    for line in ["plan", "apply -y", "catalog sizes"] {
        let ran = place
            .run(line)
            .one_error("the API's address seems to be wrong")
            .says("check the API's address");
        assert!(ran.stderr.contains("404"), "{ran}");
    }
}

/// What no list shows could not be found again if its answer were lost.
#[test]
fn a_size_that_cannot_be_kept_track_of_is_refused_by_name() {
    let gpu = WEB
        .replace("nyc3", "tor1")
        .replace("s-1vcpu-1gb", "gpu-h100x1-80gb");
    let (cloud, place) = begin(&gpu);
    for line in ["plan", "apply -y"] {
        place
            .run(line)
            .one_error("no server can be made with size gpu-h100x1-80gb here")
            .says("DigitalOcean leaves servers with a GPU out of its lists")
            .says("cloudbuilder catalog sizes");
    }
    assert_eq!(
        cloud.get("/_sandbox/stats")["by_method"]["POST"],
        Value::Null
    );
    let sizes = place.run("catalog sizes").code(0);
    let told = sizes.stdout.lines().filter(|line| line.starts_with("gpu-"));
    let told: Vec<&str> = told.collect();
    assert!(!told.is_empty(), "{sizes}");
    assert!(
        told.iter().all(|line| line.ends_with("not supported")),
        "{sizes}"
    );
    // Nobody is led there either.
    let near = gpu.replace("gpu-h100x1-80gb", "gpu-h100x1-80g");
    place.write("cloud.json", near);
    place
        .run("plan")
        .one_error("the account has no size")
        .never_says("did you mean `gpu");
}

/// What may exist is in no list of what is recorded; who looks there is told.
#[test]
fn what_is_in_flight_is_told_where_the_record_is_shown() {
    let (cloud, place, mut killed) = begin_with_kills(TWO);
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_after"}));
    let running = place.start(None, &["apply", "-y"]);
    let kill = killed.blocking_recv().expect("the cloud goes on");
    let far = "1 of 3 steps done, 2 in flight (server.web1 and server.web2)";
    let at_work = place.run("show").code(0);
    at_work
        .says("note: a run is at work here (apply by")
        .says(far);
    running.signal("KILL");
    running.finish().code(137);
    drop(kill);
    cloud.no_faults();
    let cut_off = format!("note: the last run did not come to its end: {far}.");
    for line in ["show", "state list", "state show ssh_key.default"] {
        let ran = place.run(line).code(0).says(&cut_off);
        assert!(!ran.stdout.contains("web1"), "{ran}");
    }
    place.run("state list -q").code(0).never_says("note");
    place.run("apply -y").code(0);
    place.run("show").code(0).says("web1").never_says("note");
}

/// The run that would have done it was killed after the last thing had gone.
#[test]
fn addresses_of_what_is_gone_are_taken_out_by_the_next_destroy() {
    let (cloud, place, mut killed) = begin_with_kills(TWO);
    place.run("apply -y").code(0);
    assert_ne!(place.text("cloud.json"), TWO);
    cloud.fault(&json!({
        "method": "DELETE", "path": "/v2/account/keys/{id}", "kind": "kill_after",
    }));
    let running = place.start(None, &["destroy", "-y"]);
    let kill = killed.blocking_recv().expect("the cloud goes on");
    running.signal("KILL");
    running.finish().code(137);
    drop(kill);
    cloud.no_faults();
    assert!(cloud.droplets().is_empty());
    place
        .run("plan --destroy")
        .code(0)
        .says("take out networks of web1, web2")
        .says("cloud.json has addresses of servers that are gone, which destroy takes out");
    assert_ne!(place.text("cloud.json"), TWO);
    for _ in 0..2 {
        place.run("destroy -y").code(0);
        assert_eq!(place.text("cloud.json"), TWO);
    }
}

/// Whoever wants results only would take a long silence for a fault.
#[test]
fn a_long_pause_is_told_to_everybody() {
    let (cloud, place) = begin(WEB);
    let held = |method: &str, path: &str, seconds: u64| {
        cloud.fault(&json!({
            "method": method, "path": path, "nth": 1, "kind": "429", "retry_after": seconds,
        }));
    };
    held("GET", "/v2/account", 1);
    place.run("plan -q").code(0).never_says("waiting");
    for (line, method, path) in [
        ("plan -q", "GET", "/v2/account"),
        ("apply -q -y", "GET", "/v2/account"),
        ("apply -q -y", "POST", "/v2/droplets"),
    ] {
        cloud.no_faults();
        held(method, path, 600);
        let args: Vec<&str> = line.split(' ').collect();
        let mut running = place.start(None, &args);
        running.until_it_says("waiting 600 s: ");
        running.signal("INT");
        running.finish().code(130);
    }
}

/// To a program too, and before the last line of its stream.
#[test]
fn a_token_that_may_not_create_tags_is_told_of() {
    let options = Options {
        without_scopes: vec!["tag:create".to_owned()],
        ..quick()
    };
    let cloud = Cloud::start(options);
    let place = Place::new(&cloud);
    place.write("cloud.json", WEB);
    let ran = place.run("apply -y --json").code(0);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told = lines.iter().position(|line| {
        let message = line["@message"].as_str().unwrap_or_default();
        line["type"] == "diagnostic" && message.contains("may not create tags")
    });
    assert_eq!(told, Some(lines.len() - 2), "{ran}");
    place.run("plan").code(0).never_says("tags");
    place.run("destroy -y -q").code(0).never_says("tags");
}

#[test]
fn a_duration_may_be_absurd() {
    let (_cloud, place) = begin(WEB);
    for line in [
        "plan --settle 999999999h",
        "apply -y --lock-timeout 2562047788015215h",
        "state rebuild --lock-timeout 2562047788015215h",
    ] {
        place.run(line).code(1).says("over a year");
    }
    place.run("plan --settle 8784h").code(0);
}

/// Without a copy of the state as it was, nothing is begun: it is never merely left out.
#[test]
fn a_state_that_cannot_be_copied_is_not_replaced() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    fs::remove_dir_all(place.path(".cloudbuilder/backups")).ok();
    place.write(".cloudbuilder/backups", "no directory");
    let state = place.read("cloud.state.json");
    place.write("cloud.json", WEB.replace("www", "web"));
    cloud.forget_requests();
    place
        .run("apply -y")
        .one_error("the state could not be saved")
        .says("cannot keep a copy");
    assert!(
        cloud
            .requests()
            .iter()
            .all(|asked| asked.starts_with("GET "))
    );
    assert_eq!(place.read("cloud.state.json"), state);
}

/// The state says what there is to destroy; cloud.json is only where addresses are taken out.
#[test]
fn destroying_needs_no_cloud_json() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    fs::remove_file(place.path("cloud.json")).expect("it was there");
    place.run("plan --destroy").code(0).says("5 to destroy");
    place.run("destroy -y").code(0).says("5 destroyed");
    place.run("plan").code(1).says("there is no cloud.json");
    drop(cloud);
}

/// Whoever echoes what it was sent must not make us repeat it, neither whole nor in part.
#[test]
fn an_answer_that_holds_the_token_is_not_repeated() {
    let (cloud, place) = begin(WEB);
    let page = |before: usize| format!("{}{TOKEN}", "x".repeat(before));
    for body in [
        json!({"account": format!("Bearer {TOKEN}")}),
        json!(page(190)),
        json!(page(199)),
    ] {
        for status in [200, 422] {
            cloud.fault(&json!({
                "method": "GET", "path": "/v2/account", "kind": "refuse",
                "status": status, "body": body,
            }));
            let ran = place.run("plan").code(1);
            let beginning: String = TOKEN.chars().take(6).collect();
            ran.never_says(&beginning);
            cloud.no_faults();
        }
    }
}

/// Of two deployments with one key, the one that came second must leave it when it goes.
#[test]
fn a_key_that_was_uploaded_meanwhile_is_not_ours_to_delete() {
    let (cloud, place) = begin(WEB);
    // The list does not show the key that is there: somebody uploads it between plan and apply.
    cloud.fault(&json!({
        "method": "GET", "path": "/v2/account/keys/{id}", "kind": "refuse", "status": 404, "nth": 1,
    }));
    let line = KEY.to_owned();
    let theirs = json!({"name": "theirs", "public_key": line});
    cloud.good("POST", "/v2/account/keys", &theirs);
    place.run("apply -y").code(0).says("5 added");
    place
        .run("state show ssh_key.default")
        .code(0)
        .says("found");
    place
        .run("destroy -y")
        .code(0)
        .says("ssh_key.default stays in the account");
}

#[test]
fn practice_needs_no_certificates() {
    let (_cloud, mut place) = begin(WEB);
    place.set("SSL_CERT_FILE", "/dev/null");
    place.set("SSL_CERT_DIR", "nowhere");
    place.run("apply -y").code(0).says("Apply complete!");
    place.run("plan --sandbox").code(0).says("5 to add");
    // Nobody is believed without.
    place.point_at("https://127.0.0.1:1");
    place.run("plan").one_error("");
}

/// The lines around an address may be what nobody must read.
#[test]
fn what_a_file_holds_is_in_no_diff_of_what_is_written_back() {
    const SECRET: &str = "invented-content-that-must-never-be-printed";
    let (_cloud, place) = begin(&format!(
        r#"{{
  "version": 2,
  "servers": {{
    "web": {{
      "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
      "files": [
        {{"path": "/etc/motd", "content": "{SECRET}"}}
      ]
    }}
  }}
}}
"#
    ));
    for line in ["apply --sandbox -y -v", "apply -y -v"] {
        place
            .run(line)
            .code(0)
            .says("/etc/motd")
            .says("+      \"networks\"")
            .never_says(SECRET);
    }
}

#[test]
fn two_accounts_that_the_sandbox_has_one_for_are_refused_as_such() {
    let server = r#"{"provider": "home", "region": "nyc3", "size": "s-1vcpu-1gb",
        "image": "debian-13-x64"}"#;
    let named = |accounts: &str| {
        format!(r#"{{"version": 2, "providers": {{{accounts}}}, "servers": {{"web": {server}}}}}"#)
    };
    let do_type = r#"{"type": "digitalocean"}"#;
    let (_cloud, place) = begin(&named(&format!(r#""work": {do_type}, "home": {do_type}"#)));
    place
        .run("plan --sandbox")
        .one_error("the sandbox has only one account of the type `digitalocean`")
        .says("`work` and `home` would both be that one")
        .says("without --sandbox");

    let at = |region: &str| format!(r#"{{"type": "rackspace", "region": "{region}"}}"#);
    for (region, code) in [("dfw", 1), ("IAD", 0)] {
        let (a, b) = (at("DFW"), at(region));
        let accounts = format!(r#""home": {do_type}, "a": {a}, "b": {b}"#);
        place.write("cloud.json", named(&accounts));
        let ran = place.run("plan --sandbox").code(code);
        if code == 1 {
            ran.one_error("the sandbox has only one account of the type `rackspace` in a region")
                .says("give one of them another region");
        }
    }
}

const SHARED: &str = r#"{
  "version": 2,
  "defaults": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"},
  "servers": {"web": {"names": ["www.acme.com"]}}
}
"#;

/// Environments of one directory share cloud.json and security.json and nothing else.
#[test]
fn environments_never_wait_for_each_other() {
    let (_cloud, place) = begin(SHARED);
    place.write("cloud.staging.json", "{}");
    place.write(
        "cloud.prod.json",
        r#"{"servers": {"web": null, "app": {"names": []}}}"#,
    );
    let own = |name: &str| place.path(&format!(".cloudbuilder/environments/{name}"));
    let lock = cloudbuilder::state::Lock::try_acquire(&own("staging"), "apply").expect("a lock");
    place
        .run("apply --env staging -y")
        .one_error("another run is at work in this directory");
    place.run("apply --env prod -y").code(0);
    assert!(!place.path("cloud.staging.state.json").exists());
    assert!(!place.path("cloud.state.json").exists());
    place.run("unlock --env prod").says("Nothing is locked");
    place
        .run("unlock --env staging")
        .one_error("the lock is in use");
    drop(lock);
    place.run("apply --env staging -y").code(0);
    let state = |name: &str| -> Value {
        serde_json::from_slice(&place.read(&format!("cloud.{name}.state.json"))).expect("a state")
    };
    assert_ne!(state("staging")["lineage"], state("prod")["lineage"]);
    assert!(!place.path(".cloudbuilder/lock").exists());
    assert_eq!(place.text("cloud.json"), SHARED);

    // The variable of the environment is as good, and the option wins over it.
    let mut place = place;
    place.set("CLOUDBUILDER_ENV", "prod");
    place
        .run("state list")
        .says("server.app")
        .never_says("server.web");
    place
        .run("state list --env staging")
        .says("server.web")
        .never_says("server.app");
    place.set("CLOUDBUILDER_ENV", "");
    place
        .run("state list")
        .code(1)
        .says("unset CLOUDBUILDER_ENV");
}

#[test]
fn each_environment_practises_for_itself() {
    let place = Place::nowhere();
    place.write("cloud.json", SHARED);
    place.write("cloud.a.json", "{}");
    place.write("cloud.b.json", "{}");
    place.run("apply --sandbox --env a -y").code(0);
    place.run("apply --sandbox --env b -y").code(0);
    let copy = |name: &str| {
        let folder = format!(".cloudbuilder/environments/{name}/sandbox");
        place.text(&format!("{folder}/cloud.{name}.json"))
    };
    assert!(copy("a").contains("ip_address"));
    assert!(copy("b").contains("ip_address"));
    assert_eq!(place.text("cloud.a.json"), "{}");
    place.run("plan --sandbox --env a").says("No changes.");
    place.run("sandbox reset --env a").code(0);
    place.run("plan --sandbox --env a").says("Plan: 5 to add");
    place.run("plan --sandbox --env b").says("No changes.");
    place.run("plan --sandbox").says("Plan: 5 to add");
}

/// The content of a file is the one place for a secret, wherever it comes from.
#[test]
fn the_value_of_a_secret_variable_is_never_told() {
    let secret = "an-invented-password";
    let content = r#"{
  "version": 2,
  "servers": {"web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "files": [{"path": "/etc/app", "content": "password=${DB_PASSWORD} home=$${HOME}"}]
  }}
}
"#;
    let (cloud, mut place) = begin(content);
    place.keep_secret(secret);
    place.set("DB_PASSWORD", secret);
    place.run("apply -y -v").code(0);
    let droplet = cloud.the_droplet("web");
    assert_eq!(droplet["name"], "web");
    place.run("plan -v").says("No changes.");
    for key in ["region", "size", "image"] {
        let text = content.replace(
            &format!("\"{key}\": \""),
            &format!("\"{key}\": \"${{DB_PASSWORD}}"),
        );
        place.write("cloud.json", text);
        place
            .run("validate")
            .one_error("the value of `DB_PASSWORD` would be seen here");
        place.run("plan --json").code(1).says("would be seen here");
    }
    let wrong = format!("validate --var DB-PASSWORD={secret}");
    place
        .run(&wrong)
        .one_error("`DB-PASSWORD` is no name for a variable");
    place
        .run(&format!("validate --var {secret}"))
        .one_error("the value of --var has no `=`");
}
