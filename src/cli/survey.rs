use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use crate::config::{Cloud, PublicKeys, Security};
use crate::model::{Account, AccountViews, Address, Diagnostic, Observed, Recorded};
use crate::plan::{self, Checksum, Input, Means, Op, Origin, Pattern, Plan, Written, guard};
use crate::provider::{Readers, Scope};
use crate::refresh::{self, Found, Wanted};
use crate::render::{PlanStyle, Sources, plan_text};
use crate::resource::{not_applied_yet, server};
use crate::state::{self, State};

use super::args::Planning;
use super::configuration::Configuration;
use super::deployment::Deployment;
use super::failure::Failure;
use super::saved::Options;
use super::terminal::Terminal;

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
    /// Which environment it is for.
    pub(super) environment: Option<String>,
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
    /// Where a plan that is refused is shown.
    pub(super) terminal: Terminal,
    /// What tells the state from others, as it was read.
    pub(super) version: &'a str,
}

impl Question<'_> {
    /// The options that decide about the plan.
    pub(super) fn options(&self) -> Options {
        let sandbox = self.deployment.is_sandbox();
        let env = self.deployment.environment();
        Options::of(self.planning, self.destroying, (sandbox, env))
    }
}

/// What tells a state from every other.
pub(super) fn version_of(state: Option<&State>) -> String {
    let encoded = state.map(state::format::encode);
    // Every state can be written.
    let encoded = encoded.and_then(Result::ok);
    encoded.map_or_else(String::new, |encoded| encoded.checksum)
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
    let nothing = BTreeMap::new();
    let recorded = recorded.unwrap_or(&nothing);
    if *destroying {
        let part = planning.part();
        let is_meant = |address: &Address| {
            let is = |patterns: &[Pattern]| patterns.iter().any(|one| one.matches(address));
            (part.targets.is_empty() || is(&part.targets)) && !is(&part.excluded)
        };
        let unheard = unheard(&configuration.cloud, recorded, is_meant);
        if !unheard.is_empty() {
            return Err(problems(unheard));
        }
    }
    let known = state.map(State::accounts_in_use).unwrap_or_default();
    let key = match destroying {
        true => any_public_key(question.security),
        false => public_key(deployment, &configuration.cloud, question.security)?,
    };
    let wanted = Wanted {
        cloud: key
            .as_ref()
            .filter(|_| !destroying)
            .map(|key| (&configuration.cloud, key)),
        recorded,
        known: &known,
        mark: state.map(|state| state.lineage.as_str()),
        replace: &planning.replace,
        whole: false,
        leftovers: false,
        settle: planning.settle,
    };
    let Found {
        identities,
        accounts,
        desired,
        notes,
        withdrawn,
        observed,
        absent,
    } = refresh::refresh(readers, &wanted).await?;
    let file = deployment.written_name();
    let values = deployment.written(&configuration.cloud);
    let input = Input {
        desired: &desired,
        withdrawn: &withdrawn,
        observed: &observed,
        absent: &absent,
        recorded,
        lineage: state.map(|state| state.lineage.as_str()),
        accounts: &accounts,
        written: (!planning.no_write_back).then_some(Written {
            file: &file,
            values: &values,
            // A copy is made from cloud.json anew each time.
            keeps_unwanted: !deployment.is_sandbox(),
        }),
        destroying: *destroying,
        now: Timestamp::now(),
        drains: !planning.no_drain,
        part: &planning.part(),
        replace: &planning.replace,
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
        allow_wipe: planning.allow_wipe,
        destroying: *destroying,
    };
    // Something that is wrong may be why so much would go.
    let refusals = match plan.notes.iter().any(Diagnostic::is_error) {
        true => Vec::new(),
        false => guard::refusals(&plan, limits),
    };
    if !refusals.is_empty() && !planning.json {
        // Whoever is to allow it has to read it.
        let style = PlanStyle {
            color: question.terminal.color_out,
            verbose: question.terminal.verbose > 0,
            header: None,
        };
        question.terminal.print(&plan_text(&plan, &style))?;
    }
    if plan.notes.iter().any(Diagnostic::is_error) || !refusals.is_empty() {
        return Err(problems(plan.notes.into_iter().chain(refusals).collect()));
    }
    if plan.is_empty() && !plan.steps.is_empty() {
        let lacks = desired
            .iter()
            .any(|wanted| is_written(&plan, &wanted.address));
        plan.notes
            .push(Diagnostic::note(match (*destroying, lacks) {
                (true, _) => {
                    format!(
                        "{file} has addresses of servers that are gone, which destroy takes out"
                    )
                }
                (false, true) => format!("{file} lacks addresses, which apply writes"),
                (false, false) => {
                    format!("{file} has addresses of servers that are gone, which apply takes out")
                }
            }));
    }
    let options = question.options().to_json();
    let key = key.as_ref().filter(|_| !destroying);
    // One that has a single key is approved as it was before there could be several.
    let lines = key.map(|keys| {
        let lines: Vec<&str> = keys.iter().map(|key| key.line.as_str()).collect();
        match lines.as_slice() {
            [one] => json!(one),
            several => json!(several),
        }
    });
    let origin = Origin {
        options: &options,
        configuration: &json!([configuration.content, lines]),
        state: question.version,
        accounts: &identities,
    };
    plan.checksum = Some(Checksum::of(&plan, &origin));
    if !plan.is_empty() {
        let means = Means {
            accounts: &accounts,
            parallelism: planning.parallelism,
            a_minute: readers.a_minute(),
            held_back: &|requests| readers.wait_for(requests),
            longest_drain: deployment.longest_drain(),
        };
        plan.estimate = Some(plan::estimate(&plan.steps, &means));
    }
    Ok(Survey {
        plan,
        sources: sources.clone(),
        cloud: name_of_cloud(deployment, &accounts),
        environment: deployment.environment().map(str::to_owned),
        accounts: identities,
        requests: readers.requests(),
        elapsed: began.elapsed(),
    })
}

