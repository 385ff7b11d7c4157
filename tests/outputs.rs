//! What is recorded, told to programs: JSON, Ansible's inventory, ssh's configuration; and ssh
//! itself. Besides, what packagers and editors ask for: manual pages and schemas.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cloudbuilder::config::schema;
use cloudbuilder::model::{Account, Address, Attributes, Origin, Recorded};
use cloudbuilder::state::{State, format};
use jsonschema::Validator;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::{Place, Ran};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Says what it was called with, what it can read, and ends with 7.
const FAKE_SSH: &str = "#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done\n\
                        printf ' pid %s, input: ' \"$$\"\ncat\nexit 7\n";

fn show_schema() -> Validator {
    let path = Path::new(ROOT).join("schemas/show.schema.json");
    let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn document(place: &Place) -> Value {
    let ran = place.run("show --json").code(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let schema = show_schema();
    let errors: Vec<_> = schema.iter_errors(&document).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    document
}

fn server(name: &str, account: &str, attributes: &Value) -> Recorded {
    let attributes = attributes.as_object().unwrap().clone();
    Recorded {
        address: Address::new("server", name),
        account: account.to_owned(),
        id: format!("id-of-{name}"),
        origin: Origin::Created,
        ready: name != "young",
        attributes: attributes.into_iter().collect::<Attributes>(),
        refers_to: Vec::new(),
        recorded_at: "2026-10-05T09:30:01Z".parse().unwrap(),
    }
}

fn record(name: &str, kind: &str, target: &str) -> Recorded {
    let attributes = json!({"name": name, "type": kind, "zone": "acme.com", "data": "192.0.2.1"});
    Recorded {
        address: Address::new("record", &format!("{name}/{kind}")),
        refers_to: vec![Address::new("server", target)],
        ..server(name, "default", &attributes)
    }
}

/// Servers of every sort, none of which needs to be anywhere.
fn recorded() -> Place {
    let place = Place::nowhere();
    let account = |provider: &str| Account {
        provider: provider.to_owned(),
        api_url: "https://api.example.com".to_owned(),
        id: "1".to_owned(),
        name: "Acme".to_owned(),
    };
    let do_image = "debian-13-x64";
    let private = json!({"v4": [
        {"ip_address": "10.0.0.9", "netmask": "255.0.0.0", "gateway": null, "type": "private"},
    ]});
    let servers = [
        server(
            "web1",
            "default",
            &json!({
                "image": do_image, "region": "nyc3", "size": "s-1vcpu-1gb",
                "ipv4_address": "192.0.2.1", "ipv6_address": "2001:db8::1", "networks": private,
            }),
        ),
        server(
            "own",
            "default",
            &json!({"image": "12345678", "ipv4_address": "192.0.2.2"}),
        ),
        server(
            "bsd",
            "default",
            &json!({"image": "freebsd-12-x64", "ipv4_address": "192.0.2.3"}),
        ),
        server(
            "six",
            "default",
            &json!({"image": do_image, "ipv6_address": "2001:db8::6"}),
        ),
        server("young", "default", &json!({"image": do_image})),
        server(
            "inner",
            "os-1",
            &json!({"image": "debian-12", "networks": private}),
        ),
        server(
            "stack",
            "os-1",
            &json!({
                "image": "debian-12", "region": "Region-One", "ipv4_address": "192.0.2.4",
            }),
        ),
        // Nothing that ends up on a command line is taken from here as it stands.
        server(
            "evil",
            "default",
            &json!({"image": do_image, "ipv4_address": "-oProxyCommand=x"}),
        ),
        record("www.acme.com", "A", "web1"),
        record("www.acme.com", "AAAA", "web1"),
        record("*.acme.com", "A", "web1"),
        record("stack", "A", "web1"),
    ];
    let accounts = [("default", "digitalocean"), ("os-1", "openstack")];
    let state = State {
        accounts: accounts
            .map(|(name, kind)| (name.to_owned(), account(kind)))
            .into(),
        resources: servers.map(|one| (one.address.clone(), one)).into(),
        ..State::new()
    };
    place.write("cloud.state.json", format::encode(&state).unwrap().bytes);
    place
}

#[test]
fn what_is_recorded_is_what_the_account_holds() {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write(
        "cloud.json",
        r#"{"$schema": "cloud.schema.json",
            "web1": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "names": ["web1.example.com"]}}"#,
    );
    let none = document(&place);
    assert_eq!(none["lineage"], json!(null));
    assert_eq!(none["values"]["root_module"]["resources"], json!([]));
    place.run("apply -y").code(0);
    // What is no server is left alone, and not in the way.
    let written: Value = serde_json::from_slice(&place.read("cloud.json")).unwrap();
    assert_eq!(written["$schema"], "cloud.schema.json");
    assert!(written["web1"]["networks"]["v4"].is_array(), "{written:#}");
    let document = document(&place);
    let resources = document["values"]["root_module"]["resources"]
        .as_array()
        .unwrap();
    let addresses: Vec<_> = resources
        .iter()
        .map(|one| one["address"].as_str().unwrap())
        .collect();
    assert_eq!(
        addresses,
        [
            "domain.example.com",
            "record.web1.example.com/A",
            "record.web1.example.com/AAAA",
            "server.web1",
            "ssh_key.default"
        ]
    );
    let droplet = cloud.the_droplet("web1");
    let server = &resources[3];
    assert_eq!(server["id"], droplet["id"].to_string());
    assert_eq!(server["values"]["id"], server["id"]);
    assert_eq!(server["provider_name"], "digitalocean");
    assert_eq!(
        server["values"]["ipv4_address"],
        Cloud::address(&droplet, "v4")
    );
    assert_eq!(
        resources[1]["depends_on"],
        json!(["domain.example.com", "server.web1"])
    );
    assert_eq!(document["unfinished"], json!(null));
}

