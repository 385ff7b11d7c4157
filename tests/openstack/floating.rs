//! Servers on a private network, which are reached by floating IPs.

use serde_json::{Value, json};

use crate::cloud::Who;
use crate::deployment::Deployment;

/// Settings of an account whose servers have floating IPs.
pub(crate) fn settings() -> Value {
    json!({"networks": ["private"], "security_groups": ["web"], "floating_ip_from": "public"})
}

/// The floating IPs of the test, each with the server that has it.
fn floating(here: &Deployment) -> Value {
    here.cloud.python(
        Who::Demo,
        "
servers = {s.id: s.name for s in cloud.compute.servers()}
ports = {p.id: servers.get(p.device_id) for p in cloud.network.ports()}
answer = sorted([ports.get(f.port_id) or '', f.floating_ip_address] for f in cloud.network.ips()
                if f.description.rsplit('/')[-1].startswith(given))",
        &json!(here.name("")),
    )
}

#[test]
fn a_server_has_one_and_gives_it_back() {
    let here = Deployment::of("float");
    let web1 = json!({"names": [here.host("www"), here.host("")]});
    let servers = json!({"web1": web1, "web2": {}});
    here.write(&settings(), &servers);
    here.place.run("apply -y").code(0).says("Apply complete!");
    here.is_finished();

    let addresses = [here.addresses("web1", "v4"), here.addresses("web2", "v4")].concat();
    let [one, two] = &addresses[..] else {
        panic!("{addresses:?}");
    };
    let wanted = json!([[here.name("web1"), one], [here.name("web2"), two]]);
    assert_eq!(floating(&here), wanted);
    for name in [here.host("www"), here.host("")] {
        assert_eq!(here.cloud.dig(&name, "A"), [one.as_str()]);
        assert_eq!(here.cloud.dig(&name, "AAAA"), Vec::<String>::new());
    }
    let groups = here.cloud.python(
        Who::Demo,
        "
server = cloud.compute.find_server(given, ignore_missing=False)
server = cloud.compute.get_server(server)
answer = [sorted(g['name'] for g in server.security_groups), sorted(server.addresses)]",
        &json!(here.name("web1")),
    );
    assert_eq!(groups, json!([["web"], ["private"]]));

    here.write(&settings(), &json!({"web1": {"names": [here.host("")]}}));
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(floating(&here), json!([[here.name("web1"), one]]));

    // Whatever it is called by now.
    here.cloud.python(
        Who::Demo,
        "cloud.compute.update_server(cloud.compute.find_server(given, ignore_missing=False), name=given + '-2')",
        &json!(here.name("web1")),
    );
    here.ends();
}

#[test]
fn one_of_a_server_that_was_deleted_by_hand_goes_with_it() {
    let here = Deployment::of("stray");
    here.write(&settings(), &json!({"web1": {}, "web2": {}}));
    here.place.run("apply -y").code(0);
    here.cloud.python(
        Who::Demo,
        "
server = cloud.compute.find_server(given, ignore_missing=False)
cloud.compute.delete_server(server)
cloud.compute.wait_for_delete(server)",
        &json!(here.name("web1")),
    );
    let stray = floating(&here);
    assert_eq!(stray[0][0], "", "{stray}");
    here.write(&settings(), &json!({"web2": {}}));
    here.place
        .run("apply -y --settle 3s")
        .code(0)
        .says("was deleted outside · what it may have left goes");
    here.is_finished();
    let addresses = here.addresses("web2", "v4");
    assert_eq!(floating(&here), json!([[here.name("web2"), addresses[0]]]));
    here.ends();
}
