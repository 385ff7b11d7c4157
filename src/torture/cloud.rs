//! Random deployments: what an account holds before, and what is asked for, stage by stage.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The key of every deployment here. Nobody has its other half.
pub(super) const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIHByYWN0aWNlLWtleS1ub2JvZHktaGFzLWl0LXRydWx5 torture@example.com";
/// What it is called in the account once it is uploaded.
pub(super) const KEY_NAME: &str = "torture@example.com";
/// The one region without IPv6.
pub(super) const WITHOUT_IPV6: &str = "sgp1";

const ZONES: [&str; 2] = ["acme.com", "other.net"];
const REGIONS: [&str; 3] = ["nyc3", "fra1", WITHOUT_IPV6];
const SIZES: [&str; 3] = ["s-1vcpu-1gb", "s-1vcpu-2gb", "s-2vcpu-4gb"];

/// A deployment's life, and what was there before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scenario {
    /// What others have made, as requests: a path and a body to post.
    pub(super) before: Vec<(String, Value)>,
    pub(super) stages: Vec<Stage>,
}

/// What is asked for at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stage {
    pub(super) servers: Vec<Server>,
    /// All of it is to go.
    pub(super) destroy: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) region: &'static str,
    pub(super) size: &'static str,
    /// Whole DNS names.
    pub(super) names: Vec<String>,
}

impl Server {
    /// The types of the address records that each of its names has.
    pub(super) fn record_types(&self) -> &'static [&'static str] {
        if self.region == WITHOUT_IPV6 {
            &["A"]
        } else {
            &["A", "AAAA"]
        }
    }
}

impl Stage {
    /// The user's file.
    pub(super) fn cloud_json(&self) -> String {
        let servers: Map<String, Value> = self
            .servers
            .iter()
            .map(|server| {
                let body = json!({"region": server.region, "size": server.size,
                    "image": "debian-13-x64", "names": server.names});
                (server.name.clone(), body)
            })
            .collect();
        format!("{:#}\n", Value::Object(servers))
    }

    /// The names of the servers that shall be there.
    pub(super) fn wanted(&self) -> Vec<&str> {
        let servers = self.servers.iter().filter(|_| !self.destroy);
        servers.map(|server| server.name.as_str()).collect()
    }

    /// The address records that shall be there: name, type, server.
    pub(super) fn records(&self) -> impl Iterator<Item = (&str, &'static str, &Server)> {
        let servers = self.servers.iter().filter(|_| !self.destroy);
        servers.flat_map(|server| {
            server.names.iter().flat_map(move |name| {
                let types = server.record_types().iter();
                types.map(move |kind| (name.as_str(), *kind, server))
            })
        })
    }
}

/// The zone of a name.
pub(super) fn zone_of(name: &str) -> &'static str {
    let ends = |zone: &&&str| name == **zone || name.ends_with(&format!(".{zone}"));
    ZONES.iter().find(ends).copied().unwrap_or(ZONES[0])
}

impl Scenario {
    /// The deployment of a seed.
    pub(super) fn random(rng: &mut Rng) -> Self {
        let mut before = Vec::new();
        for zone in ZONES {
            if rng.bool() {
                before.push(post("/v2/domains", json!({"name": zone})));
                for (name, kind, data) in [("@", "TXT", "not ours"), ("old", "A", "192.0.2.7")] {
                    if rng.bool() {
                        let body = json!({"name": name, "type": kind, "data": data});
                        before.push(post(&format!("/v2/domains/{zone}/records"), body));
                    }
                }
            }
        }
        for number in 0..rng.usize(0..3) {
            let body = json!({"name": format!("stranger{number}"), "region": "nyc3",
                "size": SIZES[0], "image": "debian-13-x64"});
            before.push(post("/v2/droplets", body));
        }
        if rng.u8(0..10) < 3 {
            let body = json!({"name": "uploaded by hand", "public_key": KEY});
            before.push(post("/v2/account/keys", body));
        }

        let mut made = Made::default();
        let alike = (choice(rng, &REGIONS), choice(rng, &SIZES));
        let count = rng.usize(1..=12);
        let servers = (0..count).map(|_| made.server(rng, alike)).collect();
        let first = Stage {
            servers,
            destroy: false,
        };
        let mut stages = vec![first.clone()];
        match rng.u8(0..10) {
            0..=3 => stages.push(made.changed(rng, &first, alike)),
            4 => stages.push(Stage {
                destroy: true,
                ..first
            }),
            _ => {}
        }
        Self { before, stages }
    }

    /// One that has a bit of everything: two servers alike and one that is not, three names, a new
    /// zone, a new key.
    pub(super) fn fixed() -> Self {
        let server = |name: &str, size, names: &[&str]| Server {
            name: name.to_owned(),
            region: REGIONS[0],
            size,
            names: names.iter().map(ToString::to_string).collect(),
        };
        let stage = Stage {
            servers: vec![
                server("web1", SIZES[0], &["web1.acme.com", "acme.com"]),
                server("web2", SIZES[0], &["web2.acme.com"]),
                server("db1", SIZES[1], &[]),
            ],
            destroy: false,
        };
        let before = vec![post(
            "/v2/droplets",
            json!({"name": "stranger", "region": "nyc3", "size": SIZES[0],
                "image": "debian-13-x64"}),
        )];
        Self {
            before,
            stages: vec![stage],
        }
    }

