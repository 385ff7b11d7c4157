use crate::config::Security;
use crate::model::Catalog;
use crate::provider::OnPause;
use crate::render::{ListStyle, images, regions, sizes};

use super::accounts::Opening;
use super::args::{Global, Listing};
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::terminal::Terminal;

/// Lists what the account can use now.
pub(super) async fn run(
    global: &Global,
    what: Listing,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let catalogs = signals
        .unless_interrupted(async {
            let deployment = Deployment::open(global, terminal).await?;
            let security = deployment.security()?;
            let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
            let catalogs = of_accounts(&deployment, &security, on_pause).await;
            deployment.close().await;
            catalogs
        })
        .await?;
    let style = terminal.list_style();
    for (number, (account, catalog)) in catalogs.iter().enumerate() {
        let text = match what {
            Listing::Regions => regions(catalog, style),
            Listing::Sizes => sizes(catalog, style),
            Listing::Images => images(catalog, style),
        };
        if catalogs.len() > 1 {
            let apart = if number > 0 { "\n" } else { "" };
            terminal.print(&format!("{apart}{account}:\n"))?;
        }
        terminal.print(&text)?;
    }
    Ok(Success::Done)
}

/// What each account that cloud.json names can use; without a cloud.json, what the token opens.
async fn of_accounts(
    deployment: &Deployment,
    security: &Security,
    on_pause: OnPause,
) -> Result<Vec<(String, Catalog)>, Failure> {
    let configuration = deployment.configuration_if_any()?;
    let opening = Opening {
        deployment,
        cloud: &configuration.cloud,
        security,
        on_pause,
    };
    let readers = opening.readers()?;
    let mut catalogs = Vec::new();
    for (name, read) in readers.iter() {
        let catalog = read.catalog().await;
        let catalog = catalog.map_err(|error| readers.naming(name, error))?;
        catalogs.push((name.to_string(), catalog));
    }
    Ok(catalogs)
}

impl Terminal {
    /// How tables look here: as wide as the terminal, or as they need to be in a pipe.
    pub(super) fn list_style(self) -> ListStyle {
        let width = console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| columns);
        ListStyle {
            color: self.color_out,
            width,
        }
    }
}
