//! One trial: a deployment is applied in its own directory against a sandbox of its own, things go
//! wrong as its troubles say, and it is applied again until it is done.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use fastrand::Rng;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Instant;

use crate::file;
use crate::sandbox::{Fault, FaultKind, Kill};
use crate::state::{State, Store};

use super::cloud::{Scenario, Stage};
use super::disk::{Disk, Files, Traced};
use super::faults::{Death, Troubles, shown, word};
use super::ground::{Ground, Site};
use super::terms::Terms;
use super::verdict::{Case, Verdict, judge};
use super::world::World;

/// How often a stage is run at most.
const MOST_RUNS: usize = 12;
/// As much of what a run says as is told.
const MOST_LINES: usize = 12;

/// What to try.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// What it is called in the report.
    pub(super) name: String,
    pub(super) seed: u64,
    /// What it is made of.
    pub(super) terms: Terms,
    pub(super) scenario: Scenario,
    pub(super) troubles: Troubles,
}

/// What came of a trial.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// What is wrong at the end of a stage; nothing, if all is well.
    pub(super) problems: Vec<String>,
    pub(super) duplicates: usize,
    pub(super) orphans: usize,
    /// How often apply or destroy was run.
    pub(super) runs: usize,
    /// How many of them ended with an error.
    pub(super) errors: usize,
    /// Each kind of fault: how many were laid, how many struck.
    pub(super) faults: BTreeMap<String, (u64, u64)>,
    /// How many requests each fault struck.
    pub(super) struck: Vec<u64>,
    pub(super) killed_at_requests: usize,
    pub(super) killed_at_steps: usize,
    pub(super) killed_at_instants: usize,
    pub(super) power_cuts: usize,
    /// What happened, line by line.
    pub(super) story: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// By itself, with this code.
    Exit(i32),
    /// We killed it, because a request was to be its last.
    AtRequest,
    /// It killed itself at a step.
    AtStep,
    /// We killed it at some instant.
    AtInstant,
    /// It did not end, and was killed.
    Hung,
}

impl End {
    fn words(self) -> String {
        match self {
            Self::Exit(code) => format!("exit {code}"),
            Self::AtRequest => "killed at a request".to_owned(),
            Self::AtStep => "killed at a step".to_owned(),
            Self::AtInstant => "killed at some instant".to_owned(),
            Self::Hung => "did not end".to_owned(),
        }
    }
}

impl Trial {
    /// Runs it.
    pub(super) async fn run(self, program: &Path, ground: &Ground) -> Outcome {
        let mut outcome = Outcome {
            name: self.name.clone(),
            ..Outcome::default()
        };
        match Bench::set_up(&self, program, ground).await {
            Ok(mut bench) => {
                bench.go_through(&self, &mut outcome).await;
                if let Err(why) = bench.site.clean_up().await {
                    outcome
                        .problems
                        .push(format!("it cannot be removed: {why}"));
                }
            }
            Err(why) => outcome.problems.push(format!("it cannot be tried: {why}")),
        }
        outcome
    }
}

/// A deployment's directory and its account.
struct Bench<'a> {
    program: &'a Path,
    root: TempDir,
    site: Box<dyn Site>,
    kills: UnboundedReceiver<Kill>,
    before: World,
    /// What was there at the end of the stage before.
    earlier: World,
    /// Where servers are asked if they serve; somebody is always there.
    answers: TcpListener,
    rng: Rng,
}

