use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::torture::{Campaign, Ground, Login, Mode, Story};

use super::args::{Arena, TortureArgs};
use super::deployment::environment;
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::terminal::Terminal;

/// Most of a trial is waiting.
const A_PROCESSOR: usize = 6;
/// A project of a real cloud has not room for more.
const IN_A_PROJECT: usize = 2;

/// Tries this program on random clouds, and tells of what came out wrong.
pub(super) async fn run(
    args: &TortureArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::error("this program cannot be found").detail(error.to_string())
    })?;
    let ground = ground(args)?;
    let usual = || match ground {
        Ground::OpenStack(_) => IN_A_PROJECT,
        Ground::DigitalOcean | Ground::Rackspace => {
            A_PROCESSOR * available_parallelism().map_or(1, NonZeroUsize::get)
        }
    };
    let campaign = Campaign {
        program,
        jobs: args.jobs.map_or_else(usual, NonZeroUsize::get),
        ground,
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
        let mut again = format!("Once more: cloudbuilder sandbox torture --{first}");
        match (args.cloud, &args.upstream) {
            (Arena::Rackspace, _) => again.push_str(" --cloud rackspace"),
            (_, Some(upstream)) => {
                again.push_str(&format!(" --cloud openstack --upstream {upstream}"));
            }
            (_, None) => {}
        }
        terminal.complain(&again);
    }
    Err(Failure::Said)
}

/// What to try it against.
fn ground(args: &TortureArgs) -> Result<Ground, Failure> {
    let Some(upstream) = &args.upstream else {
        return Ok(match args.cloud {
            Arena::Rackspace => Ground::Rackspace,
            _ => Ground::DigitalOcean,
        });
    };
    if args.cloud != Arena::Openstack {
        return Err(Failure::error("only --cloud openstack has an upstream")
            .hint("add --cloud openstack, or leave --upstream out")
            .into());
    }
    let needed = |name: &str| {
        environment(name).ok_or_else(|| {
            Failure::error(format!("{name} is not set"))
                .detail("a campaign against an OpenStack needs a project to make servers in")
                .hint("set OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME")
        })
    };
    Ok(Ground::OpenStack(Login {
        upstream: upstream.clone(),
        username: needed("OS_USERNAME")?,
        password: needed("OS_PASSWORD")?,
        project: needed("OS_PROJECT_NAME")?,
        domain: environment("OS_USER_DOMAIN_NAME").unwrap_or_else(|| "Default".to_owned()),
    }))
}