/// What cloud.json says to keep servers, or copies of them, and was not applied: destroy goes by the
/// state, and would not heed it.
fn unheard(
    cloud: &Cloud,
    recorded: &BTreeMap<Address, Recorded>,
    is_meant: impl Fn(&Address) -> bool,
) -> Vec<Diagnostic> {
    let mut unheard = Vec::new();
    for wanted in &cloud.servers {
        let address = server::address(&wanted.name.value);
        let Some(recorded) = recorded.get(&address).filter(|_| is_meant(&address)) else {
            continue;
        };
        let keys = not_applied_yet(wanted, recorded).into_iter();
        unheard.extend(keys.map(|(key, place)| {
            Diagnostic::error(format!("`{key}` of {address} was not applied yet"))
                .detail("destroy goes by the state, which does not say so")
                .hint(format!("apply it first, or take `{key}` out of cloud.json"))
                .at(place)
        }));
    }
    unheard
}

/// Whether the plan writes the addresses of that server.
fn is_written(plan: &Plan, address: &Address) -> bool {
    plan.steps.iter().any(|step| match &step.op {
        Op::WriteBack { addresses } => addresses.contains(address),
        _ => false,
    })
}

/// What the first line of a plan calls the cloud.
pub(super) fn name_of_cloud(deployment: &Deployment, accounts: &AccountViews) -> String {
    if deployment.is_sandbox() {
        return "sandbox".to_owned();
    }
    let types = accounts.values().map(|view| view.capabilities.provider);
    let types: BTreeSet<&str> = types.collect();
    types.into_iter().collect::<Vec<_>>().join(" + ")
}

/// The user's key, or the practice key where any will do.
pub(super) fn any_public_key(security: &Security) -> Option<PublicKeys> {
    security
        .public_keys
        .clone()
        .or_else(|| PublicKeys::parse(PRACTICE_KEY).ok())
}

/// The key put on new servers.
///
/// # Errors
/// If there is none, and servers are asked for.
pub(super) fn public_key(
    deployment: &Deployment,
    cloud: &Cloud,
    security: &Security,
) -> Result<Option<PublicKeys>, Failure> {
    let any_will_do = cloud.servers.is_empty() || deployment.is_sandbox();
    if security.public_keys.is_some() || any_will_do {
        return Ok(any_public_key(security));
    }
    Err(Failure::error("there is no public SSH key")
        .detail("without one nobody could log in to the servers")
        .hint(format!(
            "put the text of a `.pub` file into {} as `public_ssh_key`, or set \
             CLOUDBUILDER_PUBLIC_SSH_KEY",
            deployment.security_file().display()
        ))
        .into())
}

/// The servers that have a name which cloud.json asks for in their account, each with the account's
/// name. One of that name in another account is somebody else's.
///
/// # Errors
/// The first account that cannot be looked at.
pub(super) async fn namesakes(
    cloud: &Cloud,
    readers: &Readers,
) -> Result<Vec<(String, Observed)>, Failure> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for server in &cloud.servers {
        let names = wanted.entry(&server.account.value).or_default();
        names.insert(&server.name.value);
    }
    let scope = Scope {
        whole: true,
        ..Scope::default()
    };
    let mut namesakes = Vec::new();
    for (account, read) in readers.iter() {
        let Some(names) = wanted.get(&**account) else {
            continue;
        };
        let listed = read.list(server::KIND.name, scope).await;
        let listed = listed.map_err(|error| readers.naming(account, error))?;
        let named = listed.found.into_iter().filter(|server| {
            let name = server.text(server::NAME);
            name.is_some_and(|name| names.contains(name))
        });
        namesakes.extend(named.map(|server| (account.to_string(), server)));
    }
    Ok(namesakes)
}

/// What `destroy` would have meant in a directory that has lost its state.
pub(super) async fn without_state(
    cloud: &Cloud,
    readers: &Readers,
    sources: &Sources,
) -> Result<Failure, Failure> {
    let found = namesakes(cloud, readers).await?;
    let named: Vec<String> = cloud
        .servers
        .iter()
        .flat_map(|wanted| {
            let (account, name) = (&wanted.account.value, &wanted.name.value);
            let theirs = found.iter().filter(move |(of, server)| {
                of == account && server.text(server::NAME) == Some(name)
            });
            theirs.map(move |(_, server)| {
                let id = &server.id;
                let place = match readers.label(account) {
                    Some(account) => format!("account `{account}`, id {id}"),
                    None => format!("id {id}"),
                };
                match server.owners.first() {
                    Some(lineage) => format!("{name} ({place}, lineage {lineage})"),
                    None => format!("{name} ({place}, no mark)"),
                }
            })
        })
        .collect();
    let several = readers.is_several();
    let problem = Diagnostic::error("there is no state, so nothing is known to be ours");
    Ok(Failure::Problems(
        vec![if named.is_empty() {
            problem
                .detail(if several {
                    "no server has a name that cloud.json asks for in its account"
                } else {
                    "no server in the account has a name that cloud.json asks for"
                })
                .hint("there is nothing to destroy")
        } else {
            let whose = if several {
                "there are"
            } else {
                "the account has"
            };
            problem
                .detail(format!("{whose} {}", named.join(", ")))
                .hint(
                    "if they are this deployment's, run `cloudbuilder state rebuild`, then \
                     destroy again",
                )
        }],
        sources.clone(),
    ))
}
