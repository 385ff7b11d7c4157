//! A first cloud.json for what exists already, in its sectioned form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::reader::to_json;
use super::source::Source;
use super::{cloud, syntax};
use crate::model::{Diagnostic, RecordData};

mod parts;

pub use parts::{DraftFirewall, DraftVolume, DraftVpc};

/// What a cloud.json shall ask for.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The section `providers`, where there is one.
    pub providers: Option<Json>,
    /// The account that everything is in, where there are several.
    pub provider: Option<String>,
    /// The private networks.
    pub vpcs: Vec<DraftVpc>,
    /// The firewalls.
    pub firewalls: Vec<DraftFirewall>,
    /// The servers.
    pub servers: Vec<DraftServer>,
    /// The disks by themselves.
    pub volumes: Vec<DraftVolume>,
    /// The names of the reserved IPs.
    pub reserved_ips: Vec<String>,
    /// The zones.
    pub domains: Vec<String>,
    /// What names say besides: the values of each name and type, by zone.
    pub records: BTreeMap<String, DraftNames>,
}

/// The values that names of a zone have, by whole name and by type, each in its one form.
pub type DraftNames = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A server in a [`Draft`].
#[derive(Clone, Debug, Default)]
pub struct DraftServer {
    /// Its key.
    pub name: String,
    /// Its region, where servers name theirs.
    pub region: Option<String>,
    /// Its size.
    pub size: String,
    /// What its disk started as.
    pub image: String,
    /// Whether and when the provider backs it up, as the key says it; `None` if it does not.
    pub backups: Option<Json>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The VPC that it is in.
    pub vpc: Option<String>,
    /// The volumes that are attached to it.
    pub volumes: Vec<String>,
    /// The reserved IP that is on it.
    pub reserved_ip: Option<String>,
    /// Whether the provider's agent was put on it.
    pub monitoring: bool,
    /// The names that lead to it.
    pub names: Vec<String>,
}

impl Draft {
    /// The file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut sections = vec!["    \"version\": 2".to_owned()];
        if let Some(providers) = &self.providers {
            sections.push(format!("    \"providers\": {}", nested(providers)));
        }
        if let Some(provider) = &self.provider {
            let provider = json!(provider);
            sections.push(format!("    \"defaults\": {{\"provider\": {provider}}}"));
        }
        let vpcs = self.vpcs.iter().map(DraftVpc::text).collect();
        let firewalls = self.firewalls.iter().map(DraftFirewall::text).collect();
        let servers = self.servers.iter().map(DraftServer::text).collect();
        let volumes = self.volumes.iter().map(DraftVolume::text).collect();
        let reserved_ips = self.reserved_ips.iter();
        let reserved_ips = reserved_ips.map(|name| format!("        {}: {{}}", json!(name)));
        let entries: [(&str, Vec<String>); 5] = [
            ("vpcs", vpcs),
            ("firewalls", firewalls),
            ("servers", servers),
            ("volumes", volumes),
            ("reserved_ips", reserved_ips.collect()),
        ];
        for (name, entries) in entries.iter().filter(|(_, entries)| !entries.is_empty()) {
            let entries = entries.join(",\n");
            sections.push(format!("    \"{name}\": {{\n{entries}\n    }}"));
        }
        if !self.domains.is_empty() {
            sections.push(format!("    \"domains\": {}", list(&self.domains)));
        }
        let zones = self.records.iter().filter(|(_, names)| !names.is_empty());
        let zones: Vec<String> = zones.map(|(zone, names)| of_zone(zone, names)).collect();
        if !zones.is_empty() {
            sections.push(format!(
                "    \"records\": {{\n{}\n    }}",
                zones.join(",\n")
            ));
        }
        format!("{{\n{}\n}}\n", sections.join(",\n"))
    }

    /// The first thing that is wrong with it.
    #[must_use]
    pub fn problem(&self) -> Option<Diagnostic> {
        let parsed = cloud::parse("cloud.json", self.text().as_bytes());
        parsed.diagnostics.into_iter().find(Diagnostic::is_error)
    }
}

impl DraftServer {
    /// The same without what other sections have to have.
    #[must_use]
    pub fn by_itself(&self) -> Self {
        Self {
            volumes: Vec::new(),
            reserved_ip: None,
            ..self.clone()
        }
    }

    fn text(&self) -> String {
        let member = |name: &str, value: &Json| format!("            \"{name}\": {value}");
        let mut members = Vec::new();
        members.extend((self.region.as_ref()).map(|region| member("region", &json!(region))));
        members.push(member("size", &json!(self.size)));
        members.push(member("image", &json!(self.image)));
        let backups = self.backups.iter().map(policy);
        members.extend(backups.map(|backups| format!("            \"backups\": {backups}")));
        let lists = |name: &str, texts: &[String]| {
            let texts = (!texts.is_empty()).then(|| list(texts));
            texts.map(|texts| format!("            \"{name}\": {texts}"))
        };
        members.extend(lists("tags", &self.tags));
        members.extend(self.vpc.as_ref().map(|vpc| member("vpc", &json!(vpc))));
        members.extend(lists("volumes", &self.volumes));
        let reserved_ip = self.reserved_ip.as_ref();
        members.extend(reserved_ip.map(|name| member("reserved_ip", &json!(name))));
        members.extend(self.monitoring.then(|| member("monitoring", &json!(true))));
        members.extend(lists("names", &self.names));
        section(&self.name, &members)
    }
}

