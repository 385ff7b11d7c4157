//! What a deployment is made of where it is tried: names, sizes, a key, and the requests that make
//! and remove things there.

use std::time::Duration;

/// What differs between one cloud and another, as far as a seed's meaning goes.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The account's name in cloud.json.
    pub(super) account: &'static str,
    /// Two zones, of two labels each.
    pub(super) zones: [String; 2],
    pub(super) regions: [&'static str; 3],
    /// The region whose servers have no IPv6.
    pub(super) without_ipv6: &'static str,
    pub(super) sizes: [&'static str; 3],
    /// What servers are made from: at first, and later. The same, where there is but one.
    pub(super) images: [&'static str; 2],
    /// What the names of servers begin with.
    pub(super) prefix: String,
    /// The public key of every server. Nobody has its other half.
    pub(super) key: String,
    /// What it is called in the account once it is uploaded.
    pub(super) key_name: String,
    /// Whether deployments share the account: then one that goes leaves its key, which is the
    /// account's, while servers of another are there.
    pub(super) shares_account: bool,
    /// Whether a key that somebody else has uploaded does as well.
    pub(super) shares_keys: bool,
    /// How many servers a deployment begins with at most.
    pub(super) most_servers: usize,
    /// How many servers others have at most.
    pub(super) most_strangers: usize,
    pub(super) routes: Routes,
    /// Whether the cloud is one of ours: then what is made can be out of sight for a while, boot
    /// slowly, and go without a mark.
    pub(super) simulated: bool,
    /// Whether names say something in records of other types too.
    pub(super) has_values: bool,
    /// Whether VPCs and firewalls stand around servers, and these are treated in one way or another.
    pub(super) has_surroundings: bool,
    /// Whether firewalls do that are security groups, and nothing else does.
    pub(super) has_groups: bool,
    /// Whether the cloud backs servers up.
    pub(super) has_backups: bool,
    /// Whether a token can lack the right to mark servers.
    pub(super) may_lack_tags: bool,
    /// What pauses of the client are shortened to.
    pub(super) tempo: f64,
    /// The settling time that clients are told.
    pub(super) settle: Duration,
    /// No run takes this long.
    pub(super) longest_run: Duration,
}

/// A method and a path.
pub(super) type Route = (&'static str, &'static str);

/// The requests that something can happen to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Routes {
    pub(super) make_server: Route,
    pub(super) see_server: Route,
    pub(super) drop_server: Route,
    /// None, where servers cannot be changed in place.
    pub(super) change_server: Option<Route>,
    pub(super) make_key: Route,
    pub(super) see_key: Route,
    pub(super) drop_key: Route,
    pub(super) make_zone: Route,
    pub(super) drop_zone: Route,
    pub(super) make_record: Route,
    pub(super) change_record: Route,
    pub(super) drop_record: Route,
    pub(super) see_records: Route,
    /// Those that only look, and at nothing that has a name.
    pub(super) look: &'static [Route],
}
