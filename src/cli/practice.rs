//! What a run can be told for practice, by the environment: to die at a certain step, and to be
//! quick about pauses. Never with the real service.
//!
//! `CLOUDBUILDER_PRACTICE` holds words with spaces between them:
//!
//! - `die=17`: kill the process right before the 17th step that changes the state, its journal or
//!   cloud.json, as `kill -9` would.
//! - `die=write:server.web1:2`: before the second write with `server.web1` in it. The step is
//!   `create`, `write`, `sync`, `rename`, `remove` or `sync_directory`. A `sync` has in it what was
//!   written to that file last, the others what is in their paths.
//! - `torn`: if it dies at a write, half of it is done.
//! - `tempo=0.01`: pauses take a hundredth of their time.
//! - `answers=127.0.0.1:8080`: who asks a server whether it serves asks there, whichever it is: a
//!   practice cloud's servers are nowhere.
//! - `trace=FILE`: write every step there before it is done, a JSON object a line.
//!
//! It counts only if `DIGITALOCEAN_API_URL` is plain http on this machine; and if it counts, no account
//! is opened that is not.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::file::{Step, Witness};
use crate::model::Diagnostic;

use super::deployment::environment;
use super::failure::Failure;

const VARIABLE: &str = "CLOUDBUILDER_PRACTICE";

/// What was told, and how far the run has come. One for the whole process, whatever it is attached
/// to: steps are counted through.
#[derive(Clone, Debug, Default)]
pub(super) struct Practice {
    told: Arc<Told>,
    course: Arc<Mutex<Course>>,
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    death: Option<Death>,
    torn: bool,
    tempo: Option<f64>,
    answers: Option<SocketAddr>,
    trace: Option<PathBuf>,
}

/// At which step to die.
#[derive(Debug, PartialEq)]
enum Death {
    Number(usize),
    Named {
        step: String,
        text: String,
        number: usize,
    },
}

#[derive(Debug, Default)]
struct Course {
    /// How many steps, of those that count.
    steps: usize,
    /// What was written to each file last.
    written: HashMap<PathBuf, Vec<u8>>,
}

impl Practice {
    /// What the environment says; nothing, unless the API at `url` is a practice cloud.
    ///
    /// # Errors
    /// If it makes no sense.
    pub(super) fn from_environment(url: Option<&str>) -> Result<Self, Diagnostic> {
        let words = environment(VARIABLE).filter(|_| url.is_some_and(is_practice_cloud));
        let told = words.map_or_else(|| Some(Told::default()), |words| Told::parse(&words));
        let told = told.ok_or_else(|| {
            Failure::error(format!("{VARIABLE} makes no sense"))
                .detail("it is for practice, such as `die=17 tempo=0.01`")
                .hint(format!("unset {VARIABLE}"))
        })?;
        Ok(Self {
            told: Arc::new(told),
            course: Arc::default(),
        })
    }

    /// Refuses an account at `address`, if this is practice and that is none.
    ///
    /// # Errors
    /// What was told, and where the account is.
    pub(super) fn refuse_unless_practice(&self, address: &str) -> Result<(), Diagnostic> {
        let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
        let is_local = local.iter().any(|start| address.starts_with(start));
        if is_local || *self.told == Told::default() {
            return Ok(());
        }
        Err(Failure::error(format!(
            "{VARIABLE} is set, and {address} is no practice cloud"
        ))
        .detail("what it tells a run is never done with the real service")
        .hint(format!("unset {VARIABLE}")))
    }

    /// Whether pauses are shorter than usual.
    pub(super) fn is_told_its_tempo(&self) -> bool {
        self.told.tempo.is_some()
    }

    /// Where servers are asked in the place of their own addresses.
    pub(super) fn asks_at(&self) -> Option<SocketAddr> {
        self.told.answers
    }

    /// How long a pause takes here.
    pub(super) fn pause(&self, usual: Duration) -> Duration {
        self.told
            .tempo
            .map_or(usual, |tempo| usual.mul_f64(tempo.clamp(0.0, 1.0)))
    }
}

/// Whether that is an address on this machine without encryption, which the real service never is.
fn is_practice_cloud(url: &str) -> bool {
    let port = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"]
        .iter()
        .find_map(|start| url.strip_prefix(start));
    port.is_some_and(|port| port.trim_end_matches('/').parse::<u16>().is_ok())
}

impl Told {
    fn parse(words: &str) -> Option<Self> {
        let mut told = Self::default();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some(("die", death)) => told.death = Some(Death::parse(death)?),
                Some(("tempo", tempo)) => told.tempo = Some(tempo.parse().ok()?),
                Some(("answers", socket)) => told.answers = Some(socket.parse().ok()?),
                Some(("trace", file)) => told.trace = Some(file.into()),
                None if word == "torn" => told.torn = true,
                _ => return None,
            }
        }
        Some(told)
    }
}

