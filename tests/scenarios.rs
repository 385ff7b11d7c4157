//! The program against the sandbox, scenario by scenario: what it prints and what it leaves in the
//! account. Each folder of `fixtures/scenarios` is one: its `script.txt` is carried out line by
//! line in a fresh account, and everything printed must be what `expected.txt` says
//! (`UPDATE_GOLDEN=1` rewrites that).
//!
//! A line is a command of the program without the program's name, or one of these:
//!
//! ```text
//! sandbox OPTION…            the account's own: droplet_limit=N, without_ipv6=REGION,
//!                            without_scope=SCOPE; first line only
//! edit FILE                  FILE of the folder becomes cloud.json
//! place FILE NAME            FILE of the folder becomes NAME
//! put FILE                   FILE of the folder, with ids for `ID(…)` in it
//! swap FILE OLD NEW          put NEW where OLD stands in a file of the directory
//! enter DIRECTORY            go on in another directory of that name
//! remove FILE                delete a file of the directory
//! cat FILE                   print a file of the directory
//! world                      print what the account holds
//! requests                   print the requests of the last command that were no GET
//! fault JSON                 a scripted failure for the next command
//! account N                  from here on the token is one of another account
//! environment NAME VALUE     set a variable
//! droplet NAME JSON          make a Droplet outside; the JSON may be left out
//! action NAME JSON           have a Droplet do something outside, and wait until it is done
//! tag NAME TAG               put a tag on a Droplet outside
//! key                        upload the key outside
//! both-keys                  from here on the user has that one besides
//! keys NAME                  the keys that a Droplet was made with
//! another-key                from here on the user has another key
//! received NAME FILE         whether a Droplet was made with what FILE holds as user data, in which
//!                            private(NAME) is an address
//! domain NAME                make a zone outside
//! record ZONE TYPE NAME DATA make a record outside; DATA may be v4(NAME) or v6(NAME)
//! change ZONE TYPE NAME DATA change the one record of that name and type outside
//! tag-only TAG               make a tag that nothing carries
//! vpc NAME JSON              make a VPC outside, or give one its attributes
//! firewall NAME JSON         the same of a firewall
//! reserve NAME               reserve an IP for a Droplet outside
//! unassign IP                take one off its Droplet
//! volume NAME JSON           make a volume outside; the JSON may be left out
//! attach NAME DROPLET        attach a volume outside
//! detach NAME                detach it outside
//! delete droplet NAME | domain NAME | record ZONE TYPE NAME | vpc NAME | firewall NAME
//! ```
//!
//! In a command, and in the JSON of what is made outside, `LINEAGE` stands for the deployment's, `ID(NAME)` for the id of a Droplet,
//! `ID(NAME-TYPE)` for that of a record, and `UUID1` for what stands so in what was expected.
//!
//! Commands run with one request at a time, so that ids and addresses are the same every time.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cloudbuilder::sandbox::Options;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick, text};
use support::golden::{self, Redaction};
use support::program::{ANOTHER_KEY, KEY, Place};

fn folders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

/// One test for each folder.
macro_rules! scenarios {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            Scenario::play(stringify!($name));
        })*

        /// A folder that nobody plays proves nothing.
        #[test]
        fn every_folder_is_listed() {
            let listed: BTreeSet<String> = [$(stringify!($name)),*]
                .into_iter()
                .map(ToOwned::to_owned)
                .collect();
            let there: BTreeSet<String> = fs::read_dir(folders())
                .expect("the folders")
                .map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned())
                .collect();
            assert_eq!(listed, there);
        }
    };
}

