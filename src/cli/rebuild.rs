use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{Address, Attributes, Diagnostic, Observed, Origin, Readiness, Recorded, Value};
use crate::plan::{self, Input, Op, Step};
use crate::provider::{OnPause, Readers};
use crate::refresh::{self, Found, Wanted};
use crate::resource::{Attribute, KINDS, Kind, OnChange, domain, record, server};
use crate::state::{State, Store};

use super::accounts::{Opening, refuse_unnamed};
use super::args::Global;
use super::configuration::Configuration;
use super::deployment::{Deployment, shown};
use super::environment;
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::survey::{any_public_key, namesakes};
use super::terminal::Terminal;

/// Makes a lost or damaged state again, from marks and names in the account. Sends nothing but
/// GET.
pub(super) async fn run(
    global: &Global,
    lineage: Option<Uuid>,
    lock_timeout: Duration,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    Deployment::with(global, terminal, signals, async |deployment| {
        rebuild(deployment, lineage, lock_timeout, terminal).await
    })
    .await
}

async fn rebuild(
    deployment: &Deployment,
    lineage: Option<Uuid>,
    lock_timeout: Duration,
    terminal: Terminal,
) -> Result<Success, Failure> {
    deployment.configuration()?;
    let _lock = deployment.lock("state rebuild", lock_timeout).await?;
    // Read anew: waiting may have taken long.
    let configuration = deployment.configuration()?;
    let security = deployment.security()?;
    let mut store = deployment.store();
    let named = lineage.map(|lineage| lineage.to_string());
    // One that cannot be read is what this command is for.
    let before = store.load().ok().flatten();
    if let Some(state) = &before {
        refuse_if_whole(&store, state, named.as_deref())?;
    }
    let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
    let opening = Opening {
        deployment,
        cloud: &configuration.cloud,
        security: &security,
        on_pause,
    };
    let readers = opening.readers()?;

    let lineage = match named {
        Some(lineage) => lineage,
        None => find_lineage(&readers, &configuration).await?,
    };
    let own = deployment.environment();
    if !deployment.is_sandbox()
        && let Some(whose) = environment::whose(deployment.directory(), own, &lineage)
    {
        return Err(
            Failure::error(format!("the mark {lineage} is that of {whose}"))
                .detail("two states of one deployment would undo each other's work")
                .hint("if nothing was made here yet, give the servers other names and just apply")
                .into(),
        );
    }
    let nothing = BTreeMap::new();
    // Another account would not show what this deployment made, and it would be forgotten.
    let own = before.as_ref().filter(|before| before.lineage == lineage);
    refuse_unnamed(&configuration.cloud, own)?;
    let known = own.map(State::accounts_in_use).unwrap_or_default();
    let key = any_public_key(&security);
    // What has expired and is there still is for the next plan to delete.
    let cloud = configuration.cloud.without_expiry();
    let wanted = Wanted {
        cloud: key.as_ref().map(|key| (&cloud, key)),
        recorded: &nothing,
        known: &known,
        mark: Some(&lineage),
        replace: &[],
        whole: true,
        leftovers: false,
        settle: Duration::ZERO,
    };
    let found = refresh::refresh(&readers, &wanted).await?;
    let is_own = before.as_ref().is_some_and(|b| b.lineage == lineage);
    let is_marked = carried(&found.observed, &lineage);
    if !is_marked && !is_own {
        return Err(no_such_mark(&lineage, &found.observed).into());
    }
    let mut state = recognise(&found, &lineage)
        .map_err(|problems| Failure::Problems(problems, configuration.sources.clone()))?;
    state.accounts.clone_from(&found.identities);
    for (address, kept) in before.iter().filter(|_| is_own).flat_map(|b| &b.resources) {
        if let Some(recorded) = state.resources.get_mut(address) {
            keep_ours(recorded, kept);
        }
    }
    // What may have been made without anybody knowing is looked for by the next apply, not now.
    if let Some(before) = before.as_ref().filter(|_| is_own) {
        state.unsettled.clone_from(&before.unsettled);
        state.progress = before.progress;
    }
    let kept = store.set_aside()?;
    store.save(&mut state)?;

    let kept_from = before.as_ref().filter(|_| is_own);
    let mut lost = left_behind(&found, &state);
    lost.extend(no_longer_kept(&found, &state, kept_from));
    terminal.diagnose(&lost, &configuration.sources);
    if let Some(kept) = kept {
        let held = before.as_ref().map_or_else(String::new, |before| {
            format!("; it records {}", counted(before))
        });
        terminal.say(&format!("The old file is kept as {}{held}.", shown(&kept)));
    }
    terminal.print(&format!(
        "Rebuilt the state of {}: {}.\n",
        state.lineage,
        counted(&state)
    ))?;
    if !is_marked {
        terminal.say(
            "No server in the account carries its mark: what the old file records is taken as gone.",
        );
    }
    terminal.say("Run `cloudbuilder plan` to see whether anything is left to do.");
    Ok(Success::Done)
}

