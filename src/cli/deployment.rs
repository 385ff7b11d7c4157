use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::{self, Cloud, Security};
use crate::file;
use crate::model::Secret;
use crate::probe::Prober;
use crate::provider::{Login, Manner, OnPause, Tempo, digitalocean, rackspace};
use crate::render::Sources;
use crate::sandbox::{self, Sandbox};
use crate::state::lock::Standing;
use crate::state::{self, Lock, Store, prepare_private_dir};

use super::args::Global;
use super::configuration::Configuration;
use super::environment::{self, file_name};
use super::failure::{Failure, file_error};
use super::practice::Practice;
use super::signals::Signals;
use super::terminal::Terminal;
use super::variables;

/// Where the API is, if it is not where it usually is.
const URL_VARIABLE: &str = "DIGITALOCEAN_API_URL";

/// A directory with its files, and the cloud they are about.
pub(super) struct Deployment {
    pub(super) terminal: Terminal,
    /// Where cloud.json and security.json are.
    directory: PathBuf,
    /// Which of several in the same directory, if it has several.
    environment: Option<String>,
    /// What the command line says for the variables of cloud.json.
    variables: BTreeMap<String, String>,
    /// Where the state, the lock and everything else of our own is: apart for each environment, and
    /// for the sandbox, whose made-up world must never mix with the real one.
    home: Home,
    sandbox: Option<Sandbox>,
    /// Beside it, where cloud.json names such an account.
    rackspace: Option<Sandbox>,
    practice: Practice,
}

/// How long replaced servers serve on at a practice cloud.
const PRACTICE_DRAIN: Duration = Duration::from_secs(2);

struct Home {
    state_file: PathBuf,
    private: PathBuf,
    /// Where the sandbox's world is, also if it is not used.
    sandbox: PathBuf,
}

impl Home {
    fn new(directory: &Path, environment: Option<&str>, practice: bool) -> Self {
        let shared = directory.join(".cloudbuilder");
        let private = match environment {
            Some(name) => shared.join("environments").join(name),
            None => shared,
        };
        let sandbox = private.join("sandbox");
        let state = file_name(environment, "state.json");
        let (beside, private) = match practice {
            true => (&*sandbox, sandbox.clone()),
            false => (directory, private),
        };
        Self {
            state_file: beside.join(state),
            private,
            sandbox,
        }
    }
}

impl Deployment {
    /// Opens the deployment, does something with it, and closes it whatever comes of that. An
    /// interrupt ends it at once, so it is for what may be cut off anywhere.
    pub(super) async fn with<T>(
        global: &Global,
        terminal: Terminal,
        signals: &mut Signals,
        work: impl AsyncFnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        signals
            .unless_interrupted(async {
                let deployment = Self::open(global, terminal).await?;
                let result = work(&deployment).await;
                deployment.close().await;
                result
            })
            .await
    }

    /// The deployment that the command line means. Starts the sandbox if that is meant.
    ///
    /// # Errors
    /// If the directory does not exist, or the sandbox cannot be started.
    pub(super) async fn open(global: &Global, terminal: Terminal) -> Result<Self, Failure> {
        let mut deployment = Self::without_cloud(global, terminal)?;
        if global.sandbox {
            deployment.start_sandbox().await?;
            // What is wrong with cloud.json is said by whoever needs it.
            if let Ok(Configuration { cloud, .. }) = deployment.configuration_if_any() {
                deployment.start_practice(&cloud).await?;
            }
        }
        Ok(deployment)
    }

    /// As [`Self::open`], for commands that need no cloud.
    ///
    /// # Errors
    /// If the directory does not exist.
    pub(super) fn without_cloud(global: &Global, terminal: Terminal) -> Result<Self, Failure> {
        let directory = global.chdir.clone().unwrap_or_default();
        if !directory.as_os_str().is_empty() && !directory.is_dir() {
            return Err(
                Failure::error(format!("{} is no directory", directory.display()))
                    .hint("name the directory that holds cloud.json with -C")
                    .into(),
            );
        }
        let name = global.env.as_deref();
        let deployment = Self {
            terminal,
            home: Home::new(&directory, name, global.sandbox),
            directory,
            environment: global.env.clone(),
            variables: variables::given(&global.var)?,
            sandbox: None,
            rackspace: None,
            practice: Practice::from_environment(environment(URL_VARIABLE).as_deref())?,
        };
        // What was made can still be looked at and destroyed when its file is gone.
        let overlay = deployment.overlay_file();
        let is_missing = overlay.is_some_and(|file| file.symlink_metadata().is_err());
        match name {
            Some(name) if is_missing && !deployment.has_state() => {
                Err(environment::missing(&deployment.directory, name))
            }
            _ => Ok(deployment),
        }
    }

    async fn start_sandbox(&mut self) -> Result<(), Failure> {
        self.prepare()?;
        let options = sandbox::Options {
            world: Some(self.world()),
            ..sandbox::Options::default()
        };
        self.sandbox = Some(
            sandbox::start(options)
                .await
                .map_err(|e| sandbox_failure(&e))?,
        );
        Ok(())
    }

