use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::torture::{Campaign, Mode, Story};

use super::args::TortureArgs;
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::terminal::Terminal;

/// Most of a trial is waiting.
const A_PROCESSOR: usize = 6;

/// Tries this program on random clouds, and tells of what came out wrong.
pub(super) async fn run(
    args: &TortureArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::error("this program cannot be found").detail(error.to_string())
    })?;
    let usual = || A_PROCESSOR * available_parallelism().map_or(1, NonZeroUsize::get);
    let campaign = Campaign {
        program,
        jobs: args.jobs.map_or_else(usual, NonZeroUsize::get),
    };
    let told = |story: &Story| {
        if terminal.verbose > 0 || !story.problems.is_empty() {
            terminal.complain(&story.to_string());
        }
    };
    let mode = if args.instant {
        Mode::Instants
    } else {
        Mode::Faults
    };
    let report = signals
        .unless_interrupted(async {
            Ok(match args.seed.clone() {
                Some(seeds) => campaign.seeds(seeds, mode, told).await,
                None => campaign.requests(told).await + campaign.steps(told).await,
            })
        })
        .await?;
    terminal.print(&report.to_string())?;
    if report.is_good() {
        return Ok(Success::Done);
    }
    let failed = report.failures.iter().map(|failure| failure.trial.as_str());
    let failed: Vec<&str> = failed.collect();
    terminal.complain(&format!("Wrong: {}.", failed.join(", ")));
    if let (Some(_), Some(first)) = (&args.seed, failed.first()) {
        terminal.complain(&format!(
            "Once more: cloudbuilder sandbox torture --{first}"
        ));
    }
    Err(Failure::Said)
}
