use crate::config::schema;
use crate::provider::entry_words;

use super::failure::{Failure, Success};
use super::terminal::Terminal;

/// Prints the JSON Schema of one of the user's files.
pub(super) fn run(security: bool, terminal: Terminal) -> Result<Success, Failure> {
    let schema = if security {
        schema::security(&entry_words())
    } else {
        schema::cloud()
    };
    // `{:#}` is JSON over several lines.
    terminal.print(&format!("{schema:#}\n"))?;
    Ok(Success::Done)
}
