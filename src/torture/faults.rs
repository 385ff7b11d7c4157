//! What goes wrong, as a function of the seed: requests, by method, route, object's name and
//! occurrence, and steps at files, by what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::sandbox::{Fault, FaultKind};

use super::around::Around;
use super::cloud::{Scenario, Server, Stage, zone_of};
use super::terms::{Route, Terms};

/// Everything that goes wrong in one trial.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles {
    /// What happens to requests.
    pub(super) faults: Vec<Fault>,
    /// Where the client dies by itself.
    pub(super) deaths: Vec<Death>,
    /// When it is killed after its start, run by run.
    pub(super) instants: Vec<Duration>,
    /// How long what was just made cannot be seen.
    pub(super) lag: Duration,
    /// How many requests the client has under way at once.
    pub(super) parallelism: usize,
    /// How long a server boots.
    pub(super) boot: Duration,
    /// How long a change of one takes.
    pub(super) action: Duration,
    /// What of unfinished writes is on the disk after a kill, if the machine dies as well.
    pub(super) power: Option<u64>,
    /// Whether the token may not create tags, so that servers carry no mark.
    pub(super) tagless: bool,
}

/// A step at a file before which the client is killed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Death {
    /// In which stage, from 0.
    pub(super) stage: usize,
    /// In which run of that stage, from 0.
    pub(super) run: usize,
    /// Which step: a number, or a kind, a text in it, and a number.
    pub(super) at: String,
    /// Whether a write that it dies at is half done.
    pub(super) torn: bool,
}

impl Death {
    /// In the words of `CLOUDBUILDER_PRACTICE`.
    pub(super) fn words(&self) -> String {
        format!("die={}{}", self.at, if self.torn { " torn" } else { "" })
    }
}

/// The guarantee holds for lags below the settling time. This is far below it, and yet longer than
/// a new run takes to look.
const LAG_MS: RangeInclusive<u64> = 300..=600;
/// What a request may take longer than usual.
const DELAY_MS: RangeInclusive<u64> = 5..=50;

/// What a fault can wait for: method, route, name.
pub(super) type Aim = (&'static str, &'static str, String);

