use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::process::Command;

use crate::model::{Diagnostic, nearest};

use super::args::{Global, SshArgs};
use super::failure::{Failure, Success};
use super::hosts::{Host, hosts};
use super::show;
use super::terminal::Terminal;

const PROGRAM: &str = "ssh";
/// The options of `ssh` that take a value, which may be a word of its own: the synopsis of ssh(1).
const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// Logs in to a recorded server: becomes `ssh`, which has the terminal and says how it ended.
pub(super) fn run(global: &Global, args: &SshArgs, terminal: Terminal) -> Result<Success, Failure> {
    if global.sandbox {
        return Err(
            Failure::error("servers of the practice cloud cannot be logged in to")
                .detail("they are made up, and so are their addresses")
                .hint("leave --sandbox out")
                .into(),
        );
    }
    let state = show::recorded(global, terminal)?.unwrap_or_default();
    let hosts = hosts(&state);
    let named = |host: &&Host<'_>| host.name == args.name;
    let leads_to = |host: &&Host<'_>| host.aliases.contains(args.name.as_str());
    let host = hosts.iter().find(named);
    let host = host.or_else(|| hosts.iter().find(leads_to));
    // What plans call it. A server may have such a name, which comes first.
    let called = |host: &&Host<'_>| host.recorded.address.to_string() == args.name;
    let host = host.or_else(|| hosts.iter().find(called));
    let host = host.ok_or_else(|| not_recorded(&args.name, &hosts))?;
    let address = match args.ipv6 {
        true => host.ipv6.map(IpAddr::V6),
        false => host.public(),
    };
    let address = address.ok_or_else(|| no_address(host, args.ipv6))?;
    let (options, command) = split(&args.words);
    let mut ssh = Command::new(PROGRAM);
    // Of what is said twice the first counts: options before what is only usual.
    ssh.args(options);
    let user = args.user.as_deref().or_else(|| host.user());
    ssh.args(user.into_iter().flat_map(|user| ["-l", user]));
    ssh.arg(address.to_string()).args(command);
    become_it(&mut ssh).map_err(|error| not_started(&error).into())
}

/// Options, and the command that follows them. A command does not begin with `-`.
fn split(words: &[String]) -> (&[String], &[String]) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
            break;
        };
        let with_value = letters.find(|c| WITH_VALUE.contains(c));
        // The value is what is left of the word, or the next one.
        let is_last = with_value.is_some_and(|at| at + 1 == letters.len());
        at += if is_last { 2 } else { 1 };
    }
    words.split_at(at.min(words.len()))
}

#[cfg(unix)]
fn become_it(ssh: &mut Command) -> io::Result<Success> {
    use std::os::unix::process::CommandExt;
    // Returns only if that fails.
    Err(ssh.exec())
}

#[cfg(not(unix))]
fn become_it(ssh: &mut Command) -> io::Result<Success> {
    let code = ssh.status()?.code();
    // What ended without one failed.
    let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Success::Status(code))
}

fn not_recorded(name: &str, hosts: &[Host<'_>]) -> Diagnostic {
    let known = hosts
        .iter()
        .flat_map(|host| [host.name].into_iter().chain(host.aliases.iter().copied()));
    let near = nearest(name, known).map(|near| format!("did you mean `{near}`? "));
    let problem = Failure::error(format!("no server `{}` is recorded", name.escape_debug()));
    problem.hint(match hosts.is_empty() {
        true => "make it with `cloudbuilder apply`, or name the deployment's directory with -C"
            .to_owned(),
        false => format!(
            "{}`cloudbuilder show` lists what there is",
            near.unwrap_or_default()
        ),
    })
}

fn no_address(host: &Host<'_>, ipv6: bool) -> Diagnostic {
    let name = host.name;
    if ipv6 && host.ipv4.is_some() {
        let problem = Failure::error(format!("server `{name}` has no public IPv6 address"));
        return problem.hint("leave -6 out: it has a public IPv4 address");
    }
    let problem = match host.recorded.ready {
        true => Failure::error(format!("server `{name}` has no public address")),
        false => Failure::error(format!("server `{name}` has no address yet"))
            .detail("it was not ready when it was looked at last"),
    };
    problem.hint(match (host.private, host.recorded.ready) {
        (Some(private), true) => {
            format!("from within its network it is reached with `ssh {private}`")
        }
        (None, true) => "give it one, and run `cloudbuilder apply`".to_owned(),
        (_, false) => "run `cloudbuilder apply`, which waits for it".to_owned(),
    })
}

fn not_started(error: &io::Error) -> Diagnostic {
    if error.kind() == ErrorKind::NotFound {
        return Failure::error("there is no program `ssh`")
            .detail("none of the directories in PATH has it")
            .hint("install OpenSSH's client; on Debian it is the package openssh-client");
    }
    Failure::error("the program `ssh` cannot be started")
        .detail(error.to_string())
        .hint("check what `command -v ssh` names, and who may run it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_command() {
        for (words, options) in [
            ("", 0),
            ("uptime", 0),
            ("ls -l", 0),
            ("-A", 1),
            ("-A uptime", 1),
            ("-L 8080:localhost:80 -N", 3),
            ("-L8080:localhost:80 uptime -p", 1),
            ("-Ap 22 ls -la", 2),
            ("-Ap22 ls", 1),
            ("-v -o User=x tail -f log", 3),
            ("-p", 1),
            ("- x", 0),
        ] {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let (before, after) = split(&words);
            assert_eq!(before.len(), options, "{words:?}");
            assert_eq!(before.len() + after.len(), words.len());
        }
    }
}
