//! One cloud.json, several clouds: servers on a real OpenStack and on a simulated Rackspace Cloud,
//! and their names in the zone of a simulated DigitalOcean.

use cloudbuilder::sandbox::rackspace::ACCOUNTS;
use cloudbuilder::sandbox::{self, Options};
use serde_json::json;

use crate::deployment::{Deployment, addresses};
use crate::support::cloud::{Cloud as Simulated, quick, text};

#[test]
fn servers_on_two_clouds_and_their_names_on_a_third() {
    let mut here = Deployment::of("several");
    let digitalocean = Simulated::start(quick());
    let rackspace = Simulated::start(Options {
        cloud: sandbox::Cloud::Rackspace,
        ..quick()
    });
    let [own, _] = &ACCOUNTS;
    here.place.point_at(digitalocean.url());
    here.place
        .set("DIGITALOCEAN_TOKEN", crate::support::program::TOKEN);
    here.place.set("RAX_USERNAME", own.username);
    here.place.set("RAX_API_KEY", own.api_key);
    here.place.keep_secret(own.api_key);
    let cloud = json!({
        "version": 2,
        "providers": {
            "os": {"type": "openstack", "networks": ["public"]},
            "rax": {"type": "rackspace", "region": "DFW", "auth_url": rackspace.url()},
            "do": {"type": "digitalocean"},
        },
        "domains": {"acme.com": {"provider": "do"}},
        "servers": {
            "several-web1": {"provider": "os", "image": "debian-12", "size": "m1.tiny",
                "names": ["web1.acme.com", "acme.com"]},
            "several-web2": {"provider": "rax", "image": "Debian 12*", "size": "general1-1",
                "names": ["web2.acme.com"]},
        },
    });
    here.place.write("cloud.json", format!("{cloud:#}\n"));
    here.place.run("apply -y").code(0).says("Apply complete!");
    here.is_finished();

    let mut wanted = Vec::new();
    for (server, names) in [
        ("several-web1", &["@", "web1"] as &[&str]),
        ("several-web2", &["web2"]),
    ] {
        for (version, kind) in [("v4", "A"), ("v6", "AAAA")] {
            let addresses = addresses(&here.place, server, version);
            let [address] = &addresses[..] else {
                panic!("{server}: {addresses:?}");
            };
            for name in names {
                wanted.push(format!("{name} {kind} {address}"));
            }
        }
    }
    wanted.sort();
    let records = digitalocean.records("acme.com");
    let mut seen: Vec<String> = records
        .iter()
        .map(|record| {
            let of = |key: &str| text(&record[key]);
            format!("{} {} {}", of("name"), of("type"), of("data"))
        })
        .collect();
    seen.sort();
    assert_eq!(seen, wanted);
    assert_eq!(here.held()["servers"], json!(["several-web1"]));
    assert_eq!(here.held()["zones"], json!([]));

    here.ends();
    assert_eq!(digitalocean.world(), "");
}
