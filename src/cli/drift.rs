use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;

use crate::model::Address;
use crate::plan::{self, Action, Input, Reason, Verb};
use crate::provider::OnPause;
use crate::refresh::{self, Wanted};
use crate::render::{Header, drift_text};

use super::accounts::{Opening, refuse_unnamed};
use super::args::{DriftArgs, Global};
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::recovery::peek;
use super::signals::Signals;
use super::survey::{any_public_key, name_of_cloud};
use super::terminal::Terminal;

/// Shows what others changed. Its client cannot send anything but GET.
pub(super) async fn run(
    global: &Global,
    args: &DriftArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    Deployment::with(global, terminal, signals, async |deployment| {
        drift(deployment, args, terminal).await
    })
    .await
}

async fn drift(
    deployment: &Deployment,
    args: &DriftArgs,
    terminal: Terminal,
) -> Result<Success, Failure> {
    let began = Instant::now();
    let Some(mut state) = deployment.store().load()? else {
        terminal.say("There is no state here: nothing was made yet.");
        return Ok(Success::Done);
    };
    let configuration = deployment.configuration()?;
    let security = deployment.security()?;
    let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
    let opening = Opening {
        deployment,
        cloud: &configuration.cloud,
        security: &security,
        on_pause,
    };
    refuse_unnamed(&configuration.cloud, Some(&state))?;
    let readers = opening.readers()?;
    // What a run that was cut off did is nobody else's doing.
    peek(&readers, Some(&mut state)).await?;
    let key = any_public_key(&security);
    let known = state.accounts_in_use();
    let wanted = Wanted {
        cloud: key.as_ref().map(|key| (&configuration.cloud, key)),
        recorded: &state.resources,
        known: &known,
        mark: Some(&state.lineage),
        replace: &[],
        whole: false,
        leftovers: false,
        settle: args.settle,
    };
    let found = refresh::refresh(&readers, &wanted).await?;
    let drift = plan::drift(&state.resources, &found.observed, &found.absent);
    let nothing_written = BTreeMap::new();
    let input = Input {
        desired: &found.desired,
        withdrawn: &found.withdrawn,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &state.resources,
        lineage: Some(&state.lineage),
        accounts: &found.accounts,
        written: Some(plan::Written {
            file: &deployment.written_name(),
            values: &nothing_written,
            keeps_unwanted: false,
        }),
        destroying: false,
        now: Timestamp::now(),
        drains: true,
        part: &plan::Part::default(),
        replace: &[],
    };
    let unnamed = plan::unnamed(&input);
    let listed: BTreeSet<&Address> = unnamed.iter().map(|one| &one.address).collect();
    // Whatever stands against a plan is no drift; `plan` says what it is.
    let to_do = plan::plan(&input).ok().map(|plan| {
        let to_do = plan.actions.iter();
        let to_do = to_do.filter(|action| !listed.contains(&action.address));
        to_do.filter(|action| is_ours(action)).count()
    });
    let cloud = name_of_cloud(deployment, &found.accounts);
    let header = Header {
        command: "drift",
        environment: deployment.environment(),
        provider: &cloud,
        requests: usize::try_from(readers.requests()).unwrap_or(usize::MAX),
        elapsed: began.elapsed(),
    };
    let counts = (state.resources.len(), to_do);
    terminal.print(&drift_text(
        &drift,
        &unnamed,
        counts,
        header,
        terminal.color_out,
    ))?;
    let has_none = drift.is_empty() && unnamed.is_empty();
    Ok(match has_none || !args.detailed_exitcode {
        true => Success::Done,
        false => Success::Changes,
    })
}

/// Whether something is to be done because cloud.json was changed.
fn is_ours(action: &Action) -> bool {
    let outside = matches!(
        action.reason,
        Reason::ChangedOutside | Reason::DeletedOutside | Reason::NotReady | Reason::Unfinished
    );
    action.verb != Verb::NoOp && !outside
}