/// A state that can be read is worth more than one that was guessed.
fn refuse_if_whole(store: &Store, state: &State, named: Option<&str>) -> Result<(), Failure> {
    if state.resources.is_empty() || named == Some(&state.lineage) {
        return Ok(());
    }
    Err(
        Failure::error(format!("the state is whole: it records {}", counted(state)))
            .detail(format!("it was not touched: {}", shown(store.path())))
            .hint(format!(
                "to make it anew all the same, name its own lineage: --lineage {}",
                state.lineage
            ))
            .into(),
    )
}

fn carried(observed: &[Observed], lineage: &str) -> bool {
    let mut owners = observed.iter().flat_map(|observed| &observed.owners);
    owners.any(|owner| owner == lineage)
}

/// Nothing says that there ever was such a deployment.
fn no_such_mark(lineage: &str, observed: &[Observed]) -> Diagnostic {
    let others: BTreeSet<&str> = observed
        .iter()
        .flat_map(|observed| &observed.owners)
        .map(String::as_str)
        .collect();
    let others: Vec<&str> = others.into_iter().collect();
    Failure::error(format!("nothing in the account carries the mark {lineage}"))
        .detail(if others.is_empty() {
            "no server carries any mark".to_owned()
        } else {
            format!("the marks on its servers are {}", others.join(", "))
        })
        .hint("look it up in a copy of the state, or name the account that it was made in")
}

/// The lineage that the wanted servers carry, each in its own account.
async fn find_lineage(readers: &Readers, configuration: &Configuration) -> Result<String, Failure> {
    let servers = namesakes(&configuration.cloud, readers).await?;
    let mut marked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (account, server) in &servers {
        let name = server.text(server::NAME).unwrap_or_default();
        let name = match readers.label(account) {
            Some(account) => format!("{name} in `{account}`"),
            None => name.to_owned(),
        };
        for owner in &server.owners {
            marked.entry(owner).or_default().push(name.clone());
        }
    }
    let mut lineages = marked.keys();
    match (lineages.next(), lineages.next()) {
        (Some(only), None) => Ok((*only).to_owned()),
        (None, _) => Err(
            Failure::error("no server that cloud.json names carries a mark")
                .detail(if readers.is_several() {
                    "so the accounts do not say what this deployment made"
                } else {
                    "so the account does not say what this deployment made"
                })
                .hint("if it made nothing yet, just apply; or name its lineage with --lineage")
                .into(),
        ),
        (Some(_), Some(_)) => {
            let each = marked
                .iter()
                .map(|(lineage, names)| format!("{lineage} ({})", names.join(", ")));
            Err(
                Failure::error("the servers carry marks of several deployments")
                    .detail(each.collect::<Vec<_>>().join("; "))
                    .hint("name the one that is this deployment's with --lineage")
                    .into(),
            )
        }
    }
}

/// The state that the account tells: everything that is wanted and there, and whatever else
/// carries the mark.
///
/// # Errors
/// Everything that could be this or that: whatever was not recorded here would be made again.
fn recognise(found: &Found, lineage: &str) -> Result<State, Vec<Diagnostic>> {
    let nothing = BTreeMap::new();
    let input = Input {
        desired: &found.desired,
        withdrawn: &found.withdrawn,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &nothing,
        lineage: Some(lineage),
        accounts: &found.accounts,
        written: None,
        destroying: false,
        now: Timestamp::now(),
        drains: true,
        part: &plan::Part::default(),
        replace: &[],
    };
    let (steps, notes) = plan::recognise(&input);
    let observed: Seen<'_> = found
        .observed
        .iter()
        .map(|observed| (seen_as(observed), observed))
        .collect();
    let mut state = State {
        lineage: lineage.to_owned(),
        ..State::new()
    };
    for recorded in steps.iter().filter_map(|step| of_step(step, &observed)) {
        state.resources.insert(recorded.address.clone(), recorded);
    }
    let mut problems: Vec<Diagnostic> = notes.into_iter().filter(Diagnostic::is_error).collect();
    let wanted: BTreeSet<&Address> = found.desired.iter().map(|d| &d.address).collect();
    let ids: BTreeSet<(String, String)> = state
        .resources
        .values()
        .map(|recorded| (recorded.account.clone(), recorded.id.clone()))
        .collect();
    let mut marked: BTreeMap<Address, Vec<Recorded>> = BTreeMap::new();
    for observed in &found.observed {
        let id = (observed.account.to_string(), observed.id.clone());
        let ours = observed.owners.iter().any(|owner| owner == lineage) && !ids.contains(&id);
        if let Some(recorded) = of_mark(observed).filter(|_| ours) {
            let namesakes = marked.entry(recorded.address.clone()).or_default();
            namesakes.push(recorded);
        }
    }
    for (address, mut namesakes) in marked {
        // Of what is wanted that was said already.
        if namesakes.len() > 1 && !wanted.contains(&address) {
            problems.push(ambiguous(&address, &namesakes));
        }
        if let Some(recorded) = namesakes.pop() {
            state.resources.entry(address).or_insert(recorded);
        }
    }
    refer_to_zones(&mut state);
    if problems.is_empty() {
        Ok(state)
    } else {
        Err(problems)
    }
}

