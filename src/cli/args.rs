use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::plan::{Checksum, Part, Pattern};

mod sandbox;
mod terraform;

pub(super) use sandbox::{
    Arena, ProxyArgs, SandboxCommand, ServeArgs, SimulatedCloud, TortureArgs,
};
pub(super) use terraform::from_terraform;

/// Plans and applies small clouds: servers, their SSH key and their DNS names, from one
/// cloud.json.
#[derive(Debug, Parser)]
#[command(
    name = "cloudbuilder",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Begin with `cloudbuilder init`, or try it without an account: \
                        `cloudbuilder plan --sandbox`."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const GLOBAL: &str = "Options of every command";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// Work in this directory instead of the current one
    #[arg(short = 'C', long, global = true, value_name = "DIR", help_heading = GLOBAL)]
    pub(super) chdir: Option<PathBuf>,
    /// Print no colours (also: NO_COLOR=1)
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(super) no_color: bool,
    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub(super) quiet: bool,
    /// Print every attribute; twice: every request as well
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub(super) verbose: u8,
    /// Use the built-in practice cloud: no account, no token, no cost
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(super) sandbox: bool,
    /// Use the environment that cloud.NAME.json lays over cloud.json, with a state of its own
    #[arg(long, global = true, value_name = "NAME", env = "CLOUDBUILDER_ENV", hide_env_values = true,
        value_parser = super::environment::name, help_heading = GLOBAL)]
    pub(super) env: Option<String>,
    /// Set a variable of cloud.json, there written ${NAME}; wins over the process environment
    #[arg(long, global = true, value_name = "NAME=VALUE", help_heading = GLOBAL)]
    pub(super) var: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ask for a token and a public SSH key, and write security.json and a first cloud.json
    Init,
    /// Check cloud.json and security.json, without using the network
    Validate,
    /// Show what apply would do, and what it would cost; changes nothing
    Plan(PlanArgs),
    /// Show the plan, ask, and make the cloud as cloud.json says
    Apply(ApplyArgs),
    /// Show what there is, ask, and delete everything that this deployment made
    Destroy(DestroyArgs),
    /// Show what others changed since it was last applied; changes nothing
    Drift(DriftArgs),
    /// Take what exists already into the state, with this deployment's mark; changes nothing else
    Import(ImportArgs),
    /// Show what the accounts hold that no deployment looks after; changes nothing
    Orphans(OrphansArgs),
    /// Show the recorded servers, with their addresses and records
    Show(ShowArgs),
    /// Log in to a recorded server, or run a command there
    Ssh(SshArgs),
    /// Look at the recorded state, correct it, or make it anew from the account
    #[command(subcommand)]
    State(StateCommand),
    /// Release the lock of a run that was cut off on another machine
    Unlock(UnlockArgs),
    /// List what the account can use now, with prices
    #[command(subcommand)]
    Catalog(Listing),
    /// Run the practice cloud for other programs, or empty it
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Print the JSON Schema of cloud.json, by which editors check and complete it
    Schema {
        /// That of security.json instead
        #[arg(long)]
        security: bool,
    },
    /// Print the manual page of this program or of a command
    Man(ManArgs),
    /// Print a script that makes a shell complete this program's command lines
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(
    mut_arg("json", |arg| arg.help("Print the plan as one JSON document")),
    // A plan takes no lock and sends nothing; they are accepted so that both commands can be given
    // the same options.
    mut_arg("parallelism", |arg| arg.hide(true)),
    mut_arg("lock_timeout", |arg| arg.hide(true)),
)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) planning: Planning,
    /// Plan what the command destroy would do
    #[arg(long)]
    pub(super) destroy: bool,
    /// Also save the plan, for `apply FILE`
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Plan from the state, and look at nothing that is recorded
    #[arg(long, conflicts_with_all = ["out", "destroy"])]
    pub(super) no_refresh: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) planning: Planning,
    #[command(flatten)]
    pub(super) carrying_out: CarryingOut,
    /// Do what the command destroy does
    #[arg(long)]
    pub(super) destroy: bool,
    /// Carry out this plan of `plan --out` without asking, if nothing has moved since
    #[arg(value_name = "PLANFILE", conflicts_with_all = MAKES_THE_PLAN)]
    pub(super) plan_file: Option<PathBuf>,
    /// Carry the plan out without asking if it has the checksum that `plan` printed
    #[arg(long, value_name = "CHECKSUM")]
    pub(super) expect: Option<Checksum>,
}

