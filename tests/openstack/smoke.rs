//! That the cloud is one, and holds what tests may count on.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Who};

#[test]
fn a_token_comes_with_a_catalog_of_every_service() {
    let cloud = Cloud::here();
    let session = cloud.session(Who::Demo);
    assert_eq!(session.about["project"]["name"], "demo");
    for kind in [
        "identity",
        "compute",
        "image",
        "network",
        "dns",
        "block-storage",
    ] {
        let url = session.endpoint(kind);
        assert!(
            url.starts_with("http://127.0.0.1:"),
            "{kind} is elsewhere: {url}"
        );
    }
    let flavors = format!("{}/flavors", session.endpoint("compute"));
    let answer = cloud.ask("GET", &flavors, &session.token, &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(names(&answer.body["flavors"]), FLAVORS);
    let refused = cloud.ask("GET", &flavors, "invented", &Value::Null);
    assert_eq!(refused.status, 401, "{refused:?}");
}

#[test]
fn a_wrong_password_and_a_foreign_project_are_refused() {
    let cloud = Cloud::here();
    let right = cloud.password(Who::Demo);
    assert_eq!(cloud.sign_in(Who::Demo, right, "other").status, 201);
    assert_eq!(cloud.sign_in(Who::Demo, right, "admin").status, 401);
    assert_eq!(cloud.sign_in(Who::Demo, "wrong", "demo").status, 401);
}

const FLAVORS: [&str; 4] = ["m1.medium", "m1.nowhere", "m1.small", "m1.tiny"];

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list");
    let mut names: Vec<&str> = items
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn another_client_finds_what_the_cloud_was_given() {
    let cloud = Cloud::here();
    let found = cloud.python(
        Who::Demo,
        "
answer = {
    'images': sorted([i.name, i.min_disk, i.min_ram] for i in cloud.image.images()),
    'networks': sorted([n.name, n.is_router_external] for n in cloud.network.networks()),
    'groups': sorted(g.name for g in cloud.network.security_groups()),
    'routers': [r.name for r in cloud.network.routers()],
    'servers allowed': cloud.get_compute_limits().max_total_instances,
}",
        &Value::Null,
    );
    let wanted = json!({
        "images": [["debian-12", 0, 0], ["debian-12-desktop", 40, 4096], ["twins", 0, 0], ["twins", 0, 0]],
        "networks": [["private", false], ["public", true]],
        "groups": ["default", "web"],
        "routers": ["way-out"],
        "servers allowed": 10,
    });
    assert_eq!(found, wanted);
}

#[test]
fn the_administrator_sees_the_host() {
    let cloud = Cloud::here();
    let services = "answer = sorted(s.binary for s in cloud.compute.services() if s.state == 'up')";
    let up = cloud.python(Who::Admin, services, &Value::Null);
    assert_eq!(
        up,
        json!(["nova-compute", "nova-conductor", "nova-scheduler"])
    );
    let hosts = "answer = [h.name for h in cloud.compute.hypervisors()]";
    let hosts = cloud.python(Who::Admin, hosts, &Value::Null);
    assert_eq!(hosts.as_array().map(Vec::len), Some(1), "{hosts}");
}

#[test]
fn a_record_is_answered_by_the_name_server() {
    let cloud = Cloud::here();
    let zone = json!("harness-of-names.test.");
    cloud.python(
        Who::Demo,
        "
zone = cloud.dns.create_zone(name=given, email='someone@example.com', ttl=300)
until('zone', lambda: cloud.dns.get_zone(zone).status == 'ACTIVE')
record = cloud.dns.create_recordset(zone, name='www.' + given, type='A', records=['203.0.113.8', '203.0.113.7'])
until('record', lambda: cloud.dns.get_recordset(record, zone).status == 'ACTIVE')",
        &zone,
    );
    let answered = cloud.dig("www.harness-of-names.test", "A");
    let nothing = cloud.dig("www.harness-of-names.test", "AAAA");
    cloud.python(
        Who::Demo,
        "
zone = cloud.dns.find_zone(given)
cloud.dns.delete_zone(zone)
until('no zone', lambda: cloud.dns.find_zone(given) is None)",
        &zone,
    );
    assert_eq!(answered, ["203.0.113.7", "203.0.113.8"]);
    assert!(nothing.is_empty(), "{nothing:?}");
}

#[test]
fn servers_come_up_get_floating_ips_and_fail_where_no_host_can_hold_them() {
    let cloud = Cloud::here();
    let found = cloud.python(
        Who::Demo,
        "
def make(name, flavor, network):
    return cloud.compute.create_server(
        name=name,
        flavor_id=cloud.compute.find_flavor(flavor).id,
        image_id=cloud.image.find_image('debian-12').id,
        networks=[{'uuid': cloud.network.find_network(network).id}],
    )

def there(server, *statuses):
    until(server.name, lambda: cloud.compute.get_server(server).status in statuses)

def addresses(server, network, kind):
    listed = cloud.compute.get_server(server).addresses.get(network, [])
    return sorted(a['version'] for a in listed if a['OS-EXT-IPS:type'] == kind)

outside, inside, nowhere = (
    make('harness-outside', 'm1.small', 'public'),
    make('harness-inside', 'm1.tiny', 'private'),
    make('harness-nowhere', 'm1.nowhere', 'public'),
)
there(outside, 'ACTIVE')
there(inside, 'ACTIVE')
there(nowhere, 'ERROR')
[port] = cloud.network.ports(device_id=inside.id)
public = cloud.network.find_network('public')
floating = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
until('floating IP', lambda: addresses(inside, 'private', 'floating') == [4])
answer = {
    'outside': addresses(outside, 'public', 'fixed'),
    'inside': addresses(inside, 'private', 'fixed'),
    'nowhere': cloud.compute.get_server(nowhere).fault['message'],
}
cloud.network.delete_ip(floating)
for server in (outside, inside, nowhere):
    cloud.compute.delete_server(server)
for server in (outside, inside, nowhere):
    until(server.name + ' gone', lambda: cloud.compute.find_server(server.id) is None)",
        &Value::Null,
    );
    assert_eq!(found["outside"], json!([4, 6]));
    assert_eq!(found["inside"], json!([4]));
    let fault = found["nowhere"].as_str().expect("a reason");
    assert!(fault.contains("No valid host"), "{fault}");
}
