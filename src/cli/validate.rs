use crate::config::{Cloud, Security};
use crate::model::Diagnostic;
use crate::resource::check_references;

use super::args::Global;
use super::deployment::{Deployment, shown};
use super::failure::{Failure, Success};
use super::survey::any_public_key;
use super::terminal::Terminal;

/// Checks the user's files and nothing else: no network, no sandbox, nothing written.
pub(super) fn run(global: &Global, terminal: Terminal) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    // Both files are looked at even if the first is wrong: one run tells everything.
    let configuration = deployment.configuration();
    let security = deployment.security();
    let configuration = match (configuration, security) {
        (Ok(configuration), security) => {
            let mut problems = wrong_references(&configuration.cloud);
            match security {
                Ok(_) => {}
                Err(Failure::Problems(others, _)) => problems.extend(others),
                Err(failure) if problems.is_empty() => return Err(failure),
                Err(_) => {}
            }
            if problems.is_empty() {
                configuration
            } else {
                problems.extend(configuration.notes);
                return Err(Failure::Problems(problems, configuration.sources));
            }
        }
        (Err(Failure::Problems(mut problems, sources)), Err(Failure::Problems(others, _))) => {
            problems.extend(others);
            return Err(Failure::Problems(problems, sources));
        }
        (Err(failure), _) => return Err(failure),
    };
    terminal.diagnose(&configuration.notes, &configuration.sources);
    let servers = configuration.cloud.servers.len();
    let names: usize = configuration
        .cloud
        .servers
        .iter()
        .map(|server| server.names.len())
        .sum();
    let over = deployment.overlay_file();
    let over = over.map_or_else(String::new, |file| format!(" with {}", shown(&file)));
    terminal.print(&format!(
        "{}{over} is valid: {servers} {}, {names} {}.\n",
        shown(&deployment.cloud_file()),
        if servers == 1 { "server" } else { "servers" },
        if names == 1 { "name" } else { "names" },
    ))?;
    Ok(Success::Done)
}

/// What refers to something that cloud.json does not have, or goes in a circle.
fn wrong_references(cloud: &Cloud) -> Vec<Diagnostic> {
    // No key is referred to, so that any will do.
    let keys = any_public_key(&Security::default());
    keys.map_or_else(Vec::new, |keys| check_references(cloud, &keys))
}
