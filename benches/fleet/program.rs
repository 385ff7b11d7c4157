//! The program itself, run in a directory of its own.

use std::process::{Child, Command, Stdio};
use std::thread;

use cloudbuilder::file;
use serde_json::json;
use tempfile::TempDir;

use super::account::{Account, KEY, ZONE};
use super::measure::Cost;

/// The program, in an environment that holds nothing of the user's.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudbuilder"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn server_name(number: usize) -> String {
    format!("server-{number}")
}

/// The names of a server, in the zone.
pub(crate) fn labels(number: usize, names: usize) -> impl Iterator<Item = String> {
    (0..names).map(move |name| format!("name-{name}-of-{number}"))
}

/// A directory with a cloud.json.
pub(crate) struct Deployment(TempDir);

impl Deployment {
    pub(crate) fn new(servers: usize, names: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let entries = (0..servers).map(|number| {
            let labels = labels(number, names).map(|label| format!("{label}.{ZONE}"));
            let names: Vec<String> = labels.collect();
            (server_name(number), json!({ "names": names }))
        });
        let cloud = json!({
            "version": 2,
            "defaults": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"},
            "servers": serde_json::Map::from_iter(entries),
        });
        let path = directory.path().join("cloud.json");
        file::replace(&path, format!("{cloud:#}\n").as_bytes(), None).expect("a cloud.json");
        Self(directory)
    }

    /// Runs the program to its end, which must be a good one, and gives what it printed.
    pub(crate) fn run(&self, account: &Account, arguments: &[&str]) -> (Cost, String) {
        let mut child = command(arguments)
            .current_dir(self.0.path())
            .env("DIGITALOCEAN_API_URL", account.url())
            .env("DIGITALOCEAN_TOKEN", "invented")
            .env("CLOUDBUILDER_PUBLIC_SSH_KEY", KEY)
            .spawn()
            .expect("the program starts");
        let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
        let cost = Cost::of(&child);
        let status = child.wait().expect("it ends");
        let said = [out, err].map(|reader| reader.join().unwrap_or_default());
        let said = said.concat();
        assert!(status.success(), "{arguments:?}: {status}\n{said}");
        (cost, said)
    }
}

/// Reads beside everything else, so that the program never waits for a reader.
fn read(pipe: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A process that ends with its owner.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
