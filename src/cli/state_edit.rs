//! Editing the record by hand: a resource gets another address, or is forgotten. Nothing in the
//! account changes.

use std::time::Duration;

use crate::model::Address;
use crate::resource::readdress;
use crate::state::State;

use super::args::Global;
use super::deployment::{Deployment, shown};
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::terminal::Terminal;

/// What is done to the record.
pub(super) enum Edit<'a> {
    /// What was at the first address is at the second from now on.
    Move(&'a str, &'a str),
    /// These addresses are dropped.
    Forget(&'a [String]),
}

/// Edits the state, with a copy of it kept as it was.
pub(super) async fn run(
    global: &Global,
    edit: Edit<'_>,
    lock_timeout: Duration,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    let operation = match edit {
        Edit::Move(..) => "state mv",
        Edit::Forget(_) => "state forget",
    };
    let _lock = signals
        .unless_interrupted(deployment.lock(operation, lock_timeout))
        .await?;
    let mut store = deployment.store();
    let Some(mut state) = store.load()? else {
        return Err(Failure::error("there is no state here")
            .hint("nothing was made yet; look for another directory with -C")
            .into());
    };
    if !state.unsettled.is_empty() {
        return Err(Failure::error(
            "an earlier run was cut off, and nobody has looked yet what became of it",
        )
        .detail("what it may have made is known by its address")
        .hint("run `cloudbuilder apply` first; it looks before it does anything")
        .into());
    }
    let told = match edit {
        Edit::Move(from, to) => moved(&mut state, from, to)?,
        Edit::Forget(addresses) => forgotten(&mut state, addresses)?,
    };
    let kept = store.back_up()?;
    store.save(&mut state)?;
    terminal.print(&told)?;
    if let Some(kept) = kept {
        terminal.say(&format!("The state as it was is kept as {}.", shown(&kept)));
    }
    terminal.say("Run `cloudbuilder plan` to see what that means.");
    Ok(Success::Done)
}

/// Gives a resource another address, and lets what refers to it follow.
fn moved(state: &mut State, from: &str, to: &str) -> Result<String, Failure> {
    let (from, to) = (recorded(state, from)?, parsed(to)?);
    if from.kind() != to.kind() {
        return Err(Failure::error(format!("{from} cannot become {to}"))
            .detail(format!("a {} is no {}", from.kind(), to.kind()))
            .hint(format!("name the new address as {}.NAME", from.kind()))
            .into());
    }
    if let Some(there) = state.resources.get(&to) {
        return Err(Failure::error(format!("the state has {to} already"))
            .detail(format!("it is {}", there.id))
            .hint(format!(
                "choose another name, or `cloudbuilder state forget {to}` first"
            ))
            .into());
    }
    readdress(&mut state.resources, &from, &to);
    Ok(format!("{from} is {to} from now on.\n"))
}

/// Drops resources from the record.
fn forgotten(state: &mut State, addresses: &[String]) -> Result<String, Failure> {
    let mut told = String::new();
    let addresses: Result<Vec<Address>, Failure> = addresses
        .iter()
        .map(|address| recorded(state, address))
        .collect();
    for address in addresses? {
        if let Some(resource) = state.resources.remove(&address) {
            told.push_str(&format!(
                "{address} ({}) is forgotten; it stays in the account.\n",
                resource.id
            ));
        }
        for resource in state.resources.values_mut() {
            resource.refers_to.retain(|referred| *referred != address);
        }
    }
    Ok(told)
}

/// An address as it is typed.
///
/// # Errors
/// If it is none.
pub(super) fn parsed(address: &str) -> Result<Address, Failure> {
    let parsed = address.parse();
    Ok(parsed.map_err(|error: crate::model::ParseAddressError| {
        Failure::error(error.to_string()).hint("an address is KIND.NAME, such as server.web1")
    })?)
}

/// An address that the state has.
fn recorded(state: &State, address: &str) -> Result<Address, Failure> {
    let address = parsed(address)?;
    if state.resources.contains_key(&address) {
        return Ok(address);
    }
    Err(super::show::not_recorded(state, &address))
}
