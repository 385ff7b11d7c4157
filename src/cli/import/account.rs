//! Taking over what an account holds, or what of it a Terraform state knows, and writing the
//! cloud.json that asks for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;

use super::Ground;
use super::inventory::{self, Id, Ids, Inventory, Stock};
use super::tfstate::{self, Foreign};
use crate::cli::args::ImportArgs;
use crate::cli::configuration::Configuration;
use crate::cli::confirm::{can_ask, confirm};
use crate::cli::deployment::{Deployment, shown};
use crate::cli::failure::{Failure, Success, file_error};
use crate::cli::signals::Signals;
use crate::cli::survey::public_key;
use crate::cli::terminal::Terminal;
use crate::config::{self, Cloud, DEFAULT_ACCOUNT, Draft, PublicKeys, provider_type};
use crate::file;
use crate::model::{Account, Address, Attributes, Catalog, Diagnostic, Observed, Origin, Recorded};
use crate::plan::{self, Adoption, Input, Op, Plan, Written};
use crate::provider::{Error, Read, Scope, digitalocean};
use crate::refresh::{self, Wanted};
use crate::render::{PlanStyle, Sources, plan_text};
use crate::resource::{domain, firewall, record, reserved_ip, server, ssh_key, volume, vpc};

/// Takes over all that an account holds, or all of it that a Terraform state knows.
pub(super) async fn import(
    deployment: &Deployment,
    args: &ImportArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<Success, Failure> {
    if !args.auto_approve && !can_ask() {
        return Err(Failure::error("import cannot ask for approval here")
            .detail("nobody is at a terminal to answer")
            .hint("add -y to go on without being asked")
            .into());
    }
    let target = Target::of(deployment, args);
    target.refuse_if_there()?;
    let foreign = args.from_tfstate.as_deref().map(foreign).transpose()?;
    let lock = deployment.lock("import", args.lock_timeout);
    let _lock = signals.unless_interrupted(lock).await?;
    let configuration = deployment.configuration_if_any()?;
    let account = account(&configuration.cloud, args.provider.as_deref())?;
    let ground = Ground::open(deployment, &configuration, args, terminal, signals).await?;
    if target.is_cloud_json && !ground.state.resources.is_empty() {
        return Err(
            Failure::error("the state holds resources, and there is no cloud.json")
                .detail("a file that asks only for what it does not hold would have them deleted")
                .hint("put cloud.json back, and `import ADDRESS ID` what it lacks")
                .into(),
        );
    }
    let readers = ground.writers.readers();
    let read = readers.of(account)?;
    let looking = look(read, account);
    let looked = signals.unless_interrupted(async { Ok(looking.await) });
    let looked: Result<Holdings, Error> = looked.await?;
    let holdings = looked.map_err(|error| readers.naming(account, error))?;
    let provider = read.capabilities().provider;
    if foreign.is_some() && provider != digitalocean::TYPE {
        return Err(Failure::error(format!(
            "a Terraform state is taken over from DigitalOcean only, and `{account}` is {provider}"
        ))
        .hint("take over what this account holds with --all")
        .into());
    }
    let around = around(deployment, &configuration.cloud, account);
    let only = foreign.as_ref().map(Foreign::meant);
    let called = foreign.as_ref().map(Foreign::called).unwrap_or_default();
    let inventory = take_stock(&holdings, read, &around, &ground, (only.as_ref(), &called));
    let left_out = match &foreign {
        None => inventory.left_out,
        Some(foreign) => {
            let key = deployment.security()?.public_keys;
            let key = key.map(|keys| keys.first.fingerprint);
            foreign.left_out(&inventory, key.as_deref())
        }
    };
    let Inventory {
        draft,
        ids,
        remarks,
        ..
    } = inventory;
    let unseen = holdings.unseen.iter().map(|kind| unseen(kind));
    let told = inventory::notes(&left_out).into_iter().chain(remarks);
    let told: Vec<Diagnostic> = told.chain(unseen).collect();
    terminal.diagnose(&told, &Sources::new());
    if ids.is_empty() {
        terminal.print("There is nothing to take over. Nothing was written.\n")?;
        return Ok(Success::Done);
    }
    let text = draft.text();
    terminal.print(&format!("{}:\n\n{text}\n", shown(&target.path)))?;
    if !target.is_cloud_json {
        ask("Do you want to write this file?", args, terminal, signals).await?;
        target.write(&text)?;
        terminal.print(&format!("Wrote {}.\n", shown(&target.path)))?;
        terminal.say(
            "Nothing was taken over yet. What of it is in cloud.json, `cloudbuilder apply` takes \
             over by its name, and `import ADDRESS ID` by its id.",
        );
        return Ok(Success::Done);
    }
    let planning = planned(&ground, &text, &ids, args);
    let (plan, accounts) = signals.unless_interrupted(planning).await?;
    terminal.diagnose(&plan.notes, &Sources::new());
    let style = PlanStyle {
        color: terminal.color_out,
        verbose: terminal.verbose > 0,
        header: None,
    };
    terminal.print(&plan_text(&plan, &style))?;
    let question = "Do you want to write this file, and to take this over?";
    ask(question, args, terminal, signals).await?;
    // First, so that whatever is cut off is gone on with by the next apply.
    target.write(&text)?;
    terminal.say(&format!("Wrote {}.", shown(&target.path)));
    ground
        .take_over(&plan, accounts, "cloudbuilder apply", args, signals)
        .await?;
    let counts = plan.counts().import;
    let resources = if counts == 1 { "resource" } else { "resources" };
    terminal.print(&format!(
        "\nImport complete! Took over {counts} {resources}.\n"
    ))?;
    let has_key = |op: &Op| {
        op.address()
            .is_some_and(|one| one.kind() == ssh_key::KIND.name)
    };
    if !draft.servers.is_empty() && !plan.steps.iter().any(|step| has_key(&step.op)) {
        terminal.say(
            "The account lacks your public SSH key: the next apply uploads it, for new servers.",
        );
    }
    terminal.say("Run `cloudbuilder plan` to see whether anything differs.");
    Ok(Success::Done)
}

fn unseen(kind: &str) -> Diagnostic {
    Diagnostic::note(format!("left out: every {kind} of the account"))
        .detail("the login may not see them")
        .hint("use one that may read them, if there are any")
}

/// Reads a Terraform state.
fn foreign(path: &Path) -> Result<Foreign, Failure> {
    let bytes = file::read(path).map_err(|error| file_error("read", path, &error))?;
    Ok(tfstate::read(&shown(path), &bytes)?)
}

/// The file that is written.
struct Target {
    path: PathBuf,
    /// Whether it is this deployment's.
    is_cloud_json: bool,
}

impl Target {
    fn of(deployment: &Deployment, args: &ImportArgs) -> Self {
        let cloud_file = deployment.cloud_file();
        let path = args.out.clone().unwrap_or_else(|| cloud_file.clone());
        Self {
            is_cloud_json: is_same(&path, &cloud_file),
            path,
        }
    }

    fn refuse_if_there(&self) -> Result<(), Failure> {
        if self.path.symlink_metadata().is_err() {
            return Ok(());
        }
        Err(Failure::error(format!("{} exists already", shown(&self.path)))
            .detail("it was not touched")
            .hint(
                "name another file with --out; what cloud.json asks for and exists, `apply` takes \
                 over by its name, and `import ADDRESS ID` by its id",
            )
            .into())
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        // Somebody may have thought long about the question.
        self.refuse_if_there()?;
        let written = file::replace(&self.path, text.as_bytes(), None);
        written.map_err(|error| file_error("written", &self.path, &error).into())
    }
}

/// Whether two paths are of the same file, which need not be there yet.
fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    one == other || absolute(one).is_some_and(|one| Some(one) == absolute(other))
}

