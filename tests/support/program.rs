//! The program itself, run in a directory of its own and an environment that holds nothing of the
//! user's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cloud::{Cloud, LIMIT};

/// Opens nothing anywhere.
pub(crate) const TOKEN: &str = "invented-token-that-must-never-be-printed";
/// A key that exists nowhere else.
pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";

/// Another one.
pub(crate) const ANOTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHByYWN0aWNlLWtleS1ub2JvZHktaGFzLWl0LXRydWx5 another@example.com";

/// A deployment's directory.
pub(crate) struct Place {
    root: TempDir,
    /// Where in it the program runs.
    directory: PathBuf,
    /// Instead of the usual environment.
    environment: BTreeMap<String, Option<String>>,
    /// What must be in nothing that is printed or written.
    secrets: Vec<String>,
    /// No run takes this long.
    limit: Duration,
}

/// What a run printed, and how it ended: the exit code, or 128 and the signal.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Ran {
    /// It must have ended so.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, what: &str) -> Self {
        assert!(self.all().contains(what), "{what:?} is not said\n{self}");
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, what: &str) -> Self {
        assert!(!self.all().contains(what), "{what:?} is said\n{self}");
        self
    }

    /// It must have failed with just one error, which says what to do.
    #[track_caller]
    pub(crate) fn one_error(self, what: &str) -> Self {
        let ran = self.code(1);
        let errors = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(errors, 1, "one error\n{ran}");
        assert!(
            ran.stderr.contains(&format!("error: {what}")),
            "the error {what:?}\n{ran}"
        );
        assert!(ran.stderr.contains("help: "), "a way on\n{ran}");
        ran
    }

    fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}--- stderr\n{}--- exit {}",
            self.stdout, self.stderr, self.code
        )
    }
}

impl Place {
    /// An empty directory for a deployment in the account of `cloud`.
    pub(crate) fn new(cloud: &Cloud) -> Self {
        let mut place = Self::nowhere();
        place.point_at(cloud.url());
        place.set("DIGITALOCEAN_TOKEN", TOKEN);
        place
    }

    /// An empty directory for a deployment that nothing is known of but its key.
    pub(crate) fn nowhere() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let directory = root.path().join("deployment");
        fs::create_dir(&directory).expect("a directory");
        fs::create_dir(root.path().join("home")).expect("a home");
        let mut place = Self {
            root,
            directory,
            environment: BTreeMap::new(),
            secrets: vec![TOKEN.to_owned()],
            limit: LIMIT,
        };
        place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", KEY);
        place
    }

    /// Runs may take longer here.
    pub(crate) fn take_longer(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Something else that must be in nothing that is printed or written.
    pub(crate) fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    pub(crate) fn point_at(&mut self, url: &str) {
        self.set("DIGITALOCEAN_API_URL", url);
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment
            .insert(name.to_owned(), Some(value.to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.insert(name.to_owned(), None);
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.environment.contains_key(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// From here on, the program runs in this directory beside the first one.
    pub(crate) fn enter(&mut self, name: &str) {
        self.directory = self.root.path().join(name);
        fs::create_dir_all(&self.directory).expect("a directory");
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.read(file)).expect("a text")
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        cloudbuilder::file::replace(&self.path(file), bytes.as_ref(), None)
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Every file below the root, with what it holds.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn below(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    below(&path, files);
                } else {
                    let bytes = fs::read(&path).unwrap_or_default();
                    files.insert(path, bytes);
                }
            }
        }
        let mut files = BTreeMap::new();
        below(self.root.path(), &mut files);
        files
    }

    /// The program with its arguments and its sealed environment.
    pub(crate) fn command(&self, wrapper: Option<&str>, args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_cloudbuilder");
        let mut command = match wrapper {
            None => Command::new(program),
            Some(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{script}; exec \"$0\" \"$@\""), program]);
                shell
            }
        };
        command
            .args(args)
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home())
            .env("GIT_CEILING_DIRECTORIES", self.root.path())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts the program; `wrapper` is a line of shell to run before it in the same process.
    pub(crate) fn start(&self, wrapper: Option<&str>, args: &[&str]) -> Running {
        let mut child = self
            .command(wrapper, args)
            .spawn()
            .expect("the program starts");
        let (tell_out, out) = channel();
        let mut stdout = child.stdout.take().expect("a pipe");
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stdout.read_to_end(&mut bytes);
            let _ = tell_out.send(bytes);
        });
        let (tell_err, err) = channel();
        let stderr = child.stderr.take().expect("a pipe");
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                if tell_err.send(line).is_err() {
                    return;
                }
            }
        });
        Running {
            child: Some(child),
            out,
            err,
            said: String::new(),
            limit: self.limit,
        }
    }

    /// Runs the program to its end. Nothing that it leaves or prints may hold a secret.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        let ran = self.start(None, &args).finish();
        self.no_token(&ran);
        ran
    }

    /// No secret is in anything that was printed or written, but where the user keeps it.
    #[track_caller]
    pub(crate) fn no_token(&self, ran: &Ran) {
        for secret in &self.secrets {
            assert!(!ran.all().contains(secret), "a secret is printed\n{ran}");
            for (path, bytes) in self.files() {
                let held = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                let kept = ["security.json", "clouds.yaml", "secure.yaml"];
                let meant = kept.iter().any(|name| path.ends_with(name));
                assert!(meant || !held, "{} holds a secret", path.display());
            }
        }
    }
}

/// The program at work.
pub(crate) struct Running {
    child: Option<Child>,
    out: Receiver<Vec<u8>>,
    err: Receiver<Vec<u8>>,
    said: String,
    limit: Duration,
}

impl Running {
    /// Waits until it says something on standard error.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, what: &str) {
        let give_up = Instant::now() + self.limit;
        while !self.said.contains(what) {
            let left = give_up.saturating_duration_since(Instant::now());
            match self.err.recv_timeout(left) {
                Ok(line) => self.note(&line),
                Err(_) => panic!("it never says {what:?}\n{}", self.said),
            }
        }
    }

    fn note(&mut self, line: &[u8]) {
        let _ = writeln!(self.said, "{}", String::from_utf8_lossy(line));
    }

    /// Sends it a signal, by the name that `kill` has for it.
    pub(crate) fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", child.id())])
            .status()
            .expect("a shell");
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end; it must come in time.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        let give_up = Instant::now() + self.limit;
        let left = || give_up.saturating_duration_since(Instant::now());
        let stdout = match self.out.recv_timeout(left()) {
            Ok(stdout) => stdout,
            Err(_) => panic!("it does not end\n{}", self.said),
        };
        while let Ok(line) = self.err.recv_timeout(left()) {
            self.note(&line);
        }
        let mut child = self.child.take().expect("it runs");
        // Its outputs are closed: it has ended, or is about to.
        let status = child.wait().expect("it ended");
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert!(!self.said.contains("panicked at"), "{}", self.said);
        Ran {
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: std::mem::take(&mut self.said),
            code: status
                .code()
                .or(signal.map(|signal| 128 + signal))
                .unwrap_or(-1),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks until something holds, but not for ever.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < give_up, "never: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
