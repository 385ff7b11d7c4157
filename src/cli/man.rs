use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::file;

use super::args::{Cli, ManArgs};
use super::failure::{Failure, Success, file_error};
use super::terminal::Terminal;

/// What else the program's own page tells: heading, and words with what they mean.
const MORE: [(&str, &[(&str, &str)]); 3] = [
    (
        "EXIT STATUS",
        &[
            ("0", "Done, or nothing to do."),
            (
                "1",
                "An error, a refusal, a wrong option, or \"no\" at the prompt.",
            ),
            (
                "2",
                "With --detailed-exitcode: the plan has steps, or drift found something.",
            ),
            (
                "129, 130, 143",
                "Interrupted by HUP, INT, TERM; run it again to go on.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "DIGITALOCEAN_TOKEN, DIGITALOCEAN_ACCESS_TOKEN",
                "The token for DigitalOcean's API.",
            ),
            (
                "CLOUDBUILDER_PUBLIC_SSH_KEY",
                "The public SSH key that is put on new servers.",
            ),
            (
                "DIGITALOCEAN_API_URL",
                "Another address of DigitalOcean's API.",
            ),
            (
                "OS_*, RAX_*",
                "What opens an account at an OpenStack or at Rackspace.",
            ),
            ("NO_COLOR, CLICOLOR_FORCE", "Whether there are colours."),
        ],
    ),
    (
        "FILES",
        &[
            ("cloud.json", "What shall exist."),
            ("security.json", "Credentials and the public SSH key."),
            ("cloud.state.json", "What was made, with ids; no secrets."),
            (
                "cloud.state.journal",
                "What a run does that has not ended, or was cut off; part of the state.",
            ),
            (
                ".cloudbuilder/",
                "The lock, the last ten states, the sandbox.",
            ),
        ],
    ),
];

/// Prints a manual page, or writes all of them into a directory.
pub(super) fn run(args: &ManArgs, terminal: Terminal) -> Result<Success, Failure> {
    let mut all = Cli::command();
    // Gives each command its full name and the options of every command.
    all.build();
    match &args.dir {
        Some(directory) => {
            fs::create_dir_all(directory).map_err(|error| file_error("made", directory, &error))?;
            write(&all, directory)?;
        }
        None => {
            let text = page(of(&all, &args.command)?)?;
            terminal.print(&String::from_utf8_lossy(&text))?;
        }
    }
    Ok(Success::Done)
}

/// The command that the words name.
fn of<'a>(all: &'a Command, words: &[String]) -> Result<&'a Command, Failure> {
    let mut command = all;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            Failure::error(format!(
                "there is no command `{}`",
                words.join(" ").escape_debug()
            ))
            .hint("`cloudbuilder --help` lists the commands")
        })?;
    }
    Ok(command)
}

/// A page for the command and for each below it, such as `cloudbuilder-state-mv.1`.
fn write(command: &Command, directory: &Path) -> Result<(), Failure> {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write(below, directory)?;
    }
    let path = directory.join(manual(command).get_filename());
    let written = file::replace(&path, &page(command)?, Some(0o644));
    Ok(written.map_err(|error| file_error("written", &path, &error))?)
}

/// Without a date, so that what is packaged twice is the same twice.
fn manual(command: &Command) -> Man {
    Man::new(command.clone())
        .source(concat!("cloudbuilder ", env!("CARGO_PKG_VERSION")))
        .manual("cloudbuilder's manual")
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let mut made = manual(command).render(&mut text);
    let is_the_program = command.get_name() == Cli::command().get_name();
    if made.is_ok() && is_the_program {
        made = more().to_writer(&mut text);
    }
    made.map_err(|error| {
        Failure::error("the manual page cannot be made").detail(error.to_string())
    })?;
    Ok(text)
}

fn more() -> Roff {
    let mut roff = Roff::new();
    for (heading, rows) in MORE {
        roff.control("SH", [heading]);
        for (word, meaning) in rows {
            roff.control("TP", []);
            roff.text([roman(*word)]);
            roff.text([roman(*meaning)]);
        }
    }
    roff
}
