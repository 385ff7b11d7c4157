//! A deployment in the real cloud, with the program to run on it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cloud::{Cloud, LIMIT, Who};
use crate::contract;
use crate::left::Left;
use crate::support::program::{Place, Ran};

/// Where no DigitalOcean is: practice is known by it.
const NOBODY: &str = "http://127.0.0.1:9";

/// All that it makes has a name that begins with the test's subject.
pub(crate) struct Deployment {
    pub(crate) cloud: Cloud,
    pub(crate) place: Place,
    subject: String,
    left: Left,
}

impl Deployment {
    /// With a login in the environment, and no cloud.json.
    pub(crate) fn of(subject: &str) -> Self {
        let left = Left::of(subject);
        let cloud = Cloud::here();
        let mut place = nowhere(&cloud);
        place.set(
            "CLOUDBUILDER_PUBLIC_SSH_KEY",
            &contract::account::key(&format!("{subject}-")),
        );
        sign_in(&mut place, &cloud);
        Self {
            cloud,
            place,
            subject: subject.to_owned(),
            left,
        }
    }

    /// What something is called here: `web1` is `SUBJECT-web1`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.subject)
    }

    /// The name of a server in DNS, in the zone of this test.
    pub(crate) fn host(&self, name: &str) -> String {
        let zone = self.name("acme.com");
        match name {
            "" => zone,
            name => format!("{name}.{zone}"),
        }
    }

    /// Writes cloud.json: servers with what they say, in one account with these settings.
    pub(crate) fn write(&self, settings: &Value, servers: &Value) {
        let mut account = json!({"type": "openstack"});
        for (key, value) in settings.as_object().into_iter().flatten() {
            account[key] = value.clone();
        }
        let named: serde_json::Map<String, Value> = servers
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, server)| (self.name(name), server.clone()))
            .collect();
        let cloud = json!({
            "version": 2,
            "providers": {"os": account},
            "defaults": {"image": "debian-12", "size": "m1.tiny"},
            "servers": named,
        });
        self.place.write("cloud.json", format!("{cloud:#}\n"));
    }

    /// One server with a name on the public network.
    pub(crate) fn write_one(&self) {
        let web1 = json!({"names": [self.host("www")]});
        self.write(&json!({"networks": ["public"]}), &json!({"web1": web1}));
    }

    /// The addresses of a server that were written into cloud.json; of IPv4 or IPv6.
    #[track_caller]
    pub(crate) fn addresses(&self, server: &str, version: &str) -> Vec<String> {
        addresses(&self.place, &self.name(server), version)
    }

    /// There is nothing to do.
    #[track_caller]
    pub(crate) fn is_finished(&self) {
        self.place
            .run("plan --detailed-exitcode")
            .code(0)
            .says("No changes. Your infrastructure matches the configuration.");
    }

    /// The names of the test's servers that are there now, asked for without another client's
    /// start.
    pub(crate) fn servers(&self) -> Vec<String> {
        let session = self.cloud.session(Who::Demo);
        let url = format!("{}/servers", session.endpoint("compute"));
        let answer = self.cloud.ask("GET", &url, &session.token, &Value::Null);
        let all = answer.body["servers"].as_array().expect("servers").iter();
        let names = all.filter_map(|server| Some(server["name"].as_str()?.to_owned()));
        names
            .filter(|name| name.starts_with(&self.name("")))
            .collect()
    }

    /// What the cloud holds of this test.
    #[track_caller]
    pub(crate) fn held(&self) -> Value {
        self.left.held(&self.cloud)
    }

    /// Destroys it; then nothing is left of it.
    #[track_caller]
    pub(crate) fn ends(&self) {
        let ran = self.place.run("destroy -y --settle 3s").code(0);
        let held = self.held();
        assert_eq!(held, nothing_but_a_kept_key(&ran, &held), "{ran}");
    }

    #[track_caller]
    pub(crate) fn holds_nothing(&self) {
        assert_eq!(self.held(), nothing());
    }
}

/// Nothing; but a key stays, and the program says so, while servers of other deployments are in the
/// account, such as those of tests that run at the same time.
pub(crate) fn nothing_but_a_kept_key(destroyed: &Ran, held: &Value) -> Value {
    let mut nothing = nothing();
    if destroyed
        .stderr
        .contains("of another deployment is in the account and may use it")
    {
        nothing["keys"] = held["keys"].clone();
    }
    nothing
}

/// A place whose environment knows of no cloud.
pub(crate) fn nowhere(cloud: &Cloud) -> Place {
    let mut place = Place::nowhere();
    place.take_longer(LIMIT);
    place.keep_secret(cloud.password(Who::Demo));
    place.set("DIGITALOCEAN_API_URL", NOBODY);
    place
}

/// Puts the login of an ordinary user into the environment, as programs for OpenStack read it.
pub(crate) fn sign_in(place: &mut Place, cloud: &Cloud) {
    for (name, value) in [
        ("OS_AUTH_URL", cloud.auth_url.as_str()),
        ("OS_REGION_NAME", &cloud.region),
        ("OS_USERNAME", Who::Demo.name()),
        ("OS_PASSWORD", cloud.password(Who::Demo)),
        ("OS_PROJECT_NAME", Who::Demo.name()),
        ("OS_USER_DOMAIN_NAME", "Default"),
        ("OS_PROJECT_DOMAIN_NAME", "Default"),
    ] {
        place.set(name, value);
    }
}

#[track_caller]
pub(crate) fn addresses(place: &Place, server: &str, version: &str) -> Vec<String> {
    let cloud: Value = serde_json::from_str(&place.text("cloud.json")).expect("JSON");
    let all = cloud["servers"][server]["networks"][version].as_array();
    let public = all
        .into_iter()
        .flatten()
        .filter(|address| address["type"] == "public");
    let mut addresses: Vec<String> = public
        .filter_map(|address| Some(address["ip_address"].as_str()?.to_owned()))
        .collect();
    addresses.sort();
    addresses
}

/// What is there whose name begins with one of these, as another client sees it.
#[track_caller]
pub(crate) fn seen(cloud: &Cloud, beginnings: &[&str]) -> Value {
    cloud.python(
        Who::Demo,
        "
def its(name):
    return (name or '').startswith(tuple(given))
until('zones are gone', lambda: not any(z.action == 'DELETE' for z in cloud.dns.zones() if its(z.name)))
until('servers are gone', lambda: not any(s.status == 'DELETED' for s in cloud.compute.servers() if its(s.name)))
answer = {
    'servers': sorted(s.name for s in cloud.compute.servers() if its(s.name)),
    'zones': sorted(z.name for z in cloud.dns.zones() if its(z.name)),
    'keys': sorted(k.name for k in cloud.compute.keypairs() if its(k.public_key.split()[-1])),
    'floating': sorted(f.floating_ip_address for f in cloud.network.ips()
                       if its(f.description.rsplit('/')[-1])),
}",
        &json!(beginnings),
    )
}

pub(crate) fn nothing() -> Value {
    json!({"servers": [], "zones": [], "keys": [], "floating": []})
}

/// A file of the checkout.
pub(crate) fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