#[test]
fn a_run_that_was_cut_off_is_told() {
    let place = Place::nowhere();
    for file in ["cloud.state.json", "cloud.state.journal"] {
        let from = Path::new(ROOT).join("fixtures/state/cut-off").join(file);
        place.write(file, fs::read(from).unwrap());
    }
    let document = document(&place);
    // It did not come far enough to say how far.
    let in_flight = json!([{
        "address": "record.www.acme.com/A", "account": "dns", "action": "delete", "id": "28448429",
    }]);
    let expected = json!({"steps": null, "done": null, "in_flight": in_flight});
    assert_eq!(document["unfinished"], expected);
}

#[test]
fn the_schema_refuses_what_is_not_ours() {
    let good = document(&recorded());
    let schema = show_schema();
    let spoil: [fn(&mut Value); 5] = [
        |all| all["extra"] = json!(1),
        |all| all["format_version"] = json!("2.0"),
        |all| all["values"]["root_module"]["resources"][0]["origin"] = json!("bought"),
        |all| all["values"]["root_module"]["resources"][0]["sensitive_values"] = json!({"x": true}),
        |all| {
            all.as_object_mut().unwrap().remove("values");
        },
    ];
    for (index, spoil) in spoil.iter().enumerate() {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(!schema.is_valid(&bad), "{index} was accepted");
    }
}

#[test]
fn ansible_gets_its_inventory() {
    let place = recorded();
    let ran = place.run("show --inventory --list").code(0);
    assert_eq!(ran.stdout, place.run("show --inventory").code(0).stdout);
    assert_eq!(
        ran.stderr,
        "note: left out, without a public address: evil, inner, young\n"
    );
    let inventory: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut groups: BTreeMap<&str, &Value> = BTreeMap::new();
    for (name, group) in inventory.as_object().unwrap() {
        if name != "_meta" {
            groups.insert(name, &group["hosts"]);
        }
    }
    let of_default = json!(["bsd", "own", "six", "web1"]);
    let expected = BTreeMap::from([
        ("account_default", of_default.clone()),
        ("account_os_1", json!(["stack"])),
        (
            "cloudbuilder",
            json!(["bsd", "own", "six", "stack", "web1"]),
        ),
        ("provider_digitalocean", of_default),
        ("provider_openstack", json!(["stack"])),
        ("region_Region_One", json!(["stack"])),
        ("region_nyc3", json!(["web1"])),
    ]);
    let expected = expected
        .iter()
        .map(|(name, hosts)| (*name, hosts))
        .collect();
    assert_eq!(groups, expected);
    let variables = &inventory["_meta"]["hostvars"];
    assert_eq!(
        variables["web1"],
        json!({
            "ansible_host": "192.0.2.1",
            "cloudbuilder_account": "default",
            "cloudbuilder_id": "id-of-web1",
            "cloudbuilder_image": "debian-13-x64",
            "cloudbuilder_ipv4": "192.0.2.1",
            "cloudbuilder_ipv6": "2001:db8::1",
            "cloudbuilder_names": ["www.acme.com"],
            "cloudbuilder_private_ip": "10.0.0.9",
            "cloudbuilder_provider": "digitalocean",
            "cloudbuilder_ready": true,
            "cloudbuilder_region": "nyc3",
            "cloudbuilder_size": "s-1vcpu-1gb",
            "cloudbuilder_user": "root",
        })
    );
    assert_eq!(variables["six"]["ansible_host"], "2001:db8::6");
    let user = |name: &str| variables[name].get("cloudbuilder_user").cloned();
    assert_eq!(
        ["six", "own", "bsd", "stack"].map(user),
        [Some(json!("root")), None, None, None]
    );
    for name in ["web1", "six", "stack"] {
        let ran = place
            .run(&format!("show --inventory --host {name}"))
            .code(0);
        assert_eq!(
            serde_json::from_str::<Value>(&ran.stdout).unwrap(),
            variables[name]
        );
        assert_eq!(ran.stderr, "");
    }
    assert_eq!(
        place.run("show --inventory --host nobody").code(0).stdout,
        "{}\n"
    );
    place.run("show --list").code(1);
    let empty = Place::nowhere().run("show --inventory --list").code(0);
    assert_eq!(empty.stdout, "{\"_meta\":{\"hostvars\":{}}}\n");
    assert_eq!(empty.stderr, "");
}

