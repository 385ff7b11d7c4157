//! What the user's files ask for, and what is written in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::config::{self, Cloud, Variables};
use crate::file;
use crate::model::{Address, Diagnostic};
use crate::render::Sources;
use crate::resource::server;

use super::deployment::{Deployment, shown};
use super::environment;
use super::failure::{Failure, file_error};
use super::local_files;

/// cloud.json, read, with what the environment lays over it.
pub(super) struct Configuration {
    pub(super) cloud: Cloud,
    pub(super) notes: Vec<Diagnostic>,
    pub(super) sources: Sources,
    /// What it means, and the files of this machine that it names: whatever else is in the text, a
    /// comment for instance, makes no other plan.
    pub(super) content: Json,
}

impl Deployment {
    /// Reads cloud.json, where the state says enough without one: destroying needs it only to
    /// take addresses out of it.
    ///
    /// # Errors
    /// Everything that is wrong with it, if there is one.
    pub(super) fn configuration_if_any(&self) -> Result<Configuration, Failure> {
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        if is_there(&self.cloud_file()) {
            let overlay = self.overlay_file().filter(|overlay| is_there(overlay));
            return self.read(overlay.as_deref());
        }
        Ok(Configuration {
            cloud: Cloud::default(),
            notes: Vec::new(),
            sources: Sources::new(),
            content: Json::Null,
        })
    }

    /// Reads cloud.json.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn configuration(&self) -> Result<Configuration, Failure> {
        self.read(self.overlay_file().as_deref())
    }

    fn read(&self, overlay: Option<&Path>) -> Result<Configuration, Failure> {
        let path = self.cloud_file();
        let name = shown(&path);
        let bytes = file::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Failure::error(format!("there is no {name}"))
                .detail("it says which servers there shall be")
                .hint("make one with `cloudbuilder init`, or name its directory with -C"),
            _ => file_error("read", &path, &error),
        })?;
        let over = overlay
            .map(|path| match file::read(path) {
                Ok(bytes) => Ok((shown(path), bytes)),
                Err(error) => Err(match (error.kind(), self.environment()) {
                    (ErrorKind::NotFound, Some(name)) => {
                        environment::missing(self.directory(), name)
                    }
                    _ => file_error("read", path, &error).into(),
                }),
            })
            .transpose()?;
        let variables = Variables {
            given: self.variables(),
            environment: &|name| std::env::var(name).ok(),
        };
        let overlay = over.as_ref().map(|(name, bytes)| (&**name, &**bytes));
        let parsed = config::cloud::parse_over((&name, &bytes), overlay, variables);
        let mut sources = Sources::new().with(&name, &config::quotable(&bytes));
        if let Some((name, bytes)) = overlay {
            sources = sources.with(name, &config::quotable(bytes));
        }
        for (place, value) in parsed.shown {
            sources = sources.meaning(place, value);
        }
        let mut problems = parsed.diagnostics;
        match parsed.cloud {
            Some(mut cloud) => {
                let unread = local_files::read(self.directory(), &mut cloud);
                if !unread.is_empty() {
                    problems.extend(unread);
                    return Err(Failure::Problems(problems, sources));
                }
                let files = local_files::digests(&cloud);
                Ok(Configuration {
                    cloud,
                    notes: problems,
                    sources,
                    content: json!([parsed.content.expose(), files]),
                })
            }
            None => Err(Failure::Problems(problems, sources)),
        }
    }

    /// What the file that addresses are written to holds of them now, as JSON text.
    pub(super) fn written(&self, cloud: &Cloud) -> BTreeMap<Address, Arc<str>> {
        let address = |name: &str| Address::new(server::KIND.name, name);
        let servers = cloud.servers.iter();
        if !self.is_sandbox() && self.environment().is_none() {
            let left = cloud.left_over.iter();
            let left = left.map(|(name, networks)| (address(name), Arc::clone(networks)));
            let held = servers
                .filter_map(|server| Some((address(&server.name.value), server.networks.clone()?)));
            // A server has what its own entry says, if another one says something too.
            return left.chain(held).collect();
        }
        let homes = servers
            .clone()
            .map(|server| (server.name.value.as_str(), server.entry()));
        let homes = homes.collect();
        let text = file::read(&self.written_file()).unwrap_or_default();
        let mut written = match self.environment() {
            Some(_) => config::written_over(&text, &homes),
            None => config::written_back(&text, &homes),
        };
        if self.is_sandbox() {
            // The copy may be missing, or older than what it is a copy of; then it is simply
            // written again.
            let wanted: BTreeSet<&str> = servers.map(|server| &*server.name.value).collect();
            written.retain(|name, _| wanted.contains(name.as_str()));
        }
        written
            .into_iter()
            .map(|(name, networks)| (address(&name), networks.into()))
            .collect()
    }
}