scenarios! {
    account_left_out,
    add_and_remove_a_server,
    address_given_back_earlier,
    addresses_not_written,
    all_deleted_outside,
    backup_policy_and_ipv6,
    catalog_problems_all_at_once,
    changed_in_the_account,
    conflict_beside_a_right_record,
    conflict_of_each_kind,
    conflict_without_ipv6,
    cut_off_while_off,
    destroy_keeps_a_zone_with_others_records,
    destroy_keeps_the_key_of_another_deployment,
    destroy_keeps_what_was_found,
    drift,
    droplet_limit,
    duplicate_of_a_right_record,
    empty_configuration,
    environment_leaves_a_server,
    environment_problems,
    everything_is_gone,
    expires,
    expires_with_a_lost_state,
    files_on_a_new_server,
    first_apply,
    ignored,
    image_by_pattern,
    import_all,
    import_all_at_rackspace,
    import_all_cut_off,
    import_all_kinds,
    import_and_change,
    import_by_id,
    import_by_id_at_rackspace,
    import_by_id_cut_off,
    import_by_id_of_other_kinds,
    import_from_tfstate,
    import_that_differs,
    key_changed,
    longer_zone_appears_later,
    longest_zone_is_taken,
    many_destroyed,
    name_claimed_twice,
    name_moves_between_servers,
    name_removed,
    names_swapped,
    network_cut_off,
    network_refused,
    network_taken_over,
    no_names,
    no_such_thing,
    one_server_in_two_environments,
    orphans,
    orphans_at_rackspace,
    outputs_for_programs,
    part_of_a_plan,
    plan_as_json,
    plan_as_markdown,
    planned_from_the_state,
    practice,
    protected,
    rebuilt,
    rebuilt_and_cut_off,
    record_already_right,
    record_changed_outside,
    record_replaced_outside,
    records,
    records_at_rackspace,
    records_exclusive,
    records_refused,
    references,
    region_without_ipv6,
    renamed_by_state_mv,
    replaced,
    replaced_and_cut_off,
    replaced_as_asked,
    replaced_by_and_by,
    replaced_in_another_region,
    reserved_ip,
    reserved_ip_cut_off,
    reserved_ip_refused,
    reserved_ip_serves_on,
    saved_plan,
    sectioned_form,
    server_deleted_outside,
    server_failed_by_quota,
    server_imported,
    server_leaves_cut_off,
    server_renamed,
    servers_of_a_range,
    servers_of_a_range_in_an_environment,
    several_keys,
    shutdown_ignored,
    size_and_backups_changed,
    size_at_rackspace,
    size_change_fails,
    size_with_its_disk,
    snapshot_before_it_goes,
    snapshot_of_another_time,
    state_forgotten,
    state_lost,
    state_rebuilt_with_a_server_that_left,
    tags,
    tags_with_a_token_that_may_not,
    token_without_tags,
    twin_with_our_mark,
    two_candidates,
    two_clouds,
    two_deployments,
    two_environments,
    two_regions,
    user_data,
    user_data_at_rackspace,
    variables,
    volume_moves,
    volume_refused,
    volumes,
    vpc_and_firewall,
    vpc_changed,
    zone_deleted_outside,
    zone_made_meanwhile,
    zone_of_another_account,
}

struct Scenario {
    folder: PathBuf,
    cloud: Cloud,
    others: Vec<Cloud>,
    place: Place,
    redaction: Redaction,
    /// Requests of the last command.
    requests: Vec<String>,
    told: String,
}

impl Scenario {
    fn play(name: &str) {
        let folder = folders().join(name);
        let script = fs::read_to_string(folder.join("script.txt")).expect("a script");
        let steps: Vec<&str> = script
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .collect();
        let cloud = Cloud::start(options(steps.first().copied().unwrap_or_default()));
        let place = Place::new(&cloud);
        let mut redaction = Redaction::default();
        redaction.text(cloud.url(), "http://SANDBOX");
        redaction.text(&place.root().display().to_string(), "ROOT");
        let mut scenario = Self {
            folder,
            cloud,
            others: Vec::new(),
            place,
            redaction,
            requests: Vec::new(),
            told: String::new(),
        };
        if scenario.folder.join("cloud.json").exists() {
            scenario.place("cloud.json", "cloud.json");
        }
        for step in steps {
            let _ = writeln!(scenario.told, "$ {step}");
            scenario.step(step);
        }
        golden::check(&scenario.folder.join("expected.txt"), &scenario.told);
    }

    fn place(&self, file: &str, name: &str) {
        let bytes = fs::read(self.folder.join(file)).expect("a file of the folder");
        self.place.write(name, bytes);
    }

    fn tell(&mut self, text: &str) {
        let text = self.redaction.redact(text);
        self.told.push_str(&text);
    }

