//! Terraform's spelling of options, turned into ours.

use std::ffi::OsString;

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
pub(in crate::cli) fn from_terraform(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
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
                _ if text.trim_start_matches('-') == "refresh=false" && text.starts_with('-') => {
                    OsString::from("--no-refresh")
                }
                Some(name) if ONE_DASH.contains(&name) => OsString::from(format!("-{text}")),
                _ => arg,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser;

    use super::super::{Cli, Command, StateCommand};
    use super::*;
    use crate::plan::Pattern;

    #[test]
    fn terraform_spellings_are_understood() {
        let typed = [
            "cloudbuilder",
            "-chdir=infra",
            "apply",
            "-auto-approve",
            "-parallelism=3",
            "-refresh=false",
        ];
        let args = from_terraform(typed.iter().map(OsString::from));
        let cli = Cli::try_parse_from(args).unwrap();
        assert_eq!(cli.global.chdir, Some(PathBuf::from("infra")));
        let Command::Apply(apply) = cli.command else {
            panic!("not apply")
        };
        assert!(apply.carrying_out.auto_approve);
        assert_eq!(apply.planning.parallelism, 3);
        assert!(apply.carrying_out.no_refresh);
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
}