impl<'a> Bench<'a> {
    async fn set_up(trial: &Trial, program: &'a Path, ground: &Ground) -> Result<Self, String> {
        let (tell, kills) = mpsc::unbounded_channel();
        let site = ground.open(trial, tell).await?;
        site.furnish(&trial.scenario.before).await?;
        let before = site.look().await?;
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let directory = root.path().join("deployment");
        fs::create_dir(&directory).map_err(|error| error.to_string())?;
        for (name, text) in site.files() {
            file::replace(&directory.join(name), text.as_bytes(), Some(0o600))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        // Who connects is answered by the system, as long as somebody accepts now and then.
        let answers = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let answers = answers.map_err(|error| error.to_string())?;
        Ok(Self {
            program,
            root,
            site,
            kills,
            earlier: before.clone(),
            before,
            answers,
            rng: Rng::with_seed(trial.troubles.power.unwrap_or_default()),
        })
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("deployment")
    }

    async fn go_through(&mut self, trial: &Trial, outcome: &mut Outcome) {
        for number in 0..trial.scenario.stages.len() {
            let went = self.stage(trial, number, outcome).await;
            if let Err(why) = went {
                outcome.problems.push(why);
            }
            if !outcome.problems.is_empty() {
                break;
            }
        }
        outcome.struck = self.site.struck();
        for (fault, struck) in trial.troubles.faults.iter().zip(&outcome.struck) {
            let count = outcome.faults.entry(word(fault.kind)).or_default();
            count.0 += 1;
            count.1 += struck.min(&1);
        }
    }

    /// Applies a stage until it is done, and judges what came of it.
    async fn stage(
        &mut self,
        trial: &Trial,
        number: usize,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let stages = trial.scenario.stages.get(..=number).unwrap_or_default();
        let Some(stage) = stages.last() else {
            return Ok(());
        };
        if !stage.destroy {
            let text = self.site.cloud_json(stage);
            file::replace(&self.directory().join("cloud.json"), text.as_bytes(), None)
                .map_err(|error| format!("cloud.json: {error}"))?;
        }
        let struck = self.site.struck();
        let mut run = 0;
        loop {
            if run == MOST_RUNS {
                return Err(format!("it is not done after {MOST_RUNS} runs"));
            }
            let end = self.apply(trial, stage, (number, run), outcome).await?;
            run += 1;
            outcome.runs += 1;
            match end {
                End::Exit(0) => break,
                End::Exit(1) => outcome.errors += 1,
                End::Exit(code) => return Err(format!("it ends with {code}")),
                End::AtRequest => outcome.killed_at_requests += 1,
                End::AtStep => outcome.killed_at_steps += 1,
                End::AtInstant => outcome.killed_at_instants += 1,
                End::Hung => return Err("it does not end".to_owned()),
            }
        }
        self.judge(trial, stages, outcome).await?;
        let is_last = number + 1 == trial.scenario.stages.len();
        if is_last || run > 1 || struck != self.site.struck() {
            self.plan(trial, stage.destroy, outcome).await?;
        }
        Ok(())
    }

    /// One run of apply or destroy.
    async fn apply(
        &mut self,
        trial: &Trial,
        stage: &Stage,
        (number, run): (usize, usize),
        outcome: &mut Outcome,
    ) -> Result<End, String> {
        let troubles = &trial.troubles;
        let parallelism = troubles.parallelism.to_string();
        let settle = format!("{}ms", trial.terms.settle.as_millis());
        let mut args = vec![
            if stage.destroy { "destroy" } else { "apply" },
            "-y",
            "-j",
            &parallelism,
            "--settle",
            &settle,
        ];
        if !stage.destroy {
            args.extend(["--max-destroy", "100"]);
        }
        // Some are rebuilt.
        args.push("--allow-wipe");
        let here = |death: &&Death| (death.stage, death.run) == (number, run);
        let death = troubles.deaths.iter().find(here);
        let instant = troubles.instants.get(run).filter(|_| number == 0);
        let trace = self.root.path().join("trace");
        let mut practice = death.map(Death::words).unwrap_or_default();
        if troubles.power.is_some() {
            let _ = fs::remove_file(&trace);
            practice.push_str(&format!(" trace={}", trace.display()));
        }
        let found = self.files();
        let struck = self.site.struck();
        let (end, said) = self
            .run(&trial.terms, &args, &practice, instant.copied())
            .await?;
        let dead = matches!(end, End::AtRequest | End::AtStep | End::AtInstant);
        let cut = dead && troubles.power.is_some();
        if cut {
            self.cut_power(found, &trace)?;
            outcome.power_cuts += 1;
        }
        let mut line = format!("stage {}, run {}: {}", number + 1, run + 1, end.words());
        if cut {
            line.push_str(", and the power goes");
        }
        if let Some(death) = death {
            line.push_str(&format!(" [{}]", death.words()));
        }
        let faults = troubles.faults.iter().zip(&struck);
        for ((fault, before), after) in faults.zip(self.site.struck()) {
            if after > *before {
                line.push_str(&format!(" [{}]", shown(fault)));
            }
        }
        outcome.story.push(line);
        if !dead && end != End::Exit(0) {
            outcome.story.extend(errors(&said));
            // What is not to be seen may trouble later runs too.
            let lags = |fault: &Fault| fault.kind == FaultKind::Lag;
            let lags = !troubles.lag.is_zero() || troubles.faults.iter().any(lags);
            if struck == self.site.struck() && !lags {
                return Err("it fails although nothing goes wrong".to_owned());
            }
        }
        if said.contains("panicked at") {
            return Err(format!("it panics: {said}"));
        }
        if self
            .site
            .secrets()
            .iter()
            .any(|secret| said.contains(secret))
        {
            return Err("a secret is printed".to_owned());
        }
        Ok(end)
    }

    /// Runs the program, and kills it when a request is to be its last.
    async fn run(
        &mut self,
        terms: &Terms,
        args: &[&str],
        practice: &str,
        instant: Option<Duration>,
    ) -> Result<(End, String), String> {
        let output = self.root.path().join("output");
        let mut child = self
            .start(terms, args, practice, &output)
            .map_err(|error| {
                let program = self.program.display();
                format!("{program} cannot be started: {error}")
            })?;
        let give_up = Instant::now() + terms.longest_run;
        let at = instant.map(|after| Instant::now() + after);
        let end = tokio::select! {
            ended = child.wait() => by_itself(&ended.map_err(|error| error.to_string())?),
            () = accept(&self.answers) => End::Hung,
            Some(kill) = self.kills.recv() => {
                end(&mut child).await;
                drop(kill);
                End::AtRequest
            }
            () = until(at) => {
                end(&mut child).await;
                End::AtInstant
            }
            () = until(Some(give_up)) => {
                end(&mut child).await;
                End::Hung
            }
        };
        // Two requests may have been meant to be the last one.
        while let Ok(kill) = self.kills.try_recv() {
            drop(kill);
        }
        let said = fs::read(&output).map_err(|error| error.to_string())?;
        Ok((end, String::from_utf8_lossy(&said).into_owned()))
    }

    fn start(
        &self,
        terms: &Terms,
        args: &[&str],
        practice: &str,
        output: &Path,
    ) -> io::Result<Child> {
        let answers = self.answers.local_addr()?;
        let practice = format!("tempo={} answers={answers} {practice}", terms.tempo);
        let out = File::create(output)?;
        let err = out.try_clone()?;
        Command::new(self.program)
            .args(args)
            .current_dir(self.directory())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.root.path())
            .env("LC_ALL", "C.UTF-8")
            .envs(self.site.environment())
            .env("CLOUDBUILDER_PUBLIC_SSH_KEY", &terms.key)
            .env("CLOUDBUILDER_PRACTICE", practice)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
    }

