//! security.json and the environment: the token, the public key, further accounts. Nothing here
//! ever repeats a value, and the file's text is never quoted.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::keys::{Key, SCHEMA, Shape, is_schema, names};
use super::public_key::{KeyError, PublicKey, PublicKeys};
use super::reader::{Reader, to_json};
use super::source::Source;
use super::syntax;
use crate::model::{Diagnostic, Place, Secret, Severity, nearest};

const TOKEN: &str = "digital_ocean_api_key";
const PUBLIC_KEY: &str = "public_ssh_key";
const ACCOUNTS: &str = "accounts";
/// The keys of the file.
pub(super) const KEYS: [Key; 4] = [
    Key::new(TOKEN, "The token for DigitalOcean's API.", Shape::String),
    Key::new(
        PUBLIC_KEY,
        "The public SSH key that is put on new servers, such as \"ssh-ed25519 AAAA… you@example.com\", \
         or a list of several.",
        Shape::Either(&[Shape::Text, Shape::Filled(&Shape::Text)]),
    ),
    Key::new(
        ACCOUNTS,
        "What opens further accounts, by their names in cloud.json.",
        // What an entry may have is its provider's business.
        Shape::Named(&Shape::Anything),
    ),
    SCHEMA,
];

/// The variables that a token is taken from; the first that is set wins.
const TOKEN_VARIABLES: [&str; 2] = ["DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"];
/// The variable that public keys are taken from, one a line.
const PUBLIC_KEY_VARIABLE: &str = "CLOUDBUILDER_PUBLIC_SSH_KEY";

/// What security.json and the environment hold.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// The token for DigitalOcean's API.
    pub token: Option<Secret>,
    /// Where the token comes from.
    pub token_source: Option<CredentialSource>,
    /// The keys put on new servers.
    pub public_keys: Option<PublicKeys>,
    /// Where the public key comes from.
    pub public_key_source: Option<CredentialSource>,
    /// Further accounts by name, each the JSON text of its settings.
    pub accounts: BTreeMap<String, Secret>,
}

/// Where a credential comes from, for messages about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A place in security.json.
    File(Place),
    /// A variable of the environment.
    Environment(&'static str),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => f.write_str(&place.file),
            Self::Environment(variable) => f.write_str(variable),
        }
    }
}

/// What a reading of security.json or of the environment gave.
#[derive(Clone, Debug)]
pub struct ParsedSecurity {
    /// What was found; `None` if there was an error.
    pub security: Option<Security>,
    /// Everything there is to say about it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads security.json; `file` is its name in messages. `get` reads a variable of the environment,
/// as in [`from_environment`]: what is wrong with a value that one takes the place of is no more
/// than a warning.
#[must_use]
pub fn parse(file: &str, bytes: &[u8], get: impl Fn(&str) -> Option<String>) -> ParsedSecurity {
    let set = |variables: &[&str]| variables.iter().any(|name| is_set(&get, name).is_some());
    let overridden = Overridden {
        token: set(&TOKEN_VARIABLES),
        public_key: set(&[PUBLIC_KEY_VARIABLE]),
    };
    let (security, mut diagnostics) = match Source::new(file, bytes) {
        Ok(source) => read(&source, overridden),
        Err(problem) => (Security::default(), vec![*problem]),
    };
    diagnostics.sort_by_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        place.map(|place| place.range.start)
    });
    finish(security, diagnostics)
}

/// What the environment says wins over the file. `get` reads a variable; an empty one is as good
/// as none.
#[must_use]
pub fn from_environment(
    mut security: Security,
    get: impl Fn(&str) -> Option<String>,
) -> ParsedSecurity {
    let get = |variable| is_set(&get, variable);
    let mut diagnostics = Vec::new();
    let token = TOKEN_VARIABLES
        .iter()
        .find_map(|&variable| get(variable).map(|text| (variable, text)));
    if let Some((variable, text)) = token {
        match token_of(&text) {
            Ok(token) => security.token = token,
            Err(problem) => diagnostics.push(
                Diagnostic::error(format!("{variable} {problem}"))
                    .hint("set it again, with nothing but the token in it"),
            ),
        }
        security.token_source = Some(CredentialSource::Environment(variable));
    }
    if let Some(text) = get(PUBLIC_KEY_VARIABLE) {
        match PublicKeys::parse(&text) {
            Ok(keys) => security.public_keys = Some(keys),
            Err(error) => diagnostics.push(
                Diagnostic::error(format!("{PUBLIC_KEY_VARIABLE} {error}")).hint(error.hint()),
            ),
        }
        security.public_key_source = Some(CredentialSource::Environment(PUBLIC_KEY_VARIABLE));
    }
    finish(security, diagnostics)
}

