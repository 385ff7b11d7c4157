use std::io::{self, BufRead, IsTerminal};

use super::failure::Failure;
use super::muted::Muted;
use super::signals::Signals;
use super::terminal::Terminal;

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a `yes` and takes nothing else for one.
///
/// # Errors
/// Anything but a yes, and an interrupt.
pub(super) async fn confirm(
    question: &str,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let prompt =
        format!("\n{question}\nOnly 'yes' will be accepted to approve.\n\nEnter a value: ");
    let answer = signals.unless_interrupted(ask(&prompt, terminal)).await?;
    if answer == "yes" {
        return Ok(());
    }
    Err(not_approved(terminal))
}

/// Asks how many are destroyed: whoever knows has read the plan.
///
/// # Errors
/// Another number, and an interrupt.
pub(super) async fn confirm_number(
    (number, kind): (usize, &str),
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let prompt = format!("\nHow many {kind}s does it destroy for good?\n\nEnter a value: ");
    let answer = signals.unless_interrupted(ask(&prompt, terminal)).await?;
    if answer.parse() == Ok(number) {
        return Ok(());
    }
    terminal.complain(&format!("The plan destroys {number} {kind}s."));
    Err(not_approved(terminal))
}

fn not_approved(terminal: Terminal) -> Failure {
    terminal.complain("Not approved. Nothing was done.");
    Failure::Said
}

/// Prints a prompt and reads a line.
///
/// # Errors
/// If there is nobody to read from.
pub(super) async fn ask(prompt: &str, terminal: Terminal) -> Result<String, Failure> {
    terminal.prompt(prompt);
    read(|| {
        let mut line = String::new();
        io::stdin()
            .lock()
            .read_line(&mut line)
            .map(|read| (read, line))
    })
    .await
}

/// As [`ask`], without showing what is typed.
///
/// # Errors
/// As [`ask`], and if the terminal cannot be told to be silent.
pub(super) async fn ask_secretly(prompt: &str, terminal: Terminal) -> Result<String, Failure> {
    // Before the prompt: whoever sees that may paste at once.
    let hidden = Muted::all().map_err(|error| {
        Failure::error("what is typed here cannot be kept from being shown")
            .detail(error.to_string())
            .hint("write security.json by hand instead")
    })?;
    let answer = ask(prompt, terminal).await;
    drop(hidden);
    // The line end was not shown either.
    terminal.prompt("\n");
    answer
}

/// Reads on a thread of its own: a read from a terminal cannot be given up, and a Ctrl-C must not
/// wait for it.
async fn read(
    line: impl FnOnce() -> io::Result<(usize, String)> + Send + 'static,
) -> Result<String, Failure> {
    let failed = |error: String| Failure::error("no answer could be read").detail(error);
    let (read, line) = tokio::task::spawn_blocking(line)
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    if read == 0 {
        return Err(failed("the input ended".to_owned()).into());
    }
    Ok(line.trim().to_owned())
}
