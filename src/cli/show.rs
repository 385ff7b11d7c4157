mod inventory;
mod ssh_config;

use crate::model::{Address, escape, nearest};
use crate::render::{ShowStyle, json_line, show, state_json, state_list, state_show, unfinished};
use crate::resource::server::{IPV4_ADDRESS, IPV6_ADDRESS, KIND, REGION, SIZE};
use crate::state::State;

use super::args::{Global, ShowArgs};
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::hosts::{Host, hosts};
use super::terminal::Terminal;

/// Shows the recorded servers and their names, to people or to a program.
pub(super) fn run(
    global: &Global,
    args: &ShowArgs,
    terminal: Terminal,
) -> Result<Success, Failure> {
    let state = load(global, terminal)?;
    if args.json {
        terminal.print(&state_json(state.as_ref()))?;
        return Ok(Success::Done);
    }
    if args.inventory || args.ssh_config {
        let state = state.unwrap_or_default();
        terminal.print(&for_logging_in(&hosts(&state), args, terminal))?;
        return Ok(Success::Done);
    }
    let Some(state) = state else {
        return nothing(terminal);
    };
    let style = ShowStyle {
        kind: KIND.name,
        attributes: &[IPV4_ADDRESS, IPV6_ADDRESS, REGION, SIZE],
        list: terminal.list_style(),
    };
    terminal.print(&show(&state, &style))?;
    Ok(Success::Done)
}

/// The inventory, or the configuration of `ssh`. Who is left out of it is said.
fn for_logging_in(hosts: &[Host<'_>], args: &ShowArgs, terminal: Terminal) -> String {
    if let Some(name) = &args.host {
        return json_line(&inventory::one(hosts, name));
    }
    let left_out = hosts.iter().filter(|host| host.public().is_none());
    let left_out: Vec<&str> = left_out.map(|host| host.name).collect();
    if !left_out.is_empty() {
        terminal.say(&format!(
            "note: left out, without a public address: {}",
            escape(&left_out.join(", "))
        ));
    }
    match args.inventory {
        true => json_line(&inventory::list(hosts)),
        false => ssh_config::text(hosts),
    }
}

/// Lists the recorded addresses.
pub(super) fn list(global: &Global, terminal: Terminal) -> Result<Success, Failure> {
    let Some(state) = load(global, terminal)? else {
        return nothing(terminal);
    };
    terminal.print(&state_list(
        &state,
        terminal.verbose > 0,
        terminal.list_style(),
    ))?;
    Ok(Success::Done)
}

/// Shows one recorded resource.
pub(super) fn one(global: &Global, address: &str, terminal: Terminal) -> Result<Success, Failure> {
    let address = address
        .parse()
        .map_err(|error: crate::model::ParseAddressError| {
            Failure::error(error.to_string()).hint("`cloudbuilder state list` lists them")
        })?;
    let state = load(global, terminal)?.unwrap_or_default();
    let Some(recorded) = state.resources.get(&address) else {
        return Err(not_recorded(&state, &address));
    };
    terminal.print(&state_show(recorded))?;
    Ok(Success::Done)
}

/// There is no such thing in the state, and what may be meant.
pub(super) fn not_recorded(state: &State, address: &Address) -> Failure {
    let known = state.resources.keys();
    let known: Vec<String> = known.map(ToString::to_string).collect();
    let near = nearest(&address.to_string(), known.iter().map(String::as_str))
        .map(|near| format!("did you mean {near}? "))
        .unwrap_or_default();
    Failure::error(format!("the state has no {address}"))
        .hint(format!("{near}`cloudbuilder state list` lists what it has"))
        .into()
}

/// What is recorded, without a word on how far the last run came.
pub(super) fn recorded(global: &Global, terminal: Terminal) -> Result<Option<State>, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    Ok(deployment.store().load()?)
}

fn load(global: &Global, terminal: Terminal) -> Result<Option<State>, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    let state = deployment.store().load()?;
    if let Some(far) = state.as_ref().and_then(unfinished) {
        terminal.say(&match deployment.holder() {
            Some(holder) => format!("note: a run is at work here ({holder}): {far}"),
            None => format!(
                "note: the last run did not come to its end: {far}. The next apply or destroy \
                 looks first what became of that."
            ),
        });
    }
    Ok(state)
}

fn nothing(terminal: Terminal) -> Result<Success, Failure> {
    terminal.say("There is no state here: nothing was made yet.");
    Ok(Success::Done)
}