/// The requests that change something in this life.
pub(super) fn changing(scenario: &Scenario, terms: &Terms) -> Vec<Aim> {
    let routes = &terms.routes;
    let mut aims = BTreeSet::from([at(routes.make_key, &terms.key_name)]);
    let mut before = &Stage::default();
    let nothing = Around::default();
    for stage in &scenario.stages {
        let (had, has) = (before.wanted(), stage.wanted());
        for server in has.iter().filter(|server| !had.contains(server)) {
            aims.insert(at(routes.make_server, server));
        }
        for server in had.iter().filter(|server| !has.contains(server)) {
            aims.insert(at(routes.drop_server, server));
        }
        // A copy of it is made before.
        let had_manner = |server: &&Server| server.manner.snapshot && !has.contains(&&*server.name);
        let copied = before.servers.iter().filter(had_manner);
        aims.extend(copied.filter_map(|server| Some(at(routes.change_server?, &server.name))));
        let stood = match before.destroy {
            true => &nothing,
            false => &before.around,
        };
        let stands = match stage.destroy {
            true => &nothing,
            false => &stage.around,
        };
        for (route, name) in stands.requests(stood) {
            aims.insert(at(route, name));
        }
        for (route, name) in stands.removals(stood) {
            aims.insert(at(route, &name));
        }
        // Another is made for these, the first of which has the same name.
        let mut replaced = BTreeSet::new();
        for server in &stage.servers {
            let mut earlier = before.servers.iter();
            let earlier = earlier.find(|earlier| earlier.name == server.name);
            let form = |one: &Server| (one.size, one.backups, one.image);
            match earlier.filter(|_| !stage.destroy) {
                Some(earlier) if earlier.image != server.image && !server.manner.rebuild => {
                    aims.insert(at(routes.drop_server, &server.name));
                    replaced.insert(&*server.name);
                }
                Some(earlier) if form(earlier) != form(server) => {
                    aims.extend(routes.change_server.map(|route| at(route, &server.name)));
                }
                _ => {}
            }
        }
        let (had, has) = (leads(before), leads(stage));
        for (record, server) in &has {
            let is_elsewhere = |before: &&str| before != server || replaced.contains(server);
            match had.get(record) {
                None => aims.insert(at(routes.make_record, record)),
                Some(before) if is_elsewhere(before) => {
                    aims.insert(at(routes.change_record, record))
                }
                Some(_) => false,
            };
        }
        for record in had.keys().filter(|record| !has.contains_key(*record)) {
            aims.insert(at(routes.drop_record, record));
        }
        let (had, has): (BTreeSet<_>, BTreeSet<_>) =
            (before.said().collect(), stage.said().collect());
        let names = |these: &BTreeSet<(&str, &str, &str)>| {
            let names = these.iter().map(|(name, kind, _)| format!("{name} {kind}"));
            names.collect::<BTreeSet<String>>()
        };
        // One that takes the place of another is a change, where there is one more it is made.
        let (had_names, has_names) = (names(&had), names(&has));
        let new = has_names.difference(&had_names);
        aims.extend(new.map(|record| at(routes.make_record, record)));
        let gone = had_names.difference(&has_names);
        aims.extend(gone.map(|record| at(routes.drop_record, record)));
        let zones = |stage: &Stage, route| -> Vec<Aim> {
            stage.names().map(|name| at(route, zone_of(name))).collect()
        };
        aims.extend(zones(stage, routes.make_zone));
        if stage.destroy {
            aims.insert(at(routes.drop_key, &terms.key_name));
            aims.extend(zones(before, routes.drop_zone));
        }
        before = stage;
    }
    aims.into_iter().collect()
}

fn at((method, path): Route, name: &str) -> Aim {
    (method, path, name.to_owned())
}

/// Which record leads to which server.
fn leads(stage: &Stage) -> BTreeMap<String, &str> {
    let records = stage.records();
    records
        .map(|(name, kind, server)| (format!("{name} {kind}"), server.name.as_str()))
        .collect()
}

/// The requests that only look.
pub(super) fn looking(scenario: &Scenario, terms: &Terms) -> Vec<Aim> {
    let routes = &terms.routes;
    let servers = scenario.stages.iter().flat_map(|stage| &stage.servers);
    let mut aims: BTreeSet<Aim> = servers
        .flat_map(|server| {
            let zones = server.names.iter().map(|name| zone_of(name));
            let zones = zones.map(|zone| at(routes.see_records, zone));
            zones.chain([at(routes.see_server, &server.name)])
        })
        .collect();
    aims.extend(routes.look.iter().map(|route| at(*route, "")));
    aims.insert(at(routes.see_key, &terms.key_name));
    aims.into_iter().collect()
}

/// A fault of a kind at one of these requests, at its `nth` occurrence.
pub(super) fn fault(aim: &Aim, nth: u64, kind: FaultKind) -> Fault {
    let (method, route, name) = aim;
    Fault {
        method: Some((*method).to_owned()),
        path: Some((*route).to_owned()),
        name: Some(name.clone()).filter(|name| !name.is_empty()),
        nth: Some(nth),
        ..Fault::of(kind)
    }
}

impl Troubles {
    /// Without any: everything goes well.
    pub(super) fn none() -> Self {
        Self {
            parallelism: 10,
            boot: Duration::from_millis(10),
            action: Duration::from_millis(5),
            ..Self::default()
        }
    }

