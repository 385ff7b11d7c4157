//! What it takes to log in, put together from cloud.json, security.json and the environment.
//! Nothing here reads a file, and no message repeats a value.

use serde_json::{Map, Value as Json};

use crate::model::{Diagnostic, Secret, nearest};
use crate::provider::http::allowed;

/// Where the identity service of all regions is.
const URL: &str = "https://identity.api.rackspacecloud.com";
/// What its address may end with, because people copy it so.
const ENDINGS: [&str; 2] = ["/tokens", "/v2.0"];
/// The beginnings of variables that programs for Rackspace read: those of Ansible and pyrax, and
/// those of the vendor's own `rack`. The first that names a user or a key is taken, and no other,
/// so that one user's key never meets another one's name.
const PREFIXES: [&str; 2] = ["RAX_", "RS_"];
/// The ends of the variable that names the region, after either beginning.
const REGION_ENDS: [&str; 2] = ["REGION", "REGION_NAME"];

const USERNAME: &str = "username";
const API_KEY: &str = "api_key";
const PASSWORD: &str = "password";
/// The keys of an account's entry in security.json.
pub const KEYS: [&str; 3] = [USERNAME, API_KEY, PASSWORD];

/// Who logs in, and where.
#[derive(Clone, Debug)]
pub struct Login {
    /// The identity service's address, without version and without a final slash.
    pub auth_url: String,
    /// The user's name.
    pub username: String,
    /// What proves who is asking.
    pub proof: Proof,
    /// The region of the servers; `None` takes the user's own.
    pub region: Option<String>,
}

/// What proves who is asking.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The user's API key.
    ApiKey(Secret),
    /// The user's password.
    Password(Secret),
}

impl Proof {
    /// The secret in it.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        match self {
            Self::ApiKey(secret) | Self::Password(secret) => secret,
        }
    }
}

/// An account's settings in cloud.json, as far as they are about logging in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The region of the servers.
    pub region: Option<String>,
    /// The identity service's address, if it is another one.
    pub auth_url: Option<String>,
}

/// Everything that can say how to log in.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The account's name in cloud.json.
    pub account: &'a str,
    /// Its settings there.
    pub settings: &'a Settings,
    /// The JSON text of its entry under `accounts` in security.json.
    pub entry: Option<&'a Secret>,
}

/// Puts a login together. The account's entry in security.json says who it is; where there is
/// none, variables of the environment do. `get` reads one; an empty one is as good as none.
///
/// # Errors
/// What is missing, or cannot be used, with the file and the key.
pub fn login(
    sources: &Sources<'_>,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Login, Box<Diagnostic>> {
    let get = |name: String| get(&name).filter(|value| !value.trim().is_empty());
    let (settings, account) = (sources.settings, sources.account);
    let (said, of_environment) = match sources.entry {
        Some(entry) => (of_entry(account, entry)?, None),
        None => {
            let prefix = PREFIXES.into_iter().find(|prefix| {
                let is_set = |end: &str| get(format!("{prefix}{end}")).is_some();
                is_set("USERNAME") || is_set("API_KEY") || is_set("PASSWORD")
            });
            let prefix = prefix.ok_or_else(|| nothing_said(account))?;
            let said = Said {
                username: get(format!("{prefix}USERNAME")),
                api_key: get(format!("{prefix}API_KEY")),
                password: get(format!("{prefix}PASSWORD")),
            };
            (said, Some(prefix))
        }
    };
    let source = Source {
        account,
        prefix: of_environment,
    };
    let username = said.username.ok_or_else(|| source.lacks(USERNAME))?;
    let proof = match (said.api_key, said.password) {
        (Some(key), _) => Proof::ApiKey(secret(&source, API_KEY, &key)?),
        (None, Some(password)) => Proof::Password(Secret::new(password)),
        (None, None) => return Err(source.lacks(API_KEY)),
    };
    let region = settings.region.clone().or_else(|| {
        let prefix = of_environment?;
        let mut ends = REGION_ENDS.into_iter();
        ends.find_map(|end| get(format!("{prefix}{end}")))
    });
    let (auth_url, named_by) = match (&settings.auth_url, of_environment) {
        (Some(url), _) => (
            Some(url.clone()),
            format!("`auth_url` of the account {account} in cloud.json"),
        ),
        (None, Some(prefix)) => {
            let variable = format!("{prefix}AUTH_URL");
            (get(variable.clone()), variable)
        }
        (None, None) => (None, String::new()),
    };
    let auth_url = match auth_url {
        Some(url) => address(&url).map_err(|why| {
            let problem = Diagnostic::error(format!("{named_by} cannot be used"));
            let why = proof.secret().scrub(&why);
            Box::new(problem.detail(why).hint(format!(
                "leave it out for the real service, {URL}; or correct it"
            )))
        })?,
        None => URL.to_owned(),
    };
    Ok(Login {
        auth_url,
        username: username.trim().to_owned(),
        proof,
        region: region.map(|region| region.trim().to_owned()),
    })
}

