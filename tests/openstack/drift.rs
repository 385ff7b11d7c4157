//! What somebody else changes, with another client: what the plan says of it, and what apply mends.

use serde_json::{Value, json};

use crate::cloud::Who;
use crate::deployment::Deployment;
use crate::floating;

/// A recordset of the test's zone, as another client sees and changes it.
const RECORD: &str = "
zone = cloud.dns.find_zone(given['zone'] + '.', ignore_missing=False)
def the_set():
    return next(r for r in cloud.dns.recordsets(zone) if r.name == given['name'] + '.' and r.type == 'A')
def write(values):
    cloud.dns.update_recordset(the_set(), records=values)
    until('record', lambda: the_set().status == 'ACTIVE')
";

fn values(here: &Deployment, name: &str, change: &str) -> Value {
    let snippet = format!("{RECORD}\n{change}\nanswer = sorted(the_set().records)");
    let given = json!({"zone": here.host(""), "name": here.host(name)});
    here.cloud.python(Who::Demo, &snippet, &given)
}

#[test]
fn records_are_put_back_and_others_values_kept() {
    let here = Deployment::of("drift");
    here.write_one();
    here.place.run("apply -y").code(0);
    let [own] = &here.addresses("web1", "v4")[..] else {
        panic!("one address");
    };

    values(&here, "www", "write(['198.51.100.7'])");
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("changed outside")
        .says("198.51.100.7");
    here.place.run("apply -y").code(0);
    assert_eq!(values(&here, "www", ""), json!([own]));
    here.is_finished();

    // A name that leads elsewhere too stops every plan, and is not touched.
    let both = json!([own, "198.51.100.8"]);
    values(&here, "www", "write(the_set().records + ['198.51.100.8'])");
    here.place
        .run("plan")
        .code(1)
        .says("198.51.100.8")
        .says(&here.host("www"));
    here.place.run("apply -y").code(1);
    let mut seen = both.as_array().unwrap().clone();
    seen.sort_by_key(ToString::to_string);
    assert_eq!(values(&here, "www", ""), Value::Array(seen));
    // What is others' stays when ours goes, and the zone stays for it.
    here.place.run("destroy -y").code(0);
    assert_eq!(values(&here, "www", ""), json!(["198.51.100.8"]));
    assert_eq!(here.held()["servers"], json!([]));
}

#[test]
fn a_server_deleted_by_hand_is_made_again() {
    let here = Deployment::of("deleted");
    let web1 = json!({"names": [here.host("www")]});
    here.write(
        &json!({"networks": ["public"]}),
        &json!({"web1": web1, "web2": {}}),
    );
    here.place.run("apply -y").code(0);
    here.cloud.python(
        Who::Demo,
        "
server = cloud.compute.find_server(given, ignore_missing=False)
cloud.compute.delete_server(server)
cloud.compute.wait_for_delete(server, interval=0.5)",
        &json!(here.name("web1")),
    );
    here.place
        .run("plan --detailed-exitcode --settle 0s")
        .code(2)
        .says(&format!("+ server  {}", here.name("web1")))
        .says("was deleted outside")
        .says("1 to add, 2 to change, 0 to destroy.");
    here.place.run("apply -y --settle 0s").code(0);
    here.is_finished();
    let address = here.addresses("web1", "v4");
    assert_eq!(here.cloud.dig(&here.host("www"), "A"), address);
    here.ends();
}

#[test]
fn a_floating_ip_that_was_taken_away_is_given_again() {
    let here = Deployment::of("taken");
    let web1 = json!({"names": [here.host("www")]});
    here.write(&floating::settings(), &json!({"web1": web1}));
    here.place.run("apply -y").code(0);
    here.cloud.python(
        Who::Demo,
        "
for ip in cloud.network.ips():
    if ip.description.endswith('/' + given):
        cloud.network.delete_ip(ip)
def without():
    server = cloud.compute.find_server(given, ignore_missing=False)
    server = cloud.compute.get_server(server)
    all = [a for network in server.addresses.values() for a in network]
    return all and not any(a['OS-EXT-IPS:type'] == 'floating' for a in all)
until('nova knows', without)",
        &json!(here.name("web1")),
    );
    here.place.run("plan --detailed-exitcode").code(2);
    here.place.run("apply -y").code(0);
    here.is_finished();
    let address = here.addresses("web1", "v4");
    assert_eq!(address.len(), 1);
    assert_eq!(here.held()["floating"], json!(address));
    assert_eq!(here.cloud.dig(&here.host("www"), "A"), address);
    here.ends();
}