    /// One to three, drawn for this life.
    pub(super) fn random(rng: &mut Rng, scenario: &Scenario, terms: &Terms) -> Self {
        let mut troubles = Self {
            lag: Duration::from_millis(match rng.u8(0..4) {
                0 => rng.u64(LAG_MS),
                _ => 0,
            }),
            parallelism: match rng.u8(0..4) {
                0 => 1,
                1 => 2,
                _ => 10,
            },
            boot: Duration::from_millis(rng.u64(5..=30)),
            action: Duration::from_millis(match rng.u8(0..8) {
                // Longer than what settles.
                0 => rng.u64(1_600..=2_000),
                1 | 2 => rng.u64(100..=600),
                _ => rng.u64(1..=10),
            }),
            power: (rng.u8(0..3) == 0).then(|| rng.u64(..)),
            tagless: rng.u8(0..8) == 0,
            ..Self::default()
        };
        let (changing, looking) = (changing(scenario, terms), looking(scenario, terms));
        let count = rng.usize(1..=3);
        while troubles.faults.len() + troubles.deaths.len() < count {
            match rng.u8(0..10) {
                0..=5 => troubles.faults.extend(at_a_change(rng, &changing, terms)),
                6 => troubles.faults.extend(at_a_look(rng, &looking)),
                _ => troubles.deaths.push(death(rng, scenario, terms)),
            }
            // What nobody was told of is hardest to find if it is not to be seen either.
            if let Some(last) = troubles.faults.last().filter(|last| is_lost(last))
                && troubles.faults.len() + troubles.deaths.len() < count
                && rng.bool()
            {
                let lag = Fault {
                    kind: FaultKind::Lag,
                    ms: Some(rng.u64(LAG_MS)),
                    status: None,
                    ..last.clone()
                };
                troubles.faults.push(lag);
            }
        }
        troubles.within(terms)
    }

    /// Without what only a cloud of ours can do. What cannot be out of sight for a while takes a
    /// while.
    fn within(mut self, terms: &Terms) -> Self {
        self.tagless &= terms.may_lack_tags;
        if !terms.simulated {
            self.lag = Duration::ZERO;
            for fault in &mut self.faults {
                if matches!(fault.kind, FaultKind::Lag | FaultKind::NeverActive) {
                    fault.kind = FaultKind::Delay;
                }
            }
        }
        self
    }

    /// None but kills at any instant, which do not replay.
    pub(super) fn at_instants(rng: &mut Rng, scenario: &Scenario, terms: &Terms) -> Self {
        let kills = rng.usize(1..=3);
        Self {
            faults: Vec::new(),
            deaths: Vec::new(),
            instants: (0..kills)
                .map(|_| Duration::from_millis(rng.u64(20..500)))
                .collect(),
            ..Self::random(rng, scenario, terms)
        }
    }
}

fn at_a_change(rng: &mut Rng, aims: &[Aim], terms: &Terms) -> Option<Fault> {
    let aim = rng.choice(aims)?;
    let nth = if rng.u8(0..5) == 0 { 2 } else { 1 };
    let changes = Some((aim.0, aim.1)) == terms.routes.change_server;
    let kind = match rng.u8(0..100) {
        0..14 if changes => FaultKind::Ignored,
        14..28 if changes => FaultKind::Fails,
        0..20 => FaultKind::KillAfter,
        20..32 => FaultKind::KillBefore,
        32..46 => FaultKind::DoThenDrop,
        46..58 => FaultKind::DoThenFail,
        58..66 => FaultKind::Garbage,
        66..74 => FaultKind::Drop,
        74..82 => FaultKind::Refuse,
        82..84 => FaultKind::TooMany,
        84..90 => FaultKind::Delay,
        90..97 if aim.0 == "POST" => FaultKind::Lag,
        97.. if (aim.0, aim.1) == terms.routes.make_server => FaultKind::NeverActive,
        _ => FaultKind::KillAfter,
    };
    let mut fault = fault(aim, nth, kind);
    fault.ms = match kind {
        FaultKind::Delay => Some(rng.u64(DELAY_MS)),
        FaultKind::Lag => Some(rng.u64(LAG_MS)),
        FaultKind::NeverActive => Some(rng.u64(50..=200)),
        _ => None,
    };
    fault.status = match kind {
        FaultKind::Refuse => Some(if rng.bool() { 503 } else { 500 }),
        FaultKind::DoThenFail => rng.choice([500, 502, 504, 408]),
        _ => None,
    };
    fault.retry_after = (kind == FaultKind::TooMany).then_some(1);
    Some(fault)
}

