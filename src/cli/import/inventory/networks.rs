//! The private networks and the firewalls of an account, as cloud.json asks for them.

use serde_json::Value as Json;

use super::servers::name_of;
use super::{Inventory, LeftOut, Stock, said, text, texts, unlike};
use crate::config::{Draft, DraftFirewall, DraftVpc};
use crate::model::firewall::Rule;
use crate::model::{Diagnostic, Observed};
use crate::resource::{firewall, server, vpc};

impl Stock<'_> {
    /// Takes the VPCs. Those that every account has are nobody's to ask for.
    pub(super) fn vpcs(&self, inventory: &mut Inventory) {
        let mut found = Vec::new();
        for seen in self.of_kind(vpc::KIND.name) {
            let is_default = is_there_anyway(seen, vpc::DEFAULT);
            // What somebody asks for by its id is told of.
            if !self.is_meant(seen) || is_default && self.only.is_none() {
                continue;
            }
            let draft = DraftVpc {
                name: text(seen, vpc::NAME).to_owned(),
                region: text(seen, vpc::REGION).to_owned(),
                ip_range: text(seen, vpc::IP_RANGE).to_owned(),
                description: said(seen, vpc::DESCRIPTION),
            };
            let alone = || Draft {
                vpcs: vec![draft.clone()],
                ..self.around.clone()
            };
            let why = match is_default {
                true => Some("its region's default, which is there without being asked for".into()),
                false => self.why_not(seen).or_else(|| unlike(&alone())),
            };
            match why {
                None => found.push((seen, draft.name.clone(), draft)),
                Some(why) => {
                    let label = format!("vpc {}", draft.name);
                    inventory.left_out.push(LeftOut::one(seen, &label, why));
                }
            }
        }
        let label = |seen: &Observed, name: &str| format!("vpc {name} ({})", seen.id);
        for (seen, draft) in inventory.one_of_a_name(found, label) {
            let address = vpc::address(&draft.name);
            inventory.ids.insert(address, seen.id.clone());
            inventory.draft.vpcs.push(draft);
        }
    }

    /// The name of the VPC that a server is in, unless it is there without being asked for.
    pub(super) fn vpc_of(&self, server: &Observed) -> Option<String> {
        let id = server.text(server::VPC)?;
        let mut vpcs = self.of_kind(vpc::KIND.name);
        let own = vpcs.find(|seen| seen.id == id && !is_there_anyway(seen, vpc::DEFAULT))?;
        own.text(vpc::NAME).map(ToOwned::to_owned)
    }

    /// Takes the firewalls.
    pub(super) fn firewalls(&self, inventory: &mut Inventory) {
        let mut found = Vec::new();
        for seen in self.of_kind(firewall::KIND.name) {
            if !self.is_meant(seen) || is_there_anyway(seen, firewall::DEFAULT) {
                continue;
            }
            let draft = DraftFirewall {
                name: text(seen, firewall::NAME).to_owned(),
                tags: texts(seen, firewall::TAGS),
                inbound: texts(seen, firewall::INBOUND),
                outbound: texts(seen, firewall::OUTBOUND),
            };
            let label = format!("firewall {}", draft.name);
            match self.why_not_firewall(seen, &draft) {
                None => {
                    inventory.remarks.extend(self.besides(seen, &label));
                    found.push((seen, draft.name.clone(), draft));
                }
                Some(why) => inventory.left_out.push(LeftOut::one(seen, &label, why)),
            }
        }
        let label = |seen: &Observed, name: &str| format!("firewall {name} ({})", seen.id);
        for (seen, draft) in inventory.one_of_a_name(found, label) {
            let address = firewall::address(&draft.name);
            inventory.ids.insert(address, seen.id.clone());
            inventory.draft.firewalls.push(draft);
        }
    }

    fn why_not_firewall(&self, seen: &Observed, draft: &DraftFirewall) -> Option<String> {
        let alone = |draft: &DraftFirewall| Draft {
            firewalls: vec![draft.clone()],
            ..self.around.clone()
        };
        if let Some(why) = self.why_not(seen) {
            return Some(why);
        }
        if !seen.attributes.contains_key(firewall::TAGS) {
            return Some(
                "the account does not say for which tags it is: write it into `firewalls`, then \
                 `import firewall.NAME ID`"
                    .to_owned(),
            );
        }
        if draft.tags.is_empty() {
            return Some(match self.behind(seen).as_slice() {
                [] => "for no tag, and cloud.json has firewalls for tags".to_owned(),
                servers => format!(
                    "for single servers ({}), and cloud.json has firewalls for tags: give these \
                     servers and it a tag of their own, then import again",
                    servers.join(", ")
                ),
            });
        }
        let rules = [&draft.inbound, &draft.outbound].into_iter().flatten();
        let strange: Vec<&str> = rules
            .filter(|rule| {
                let of_it = DraftFirewall {
                    inbound: vec![(*rule).clone()],
                    outbound: Vec::new(),
                    name: "of-one-rule".to_owned(),
                    ..draft.clone()
                };
                Rule::parse(rule).is_none() || alone(&of_it).problem().is_some()
            })
            .map(String::as_str)
            .collect();
        match strange.as_slice() {
            [] => unlike(&alone(draft)),
            [one] => Some(format!("it has a rule that cloud.json cannot have: {one}")),
            several => Some(format!(
                "it has rules that cloud.json cannot have: {}",
                several.join(", ")
            )),
        }
    }

    /// What a firewall is for besides tags.
    fn besides(&self, seen: &Observed, label: &str) -> Option<Diagnostic> {
        let servers = self.behind(seen);
        (!servers.is_empty()).then(|| {
            Diagnostic::note(format!("{label} is for single servers besides")).detail(format!(
                "it stays so for {}, although cloud.json does not say it",
                servers.join(", ")
            ))
        })
    }

    /// The servers that are behind it one by one: their names, or ids of what is gone.
    fn behind(&self, seen: &Observed) -> Vec<String> {
        let name = |id: String| {
            let mut servers = self.of_kind(server::KIND.name);
            let server = servers.find(|server| server.id == id);
            server.map_or_else(|| id.clone(), |server| name_of(server).to_owned())
        };
        texts(seen, firewall::SERVERS)
            .into_iter()
            .map(name)
            .collect()
    }
}

/// Whether it is what an account has without being asked for it.
fn is_there_anyway(seen: &Observed, default: &str) -> bool {
    seen.attributes.get(default) == Some(&Json::Bool(true))
}
