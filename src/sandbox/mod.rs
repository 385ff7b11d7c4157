//! Simulated clouds over real HTTP on loopback: DigitalOcean, and Rackspace Cloud (`rackspace`);
//! and a proxy that has scripted failures come between any other API on this machine and its client.
//!
//! Written from the APIs' descriptions and from what is known of the live services, not from our
//! clients: it imports nothing of ours, so that it cannot share our misreadings.
//!
//! A request comes in through `front`, which knows sockets, scripted failures and counts, and goes
//! to the cloud behind it (`backend`). That looks at tokens and limits, finds its rule in
//! `routes::ROUTES`, and is answered by a function under `rules`, which sees the `world::World` and
//! nothing else: no clock, no file, no socket. What the rule changed is in the world's file
//! (`store`) before the answer leaves (`durable`). One process owns a world (`owner`); another that wants it is
//! handed the owner's address.

mod address;
mod answer;
mod backend;
mod catalog;
mod digitalocean;
mod durable;
mod fault;
mod front;
mod kill;
mod limits;
mod model;
mod naming;
mod owner;
mod proxy;
pub mod rackspace;
mod routes;
mod rules;
mod socket;
mod stats;
mod store;
mod world;

pub use fault::{Fault, Kind as FaultKind};
pub use kill::{Kill, Kills};
pub use proxy::{Loopback, Seen};

use digitalocean::DigitalOcean;
use md5::{Digest, Md5};
use model::Millis;
use proxy::Proxy;
use rackspace::Rackspace;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A token for clients of the sandbox. Any other that is not empty does as well.
pub const TOKEN: &str = "sandbox-token-that-opens-nothing-anywhere-else";

/// What is locked here is changed in one go, so that a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

/// A UUID that is the same for the same seed and `what`.
fn invented_uuid(seed: u64, what: &str) -> String {
    let digest = Md5::digest(format!("{seed}/{what}"));
    uuid::Builder::from_random_bytes(digest.into())
        .into_uuid()
        .to_string()
}

/// Which cloud a sandbox simulates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// DigitalOcean.
    #[default]
    DigitalOcean,
    /// Rackspace Cloud (Classic): Identity v2.0, Cloud Servers v2, Cloud DNS v1.0. Who may come in
    /// is in [`rackspace::ACCOUNTS`].
    Rackspace,
}

/// How a sandbox behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which cloud it simulates. Some options mean something for one of them only.
    pub cloud: Cloud,
    /// Where to listen, on loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file the world is kept in; without one it ends with the process.
    pub world: Option<PathBuf>,
    /// How long a new Droplet takes to become active.
    pub boot: Duration,
    /// How long any other action takes, and a job of Rackspace's DNS.
    pub action: Duration,
    /// The account's `droplet_limit`; of a Rackspace account in a region never more than 100.
    pub droplet_limit: u32,
    /// How long a token of Rackspace's Identity is good for.
    pub token_life: Duration,
    /// Whether rate limits are enforced.
    pub limits: bool,
    /// Added to every answer.
    pub latency: Duration,
    /// How long what was just made cannot be seen, by id or in lists.
    pub lag: Duration,
    /// What invented ids and the chances of faults are drawn from.
    pub seed: u64,
    /// Regions that shall lack the feature `ipv6`.
    pub without_ipv6: Vec<String>,
    /// Scopes that every token lacks: `tag:create`, `tag:read`, `tag:delete`. Others are not
    /// looked at.
    pub without_scopes: Vec<String>,
    /// Scripted failures in force from the start.
    pub faults: Vec<Fault>,
    /// Who is told when a fault wants the client killed.
    pub kills: Option<Kills>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cloud: Cloud::default(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            world: None,
            boot: Duration::from_secs(2),
            action: Duration::from_secs(1),
            droplet_limit: 10_000,
            token_life: Duration::from_secs(24 * 60 * 60),
            limits: false,
            latency: Duration::ZERO,
            lag: Duration::ZERO,
            seed: 0,
            without_ipv6: Vec::new(),
            without_scopes: Vec::new(),
            faults: Vec::new(),
            kills: None,
        }
    }
}

