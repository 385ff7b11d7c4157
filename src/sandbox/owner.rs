//! One process owns a world. The owner holds a lock file beside it, and writes down where it
//! listens; whoever comes second goes there.

use super::store::folder;
use super::{Error, io_error};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a second process looks for an owner that is just coming or going, and how long it
/// waits in between.
const LOOKS: u32 = 60;
const BETWEEN: Duration = Duration::from_millis(50);
/// How long an owner may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(3);

/// The path at which an owner says which world it has.
pub(super) const WHOSE: &str = "/_sandbox/world";

/// Who has the world.
pub(super) enum Claim {
    Ours(Owned),
    /// The owner's URL.
    Theirs(String),
}

/// The right to a world, given back when dropped.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) world: PathBuf,
    /// Locked. The file stays when the lock goes: removing it would let two have "the" lock.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Notice {
    url: String,
    world: String,
}

fn beside(world: &Path, extension: &str) -> PathBuf {
    let mut name = world.file_name().unwrap_or_default().to_owned();
    name.push(extension);
    world.with_file_name(name)
}

fn lock(world: &Path) -> Result<Option<Owned>, Error> {
    let folder = folder(world);
    std::fs::create_dir_all(&folder).map_err(|source| io_error(&folder, source))?;
    let path = beside(world, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| io_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Owned {
            world: world.to_owned(),
            _lock: file,
        })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(io_error(&path, source)),
    }
}

/// Takes the world, or finds who has it.
pub(super) async fn claim(world: &Path) -> Result<Claim, Error> {
    for _ in 0..LOOKS {
        if let Some(owned) = lock(world)? {
            return Ok(Claim::Ours(owned));
        }
        // The notice may be an earlier owner's, or not be there yet.
        if let Some(notice) = read_notice(world) {
            let url = notice.url.clone();
            let answers = tokio::task::spawn_blocking(move || has_world(&notice));
            if answers.await.unwrap_or(false) {
                return Ok(Claim::Theirs(url));
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(Error::Unreachable(world.to_owned()))
}

impl Owned {
    /// Writes down where we listen. The socket must already be bound.
    pub(super) fn announce(&self, url: &str, world: &str) -> Result<(), Error> {
        let path = beside(&self.world, ".port");
        let failed = |source| io_error(&path, source);
        let notice = Notice {
            url: url.to_owned(),
            world: world.to_owned(),
        };
        let text = serde_json::to_vec(&notice).map_err(|error| failed(error.into()))?;
        let mut file = tempfile::NamedTempFile::new_in(folder(&path)).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Takes the notice down, so that nobody is sent here any more.
    pub(super) fn withdraw(&self) {
        // Whoever finds an old notice asks at its address and learns better.
        let _ = std::fs::remove_file(beside(&self.world, ".port"));
    }
}

fn read_notice(world: &Path) -> Option<Notice> {
    let text = std::fs::read(beside(world, ".port")).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Asks at the address in the notice whether that world is there. A plain socket will do, and keeps
/// HTTP clients where they belong.
fn has_world(notice: &Notice) -> bool {
    let ask = || -> std::io::Result<String> {
        let bad = || std::io::Error::from(ErrorKind::InvalidInput);
        let host = notice.url.strip_prefix("http://").ok_or_else(bad)?;
        let address: SocketAddr = host.parse().map_err(|_| bad())?;
        if !address.ip().is_loopback() {
            return Err(bad());
        }
        let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET {WHOSE} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.take(16 * 1024).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| !notice.world.is_empty() && answer.contains(&notice.world))
}

pub(super) fn reset(world: &Path) -> Result<(), Error> {
    if !folder(world).exists() {
        return Ok(());
    }
    let Some(owned) = lock(world)? else {
        return Err(Error::InUse(world.to_owned()));
    };
    owned.withdraw();
    match std::fs::remove_file(world) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(world, error)),
        _ => Ok(()),
    }
}