/// Whether something is made and nobody is told.
fn is_lost(fault: &Fault) -> bool {
    let done = matches!(
        fault.kind,
        FaultKind::KillAfter | FaultKind::DoThenDrop | FaultKind::DoThenFail | FaultKind::Garbage
    );
    done && fault.method.as_deref() == Some("POST")
}

fn at_a_look(rng: &mut Rng, aims: &[Aim]) -> Option<Fault> {
    let aim = rng.choice(aims)?;
    let kind = rng.choice([
        FaultKind::KillBefore,
        FaultKind::Drop,
        FaultKind::Refuse,
        FaultKind::Garbage,
    ])?;
    Some(fault(aim, rng.u64(1..=2), kind))
}

/// What the client dies at: something about one object, or about a file.
fn death(rng: &mut Rng, scenario: &Scenario, terms: &Terms) -> Death {
    let stage = rng.usize(0..scenario.stages.len());
    let [zone, _] = &terms.zones;
    let mut texts: Vec<String> = vec![
        format!("\"ssh_key.{}\"", terms.account),
        format!("\"domain.{zone}\""),
    ];
    let servers = scenario.stages.get(stage).map(|stage| &stage.servers);
    for server in servers.into_iter().flatten() {
        texts.push(format!("\"server.{}\"", server.name));
        let names = server.names.iter();
        texts.extend(names.map(|name| format!("\"record.{name}/A\"")));
    }
    let things = scenario.stages.get(stage).map(|stage| &stage.around.things);
    let things = things.into_iter().flatten();
    texts.extend(things.map(|thing| format!("\"{}.{}\"", thing.kind.name, thing.name)));
    let said = scenario.stages.get(stage).map(|stage| &stage.values);
    let said = said.into_iter().flat_map(BTreeMap::keys);
    texts.extend(said.map(|(name, kind)| format!("\"record.{name}/{kind}\"")));
    let at = match rng.u8(0..10) {
        0..=4 => format!("write:{}:{}", pick(rng, &texts), rng.u8(1..=3)),
        5..=6 => format!("sync:{}:{}", pick(rng, &texts), rng.u8(1..=3)),
        _ => {
            let step = rng.choice(["create", "rename", "remove", "sync_directory"]);
            let file = rng.choice(["cloud.state", "cloud.json"]);
            match step.unwrap_or("rename") {
                // A directory has the same name whatever is in it.
                "sync_directory" => format!("sync_directory::{}", rng.u8(1..=5)),
                step => format!("{step}:{}:{}", file.unwrap_or(""), rng.u8(1..=3)),
            }
        }
    };
    Death {
        stage,
        run: usize::from(rng.u8(0..5) == 0),
        at,
        torn: rng.bool(),
    }
}

fn pick<'a>(rng: &mut Rng, texts: &'a [String]) -> &'a str {
    rng.choice(texts).map_or("", String::as_str)
}

/// The word for a kind of fault, as it is posted.
pub(super) fn word(kind: FaultKind) -> String {
    match json!(kind) {
        Value::String(word) => word,
        other => other.to_string(),
    }
}

