//! How many requests a plan takes where the account holds much more than the deployment, and that
//! nothing it must know of escapes it then.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use cloudbuilder::sandbox::Options;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick, text};
use support::program::{Place, Ran};

const MARK: &str = "99999999-2222-4333-8444-555555555555";
/// Servers of others: ten pages.
const OTHERS: usize = 2000;

/// Servers with a name each below acme.com.
fn configuration(servers: &[&str]) -> String {
    let entries = servers.iter().map(|name| {
        let entry = json!({
            "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "names": [format!("{name}.acme.com")],
        });
        ((*name).to_owned(), entry)
    });
    Value::Object(entries.collect()).to_string()
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

fn names(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// An account with so many servers that carry another deployment's mark, if they may.
fn crowded(others: usize, options: Options) -> (Cloud, Place) {
    let mark = format!("cloudbuilder:{MARK}");
    let tags: Vec<String> = match options.without_scopes.as_slice() {
        [] => vec![mark],
        _ => Vec::new(),
    };
    let cloud = Cloud::start(options);
    for names in numbered("other", others).chunks(10) {
        let body = json!({
            "names": names, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "tags": tags,
        });
        cloud.good("POST", "/v2/droplets", &body);
    }
    let place = Place::new(&cloud);
    (cloud, place)
}

/// Runs the program and gives what it asked of the account.
#[track_caller]
fn run(cloud: &Cloud, place: &Place, line: &str) -> (Ran, Asked) {
    cloud.forget_requests();
    let ran = place.run(line);
    (ran, Asked(cloud.requests()))
}

struct Asked(Vec<String>);

impl Asked {
    /// How often the collection at a path was asked for.
    fn of(&self, path: &str) -> usize {
        let listed = self.0.iter().filter(|request| {
            let asked = request.strip_prefix("GET ").unwrap_or_default();
            asked.split('?').next() == Some(path)
        });
        listed.count()
    }

    #[track_caller]
    fn servers(&self, times: usize) {
        assert_eq!(self.of("/v2/droplets"), times, "{:#?}", self.0);
    }

    #[track_caller]
    fn records(&self, times: usize) {
        let path = "/v2/domains/acme.com/records";
        assert_eq!(self.of(path), times, "{:#?}", self.0);
    }

    #[track_caller]
    fn all(&self, times: usize) {
        assert_eq!(self.0.len(), times, "{:#?}", self.0);
    }
}

fn apply(place: &Place, servers: &[&str]) {
    place.write("cloud.json", configuration(servers));
    place.run("apply -y -q").code(0);
}

#[test]
fn a_deployment_that_is_the_whole_account_is_read_in_pages() {
    let (cloud, place) = crowded(0, quick());
    let web = numbered("web", 201);
    apply(&place, &names(&web));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("No changes.");
    // Of 402 records and the four of every zone.
    asked.servers(2);
    asked.records(3);
    // The account, the key and the zones.
    asked.all(2 + 3 + 3);
}

#[test]
fn a_small_deployment_in_a_large_account_is_read_by_its_mark_and_its_names() {
    let (cloud, place) = crowded(OTHERS, quick());
    let web = numbered("web", 5);
    place.write("cloud.json", configuration(&names(&web)));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("17 to add");
    // The first page tells how many there are; then one for each name, and no mark yet.
    asked.servers(1 + 5);

    apply(&place, &names(&web));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("No changes.");
    asked.servers(1 + 1);
    asked.all(2 + 1 + 3);

    // One more name than there are pages left: then all pages are read.
    let many = [web, numbered("more", 10)].concat();
    place.write("cloud.json", configuration(&names(&many)));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("30 to add");
    asked.servers(OTHERS.div_ceil(200) + 1);
}

#[test]
fn somebody_elses_server_of_a_wanted_name_is_not_overlooked() {
    let (cloud, place) = crowded(OTHERS, quick());
    apply(&place, &["web"]);
    cloud.droplet("Db", &json!({"tags": [format!("cloudbuilder:{MARK}")]}));
    place.write("cloud.json", configuration(&["web", "db"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.one_error("server.db belongs to another deployment");
    asked.servers(1 + 1 + 1);

    let free = cloud.droplet("cache", &json!({}))["id"].to_string();
    place.write("cloud.json", configuration(&["web", "cache"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0)
        .says(&format!("take over {free}, with our mark"));
    asked.servers(1 + 1 + 1);

    // One that was recorded was not asked for by its name; once it is gone, it must be.
    place.write("cloud.json", configuration(&["web"]));
    let web = cloud.the_droplet("web")["id"].to_string();
    cloud.good("DELETE", &format!("/v2/droplets/{web}"), &Value::Null);
    cloud.droplet("web", &json!({"tags": [format!("cloudbuilder:{MARK}")]}));
    let (ran, asked) = run(&cloud, &place, "plan --settle 0s");
    ran.one_error("server.web belongs to another deployment");
    asked.servers(1 + 1 + 1);
}

#[test]
fn a_twin_that_carries_our_mark_is_told_of() {
    let (cloud, place) = crowded(OTHERS, quick());
    apply(&place, &["web"]);
    let tags = cloud.the_droplet("web")["tags"].clone();
    let twin = cloud.droplet("web", &json!({ "tags": tags }))["id"].to_string();
    let (ran, asked) = run(&cloud, &place, "plan");
    let twin = format!("server web ({twin}) carries this deployment's mark too");
    ran.code(0).says(&twin);
    asked.servers(1 + 1);
}

#[test]
fn what_has_both_our_mark_and_a_wanted_name_is_one_server() {
    let (cloud, place) = crowded(OTHERS, quick());
    apply(&place, &["web"]);
    let tags = cloud.the_droplet("web")["tags"].clone();
    let lost = cloud.droplet("db", &json!({ "tags": tags }))["id"].to_string();
    place.write("cloud.json", configuration(&["web", "db"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0)
        .says(&format!("take back {lost}, which carries our mark"));
    asked.servers(1 + 1 + 1);
}

#[test]
fn marks_that_were_taken_off_do_not_make_a_plan_ask_for_each_server() {
    let (cloud, place) = crowded(OTHERS, quick());
    let web = numbered("web", 30);
    apply(&place, &names(&web));
    let tag = text(&cloud.the_droplet("web0")["tags"][0]).to_owned();
    cloud.good("DELETE", &format!("/v2/tags/{tag}"), &Value::Null);
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("No changes.");
    // The first page, the mark, and then all pages but the first.
    asked.servers(1 + 1 + OTHERS.div_ceil(200));
    asked.all(12 + 1 + 3);
}

#[test]
fn a_token_that_knows_no_tags_makes_a_plan_read_the_whole_account() {
    let without = ["tag:create", "tag:read"];
    let options = Options {
        without_scopes: without.map(ToOwned::to_owned).to_vec(),
        ..quick()
    };
    let (cloud, place) = crowded(OTHERS, options);
    apply(&place, &["web"]);
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("No changes.");
    asked.servers(1 + 1 + OTHERS.div_ceil(200));
}

#[test]
fn a_conflict_names_the_server_that_a_record_leads_to() {
    let (cloud, place) = crowded(OTHERS, quick());
    apply(&place, &["web"]);
    let address = Cloud::address(&cloud.the_droplet("other7"), "v4");
    let record = json!({"type": "A", "name": "db", "data": address});
    cloud.good("POST", "/v2/domains/acme.com/records", &record);
    place.write("cloud.json", configuration(&["web", "db"]));
    place
        .run("plan")
        .one_error("db.acme.com already leads elsewhere")
        .says(&format!("db.acme.com A → {address}, server other7"))
        // Ours was seen twice for it.
        .never_says("carries this deployment's mark too");
}

#[test]
fn the_accounts_limit_counts_those_that_were_not_listed() {
    let limit = u32::try_from(OTHERS + 2).expect("a small number");
    let options = Options {
        droplet_limit: limit,
        ..quick()
    };
    let (cloud, place) = crowded(OTHERS, options);
    apply(&place, &["web"]);
    place.write("cloud.json", configuration(&["web", "db"]));
    place.run("plan").code(0).says("3 to add");
    place.write("cloud.json", configuration(&["web", "db", "cache"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.one_error(&format!("the account may have {limit} servers"))
        .says(&format!("it has {}, and this plan would add 2", OTHERS + 1));
    asked.servers(1 + 1 + 2);
}

#[test]
fn a_key_stays_while_another_deployment_is_in_the_account() {
    let (_cloud, place) = crowded(OTHERS, quick());
    apply(&place, &["web"]);
    place
        .run("destroy -y")
        .code(0)
        .says("stays in the account: server other0 of another deployment");
}

/// Fills the zone with records of others.
fn fill_zone(cloud: &Cloud, records: usize) {
    for number in 0..records {
        let record = json!({"type": "TXT", "name": format!("t{number}"), "data": "x"});
        cloud.good("POST", "/v2/domains/acme.com/records", &record);
    }
}

#[test]
fn a_few_names_in_a_large_zone_are_asked_for_by_name() {
    let (cloud, place) = crowded(0, quick());
    apply(&place, &["web"]);
    fill_zone(&cloud, 5000);
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0).says("No changes.");
    asked.records(1 + 1);
    asked.all(1 + 2 + 3);

    let record = json!({"type": "CNAME", "name": "db", "data": "elsewhere.example."});
    cloud.good("POST", "/v2/domains/acme.com/records", &record);
    place.write("cloud.json", configuration(&["web", "db"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.one_error("db.acme.com already leads elsewhere");
    asked.records(1 + 2);

    // What has another name now is asked for by its id.
    let ours = cloud.records("acme.com");
    let ours = ours
        .iter()
        .find(|record| record["name"] == "web" && record["type"] == "A");
    let ours = ours.expect("its record")["id"].to_string();
    let path = format!("/v2/domains/acme.com/records/{ours}");
    cloud.good("PATCH", &path, &json!({"type": "A", "name": "wob"}));
    place.write("cloud.json", configuration(&["web"]));
    let (ran, asked) = run(&cloud, &place, "plan");
    ran.code(0)
        .says("wob.acme.com → web.acme.com · changed outside");
    asked.records(1 + 1);

    // A zone that is to go is looked at whole: others may have put something into it.
    let (ran, asked) = run(&cloud, &place, "plan -destroy");
    ran.code(0)
        .says("stays in the account: it holds 5001 records that are not ours");
    asked.records(26);
}

#[test]
fn a_record_of_others_that_leads_to_a_server_which_goes_is_told_of() {
    let (cloud, place) = crowded(0, quick());
    apply(&place, &["web", "db"]);
    fill_zone(&cloud, 900);
    let address = Cloud::address(&cloud.the_droplet("db"), "v4");
    let record = json!({"type": "A", "name": "old", "data": address});
    cloud.good("POST", "/v2/domains/acme.com/records", &record);
    place.run("plan").code(0).says("No changes.");
    place
        .run("plan --replace server.db")
        .code(0)
        .says("old.acme.com leads to db, whose address is given back");
    place.write("cloud.json", configuration(&["web"]));
    place
        .run("plan")
        .code(0)
        .says("old.acme.com leads to db, whose address is given back");
}
