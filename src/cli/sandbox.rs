use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::sandbox::rackspace::ACCOUNTS;
use crate::sandbox::{self, Cloud, Options};

use super::args::{Global, ProxyArgs, ServeArgs, SimulatedCloud};
use super::deployment::{Deployment, sandbox_failure};
use super::failure::{Failure, Success, file_error};
use super::signals::Signals;
use super::terminal::Terminal;

/// Runs the practice cloud until it is stopped.
pub(super) async fn serve(
    global: &Global,
    args: &ServeArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(&in_sandbox(global), terminal)?;
    let cloud = match args.cloud {
        SimulatedCloud::Digitalocean => Cloud::DigitalOcean,
        SimulatedCloud::Rackspace => Cloud::Rackspace,
    };
    let world = if args.in_memory {
        None
    } else {
        deployment.prepare()?;
        Some(world_of(cloud, &deployment.world()))
    };
    let options = Options {
        cloud,
        listen: args.listen,
        world,
        boot: args.boot,
        latency: args.latency,
        limits: args.limits,
        droplet_limit: args.droplet_limit,
        ..Options::default()
    };
    let mut sandbox = sandbox::start(options)
        .await
        .map_err(|error| sandbox_failure(&error))?;
    if !sandbox.is_owner() {
        return Err(
            Failure::error("this directory's practice cloud is running already")
                .detail(format!("another process serves it at {}", sandbox.url()))
                .hint("use that one, or another directory, or --in-memory")
                .into(),
        );
    }
    terminal.print(&format!("{}\n", sandbox.url()))?;
    terminal.say(&how_to_come_in(cloud, sandbox.url()));
    // To be stopped is how it ends in good order.
    tokio::select! {
        _ = signals.interrupts.recv() => {}
        () = sandbox.wait() => {}
    }
    sandbox.stop().await;
    Ok(Success::Done)
}

/// Each cloud has a file of its own: what is in one means nothing to the other.
pub(super) fn world_of(cloud: Cloud, world: &Path) -> PathBuf {
    match cloud {
        Cloud::DigitalOcean => world.to_owned(),
        Cloud::Rackspace => world.with_file_name("rackspace.jsonl"),
    }
}

fn how_to_come_in(cloud: Cloud, url: &str) -> String {
    match cloud {
        Cloud::DigitalOcean => format!(
            "The practice cloud is at {url}; any token opens it. For example:\n  \
             DIGITALOCEAN_API_URL={url} DIGITALOCEAN_TOKEN={token} cloudbuilder plan\n\
             Ctrl-C stops it.",
            token = sandbox::TOKEN,
        ),
        Cloud::Rackspace => {
            let accounts: Vec<String> = ACCOUNTS
                .iter()
                .map(|account| {
                    format!(
                        "\n  {} with the API key {}",
                        account.username, account.api_key
                    )
                })
                .collect();
            format!(
                "The practice cloud's Identity is at {url}/v2.0. It knows:{}\nCtrl-C stops it.",
                accounts.concat()
            )
        }
    }
}

/// Stands before another API until it is stopped.
pub(super) async fn proxy(
    args: &ProxyArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    let options = Options {
        listen: args.listen,
        latency: args.latency,
        ..Options::default()
    };
    let mut proxy = sandbox::proxy(&args.upstream, options)
        .await
        .map_err(|error| sandbox_failure(&error))?;
    let url = proxy.url().to_owned();
    let root = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    terminal.print(&format!("{url}\n"))?;
    terminal.say(&format!(
        "The proxy for {upstream} is at {url}. To lose the next answer to a POST:\n  \
         curl -d '{{\"method\": \"POST\", \"kind\": \"do_then_drop\", \"nth\": 1}}' \
         {root}/_sandbox/fault\n\
         Ctrl-C stops it.",
        upstream = args.upstream,
    ));
    tokio::select! {
        _ = signals.interrupts.recv() => {}
        () = proxy.wait() => {}
    }
    proxy.stop().await;
    Ok(Success::Done)
}

/// Forgets the practice cloud and what was recorded about it.
pub(super) fn reset(global: &Global, terminal: Terminal) -> Result<Success, Failure> {
    let deployment = Deployment::without_cloud(&in_sandbox(global), terminal)?;
    // The one with a state last: if the other is in use, nothing is forgotten.
    for cloud in [Cloud::Rackspace, Cloud::DigitalOcean] {
        let world = world_of(cloud, &deployment.world());
        sandbox::reset(&world).map_err(|error| sandbox_failure(&error))?;
    }
    for file in deployment.sandbox_files() {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(file_error("removed", &file, &error).into());
            }
            _ => {}
        }
    }
    terminal.say("The practice cloud is empty.");
    Ok(Success::Done)
}

fn in_sandbox(global: &Global) -> Global {
    Global {
        sandbox: true,
        ..global.clone()
    }
}