    fn step(&mut self, step: &str) {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (verb, words.as_slice()) {
            ("sandbox", _) if !rest.starts_with("reset") => {}
            ("edit", [file]) => self.place(file, "cloud.json"),
            ("place", [file, name]) => self.place(file, name),
            ("put", [file]) => {
                let text = fs::read_to_string(self.folder.join(file)).expect("a file");
                self.place.write(file, self.with_ids(&text));
            }
            ("swap", [file, old, new]) => {
                let text = self.place.text(file);
                assert!(text.contains(old), "{old} stands in {file}");
                self.place.write(file, text.replace(old, new));
            }
            ("enter", [directory]) => self.place.enter(directory),
            ("remove", [file]) => self.place.remove(file),
            ("cat", [file]) => {
                let text = self.place.text(file);
                self.tell(&text);
            }
            ("world", []) => {
                let world = self.cloud.world();
                self.tell(&world);
            }
            ("requests", []) => {
                let changing: String = self
                    .requests
                    .iter()
                    .filter(|request| !request.starts_with("GET "))
                    .fold(String::new(), |all, request| all + request + "\n");
                self.tell(&changing);
            }
            ("fault", _) => {
                let fault = serde_json::from_str(rest).expect("a fault");
                self.cloud.fault(&fault);
            }
            ("account", [seed]) => {
                let seed = seed.parse().expect("a number");
                let other = Cloud::start(Options { seed, ..quick() });
                self.redaction.text(other.url(), "http://OTHER");
                self.place.point_at(other.url());
                self.others.push(other);
            }
            ("environment", [name, value]) => self.place.set(name, value),
            ("droplet", [name, ..]) => {
                let more = rest.split_once(' ').map_or("{}", |(_, more)| more);
                let more = self.with_ids(&self.with_lineage(more));
                let more = serde_json::from_str(&more).expect("attributes");
                self.cloud.droplet(name, &more);
            }
            ("action", [name, ..]) => {
                let body = rest.split_once(' ').map_or("{}", |(_, body)| body);
                let body = serde_json::from_str(body).expect("an action");
                self.cloud.act(name, &body);
            }
            ("another-key", []) => self.place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", ANOTHER_KEY),
            ("both-keys", []) => {
                let keys = format!("{KEY}\n{ANOTHER_KEY}\n");
                self.place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", &keys);
            }
            ("keys", [name]) => {
                let told = self.cloud.keys_on(name).join(", ");
                self.tell(&format!("{told}\n\n"));
            }
            ("key", []) => {
                let body = json!({"name": "someone's", "public_key": KEY});
                self.cloud.good("POST", "/v2/account/keys", &body);
            }
            ("received", [name, file]) => {
                let text = fs::read_to_string(self.folder.join(file)).expect("a file");
                let told = match self.cloud.received(name, &text) {
                    true => "just that",
                    false => "something else",
                };
                self.tell(&format!("{told}\n\n"));
            }
            ("domain", [name]) => {
                self.cloud
                    .good("POST", "/v2/domains", &json!({ "name": name }));
            }
            ("record", [zone, kind, name, data]) => {
                let body = json!({"type": kind, "name": name, "data": self.address(data)});
                let path = format!("/v2/domains/{zone}/records");
                self.cloud.good("POST", &path, &body);
            }
            ("change", [zone, kind, name, data]) => {
                let id = self.record(zone, kind, name);
                let body = json!({"type": kind, "data": self.address(data)});
                let path = format!("/v2/domains/{zone}/records/{id}");
                self.cloud.good("PATCH", &path, &body);
            }
            ("tag", [name, tag]) => {
                let id = self.cloud.the_droplet(name)["id"].to_string();
                let of_it = json!({"resources": [{"resource_id": id, "resource_type": "droplet"}]});
                let path = format!("/v2/tags/{tag}/resources");
                self.cloud.good("POST", "/v2/tags", &json!({"name": tag}));
                self.cloud.good("POST", &path, &of_it);
            }
            ("tag-only", [tag]) => {
                self.cloud.good("POST", "/v2/tags", &json!({"name": tag}));
            }
            ("vpc" | "firewall", [name, ..]) => {
                let more = rest.split_once(' ').map_or("{}", |(_, more)| more);
                let more = self.with_ids(more);
                let more = serde_json::from_str(&more).expect("attributes");
                self.cloud.put(&format!("{verb}s"), name, &more);
            }
            ("reserve", [name]) => self.cloud.reserve(name),
            ("unassign", [ip]) => {
                let path = format!("/v2/reserved_ips/{ip}/actions");
                let off = json!({"type": "unassign"});
                self.cloud.good("POST", &path, &off);
            }
            ("delete", [kind @ ("vpc" | "firewall"), name]) => {
                let mut there = [self.cloud.vpcs(), self.cloud.firewalls()].concat();
                there.retain(|one| one["name"] == *name);
                let path = format!("/v2/{kind}s/{}", text(&there[0]["id"]));
                self.cloud.good("DELETE", &path, &Value::Null);
            }
            ("volume", [name, ..]) => {
                let more = rest.split_once(' ').map_or("{}", |(_, more)| more);
                let more = serde_json::from_str(more).expect("attributes");
                self.cloud.volume(name, &more);
            }
            ("snapshot", [volume, name]) => self.cloud.snapshot(volume, name),
            ("attach", [name, droplet]) => self.cloud.place(name, Some(droplet)),
            ("detach", [name]) => self.cloud.place(name, None),
            ("delete", ["droplet", name]) => {
                let id = &self.cloud.the_droplet(name)["id"];
                let path = format!("/v2/droplets/{id}");
                self.cloud.good("DELETE", &path, &Value::Null);
            }
            ("delete", ["domain", name]) => {
                let path = format!("/v2/domains/{name}");
                self.cloud.good("DELETE", &path, &Value::Null);
            }
            ("delete", ["record", zone, kind, name]) => {
                let id = self.record(zone, kind, name);
                let path = format!("/v2/domains/{zone}/records/{id}");
                self.cloud.good("DELETE", &path, &Value::Null);
            }
            _ => self.run(step),
        }
        self.redaction.words(self.cloud.names());
        if self.others.is_empty() {
            self.cloud.forget_requests();
        }
    }