/// What is in a saved plan and cannot be said otherwise.
const MAKES_THE_PLAN: [&str; 9] = [
    "destroy",
    "expect",
    "target",
    "exclude",
    "max_destroy",
    "allow_wipe",
    "no_write_back",
    "no_drain",
    "replace",
];

#[derive(Debug, Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    pub(super) planning: Planning,
    #[command(flatten)]
    pub(super) carrying_out: CarryingOut,
}

/// Options of drift.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DriftArgs {
    /// Exit with 2 instead of 0 if anything was changed outside
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// How long what was just made may be missing from the API's lists
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) settle: Duration,
}

/// Options of import.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What cloud.json calls it, such as server.web1
    #[arg(requires = "id")]
    pub(super) address: Option<String>,
    /// The provider's id for it; of a domain its name
    pub(super) id: Option<String>,
    /// Take over all that the account holds, and write the cloud.json that asks for it
    #[arg(long, conflicts_with_all = ["address", "id"])]
    pub(super) all: bool,
    /// Take over what this Terraform or OpenTofu state knows, and write the cloud.json that asks
    /// for it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "id", "all"])]
    pub(super) from_tfstate: Option<PathBuf>,
    /// Write that file here instead, and take nothing over yet
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "id"])]
    pub(super) out: Option<PathBuf>,
    /// Do not ask for approval
    #[arg(short = 'y', long)]
    pub(super) auto_approve: bool,
    /// The account it is in, of those that cloud.json names
    #[arg(long, value_name = "NAME")]
    pub(super) provider: Option<String>,
    /// How many requests may be under way at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(super) parallelism: usize,
    /// How long to wait for another run that holds the lock
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) lock_timeout: Duration,
    /// How long what was just made may be missing from the API's lists
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) settle: Duration,
}

/// Options of orphans.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct OrphansArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 2 instead of 0 if there are any
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Options of plan, apply and destroy.
#[derive(Clone, Debug, Args)]
pub(super) struct Planning {
    /// Print one JSON object a line; needs -y
    #[arg(long)]
    pub(super) json: bool,
    /// Also write the plan to a file, as Markdown for a pull request
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
    /// Exit with 2 instead of 0 if the plan has steps
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// How many requests may be under way at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(super) parallelism: usize,
    /// How long to wait for another run that holds the lock
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) lock_timeout: Duration,
    /// How long what was just made may be missing from the API's lists
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) settle: Duration,
    /// Refuse to destroy more servers than this; needed if cloud.json has none left
    #[arg(long, value_name = "N")]
    pub(super) max_destroy: Option<usize>,
    /// Let data be wiped that is kept otherwise: what is on a volume, say
    #[arg(long)]
    pub(super) allow_wipe: bool,
    /// Do not wait until the addresses of replaced servers are forgotten; a later run deletes those
    #[arg(long)]
    pub(super) no_drain: bool,
    /// Do not write addresses into cloud.json
    #[arg(long)]
    pub(super) no_write_back: bool,
    /// Plan only this and what it depends on: an address, or a pattern such as `server.web*`; may be
    /// repeated
    #[arg(short, long, value_name = "ADDRESS")]
    pub(super) target: Vec<Pattern>,
    /// Make another server in the place of this one, though nothing asks for it: an address or a
    /// pattern; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(super) replace: Vec<Pattern>,
    /// Leave this out and what depends on it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(super) exclude: Vec<Pattern>,
}