#[test]
fn ssh_gets_its_configuration() {
    let ran = recorded().run("show -q --ssh-config").code(0);
    assert_eq!(
        ran.stdout,
        "Host bsd\n    HostName 192.0.2.3\n\n\
         Host own\n    HostName 192.0.2.2\n\n\
         Host six\n    HostName 2001:db8::6\n    User root\n\n\
         Host stack\n    HostName 192.0.2.4\n\n\
         Host web1 www.acme.com\n    HostName 192.0.2.1\n    User root\n"
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(Place::nowhere().run("show --ssh-config").code(0).stdout, "");
}

/// Where there is an `ssh`, it must understand it so.
#[test]
fn ssh_understands_it() {
    if Command::new("ssh").arg("-V").output().is_err() {
        return;
    }
    let place = recorded();
    let text = place.run("show -q --ssh-config").code(0).stdout;
    place.write("ssh_config", text);
    for (name, address, user) in [
        ("web1", "192.0.2.1", true),
        ("www.acme.com", "192.0.2.1", true),
        ("six", "2001:db8::6", true),
        ("stack", "192.0.2.4", false),
        ("other.acme.com", "other.acme.com", false),
    ] {
        let output = Command::new("ssh")
            .args(["-G", "-F"])
            .arg(place.path("ssh_config"))
            .args(["-o", "CanonicalizeHostname=no", name])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            told.contains(&format!("hostname {address}\n")),
            "{name}: {told}"
        );
        let whom = Command::new("id").arg("-un").output().unwrap();
        // Whoever tests as root is root everywhere.
        if user || whom.stdout != b"root\n" {
            assert_eq!(told.contains("user root\n"), user, "{name}: {told}");
        }
    }
}

/// A directory that holds an `ssh` of ours and nothing else is first in PATH.
fn with_fake_ssh(mut place: Place) -> Place {
    let bin = place.root().join("bin");
    fs::create_dir(&bin).unwrap();
    cloudbuilder::file::replace(&bin.join("ssh"), FAKE_SSH.as_bytes(), Some(0o755)).unwrap();
    place.set("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    place
}

#[track_caller]
fn called(place: &Place, line: &str) -> String {
    let args: Vec<&str> = line.split(' ').collect();
    let ran: Ran = place.start(None, &args).finish().code(7);
    assert_eq!(ran.stderr, "", "{line}");
    let (words, _) = ran.stdout.split_once(" pid ").unwrap();
    words.to_owned()
}

#[test]
fn ssh_is_called_with_the_address() {
    let place = with_fake_ssh(recorded());
    for (line, expected) in [
        ("ssh web1", "<-l><root><192.0.2.1>"),
        ("ssh www.acme.com", "<-l><root><192.0.2.1>"),
        ("ssh server.web1", "<-l><root><192.0.2.1>"),
        ("ssh -6 web1", "<-l><root><2001:db8::1>"),
        ("ssh six", "<-l><root><2001:db8::6>"),
        // A name of its own wins over one that leads elsewhere.
        ("ssh stack", "<192.0.2.4>"),
        ("ssh own", "<192.0.2.2>"),
        ("ssh bsd", "<192.0.2.3>"),
        ("ssh -l me web1", "<-l><me><192.0.2.1>"),
        ("ssh --user me stack", "<-l><me><192.0.2.4>"),
        ("ssh web1 -l me", "<-l><me><192.0.2.1>"),
        (
            "ssh web1 ls -la -- -json",
            "<-l><root><192.0.2.1><ls><-la><--><-json>",
        ),
        ("ssh web1 -- uptime", "<-l><root><192.0.2.1><uptime>"),
        (
            "ssh web1 -- -A -L 1:localhost:2 -l you ls -l",
            "<-A><-L><1:localhost:2><-l><you><-l><root><192.0.2.1><ls><-l>",
        ),
    ] {
        assert_eq!(called(&place, line), expected, "{line}");
    }
}

/// It has the terminal, and its end is the end: there is no second process in between.
#[test]
fn ssh_takes_the_place_of_the_program() {
    let place = with_fake_ssh(recorded());
    let mut command = place.command(None, &["ssh", "web1", "x"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"typed").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        told,
        format!("<-l><root><192.0.2.1><x> pid {id}, input: typed")
    );
}

#[test]
fn what_keeps_ssh_from_being_called_is_told() {
    let mut place = with_fake_ssh(recorded());
    place
        .run("ssh wbe1")
        .one_error("no server `wbe1` is recorded")
        .says("did you mean `web1`?");
    place
        .run("ssh mail.example.com")
        .one_error("no server `mail.example.com` is recorded");
    place
        .run("ssh young")
        .one_error("server `young` has no address yet");
    place
        .run("ssh inner")
        .one_error("server `inner` has no public address")
        .says("10.0.0.9");
    place
        .run("ssh evil")
        .one_error("server `evil` has no public address");
    place
        .run("ssh -6 own")
        .one_error("server `own` has no public IPv6 address");
    place
        .run("ssh --sandbox web1")
        .one_error("servers of the practice cloud");
    place.run("ssh").code(1);
    Place::nowhere()
        .run("ssh web1")
        .one_error("no server `web1` is recorded")
        .says("cloudbuilder apply");
    place.set("PATH", "/nowhere");
    place.run("ssh web1").one_error("there is no program `ssh`");
    let bin = place.root().join("bin");
    place.set("PATH", &bin.display().to_string());
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o644)).unwrap();
    place
        .run("ssh web1")
        .one_error("the program `ssh` cannot be started");
}

