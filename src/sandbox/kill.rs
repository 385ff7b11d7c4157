//! Clients that are to die: what the one who runs a sandbox is told when such a fault strikes.

use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Nobody needs so long to kill a process.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that is to be killed now. Its request waits until this is dropped: drop it once the
/// client is dead, and nothing of the request is heard any more.
#[derive(Debug)]
pub struct Kill {
    _gone: oneshot::Sender<()>,
}

/// Where kills are told.
pub type Kills = mpsc::UnboundedSender<Kill>;

/// Has the client killed, and waits until it is. Without anybody to do it, the connection merely
/// breaks.
pub(super) async fn kill(kills: Option<&Kills>) {
    let (gone, is_gone) = oneshot::channel();
    if let Some(kills) = kills
        && kills.send(Kill { _gone: gone }).is_ok()
    {
        // That it is dropped is the answer.
        let _ = tokio::time::timeout(PATIENCE, is_gone).await;
    }
}
