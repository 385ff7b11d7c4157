//! Taking what exists already into the state. Nothing in the account changes but our mark.

use crate::apply;
use crate::model::{Account, Diagnostic};
use crate::plan::Plan;
use crate::provider::{OnPause, Writers};
use crate::render::{ReportStyle, report_text};
use crate::state::State;

use super::accounts::{Opening, refuse_unnamed};
use super::args::{Global, ImportArgs};
use super::configuration::Configuration;
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::recovery::{Book, recover};
use super::session::Session;
use super::signals::Signals;
use super::terminal::Terminal;
use super::voice::Voice;

mod account;
mod inventory;
mod one;
mod tfstate;

/// Takes over what is named.
pub(super) async fn run(
    global: &Global,
    args: &ImportArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    if args.address.is_none() && !args.all && args.from_tfstate.is_none() {
        return Err(nothing_named());
    }
    let deployment = signals
        .unless_interrupted(Deployment::open(global, terminal))
        .await?;
    let result = match (&args.address, &args.id) {
        (Some(address), Some(id)) => {
            let what = (address.as_str(), id.as_str());
            one::import(&deployment, what, args, terminal, signals).await
        }
        _ if deployment.environment().is_some() => Err(no_environment()),
        _ => account::import(&deployment, args, terminal, signals).await,
    };
    deployment.close().await;
    result
}

fn nothing_named() -> Failure {
    Failure::error("`import` has to be told what to take over")
        .hint(
            "type `cloudbuilder import server.NAME ID` for one thing, with the provider's id of it, \
             or `cloudbuilder import --all` for all that the account holds; \
             `cloudbuilder orphans` shows ids",
        )
        .into()
}

/// A whole cloud.json is no overlay.
fn no_environment() -> Failure {
    Failure::error("only `import ADDRESS ID` works in an environment")
        .detail("the others write a cloud.json of their own, and an environment lies over one")
        .hint("leave `--env` out, or import one thing after another")
        .into()
}

/// The accounts, opened to be changed, and the state, with what a run before left settled.
struct Ground<'a> {
    deployment: &'a Deployment,
    voice: Voice,
    writers: Writers,
    book: Book,
    state: State,
    /// Whether a run before was cut off.
    recovered: bool,
    terminal: Terminal,
}

impl<'a> Ground<'a> {
    /// Opens both. Whoever asks for it has the lock.
    async fn open(
        deployment: &'a Deployment,
        configuration: &Configuration,
        args: &ImportArgs,
        terminal: Terminal,
        signals: &mut Signals,
    ) -> Result<Self, Failure> {
        let security = deployment.security()?;
        let mut book = Book(deployment.store());
        let mut recorded = book.0.load()?;
        let voice = Voice::new(terminal);
        let on_pause = {
            let voice = voice.clone();
            OnPause::new(move |wait, why| voice.pause(wait, why))
        };
        let opening = Opening {
            deployment,
            cloud: &configuration.cloud,
            security: &security,
            on_pause,
        };
        refuse_unnamed(&configuration.cloud, recorded.as_ref())?;
        let writers = opening.writers()?;
        let readers = writers.readers();
        let state = recorded.as_mut();
        let recovery = recover(&readers, state, &mut book, args.settle, terminal);
        let recovered = signals.unless_interrupted(recovery).await?;
        terminal.diagnose(recovered.as_slice(), &configuration.sources);
        Ok(Self {
            deployment,
            voice,
            writers,
            book,
            state: recorded.unwrap_or_default(),
            recovered: recovered.is_some(),
            terminal,
        })
    }

    /// Carries out a plan that takes over and does nothing else, in these accounts; `again` is what
    /// to type if it does not come to its end.
    async fn take_over(
        mut self,
        plan: &Plan,
        accounts: impl IntoIterator<Item = (String, Account)>,
        again: &str,
        args: &ImportArgs,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let kept = self.book.0.back_up()?;
        self.state.accounts.extend(accounts);
        let usual = apply::Options::default();
        let options = apply::Options {
            parallelism: args.parallelism,
            settle: args.settle,
            first_look: self.deployment.practice().pause(usual.first_look),
            ..usual
        };
        self.voice.begin(plan, None);
        let mut session = Session {
            book: self.book,
            deployment: self.deployment,
            voice: &self.voice,
            terminal: self.terminal,
        };
        let report = session
            .carry_out(plan, &self.writers, &mut self.state, signals, &options)
            .await;
        let notes = self.writers.notes().into_iter().map(Diagnostic::note);
        self.voice.end(&report, &notes.collect::<Vec<_>>());
        if report.is_complete() {
            if let Some(kept) = kept {
                let kept = super::deployment::shown(&kept);
                self.terminal
                    .say(&format!("The state as it was is kept as {kept}."));
            }
            return Ok(());
        }
        let sandbox = match self.deployment.is_sandbox() {
            true => " --sandbox",
            false => "",
        };
        let style = ReportStyle {
            color: self.terminal.color_err,
            destroy: false,
            again: &format!("{again}{sandbox}"),
        };
        let text = report_text(plan, &report, &style);
        self.terminal.complain(&format!("\n{}", text.trim_end()));
        Err(match report.interrupted {
            true => Failure::Stopped(signals.first()),
            false => Failure::Said,
        })
    }
}
