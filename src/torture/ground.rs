//! Where deployments are tried: the seam behind which the clouds differ.

mod digitalocean;
mod key;
mod openstack;
mod rackspace;

use futures_util::future::BoxFuture;

use serde_json::{Map, Value, json};

use crate::sandbox::{Kills, Sandbox};

use super::cloud::{Before, Stage};
use super::run::Trial;
use super::terms::Terms;
use super::world::World;

pub use openstack::Login;

/// The cloud that a campaign is tried against.
#[derive(Clone, Debug)]
pub enum Ground {
    /// The simulated DigitalOcean, one for each deployment.
    DigitalOcean,
    /// The simulated Rackspace Cloud, one for each deployment.
    Rackspace,
    /// A real OpenStack on this machine, behind a proxy for each deployment.
    OpenStack(Login),
}

impl Ground {
    /// What a seed's deployment is made of here.
    pub(super) fn terms(&self, seed: u64) -> Terms {
        match self {
            Self::DigitalOcean => digitalocean::terms(),
            Self::Rackspace => rackspace::terms(),
            Self::OpenStack(_) => openstack::terms(seed),
        }
    }

    /// Prepares an account, and the faults of a trial between it and its client.
    pub(super) async fn open(&self, trial: &Trial, kills: Kills) -> Result<Box<dyn Site>, String> {
        Ok(match self {
            Self::DigitalOcean => Box::new(digitalocean::open(trial, kills).await?),
            Self::Rackspace => Box::new(rackspace::open(trial, kills).await?),
            Self::OpenStack(login) => Box::new(openstack::open(login, trial, kills).await?),
        })
    }
}

/// An account for one deployment. What is seen and made here is so through the cloud's API, past
/// every fault, and not through our client.
pub(super) trait Site: Send + Sync {
    /// The user's file.
    fn cloud_json(&self, stage: &Stage) -> String;

    /// Files beside it, by name.
    fn files(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How the client finds the cloud, and what opens it.
    fn environment(&self) -> Vec<(&'static str, String)>;

    /// What the client must never print.
    fn secrets(&self) -> Vec<String>;

    /// How many requests each fault has struck.
    fn struck(&self) -> Vec<u64>;

    /// Makes what others have made before.
    fn furnish<'a>(&'a self, with: &'a [Before]) -> BoxFuture<'a, Result<(), String>>;

    /// The account as it is now, with nothing out of sight.
    fn look(&self) -> BoxFuture<'_, Result<World, String>>;

    /// Removes all that was made, where it would stay.
    fn clean_up(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

/// The file of a deployment with everything in one account: each server without a region, which is
/// the account's.
fn in_one_account(stage: &Stage, (name, account): (&str, Value)) -> String {
    let servers: Map<String, Value> = stage
        .servers
        .iter()
        .map(|server| {
            let mut body = server.manner.keys();
            body.insert("size".to_owned(), server.size.into());
            body.insert("image".to_owned(), server.image.into());
            body.insert("names".to_owned(), json!(server.names));
            (server.name.clone(), body.into())
        })
        .collect();
    let mut cloud = json!({"version": 2, "providers": {name: account}, "servers": servers});
    for (section, things) in stage.around.sections() {
        cloud[section] = things.into();
    }
    format!("{cloud:#}\n")
}

/// What a sandbox says to a request, past every fault.
async fn ask(sandbox: &Sandbox, method: &str, url: &str, body: &Value) -> Result<Value, String> {
    match sandbox.ask(method, url, body).await {
        Some((status, answer)) if status < 300 => Ok(answer),
        Some((status, answer)) => Err(format!("{method} {url}: {status} {answer}")),
        None => Err("the sandbox runs elsewhere".to_owned()),
    }
}

/// A text of an object; empty, if it has none.
fn text(object: &Value, key: &str) -> String {
    let text = object.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
