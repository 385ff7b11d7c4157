use super::args::Global;
use super::deployment::{Deployment, shown};
use super::failure::{Failure, Success};
use super::terminal::Terminal;

/// Checks the user's files and nothing else: no network, no sandbox, nothing written.
pub(super) fn run(global: &Global, terminal: Terminal) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    // Both files are looked at even if the first is wrong: one run tells everything.
    let configuration = deployment.configuration();
    let security = deployment.security();
    let (configuration, _) = match (configuration, security) {
        (Ok(configuration), Ok(security)) => (configuration, security),
        (Err(Failure::Problems(mut problems, sources)), Err(Failure::Problems(others, _))) => {
            problems.extend(others);
            return Err(Failure::Problems(problems, sources));
        }
        (Err(failure), _) | (_, Err(failure)) => return Err(failure),
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
