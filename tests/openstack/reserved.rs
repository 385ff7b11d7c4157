//! Reserved IPs, which are floating IPs that outlive their servers.

use serde_json::{Value, json};

use cloudbuilder::sandbox::{self, Options};

use crate::cloud::Who;
use crate::deployment::Deployment;
use crate::floating;

const KILLED: i32 = 128 + 9;

/// cloud.json with one reserved IP, which is called `web` here, or none.
fn write(here: &Deployment, is_reserved: bool, servers: &Value) {
    write_with(here, &floating::settings(), is_reserved, servers);
}

fn write_with(here: &Deployment, settings: &Value, is_reserved: bool, servers: &Value) {
    here.write(settings, servers);
    if is_reserved {
        let mut cloud: Value = serde_json::from_str(&here.place.text("cloud.json")).unwrap();
        cloud["reserved_ips"] = json!({here.name("web"): {}});
        here.place.write("cloud.json", format!("{cloud:#}\n"));
    }
}

/// A server that has it, with names.
fn with(here: &Deployment, names: &[&str]) -> Value {
    let names: Vec<String> = names.iter().map(|name| here.host(name)).collect();
    json!({"reserved_ip": here.name("web"), "names": names})
}

/// The floating IPs of the test as another client sees them: which server has each, and whether it is
/// the reserved one.
fn seen(here: &Deployment) -> Vec<(String, String, bool)> {
    let answer = here.cloud.python(
        Who::Demo,
        "
servers = {s.id: s.name for s in cloud.compute.servers()}
ports = {p.id: servers.get(p.device_id) for p in cloud.network.ports()}
def is_ours(ip):
    return ip.description.replace('/', ' ').split(' ')[-1].startswith(given)
answer = sorted([(ports.get(f.port_id) or '').removeprefix(given), f.floating_ip_address,
                 ' reserved_ip ' in f.description] for f in cloud.network.ips() if is_ours(f))",
        &json!(here.name("")),
    );
    serde_json::from_value(answer).unwrap()
}

/// The only one that a server has, and whether that is the reserved one.
#[track_caller]
fn on(here: &Deployment, server: &str) -> (String, bool) {
    let all = seen(here);
    let mut its = all.iter().filter(|(on, ..)| on == server);
    match (its.next(), its.next()) {
        (Some((_, ip, is_reserved)), None) => (ip.clone(), *is_reserved),
        _ => panic!("{server}: {all:?}"),
    }
}

#[track_caller]
fn leads(here: &Deployment, name: &str, ip: &str) {
    assert_eq!(here.cloud.dig(&here.host(name), "A"), [ip]);
}

#[test]
fn it_stays_while_servers_come_and_go() {
    let here = Deployment::of("kept-ip");
    write(
        &here,
        true,
        &json!({"web1": with(&here, &["www"]), "web2": {}}),
    );
    here.place.run("apply -y").code(0).says("Apply complete!");
    here.is_finished();
    let (kept, is_reserved) = on(&here, "web1");
    assert!(is_reserved && !on(&here, "web2").1);
    assert_eq!(seen(&here).len(), 2);
    leads(&here, "www", &kept);
    // It is none of the server's own.
    assert!(!here.addresses("web1", "v4").contains(&kept));

    // Both servers have one at any time, and names lead to what theirs has.
    let web1 = json!({"names": [here.host("www")]});
    write(
        &here,
        true,
        &json!({"web1": web1, "web2": with(&here, &[""])}),
    );
    here.place.run("apply -y").code(0);
    here.is_finished();
    let (own, is_reserved) = on(&here, "web1");
    assert!(!is_reserved);
    assert_eq!(on(&here, "web2"), (kept.clone(), true));
    assert_eq!(seen(&here).len(), 2);
    leads(&here, "www", &own);
    leads(&here, "", &kept);

    let web2 = format!("server.{}", here.name("web2"));
    let replaced = format!("apply -y --replace {web2}");
    here.place.run(&replaced).code(0);
    here.is_finished();
    assert_eq!(on(&here, "web2"), (kept.clone(), true));
    assert_eq!(seen(&here).len(), 2);
    leads(&here, "", &kept);
    here.place.run("show --ssh-config").code(0).says(&kept);

    // Without its server it stays, until nobody wants it any more.
    write(&here, true, &json!({"web1": web1}));
    here.place.run("apply -y").code(0).says("stays reserved");
    here.is_finished();
    assert_eq!(on(&here, ""), (kept, true));
    write(&here, false, &json!({"web1": web1}));
    here.place.run("apply -y --max-destroy 1").code(0);
    here.is_finished();
    assert_eq!(seen(&here), [("web1".to_owned(), own, false)]);
    here.ends();
}