impl Planning {
    /// Which part of the whole is planned.
    pub(super) fn part(&self) -> Part {
        Part {
            targets: self.target.clone(),
            excluded: self.exclude.clone(),
        }
    }
}

/// Options of apply and destroy.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct CarryingOut {
    /// Do not ask for approval
    #[arg(short = 'y', long)]
    pub(super) auto_approve: bool,
    /// Terraform's, and not to be had here: it is refused with the reason
    #[arg(long, hide = true)]
    pub(super) no_refresh: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Print everything that is recorded as one JSON document
    #[arg(long, conflicts_with_all = ["inventory", "ssh_config"])]
    pub(super) json: bool,
    /// Print the servers as Ansible takes them from an inventory script
    #[arg(long, conflicts_with = "ssh_config")]
    pub(super) inventory: bool,
    /// With --inventory: all servers, as without it; Ansible says so
    #[arg(long, requires = "inventory")]
    pub(super) list: bool,
    /// With --inventory: the variables of one server
    #[arg(
        long,
        value_name = "NAME",
        requires = "inventory",
        conflicts_with = "list"
    )]
    pub(super) host: Option<String>,
    /// Print the servers as ssh takes them from its configuration, for an Include
    #[arg(long)]
    pub(super) ssh_config: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "cloudbuilder ssh [OPTIONS] NAME [COMMAND]...\n       \
                            cloudbuilder ssh [OPTIONS] NAME -- [SSH-OPTION]... [COMMAND]..."
)]
pub(super) struct SshArgs {
    /// Who logs in; by default root where that is known to be right, else whom ssh takes
    #[arg(short = 'l', long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// Connect to its IPv6 address
    #[arg(short = '6', long = "ipv6")]
    pub(super) ipv6: bool,
    /// The server's name, what plans call it (server.web1), or a DNS name that leads to it
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// What to run there; after `--`, options of ssh may come first
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub(super) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write the pages of all commands into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(super) dir: Option<PathBuf>,
    /// The command, such as `state mv`; without one, the program
    pub(super) command: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum StateCommand {
    /// List the recorded addresses
    List,
    /// Show one recorded resource
    Show {
        /// Its address, such as server.web1
        address: String,
    },
    /// Give a recorded resource another address; nothing in the account changes
    Mv {
        /// Its address, such as server.web1
        from: String,
        /// The new one, such as server.app1
        to: String,
        /// How long to wait for another run that holds the lock
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
        lock_timeout: Duration,
    },
    /// Drop resources from the state; they stay in the account, and nobody looks after them
    Forget {
        /// Their addresses, such as server.web1
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// How long to wait for another run that holds the lock
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
        lock_timeout: Duration,
    },
    /// Make a lost or damaged state anew, from marks and names in the account
    Rebuild {
        /// The deployment's identity, if the servers carry marks of several
        #[arg(long, value_name = "UUID")]
        lineage: Option<uuid::Uuid>,
        /// How long to wait for another run that holds the lock
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
        lock_timeout: Duration,
    },
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct UnlockArgs {
    /// Do not ask for approval
    #[arg(short, long, short_alias = 'y', alias = "auto-approve")]
    pub(super) force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(super) enum Listing {
    /// List where servers can be, and what there is there
    Regions,
    /// List the kinds of servers, with prices
    Sizes,
    /// List what a server's disk can start as
    Images,
}

/// Longer is nobody's intention, and more than clocks can be set forward by.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let duration = parsed.and_then(|parsed| Duration::try_from(parsed).ok());
    match duration {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err("that is over a year".to_owned()),
        None => Err("write a duration such as 90s, 5m or 1h30m".to_owned()),
    }
}

fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100) => Ok(number),
        _ => Err("write a number from 1 to 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_what_people_write() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "-5s", "soon", "9000h", "2562047788015215h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
