//! What an account holds, as a cloud.json that asks for just that.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;
use uuid::Uuid;

use crate::config::Draft;
use crate::model::{Address, Catalog, Diagnostic, Observed, Readiness};
use crate::resource::{domain, server};

mod attached;
mod names;
mod networks;
mod records;
mod servers;

/// What tells a thing from all others in an account: its kind and its id.
pub(super) type Id = (&'static str, String);
/// Several of them.
pub(super) type Ids = HashSet<Id>;

/// What is looked at, and how.
pub(super) struct Stock<'a> {
    /// What the account holds: servers, zones, and all records in these.
    pub(super) observed: &'a [Observed],
    pub(super) catalog: &'a Catalog,
    /// What stands in the file besides.
    pub(super) around: &'a Draft,
    /// Whether each server names its region.
    pub(super) region_by_server: bool,
    /// Whether images go by ids that people do not know.
    pub(super) by_id: bool,
    pub(super) lineage: &'a str,
    /// What the state has already, by kind and id.
    pub(super) recorded: &'a HashSet<(String, String)>,
    /// What people call things besides, by kind and id.
    pub(super) called: &'a HashMap<Id, String>,
    /// What may be taken, by kind and id; `None` for everything.
    pub(super) only: Option<&'a Ids>,
}

/// What a cloud.json would ask for.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) draft: Draft,
    /// Which thing each address means.
    pub(super) ids: BTreeMap<Address, String>,
    pub(super) left_out: Vec<LeftOut>,
    /// What there is to say of what it asks for.
    pub(super) remarks: Vec<Diagnostic>,
}

impl Inventory {
    /// Those that are the only one of their name, whatever its case, in the order of the names. The
    /// others are left out.
    fn one_of_a_name<'o, D>(
        &mut self,
        found: Vec<(&'o Observed, String, D)>,
        label: impl Fn(&Observed, &str) -> String,
    ) -> Vec<(&'o Observed, D)> {
        let mut by_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for one in found {
            by_name.entry(one.1.to_lowercase()).or_default().push(one);
        }
        let mut taken = Vec::new();
        for mut namesakes in by_name.into_values() {
            let ids: Vec<&str> = namesakes.iter().map(|(one, ..)| one.id.as_str()).collect();
            let why = format!("several have one name: ids {}", ids.join(", "));
            if namesakes.len() > 1 {
                let left_out = namesakes
                    .iter()
                    .map(|(one, name, _)| LeftOut::one(one, &label(one, name), why.clone()));
                self.left_out.extend(left_out);
            } else if let Some((one, _, draft)) = namesakes.pop() {
                taken.push((one, draft));
            }
        }
        taken
    }
}

/// Something that it does not ask for.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// Its kind and id; of a name, those of its records.
    pub(super) what: Vec<Id>,
    /// What people call it.
    pub(super) label: String,
    /// Why, as a clause.
    pub(super) why: String,
}

impl LeftOut {
    fn one(seen: &Observed, label: &str, why: impl Into<String>) -> Self {
        Self {
            what: vec![(seen.kind, seen.id.clone())],
            label: label.to_owned(),
            why: why.into(),
        }
    }
}

/// The tags of whatever has any.
const TAGS: &str = server::TAGS;

/// Whether DigitalOcean gave a tag to what it made for a cluster of its Kubernetes: "All node pools
/// are automatically tagged `k8s`, `k8s-worker`, and `k8s:$K8S_CLUSTER_ID`" (its documentation of the
/// API, node pools).
fn is_of_a_cluster(tag: &str) -> bool {
    let cluster = tag.strip_prefix("k8s:");
    cluster.is_some_and(|id| Uuid::try_parse(id).is_ok())
}

/// A note for each reason.
pub(super) fn notes(left_out: &[LeftOut]) -> Vec<Diagnostic> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in left_out {
        match reasons.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, labels)) => labels.push(&one.label),
            None => reasons.push((&one.why, vec![&one.label])),
        }
    }
    let note = |(why, labels): (&str, Vec<&str>)| {
        Diagnostic::note(format!("left out: {}", labels.join(", "))).detail(why)
    };
    reasons.into_iter().map(note).collect()
}