/// The variable's value, if there is something in it.
fn is_set(get: impl Fn(&str) -> Option<String>, variable: &str) -> Option<String> {
    get(variable).filter(|value| !value.trim().is_empty())
}

/// Which values of the file the environment takes the place of.
#[derive(Clone, Copy)]
struct Overridden {
    token: bool,
    public_key: bool,
}

fn finish(security: Security, diagnostics: Vec<Diagnostic>) -> ParsedSecurity {
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    ParsedSecurity {
        security: (!broken).then_some(security),
        diagnostics,
    }
}

fn read(source: &Source<'_>, overridden: Overridden) -> (Security, Vec<Diagnostic>) {
    let mut reader = Reader::new(source);
    let mut security = Security::default();
    match syntax::parse(source) {
        Err(problem) => reader.report(*problem),
        Ok(None) => reader.report(
            Diagnostic::error(format!("{} is empty", source.file))
                .hint("run `cloudbuilder init` to write it, or remove it")
                .at(reader.place(0..0)),
        ),
        Ok(Some(value)) => {
            if let Some(root) = reader.object("the file as a whole", &value) {
                members(&mut reader, root, overridden, &mut security);
            }
        }
    }
    (security, reader.diagnostics)
}

fn members(
    reader: &mut Reader<'_, '_>,
    root: &Object<'_>,
    overridden: Overridden,
    security: &mut Security,
) {
    report_duplicates(reader, root);
    let mut seen = HashSet::new();
    for member in &root.properties {
        let key = member.name.as_str();
        if !seen.insert(key) {
            continue;
        }
        let told = reader.diagnostics.len();
        match key {
            TOKEN => token(reader, &member.value, security),
            PUBLIC_KEY => public_key(reader, &member.value, security),
            ACCOUNTS => accounts(reader, &member.value, security),
            _ if is_schema(reader, member) => {}
            _ => {
                let place = reader.name_place(member);
                reader.report(unknown_key(key).at(place));
            }
        }
        let unused = key == TOKEN && overridden.token || key == PUBLIC_KEY && overridden.public_key;
        for problem in reader.diagnostics.iter_mut().skip(told) {
            // A private key has no business there at all.
            if unused && problem.summary != key_problem(KeyError::Private) {
                problem.severity = Severity::Warning;
            }
        }
    }
}

/// Key names are shown only if they are ours or plainly words: a token may have slipped into one.
fn report_duplicates(reader: &mut Reader<'_, '_>, object: &Object<'_>) {
    reader.report_duplicates(object, |key| {
        let name = names(&KEYS).find(|known| *known == key).unwrap_or_default();
        let summary = if name.is_empty() {
            "duplicate key".to_owned()
        } else {
            format!("duplicate key `{name}`")
        };
        (summary, "remove one of them")
    });
}

fn unknown_key(key: &str) -> Diagnostic {
    let wordlike = key.len() < 40
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '-'));
    let error = if wordlike && !key.is_empty() {
        Diagnostic::error(format!("unknown key `{key}`"))
    } else {
        Diagnostic::error("unknown key")
    };
    match nearest(key, names(&KEYS)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!(
            "the keys are `{TOKEN}`, `{PUBLIC_KEY}` and `{ACCOUNTS}`"
        )),
    }
}

fn token(reader: &mut Reader<'_, '_>, value: &Value<'_>, security: &mut Security) {
    let Some(text) = reader.string(&format!("`{TOKEN}`"), value) else {
        return;
    };
    let place = reader.value_place(value);
    match token_of(text) {
        // Not an error, since the environment may hold one.
        Ok(None) => reader.report(
            Diagnostic::warning(format!("`{TOKEN}` is empty"))
                .hint(format!(
                    "paste a token, or remove the key and set {}",
                    TOKEN_VARIABLES[0]
                ))
                .at(place),
        ),
        Ok(token) => {
            security.token = token;
            security.token_source = Some(CredentialSource::File(place));
        }
        Err(problem) => reader.report(
            Diagnostic::error(format!("`{TOKEN}` {problem}"))
                .hint("paste it again, with nothing else between the quotes")
                .at(place),
        ),
    }
}