/// The identity service's address without the version and the path of tokens that it may have
/// been copied with.
fn address(given: &str) -> Result<String, String> {
    let mut url = given.trim().trim_end_matches('/');
    for ending in ENDINGS {
        url = url.strip_suffix(ending).unwrap_or(url);
        url = url.trim_end_matches('/');
    }
    allowed(url).map(|_| url.to_owned())
}

/// What a source says about who it is.
struct Said {
    username: Option<String>,
    api_key: Option<String>,
    password: Option<String>,
}

/// Where it is said, for messages.
struct Source<'a> {
    account: &'a str,
    /// The beginning of the variables; `None` is the entry in security.json.
    prefix: Option<&'static str>,
}

impl Source<'_> {
    /// What people call one of the keys there.
    fn key(&self, key: &str) -> String {
        match self.prefix {
            Some(prefix) => format!("{prefix}{}", key.to_ascii_uppercase()),
            None => format!("`{key}`"),
        }
    }

    fn name(&self) -> String {
        match self.prefix {
            Some(_) => "the environment".to_owned(),
            None => format!("the entry {} in security.json", self.account),
        }
    }

    fn lacks(&self, key: &str) -> Box<Diagnostic> {
        let key = self.key(key);
        let problem = Diagnostic::error(refused(self.account));
        let problem = problem.detail(format!("{} has no {key}", self.name()));
        Box::new(match self.prefix {
            Some(_) => problem.hint(format!("set {key}")),
            None => problem.hint(format!(
                "write {key} there; the API key is in the control panel, under My Profile & Settings"
            )),
        })
    }
}

fn refused(account: &str) -> String {
    format!("the account {account} cannot log in to Rackspace")
}

fn nothing_said(account: &str) -> Box<Diagnostic> {
    let problem = Diagnostic::error(refused(account)).detail(
        "nothing says how: there is no entry for it in security.json, and RAX_USERNAME and \
         RAX_API_KEY are not set",
    );
    Box::new(problem.hint(format!(
        "give it an entry in security.json: {{\"accounts\": {{\"{account}\": \
         {{\"{USERNAME}\": …, \"{API_KEY}\": …}}}}}}"
    )))
}

/// An API key out of a text; what surrounds it does not count.
fn secret(source: &Source<'_>, key: &str, text: &str) -> Result<Secret, Box<Diagnostic>> {
    let text = text.trim();
    if text.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(Secret::new(text.to_owned()));
    }
    let problem = Diagnostic::error(format!(
        "{} of {} has a character in it that no API key has",
        source.key(key),
        source.name()
    ));
    Err(Box::new(
        problem.hint("copy it again, with nothing else around it"),
    ))
}

/// What the account's entry in security.json says.
fn of_entry(account: &str, entry: &Secret) -> Result<Said, Box<Diagnostic>> {
    let entry: Map<String, Json> = serde_json::from_str(entry.expose()).map_err(|_| {
        // The parser's own words may quote the text.
        let summary = format!("the entry {account} in security.json is no object");
        Box::new(Diagnostic::error(summary).hint(format!("its keys are {}", key_list())))
    })?;
    if let Some(key) = entry.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(unknown_key(account, key));
    }
    let text = |key: &str| match entry.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok((!text.trim().is_empty()).then(|| text.clone())),
        Some(_) => {
            let summary = format!("`{key}` of the entry {account} in security.json is no text");
            let problem = Diagnostic::error(summary).hint("put it between quotes");
            Err(Box::new(problem))
        }
    };
    Ok(Said {
        username: text(USERNAME)?,
        api_key: text(API_KEY)?,
        password: text(PASSWORD)?,
    })
}

/// The key is shown only if it is plainly a word: a secret may have slipped into it.
fn unknown_key(account: &str, key: &str) -> Box<Diagnostic> {
    let is_word = !key.is_empty()
        && key.len() < 40
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'));
    let shown = if is_word {
        format!("unknown key `{key}`")
    } else {
        "unknown key".to_owned()
    };
    let problem = Diagnostic::error(format!("{shown} in the entry {account} of security.json"));
    Box::new(match nearest(key, KEYS) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(format!("its keys are {}", key_list())),
    })
}

fn key_list() -> String {
    format!("`{USERNAME}`, and `{API_KEY}` or `{PASSWORD}`")
}

#[cfg(test)]
mod tests;