/// Takes stock.
pub(super) fn take(stock: &Stock<'_>) -> Inventory {
    let mut inventory = Inventory {
        draft: stock.around.clone(),
        ..Inventory::default()
    };
    stock.zones(&mut inventory);
    stock.vpcs(&mut inventory);
    stock.firewalls(&mut inventory);
    let servers = stock.servers(&mut inventory);
    stock.volumes(&servers, &mut inventory);
    stock.reserved_ips(&servers, &mut inventory);
    stock.names(&servers, &mut inventory);
    stock.records(&servers, &mut inventory);
    inventory
}

impl<'a> Stock<'a> {
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'a Observed> + use<'a> {
        let observed = self.observed.iter();
        observed.filter(move |seen| seen.kind == kind)
    }

    fn is_meant(&self, seen: &Observed) -> bool {
        let is_it = |only: &HashSet<_>| only.contains(&(seen.kind, seen.id.clone()));
        self.only.is_none_or(is_it)
    }

    fn is_recorded(&self, seen: &Observed) -> bool {
        let recorded = (seen.kind.to_owned(), seen.id.clone());
        self.recorded.contains(&recorded)
    }

    /// Why something can be in no file, whatever it is, as a clause.
    fn why_not(&self, seen: &Observed) -> Option<String> {
        let is_ours = |owner: &String| owner == self.lineage;
        if !seen.owners.is_empty() && !seen.owners.iter().any(is_ours) {
            let lineages = seen.owners.join(", ");
            return Some(format!(
                "of another deployment, with the lineage {lineages}"
            ));
        }
        if self.is_recorded(seen) {
            return Some("in the state already".to_owned());
        }
        // It makes, replaces and deletes them as it needs them.
        if texts(seen, TAGS).iter().any(|tag| is_of_a_cluster(tag)) {
            return Some("of a Kubernetes cluster, which looks after it itself".to_owned());
        }
        match &seen.readiness {
            Readiness::Ready => None,
            Readiness::Pending(why) | Readiness::Failed(why) | Readiness::Paused { why, .. } => {
                Some(format!("not ready: {why}"))
            }
        }
    }

    fn zones(&self, inventory: &mut Inventory) {
        for zone in self.of_kind(domain::KIND.name) {
            if !self.is_meant(zone) {
                continue;
            }
            let name = zone.text(domain::NAME).unwrap_or(&zone.id);
            let alone = Draft {
                domains: vec![name.to_owned()],
                ..self.around.clone()
            };
            let why = match alone.problem() {
                Some(problem) => Some(problem.summary),
                None => (self.is_recorded(zone)).then(|| "in the state already".to_owned()),
            };
            if let Some(why) = why {
                let label = format!("domain {name}");
                inventory.left_out.push(LeftOut::one(zone, &label, why));
                continue;
            }
            let address = domain::address(name);
            inventory.ids.insert(address, zone.id.clone());
            inventory.draft.domains.push(name.to_owned());
        }
        inventory.draft.domains.sort_unstable();
    }
}

fn cannot_have(problem: &Diagnostic) -> String {
    format!("cloud.json cannot have it: {}", problem.summary)
}

/// Why no file can ask for this, as a clause.
fn unlike(alone: &Draft) -> Option<String> {
    alone.problem().as_ref().map(cannot_have)
}

fn text<'o>(seen: &'o Observed, name: &str) -> &'o str {
    seen.text(name).unwrap_or_default()
}

/// A text that says something.
fn said(seen: &Observed, name: &str) -> Option<String> {
    let text = seen.text(name).filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned)
}