/// A token out of a text; what surrounds it does not count.
fn token_of(text: &str) -> Result<Option<Secret>, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_whitespace) {
        return Err("has a space or a line break in it, which no token has");
    }
    // It is sent as a header, which takes only these.
    if !text.chars().all(|character| character.is_ascii_graphic()) {
        return Err("has a character in it that no token has");
    }
    Ok((!text.is_empty()).then(|| Secret::new(text.to_owned())))
}

fn public_key(reader: &mut Reader<'_, '_>, value: &Value<'_>, security: &mut Security) {
    let elements = match value.as_array() {
        Some(list) => list.elements.iter().collect(),
        None => vec![value],
    };
    let place = reader.value_place(value);
    if elements.is_empty() {
        let error = Diagnostic::error(key_problem(KeyError::Empty));
        reader.report(error.hint(KeyError::Empty.hint()).at(place));
        return;
    }
    let keys = elements.into_iter().map(|element| {
        let text = reader.string(&format!("`{PUBLIC_KEY}`"), element)?;
        let place = reader.value_place(element);
        let key = PublicKey::parse(text).map_err(|error| {
            reader.report(
                Diagnostic::error(key_problem(error))
                    .hint(error.hint())
                    .at(place),
            );
        });
        key.ok()
    });
    // Every one is looked at, also behind one that is wrong.
    let keys: Vec<Option<PublicKey>> = keys.collect();
    let keys: Option<Vec<PublicKey>> = keys.into_iter().collect();
    if let Some(keys) = keys.and_then(PublicKeys::of) {
        security.public_keys = Some(keys);
        security.public_key_source = Some(CredentialSource::File(place));
    }
}

fn key_problem(error: KeyError) -> String {
    format!("`{PUBLIC_KEY}` {error}")
}

fn accounts(reader: &mut Reader<'_, '_>, value: &Value<'_>, security: &mut Security) {
    let Some(object) = reader.object(&format!("`{ACCOUNTS}`"), value) else {
        return;
    };
    report_duplicates(reader, object);
    for member in &object.properties {
        if let Some(settings) = account(reader, member) {
            let name = member.name.as_str().to_owned();
            security.accounts.insert(name, settings);
        }
    }
}

