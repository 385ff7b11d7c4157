use std::sync::Arc;

use jiff::Timestamp;

use crate::apply::{self, Report};
use crate::model::Diagnostic;
use crate::plan::{Plan, guard};
use crate::provider::{OnPause, Writers};
use crate::render::{JsonStream, ReportStyle, report_text};
use crate::state::State;

use super::accounts::{Opening, refuse_unnamed};
use super::args::{ApplyArgs, CarryingOut, DestroyArgs, Global, Planning};
use super::configuration::Configuration;
use super::confirm::{can_ask, confirm, confirm_number};
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::muted::Muted;
use super::plan::{show, success, write_markdown};
use super::recovery::{Book, recover};
use super::saved::Approved;
use super::session::Session;
use super::signals::Signals;
use super::survey::{Question, Survey, survey, version_of, without_state};
use super::terminal::Terminal;
use super::voice::Voice;

/// Makes the cloud as cloud.json says.
pub(super) async fn apply(
    global: &Global,
    args: &ApplyArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let approved = match (&args.plan_file, &args.expect) {
        (Some(path), _) => Some(Approved::read(path, global)?),
        (None, Some(checksum)) => Some(Approved::by_checksum(checksum.clone())),
        (None, None) => None,
    };
    let (planning, destroying) = match &approved {
        Some(approved) => approved.options(&args.planning, args.destroy)?,
        None => (args.planning.clone(), args.destroy),
    };
    let command = Command {
        name: if destroying { "destroy" } else { "apply" },
        planning: &planning,
        carrying_out: args.carrying_out,
        destroying,
        global,
        approved,
    };
    command.run(terminal, signals).await
}

/// Deletes what the state holds.
pub(super) async fn destroy(
    global: &Global,
    args: &DestroyArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let command = Command {
        name: "destroy",
        planning: &args.planning,
        carrying_out: args.carrying_out,
        destroying: true,
        global,
        approved: None,
    };
    command.run(terminal, signals).await
}

/// Apply or destroy: the same way, with something or nothing desired.
struct Command<'a> {
    name: &'static str,
    planning: &'a Planning,
    carrying_out: CarryingOut,
    destroying: bool,
    global: &'a Global,
    /// The plan that is carried out, and no other.
    approved: Option<Approved>,
}

