use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::config::{Cloud, PublicKey, Security};
use crate::model::{Account, Diagnostic, Observed};
use crate::plan::{self, Input, Means, Plan, Written, guard};
use crate::provider::Readers;
use crate::refresh::{self, Found, Wanted};
use crate::render::Sources;
use crate::resource::server;
use crate::state::State;

use super::args::Planning;
use super::deployment::{Configuration, Deployment};
use super::failure::Failure;

/// A key for the sandbox where the user has none. Nobody has its other half.
const PRACTICE_KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIHByYWN0aWNlLWtleS1ub2JvZHktaGFzLWl0LXRydWx5 practice@sandbox";

/// A plan and what it came from.
pub(super) struct Survey {
    pub(super) plan: Plan,
    pub(super) sources: Sources,
    /// Whose accounts they are, by name.
    pub(super) accounts: BTreeMap<String, Account>,
    /// What the plan's first line calls the cloud.
    pub(super) cloud: String,
    pub(super) requests: u64,
    pub(super) elapsed: Duration,
}

/// What is to be planned.
pub(super) struct Question<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) configuration: &'a Configuration,
    pub(super) security: &'a Security,
    pub(super) state: Option<&'a State>,
    /// What became of a run before this one that was cut off.
    pub(super) recovered: Option<&'a Diagnostic>,
    pub(super) planning: &'a Planning,
    pub(super) destroying: bool,
}

/// Looks and plans. Asks these accounts and nothing else.
///
/// # Errors
/// Everything that stands against the plan.
pub(super) async fn survey(question: &Question<'_>, readers: &Readers) -> Result<Survey, Failure> {
    let began = Instant::now();
    let Question {
        deployment,
        configuration,
        state,
        recovered,
        planning,
        destroying,
        ..
    } = question;
    let sources = &configuration.sources;
    let problems = |problems: Vec<Diagnostic>| Failure::Problems(problems, sources.clone());
    let recorded = state.map(|state| &state.resources);
    let (nothing, strangers) = (BTreeMap::new(), BTreeMap::new());
    let recorded = recorded.unwrap_or(&nothing);
    let key = public_key(question)?;
    let wanted = Wanted {
        cloud: key
            .as_ref()
            .filter(|_| !destroying)
            .map(|key| (&configuration.cloud, key)),
        recorded,
        known: state.map_or(&strangers, |state| &state.accounts),
        mark: state.map(|state| state.lineage.as_str()),
        whole: false,
        settle: planning.settle,
    };
    let Found {
        identities,
        accounts,
        desired,
        notes,
        observed,
        absent,
    } = refresh::refresh(readers, &wanted).await?;
    let file = deployment.written_name();
    let values = deployment.written(&configuration.cloud);
    let input = Input {
        desired: &desired,
        observed: &observed,
        absent: &absent,
        recorded,
        lineage: state.map(|state| state.lineage.as_str()),
        accounts: &accounts,
        written: (!planning.no_write_back).then_some(Written {
            file,
            values: &values,
        }),
        destroying: *destroying,
    };
    let known = recovered.iter().copied().chain(&configuration.notes);
    let notes: Vec<Diagnostic> = known.cloned().chain(notes).collect();
    let mut plan = match plan::plan(&input) {
        Ok(plan) => plan,
        Err(found) => return Err(problems(notes.into_iter().chain(found).collect())),
    };
    plan.notes.splice(0..0, notes);
    let limits = guard::Limits {
        max_destroy: planning.max_destroy,
        destroying: *destroying,
    };
    let refusals = guard::refusals(&plan, limits);
    if plan.notes.iter().any(Diagnostic::is_error) || !refusals.is_empty() {
        return Err(problems(plan.notes.into_iter().chain(refusals).collect()));
    }
    if plan.is_empty() && !plan.steps.is_empty() {
        plan.notes.push(Diagnostic::note(if *destroying {
            format!("{file} has addresses of servers that are gone, which destroy takes out")
        } else {
            format!("{file} lacks addresses, which apply writes")
        }));
    }
    if !plan.is_empty() {
        let means = Means {
            accounts: &accounts,
            parallelism: planning.parallelism,
            a_minute: readers.a_minute(),
            held_back: &|requests| readers.wait_for(requests),
        };
        plan.estimate = Some(plan::estimate(&plan.steps, &means));
    }
    Ok(Survey {
        plan,
        sources: sources.clone(),
        cloud: if deployment.is_sandbox() {
            "sandbox".to_owned()
        } else {
            let types = accounts.values().map(|view| view.capabilities.provider);
            let types: BTreeSet<&str> = types.collect();
            types.into_iter().collect::<Vec<_>>().join(" + ")
        },
        accounts: identities,
        requests: readers.requests(),
        elapsed: began.elapsed(),
    })
}

/// The user's key, or the practice key where any will do.
pub(super) fn any_public_key(security: &Security) -> Option<PublicKey> {
    security
        .public_key
        .clone()
        .or_else(|| PublicKey::parse(PRACTICE_KEY).ok())
}

/// The key put on new servers. Destroying needs none.
fn public_key(question: &Question<'_>) -> Result<Option<PublicKey>, Failure> {
    let any_will_do = question.destroying
        || question.configuration.cloud.servers.is_empty()
        || question.deployment.is_sandbox();
    if question.security.public_key.is_some() || any_will_do {
        return Ok(any_public_key(question.security));
    }
    Err(Failure::error("there is no public SSH key")
        .detail("without one nobody could log in to the servers")
        .hint(format!(
            "put the text of a `.pub` file into {} as `public_ssh_key`, or set \
             CLOUDBUILDER_PUBLIC_SSH_KEY",
            question.deployment.security_file().display()
        ))
        .into())
}

/// What `destroy` would have meant in a directory that has lost its state.
pub(super) async fn without_state(
    cloud: &Cloud,
    readers: &Readers,
    sources: &Sources,
) -> Result<Failure, Failure> {
    let scope = crate::provider::Scope {
        whole: true,
        ..crate::provider::Scope::default()
    };
    let mut servers: Vec<Observed> = Vec::new();
    for (name, read) in readers.iter() {
        let listed = read.list(server::KIND.name, scope).await;
        servers.extend(listed.map_err(|error| readers.naming(name, error))?.found);
    }
    let mut by_name: BTreeMap<&str, Vec<&Observed>> = BTreeMap::new();
    for server in &servers {
        let name = server.text(server::NAME).unwrap_or_default();
        by_name.entry(name).or_default().push(server);
    }
    let named: Vec<String> = cloud
        .servers
        .iter()
        .flat_map(|wanted| {
            by_name
                .get(wanted.name.value.as_str())
                .into_iter()
                .flatten()
                .map(|server| match server.owners.first() {
                    Some(lineage) => {
                        format!(
                            "{} (id {}, lineage {lineage})",
                            wanted.name.value, server.id
                        )
                    }
                    None => format!("{} (id {}, no mark)", wanted.name.value, server.id),
                })
        })
        .collect();
    let problem = Diagnostic::error("there is no state, so nothing is known to be ours");
    Ok(Failure::Problems(
        vec![if named.is_empty() {
            problem
                .detail("no server in the account has a name that cloud.json asks for")
                .hint("there is nothing to destroy")
        } else {
            problem
                .detail(format!("the account has {}", named.join(", ")))
                .hint(
                    "if they are this deployment's, run `cloudbuilder state rebuild`, then \
                     destroy again",
                )
        }],
        sources.clone(),
    ))
}