/// A fault in words.
pub(super) fn shown(fault: &Fault) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let nth = fault.nth.unwrap_or(1);
    let ms = fault.ms.map(|ms| format!(" {ms} ms")).unwrap_or_default();
    format!(
        "{}{ms} at {} {} {} ({nth}.)",
        word(fault.kind),
        part(&fault.method),
        part(&fault.path),
        part(&fault.name),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Ground, SETTLE};
    use super::*;

    fn terms() -> Terms {
        Ground::DigitalOcean.terms(0)
    }

    fn of(seed: u64) -> (Scenario, Troubles) {
        let mut rng = Rng::with_seed(seed);
        let scenario = Scenario::random(&mut rng, &terms());
        let troubles = Troubles::random(&mut rng, &scenario, &terms());
        (scenario, troubles)
    }

    #[test]
    fn a_seed_says_what_goes_wrong() {
        let all = |seed| format!("{:?}", of(seed).1);
        assert_eq!(all(3), all(3));
        assert_ne!(all(3), all(4));
    }

    #[test]
    fn every_kind_of_trouble_comes_about_and_one_to_three_a_seed() {
        let mut kinds = BTreeSet::new();
        for seed in 0..800 {
            let (_, troubles) = of(seed);
            let count = troubles.faults.len() + troubles.deaths.len();
            assert!((1..=3).contains(&count), "{seed}: {count}");
            assert!(troubles.lag <= SETTLE / 2);
            let lags = troubles.faults.iter().filter_map(|fault| fault.ms);
            assert!(lags.max().unwrap_or_default() <= 600);
            kinds.extend(troubles.faults.iter().map(|fault| word(fault.kind)));
            let deaths = troubles.deaths.iter();
            kinds.extend(deaths.filter_map(|death| Some(death.at.split_once(':')?.0.to_owned())));
        }
        let all = "429 create delay do_then_500 do_then_drop drop fails garbage ignored kill_after kill_before \
                   lag never_active refuse remove rename sync sync_directory write";
        assert_eq!(kinds.into_iter().collect::<Vec<_>>().join(" "), all);
    }

    #[test]
    fn what_is_aimed_at_is_what_this_life_asks_for() {
        let aims = |scenario: &Scenario| -> Vec<String> {
            let aims = changing(scenario, &terms()).into_iter();
            aims.map(|(method, route, name)| format!("{method} {route} {name}"))
                .collect()
        };
        let once = aims(&Scenario::fixed(&terms()));
        assert_eq!(once.len(), 3 + 6 + 1 + 1, "{once:?}");
        let twice = aims(&Scenario::fixed_and_changed(&terms()));
        let record = |method: &str, name: &str| {
            format!("{method} /v2/domains/{{domain_name}}/records/{{domain_record_id}} {name}")
        };
        let more: Vec<&String> = twice.iter().filter(|aim| !once.contains(aim)).collect();
        let expected = [
            record("DELETE", "web2.acme.com A"),
            record("DELETE", "web2.acme.com AAAA"),
            "DELETE /v2/droplets/{droplet_id} web1".to_owned(),
            "DELETE /v2/droplets/{droplet_id} web2".to_owned(),
            "PATCH /v2/vpcs/{vpc_id} net-nyc3".to_owned(),
            "POST /v2/droplets web3".to_owned(),
            "POST /v2/droplets/{droplet_id}/actions db1".to_owned(),
            "POST /v2/droplets/{droplet_id}/actions web2".to_owned(),
            "POST /v2/firewalls web-wall".to_owned(),
            "POST /v2/vpcs net-nyc3".to_owned(),
            record("PUT", "acme.com A"),
            record("PUT", "acme.com AAAA"),
            record("PUT", "web1.acme.com A"),
            record("PUT", "web1.acme.com AAAA"),
        ];
        assert_eq!(more, expected.iter().collect::<Vec<_>>());
        let mut destroyed = Scenario::fixed(&terms());
        let mut last = destroyed.stages[0].clone();
        last.destroy = true;
        destroyed.stages.push(last);
        let all = aims(&destroyed);
        let gone = all.iter().filter(|aim| aim.starts_with("DELETE"));
        assert_eq!(gone.count(), 3 + 6 + 1 + 1, "{all:?}");
    }
}