impl Command<'_> {
    async fn run(&self, terminal: Terminal, signals: &mut Signals) -> Result<Success, Failure> {
        if self.carrying_out.no_refresh {
            return Err(Failure::error(format!(
                "{} always looks before it changes anything",
                self.name
            ))
            .detail("what the state says may not be so any more")
            .hint("`plan --no-refresh` shows a plan from the state; leave it out here")
            .into());
        }
        if self.asks() && (self.planning.json || !can_ask()) {
            return Err(
                Failure::error(format!("{} cannot ask for approval here", self.name))
                    .detail("nobody is at a terminal to answer, or the output is for a program")
                    .hint("add -y to carry the plan out without asking; `plan` shows it first")
                    .into(),
            );
        }
        let deployment = signals
            .unless_interrupted(Deployment::open(self.global, terminal))
            .await?;
        let result = self.locked(&deployment, terminal, signals).await;
        deployment.close().await;
        result
    }

    /// Whether somebody has to approve the plan yet.
    fn asks(&self) -> bool {
        !self.carrying_out.auto_approve && self.approved.is_none()
    }

    fn configuration(&self, deployment: &Deployment) -> Result<Configuration, Failure> {
        if self.destroying && deployment.has_state() {
            return deployment.configuration_if_any();
        }
        deployment.configuration()
    }

    async fn locked(
        &self,
        deployment: &Deployment,
        terminal: Terminal,
        signals: &mut Signals,
    ) -> Result<Success, Failure> {
        // What is plainly wrong needs no waiting. What counts is read once nobody else is at work.
        self.configuration(deployment)?;
        let timeout = self.planning.lock_timeout;
        let _lock = signals
            .unless_interrupted(deployment.lock(self.name, timeout))
            .await?;
        let configuration = self.configuration(deployment)?;
        let security = deployment.security()?;
        let mut book = Book(deployment.store());
        let mut recorded = book.0.load()?;
        let version = version_of(recorded.as_ref());

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
        let settle = self.planning.settle;
        let recovery = recover(&readers, recorded.as_mut(), &mut book, settle, terminal);
        let recovered = signals.unless_interrupted(recovery).await?;
        let question = Question {
            deployment,
            configuration: &configuration,
            security: &security,
            state: recorded.as_ref(),
            recovered: recovered.as_ref(),
            planning: self.planning,
            destroying: self.destroying,
            terminal,
            version: &version,
        };
        if self.destroying && recorded.is_none() {
            let missing = without_state(&configuration.cloud, &readers, &configuration.sources);
            return Err(signals.unless_interrupted(missing).await?);
        }
        let survey = signals
            .unless_interrupted(survey(&question, &readers))
            .await;
        // What was found out is in the state by now, and is told only once.
        let survey = survey.map_err(|failure| {
            let approved = self.approved.as_ref();
            let moved =
                approved.map(|_| Diagnostic::note("the plan that was approved is none now"));
            failure.after(recovered).after(moved)
        })?;
        let plan = &survey.plan;
        if let Some(approved) = &self.approved {
            approved.check(plan, terminal)?;
        }
        let stream = self.show(&survey, terminal)?;
        if !plan.is_empty() {
            if self.asks() {
                confirm(&self.question(), terminal, signals).await?;
                if let Some(losses) = guard::several_losses(plan) {
                    confirm_number(losses, terminal, signals).await?;
                }
            }
            book.0.back_up()?;
        }
        let mut state = recorded.unwrap_or_default();
        state.accounts.extend(survey.accounts.clone());
        let muted = terminal.live.then(Muted::interrupts).flatten();
        voice.begin(plan, stream);
        let mut session = Session {
            book,
            deployment,
            voice: &voice,
            terminal,
        };
        let report = self
            .carry_out(plan, &writers, &mut state, &mut session, signals)
            .await;
        let notes: Vec<Diagnostic> = writers.notes().into_iter().map(Diagnostic::note).collect();
        voice.end(&report, &notes);
        drop(muted);
        self.tell(plan, &report, terminal, signals)
    }

    fn question(&self) -> String {
        let environment = self.global.env.as_ref();
        let place = environment.map_or_else(String::new, |name| format!(" in environment {name}"));
        if self.destroying {
            format!("Do you really want to destroy all of this{place}? There is no undo.")
        } else {
            format!("Do you want to perform these actions{place}?")
        }
    }

    /// Prints the plan: as text, or as the first lines of a stream of JSON.
    fn show(&self, survey: &Survey, terminal: Terminal) -> Result<Option<JsonStream>, Failure> {
        if !self.planning.json {
            show(survey, self.name, self.planning, terminal)?;
            return Ok(None);
        }
        write_markdown(&survey.plan, survey.environment.as_deref(), self.planning)?;
        let plan = Arc::new(survey.plan.clone());
        let stream = JsonStream::new(plan, self.destroying);
        let now = Timestamp::now();
        let mut text = stream.version(now);
        for note in &survey.plan.notes {
            text.push_str(&stream.diagnostic(now, note));
        }
        text.push_str(&stream.planned(now));
        terminal.print(&text)?;
        Ok(Some(stream))
    }

    async fn carry_out(
        &self,
        plan: &Plan,
        writers: &Writers,
        state: &mut State,
        session: &mut Session<'_>,
        signals: &mut Signals,
    ) -> Report {
        let usual = apply::Options::default();
        let options = apply::Options {
            parallelism: self.planning.parallelism,
            settle: self.planning.settle,
            first_look: session.deployment.practice().pause(usual.first_look),
            longest_drain: session.deployment.longest_drain(),
            answer_deadline: session.deployment.practice().pause(usual.answer_deadline),
            prober: session.deployment.prober(),
            ..usual
        };
        session
            .carry_out(plan, writers, state, signals, &options)
            .await
    }

    /// What to type to go on.
    fn again(&self) -> String {
        let mut again = format!("cloudbuilder {}", self.name);
        for target in &self.planning.target {
            again.push_str(&format!(" --target '{target}'"));
        }
        for excluded in &self.planning.exclude {
            again.push_str(&format!(" --exclude '{excluded}'"));
        }
        for replaced in &self.planning.replace {
            again.push_str(&format!(" --replace '{replaced}'"));
        }
        if let Some(most) = self.planning.max_destroy {
            again.push_str(&format!(" --max-destroy {most}"));
        }
        if self.planning.allow_wipe {
            again.push_str(" --allow-wipe");
        }
        if self.planning.no_drain {
            again.push_str(" --no-drain");
        }
        if self.global.sandbox {
            again.push_str(" --sandbox");
        }
        if let Some(name) = &self.global.env {
            again.push_str(&format!(" --env {name}"));
        }
        again
    }

    fn tell(
        &self,
        plan: &Plan,
        report: &Report,
        terminal: Terminal,
        signals: &Signals,
    ) -> Result<Success, Failure> {
        let again = self.again();
        let said_already = plan.is_empty() && report.is_complete();
        if !self.planning.json && !said_already {
            let style = ReportStyle {
                color: if report.is_complete() {
                    terminal.color_out
                } else {
                    terminal.color_err
                },
                destroy: self.destroying,
                again: &again,
            };
            let text = report_text(plan, report, &style);
            if report.is_complete() {
                terminal.print(&format!("\n{text}"))?;
            } else {
                terminal.complain(&format!("\n{}", text.trim_end()));
            }
        }
        if report.interrupted {
            // Of a stream for a program, the report is part.
            return Err(match self.planning.json {
                true => Failure::Interrupted(signals.first()),
                false => Failure::Stopped(signals.first()),
            });
        }
        if report.is_complete() {
            Ok(success(plan, self.planning))
        } else {
            Err(Failure::Said)
        }
    }
}
