//! The command line: what a user types, and what comes of it.

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

mod accounts;
mod apply;
mod args;
mod catalog;
mod configuration;
mod confirm;
mod credentials;
mod deployment;
mod drift;
mod environment;
mod failure;
mod hosts;
mod import;
mod init;
mod local_files;
mod man;
mod muted;
mod orphans;
mod plan;
mod practice;
mod rebuild;
mod recovery;
mod sandbox;
mod saved;
mod schema;
mod session;
mod show;
mod signals;
mod ssh;
mod state_edit;
mod survey;
mod terminal;
mod torture;
mod unlock;
mod validate;
mod variables;
mod voice;
mod write_back;

use args::{Cli, Command, SandboxCommand, StateCommand};
use failure::{Failure, Success};
use signals::Signals;
use state_edit::Edit;
use terminal::Terminal;

/// Runs the program with the process's arguments and gives its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let typed = args::from_terraform(std::env::args_os());
    // Help and usage errors are printed before there is anything that could have been told so.
    let color = if typed.iter().any(|arg| arg == "--no-color") {
        ColorChoice::Never
    } else {
        ColorChoice::Auto
    };
    let parsed = Cli::command().color(color).try_get_matches_from(typed);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is 1, because 2 means "changes".
            let code = if error.use_stderr() {
                ExitCode::from(1)
            } else {
                ExitCode::SUCCESS
            };
            let _ = error.print();
            return code;
        }
    };
    let terminal = Terminal::new(cli.global.no_color, cli.global.quiet, cli.global.verbose);
    if cli.global.verbose > 1 {
        log_requests(terminal);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let problem = Failure::error("the program cannot start").detail(error.to_string());
            return Failure::from(problem).report(terminal);
        }
    };
    let result = runtime.block_on(dispatch(&cli, terminal));
    // A prompt's thread may still wait for a line that never comes.
    runtime.shutdown_background();
    match result {
        Ok(success) => success.into(),
        Err(failure) => failure.report(terminal),
    }
}

async fn dispatch(cli: &Cli, terminal: Terminal) -> Result<Success, Failure> {
    let global = &cli.global;
    // What neither waits nor changes anything ends by a signal as any program does.
    let signals = &mut match cli.command {
        Command::Validate
        | Command::Show(_)
        | Command::Ssh(_)
        | Command::Man(_)
        | Command::State(StateCommand::List | StateCommand::Show { .. })
        | Command::Schema { .. }
        | Command::Completions { .. } => Signals::deaf(),
        _ => Signals::listen().map_err(|error| {
            Failure::error("the program cannot listen for signals").detail(error.to_string())
        })?,
    };
    match &cli.command {
        Command::Init => init::run(global, terminal, signals).await,
        Command::Validate => validate::run(global, terminal),
        Command::Plan(args) => plan::run(global, args, terminal, signals).await,
        Command::Apply(args) => apply::apply(global, args, terminal, signals).await,
        Command::Destroy(args) => apply::destroy(global, args, terminal, signals).await,
        Command::Drift(args) => drift::run(global, args, terminal, signals).await,
        Command::Import(args) => import::run(global, args, terminal, signals).await,
        Command::Orphans(args) => orphans::run(global, *args, terminal, signals).await,
        Command::Show(args) => show::run(global, args, terminal),
        Command::Ssh(args) => ssh::run(global, args, terminal),
        Command::State(StateCommand::List) => show::list(global, terminal),
        Command::State(StateCommand::Show { address }) => show::one(global, address, terminal),
        Command::State(StateCommand::Mv {
            from,
            to,
            lock_timeout,
        }) => {
            let edit = Edit::Move(from, to);
            state_edit::run(global, edit, *lock_timeout, terminal, signals).await
        }
        Command::State(StateCommand::Forget {
            addresses,
            lock_timeout,
        }) => {
            let edit = Edit::Forget(addresses);
            state_edit::run(global, edit, *lock_timeout, terminal, signals).await
        }
        Command::State(StateCommand::Rebuild {
            lineage,
            lock_timeout,
        }) => rebuild::run(global, *lineage, *lock_timeout, terminal, signals).await,
        Command::Unlock(args) => unlock::run(global, args, terminal, signals).await,
        Command::Catalog(what) => catalog::run(global, *what, terminal, signals).await,
        Command::Sandbox(SandboxCommand::Serve(args)) => {
            sandbox::serve(global, args, terminal, signals).await
        }
        Command::Sandbox(SandboxCommand::Reset) => sandbox::reset(global, terminal),
        Command::Sandbox(SandboxCommand::Proxy(args)) => {
            sandbox::proxy(args, terminal, signals).await
        }
        Command::Sandbox(SandboxCommand::Torture(args)) => {
            torture::run(args, terminal, signals).await
        }
        Command::Schema { security } => schema::run(*security, terminal),
        Command::Man(args) => man::run(args, terminal),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "cloudbuilder", &mut script);
            terminal.print(&String::from_utf8_lossy(&script))?;
            Ok(Success::Done)
        }
    }
}

/// Each request on standard error: its method, path and status, never a header or a body.
fn log_requests(terminal: Terminal) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::prelude::*;
    let ours = Targets::new().with_target("cloudbuilder", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(terminal.color_err)
        .with_target(false)
        .without_time();
    tracing_subscriber::registry()
        .with(lines.with_filter(ours))
        .init();
}
