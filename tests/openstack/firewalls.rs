//! Firewalls, which are security groups here, and the servers behind them.

use serde_json::{Value, json};

use crate::cloud::Who;
use crate::deployment::Deployment;

const KILLED: i32 = 128 + 9;

/// cloud.json with these firewalls and servers, whose settings name a group of somebody else's.
fn write(here: &Deployment, firewalls: &Value, servers: &Value) {
    let settings = json!({"networks": ["public"], "security_groups": ["web"]});
    here.write(&settings, servers);
    let mut cloud: Value = serde_json::from_str(&here.place.text("cloud.json")).unwrap();
    let firewalls = firewalls.as_object().unwrap().iter();
    let named = firewalls.map(|(name, firewall)| (here.name(name), firewall.clone()));
    cloud["firewalls"] = named.collect::<serde_json::Map<String, Value>>().into();
    here.place.write("cloud.json", format!("{cloud:#}\n"));
}

/// The groups of the test with how many rules each has, and those of its servers, as another client
/// sees them when it has done something.
fn seen(here: &Deployment, change: &str) -> Value {
    let snippet = format!(
        "
def group(name):
    return next(g for g in cloud.network.security_groups() if g.name == given + name)
def group_of_nobody(name):
    return next(g for g in cloud.network.security_groups() if g.name == name)
def server(name):
    return cloud.compute.find_server(given + name, ignore_missing=False)
{change}
names = {{g.id: g.name for g in cloud.network.security_groups()}}
servers = {{s.id: s.name for s in cloud.compute.servers() if s.name.startswith(given)}}
answer = {{
    'groups': {{g.name[len(given):]: len(g.security_group_rules)
               for g in cloud.network.security_groups() if g.name.startswith(given)}},
    'servers': {{servers[p.device_id][len(given):]: sorted(names[g].removeprefix(given) for g in p.security_group_ids)
                for p in cloud.network.ports() if p.device_id in servers}},
}}"
    );
    here.cloud
        .python(Who::Demo, &snippet, &json!(here.name("")))
}

/// What lets this port through, and pings from these.
fn web(port: &str, pinging: &[&str]) -> Value {
    json!({"tags": ["web"], "inbound": [
        {"tcp": port, "from": ["anywhere"]},
        {"tcp": "22", "from": ["203.0.113.7", "2001:db8::/32"]},
        {"udp": "9000-9100", "from": ["tag:web"]},
        {"icmp": true, "from": pinging},
        {"udp": "all", "from": ["10.0.0.0/8"]},
    ]})
}

#[test]
fn servers_are_behind_just_those_for_their_tags() {
    let here = Deployment::of("walls");
    // They speak of each other.
    let both = ["anywhere", "tag:db"];
    let db =
        json!({"tags": ["DB"], "inbound": [{"tcp": "5432", "from": ["tag:web"]}], "outbound": []});
    let servers = json!({"web1": {"tags": ["Web"]}, "db1": {"tags": ["db", "web"]}, "plain": {}});
    write(&here, &json!({"web": web("80", &both), "db": db}), &servers);
    here.place.run("apply -y").code(0).says("Apply complete!");
    here.is_finished();
    let all = json!({
        // Six that let everything out.
        "groups": {"web": 11 + 6, "db": 2},
        "servers": {"web1": ["web", "web"], "db1": ["db", "web", "web"], "plain": ["web"]},
    });
    assert_eq!(seen(&here, ""), all);

    write(
        &here,
        &json!({"web": web("443", &both), "db": db}),
        &servers,
    );
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("+ inbound tcp 443 from anywhere, − inbound tcp 80 from anywhere");
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), all);

    // What others let through is shut again.
    seen(
        &here,
        "
cloud.network.create_security_group_rule(security_group_id=group('db').id, direction='egress', ethertype='IPv6')
for name, change in (('web1', lambda ids: ids + [group_of_nobody('default').id]),
                     ('db1', lambda ids: [i for i in ids if i != group('db').id])):
    port = next(p for p in cloud.network.ports() if p.device_id == server(name).id)
    cloud.network.update_port(port, security_groups=change(list(port.security_group_ids)))",
    );
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("− outbound any all to ::/0")
        .says("firewalls −default")
        .says(&format!("firewalls +{}", here.name("db")));
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), all);

    // One server leaves its firewall, and the other is left by one of its.
    let servers = json!({"web1": {"tags": []}, "db1": {"tags": ["db", "web"]}, "plain": {}});
    write(&here, &json!({"web": web("443", &both)}), &servers);
    here.place
        .run("plan")
        .code(1)
        .says("cannot speak of tag:db");
    write(&here, &json!({"web": web("443", &["anywhere"])}), &servers);
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(
        seen(&here, ""),
        json!({
            "groups": {"web": 9 + 6},
            "servers": {"web1": ["web"], "db1": ["web", "web"], "plain": ["web"]},
        })
    );
    here.ends();
    assert_eq!(seen(&here, "")["groups"], json!({}));
}

#[test]
fn one_that_was_begun_is_completed() {
    let mut here = Deployment::of("begun-wall");
    write(
        &here,
        &json!({"web": web("80", &["anywhere"])}),
        &json!({"web1": {"tags": ["web"]}}),
    );
    let own = format!("\"firewall.{}\"", here.name("web"));
    here.place.set(
        "CLOUDBUILDER_PRACTICE",
        &format!("die=write:{own}:2 tempo=0.2"),
    );
    here.place.run("apply -y --settle 3s").code(KILLED);
    here.place.unset("CLOUDBUILDER_PRACTICE");
    // As if it had been cut off between two of its rules.
    seen(
        &here,
        "
for rule in list(group('web').security_group_rules)[:5]:
    cloud.network.delete_security_group_rule(rule['id'])",
    );
    here.place.run("apply -y --settle 3s").code(0);
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, "")["groups"], json!({"web": 9 + 6}));

    // Without a state it is known by its mark.
    here.place.remove("cloud.state.json");
    here.place.run("state rebuild").code(0);
    here.is_finished();

    // Another deployment has one of that name, and nobody takes the other's.
    here.place.enter("another");
    write(&here, &json!({"web": web("81", &["anywhere"])}), &json!({}));
    here.place.run("apply -y").code(0);
    here.is_finished();
    here.place.run("destroy -y").code(0);
    here.place.enter("deployment");
    here.is_finished();
    // The key was there before, as far as the state knows.
    here.place.run("destroy -y --settle 3s").code(0);
    assert_eq!(here.held()["servers"], json!([]));
    assert_eq!(seen(&here, "")["groups"], json!({}));
}
