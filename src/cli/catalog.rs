use crate::provider::{OnPause, open_read};
use crate::render::{ListStyle, images, regions, sizes};

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
    let catalog = signals
        .unless_interrupted(async {
            let deployment = Deployment::open(global, terminal).await?;
            let security = deployment.security()?;
            let on_pause = OnPause::new(move |wait, why| terminal.pause(wait, why));
            let connection = deployment.connection(&security, on_pause)?;
            let catalog = open_read(connection)?.catalog().await;
            deployment.close().await;
            Ok(catalog?)
        })
        .await?;
    let style = terminal.list_style();
    let text = match what {
        Listing::Regions => regions(&catalog, style),
        Listing::Sizes => sizes(&catalog, style),
        Listing::Images => images(&catalog, style),
    };
    terminal.print(&text)?;
    Ok(Success::Done)
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
