use crate::model::Diagnostic;
use crate::plan::Plan;
use crate::provider::OnPause;
use crate::render::{Header, PlanStyle, plan_json, plan_markdown, plan_text};

use crate::state::State;

use super::accounts::{Opening, refuse_unnamed};
use super::args::{Global, PlanArgs, Planning};
use super::deployment::{Deployment, environment, shown};
use super::failure::{Failure, Success, file_error};
use super::recovery::peek;
use super::saved::save;
use super::signals::Signals;
use super::survey::{Question, Survey, survey, version_of, without_state};
use super::terminal::Terminal;

/// Shows what apply would do. Its client cannot send anything but GET.
pub(super) async fn run(
    global: &Global,
    args: &PlanArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let planned = Deployment::with(global, terminal, signals, async |deployment| {
        let environment = global.env.as_deref();
        let result = plan(deployment, args, terminal).await;
        result.map_err(|failure| refused(failure, environment, &args.planning, terminal))
    });
    planned.await
}

/// A plan that did not come about is told where the plan would have been told too: whoever reads
/// that must not take silence for consent.
fn refused(
    failure: Failure,
    environment: Option<&str>,
    planning: &Planning,
    terminal: Terminal,
) -> Failure {
    let Failure::Problems(mut problems, sources) = failure else {
        return failure;
    };
    let plan = Plan {
        notes: problems.clone(),
        ..Plan::default()
    };
    let mut told = write_markdown(&plan, environment, planning).err();
    if planning.json {
        let printed = terminal.print(&plan_json(&plan));
        told = told.or(printed.err());
    }
    let said = |told: &Diagnostic| plan.notes.iter().any(|note| note.summary == told.summary);
    problems.extend(told.filter(|problem| !said(problem)));
    Failure::Problems(problems, sources)
}

async fn plan(
    deployment: &Deployment,
    args: &PlanArgs,
    terminal: Terminal,
) -> Result<Success, Failure> {
    let configuration = if args.destroy && deployment.has_state() {
        deployment.configuration_if_any()?
    } else {
        deployment.configuration()?
    };
    let security = deployment.security()?;
    let mut state = deployment.store().load()?;
    let version = version_of(state.as_ref());
    let holder = deployment.holder();
    if let Some(holder) = &holder {
        terminal.say(&format!(
            "note: a run is at work here ({holder}); this plan may be out of date"
        ));
    }
    let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
    let opening = Opening {
        deployment,
        cloud: &configuration.cloud,
        security: &security,
        on_pause,
    };
    refuse_unnamed(&configuration.cloud, state.as_ref())?;
    let readers = opening.readers()?;
    let recovered = match args.no_refresh {
        true => {
            refuse_cut_off(state.as_ref())?;
            None
        }
        false => peek(&readers, state.as_mut()).await?,
    };
    let readers = match &state {
        Some(state) if args.no_refresh => readers.remembering(
            &state.resources,
            &state.accounts_in_use(),
            Some(&state.lineage),
        ),
        _ => readers,
    };
    // What a run at work has not heard of yet was not cut off.
    let recovered = recovered.filter(|_| holder.is_none());
    let question = Question {
        deployment,
        configuration: &configuration,
        security: &security,
        state: state.as_ref(),
        recovered: recovered.as_ref(),
        planning: &args.planning,
        destroying: args.destroy,
        terminal,
        version: &version,
    };
    if args.destroy && state.is_none() {
        return Err(without_state(&configuration.cloud, &readers, &configuration.sources).await?);
    }
    let mut survey = survey(&question, &readers).await?;
    if args.no_refresh {
        survey.plan.notes.insert(0, from_the_state());
        // What apply finds may be something else.
        survey.plan.checksum = None;
    }
    if let Some(path) = &args.out {
        save(path, &survey.plan, &question.options())?;
    }
    show(&survey, "plan", &args.planning, terminal)?;
    let wants_checksum = args.out.is_some() || args.planning.markdown.is_some();
    if let Some(checksum) = &survey.plan.checksum
        && (wants_checksum || terminal.verbose > 0)
        && !args.planning.json
    {
        terminal.print(&format!("Checksum: {checksum}\n"))?;
    }
    if let Some(path) = &args.out {
        let file = shown(path);
        terminal.say(&format!(
            "Saved. To carry out just this: cloudbuilder apply {file}"
        ));
    }
    Ok(success(&survey.plan, &args.planning))
}

fn from_the_state() -> Diagnostic {
    Diagnostic::note("planned from the state: nothing that is recorded was looked at").detail(
        "what others have changed since the last run is not in this plan, and no price that only a \
         look tells; apply looks first",
    )
}

/// What became of something that a run did not come to record, only a look can tell.
fn refuse_cut_off(state: Option<&State>) -> Result<(), Failure> {
    if state.is_none_or(|state| state.unsettled.is_empty()) {
        return Ok(());
    }
    Err(Failure::error("the last run was cut off")
        .detail("the state does not say what became of all that it asked for")
        .hint("plan without --no-refresh")
        .into())
}

/// The exit code that a plan asks for.
pub(super) fn success(plan: &Plan, planning: &Planning) -> Success {
    if planning.detailed_exitcode && !plan.is_empty() {
        Success::Changes
    } else {
        Success::Done
    }
}

/// Prints a plan in the form that was asked for, and writes it where it was asked for.
pub(super) fn show(
    survey: &Survey,
    command: &str,
    planning: &Planning,
    terminal: Terminal,
) -> Result<(), Failure> {
    let plan = &survey.plan;
    let environment = survey.environment.as_deref();
    write_markdown(plan, environment, planning)?;
    let text = if planning.json {
        plan_json(plan)
    } else {
        let header = Header {
            command,
            environment,
            provider: &survey.cloud,
            requests: usize::try_from(survey.requests).unwrap_or(usize::MAX),
            elapsed: survey.elapsed,
        };
        plan_text(
            plan,
            &PlanStyle {
                color: terminal.color_out,
                verbose: terminal.verbose > 0,
                header: (!terminal.quiet).then_some(header),
            },
        )
    };
    terminal.diagnose(&plan.notes, &survey.sources);
    Ok(terminal.print(&text)?)
}

/// Writes the plan as a comment, if that was asked for.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write_markdown(
    plan: &Plan,
    environment: Option<&str>,
    planning: &Planning,
) -> Result<(), Diagnostic> {
    let Some(path) = &planning.markdown else {
        return Ok(());
    };
    let text = plan_markdown(plan, environment);
    crate::file::replace(path, text.as_bytes(), None)
        .map_err(|error| file_error("written", path, &error))?;
    summarise(&text)
}

/// GitHub shows what is appended to this file on the page of the run.
fn summarise(text: &str) -> Result<(), Diagnostic> {
    use std::io::Write;
    let Some(path) = environment("GITHUB_STEP_SUMMARY").map(std::path::PathBuf::from) else {
        return Ok(());
    };
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path);
    file.and_then(|mut file| writeln!(file, "{text}"))
        .map_err(|error| file_error("written", &path, &error))
}
