use crate::state::lock::Standing;

use super::args::{Global, UnlockArgs};
use super::confirm::{can_ask, confirm};
use super::deployment::Deployment;
use super::failure::{Failure, Success};
use super::signals::Signals;
use super::terminal::Terminal;

/// Releases a lock whose run will not give it back.
pub(super) async fn run(
    global: &Global,
    args: &UnlockArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(global, terminal)?;
    let (holder, what_of_it) = match deployment.lock_standing()? {
        Standing::Free => {
            terminal.print("Nothing is locked here.\n")?;
            return Ok(Success::Done);
        }
        Standing::Held(holder) => {
            let who = holder.map_or_else(
                || "a run that has just begun".to_owned(),
                |holder| holder.to_string(),
            );
            return Err(Failure::error("the lock is in use")
                .detail(format!("at work on this machine: {who}"))
                .hint("wait until it has ended, or stop it: it gives the lock back itself")
                .into());
        }
        Standing::Left(holder) => (holder, "that run is gone"),
        Standing::Elsewhere(holder) => {
            if !args.force && !can_ask() {
                return Err(Failure::error("unlock cannot ask for approval here")
                    .detail(format!("the lock is that of {holder}"))
                    .hint("make sure that this run is no more, then add -f to release its lock")
                    .into());
            }
            if !args.force {
                let question = format!(
                    "The lock is that of {holder}.\nIf that run is still at work, two would \
                     change the same cloud. Do you want to release it?"
                );
                confirm(&question, terminal, signals).await?;
            }
            (holder, "if that run is still at work, stop it")
        }
    };
    deployment.release(&holder)?;
    terminal.print(&format!("Released the lock of {holder}; {what_of_it}.\n"))?;
    Ok(Success::Done)
}
