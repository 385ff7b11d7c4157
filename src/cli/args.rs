use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::plan::{Checksum, Part, Pattern};

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
    #[arg(required_unless_present_any = ["all", "from_tfstate"], requires = "id")]
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
    /// The server's name, or a DNS name that leads to it
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

#[derive(Debug, Subcommand)]
pub(super) enum SandboxCommand {
    /// Run the practice cloud until it is stopped, for this program or any other client
    Serve(ServeArgs),
    /// Forget this directory's practice cloud and its state
    Reset,
    /// Stand before an API on this machine, and let requests to it fail as asked
    Proxy(ProxyArgs),
    /// Try this program on random clouds that lose answers, and kill it meanwhile
    Torture(TortureArgs),
}

#[derive(Debug, Args)]
pub(super) struct TortureArgs {
    /// Which clouds: a number, or the first and the last one
    #[arg(long, value_name = "A..B", value_parser = seeds, required_unless_present = "boundaries")]
    pub(super) seed: Option<RangeInclusive<u64>>,
    /// How many are tried at once; by default as many as this machine bears
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Kill at random instants instead: a seed does not replay then
    #[arg(long)]
    pub(super) instant: bool,
    /// Try one fixed cloud, with a kill at every request and every step at a file
    #[arg(long, conflicts_with_all = ["seed", "instant", "upstream"])]
    pub(super) boundaries: bool,
    /// What to try it against
    #[arg(long, value_enum, default_value_t = Arena::Digitalocean, value_name = "CLOUD")]
    pub(super) cloud: Arena,
    /// Where that OpenStack is, on this machine; OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME open it
    #[arg(long, value_name = "URL", required_if_eq("cloud", "openstack"))]
    pub(super) upstream: Option<String>,
}

/// The clouds that a campaign can be tried against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Arena {
    Digitalocean,
    Rackspace,
    // A real one on this machine.
    Openstack,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (first.parse(), last.trim_start_matches('=').parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("write a number such as 4711, or two such as 1..200".to_owned()),
    }
}

