use std::collections::BTreeMap;

use crate::config::Cloud;
use crate::model::{Address, Attributes, Desired, Diagnostic, Observed, Value, nearest};
use crate::plan::{self, Adoption, Input};
use crate::provider::{Read, Readers, Target, digitalocean};
use crate::refresh::{self, Found, Wanted};
use crate::resource::{KINDS, firewall, record, reserved_ip, server, volume};

use super::Ground;
use crate::cli::args::ImportArgs;
use crate::cli::configuration::Configuration;
use crate::cli::deployment::Deployment;
use crate::cli::failure::{Failure, Success};
use crate::cli::signals::Signals;
use crate::cli::state_edit::parsed;
use crate::cli::survey::public_key;
use crate::cli::terminal::Terminal;

/// Takes one existing resource over, which is known by its id.
pub(super) async fn import(
    deployment: &Deployment,
    (address, id): (&str, &str),
    args: &ImportArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let address = parsed(address)?;
    if !KINDS.iter().any(|kind| kind.name == address.kind()) {
        let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(
            Failure::error(format!("there is no kind `{}`", address.kind()))
                .hint(format!("the kinds are {}", kinds.join(", ")))
                .into(),
        );
    }
    check_id(id)?;
    deployment.configuration()?;
    let lock = deployment.lock("import", args.lock_timeout);
    let _lock = signals.unless_interrupted(lock).await?;
    // Read anew: waiting may have taken long.
    let configuration = deployment.configuration()?;
    check_account(&configuration.cloud, args.provider.as_deref())?;
    let ground = Ground::open(deployment, &configuration, args, terminal, signals).await?;
    let done = format!("{address} is {id} from now on.\n");
    let recorded = ground.state.resources.get(&address);
    if ground.recovered && recorded.is_some_and(|recorded| recorded.id == id) {
        // That was what was cut off.
        terminal.print(&done)?;
        return Ok(Success::Done);
    }
    let sources = &configuration.sources;
    let looking = look(&ground, &configuration, (&address, id), args);
    let found = signals.unless_interrupted(looking).await;
    // What was named by something else than its id, such as its address, is known by that.
    let (found, id) = found.map_err(|failure| match failure {
        Failure::Problems(problems, _) => Failure::Problems(problems, sources.clone()),
        other => other,
    })?;
    let input = Input {
        desired: &found.desired,
        withdrawn: &found.withdrawn,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &ground.state.resources,
        lineage: Some(&ground.state.lineage),
        accounts: &found.accounts,
        written: None,
        destroying: false,
        now: jiff::Timestamp::now(),
        drains: true,
        part: &plan::Part::default(),
        replace: &[],
    };
    let adoption = Adoption {
        ids: &BTreeMap::from([(address.clone(), id.clone())]),
        others: false,
    };
    let plan = plan::adopt(&input, &adoption)
        .map_err(|problems| Failure::Problems(problems, sources.clone()))?;
    terminal.diagnose(&plan.notes, sources);
    let again = format!("cloudbuilder import {address} {id}");
    ground
        .take_over(&plan, found.identities, &again, args, signals)
        .await?;
    terminal.print(&done)?;
    terminal.say("Run `cloudbuilder plan` to see what differs.");
    Ok(Success::Done)
}

/// It becomes part of an address of the API.
fn check_id(id: &str) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if id.bytes().all(is_plain) && !id.is_empty() && !id.starts_with('.') {
        return Ok(());
    }
    Err(Failure::error("that is no id")
        .detail("an id has letters, digits, `-`, `_` and `.`")
        .hint("the provider's own pages and tools show it; that of a domain is its name")
        .into())
}

pub(super) fn check_account(cloud: &Cloud, named: Option<&str>) -> Result<(), Failure> {
    let Some(named) = named.filter(|named| cloud.account(named).is_none()) else {
        return Ok(());
    };
    let names: Vec<&str> = cloud
        .accounts
        .iter()
        .map(|a| a.name.value.as_str())
        .collect();
    Err(
        Failure::error(format!("cloud.json names no account `{named}`"))
            .hint(match names.as_slice() {
                [] => "leave --provider out: there is one account only".to_owned(),
                names => format!("it names {}", names.join(", ")),
            })
            .into(),
    )
}

