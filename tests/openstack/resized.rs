//! Servers that are changed in place, and what others have made of them meanwhile.

use serde_json::{Value, json};

use crate::cloud::Who;
use crate::deployment::Deployment;

/// A server of the test, as another client sees and changes it.
const SERVER: &str = "
def the_server():
    return next(s for s in cloud.compute.servers() if s.id == given['id'])
def becomes(status):
    until(status, lambda: the_server().status == status)
def resize(flavor):
    cloud.compute.resize_server(the_server(), cloud.compute.find_flavor(flavor, ignore_missing=False))
    becomes('VERIFY_RESIZE')
";

/// Has another client do something to a server; gives what it sees of it then.
fn seen(here: &Deployment, id: &str, change: &str) -> Value {
    let snippet = format!(
        "{SERVER}
{change}
s = the_server()
answer = [s.name, s.status, s.flavor.original_name or s.flavor.name]"
    );
    let given = json!({"id": id, "name": here.name("renamed")});
    here.cloud.python(Who::Demo, &snippet, &given)
}

fn id_of(here: &Deployment, name: &str) -> String {
    let id = here.cloud.python(
        Who::Demo,
        "answer = cloud.compute.find_server(given, ignore_missing=False).id",
        &json!(here.name(name)),
    );
    id.as_str().unwrap().to_owned()
}

/// cloud.json with one server of that size.
fn write(here: &Deployment, size: &str) {
    let web1 = json!({"size": size, "names": [here.host("www")]});
    here.write(&json!({"networks": ["public"]}), &json!({"web1": web1}));
}

#[test]
fn a_server_gets_another_size_and_its_name_back() {
    let here = Deployment::of("resized");
    write(&here, "m1.tiny");
    here.place.run("apply -y").code(0);
    let (id, address) = (id_of(&here, "web1"), here.addresses("web1", "v4"));
    let name = here.name("web1");

    write(&here, "m1.small");
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("m1.tiny → m1.small · downtime · permanent");
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, &id, ""), json!([name, "ACTIVE", "m1.small"]));
    assert_eq!(here.addresses("web1", "v4"), address);
    here.place
        .run("plan")
        .code(0)
        .says("Your infrastructure matches");
    write(&here, "m1.tiny");
    here.place
        .run("plan")
        .code(1)
        .says("cannot be made as small as m1.tiny");
    write(&here, "m1.small");

    seen(
        &here,
        &id,
        "cloud.compute.update_server(the_server(), name=given['name'])",
    );
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says(&format!(
            "rename: {} → {name} · changed outside",
            here.name("renamed")
        ));
    here.place.run("apply -y").code(0);
    assert_eq!(seen(&here, &id, ""), json!([name, "ACTIVE", "m1.small"]));
    here.is_finished();
    assert_eq!(here.cloud.dig(&here.host("www"), "A"), address);
    here.ends();
}

#[test]
fn a_size_that_others_left_unconfirmed_is_confirmed_and_one_without_room_is_none() {
    let here = Deployment::of("unconfirmed");
    write(&here, "m1.tiny");
    here.place.run("apply -y").code(0);
    let (id, name) = (id_of(&here, "web1"), here.name("web1"));

    // No host has room for it, and Nova leaves the server what it is.
    write(&here, "m1.nowhere");
    here.place
        .run("apply -y")
        .code(1)
        .says("could not make it m1.nowhere, and it is m1.tiny as before");
    assert_eq!(seen(&here, &id, ""), json!([name, "ACTIVE", "m1.tiny"]));

    write(&here, "m1.small");
    assert_eq!(
        seen(&here, &id, "resize('m1.small')"),
        json!([name, "VERIFY_RESIZE", "m1.small"])
    );
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("confirm m1.small")
        .says("a change of its size is not over");
    here.place.run("apply -y").code(0);
    assert_eq!(seen(&here, &id, ""), json!([name, "ACTIVE", "m1.small"]));
    here.is_finished();

    // One that is off gets another size too, and stays off.
    seen(
        &here,
        &id,
        "cloud.compute.stop_server(the_server())\nbecomes('SHUTOFF')",
    );
    write(&here, "m1.medium");
    here.place.run("apply -y").code(0);
    assert_eq!(seen(&here, &id, ""), json!([name, "SHUTOFF", "m1.medium"]));
    here.is_finished();
    here.ends();
}