/// The clouds that there are simulations of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SimulatedCloud {
    Digitalocean,
    // Classic: servers and DNS.
    Rackspace,
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Which cloud to simulate
    #[arg(long, value_name = "CLOUD", value_enum, default_value_t = SimulatedCloud::Digitalocean)]
    pub(super) cloud: SimulatedCloud,
    /// Where to listen, on this machine only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(super) listen: std::net::SocketAddr,
    /// Keep the world in memory instead of in this directory
    #[arg(long)]
    pub(super) in_memory: bool,
    /// How long a server boots
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(super) boot: Duration,
    /// How long every answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) latency: Duration,
    /// Enforce the API's rate limits
    #[arg(long)]
    pub(super) limits: bool,
    /// How many servers the account may have
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) droplet_limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct ProxyArgs {
    /// Where the API is, on this machine only
    #[arg(long, value_name = "URL")]
    pub(super) upstream: String,
    /// Where to listen, on this machine only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(super) listen: std::net::SocketAddr,
    /// How much longer every answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(super) latency: Duration,
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

/// Terraform's options with one dash, as its users type them.
const ONE_DASH: &[&str] = &[
    "auto-approve",
    "force",
    "detailed-exitcode",
    "parallelism",
    "lock-timeout",
    "destroy",
    "json",
    "no-color",
    "chdir",
    "var",
    "help",
    "version",
    "target",
    "exclude",
    "replace",
    "out",
];

/// The command line with Terraform's spelling of options turned into ours: `-auto-approve` into
/// `--auto-approve`. Nothing after `--` is touched. Those that may be given several times come
/// together. `help COMMAND` asks for its help.
pub(super) fn from_terraform(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    if args.get(1).is_some_and(|first| first == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    let verbatim = args.split_off(ours(&args));
    let mut args = together(doubled(args), "--var");
    args.extend(verbatim);
    args
}

/// Every option of this name, wherever it stands, behind all others. Of one that every command has,
/// clap keeps only what is given behind the command's name.
fn together(args: Vec<OsString>, option: &str) -> Vec<OsString> {
    let (mut rest, mut moved) = (Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let joined = arg.to_str().and_then(|arg| arg.strip_prefix(option));
        match joined {
            Some("") => {
                moved.push(arg);
                moved.extend(args.next());
            }
            Some(value) if value.starts_with('=') => moved.push(arg),
            _ => rest.push(arg),
        }
    }
    rest.extend(moved);
    rest
}

/// How many of the arguments are this program's to read: what follows `ssh` may be a command for
/// another machine.
fn ours(args: &[OsString]) -> usize {
    let mut before: Option<&OsString> = None;
    let ends = args.iter().position(|arg| {
        let is_directory = before.is_some_and(|before| before == "-C" || before == "--chdir");
        before = Some(arg);
        arg == "--" || arg == "ssh" && !is_directory
    });
    ends.unwrap_or(args.len())
}

/// Terraform's options with a second dash.
fn doubled(args: Vec<OsString>) -> Vec<OsString> {
    args.into_iter()
        .map(|arg| {
            let Some(text) = arg.to_str() else {
                return arg;
            };
            let name = text
                .strip_prefix('-')
                .map(|rest| rest.split('=').next().unwrap_or(rest));
            match name {
                Some(name) if ONE_DASH.contains(&name) => OsString::from(format!("-{text}")),
                _ => arg,
            }
        })
        .collect()
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
    fn terraform_spellings_are_understood() {
        let typed = [
            "cloudbuilder",
            "-chdir=infra",
            "apply",
            "-auto-approve",
            "-parallelism=3",
        ];
        let args = from_terraform(typed.iter().map(OsString::from));
        let cli = Cli::try_parse_from(args).unwrap();
        assert_eq!(cli.global.chdir, Some(PathBuf::from("infra")));
        let Command::Apply(apply) = cli.command else {
            panic!("not apply")
        };
        assert!(apply.carrying_out.auto_approve);
        assert_eq!(apply.planning.parallelism, 3);
    }

    #[test]
    fn what_runs_elsewhere_is_spelled_as_it_was_typed() {
        let typed = |line: &str| from_terraform(line.split(' ').map(OsString::from));
        let line = "cloudbuilder ssh web1 terraform plan -json";
        assert_eq!(typed(line).last().unwrap(), "-json");
        let line = "cloudbuilder -C ssh plan -json";
        assert_eq!(typed(line).last().unwrap(), "--json");
        let line = "cloudbuilder ssh -l me web1 ls -la -- -j";
        let cli = Cli::try_parse_from(typed(line)).unwrap();
        let Command::Ssh(ssh) = cli.command else {
            panic!("not ssh")
        };
        assert_eq!(ssh.user.as_deref(), Some("me"));
        assert_eq!(
            (ssh.name.as_str(), ssh.words),
            (
                "web1",
                ["ls", "-la", "--", "-j"].map(str::to_owned).to_vec()
            )
        );
    }

    #[test]
    fn variables_may_stand_on_both_sides_of_the_command() {
        let typed = "cloudbuilder --var A=1 plan -var B=2 --json --var=C=3 -var=D=4";
        let cli = Cli::try_parse_from(from_terraform(typed.split(' ').map(OsString::from)));
        assert_eq!(cli.unwrap().global.var, ["A=1", "B=2", "C=3", "D=4"]);
        let typed = "cloudbuilder state forget --var A=1 -- --var";
        let args = from_terraform(typed.split(' ').map(OsString::from));
        let cli = Cli::try_parse_from(args).unwrap();
        assert_eq!(cli.global.var, ["A=1"]);
        let Command::State(StateCommand::Forget { addresses, .. }) = cli.command else {
            panic!("not forget")
        };
        assert_eq!(addresses, ["--var"]);
    }

    #[test]
    fn a_part_is_named_as_terraform_does() {
        let typed = "cloudbuilder plan -target=server.a --target server.b -t server.c* \
                     -exclude=server.d";
        let args = from_terraform(typed.split_whitespace().map(OsString::from));
        let cli = Cli::try_parse_from(args).unwrap();
        let Command::Plan(plan) = cli.command else {
            panic!("not plan")
        };
        let typed = |patterns: &[Pattern]| -> Vec<String> {
            let patterns = patterns.iter();
            patterns.map(|p| p.as_str().to_owned()).collect()
        };
        assert_eq!(
            typed(&plan.planning.target),
            ["server.a", "server.b", "server.c*"]
        );
        assert_eq!(typed(&plan.planning.exclude), ["server.d"]);
    }

    #[test]
    fn help_is_a_word_too() {
        let typed = |line: &str| from_terraform(line.split(' ').map(OsString::from));
        assert_eq!(typed("cloudbuilder help"), ["cloudbuilder", "--help"]);
        assert_eq!(
            typed("cloudbuilder help plan"),
            ["cloudbuilder", "plan", "--help"]
        );
        assert_eq!(
            typed("cloudbuilder plan -help"),
            ["cloudbuilder", "plan", "--help"]
        );
    }

    #[test]
    fn seeds_are_one_or_from_one_to_another() {
        assert_eq!(seeds("4711"), Ok(4711..=4711));
        assert_eq!(seeds("1..200"), Ok(1..=200));
        assert_eq!(seeds("1..=2"), Ok(1..=2));
        for wrong in ["", "a", "2..1", "1..", "-1..2"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
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
