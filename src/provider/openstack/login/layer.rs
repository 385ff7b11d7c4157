use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::model::{Diagnostic, Secret, nearest};

use super::Domain;
use crate::provider::openstack::profile::{FLEX, Profile};

/// What one source says, by the keys of clouds.yaml.
#[derive(Debug, Default)]
pub(super) struct Layer {
    values: BTreeMap<&'static str, Secret>,
    source: Source,
}

/// Where it is said.
#[derive(Clone, Debug, Default)]
pub(super) enum Source {
    /// The entry of an account in security.json.
    Entry(String),
    /// The entry of a file: its path and the entry's name.
    Clouds(String, String),
    /// Variables.
    #[default]
    Environment,
}

/// The keys, the same everywhere but for their spelling.
const KEYS: &[&str] = &[
    "auth_url",
    "username",
    "user_id",
    "password",
    "project_name",
    "project_id",
    "user_domain_name",
    "user_domain_id",
    "project_domain_name",
    "project_domain_id",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
    "region_name",
    "interface",
    "cacert",
    "verify",
    "auth_type",
];

/// Other words for some of them, shorter or older.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("project", "project_name"),
    ("tenant_name", "project_name"),
    ("tenant_id", "project_id"),
    ("api_key", "password"),
    ("region", "region_name"),
    ("endpoint_type", "interface"),
];

/// What a person may be proposed when a key of security.json is unknown.
const PROPOSED: &[&str] = &["project", "api_key", "region"];

/// The ways to log in that are spoken here.
const AUTH_TYPES: &[&str] = &[
    "password",
    "v3password",
    "v3applicationcredential",
    "v3application_credential",
];

impl Layer {
    pub(super) fn new(source: Source) -> Self {
        Self {
            values: BTreeMap::new(),
            source,
        }
    }

    /// Sets a value, by any of the words for it; says whether there is such a key. An empty one is
    /// as good as none.
    pub(super) fn set(&mut self, word: &str, value: String) -> bool {
        let Some(key) = key_of(word) else {
            return false;
        };
        if !value.trim().is_empty() {
            self.values.insert(key, Secret::new(value));
        }
        true
    }

    /// This, and what only `below` says.
    pub(super) fn over(mut self, below: Self) -> Self {
        // An id takes the place of a name and the other way round: they must not meet from
        // different sources.
        for pair in [
            ["username", "user_id"],
            ["project_name", "project_id"],
            ["user_domain_name", "user_domain_id"],
            ["project_domain_name", "project_domain_id"],
            ["application_credential_name", "application_credential_id"],
        ] {
            if pair.iter().any(|key| self.values.contains_key(key)) {
                continue;
            }
            for key in pair {
                if let Some(value) = below.values.get(key) {
                    self.values.insert(key, value.clone());
                }
            }
        }
        let is_paired = |key: &str| key.ends_with("_id") || key.ends_with("name");
        for (key, value) in below.values {
            if !is_paired(key) || key == "region_name" {
                self.values.entry(key).or_insert(value);
            }
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.values.get(key).map(|value| value.expose().to_owned())
    }

    fn domain(&self, id: &str, name: &str) -> Option<Domain> {
        let by_id = self.text(id).map(Domain::Id);
        by_id.or_else(|| self.text(name).map(Domain::Name))
    }

    pub(super) fn auth_url(&self) -> Option<String> {
        self.text("auth_url")
    }

    pub(super) fn username(&self) -> Option<String> {
        self.text("username")
    }

    pub(super) fn user_id(&self) -> Option<String> {
        self.text("user_id")
    }

    pub(super) fn password(&self) -> Option<Secret> {
        self.values.get("password").cloned()
    }

    pub(super) fn project_name(&self) -> Option<String> {
        self.text("project_name")
    }

    pub(super) fn project_id(&self) -> Option<String> {
        self.text("project_id")
    }

    pub(super) fn user_domain(&self) -> Option<Domain> {
        self.domain("user_domain_id", "user_domain_name")
    }

    pub(super) fn project_domain(&self) -> Option<Domain> {
        self.domain("project_domain_id", "project_domain_name")
    }

    pub(super) fn credential_id(&self) -> Option<String> {
        self.text("application_credential_id")
    }

    pub(super) fn credential_name(&self) -> Option<String> {
        self.text("application_credential_name")
    }

    pub(super) fn credential_secret(&self) -> Option<Secret> {
        self.values.get("application_credential_secret").cloned()
    }

    pub(super) fn region(&self) -> Option<String> {
        self.text("region_name")
    }

    pub(super) fn interface(&self) -> Option<String> {
        self.text("interface")
    }

    pub(super) fn cacert(&self) -> Option<PathBuf> {
        self.text("cacert").map(PathBuf::from)
    }

    /// Some settings change what a run means, so that passing over them would be worse than
    /// refusing them.
    pub(super) fn refuse_what_is_not_done(&self) -> Result<(), Box<Diagnostic>> {
        if let Some(verify) = self.text("verify")
            && matches!(verify.to_ascii_lowercase().as_str(), "false" | "no" | "0")
        {
            let problem = Diagnostic::error(format!(
                "{} turns the check of certificates off",
                self.source()
            ))
            .detail("a password must not be sent to whoever answers, so cloudbuilder checks always")
            .hint(format!(
                "take `{}` out, and name the certificate of the cloud with `{}`",
                self.key("verify"),
                self.key("cacert")
            ));
            return Err(Box::new(problem));
        }
        if let Some(auth_type) = self.text("auth_type")
            && !AUTH_TYPES.contains(&auth_type.to_ascii_lowercase().as_str())
        {
            let problem = Diagnostic::error(format!(
                "{} asks for a way to log in that cloudbuilder does not know",
                self.source()
            ))
            .detail(format!(
                "`{}` may be {}",
                self.key("auth_type"),
                AUTH_TYPES.get(..3).unwrap_or_default().join(", ")
            ))
            .hint("make an application credential and use that");
            return Err(Box::new(problem));
        }
        Ok(())
    }

    /// Where it is said, for messages.
    pub(super) fn source(&self) -> String {
        match &self.source {
            Source::Entry(account) => format!("security.json, in accounts.{account},"),
            Source::Clouds(path, cloud) => format!("{path}, in clouds.{cloud},"),
            Source::Environment => "the environment".to_owned(),
        }
    }

    /// How a key is spelled there.
    pub(super) fn key(&self, key: &str) -> String {
        match &self.source {
            Source::Environment => variable(key),
            Source::Clouds(..) if !is_outside(key) => format!("auth.{key}"),
            Source::Entry(_) | Source::Clouds(..) => key.to_owned(),
        }
    }

    /// What a user knows the password as.
    pub(super) fn password_word(&self, profile: Profile) -> &'static str {
        let in_entry = matches!(self.source, Source::Entry(_));
        if in_entry && profile.provider == FLEX.provider {
            "api_key"
        } else {
            "password"
        }
    }

