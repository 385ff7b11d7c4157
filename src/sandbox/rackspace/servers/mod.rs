//! Cloud Servers v2: Nova without microversions, in every region by itself (docs-cloud-servers,
//! `api-docs`).
//!
//! Where that says nothing, messages and order of checks are those of Nova's v2 API of its time.

pub(super) mod actions;
pub(super) mod create;
pub(super) mod files;
pub(super) mod flavors;
pub(super) mod images;
pub(super) mod keypairs;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod metadata;
pub(super) mod networks;
pub(super) mod one;
pub(super) mod pages;
pub(super) mod view;

use super::answer::{Ask, Fault};
use super::model::{Server, Status};
use super::world::World;
use serde_json::Value;

/// Limits of an account, as `/limits` names them (`general-api-info/limits.rst`).
pub(super) const MOST_RAM: u64 = 131_072;
pub(super) const MOST_SERVERS: usize = 100;
pub(super) const MOST_METADATA: usize = 40;
pub(super) const LONGEST_METADATA: usize = 255;
pub(super) const MOST_FILES: usize = 5;
pub(super) const LONGEST_FILE: usize = 1000;
pub(super) const MOST_KEYPAIRS: usize = 100;

/// The server in the path, if it lives, is the account's and can be seen.
pub(super) fn find<'a>(world: &'a World, asked: &Ask<'_>) -> Result<&'a Server, Fault> {
    let region = asked.region();
    world
        .servers
        .get(asked.param(0))
        .filter(|server| server.account == asked.account.tenant && server.region == region)
        .filter(|server| server.lives() && world.shows(&server.id))
        .ok_or_else(|| Fault::no_such("Instance"))
}

/// An object of the body under its root key.
pub(super) fn rooted(asked: &Ask<'_>, key: &str) -> Result<Value, Fault> {
    let body: Value = asked
        .json()
        .map_err(|_| Fault::bad("Malformed request body"))?;
    body.get(key)
        .filter(|inner| inner.is_object())
        .cloned()
        .ok_or_else(|| Fault::bad("Malformed request body"))
}

/// Refuses what cannot be done to a server as it is.
pub(super) fn must_be(server: &Server, what: &str, good: &[Status]) -> Result<(), Fault> {
    let state = match server.status {
        Status::Build => "building",
        Status::Active => "active",
        Status::Error => "error",
        Status::Deleted => "deleted",
        Status::VerifyResize => "resized",
        Status::Reboot | Status::Resize | Status::RevertResize => "active",
    };
    if let Some(task) = &server.task {
        let kind = if server.status == Status::Build {
            "buildInProgress"
        } else {
            "conflictingRequest"
        };
        let why = format!("Cannot '{what}' while instance is in task_state {task}");
        return Err(Fault::keyed(409, kind, why));
    }
    if !good.contains(&server.status) {
        return Err(Fault::conflict(format!(
            "Cannot '{what}' while instance is in vm_state {state}"
        )));
    }
    Ok(())
}
