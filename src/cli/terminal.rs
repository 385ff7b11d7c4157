use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::model::{Diagnostic, Severity};
use crate::render::{Sources, diagnostics};

/// How wide text is set where nobody says how wide the paper is.
const PAGE: usize = 100;

/// How long nothing may be said at all.
const LONG: Duration = Duration::from_secs(10);

/// Where results and messages go, and how they may look.
///
/// The one place that decides about colour: `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, and
/// whether somebody is watching.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Colours on standard output.
    pub(super) color_out: bool,
    /// Colours on standard error.
    pub(super) color_err: bool,
    /// Whether somebody watches standard error.
    pub(super) live: bool,
    /// Print results and errors only.
    pub(super) quiet: bool,
    /// How much to say.
    pub(super) verbose: u8,
}

impl Terminal {
    pub(super) fn new(no_color: bool, quiet: bool, verbose: u8) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0");
        let color = |terminal: bool| !no_color && !set("NO_COLOR") && (forced || terminal && !dumb);
        let watched = io::stderr().is_terminal();
        let terminal = Self {
            color_out: color(io::stdout().is_terminal()),
            color_err: color(watched),
            live: watched && !dumb && !quiet,
            quiet,
            verbose,
        };
        console::set_colors_enabled(terminal.color_out);
        console::set_colors_enabled_stderr(terminal.color_err);
        terminal
    }

    /// A result, to standard output.
    ///
    /// # Errors
    /// If nobody takes it; a closed pipe is a way to say "enough" and no error.
    pub(super) fn print(self, text: &str) -> Result<(), Diagnostic> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Diagnostic::error("the result cannot be printed").detail(error.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// A question, to standard error, with the cursor left behind it.
    pub(super) fn prompt(self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// A remark, to standard error, unless only results are wanted.
    pub(super) fn say(self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// That requests are held back. A long silence is told to everybody.
    pub(super) fn pause(self, wait: Duration, why: &str) {
        let text = format!("waiting {} s: {why}", wait.as_secs());
        if wait > LONG {
            self.complain(&text);
        } else {
            self.say(&text);
        }
    }

    /// A message that is never left out, to standard error.
    pub(super) fn complain(self, text: &str) {
        // With nobody to tell, there is nobody to tell that to either.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Diagnostics, to standard error: errors first. Only results and errors are printed if that
    /// is wanted.
    pub(super) fn diagnose(self, list: &[Diagnostic], sources: &Sources) {
        let mut list: Vec<Diagnostic> = list
            .iter()
            .filter(|diagnostic| !self.quiet || diagnostic.severity > Severity::Note)
            .cloned()
            .collect();
        if list.is_empty() {
            return;
        }
        list.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity));
        let width = console::Term::stderr()
            .size_checked()
            .map_or(PAGE, |(_, columns)| usize::from(columns).clamp(40, 160));
        let text = diagnostics(&list, sources, self.color_err, width);
        self.complain(text.trim_end());
    }
}
