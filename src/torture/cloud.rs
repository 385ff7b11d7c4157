//! Random deployments: what an account holds before, and what is asked for, stage by stage.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::around::{self, Around, Manner};
use super::terms::Terms;

/// A deployment's life, and what was there before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scenario {
    /// What others have made.
    pub(super) before: Vec<Before>,
    pub(super) stages: Vec<Stage>,
}

/// Something that others have made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Before {
    Zone(String),
    Record {
        zone: String,
        /// Relative to the zone, `@` for the zone itself.
        name: &'static str,
        kind: &'static str,
        data: &'static str,
    },
    Server(String),
    /// The deployment's own key under another name.
    Key(&'static str),
}

/// What is asked for at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stage {
    pub(super) servers: Vec<Server>,
    /// What names say in records that lead to no server, by name and type: each in one of its own.
    pub(super) values: BTreeMap<(String, &'static str), Vec<&'static str>>,
    pub(super) around: Around,
    /// All of it is to go.
    pub(super) destroy: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) region: &'static str,
    pub(super) size: &'static str,
    pub(super) image: &'static str,
    /// Whether it is backed up.
    pub(super) backups: bool,
    /// Whether it has an IPv6 address.
    pub(super) ipv6: bool,
    /// Whole DNS names.
    pub(super) names: Vec<String>,
    pub(super) manner: Manner,
    /// What it was called the stage before, if it has another name since.
    pub(super) was: Option<String>,
}

impl Server {
    /// The types of the address records that each of its names has.
    pub(super) fn record_types(&self) -> &'static [&'static str] {
        if self.ipv6 { &["A", "AAAA"] } else { &["A"] }
    }
}

impl Stage {
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

impl Scenario {
    /// The same without tags, and without what is for these.
    pub(super) fn without_tags(mut self) -> Self {
        for stage in &mut self.stages {
            stage
                .around
                .things
                .retain(|thing| thing.kind != &around::FIREWALL);
            for server in &mut stage.servers {
                server.manner.tags = None;
            }
        }
        self
    }
}

impl Stage {
    /// The records that shall be there and lead to no server: name, type and value.
    pub(super) fn said(&self) -> impl Iterator<Item = (&str, &'static str, &'static str)> {
        let values = self.values.iter().filter(|_| !self.destroy);
        values.flat_map(|((name, kind), values)| {
            values
                .iter()
                .map(move |value| (name.as_str(), *kind, *value))
        })
    }

    /// The TXT records that shall say a server's private address: name and server.
    pub(super) fn told(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = self.around.told.iter().filter(|_| !self.destroy);
        told.map(|(name, server)| (name.as_str(), server.as_str()))
    }

    /// The same, with a server under another name of which nothing else tells.
    fn renamed(&self, rng: &mut Rng) -> Option<Self> {
        let is_named = |server: &&mut Server| {
            let mut forms = self.things().iter().map(|thing| &thing.form);
            forms.any(|form| form.contains(&server.name))
                || self.told().any(|(_, told)| told == server.name)
        };
        let mut stage = self.clone();
        let servers = stage.servers.iter_mut().filter(|one| !is_named(one));
        let servers: Vec<&mut Server> = servers.collect();
        let server = rng.choice(servers).filter(|_| !self.destroy)?;
        let name = server.name.replace("web", "app");
        server.was = Some(std::mem::replace(&mut server.name, name));
        Some(stage)
    }

    /// What shall stand around.
    pub(super) fn things(&self) -> &[around::Thing] {
        match self.destroy {
            true => &[],
            false => &self.around.things,
        }
    }

    /// The names that anything is said of.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let leading = self.records().map(|(name, ..)| name);
        let said = self.said().map(|(name, ..)| name);
        leading.chain(said).chain(self.told().map(|(name, _)| name))
    }
}

/// What a name can say.
const TEXTS: [&str; 4] = ["v=spf1 -all", "one", "two words", "three; more = words"];