/// Why a sandbox did not start, or a world was not reset.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Plain HTTP that takes any token is for this machine only.
    #[error("the sandbox only listens on loopback, and {0} is not")]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("the sandbox cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file beside or of the world cannot be used.
    #[error("cannot use the sandbox's file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of the world's file that is not the last one cannot be read.
    #[error("line {line} of the sandbox's world {} is damaged; a reset makes a new world", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The world was written by another version of this program.
    #[error("the sandbox's world {} has format {found}, which this version cannot read; a reset makes a new world", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// Somebody holds the world's lock, but no sandbox answers for it.
    #[error("another process holds the sandbox's world {} and does not answer; end it, or use another world", .0.display())]
    Unreachable(PathBuf),
    /// What is to be proxied is not on this machine.
    #[error("{url} cannot stand behind a proxy: it {why}")]
    Upstream {
        /// The URL that was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A fault that the cloud cannot have.
    #[error("{0}")]
    Fault(String),
    /// The world is in use.
    #[error("the sandbox's world {} is in use by a running sandbox; stop that first", .0.display())]
    InUse(PathBuf),
}

fn io_error(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}

/// A running sandbox, ours or one that another process runs over the same world.
///
/// Dropping it ends it at once, as a crash would: nothing that was answered is lost.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    running: Option<front::Running>,
}

/// Starts a sandbox, or finds the one that already has this world.
///
/// # Errors
///
/// If the address or the world cannot be used.
pub async fn start(options: Options) -> Result<Sandbox, Error> {
    if !options.listen.ip().is_loopback() {
        return Err(Error::NotLoopback(options.listen));
    }
    let claim = match &options.world {
        None => None,
        Some(path) => match owner::claim(path).await? {
            owner::Claim::Ours(claim) => Some(claim),
            owner::Claim::Theirs(url) => return Ok(Sandbox { url, running: None }),
        },
    };
    let backend: Arc<dyn backend::Backend> = match options.cloud {
        Cloud::DigitalOcean => Arc::new(DigitalOcean::open(&options, claim.as_ref())?),
        Cloud::Rackspace => Arc::new(Rackspace::open(&options, claim.as_ref())?),
    };
    let running = front::serve(options, backend, claim).await?;
    Ok(Sandbox {
        url: running.url().to_owned(),
        running: Some(running),
    })
}

/// Starts a proxy before an API on this machine. Of the options those count that are not about a
/// world: where to listen, latency, seed, faults, kills.
///
/// What the API's catalogs and links say is turned towards the proxy, so that a client that is told
/// [`Sandbox::url`] stays behind it.
///
/// # Errors
///
/// If the upstream is elsewhere, the address cannot be used, or a fault cannot be had.
pub async fn proxy(upstream: &str, options: Options) -> Result<Sandbox, Error> {
    if !options.listen.ip().is_loopback() {
        return Err(Error::NotLoopback(options.listen));
    }
    let proxy = Proxy::before(upstream)?;
    let path = proxy.path().to_owned();
    let running = front::serve(options, Arc::new(proxy), None).await?;
    Ok(Sandbox {
        url: format!("{}{path}", running.url()),
        running: Some(running),
    })
}

impl Sandbox {
    /// Where the API is, without `/v2`: `http://127.0.0.1:PORT`. Of a proxy, with the path of its
    /// upstream.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether this process serves it. If not, [`Sandbox::stop`] leaves it running.
    pub fn is_owner(&self) -> bool {
        self.running.is_some()
    }

    /// Asks a sandbox of this process directly: not over HTTP, past every fault, and not counted.
    /// What it makes can be seen at once. For whoever wants to furnish a world or look at it. A
    /// body of null is none.
    ///
    /// Gives the status and the answer's body; `None` if another process serves it.
    pub async fn ask(&self, method: &str, url: &str, body: &Value) -> Option<(u16, Value)> {
        Some(self.running.as_ref()?.ask(method, url, body).await)
    }

    /// How many requests each fault has struck, in the order they were given.
    pub fn struck(&self) -> Vec<u64> {
        self.running
            .as_ref()
            .map(front::Running::struck)
            .unwrap_or_default()
    }

    /// Ends every lag: what has been made can be seen from now on.
    pub fn reveal(&self) {
        if let Some(running) = &self.running {
            running.reveal();
        }
    }

    /// Serves until it ends by itself; at once if another process serves it.
    ///
    /// May be given up (in a `select!`) and [`Sandbox::stop`] called.
    pub async fn wait(&mut self) {
        if let Some(running) = &mut self.running {
            running.wait().await;
        }
    }

    /// Answers what has been asked, then ends. Does nothing to a sandbox of another process.
    pub async fn stop(self) {
        if let Some(running) = self.running {
            running.stop().await;
        }
    }
}

/// Forgets a world: the next start founds a new one.
///
/// # Errors
///
/// If a sandbox is running over it, or the file cannot be removed.
pub fn reset(world: &Path) -> Result<(), Error> {
    owner::reset(world)
}

/// A value many tasks share.
type Shared<T> = Arc<std::sync::Mutex<T>>;
