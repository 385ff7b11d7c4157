use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::apply::{Interrupts, Signal};

use super::failure::Failure;

/// The user's signals, from the first moment of the program to its last.
pub(super) struct Signals {
    pub(super) interrupts: Interrupts,
    first: Arc<OnceLock<Signal>>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        let (send, interrupts) = mpsc::unbounded_channel();
        let first = Arc::new(OnceLock::new());
        for (kind, meaning) in [
            (SignalKind::hangup(), Signal::Hangup),
            (SignalKind::interrupt(), Signal::Interrupt),
            (SignalKind::terminate(), Signal::Terminate),
        ] {
            let (mut stream, send, first) = (signal(kind)?, send.clone(), Arc::clone(&first));
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = first.set(meaning);
                    if send.send(()).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { interrupts, first })
    }

    /// Listens to none: each does what it does to any program.
    pub(super) fn deaf() -> Self {
        let (_, interrupts) = mpsc::unbounded_channel();
        Self {
            interrupts,
            first: Arc::default(),
        }
    }

    /// The signal that came first.
    pub(super) fn first(&self) -> Signal {
        self.first.get().copied().unwrap_or(Signal::Interrupt)
    }

    /// Does something that may be given up at any point.
    ///
    /// # Errors
    /// What it fails with, or that it was interrupted.
    pub(super) async fn unless_interrupted<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            Some(()) = self.interrupts.recv() => Err(Failure::Interrupted(self.first())),
            result = work => result,
        }
    }
}