#[test]
fn there_are_manual_pages() {
    let place = Place::nowhere();
    let main = place.run("man").code(0).stdout;
    assert!(main.contains(".TH cloudbuilder 1 "), "{main}");
    assert!(main.contains("cloudbuilder\\-plan(1)"), "{main}");
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, codes) = readme.split_once("| exit | means |").unwrap();
    let codes = codes.lines().skip(2).take_while(|row| row.starts_with('|'));
    for row in codes {
        let code = row.split('|').nth(1).unwrap().trim();
        assert!(main.contains(&format!(".TP\n{code}\n")), "{code}: {main}");
    }
    let plan = place.run("man plan").code(0).stdout;
    assert!(!plan.contains("EXIT STATUS"), "{plan}");
    assert!(plan.contains("\\fB\\-\\-detailed\\-exitcode\\fR"), "{plan}");
    place
        .run("man state mvv")
        .one_error("there is no command `state mvv`");
    place.run("man --dir man/man1").code(0);
    let mut files: Vec<String> = fs::read_dir(place.path("man/man1"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    for name in [
        "cloudbuilder.1",
        "cloudbuilder-plan.1",
        "cloudbuilder-state-mv.1",
    ] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    assert!(files.iter().all(|file| !file.contains("help")), "{files:?}");
    assert_eq!(place.text("man/man1/cloudbuilder.1"), main);
    assert_eq!(place.text("man/man1/cloudbuilder-plan.1"), plan);
    // Every page that another one names is there.
    for file in &files {
        let text = place.text(&format!("man/man1/{file}")).replace("\\-", "-");
        for named in text.lines().filter_map(|line| line.strip_suffix("(1)")) {
            assert!(
                files.contains(&format!("{named}.1")),
                "{file} names {named}"
            );
        }
    }
    let mode = fs::metadata(place.path("man/man1/cloudbuilder.1"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    place.write("file", "");
    place.run("man --dir file").one_error("file cannot be made");
}

#[test]
fn there_are_schemas() {
    let place = Place::nowhere();
    let words = cloudbuilder::provider::entry_words();
    for (line, expected) in [
        ("schema", schema::cloud()),
        ("schema --security", schema::security(&words)),
    ] {
        let ran = place.run(line).code(0);
        assert_eq!(
            serde_json::from_str::<Value>(&ran.stdout).unwrap(),
            expected
        );
    }
    // An editor is told so, and nobody else minds.
    place.write(
        "cloud.json",
        r#"{"$schema": "cloud.schema.json", "web1": {"region": "r", "size": "s", "image": "i"}}"#,
    );
    place.write("security.json", r#"{"$schema": "security.schema.json"}"#);
    place.run("validate").code(0).says("1 server, ");
}