async fn ask(
    question: &str,
    args: &ImportArgs,
    terminal: Terminal,
    signals: &mut Signals,
) -> Result<(), Failure> {
    match args.auto_approve {
        true => Ok(()),
        false => confirm(question, terminal, signals).await,
    }
}

/// The account that is meant.
fn account<'a>(cloud: &'a Cloud, named: Option<&str>) -> Result<&'a str, Failure> {
    super::one::check_account(cloud, named)?;
    let names: Vec<&str> = cloud
        .accounts
        .iter()
        .map(|a| a.name.value.as_str())
        .collect();
    match (
        names.as_slice(),
        named.and_then(|named| cloud.account(named)),
    ) {
        ([], _) => Ok(DEFAULT_ACCOUNT),
        ([only], _) => Ok(only),
        (_, Some(named)) => Ok(&named.name.value),
        (names, None) => Err(Failure::error("which account is meant is not clear")
            .detail(format!("cloud.json names {}", names.join(", ")))
            .hint("name one with --provider")
            .into()),
    }
}

/// What stands in the file besides servers and zones: the accounts as cloud.json names them.
fn around(deployment: &Deployment, cloud: &Cloud, account: &str) -> Draft {
    if cloud.accounts.is_empty() {
        return Draft::default();
    }
    let text = file::read(&deployment.cloud_file()).unwrap_or_default();
    Draft {
        providers: config::compose::providers(&text),
        provider: (cloud.accounts.len() > 1).then(|| account.to_owned()),
        ..Draft::default()
    }
}

/// What an account holds.
struct Holdings {
    observed: Vec<Observed>,
    catalog: Catalog,
    /// The kinds that the login may not see.
    unseen: Vec<&'static str>,
}