/// What cloud.json asks for and the accounts hold, with what has the id among it, and its id.
async fn look(
    ground: &Ground<'_>,
    configuration: &Configuration,
    (address, id): (&Address, &str),
    args: &ImportArgs,
) -> Result<(Found, String), Failure> {
    let readers = ground.writers.readers();
    let security = ground.deployment.security()?;
    let key = public_key(ground.deployment, &configuration.cloud, &security)?;
    let state = &ground.state;
    let cloud = configuration.cloud.without_expiry();
    let wanted = Wanted {
        cloud: key.as_ref().map(|key| (&cloud, key)),
        recorded: &state.resources,
        known: &state.accounts_in_use(),
        mark: Some(&state.lineage),
        replace: &[],
        whole: false,
        leftovers: false,
        settle: args.settle,
    };
    let mut found = refresh::refresh(&readers, &wanted).await?;
    let desired = found.desired.iter().find(|one| one.address == *address);
    let Some(desired) = desired else {
        return Err(not_asked_for(address, &found.desired).into());
    };
    if let Some(named) = args.provider.as_ref().filter(|n| **n != desired.account) {
        return Err(Failure::error(format!(
            "cloud.json has {address} in the account `{}`, not in `{named}`",
            desired.account
        ))
        .at(desired.place.clone())
        .into());
    }
    let seen = at(&readers, desired, id).await?;
    let seen = Observed {
        account: desired.account.as_str().into(),
        ..seen
    };
    let id = seen.id.clone();
    // What was listed may be older.
    found.observed.retain(|other| {
        (&other.account, other.kind, &other.id) != (&seen.account, seen.kind, &seen.id)
    });
    found.observed.push(seen);
    Ok((found, id))
}

fn not_asked_for(address: &Address, desired: &[Desired]) -> Diagnostic {
    let known: Vec<String> = desired.iter().map(|one| one.address.to_string()).collect();
    let of_kind = known.iter().map(String::as_str);
    let near = nearest(&address.to_string(), of_kind);
    let problem = Failure::error(format!("cloud.json does not ask for {address}"));
    match near {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None => problem.hint("put it into cloud.json first: what is in the state and not in cloud.json is deleted by the next apply"),
    }
}

/// What is taken over by its id wherever it is offered.
const TAKEN_OVER: [&str; 4] = [
    server::KIND.name,
    firewall::KIND.name,
    volume::KIND.name,
    reserved_ip::KIND.name,
];

/// What has the id in the account that it is to be in.
async fn at(readers: &Readers, desired: &Desired, id: &str) -> Result<Observed, Failure> {
    let (address, account) = (&desired.address, &desired.account);
    let read = readers.of(account)?;
    let provider = read.capabilities().provider;
    let offered = read.capabilities().kinds;
    let by_id = TAKEN_OVER.into_iter().filter(|kind| offered.contains(kind));
    let by_id: Vec<&str> = by_id.collect();
    if !by_id.contains(&address.kind()) && provider != digitalocean::TYPE {
        let only: Vec<String> = by_id.iter().map(|kind| format!("{kind}s")).collect();
        return Err(Failure::error(format!(
            "this version takes over no {}s at {provider}, only {}",
            address.kind(),
            only.join(", ")
        ))
        .detail(format!("{address} is in the account `{account}`"))
        .hint("what is just as cloud.json says is taken over by `cloudbuilder apply`")
        .at(desired.place.clone())
        .into());
    }
    let attributes = whereabouts(desired);
    let get = async |kind: &str| {
        let target = Target {
            kind,
            id,
            attributes: &attributes,
            coming: false,
        };
        let got = read.get(target).await;
        got.map_err(|error| readers.naming(account, error))
    };
    if let Some(seen) = get(address.kind()).await? {
        return Ok(seen);
    }
    let place = match readers.label(account) {
        Some(account) => format!("the account `{account}`"),
        None => "the account".to_owned(),
    };
    let problem = Failure::error(format!("{place} has no {} {id}", address.kind()));
    for other in others(read, address.kind()) {
        // Whatever this says, the first answer stands.
        if let Ok(Some(_)) = get(other).await {
            return Err(problem
                .detail(format!("it has a {other} with that id"))
                .hint(format!("an address of a {other} begins with {other}."))
                .into());
        }
    }
    let hint = match address.kind() {
        kind if kind == record::KIND.name => {
            "look it up with the provider; it must be in the zone that cloud.json's name goes into"
        }
        _ => "look it up with the provider, and check that the token is that account's",
    };
    Err(problem.hint(hint).into())
}

/// The kinds that are found by an id alone.
fn others<'a>(read: &'a dyn Read, kind: &'a str) -> impl Iterator<Item = &'static str> + use<'a> {
    let kinds = read.capabilities().kinds.iter().copied();
    kinds.filter(move |other| *other != kind && *other != record::KIND.name)
}

/// What finds it besides its id: of a record, its zone.
fn whereabouts(desired: &Desired) -> Attributes {
    let zone = match desired.attributes.get(record::ZONE) {
        // The address of a zone is its name.
        Some(Value::Reference(to)) => Some(to.address.name().to_owned()),
        _ => desired.text(record::ZONE).map(ToOwned::to_owned),
    };
    let zone = zone.map(|zone| (record::ZONE.to_owned(), zone.into()));
    zone.into_iter().collect()
}