fn texts(seen: &Observed, name: &str) -> Vec<String> {
    let list = seen.attributes.get(name).and_then(Json::as_array);
    let texts = list.into_iter().flatten().filter_map(Json::as_str);
    texts.map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::resource::server::{IMAGE, MADE_FROM, REGION, SIZE};
    use crate::resource::{firewall, volume, vpc};

    fn seen(kind: &'static str, id: &str, attributes: &[(&str, Json)]) -> Observed {
        let attributes = attributes.iter();
        let attributes = attributes.map(|(name, value)| ((*name).to_owned(), value.clone()));
        Observed {
            kind,
            account: Arc::from("default"),
            id: id.to_owned(),
            attributes: attributes.collect(),
            owners: Vec::new(),
            readiness: Readiness::Ready,
            monthly: None,
            created: None,
        }
    }

    fn server(id: &str, name: &str, more: &[(&str, Json)]) -> Observed {
        let usual = [(server::NAME, name), (REGION, "nyc3"), (SIZE, "s")];
        let usual = usual.map(|(name, value)| (name, value.into()));
        seen(server::KIND.name, id, &[&usual[..], more].concat())
    }

    fn taken(observed: &[Observed]) -> Inventory {
        take(&Stock {
            observed,
            catalog: &Catalog::default(),
            around: &Draft::default(),
            region_by_server: true,
            by_id: false,
            lineage: "us",
            recorded: &HashSet::new(),
            called: &HashMap::new(),
            only: None,
        })
    }

    fn reasons(inventory: &Inventory) -> Vec<&str> {
        let left_out = inventory.left_out.iter();
        left_out.map(|one| one.why.as_str()).collect()
    }

    #[test]
    fn only_what_a_file_can_ask_for_is_taken() {
        let debian = || [(IMAGE, "debian".into())];
        let mut booting = server("5", "booting", &debian());
        booting.readiness = Readiness::Pending("it boots".to_owned());
        let inventory = taken(&[
            server("1", "slug", &debian()),
            server("2", "snapshot", &[(MADE_FROM, "77".into())]),
            server("3", "volume", &[]),
            server("4", "under_score", &debian()),
            booting,
        ]);
        let drafted = inventory.draft.servers.iter();
        let drafted: Vec<(&str, &str)> = drafted
            .map(|server| (server.name.as_str(), server.image.as_str()))
            .collect();
        assert_eq!(drafted, [("slug", "debian"), ("snapshot", "77")]);
        assert_eq!(
            reasons(&inventory),
            [
                "the account does not say what image it was made from",
                "cloud.json cannot have it: server name `under_score` holds `_`, which no \
                 hostname can have",
                "not ready: it boots",
            ]
        );
    }

    #[test]
    fn a_firewall_is_taken_whole_or_not_at_all() {
        let firewall = |name: &str, more: &[(&str, Json)]| {
            let name = [(firewall::NAME, name.into())];
            seen(firewall::KIND.name, "f", &[&name[..], more].concat())
        };
        let rules = |rules: Json| {
            let tags = (firewall::TAGS, json!(["web"]));
            let outbound = (firewall::OUTBOUND, json!(["icmp ::/0"]));
            firewall("web", &[tags, (firewall::INBOUND, rules), outbound])
        };
        let one = taken(&[rules(json!(["tcp all tag:db", "udp 53 kubernetes:k-1"]))]);
        assert_eq!(reasons(&one), Vec::<&str>::new());
        let ids = [(firewall::address("web"), "f".to_owned())];
        assert_eq!(one.ids, ids.into());
        for (other, why) in [
            (
                rules(json!([
                    "gre all 10.0.0.0/8",
                    "tcp 22 ::/0",
                    "tcp 22,80 ::/0"
                ])),
                "it has rules that cloud.json cannot have: gre all 10.0.0.0/8, tcp 22,80 ::/0",
            ),
            (
                rules(json!(["tcp 22 elsewhere"])),
                "it has a rule that cloud.json cannot have: tcp 22 elsewhere",
            ),
            (
                firewall("web", &[(firewall::TAGS, json!([]))]),
                "for no tag, and cloud.json has firewalls for tags",
            ),
            (
                firewall("web", &[]),
                "the account does not say for which tags it is: write it into `firewalls`, then \
                 `import firewall.NAME ID`",
            ),
        ] {
            let inventory = taken(&[other]);
            assert_eq!(reasons(&inventory), [why]);
            assert!(inventory.ids.is_empty() && inventory.draft.firewalls.is_empty());
        }
    }

    #[test]
    fn what_every_account_has_is_nothing_to_speak_of() {
        let default = |kind: &'static str, name: &str| {
            let name = (name, "default".into());
            seen(kind, kind, &[name, ("default", true.into())])
        };
        let inventory = taken(&[
            default(vpc::KIND.name, vpc::NAME),
            default(firewall::KIND.name, firewall::NAME),
            server(
                "1",
                "web",
                &[(IMAGE, "debian".into()), (server::VPC, "vpc".into())],
            ),
        ]);
        assert_eq!(reasons(&inventory), Vec::<&str>::new());
        assert_eq!(inventory.ids.len(), 1);
        assert_eq!(inventory.draft.servers[0].vpc, None);
    }

    #[test]
    fn what_a_server_can_be_without_does_not_keep_it_out() {
        let policy = json!({"plan": "daily", "hour": 3});
        let more = [
            (IMAGE, "debian".into()),
            (server::BACKUPS, true.into()),
            (server::BACKUP_POLICY, policy),
            (server::TAGS, json!(["with space"])),
        ];
        let inventory = taken(&[server("1", "web", &more)]);
        let web = &inventory.draft.servers[0];
        assert_eq!(
            (web.backups.clone(), web.tags.len()),
            (Some(true.into()), 0)
        );
        assert_eq!(inventory.remarks.len(), 1);
        assert_eq!(
            inventory.remarks[0].summary,
            "not all of server web is written"
        );
    }

    #[test]
    fn what_a_cluster_of_kubernetes_looks_after_is_left_to_it() {
        let cluster = "k8s:bd5f5959-5e1e-4205-a714-a914373942af";
        let tagged = |id: &str, tags: Json| {
            let image = (IMAGE, "debian".into());
            server(id, id, &[image, (server::TAGS, tags)])
        };
        let firewall = [
            (firewall::NAME, "k8s-public".into()),
            (firewall::TAGS, json!([cluster])),
        ];
        let inventory = taken(&[
            tagged("own", json!(["k8s", "k8s:worker"])),
            tagged("node", json!(["k8s", "k8s-worker", cluster])),
            seen(firewall::KIND.name, "f", &firewall),
        ]);
        let ids = [(server::address("own"), "own".to_owned())];
        assert_eq!(inventory.ids, ids.into());
        let why = "of a Kubernetes cluster, which looks after it itself";
        assert_eq!(reasons(&inventory), [why, why]);
    }

    #[test]
    fn a_volume_stays_with_its_server() {
        let volume = |id: &str, name: &str, server: Json| {
            let usual = [
                (volume::NAME, name.into()),
                (volume::REGION, "nyc3".into()),
                (volume::SIZE_GB, 10.into()),
                (volume::SERVER, server),
            ];
            seen(volume::KIND.name, id, &usual)
        };
        let inventory = taken(&[
            server("1", "web", &[(IMAGE, "debian".into())]),
            server("2", "unknown", &[]),
            volume("a", "data", "1".into()),
            volume("b", "spare", Json::Null),
            volume("c", "held", "2".into()),
            volume("d", "Upper", Json::Null),
            volume("e", "of-nobody", "7".into()),
        ]);
        assert_eq!(inventory.draft.servers[0].volumes, ["data"]);
        let drafted = inventory.draft.volumes.iter();
        let drafted: Vec<&str> = drafted.map(|volume| volume.name.as_str()).collect();
        assert_eq!(drafted, ["data", "spare"]);
        assert_eq!(inventory.draft.problem(), None);
        assert_eq!(
            reasons(&inventory)[1..],
            [
                "on server unknown, which is not taken over",
                "cloud.json cannot have it: volume name `Upper` is none that a volume can have",
                "on server 7, which is not taken over",
            ]
        );
    }
}
