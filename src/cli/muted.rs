//! A terminal that shows less of what is typed.

use std::io;

/// The terminal at standard input, muted until this is dropped, however the work ends.
pub(super) struct Muted {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Muted {
    /// Nothing that is typed is shown.
    ///
    /// # Errors
    /// If there is no terminal, or it cannot be told.
    pub(super) fn all() -> io::Result<Self> {
        Self::without(rustix::termios::LocalModes::ECHO)
    }

    /// A Ctrl-C is not shown: its `^C` would push what is drawn there out of place. `None` where
    /// that cannot be had, which is not worth an error.
    pub(super) fn interrupts() -> Option<Self> {
        // In the background, to change the terminal would stop us.
        let in_front = rustix::termios::tcgetpgrp(io::stdin()).ok()?;
        if in_front != rustix::process::getpgrp() {
            return None;
        }
        Self::without(rustix::termios::LocalModes::ECHOCTL).ok()
    }

    fn without(modes: rustix::termios::LocalModes) -> io::Result<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut muted = before.clone();
        muted.local_modes.remove(modes);
        tcsetattr(io::stdin(), OptionalActions::Now, &muted)?;
        Ok(Self { before })
    }
}

#[cfg(unix)]
impl Drop for Muted {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(not(unix))]
impl Muted {
    pub(super) fn all() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn interrupts() -> Option<Self> {
        None
    }
}
