//! The options of the practice cloud and of the fault campaigns.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::duration;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SandboxCommand {
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
pub(in crate::cli) struct TortureArgs {
    /// Which clouds: a number, or the first and the last one
    #[arg(long, value_name = "A..B", value_parser = seeds, required_unless_present = "boundaries")]
    pub(in crate::cli) seed: Option<RangeInclusive<u64>>,
    /// How many are tried at once; by default as many as this machine bears
    #[arg(long, value_name = "N")]
    pub(in crate::cli) jobs: Option<NonZeroUsize>,
    /// Kill at random instants instead: a seed does not replay then
    #[arg(long)]
    pub(in crate::cli) instant: bool,
    /// Try one fixed cloud, with a kill at every request and every step at a file
    #[arg(long, conflicts_with_all = ["seed", "instant", "upstream"])]
    pub(in crate::cli) boundaries: bool,
    /// What to try it against
    #[arg(long, value_enum, default_value_t = Arena::Digitalocean, value_name = "CLOUD")]
    pub(in crate::cli) cloud: Arena,
    /// Where that OpenStack is, on this machine; OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME open it
    #[arg(long, value_name = "URL", required_if_eq("cloud", "openstack"))]
    pub(in crate::cli) upstream: Option<String>,
}

/// The clouds that a campaign can be tried against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Arena {
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
pub(in crate::cli) enum SimulatedCloud {
    Digitalocean,
    // Classic: servers and DNS.
    Rackspace,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArgs {
    /// Which cloud to simulate
    #[arg(long, value_name = "CLOUD", value_enum, default_value_t = SimulatedCloud::Digitalocean)]
    pub(in crate::cli) cloud: SimulatedCloud,
    /// Where to listen, on this machine only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(in crate::cli) listen: std::net::SocketAddr,
    /// Keep the world in memory instead of in this directory
    #[arg(long)]
    pub(in crate::cli) in_memory: bool,
    /// How long a server boots
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(in crate::cli) boot: Duration,
    /// How long every answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(in crate::cli) latency: Duration,
    /// Enforce the API's rate limits
    #[arg(long)]
    pub(in crate::cli) limits: bool,
    /// How many servers the account may have
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(in crate::cli) droplet_limit: u32,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ProxyArgs {
    /// Where the API is, on this machine only
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) upstream: String,
    /// Where to listen, on this machine only; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(in crate::cli) listen: std::net::SocketAddr,
    /// How much longer every answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(in crate::cli) latency: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_one_or_from_one_to_another() {
        assert_eq!(seeds("4711"), Ok(4711..=4711));
        assert_eq!(seeds("1..200"), Ok(1..=200));
        assert_eq!(seeds("1..=2"), Ok(1..=2));
        for wrong in ["", "a", "2..1", "1..", "-1..2"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
