use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::json::line;
use super::listing::origin;
use crate::model::{Account, Address, Attributes, Recorded};
use crate::state::{Effect, Intent, State};

/// The version of `terraform show -json`'s format for a state that the document follows.
const FORMAT_VERSION: &str = "1.0";

/// What is recorded as one JSON document on one line; `None` is that nothing is.
///
/// It has the shape of `terraform show -json` for a state, so that what reads Terraform's reads
/// ours; `cloudbuilder_version`, `lineage`, `serial`, `accounts`, `unfinished`, and of a resource
/// `account`, `id`, `origin`, `ready` and `recorded_at` are our own. `schemas/show.schema.json`
/// describes it.
#[must_use]
pub fn state_json(state: Option<&State>) -> String {
    line(&Document {
        format_version: FORMAT_VERSION,
        cloudbuilder_version: env!("CARGO_PKG_VERSION"),
        lineage: state.map(|state| state.lineage.as_str()),
        serial: state.map(|state| state.serial),
        accounts: state.map(accounts).unwrap_or_default(),
        values: Values {
            root_module: Module {
                resources: state.map(resources).unwrap_or_default(),
            },
        },
        unfinished: state.and_then(Unfinished::new),
    })
}

/// The value as JSON on a line of its own, safe to be shown by a terminal.
#[must_use]
pub fn json_line(value: &Json) -> String {
    line(value)
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: &'static str,
    cloudbuilder_version: &'static str,
    /// Null if there is no state.
    lineage: Option<&'a str>,
    serial: Option<u64>,
    accounts: BTreeMap<&'a str, AccountJson<'a>>,
    values: Values<'a>,
    /// Null if the last run came to its end.
    unfinished: Option<Unfinished<'a>>,
}

#[derive(Serialize)]
struct AccountJson<'a> {
    provider_name: &'a str,
    api_url: &'a str,
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Values<'a> {
    root_module: Module<'a>,
}

#[derive(Serialize)]
struct Module<'a> {
    resources: Vec<Resource<'a>>,
}

#[derive(Serialize)]
struct Resource<'a> {
    address: String,
    mode: &'static str,
    r#type: &'a str,
    name: &'a str,
    provider_name: &'a str,
    /// Terraform counts the versions of what a provider says; there is only one here.
    schema_version: u64,
    values: Attributes,
    /// No secret is an attribute.
    sensitive_values: Map<String, Json>,
    depends_on: Vec<String>,
    account: &'a str,
    id: &'a str,
    origin: &'static str,
    ready: bool,
    recorded_at: Timestamp,
}

/// How far a run came that did not come to its end.
#[derive(Serialize)]
struct Unfinished<'a> {
    steps: Option<u64>,
    done: Option<u64>,
    in_flight: Vec<InFlight<'a>>,
}

/// What may have been done, with nobody knowing whether it was.
#[derive(Serialize)]
struct InFlight<'a> {
    address: String,
    account: &'a str,
    action: &'static str,
    id: Option<&'a str>,
}

fn accounts(state: &State) -> BTreeMap<&str, AccountJson<'_>> {
    let accounts = state.accounts.iter();
    accounts
        .map(|(name, account)| {
            let Account {
                provider,
                api_url,
                id,
                name: called,
            } = account;
            let account = AccountJson {
                provider_name: provider,
                api_url,
                id,
                name: called,
            };
            (name.as_str(), account)
        })
        .collect()
}

fn resources(state: &State) -> Vec<Resource<'_>> {
    let resources = state.resources.values();
    resources
        .map(|recorded| {
            let account = state.accounts.get(&recorded.account);
            let provider = account.map_or("", |account| account.provider.as_str());
            Resource::new(recorded, provider)
        })
        .collect()
}

impl<'a> Resource<'a> {
    fn new(recorded: &'a Recorded, provider_name: &'a str) -> Self {
        let mut values = recorded.attributes.clone();
        // Where Terraform's readers look for it.
        if !values.contains_key("id") {
            values.insert("id", Json::from(recorded.id.clone()));
        }
        Self {
            address: recorded.address.to_string(),
            mode: "managed",
            r#type: recorded.address.kind(),
            name: recorded.address.name(),
            provider_name,
            schema_version: 0,
            values,
            sensitive_values: Map::new(),
            depends_on: recorded.refers_to.iter().map(Address::to_string).collect(),
            account: &recorded.account,
            id: &recorded.id,
            origin: origin(recorded.origin),
            ready: recorded.ready,
            recorded_at: recorded.recorded_at,
        }
    }
}

impl<'a> Unfinished<'a> {
    fn new(state: &'a State) -> Option<Self> {
        let in_flight: Vec<_> = state.unsettled.values().map(InFlight::new).collect();
        let progress = state.progress;
        (progress.is_some() || !in_flight.is_empty()).then(|| Self {
            steps: progress.map(|progress| progress.steps),
            done: progress.map(|progress| progress.done),
            in_flight,
        })
    }
}

impl<'a> InFlight<'a> {
    fn new(intent: &'a Intent) -> Self {
        Self {
            address: intent.address.to_string(),
            account: &intent.account,
            action: match intent.effect {
                Effect::Create => "create",
                Effect::Update => "update",
                Effect::Delete => "delete",
                Effect::Import => "import",
            },
            id: intent.id.as_deref(),
        }
    }
}