/// Notes which zone each record is in. A zone that was there already is nothing that a record has
/// to wait for, so no step says it; but one that is ours may go only after its records.
fn refer_to_zones(state: &mut State) {
    let zones: BTreeMap<(String, String), Address> = state
        .resources
        .values()
        .filter(|recorded| recorded.address.kind() == domain::KIND.name)
        .filter_map(|zone| {
            let name = zone.text(domain::NAME)?.to_owned();
            Some(((zone.account.clone(), name), zone.address.clone()))
        })
        .collect();
    for recorded in state.resources.values_mut() {
        if recorded.address.kind() != record::KIND.name {
            continue;
        }
        let name = recorded.text(record::ZONE).unwrap_or_default().to_owned();
        if let Some(zone) = zones.get(&(recorded.account.clone(), name))
            && !recorded.refers_to.contains(zone)
        {
            recorded.refers_to.push(zone.clone());
            recorded.refers_to.sort_unstable();
        }
    }
}

fn ambiguous(address: &Address, candidates: &[Recorded]) -> Diagnostic {
    let ids: Vec<&str> = candidates.iter().map(|r| r.id.as_str()).collect();
    Failure::error(format!("{address} could be any of {}", ids.len()))
        .detail(format!(
            "it is not in cloud.json, and several with this name carry the mark: ids {}",
            ids.join(", ")
        ))
        .hint("delete or rename all but one of them, then run it again")
}

/// What was seen, by account, kind and id.
type Seen<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a Observed>;

fn seen_as(observed: &Observed) -> (&str, &str, &str) {
    (&observed.account, observed.kind, &observed.id)
}

/// What a step would record. What needs our mark first is left for apply to take over.
fn of_step(step: &Step, observed: &Seen<'_>) -> Option<Recorded> {
    let Op::Import {
        address,
        account,
        id,
        attributes,
        refers_to,
        mark: false,
        ours,
    } = &step.op
    else {
        return None;
    };
    let known = |(name, value): (&str, &Value)| Some((name.to_owned(), value.known()?.clone()));
    let seen = observed.get(&(account.as_str(), address.kind(), id.as_str()));
    Some(Recorded {
        address: address.clone(),
        account: account.clone(),
        id: id.clone(),
        origin: if *ours {
            Origin::Created
        } else {
            Origin::Found
        },
        ready: seen.is_some_and(|seen| seen.readiness == Readiness::Ready),
        attributes: attributes.iter().filter_map(known).collect::<Attributes>(),
        refers_to: refers_to.clone(),
        recorded_at: Timestamp::now(),
    })
}

/// What carries the mark and is not wanted (any more): recorded, so that plan can propose what to
/// do with it.
fn of_mark(observed: &Observed) -> Option<Recorded> {
    let kind: &Kind = KINDS.iter().find(|kind| kind.name == observed.kind)?;
    let name = (kind.name_of)(&observed.attributes)?;
    let mut attributes = observed.attributes.clone();
    let not_ours = |known: &&Attribute| known.is_only_seen() || known.only_if_asked;
    for attribute in kind.attributes.iter().filter(not_ours) {
        attributes.remove(attribute.name);
    }
    Some(Recorded {
        address: Address::new(kind.name, &name),
        account: observed.account.to_string(),
        id: observed.id.clone(),
        origin: Origin::Created,
        ready: observed.readiness == Readiness::Ready,
        attributes,
        refers_to: Vec::new(),
        recorded_at: Timestamp::now(),
    })
}