/// Looks at everything there is of the kinds that cloud.json can ask for.
async fn look(read: &dyn Read, account: &str) -> Result<Holdings, Error> {
    let kinds = read.capabilities().kinds;
    let offers = |kind: &str| kinds.contains(&kind);
    let list = async |kind: &'static str, recorded: &[&Recorded]| {
        if !offers(kind) {
            return Ok(Vec::new());
        }
        let scope = Scope {
            recorded,
            whole: true,
            in_full: true,
            ..Scope::default()
        };
        read.list(kind, scope).await.map(|listed| listed.found)
    };
    // A token may have no business with these, and they are left out then.
    let if_seen = async |kind: &'static str| match list(kind, &[]).await {
        Err(error) if error.status == Some(403) => Ok((Vec::new(), Some(kind))),
        listed => listed.map(|found| (found, None)),
    };
    let besides = [vpc::KIND, firewall::KIND, volume::KIND, reserved_ip::KIND];
    let besides = besides.iter().map(|kind| if_seen(kind.name));
    let (catalog, servers, zones, besides) = tokio::try_join!(
        read.catalog(),
        list(server::KIND.name, &[]),
        list(domain::KIND.name, &[]),
        try_join_all(besides),
    )?;
    let (besides, unseen): (Vec<_>, Vec<_>) = besides.into_iter().unzip();
    // All records of zones that are ours are listed, and these are to be.
    let ours: Vec<Recorded> = zones.iter().map(|zone| recorded(zone, account)).collect();
    let ours: Vec<&Recorded> = ours.iter().collect();
    let records = list(record::KIND.name, &ours).await?;
    let observed = [servers, zones, records, besides.concat()].concat();
    Ok(Holdings {
        observed: observed
            .into_iter()
            .map(|seen| Observed {
                account: account.into(),
                ..seen
            })
            .collect(),
        catalog,
        unseen: unseen.into_iter().flatten().collect(),
    })
}

fn recorded(zone: &Observed, account: &str) -> Recorded {
    let name = zone.text(domain::NAME).unwrap_or(&zone.id);
    Recorded {
        address: domain::address(name),
        account: account.to_owned(),
        id: zone.id.clone(),
        origin: Origin::Found,
        ready: true,
        attributes: Attributes::from([(domain::NAME, name.into())]),
        refers_to: Vec::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn take_stock(
    holdings: &Holdings,
    read: &dyn Read,
    around: &Draft,
    ground: &Ground<'_>,
    (only, called): (Option<&Ids>, &HashMap<Id, String>),
) -> Inventory {
    let capabilities = read.capabilities();
    let provider = provider_type(capabilities.provider);
    let recorded: HashSet<(String, String)> = ground
        .state
        .resources
        .values()
        .map(|recorded| (recorded.address.kind().to_owned(), recorded.id.clone()))
        .collect();
    inventory::take(&Stock {
        observed: &holdings.observed,
        catalog: &holdings.catalog,
        around,
        region_by_server: provider.is_some_and(|provider| provider.region_by_server),
        by_id: capabilities.by_id,
        lineage: &ground.state.lineage,
        recorded: &recorded,
        called,
        only,
    })
}

/// What takes over what the file asks for, and is not yet written.
async fn planned(
    ground: &Ground<'_>,
    text: &str,
    ids: &BTreeMap<Address, String>,
    args: &ImportArgs,
) -> Result<(Plan, BTreeMap<String, Account>), Failure> {
    let deployment = ground.deployment;
    let name = shown(&deployment.cloud_file());
    let parsed = config::cloud::parse(&name, text.as_bytes());
    let sources = Sources::new().with(&name, text.as_bytes());
    let problems = |problems| Failure::Problems(problems, sources.clone());
    let Some(cloud) = parsed.cloud else {
        return Err(problems(parsed.diagnostics));
    };
    let configuration = Configuration {
        cloud,
        notes: Vec::new(),
        sources: sources.clone(),
        content: serde_json::Value::Null,
    };
    let key = key(deployment, &configuration)?;
    let nothing = BTreeMap::new();
    let wanted = Wanted {
        cloud: key.as_ref().map(|key| (&configuration.cloud, key)),
        recorded: &nothing,
        known: &BTreeMap::new(),
        mark: Some(&ground.state.lineage),
        replace: &[],
        whole: false,
        leftovers: false,
        settle: args.settle,
    };
    let found = refresh::refresh(&ground.writers.readers(), &wanted).await?;
    let values = BTreeMap::new();
    let input = Input {
        desired: &found.desired,
        withdrawn: &found.withdrawn,
        observed: &found.observed,
        absent: &found.absent,
        recorded: &nothing,
        lineage: Some(&ground.state.lineage),
        accounts: &found.accounts,
        written: Some(Written {
            file: &deployment.written_name(),
            values: &values,
            keeps_unwanted: false,
        }),
        destroying: false,
        now: jiff::Timestamp::now(),
        drains: true,
        part: &plan::Part::default(),
        replace: &[],
    };
    let adoption = Adoption { ids, others: true };
    let plan = plan::adopt(&input, &adoption).map_err(problems)?;
    Ok((plan, found.identities))
}

fn key(
    deployment: &Deployment,
    configuration: &Configuration,
) -> Result<Option<PublicKeys>, Failure> {
    let security = deployment.security()?;
    public_key(deployment, &configuration.cloud, &security)
}