    /// The fixed one, and what comes after: one server goes, one comes, a name moves.
    pub(super) fn fixed_and_changed() -> Self {
        let mut scenario = Self::fixed();
        let mut changed = scenario.stages.first().cloned().unwrap_or_default();
        let moved = changed.servers.get_mut(0).and_then(|web1| web1.names.pop());
        changed.servers.retain(|server| server.name != "web2");
        changed.servers.push(Server {
            name: "web3".to_owned(),
            region: REGIONS[0],
            size: SIZES[0],
            names: moved.into_iter().collect(),
        });
        scenario.stages.push(changed);
        scenario
    }
}

fn post(path: &str, body: Value) -> (String, Value) {
    (path.to_owned(), body)
}

fn choice<T: Copy>(rng: &mut Rng, from: &[T; 3]) -> T {
    let [a, b, c] = *from;
    match rng.u8(0..3) {
        0 => a,
        1 => b,
        _ => c,
    }
}

/// How much has been invented, so that no name comes twice.
#[derive(Default)]
struct Made {
    servers: usize,
    names: usize,
}

impl Made {
    /// Three of four are alike, so that several go into one request.
    fn server(&mut self, rng: &mut Rng, alike: (&'static str, &'static str)) -> Server {
        self.servers += 1;
        let (region, size) = match rng.u8(0..4) {
            0 => (choice(rng, &REGIONS), choice(rng, &SIZES)),
            _ => alike,
        };
        let names = (0..rng.usize(0..=3)).map(|_| self.name(rng)).collect();
        Server {
            name: format!("web{}", self.servers),
            region,
            size,
            names,
        }
    }

    fn name(&mut self, rng: &mut Rng) -> String {
        self.names += 1;
        let zone = if rng.u8(0..4) == 0 {
            ZONES[1]
        } else {
            ZONES[0]
        };
        match self.names {
            1 => zone.to_owned(),
            number => format!("n{number}.{zone}"),
        }
    }

    /// The next stage: a server goes, one comes, a name moves; one of these at least.
    fn changed(
        &mut self,
        rng: &mut Rng,
        first: &Stage,
        alike: (&'static str, &'static str),
    ) -> Stage {
        let mut stage = first.clone();
        let what = rng.u8(1..8);
        if what & 1 != 0 && stage.servers.len() > 1 {
            stage.servers.remove(rng.usize(0..stage.servers.len()));
        }
        if what & 2 != 0 {
            stage.servers.push(self.server(rng, alike));
        }
        if what & 4 != 0 {
            let (from, to) = (
                rng.usize(0..stage.servers.len()),
                rng.usize(0..stage.servers.len()),
            );
            let moved = stage.servers.get_mut(from).and_then(|one| one.names.pop());
            if let Some(to) = stage.servers.get_mut(to) {
                to.names.extend(moved);
            }
        }
        stage
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_is_a_deployment_and_seeds_differ() {
        let of = |seed| Scenario::random(&mut Rng::with_seed(seed));
        assert_eq!(of(7), of(7));
        let different: BTreeSet<String> = (0..50).map(|seed| format!("{:?}", of(seed))).collect();
        assert_eq!(different.len(), 50);
    }

    #[test]
    fn there_is_some_of_everything_and_no_name_twice() {
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let scenario = Scenario::random(&mut Rng::with_seed(seed));
            for stage in &scenario.stages {
                let mut names = BTreeSet::new();
                for (name, kind, _) in stage.records() {
                    assert!(
                        names.insert((name.to_owned(), kind)),
                        "{seed}: {name} {kind}"
                    );
                    assert!(name.ends_with(zone_of(name)), "{name}");
                }
                seen.insert(format!("{} servers", stage.servers.len()));
                seen.insert(format!("destroy {}", stage.destroy));
            }
            seen.insert(format!("{} stages", scenario.stages.len()));
            seen.extend(scenario.before.iter().map(|(path, _)| path.clone()));
        }
        for what in [
            "1 servers",
            "12 servers",
            "destroy true",
            "1 stages",
            "2 stages",
            "/v2/domains",
            "/v2/droplets",
            "/v2/account/keys",
            "/v2/domains/other.net/records",
        ] {
            assert!(seen.contains(what), "{what} is not in {seen:?}");
        }
    }

    #[test]
    fn a_region_without_ipv6_has_one_record_a_name() {
        let mut scenario = Scenario::fixed();
        let stage = &mut scenario.stages[0];
        assert_eq!(stage.records().count(), 6);
        stage.servers[0].region = WITHOUT_IPV6;
        assert_eq!(stage.records().count(), 4);
        stage.destroy = true;
        assert_eq!(stage.records().count(), 0);
    }
}