    /// What the deployment's directory holds, itself and not below it.
    fn files(&self) -> Files {
        let entries = fs::read_dir(self.directory()).into_iter().flatten();
        let files = entries.flatten().filter(|entry| entry.path().is_file());
        files
            .filter_map(|entry| Some((entry.path(), fs::read(entry.path()).ok()?)))
            .collect()
    }

    /// Puts the directory back to what a power cut may have left of it.
    fn cut_power(&mut self, found: Files, trace: &Path) -> Result<(), String> {
        let mut disk = Disk::of(found);
        let text = fs::read_to_string(trace).unwrap_or_default();
        for line in text.lines() {
            let traced: Traced =
                serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
            disk.step(traced.within(&self.directory()));
        }
        let left = disk.after_a_power_cut(&mut self.rng);
        for path in self.files().into_keys() {
            if !left.contains_key(&path) {
                fs::remove_file(&path).map_err(|error| error.to_string())?;
            }
        }
        for (path, bytes) in left {
            file::replace(&path, &bytes, None).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Compares the world, the state and cloud.json.
    async fn judge(
        &mut self,
        trial: &Trial,
        stages: &[Stage],
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let world = self.site.look().await?;
        let cloud_json = fs::read_to_string(self.directory().join("cloud.json"));
        let state = self.state();
        let case = Case {
            before: &self.before,
            earlier: &self.earlier,
            account: trial.terms.account,
            key: &trial.terms.key,
            shares_account: trial.terms.shares_account,
            stages,
            tagless: trial.troubles.tagless,
            world: &world,
            state: state.as_ref().ok().and_then(Option::as_ref),
            cloud_json: &cloud_json.unwrap_or_default(),
        };
        let Verdict {
            problems,
            duplicates,
            orphans,
        } = judge(&case);
        outcome.problems.extend(state.err());
        outcome.problems.extend(problems);
        outcome.duplicates += duplicates;
        outcome.orphans += orphans;
        self.earlier = world;
        for left in self.leftovers() {
            outcome.problems.push(format!("{left} is left"));
        }
        Ok(())
    }

    /// A plan must find nothing to do.
    async fn plan(
        &mut self,
        trial: &Trial,
        destroyed: bool,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let mut args = vec!["plan", "--detailed-exitcode"];
        if destroyed {
            args.push("--destroy");
        }
        // What goes wrong may go wrong here too, and proves nothing then.
        let (end, said) = loop {
            let struck = self.site.struck();
            let (end, said) = self.run(&trial.terms, &args, "", None).await?;
            if end == End::Exit(0) || struck == self.site.struck() {
                break (end, said);
            }
        };
        if end != End::Exit(0) {
            outcome.problems.push(format!("plan: {}", end.words()));
            outcome
                .story
                .extend(said.lines().map(|line| format!("  | {line}")));
        }
        Ok(())
    }

    fn state(&self) -> Result<Option<State>, String> {
        let directory = self.directory();
        let store = Store::new(
            directory.join("cloud.state.json"),
            directory.join(".cloudbuilder"),
        );
        store.load().map_err(|error| error.to_string())
    }

    /// What should not be in the directory at the end.
    fn leftovers(&self) -> Vec<String> {
        let names = self.files().into_keys().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let meant = matches!(name.as_str(), "cloud.json" | "cloud.state.json")
                || self.site.files().iter().any(|(own, _)| *own == name);
            (!meant).then_some(name)
        });
        names.collect()
    }
}

async fn end(child: &mut Child) {
    // It may have ended by itself in the meantime.
    let _ = child.kill().await;
}

/// Is there for whoever asks whether somebody is, for ever.
async fn accept(answers: &TcpListener) {
    loop {
        // One that gave up meanwhile has its answer.
        let _ = answers.accept().await;
    }
}

/// Waits until then; for ever, if there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn by_itself(status: &ExitStatus) -> End {
    // Nobody else kills it.
    status.code().map_or(End::AtStep, End::Exit)
}

/// What went wrong, in the program's words, from the first error on.
fn errors(said: &str) -> impl Iterator<Item = String> {
    let before = |line: &&str| !line.starts_with("error");
    let lines = said.lines().skip_while(before).take(MOST_LINES);
    lines.map(|line| format!("  | {line}"))
}
