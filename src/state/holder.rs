//! Who has the lock, told to others in the lock's file.

use std::fmt;
use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::escape;

/// Who has a lock, in words for the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command it runs: `apply`.
    pub operation: String,
    /// Whose process it is.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
    /// When that process started, in the kernel's count: process ids come round again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
    /// Which run of which kernel it has the lock of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

impl Holder {
    pub(super) fn this_process(operation: &str) -> Self {
        let pid = std::process::id();
        Self {
            operation: operation.to_owned(),
            user: user_name(),
            host: host_name(),
            pid,
            // Fractions of a second say nothing to the reader.
            since: Timestamp::from_second(Timestamp::now().as_second())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            started: start_of(pid),
            boot: boot(),
        }
    }

    /// Whether the process is known to be gone. `false` if nobody can tell from here.
    pub(super) fn is_gone(&self) -> bool {
        self.host == host_name() && self.started.is_some() && start_of(self.pid) != self.started
    }

    /// Whether it is on another machine, so that no lock of this kernel says whether it is at work.
    /// A container has a host name of its own and the kernel of its machine; a machine that was
    /// started anew keeps its name.
    pub(super) fn is_elsewhere(&self) -> bool {
        let same_kernel = self.boot.is_some() && self.boot == boot();
        !same_kernel && self.host != host_name()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by {} on {}, pid {}, since {}",
            escape(&self.operation),
            escape(&self.user),
            escape(&self.host),
            self.pid,
            self.since
        )
    }
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "an unnamed host".to_owned())
}

fn user_name() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .or_else(user_id)
        .unwrap_or_else(|| "an unnamed user".to_owned())
}

/// Containers and services often have no user name in the environment.
#[cfg(unix)]
fn user_id() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = fs::metadata("/proc/self").ok()?.uid();
    Some(format!("uid {uid}"))
}

#[cfg(not(unix))]
fn user_id() -> Option<String> {
    None
}

/// When the process started, in clock ticks since boot; `None` if no such process runs, or there is
/// no `/proc` to ask.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything; after it comes the
    // third, the state.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    if matches!(fields.next(), Some("Z" | "X")) {
        // Dead, and its parent has not asked yet.
        return None;
    }
    // The 22nd field.
    fields.nth(18)?.parse().ok()
}

/// What tells one run of a kernel from all others; `None` where there is no `/proc` to ask.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