/// What names can say in records of other types; of an alias there is only one.
const VALUES: [(&str, &str, [&str; 2]); 5] = [
    ("", "MX", ["10 mx.example.net.", "20 backup.example.net."]),
    (
        "",
        "CAA",
        ["0 issue letsencrypt.org", "0 iodef mailto:us@example.net"],
    ),
    (
        "_sip._tcp.",
        "SRV",
        ["0 5 5060 sip.example.net.", "10 0 5061 sip.example.net."],
    ),
    ("sub.", "NS", ["ns1.example.net.", "ns2.example.net."]),
    ("alias.", "CNAME", ["www.example.net.", "example.net."]),
];

/// What some names say: another list of it each time, so that values come, change and go.
fn values(rng: &mut Rng, terms: &Terms) -> BTreeMap<(String, &'static str), Vec<&'static str>> {
    let [zone, other] = &terms.zones;
    let mut all = BTreeMap::new();
    if !terms.has_values {
        return all;
    }
    for name in [zone.clone(), format!("txt.{zone}"), format!("txt.{other}")] {
        let mut said = TEXTS.to_vec();
        rng.shuffle(&mut said);
        said.truncate(rng.usize(0..=3));
        if !said.is_empty() {
            all.insert((name, "TXT"), said);
        }
    }
    for (name, kind, said) in VALUES {
        let mut said = said.to_vec();
        rng.shuffle(&mut said);
        said.truncate(rng.usize(1..=said.len()));
        if kind == "CNAME" {
            said.truncate(1);
        }
        if rng.u8(0..4) == 0 {
            all.insert((format!("{name}{zone}"), kind), said);
        }
    }
    all
}

/// The zone of a name: each here is of two labels.
pub(super) fn zone_of(name: &str) -> &str {
    let dots = name.rmatch_indices('.').nth(1);
    dots.and_then(|(dot, _)| name.get(dot + 1..))
        .unwrap_or(name)
}

impl Scenario {
    /// The deployment of a seed.
    pub(super) fn random(rng: &mut Rng, terms: &Terms) -> Self {
        let mut before = Vec::new();
        for zone in &terms.zones {
            if rng.bool() {
                before.push(Before::Zone(zone.clone()));
                for (name, kind, data) in [("@", "TXT", "not ours"), ("old", "A", "192.0.2.7")] {
                    if rng.bool() {
                        before.push(Before::Record {
                            zone: zone.clone(),
                            name,
                            kind,
                            data,
                        });
                    }
                }
            }
        }
        for number in 0..rng.usize(0..3).min(terms.most_strangers) {
            before.push(Before::Server(format!("{}stranger{number}", terms.prefix)));
        }
        if rng.u8(0..10) < 3 && terms.shares_keys {
            before.push(Before::Key("uploaded by hand"));
        }

        let mut made = Made::new(terms);
        let alike = (choice(rng, &terms.regions), choice(rng, &terms.sizes));
        let count = rng.usize(1..=terms.most_servers);
        let servers = (0..count).map(|_| made.server(rng, alike)).collect();
        let first = Stage {
            servers,
            ..Stage::default()
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
        // Drawn apart, so that all else is what it is without them.
        let mut apart = rng.clone();
        for stage in &mut stages {
            stage.values = values(&mut apart, terms);
        }
        around::surround(&mut apart, &mut stages, terms);
        if apart.u8(0..4) == 0 {
            let renamed = stages.last().and_then(|last| last.renamed(&mut apart));
            stages.extend(renamed);
        }
        Self { before, stages }
    }

    /// One that has a bit of everything: two servers alike and one that is not, three names, a new
    /// zone, a new key.
    pub(super) fn fixed(terms: &Terms) -> Self {
        let [region, _, _] = terms.regions;
        let [small, larger, _] = terms.sizes;
        let [zone, _] = &terms.zones;
        let [image, _] = terms.images;
        let server = |name: &str, size, names: &[&str]| Server {
            name: format!("{}{name}", terms.prefix),
            region,
            size,
            image,
            backups: false,
            ipv6: region != terms.without_ipv6,
            names: names.iter().map(|name| format!("{name}{zone}")).collect(),
            manner: Manner::default(),
            was: None,
        };
        let stage = Stage {
            servers: vec![
                server("web1", small, &["web1.", ""]),
                server("web2", small, &["web2."]),
                server("db1", larger, &[]),
            ],
            ..Stage::default()
        };
        Self {
            before: vec![Before::Server(format!("{}stranger", terms.prefix))],
            stages: vec![stage],
        }
    }

    /// The fixed one, and what comes after: one server goes, one comes, a name moves, and where that
    /// can be done in place, one gets another size. Where there is another image, one with a name is
    /// replaced. Where something can stand around them, there is a VPC, which changes, a firewall that
    /// comes, and a snapshot of what goes.
    pub(super) fn fixed_and_changed(terms: &Terms) -> Self {
        let mut scenario = Self::fixed(terms);
        if terms.has_surroundings
            && let Some(stage) = scenario.stages.first_mut()
        {
            let [region, ..] = terms.regions;
            let vpc = around::vpc(region, "one");
            if let [.., web2, db1] = stage.servers.as_mut_slice() {
                web2.manner.snapshot = true;
                db1.manner.vpc = Some(vpc.name.clone());
            }
            stage.around.things = vec![vpc];
        }
        let mut changed = scenario.stages.first().cloned().unwrap_or_default();
        let moved = changed.servers.get_mut(0).and_then(|web1| web1.names.pop());
        let [region, _, _] = terms.regions;
        // Not just like the one that goes, which would only get its name.
        let [_, size, largest] = terms.sizes;
        if terms.has_surroundings {
            let firewall = around::firewall("web", &["22", "443"]);
            changed.around.things = vec![around::vpc(region, "two"), firewall];
        }
        if terms.routes.change_server.is_some()
            && let Some(db1) = changed.servers.last_mut()
        {
            db1.size = largest;
        }
        changed
            .servers
            .retain(|server| !server.name.ends_with("web2"));
        let [image, other] = terms.images;
        if let Some(web1) = changed.servers.get_mut(0) {
            web1.image = other;
        }
        changed.servers.push(Server {
            name: format!("{}web3", terms.prefix),
            region,
            size,
            image,
            backups: false,
            ipv6: region != terms.without_ipv6,
            names: moved.into_iter().collect(),
            manner: Manner::default(),
            was: None,
        });
        scenario.stages.push(changed);
        scenario
    }
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
struct Made<'a> {
    terms: &'a Terms,
    servers: usize,
    names: usize,
}

impl<'a> Made<'a> {
    fn new(terms: &'a Terms) -> Self {
        Self {
            terms,
            servers: 0,
            names: 0,
        }
    }

    /// Three of four are alike, so that several go into one request.
    fn server(&mut self, rng: &mut Rng, alike: (&'static str, &'static str)) -> Server {
        self.servers += 1;
        let (region, size) = match rng.u8(0..4) {
            0 => {
                let Terms { regions, sizes, .. } = self.terms;
                (choice(rng, regions), choice(rng, sizes))
            }
            _ => alike,
        };
        let names = (0..rng.usize(0..=3)).map(|_| self.name(rng)).collect();
        let [image, _] = self.terms.images;
        Server {
            name: format!("{}web{}", self.terms.prefix, self.servers),
            region,
            size,
            image,
            backups: false,
            ipv6: region != self.terms.without_ipv6,
            names,
            manner: Manner::default(),
            was: None,
        }
    }

    fn name(&mut self, rng: &mut Rng) -> String {
        self.names += 1;
        let [most, some] = &self.terms.zones;
        let zone = if rng.u8(0..4) == 0 { some } else { most };
        match self.names {
            1 => zone.clone(),
            number => format!("n{number}.{zone}"),
        }
    }

    /// The next stage: a server goes, one comes, a name moves; one of these at least. Where that can
    /// be done in place, servers are changed too.
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
        if self.terms.routes.change_server.is_some() {
            for server in &mut stage.servers {
                self.changed_in_place(rng, server);
            }
        }
        // One of five is replaced, where there is another image.
        let [image, other] = self.terms.images;
        if image != other {
            for server in &mut stage.servers {
                if rng.u8(0..5) == 0 {
                    server.image = other;
                }
            }
        }
        stage
    }

    /// One of four has another size; one of four is backed up, where that can be. What has a larger disk cannot become
    /// a size with a smaller one.
    fn changed_in_place(&self, rng: &mut Rng, server: &mut Server) {
        if rng.u8(0..4) == 0 {
            let sizes = self.terms.sizes.iter();
            let mut larger = sizes.skip_while(|size| **size != server.size).skip(1);
            server.size = larger.next().unwrap_or(&server.size);
        }
        if self.terms.has_backups {
            server.backups = rng.u8(0..4) == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Ground;
    use super::*;

    fn terms() -> Terms {
        Ground::DigitalOcean.terms(0)
    }

    #[test]
    fn a_seed_is_a_deployment_and_seeds_differ() {
        let of = |seed| Scenario::random(&mut Rng::with_seed(seed), &terms());
        assert_eq!(of(7), of(7));
        let different: BTreeSet<String> = (0..50).map(|seed| format!("{:?}", of(seed))).collect();
        assert_eq!(different.len(), 50);
    }

    #[test]
    fn there_is_some_of_everything_and_no_name_twice() {
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let scenario = Scenario::random(&mut Rng::with_seed(seed), &terms());
            for stage in &scenario.stages {
                let servers = stage.servers.iter().map(|server| &server.manner);
                for manner in servers {
                    seen.extend(manner.keys().into_iter().map(|(key, _)| key));
                }
                let things = stage.around.things.iter();
                seen.extend(things.map(|thing| format!("a {}", thing.kind.name)));
                seen.extend(stage.told().map(|_| "an address in a text".to_owned()));
                let mut names = BTreeSet::new();
                for (name, kind, _) in stage.records() {
                    assert!(
                        names.insert((name.to_owned(), kind)),
                        "{seed}: {name} {kind}"
                    );
                    assert!(
                        terms().zones.iter().any(|zone| zone == zone_of(name)),
                        "{name}"
                    );
                }
                seen.insert(format!("{} servers", stage.servers.len()));
                seen.insert(format!("destroy {}", stage.destroy));
                seen.extend(
                    stage
                        .values
                        .iter()
                        .map(|((_, kind), all)| format!("{} {kind}", all.len())),
                );
            }
            seen.insert(format!("{} stages", scenario.stages.len()));
            seen.extend(scenario.before.iter().map(|before| match before {
                Before::Zone(_) => "a zone".to_owned(),
                Before::Record { zone, .. } => format!("a record in {zone}"),
                Before::Server(_) => "a server".to_owned(),
                Before::Key(_) => "a key".to_owned(),
            }));
        }
        for what in [
            "1 servers",
            "12 servers",
            "destroy true",
            "1 TXT",
            "3 TXT",
            "2 MX",
            "1 CNAME",
            "2 SRV",
            "1 CAA",
            "2 NS",
            "1 stages",
            "2 stages",
            "a zone",
            "a server",
            "a key",
            "a record in other.net",
            "a vpc",
            "a firewall",
            "a volume",
            "a reserved_ip",
            "volumes",
            "reserved_ip",
            "an address in a text",
            "vpc",
            "tags",
            "on_image_change",
            "on_destroy",
            "check",
        ] {
            assert!(seen.contains(what), "{what} is not in {seen:?}");
        }
    }

    #[test]
    fn a_region_without_ipv6_has_one_record_a_name() {
        let mut scenario = Scenario::fixed(&terms());
        let stage = &mut scenario.stages[0];
        assert_eq!(stage.records().count(), 6);
        stage.servers[0].ipv6 = false;
        assert_eq!(stage.records().count(), 4);
        stage.destroy = true;
        assert_eq!(stage.records().count(), 0);
    }
}