fn account(reader: &mut Reader<'_, '_>, member: &ObjectProp<'_>) -> Option<Secret> {
    let settings = reader.object(&format!("an account in `{ACCOUNTS}`"), &member.value)?;
    report_duplicates(reader, settings);
    Some(Secret::new(to_json(&member.value).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef fredy@acme.com";

    fn parse(text: &str) -> ParsedSecurity {
        super::parse("security.json", text.as_bytes(), |_| None)
    }

    fn exposed(security: &Security) -> Option<&str> {
        security.token.as_ref().map(Secret::expose)
    }

    #[test]
    fn the_example_is_read() {
        let bytes = include_bytes!("../../fixtures/acme/security.json");
        let parsed = super::parse("security.json", bytes, |_| None);
        assert_eq!(parsed.diagnostics, []);
        let security = parsed.security.unwrap();
        assert!(exposed(&security).unwrap().starts_with("invented-token-"));
        assert_eq!(security.token_source.unwrap().to_string(), "security.json");
        let key = security.public_keys.unwrap().first;
        assert_eq!(key.name(), "fredy@acme.com");
        assert_eq!(
            key.fingerprint,
            "28:cc:8d:af:d0:fc:96:30:4e:da:e6:b7:fb:79:06:3f"
        );
    }

    #[test]
    fn several_keys_are_read_from_a_list_and_from_lines() {
        let other = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBL";
        let list = |keys: &str| parse(&format!("{{\"public_ssh_key\": [{keys}]}}"));
        let keys = list(&format!("\"{KEY}\", \"{KEY} again\""))
            .security
            .unwrap()
            .public_keys;
        assert_eq!(keys.unwrap().iter().count(), 1, "each once");
        let wrong = list(&format!(
            "\"{other}\", \"{KEY}\", \"-----BEGIN PRIVATE KEY-----\", 7"
        ));
        let told: Vec<&str> = wrong
            .diagnostics
            .iter()
            .map(|told| &*told.summary)
            .collect();
        assert_eq!(
            told,
            [
                "`public_ssh_key` holds a key that is cut off or altered",
                "`public_ssh_key` holds a private key",
                "`public_ssh_key` must be a string, not a number",
            ]
        );
        assert!(list("").security.is_none());
        let lines = format!("\n{KEY}\r\n\n{KEY}\n");
        let set = |text: &str| {
            from_environment(Security::default(), |name| {
                (name == PUBLIC_KEY_VARIABLE).then(|| text.to_owned())
            })
        };
        assert!(set(&lines).security.unwrap().public_keys.is_some());
        assert!(set(&format!("{KEY}\n{other}")).security.is_none());
    }

    #[test]
    fn everything_may_be_left_out() {
        let security = parse("{}").security.unwrap();
        assert!(security.token.is_none() && security.public_keys.is_none());
        let parsed = parse(r#"{"digital_ocean_api_key": " "}"#);
        assert!(exposed(&parsed.security.unwrap()).is_none());
        assert_eq!(parsed.diagnostics.len(), 1);
    }

    #[test]
    fn all_problems_are_told_at_once_each_with_its_place() {
        let parsed = parse(concat!(
            "{\"digital_ocean_api_keys\": 1,\n \"public_ssh_key\": \"-----BEGIN OPENSSH PRIVATE KEY-----\",\n",
            " \"digital_ocean_api_key\": \"a b\",\n \"accounts\": {\"rax\": 7},\n \"accounts\": []}",
        ));
        assert!(parsed.security.is_none());
        let told: Vec<_> = parsed
            .diagnostics
            .iter()
            .map(|d| (d.place.as_ref().unwrap().line, d.summary.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (1, "unknown key `digital_ocean_api_keys`"),
                (2, "`public_ssh_key` holds a private key"),
                (
                    3,
                    "`digital_ocean_api_key` has a space or a line break in it, which no token has"
                ),
                (
                    4,
                    "an account in `accounts` must be an object, not a number"
                ),
                (5, "duplicate key `accounts`"),
            ]
        );
    }

    /// The secret is put wherever something can be wrong, and must not come out again.
    #[test]
    fn no_message_repeats_what_is_in_the_file() {
        let secret = "INVENTED-Secret-0123";
        let mut messages = 0;
        for text in [
            "SECRET",
            "{SECRET",
            "{\"SECRET",
            "{\"SECRET\"",
            "{\"SECRET\": }",
            "{\"a\": SECRET}",
            "{\"SECRET\": 1}",
            "{\"SECRET\": 1, \"SECRET\": 2}",
            "[\"SECRET\"]",
            "\"SECRET\"",
            "{'SECRET': 1}",
            "{\"digital_ocean_api_key\": \"SECRET",
            "{} SECRET",
            "{}\"SECRET\"",
            "{\"digital_ocean_api_key\": \"SECRET\\q\"}",
            "{\"digital_ocean_api_key\": [\"SECRET\"]}",
            "{\"digital_ocean_api_key\": \"SECRET SECRET\"}",
            "{\"digital_ocean_api_key\": \"é SECRET\"}",
            "{\"digital_ocean_api_key\": \"SECRET\nSECRET\"}",
            "{\"public_ssh_key\": \"SECRET\"}",
            "{\"public_ssh_key\": \"ssh-rsa SECRET\"}",
            "{\"public_ssh_key\": \"-----BEGIN PRIVATE KEY-----SECRET\"}",
            "{\"accounts\": \"SECRET\"}",
            "{\"accounts\": {\"SECRET\": 7}}",
            "{\"accounts\": {\"a\": {\"SECRET\": 1, \"SECRET\": 2}}}",
            "{\"\u{feff}SECRET\": 1, SECRET}",
            "/* SECRET",
            "\u{201c}SECRET",
        ] {
            let text = text.replace("SECRET", secret);
            let parsed = parse(&text);
            assert!(parsed.security.is_none(), "{text}");
            assert!(!format!("{parsed:?}").contains(secret), "{parsed:?}");
            messages += parsed.diagnostics.len();
        }
        assert!(messages >= 28);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!(
            r#"{{"digital_ocean_api_key": " invented-token\n", "public_ssh_key": "{KEY}",
                "accounts": {{"rax": {{"username": "u", "api_key": "invented-key"}}}}}}"#
        );
        let parsed = parse(&text);
        assert!(!format!("{parsed:?}").contains("invented"), "{parsed:?}");
        let security = parsed.security.unwrap();
        assert_eq!(exposed(&security), Some("invented-token"));
        assert!(security.accounts["rax"].expose().contains("invented-key"));
        assert!(!format!("{security:#?}").contains("invented"));
    }

    #[test]
    fn what_the_environment_overrides_need_not_be_right() {
        let with = |text: &str, set: &[&str]| {
            let get = |name: &str| set.contains(&name).then(|| "set".to_owned());
            super::parse("security.json", text.as_bytes(), get)
        };
        let token = "DIGITALOCEAN_ACCESS_TOKEN";
        for text in [
            r#"{"public_ssh_key": ""}"#,
            r#"{"public_ssh_key": null}"#,
            r#"{"public_ssh_key": "ssh-rsa cut-off"}"#,
            r#"{"digital_ocean_api_key": "a b"}"#,
            r#"{"digital_ocean_api_key": {}}"#,
        ] {
            let (right, wrong) = if text.contains(PUBLIC_KEY) {
                (PUBLIC_KEY_VARIABLE, token)
            } else {
                (token, PUBLIC_KEY_VARIABLE)
            };
            let parsed = with(text, &[right]);
            assert!(parsed.security.is_some(), "{text}");
            assert_eq!(parsed.diagnostics.len(), 1, "{text}");
            assert!(with(text, &[wrong]).security.is_none(), "{text}");
        }
        for text in [
            r#"{"public_ssh_key": "-----BEGIN PRIVATE KEY-----"}"#,
            r#"{"public_ssh_keys": ""}"#,
            r#"{"public_ssh_key": "", "public_ssh_key": ""}"#,
        ] {
            let all = [token, PUBLIC_KEY_VARIABLE];
            assert!(with(text, &all).security.is_none(), "{text}");
        }
    }

    #[test]
    fn the_environment_wins_and_says_so() {
        let file = || {
            parse(r#"{"digital_ocean_api_key": "from-file"}"#)
                .security
                .unwrap()
        };
        let with = |variables: &[(&str, &str)]| {
            from_environment(file(), |name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        for (variables, token, source) in [
            (vec![], "from-file", "security.json"),
            (
                vec![("DIGITALOCEAN_TOKEN", " ")],
                "from-file",
                "security.json",
            ),
            (
                vec![
                    ("DIGITALOCEAN_ACCESS_TOKEN", "b"),
                    ("DIGITALOCEAN_TOKEN", "a\n"),
                ],
                "a",
                "DIGITALOCEAN_TOKEN",
            ),
            (
                vec![
                    ("DIGITALOCEAN_ACCESS_TOKEN", "b"),
                    ("DIGITALOCEAN_TOKEN", ""),
                ],
                "b",
                "DIGITALOCEAN_ACCESS_TOKEN",
            ),
        ] {
            let security = with(&variables).security.unwrap();
            assert_eq!(exposed(&security), Some(token));
            assert_eq!(security.token_source.unwrap().to_string(), source);
        }
        let security = with(&[("CLOUDBUILDER_PUBLIC_SSH_KEY", KEY)])
            .security
            .unwrap();
        assert_eq!(security.public_keys.unwrap().first.line, KEY);

        let bad = with(&[
            ("DIGITALOCEAN_TOKEN", "invented token"),
            ("CLOUDBUILDER_PUBLIC_SSH_KEY", "invented"),
        ]);
        assert!(bad.security.is_none());
        assert_eq!(bad.diagnostics.len(), 2);
        assert!(!format!("{bad:?}").contains("invented"), "{bad:?}");
        assert!(
            bad.diagnostics[0]
                .summary
                .starts_with("DIGITALOCEAN_TOKEN has a space")
        );
    }
}
