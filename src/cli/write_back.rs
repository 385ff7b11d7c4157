use crate::config::{
    Networks, WriteBackError, quotable, range_keys, write_back as edit, write_overlay,
};
use crate::file;
use crate::model::{Address, Diagnostic};
use crate::plan::Op;
use crate::render::text_diff;
use crate::resource::server;
use crate::state::State;

use super::deployment::{Deployment, shown};
use super::failure::file_error;
use super::terminal::Terminal;

/// Writes the servers' addresses into cloud.json, or takes out those of servers that are gone.
/// Reads the file again first: the user may have edited it in the meantime.
///
/// # Errors
/// If the file cannot be read, edited or written; it is as it was then.
pub(super) fn write_back(
    deployment: &Deployment,
    state: &State,
    step: &Op,
    terminal: Terminal,
) -> Result<String, Diagnostic> {
    let Op::WriteBack { addresses } = step else {
        return Ok(String::new());
    };
    let source = deployment.addresses_file();
    let target = deployment.written_file();
    let before =
        file::read(&source).map_err(|error| file_error("read", &source, &error).hint(AGAIN))?;
    // The sandbox's copy is made from cloud.json anew each time, with everything that is known.
    let all: Vec<Address> = if deployment.is_sandbox() {
        let servers = state
            .resources
            .keys()
            .filter(|a| a.kind() == server::KIND.name);
        servers.cloned().collect()
    } else {
        Vec::new()
    };
    let networks: Networks = addresses
        .iter()
        .chain(&all)
        .map(|address| {
            let recorded = state
                .resources
                .get(address)
                .filter(|recorded| recorded.ready);
            let networks = recorded
                .and_then(|r| r.attributes.get(server::NETWORKS))
                .cloned();
            (address.name().to_owned(), networks)
        })
        .collect();
    let edited = match deployment.environment() {
        Some(_) => {
            let base = file::read(&deployment.cloud_file()).unwrap_or_default();
            write_overlay(&shown(&source), &before, &networks, &range_keys(&base))
        }
        None => edit(&before, &networks),
    };
    let edited = edited.map_err(|error| refused(&error, deployment))?;
    let after = edited.as_deref().unwrap_or(&before);
    if edited.is_none() && !deployment.is_sandbox() {
        return Ok("nothing to write".to_owned());
    }
    file::replace_watched(&target, after, None, deployment.practice())
        .map_err(|error| file_error("written", &target, &error).hint(AGAIN))?;
    if terminal.verbose > 0 {
        // The lines around an address may be the contents of a file.
        let (before, after) = (quotable(&before), quotable(after));
        if let (Ok(before), Ok(after)) = (str::from_utf8(&before), str::from_utf8(&after)) {
            let file = shown(&target);
            terminal.say(&text_diff(&file, before, after, terminal.color_err));
        }
    }
    Ok("written".to_owned())
}

const AGAIN: &str = "run it again: the addresses are recorded and will be written then";

fn refused(error: &WriteBackError, deployment: &Deployment) -> Diagnostic {
    let file = shown(&deployment.addresses_file());
    let problem = error.problem();
    let detail = problem.map_or_else(String::new, |problem| problem.summary.clone());
    Diagnostic::error(format!("no addresses were written into {file}: {error}"))
        .detail(detail)
        .hint("mend the file and run it again: the addresses are recorded and will be written then")
        .at(problem.and_then(|problem| problem.place.clone()))
}