    /// What a user knows the project as.
    pub(super) fn project_word(&self) -> &'static str {
        match self.source {
            Source::Entry(_) => "project",
            Source::Clouds(..) | Source::Environment => "project_name",
        }
    }
}

/// Some keys of clouds.yaml stand beside `auth`, not in it.
pub(super) fn is_outside(key: &str) -> bool {
    matches!(
        key,
        "region_name" | "region" | "interface" | "cacert" | "verify" | "auth_type"
    )
}

/// Every key that an account's entry in security.json may have.
pub fn words() -> impl Iterator<Item = &'static str> {
    let other = OTHER_WORDS.iter().map(|(word, _)| *word);
    KEYS.iter().copied().chain(other)
}

fn key_of(word: &str) -> Option<&'static str> {
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == word);
    let key = other.map_or(word, |(_, key)| key);
    KEYS.iter().find(|known| **known == key).copied()
}

fn variable(key: &str) -> String {
    format!("OS_{}", key.to_ascii_uppercase())
}

/// `publicURL` is an older word for `public`.
pub(super) fn interface_word(word: &str) -> &str {
    word.strip_suffix("URL").unwrap_or(word)
}

/// What the entry of an account in security.json says.
pub(super) fn of_entry(account: &str, entry: &Secret) -> Result<Layer, Box<Diagnostic>> {
    let refused = |why: String| {
        Box::new(Diagnostic::error(format!(
            "security.json, in accounts.{account}, {why}"
        )))
    };
    let Ok(Json::Object(members)) = serde_json::from_str(entry.expose()) else {
        return Err(refused("is no object in braces".to_owned()));
    };
    let mut layer = Layer::new(Source::Entry(account.to_owned()));
    for (word, value) in members {
        let text = match value {
            Json::String(text) => text,
            _ if key_of(&word).is_some() => {
                return Err(refused(format!("has a `{word}` that is no text")));
            }
            _ => String::new(),
        };
        if !layer.set(&word, text) {
            let words = KEYS.iter().chain(PROPOSED).copied();
            let mut problem = refused(match is_plain(&word) {
                true => format!("has the unknown key `{word}`"),
                false => "has an unknown key".to_owned(),
            });
            if let Some(near) = nearest(&word, words) {
                problem.hint = Some(format!("did you mean `{near}`?"));
            }
            return Err(problem);
        }
    }
    Ok(layer)
}

/// Whether it is plainly a word, which may be shown: a secret may have slipped into a key.
fn is_plain(word: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-');
    !word.is_empty() && word.len() < 40 && word.chars().all(is_letter)
}

/// What the variables `OS_*` say.
pub(super) fn of_environment(
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<Layer, Box<Diagnostic>> {
    if let Some(version) = get("OS_IDENTITY_API_VERSION")
        && !version.trim_start_matches('v').starts_with('3')
    {
        let problem = Diagnostic::error("OS_IDENTITY_API_VERSION asks for another Keystone than 3")
            .hint("set it to 3, or unset it");
        return Err(Box::new(problem));
    }
    let mut layer = Layer::new(Source::Environment);
    let older = OTHER_WORDS.iter().map(|(word, _)| *word);
    let older = older.filter(|word| word.starts_with("tenant") || *word == "endpoint_type");
    for word in older.chain(KEYS.iter().copied()) {
        if let Some(value) = get(&variable(word)) {
            layer.set(word, value);
        }
    }
    if let Some(insecure) = get("OS_INSECURE")
        && matches!(insecure.to_ascii_lowercase().as_str(), "true" | "yes" | "1")
    {
        layer.set("verify", "false".to_owned());
    }
    Ok(layer)
}
