//! A first cloud.json for what exists already, in its sectioned form.

use serde_json::{Value as Json, json};

use super::reader::to_json;
use super::source::Source;
use super::{cloud, syntax};
use crate::model::Diagnostic;

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
}

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