/// What only the old state tells of the same thing: whether it is protected, and what a run of ours
/// left otherwise than it usually is.
fn keep_ours(recorded: &mut Recorded, kept: &Recorded) {
    let Some(kind) = KINDS
        .iter()
        .find(|kind| kind.name == recorded.address.kind())
    else {
        return;
    };
    if (&recorded.id, &recorded.account) != (&kept.id, &kept.account) {
        return;
    }
    for attribute in kind.attributes {
        let is_ours = attribute.usual().is_some() || attribute.on_change == OnChange::Ours;
        if let Some(value) = kept.attributes.get(attribute.name).filter(|_| is_ours) {
            recorded.attributes.insert(attribute.name, value.clone());
        }
    }
}

/// Records that lead to a server which is recorded only for its mark: nobody wants them any more,
/// and nothing tells that they are ours. A warning for each such server.
fn left_behind(found: &Found, state: &State) -> Vec<Diagnostic> {
    let wanted: BTreeSet<&Address> = found.desired.iter().map(|d| &d.address).collect();
    let recorded: BTreeSet<(&str, &str, &str)> = state
        .resources
        .values()
        .map(|r| (r.account.as_str(), r.address.kind(), r.id.as_str()))
        .collect();
    let mut leading: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for other in &found.observed {
        if other.kind != record::KIND.name || recorded.contains(&seen_as(other)) {
            continue;
        }
        let text = |attribute| other.text(attribute).unwrap_or_default();
        let (name, data) = (text(record::NAME), text(record::DATA));
        if let kind @ ("A" | "AAAA") = text(record::TYPE) {
            let records = leading.entry(data).or_default();
            records.push(format!("{name} {kind} → {data}"));
        }
    }
    let unwanted = state.resources.values().filter(|recorded| {
        recorded.address.kind() == server::KIND.name && !wanted.contains(&recorded.address)
    });
    unwanted
        .filter_map(|server| {
            let addresses = [server::IPV4_ADDRESS, server::IPV6_ADDRESS];
            let addresses = addresses.iter().filter_map(|name| server.text(name));
            let records: Vec<&str> = addresses
                .filter_map(|address| leading.get(address))
                .flatten()
                .map(String::as_str)
                .collect();
            if records.is_empty() {
                return None;
            }
            let address = &server.address;
            let warning = Diagnostic::warning(format!(
                "{address} is recorded without the records that lead to it"
            ));
            Some(warning.detail(records.join(", ")).hint(
                "it is not in cloud.json, so they are left alone: delete them by hand before the \
                 server goes, or whoever is given its address next is given the names",
            ))
        })
        .collect()
}

/// What was said of things that are recorded only for their mark, and only the old state knew: that
/// nothing may delete them, and what comes before.
fn no_longer_kept(found: &Found, state: &State, before: Option<&State>) -> Option<Diagnostic> {
    let wanted: BTreeSet<&Address> = found.desired.iter().map(|d| &d.address).collect();
    let is_known = |recorded: &Recorded| {
        let kept = before.and_then(|before| before.resources.get(&recorded.address));
        kept.is_some_and(|kept| (&kept.id, &kept.account) == (&recorded.id, &recorded.account))
    };
    let is_kept = |address: &Address| {
        let kind = KINDS.iter().find(|kind| kind.name == address.kind());
        kind.is_some_and(|kind| kind.protected_by.is_some() || kind.copied.is_some())
    };
    let lost: Vec<String> = state
        .resources
        .values()
        .filter(|one| is_kept(&one.address) && !wanted.contains(&one.address) && !is_known(one))
        .map(|one| one.address.to_string())
        .collect();
    let (them, are) = match lost.len() {
        0 => return None,
        1 => ("it", "is"),
        _ => ("they", "are"),
    };
    let warning = Diagnostic::warning(format!(
        "nobody knows any more whether {} {are} to be kept",
        lost.join(", ")
    ));
    Some(
        warning
            .detail(format!(
                "`protect` and `on_destroy` of what is not in cloud.json were in the old state alone; \
                 {them} {are} recorded without, so the next apply deletes {}, and takes no snapshot",
                if lost.len() == 1 { "it" } else { "them" }
            ))
            .hint("put into cloud.json again, with `protect` or `on_destroy`, what is to be kept"),
    )
}

/// `2 servers, 4 records, 1 ssh_key`.
fn counted(state: &State) -> String {
    let of = |kind: &Kind| {
        let count = state
            .resources
            .keys()
            .filter(|a| a.kind() == kind.name)
            .count();
        (count > 0).then(|| format!("{count} {}{}", kind.name, if count == 1 { "" } else { "s" }))
    };
    let counts: Vec<String> = KINDS.iter().filter_map(|kind| of(kind)).collect();
    if counts.is_empty() {
        "nothing".to_owned()
    } else {
        counts.join(", ")
    }
}
