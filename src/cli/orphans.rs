//! What the accounts hold that no deployment looks after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::{Address, Desired, Diagnostic, Observed};
use crate::plan::{self, Orphan};
use crate::provider::OnPause;
use crate::refresh::{self, Found, Wanted};
use crate::render::{Header, Leftovers, orphans_json, orphans_text};
use crate::resource::{domain, firewall, record, server, volume, vpc};
use crate::state::State;

use super::accounts::{Opening, refuse_unnamed};
use super::args::{Global, OrphansArgs};
use super::configuration::Configuration;
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::recovery::peek;
use super::signals::Signals;
use super::survey::name_of_cloud;
use super::terminal::Terminal;

/// Lists them. Its client cannot send anything but GET.
pub(super) async fn run(
    global: &Global,
    args: OrphansArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    Deployment::with(global, terminal, signals, async |deployment| {
        orphans(deployment, args, terminal).await
    })
    .await
}

async fn orphans(
    deployment: &Deployment,
    args: OrphansArgs,
    terminal: Terminal,
) -> Result<Success, Failure> {
    let began = Instant::now();
    let configuration = deployment.configuration_if_any()?;
    let security = deployment.security()?;
    let mut state = deployment.store().load()?;
    let opening = Opening {
        deployment,
        cloud: &configuration.cloud,
        security: &security,
        on_pause: OnPause::new(move |wait, why| terminal.pause(wait, why)),
    };
    refuse_unnamed(&configuration.cloud, state.as_ref())?;
    let readers = opening.readers()?;
    // What a run that was cut off made is known by its intents.
    peek(&readers, state.as_mut()).await?;
    let nothing = BTreeMap::new();
    let recorded = state.as_ref().map_or(&nothing, |state| &state.resources);
    let known = state.as_ref().map(State::accounts_in_use);
    let lineage = state.as_ref().map(|state| state.lineage.as_str());
    let found = refresh::refresh(
        &readers,
        &Wanted {
            cloud: None,
            recorded,
            known: &known.unwrap_or_default(),
            mark: lineage,
            replace: &[],
            whole: true,
            leftovers: true,
            settle: Duration::ZERO,
        },
    )
    .await?;
    let wanted = wanted(&configuration, &found);
    let (observed, accounts) = (&found.observed, &found.accounts);
    let orphans = plan::orphans(recorded, observed, accounts, lineage, &wanted);
    let dangling = dangling(&found, state.as_ref());
    let left = Leftovers {
        orphans: &orphans,
        dangling: &dangling,
        several: readers.is_several(),
        now: Timestamp::now(),
    };
    let cloud = name_of_cloud(deployment, &found.accounts);
    let header = Header {
        command: "orphans",
        provider: &cloud,
        environment: deployment.environment(),
        requests: usize::try_from(readers.requests()).unwrap_or(usize::MAX),
        elapsed: began.elapsed(),
    };
    terminal.print(&match args.json {
        true => orphans_json(&left),
        false => orphans_text(&left, header, terminal.list_style()),
    })?;
    let notes: Vec<Diagnostic> = readers.notes().into_iter().map(Diagnostic::note).collect();
    terminal.diagnose(&notes, &configuration.sources);
    let counts = orphans.found.iter().any(Orphan::counts);
    Ok(match counts && args.detailed_exitcode {
        true => Success::Changes,
        false => Success::Done,
    })
}

/// What of cloud.json a plan would take over or use, as far as it takes to know it by name.
fn wanted(configuration: &Configuration, found: &Found) -> Vec<Desired> {
    let cloud = &configuration.cloud;
    let mut named: Vec<(Address, &str)> = Vec::new();
    for one in &cloud.servers {
        named.push((server::address(&one.name.value), &one.account.value));
        // One that nobody made here is used as it is.
        let vpc = one.vpc.as_ref();
        named.extend(vpc.map(|vpc| (vpc::address(&vpc.value), &*one.account.value)));
    }
    let volumes = cloud.volumes.iter();
    named.extend(volumes.map(|one| (volume::address(&one.name.value), &*one.account.value)));
    let firewalls = cloud.firewalls.iter();
    named.extend(firewalls.map(|one| (firewall::address(&one.name.value), &*one.account.value)));
    let vpcs = cloud.vpcs.iter();
    named.extend(vpcs.map(|one| (vpc::address(&one.name.value), &*one.account.value)));
    named.extend(zones(configuration, found));
    let desired = named.into_iter().map(|(address, account)| Desired {
        address,
        account: account.to_owned(),
        attributes: Default::default(),
        only_if: None,
        follows: Vec::new(),
        place: None,
        places: BTreeMap::new(),
    });
    desired.collect()
}

/// The zones that cloud.json names, or that names of it go into, wherever they are.
fn zones<'f>(configuration: &Configuration, found: &'f Found) -> Vec<(Address, &'f str)> {
    let cloud = &configuration.cloud;
    let seen = found.observed.iter();
    let seen = seen.filter(|seen| seen.kind == domain::KIND.name);
    let seen: Vec<(&str, &str)> = seen
        .filter_map(|zone| Some((zone.text(domain::NAME)?, &*zone.account)))
        .collect();
    let known = seen.iter().map(|(zone, _)| (*zone).to_owned()).collect();
    let names = cloud.servers.iter().flat_map(|server| &server.names);
    let names = names.filter_map(|name| domain::zone_of(&name.value, &known));
    let declared = cloud.domains.iter().map(|zone| zone.name.value.as_str());
    let of_records = cloud
        .records
        .iter()
        .map(|record| record.zone.value.as_str());
    let used: BTreeSet<&str> = names.chain(declared).chain(of_records).collect();
    let used = seen.iter().filter(|(zone, _)| used.contains(zone));
    used.map(|(zone, account)| (domain::address(zone), *account))
        .collect()
}

/// The records in this deployment's zones that lead nowhere and are not its own: of those, plans
/// tell.
fn dangling<'a>(found: &'a Found, state: Option<&State>) -> Vec<(String, String, &'a Observed)> {
    let recorded = state.into_iter().flat_map(|state| state.resources.values());
    let ours: BTreeSet<(&str, &str)> = recorded
        .filter(|recorded| recorded.address.kind() == record::KIND.name)
        .map(|recorded| (recorded.account.as_str(), recorded.id.as_str()))
        .collect();
    let nowhere = record::leading_nowhere(&found.observed).into_iter();
    nowhere
        .filter(|seen| !ours.contains(&(&*seen.account, &seen.id)))
        .map(|seen| {
            let text = |attribute| seen.text(attribute).unwrap_or_default();
            let name = format!("{} {}", text(record::NAME), text(record::TYPE));
            (name, format!("→ {}", text(record::DATA)), seen)
        })
        .collect()
}
