//! What the accounts hold that no deployment looks after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::{Desired, Observed};
use crate::plan;
use crate::provider::OnPause;
use crate::refresh::{self, Found, Wanted};
use crate::render::{Header, Leftovers, orphans_json, orphans_text};
use crate::resource::{firewall, record, server, volume};
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
            settle: Duration::ZERO,
        },
    )
    .await?;
    let wanted = wanted(&configuration);
    let orphans = plan::orphans(recorded, &found.observed, lineage, &wanted);
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
    Ok(match orphans.found.is_empty() || !args.detailed_exitcode {
        true => Success::Done,
        false => Success::Changes,
    })
}

/// What of cloud.json carries marks, as far as it takes to know it by name.
fn wanted(configuration: &Configuration) -> Vec<Desired> {
    let cloud = &configuration.cloud;
    let servers = cloud.servers.iter();
    let servers = servers.map(|one| (server::address(&one.name.value), &one.account));
    let volumes = cloud.volumes.iter();
    let volumes = volumes.map(|one| (volume::address(&one.name.value), &one.account));
    let firewalls = cloud.firewalls.iter();
    let firewalls = firewalls.map(|one| (firewall::address(&one.name.value), &one.account));
    servers
        .chain(volumes)
        .chain(firewalls)
        .map(|(address, account)| Desired {
            address,
            account: account.value.clone(),
            attributes: Default::default(),
            only_if: None,
            follows: Vec::new(),
            place: None,
            places: BTreeMap::new(),
        })
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