#[test]
fn a_servers_own_becomes_reserved_whatever_cuts_it_off() {
    let mut here = Deployment::of("turned");
    let web1 = json!({"names": [here.host("www")]});
    write(&here, false, &json!({"web1": web1}));
    here.place.run("apply -y").code(0);
    let (own, _) = on(&here, "web1");
    write(&here, true, &json!({"web1": with(&here, &["www"])}));
    let by_address = format!("import reserved_ip.{} {own}", here.name("web"));
    here.place
        .run(&by_address)
        .code(1)
        .says("own floating IP")
        .says("run `cloudbuilder apply`");
    let reserved = format!("\"reserved_ip.{}\"", here.name("web"));
    for step in [
        // Before it is asked for, and when nobody has written down that it is there.
        format!("write:{reserved}:1"),
        format!("write:{reserved}:2"),
    ] {
        let practice = format!("die={step} tempo=0.2");
        here.place.set("CLOUDBUILDER_PRACTICE", &practice);
        here.place.run("apply -y --settle 3s").code(KILLED);
        here.place.unset("CLOUDBUILDER_PRACTICE");
    }
    here.place.run("apply -y --settle 3s").code(0);
    here.is_finished();
    assert_eq!(seen(&here), [("web1".to_owned(), own.clone(), true)]);
    leads(&here, "www", &own);

    // Whoever finds the server finds it too.
    here.place.remove("cloud.state.json");
    here.place.run("state rebuild").code(0);
    here.is_finished();
    here.place
        .run(&format!("state forget reserved_ip.{}", here.name("web")))
        .code(0);
    here.place.run("orphans").code(0).says(&here.name("web"));
    here.place.run(&by_address).code(0);
    here.is_finished();
    assert_eq!(seen(&here), [("web1".to_owned(), own, true)]);
    here.place.run("destroy -y --settle 3s").code(0);
    assert_eq!(here.held()["floating"], json!([]));
}

#[test]
fn an_answer_that_is_lost_doubles_nothing() {
    let mut here = Deployment::of("unheard");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let made = json!({"method": "POST", "body_contains": "floating_network_id", "nth": 1,
                      "kind": "do_then_drop"});
    let moved =
        json!({"method": "PUT", "body_contains": "port_id", "nth": 1, "kind": "do_then_500"});
    let faults = [made, moved].map(|fault| serde_json::from_value(fault).unwrap());
    let options = Options {
        faults: faults.into(),
        ..Options::default()
    };
    let proxy = runtime
        .block_on(sandbox::proxy(&here.cloud.auth_url, options))
        .unwrap();
    here.place.set("OS_AUTH_URL", proxy.url());
    // The only network that one can come from need not be named.
    let settings = json!({"networks": ["private"]});
    let two = |of: &str| {
        let mut servers = json!({"web1": {}, "web2": {}});
        servers[of] = with(&here, &["www"]);
        let other = if of == "web1" { "web2" } else { "web1" };
        servers[other] = json!({"openstack": {"public_network": "private"}});
        servers
    };
    write_with(&here, &settings, true, &two("web1"));
    here.place.run("apply -y --settle 3s").code(0);
    here.is_finished();
    let (kept, _) = on(&here, "web1");
    assert_eq!(seen(&here).len(), 1);
    write_with(&here, &settings, true, &two("web2"));
    here.place.run("apply -y --settle 3s").code(0);
    here.is_finished();
    assert_eq!(seen(&here), [("web2".to_owned(), kept.clone(), true)]);
    leads(&here, "www", &kept);
    assert_eq!(proxy.struck(), [1, 1]);
    runtime.block_on(proxy.stop());
    here.place.set("OS_AUTH_URL", &here.cloud.auth_url);
    here.ends();
}

#[test]
fn what_cannot_have_one_is_told_before_anything_is_made() {
    let mut here = Deployment::of("unfit");
    let refused = |here: &Deployment, network: &str, server: Value, what: &[&str]| {
        write_with(
            here,
            &json!({"networks": [network]}),
            true,
            &json!({"web1": server}),
        );
        let mut ran = here.place.run("plan").code(1);
        for what in what {
            ran = ran.says(what);
        }
    };
    let server = with(&here, &[]);
    let no = "server unfit-web1 cannot have a reserved IP";
    refused(
        &here,
        "public",
        server.clone(),
        &[no, "it is put on public"],
    );
    let mut checked = server.clone();
    checked["check"] = json!({"tcp": 22});
    refused(
        &here,
        "private",
        checked,
        &["server unfit-web1 could not be asked whether it serves"],
    );
    let network = |verb: &str| {
        here.cloud.python(
            Who::Demo,
            &format!("{verb}\nanswer = None"),
            &json!("unfit-net"),
        )
    };
    network(
        "
net = cloud.network.create_network(name=given)
cloud.network.create_subnet(network_id=net.id, ip_version=4, cidr='10.99.0.0/24')",
    );
    refused(
        &here,
        "unfit-net",
        server,
        &[no, "no router connects unfit-net with the outside"],
    );
    network("cloud.network.delete_network(cloud.network.find_network(given))");
    here.holds_nothing();

    // A project in which there is no room for one.
    let quota = |verb: &str| {
        let snippet = format!(
            "
other = cloud.identity.find_project(given, domain_id='default', ignore_missing=False)
cloud.network.{verb}
answer = None"
        );
        here.cloud.python(Who::Admin, &snippet, &json!("other"))
    };
    quota("update_quota(other.id, floating_ips=0)");
    here.place.set("OS_PROJECT_NAME", "other");
    refused(
        &here,
        "public",
        with(&here, &[]),
        &[
            "the account's quota of floating IPs is too small",
            "this plan needs 1 more, and 0 of 0 are left",
        ],
    );
    quota("delete_quota(other.id)");
}