    /// Starts what accounts of the type `rackspace` practise on.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) async fn start_practice(&mut self, cloud: &Cloud) -> Result<(), Failure> {
        let mut accounts = cloud.accounts.iter();
        let needed = accounts.any(|account| account.provider.value == rackspace::TYPE);
        if !self.is_sandbox() || !needed || self.rackspace.is_some() {
            return Ok(());
        }
        let kind = sandbox::Cloud::Rackspace;
        let options = sandbox::Options {
            cloud: kind,
            world: Some(super::sandbox::world_of(kind, &self.world())),
            ..sandbox::Options::default()
        };
        let started = sandbox::start(options).await;
        self.rackspace = Some(started.map_err(|error| sandbox_failure(&error))?);
        Ok(())
    }

    /// The identity service to practise on, and what opens an account there, in the form that
    /// security.json has it.
    pub(super) fn rackspace_practice(&self) -> Option<(String, Secret)> {
        let sandbox = self.rackspace.as_ref()?;
        let [account, _] = &sandbox::rackspace::ACCOUNTS;
        let entry = serde_json::json!({
            "username": account.username,
            "api_key": account.api_key,
        });
        Some((sandbox.url().to_owned(), Secret::new(entry.to_string())))
    }

    /// Where a file is that the user names: relative to cloud.json, or from `~` on.
    pub(super) fn path_of(&self, named: &Path) -> PathBuf {
        match (named.strip_prefix("~"), std::env::home_dir()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.directory.join(named),
        }
    }

    /// The file that holds the sandbox's world.
    pub(super) fn world(&self) -> PathBuf {
        self.home.sandbox.join("world.jsonl")
    }

    /// What the sandbox's runs have left, besides its world.
    pub(super) fn sandbox_files(&self) -> [PathBuf; 3] {
        [
            self.home.state_file.clone(),
            self.store().journal_path(),
            self.home.private.join(self.written_into()),
        ]
    }

    /// Makes our own directory.
    ///
    /// # Errors
    /// If that is not possible.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let shared = self.directory.join(".cloudbuilder");
        for directory in [&shared, &self.home.private] {
            prepare_private_dir(directory).map_err(|error| {
                file_error("made", directory, &error)
                    .hint("check who owns the directory and whether the disk is full")
            })?;
        }
        Ok(())
    }

    /// Ends the sandbox in good order, if we run it.
    pub(super) async fn close(self) {
        for sandbox in self.sandbox.into_iter().chain(self.rackspace) {
            sandbox.stop().await;
        }
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// The name of the environment, if it is one.
    pub(super) fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// What the command line says for variables.
    pub(super) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The directory that cloud.json is in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn cloud_file(&self) -> PathBuf {
        self.directory.join("cloud.json")
    }

    /// What is laid over cloud.json, in an environment.
    pub(super) fn overlay_file(&self) -> Option<PathBuf> {
        let name = self.environment()?;
        Some(self.directory.join(file_name(Some(name), "json")))
    }

    /// The user's file that addresses belong into: cloud.json is what environments share.
    pub(super) fn addresses_file(&self) -> PathBuf {
        self.directory.join(self.written_into())
    }

    fn written_into(&self) -> String {
        file_name(self.environment(), "json")
    }

    pub(super) fn security_file(&self) -> PathBuf {
        self.directory.join("security.json")
    }

    /// Where addresses are written: that file itself, or the sandbox's copy of it.
    pub(super) fn written_file(&self) -> PathBuf {
        if self.is_sandbox() {
            self.home.private.join(self.written_into())
        } else {
            self.addresses_file()
        }
    }

    /// That file as a plan calls it: from the deployment's directory.
    pub(super) fn written_name(&self) -> String {
        let name = self.written_into();
        match self.is_sandbox() {
            true => format!("{name} (sandbox)"),
            false => name,
        }
    }

    pub(super) fn store(&self) -> Store {
        Store::new(self.home.state_file.clone(), self.home.private.clone())
            .watched_by(self.practice.clone())
    }

    /// What was told for practice.
    pub(super) fn practice(&self) -> &Practice {
        &self.practice
    }

    /// Who is at work here, if anyone.
    pub(super) fn holder(&self) -> Option<state::Holder> {
        state::lock::holder(&self.home.private)
    }

    /// How the lock stands.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub(super) fn lock_standing(&self) -> Result<Standing, Failure> {
        Ok(state::lock::standing(&self.home.private)?)
    }

    /// Takes the lock away from a run that is not at work on this machine.
    ///
    /// # Errors
    /// If there is another one by now, or the lock's file cannot be used.
    pub(super) fn release(&self, holder: &state::Holder) -> Result<(), Failure> {
        Ok(state::lock::release(&self.home.private, holder)?)
    }

    /// Takes the lock, waiting for another run to end for so long.
    ///
    /// # Errors
    /// If it is not free by then.
    pub(super) async fn lock(&self, operation: &str, timeout: Duration) -> Result<Lock, Failure> {
        self.prepare()?;
        // Longer than the clock goes is for ever.
        let give_up = Instant::now().checked_add(timeout);
        let mut waiting = false;
        loop {
            match Lock::try_acquire(&self.home.private, operation) {
                Ok(lock) => {
                    // A run that was killed may have left some; with the lock, nobody writes them
                    // now. That one cannot be removed harms nobody.
                    let journal = self.store().journal_path();
                    for file in [&self.home.state_file, &journal, &self.written_file()] {
                        let _ = file::remove_leftovers(file);
                    }
                    if let Some(holder) = lock.took_over() {
                        self.terminal.say(&format!(
                            "note: an earlier run did not end in good order: {holder}. Going on \
                             from what it saved."
                        ));
                    }
                    return Ok(lock);
                }
                Err(error)
                    if error.may_pass()
                        && give_up.is_none_or(|give_up| Instant::now() < give_up) =>
                {
                    if !waiting {
                        self.terminal.say(&format!("Waiting: {error}"));
                    }
                    waiting = true;
                    sleep(state::lock::POLL).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether there is a state file, whatever is in it.
    pub(super) fn has_state(&self) -> bool {
        self.home.state_file.symlink_metadata().is_ok()
    }

    /// Reads security.json and the environment.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn security(&self) -> Result<Security, Failure> {
        let path = self.security_file();
        let (parsed, mut diagnostics) = match file::read(&path) {
            Ok(bytes) => {
                let name = path.display().to_string();
                let parsed = config::security::parse(&name, &bytes, environment);
                (parsed.security, parsed.diagnostics)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (Some(Security::default()), Vec::new())
            }
            Err(error) => return Err(file_error("read", &path, &error).into()),
        };
        let readable = parsed.is_some();
        // Whether it is used or not: the environment may hold another.
        let secrets = parsed.as_ref().and_then(|file| match &file.token {
            Some(_) => Some("a token"),
            None if file.accounts.is_empty() => None,
            None => Some("credentials"),
        });
        let environment =
            config::security::from_environment(parsed.unwrap_or_default(), environment);
        diagnostics.extend(environment.diagnostics);
        let Some(security) = environment.security.filter(|_| readable) else {
            return Err(Failure::Problems(diagnostics, Sources::new()));
        };
        if !self.is_sandbox() {
            if let Some(secrets) = secrets {
                diagnostics.extend(super::credentials::warnings(&path, secrets));
            }
            self.terminal.diagnose(&diagnostics, &Sources::new());
        }
        Ok(security)
    }

    /// What opens an account at DigitalOcean, or in the sandbox, with the given token.
    pub(super) fn token_login(&self, token: Secret) -> Login {
        let url = match &self.sandbox {
            Some(sandbox) => sandbox.url().to_owned(),
            None => environment(URL_VARIABLE).unwrap_or_else(|| digitalocean::URL.to_owned()),
        };
        Login::DigitalOcean(digitalocean::Login { url, token })
    }

    /// For how long what is replaced may have to serve on: in practice nobody remembers an address
    /// for long.
    pub(super) fn longest_drain(&self) -> Duration {
        match self.is_sandbox() || self.practice.is_told_its_tempo() {
            true => self.practice.pause(PRACTICE_DRAIN),
            false => Duration::MAX,
        }
    }

    /// Who asks servers whether they serve. Those of the built-in practice cloud are nowhere.
    pub(super) fn prober(&self) -> Prober {
        match self.practice.asks_at() {
            Some(socket) => Prober::At(socket),
            None if self.is_sandbox() => Prober::Nobody,
            None => Prober::Real,
        }
    }

    /// How requests are sent.
    pub(super) fn manner(&self, on_pause: OnPause) -> Manner {
        let usual = Tempo::default();
        Manner {
            on_pause,
            tempo: Tempo {
                first_pause: self.practice.pause(usual.first_pause),
                ..usual
            },
        }
    }
}

/// A variable of the environment, if it is set to something.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

/// A sandbox that does not start, as a message.
pub(super) fn sandbox_failure(error: &sandbox::Error) -> Failure {
    let mut detail = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        detail = format!("{detail}: {source}");
    }
    let hint = match error {
        sandbox::Error::NotLoopback(_) => "listen on an address of this machine: 127.0.0.1:0",
        sandbox::Error::Listen { .. } => "listen on another port, or on 0 for any that is free",
        sandbox::Error::File { .. } => "check who owns the file and whether the disk is full",
        sandbox::Error::Damaged { .. } | sandbox::Error::Format { .. } => {
            "`cloudbuilder sandbox reset` begins a new world"
        }
        sandbox::Error::Upstream { .. } => {
            "name an API such as http://127.0.0.1:5000/v3: faults are for practice, and what passes \
             carries tokens"
        }
        sandbox::Error::Fault(_) => "leave that fault out",
        sandbox::Error::Unreachable(_) | sandbox::Error::InUse(_) => "end the other process first",
    };
    Failure::error("the sandbox cannot be used")
        .detail(detail)
        .hint(hint)
        .into()
}

/// The path as a user would type it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