/// An entry of a section of objects, each of whose members is a line.
fn section(name: &str, members: &[String]) -> String {
    let name = json!(name);
    format!("        {name}: {{\n{}\n        }}", members.join(",\n"))
}

/// When it is backed up, in the order in which people say it.
fn policy(backups: &Json) -> String {
    let said = ["plan", "weekday", "hour"].iter();
    let said = said.filter_map(|key| Some(format!("\"{key}\": {}", backups.get(key)?)));
    match said.collect::<Vec<_>>() {
        none if none.is_empty() => backups.to_string(),
        said => format!("{{{}}}", said.join(", ")),
    }
}

/// A value on one line, as people write it.
fn inline(value: &Json) -> String {
    match value {
        Json::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, value)| format!("{}: {}", json!(key), inline(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Array(all) => {
            let all: Vec<String> = all.iter().map(inline).collect();
            format!("[{}]", all.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// The records of a zone.
fn of_zone(zone: &str, names: &DraftNames) -> String {
    let names = names.iter().map(|(name, types)| {
        let types = types.iter().map(|(record_type, values)| {
            let values: Vec<String> = values.iter().map(|v| written(record_type, v)).collect();
            let values = match values.as_slice() {
                [one] => quoted(one),
                several => list(several),
            };
            format!("\"{record_type}\": {values}")
        });
        let types: Vec<String> = types.collect();
        let name = json!(relative(name, zone));
        format!("            {name}: {{{}}}", types.join(", "))
    });
    let names: Vec<String> = names.collect();
    format!(
        "        {}: {{\n{}\n        }}",
        json!(zone),
        names.join(",\n")
    )
}

/// A name within its zone.
fn relative<'a>(name: &'a str, zone: &str) -> &'a str {
    match name.strip_suffix(zone) {
        Some("") => "@",
        Some(relative) => relative.strip_suffix('.').unwrap_or(name),
        None => name,
    }
}

/// A value as people write it: names in full have a dot at the end.
fn written(record_type: &str, value: &str) -> String {
    let data = RecordData::parse(record_type, value);
    let is_name = data.is_some_and(|data| data.host().is_some());
    let dot = if is_name { "." } else { "" };
    format!("{value}{dot}")
}

/// `["a", "b"]`
fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A text as a string of cloud.json, in which it is neither a variable nor a reference.
fn quoted(text: &str) -> String {
    json!(text.replace("${", "$${")).to_string()
}

/// A value as it stands one level deep.
fn nested(value: &Json) -> String {
    let text = format!("{value:#}");
    let mut lines = text.lines();
    let mut nested = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let inner = line.trim_start();
        // Two columns a level become four.
        let level = (line.len() - inner.len()) / 2 + 1;
        nested.push_str(&format!("\n{}{inner}", "    ".repeat(level)));
    }
    nested
}

/// The section `providers` of a cloud.json, if it has one and can be read.
#[must_use]
pub fn providers(text: &[u8]) -> Option<Json> {
    let source = Source::new("cloud.json", text).ok()?;
    let value = syntax::parse(&source).ok()??;
    let section = value.as_object()?.get("providers")?;
    Some(to_json(&section.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::firewalls::everything;

    /// In the order in which rules come.
    const INBOUND: [&str; 8] = [
        "icmp 0.0.0.0/0",
        "icmp ::/0",
        "tcp 22 10.0.0.0/8",
        "tcp 22 2001:db8::7/128",
        "tcp 22 203.0.113.7/32",
        "tcp 22 droplet:7",
        "tcp 80-443 tag:db:1",
        "udp all 0.0.0.0/0",
    ];

    #[test]
    fn what_is_composed_means_what_was_meant() {
        let record = |name: &str, record_type: &str, values: &[&str]| {
            let values = values.iter().map(ToString::to_string).collect();
            let types = BTreeMap::from([(record_type.to_owned(), values)]);
            (name.to_owned(), types)
        };
        let records = DraftNames::from([
            record("acme.com", "MX", &["10 mail.acme.com", "20 b.example.org"]),
            record("a.acme.com", "CAA", &["0 issue \"ca.org\""]),
            record("b.acme.com", "TXT", &["v=spf1 \"x\" -all"]),
            record("c.acme.com", "SRV", &["0 5 5060 sip.acme.com"]),
            record("d.acme.com", "CNAME", &["acme.com"]),
        ]);
        let draft = Draft {
            providers: Some(
                json!({"do": {"type": "digitalocean"}, "r": {"type": "rackspace", "region": "DFW"}}),
            ),
            provider: Some("do".to_owned()),
            servers: vec![DraftServer {
                name: "web".to_owned(),
                region: Some("nyc3".to_owned()),
                size: "s-1vcpu-1gb".to_owned(),
                image: "4711".to_owned(),
                backups: Some(json!({"plan": "weekly", "weekday": "SUN", "hour": 4})),
                tags: vec!["web".to_owned()],
                vpc: Some("private".to_owned()),
                volumes: vec!["data".to_owned()],
                reserved_ip: Some("web".to_owned()),
                monitoring: true,
                names: vec!["*.acme.com".to_owned(), "acme.com".to_owned()],
            }],
            vpcs: vec![DraftVpc {
                name: "private".to_owned(),
                region: "nyc3".to_owned(),
                ip_range: "10.10.0.0/20".to_owned(),
                description: Some("web and \"db\"".to_owned()),
            }],
            firewalls: vec![DraftFirewall {
                name: "web".to_owned(),
                tags: vec!["web".to_owned()],
                inbound: INBOUND.map(ToOwned::to_owned).to_vec(),
                outbound: everything().iter().map(ToString::to_string).collect(),
            }],
            volumes: vec![DraftVolume {
                name: "data".to_owned(),
                size_gb: 10,
                region: "nyc3".to_owned(),
                filesystem: Some("ext4".to_owned()),
                description: None,
            }],
            reserved_ips: vec!["web".to_owned()],
            domains: vec!["acme.com".to_owned()],
            records: BTreeMap::from([("acme.com".to_owned(), records)]),
        };
        assert_eq!(draft.problem(), None);
        let cloud = cloud::parse("cloud.json", draft.text().as_bytes())
            .cloud
            .unwrap();
        assert_eq!(cloud.accounts.len(), 2);
        assert_eq!(cloud.default_account.as_deref(), Some("do"));
        let web = &cloud.servers[0];
        assert_eq!(web.account.value, "do");
        assert_eq!(web.image.value.text(), "4711");
        assert!(web.backups.value);
        assert_eq!(web.names.len(), 2);
        let policy = &web.lifecycle.backup_policy.as_ref().unwrap().value;
        assert_eq!(
            (policy.plan, policy.weekday, policy.hour),
            ("weekly", Some("SUN"), 4)
        );
        assert_eq!(cloud.vpc_of(web).unwrap().region.value, "nyc3");
        assert_eq!(
            cloud.server_of(&cloud.volumes[0]).unwrap().0.name.value,
            "web"
        );
        assert_eq!(web.reserved_ip.as_ref().unwrap().value, "web");
        let firewall = &cloud.firewalls[0];
        let inbound = firewall.inbound.value.iter().map(ToString::to_string);
        assert_eq!(inbound.collect::<Vec<_>>(), INBOUND);
        assert_eq!(firewall.outbound.value, everything());
        assert_eq!(cloud.domains[0].name.value, "acme.com");
        let said = cloud.records.iter().flat_map(|record| {
            let values = record.values.iter();
            let values = values.map(|value| value.value.known().unwrap().as_str().unwrap());
            values.map(|value| format!("{} {}", record.name.value, value))
        });
        let meant = draft.records["acme.com"].iter().flat_map(|(name, types)| {
            let values = types.values().flatten();
            values.map(move |value| format!("{name} {value}"))
        });
        let mut said: Vec<String> = said.collect();
        said.sort_unstable();
        let mut meant: Vec<String> = meant.collect();
        meant.sort_unstable();
        assert_eq!(said, meant);
        assert_eq!(providers(draft.text().as_bytes()), draft.providers);
        readable(&draft);
    }

    /// It is read by people as well.
    fn readable(draft: &Draft) {
        let text = draft.text();
        assert!(
            text.contains(
                "\n        \"do\": {\n            \"type\": \"digitalocean\"\n        },"
            ),
            "{text}"
        );
        assert!(
            text.contains("\n        \"web\": {\n            \"region\": \"nyc3\",\n"),
            "{text}"
        );
        let rules = [
            r#"{"icmp": true, "from": ["anywhere"]}"#,
            r#"{"tcp": "22", "from": ["10.0.0.0/8", "2001:db8::7", "203.0.113.7", "droplet:7"]}"#,
        ];
        let rules = rules.map(|rule| format!("                {rule},\n"));
        assert!(text.contains(&rules.concat()), "{text}");
        assert!(!text.contains("outbound"), "{text}");
    }

    #[test]
    fn names_that_no_file_can_have_are_told() {
        for name in ["", "web_1", "web 1"] {
            let server = DraftServer {
                name: name.to_owned(),
                region: Some("nyc3".to_owned()),
                size: "s".to_owned(),
                image: "i".to_owned(),
                ..DraftServer::default()
            };
            let draft = Draft {
                servers: vec![server],
                ..Draft::default()
            };
            assert!(draft.problem().is_some(), "{name:?}");
        }
        let nothing = Draft::default();
        assert_eq!(nothing.problem(), None);
    }
}