impl Death {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Some(Self::Number(number));
        }
        let (step, rest) = text.split_once(':')?;
        let (text, number) = rest.rsplit_once(':')?;
        Some(Self::Named {
            step: step.to_owned(),
            text: text.to_owned(),
            number: number.parse().ok()?,
        })
    }

    /// Whether a step counts on the way to this death.
    fn counts(&self, step: Step<'_>, course: &Course) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Named { step: name, .. } if *name != name_of(step) => false,
            Self::Named { text, .. } => {
                let has = |bytes: &[u8]| {
                    let text = text.as_bytes();
                    text.is_empty() || bytes.windows(text.len()).any(|part| part == text)
                };
                let names = |path: &Path| has(path.as_os_str().as_encoded_bytes());
                match step {
                    Step::Write(_, bytes) => has(bytes),
                    Step::Sync(path) => course.written.get(path).is_some_and(|bytes| has(bytes)),
                    Step::Rename(from, to) => names(from) || names(to),
                    Step::Create(path) | Step::Remove(path) | Step::SyncDirectory(path) => {
                        names(path)
                    }
                }
            }
        }
    }

    fn number(&self) -> usize {
        match self {
            Self::Number(number) | Self::Named { number, .. } => *number,
        }
    }
}

fn name_of(step: Step<'_>) -> &'static str {
    match step {
        Step::Create(_) => "create",
        Step::Write(..) => "write",
        Step::Sync(_) => "sync",
        Step::Rename(..) => "rename",
        Step::Remove(_) => "remove",
        Step::SyncDirectory(_) => "sync_directory",
    }
}

impl Witness for Practice {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        // Held until the step is told of: steps are told of in the order they are counted in.
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(death) = &self.told.death
            && death.counts(step, &course)
        {
            course.steps += 1;
            if course.steps == death.number() {
                if let Step::Write(path, bytes) = step
                    && self.told.torn
                {
                    let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                    self.trace(Step::Write(path, half))?;
                    append(path, half)?;
                }
                die();
            }
        }
        if self.told.death.is_some()
            && let Step::Write(path, bytes) = step
        {
            course.written.insert(path.to_owned(), bytes.to_vec());
        }
        self.trace(step)
    }
}

impl Practice {
    fn trace(&self, step: Step<'_>) -> io::Result<()> {
        let Some(file) = &self.told.trace else {
            return Ok(());
        };
        let (path, to, bytes) = match step {
            Step::Write(path, bytes) => (path, None, Some(String::from_utf8_lossy(bytes))),
            Step::Rename(from, to) => (from, Some(to), None),
            Step::Create(path)
            | Step::Sync(path)
            | Step::Remove(path)
            | Step::SyncDirectory(path) => (path, None, None),
        };
        let line = json!({"step": name_of(step), "path": path, "to": to, "bytes": bytes});
        append(file, format!("{line}\n").as_bytes())
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(bytes)
}

/// Ends the process as `kill -9` does: nothing is flushed, closed or tidied up.
fn die() -> ! {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        // It may be noticed a moment later.
        if kill_process(getpid(), Signal::KILL).is_ok() {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> Told {
        Told::parse(words).unwrap()
    }

    #[test]
    fn words_are_understood_or_refused() {
        let all =
            told("die=write:\"server.web1\":2 torn tempo=0.5 answers=[::1]:80 trace=steps.jsonl");
        let expected = Told {
            death: Some(Death::Named {
                step: "write".into(),
                text: "\"server.web1\"".into(),
                number: 2,
            }),
            torn: true,
            tempo: Some(0.5),
            answers: Some("[::1]:80".parse().unwrap()),
            trace: Some("steps.jsonl".into()),
        };
        assert_eq!(all, expected);
        assert_eq!(told("die=17").death, Some(Death::Number(17)));
        for wrong in [
            "die",
            "die=",
            "die=write",
            "die=write:x",
            "live=1",
            "tempo=x",
        ] {
            assert_eq!(Told::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_an_address_on_this_machine_is_practice() {
        for practice in [
            "http://127.0.0.1:80",
            "http://localhost:1/",
            "http://[::1]:9",
        ] {
            assert!(is_practice_cloud(practice), "{practice}");
        }
        for real in [
            "https://api.digitalocean.com",
            "https://127.0.0.1:80",
            "http://127.0.0.1",
            "http://127.0.0.1:80@example.com",
            "http://127.0.0.1:80/v2",
            "http://192.0.2.1:80",
        ] {
            assert!(!is_practice_cloud(real), "{real}");
        }
    }

    #[test]
    fn a_step_is_counted_by_what_is_in_it() {
        let mut course = Course::default();
        let mut counts = |death: &str, step: Step<'_>| {
            if let Step::Write(path, bytes) = step {
                course.written.insert(path.to_owned(), bytes.to_vec());
            }
            Death::parse(death).unwrap().counts(step, &course)
        };
        let (a, b) = (Path::new("a.json"), Path::new("b.json"));
        assert!(counts("3", Step::Create(a)));
        assert!(counts("write:web:1", Step::Write(a, b"the web")));
        assert!(!counts("write:web:1", Step::Write(b, b"the net")));
        assert!(counts("sync:web:1", Step::Sync(a)));
        assert!(!counts("sync:web:1", Step::Sync(b)));
        assert!(!counts("write:web:1", Step::Sync(a)));
        assert!(counts("rename:b.json:1", Step::Rename(a, b)));
        assert!(!counts("remove:b.json:1", Step::Remove(a)));
        assert!(counts(
            "sync_directory::1",
            Step::SyncDirectory(Path::new("."))
        ));
    }

    #[test]
    fn pauses_are_what_they_are_unless_something_else_is_told() {
        let practice = |told: Told| Practice {
            told: Arc::new(told),
            course: Arc::default(),
        };
        let second = Duration::from_secs(1);
        assert_eq!(practice(Told::default()).pause(second), second);
        let quick = practice(told("tempo=0.01")).pause(second);
        assert_eq!(quick, Duration::from_millis(10));
    }
}
