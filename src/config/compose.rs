//! A first cloud.json for what exists already, in its sectioned form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::reader::to_json;
use super::source::Source;
use super::{cloud, syntax};
use crate::model::{Diagnostic, RecordData};

/// What a cloud.json shall ask for.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The section `providers`, where there is one.
    pub providers: Option<Json>,
    /// The account that everything is in, where there are several.
    pub provider: Option<String>,
    /// The servers.
    pub servers: Vec<DraftServer>,
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
    /// Whether the provider backs it up.
    pub backups: bool,
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
        let servers: Vec<String> = self.servers.iter().map(DraftServer::text).collect();
        if !servers.is_empty() {
            sections.push(format!(
                "    \"servers\": {{\n{}\n    }}",
                servers.join(",\n")
            ));
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
    fn text(&self) -> String {
        let member = |name: &str, value: &Json| format!("            \"{name}\": {value}");
        let mut members = Vec::new();
        members.extend((self.region.as_ref()).map(|region| member("region", &json!(region))));
        members.push(member("size", &json!(self.size)));
        members.push(member("image", &json!(self.image)));
        members.extend(self.backups.then(|| member("backups", &json!(true))));
        if !self.names.is_empty() {
            members.push(format!("            \"names\": {}", list(&self.names)));
        }
        let name = json!(self.name);
        format!("        {name}: {{\n{}\n        }}", members.join(",\n"))
    }
}

/// The records of a zone.
fn of_zone(zone: &str, names: &DraftNames) -> String {
    let names = names.iter().map(|(name, types)| {
        let types = types.iter().map(|(record_type, values)| {
            let values: Vec<String> = values.iter().map(|v| written(record_type, v)).collect();
            let values = match values.as_slice() {
                [one] => json!(one).to_string(),
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
    let texts: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
    format!("[{}]", texts.join(", "))
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
                backups: true,
                names: vec!["*.acme.com".to_owned(), "acme.com".to_owned()],
            }],
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