    /// Runs the program; what it prints is told.
    fn run(&mut self, line: &str) {
        let line = self.redaction.identified(&self.with_lineage(line));
        let line = self.with_ids(&line);
        let changes = ["apply", "destroy", "import", "plan"]
            .iter()
            .any(|command| line.starts_with(command));
        let one_at_a_time = if changes { " -j 1" } else { "" };
        self.cloud.forget_requests();
        let ran = self.place.run(&format!("{line}{one_at_a_time}"));
        self.requests = self.cloud.requests();
        self.cloud.no_faults();
        self.redaction.words(self.cloud.names());
        if ["plan", "orphans"]
            .iter()
            .any(|looks| line.starts_with(looks))
        {
            let changing = self.requests.iter().any(|r| !r.starts_with("GET "));
            assert!(!changing, "it only looks: {:?}", self.requests);
        }
        self.tell(&ran.stdout);
        if !ran.stderr.is_empty() {
            let stderr = format!("--- stderr\n{}", ran.stderr);
            self.tell(&stderr);
        }
        let _ = writeln!(self.told, "--- exit {}\n", ran.code);
    }

    /// `LINEAGE` in a line stands for the one in the first directory's state.
    fn with_lineage(&self, line: &str) -> String {
        if !line.contains("LINEAGE") {
            return line.to_owned();
        }
        let state = self.place.root().join("deployment/cloud.state.json");
        let state = fs::read(state)
            .ok()
            .map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("a state"));
        let known = state.map(|state| text(&state["lineage"]).to_owned());
        // The account remembers it, if the state is lost.
        let lineage = known.unwrap_or_else(|| {
            self.cloud
                .droplets()
                .iter()
                .find_map(|droplet| {
                    let tag = droplet["tags"][0].as_str()?;
                    tag.strip_prefix("cloudbuilder:").map(ToOwned::to_owned)
                })
                .expect("a lineage")
        });
        line.replace("LINEAGE", &lineage)
    }

    /// `ID(…)` in a line stands for the id of what there is.
    fn with_ids(&self, line: &str) -> String {
        if !line.contains("ID(") {
            return line.to_owned();
        }
        let names = self.cloud.names();
        names.iter().fold(line.to_owned(), |line, (id, name)| {
            line.replace(&name.replace(' ', "-"), id)
        })
    }

    fn address(&self, data: &str) -> String {
        let of = |version: &str| {
            let name = data
                .strip_prefix(version)?
                .strip_prefix('(')?
                .strip_suffix(')')?;
            Some(Cloud::address(&self.cloud.the_droplet(name), version))
        };
        of("v4")
            .or_else(|| of("v6"))
            .unwrap_or_else(|| data.to_owned())
    }

    fn record(&self, zone: &str, kind: &str, name: &str) -> u64 {
        let mut records = self.cloud.records(zone);
        records.retain(|record| record["type"] == kind && record["name"] == name);
        assert_eq!(records.len(), 1, "one record {name} {kind}");
        records[0]["id"].as_u64().expect("an id")
    }
}

/// The sandbox that the script's first line asks for.
fn options(line: &str) -> Options {
    let mut options = quick();
    for option in line
        .strip_prefix("sandbox ")
        .into_iter()
        .flat_map(str::split_whitespace)
    {
        match option.split_once('=') {
            Some(("droplet_limit", limit)) => {
                options.droplet_limit = limit.parse().expect("a number");
            }
            Some(("without_ipv6", region)) => options.without_ipv6.push(region.to_owned()),
            Some(("without_scope", scope)) => options.without_scopes.push(scope.to_owned()),
            _ => panic!("what is {option}?"),
        }
    }
    options
}
