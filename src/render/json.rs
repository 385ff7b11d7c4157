use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::escape::escape_json;
use super::phrase;
use crate::model::{Address, Attributes, Diagnostic, Money, Place, Sealed, Value};
use crate::plan::{Action, Counts, Drift, Drifted, Op, Plan, Reason, Step, Verb};

/// The version of `terraform show -json`'s format that the document follows.
const FORMAT_VERSION: &str = "1.2";

/// The plan as one JSON document on one line.
///
/// It has the shape of `terraform show -json`, so that what reads Terraform's plans reads ours;
/// `cloudbuilder_version`, `steps`, `cost`, `estimate`, `summary`, `diagnostics`, `checksum`, and
/// `reason` beside each change are our own. `schemas/plan.schema.json` describes it.
#[must_use]
pub fn plan_json(plan: &Plan) -> String {
    let document = Document::new(plan);
    line(&document)
}

/// The plan as a document to be kept and carried out later: that of [`plan_json`], readable, with the
/// options that it was made with, and its lines for a comparison.
#[must_use]
pub fn saved_plan_json(plan: &Plan, options: &Json, lines: &[String]) -> String {
    let document = SavedDocument {
        document: Document::new(plan),
        saved: Saved { options, lines },
    };
    let json = serde_json::to_string_pretty(&document).unwrap_or_default();
    // Its own line ends are no text of anybody's.
    json.lines().fold(String::new(), |mut text, line| {
        text.push_str(&escape_json(line));
        text.push('\n');
        text
    })
}

/// The value as JSON on a line of its own, safe to be shown by a terminal.
pub(super) fn line(value: &impl Serialize) -> String {
    // Text, numbers, lists and maps with text for keys can always be written.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut line = escape_json(&json);
    line.push('\n');
    line
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: &'static str,
    cloudbuilder_version: &'static str,
    applyable: bool,
    complete: bool,
    errored: bool,
    /// What others changed since it was last applied; left out where nothing was, as in Terraform.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_drift: Vec<ResourceDrift<'a>>,
    resource_changes: Vec<ResourceChange<'a>>,
    steps: Vec<StepJson<'a>>,
    summary: Summary,
    cost: CostJson,
    /// Null if there is nothing to do.
    estimate: Option<EstimateJson>,
    diagnostics: Vec<DiagnosticJson<'a>>,
    /// What `apply --expect` takes; a plan that is refused has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

#[derive(Serialize)]
struct SavedDocument<'a> {
    #[serde(flatten)]
    document: Document<'a>,
    saved: Saved<'a>,
}

#[derive(Serialize)]
struct Saved<'a> {
    options: &'a Json,
    lines: &'a [String],
}

#[derive(Serialize)]
struct ResourceChange<'a> {
    address: String,
    /// As in Terraform: the one that it has in the state, if it gets another.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_address: Option<String>,
    mode: &'static str,
    r#type: &'a str,
    name: &'a str,
    provider_name: &'a str,
    change: ChangeJson,
    /// Terraform's word for the reason, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    action_reason: Option<&'static str>,
    /// Ours, always.
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_detail: Option<&'a str>,
}

#[derive(Serialize)]
struct ResourceDrift<'a> {
    address: String,
    mode: &'static str,
    r#type: &'a str,
    name: &'a str,
    change: DriftJson<'a>,
    /// In words, as `drift` prints it.
    text: String,
}

/// What differs, and nothing else; `after` is null if it was deleted.
#[derive(Serialize)]
struct DriftJson<'a> {
    actions: &'static [&'static str],
    before: BTreeMap<&'a str, &'a Json>,
    after: Option<BTreeMap<&'a str, &'a Json>>,
}

impl<'a> ResourceDrift<'a> {
    fn new(drift: &'a Drift) -> Self {
        let change = match &drift.what {
            Drifted::Deleted => DriftJson {
                actions: &["delete"],
                before: BTreeMap::new(),
                after: None,
            },
            Drifted::Changed(changes) => {
                let before = changes.iter().map(|one| (&*one.attribute, &one.before));
                let after = changes.iter();
                let after = after.filter_map(|one| Some((&*one.attribute, one.after.known()?)));
                DriftJson {
                    actions: &["update"],
                    before: before.collect(),
                    after: Some(after.collect()),
                }
            }
        };
        Self {
            address: drift.address.to_string(),
            mode: "managed",
            r#type: drift.kind,
            name: drift.address.name(),
            change,
            text: drift.words(),
        }
    }
}

#[derive(Serialize)]
struct ChangeJson {
    actions: &'static [&'static str],
    before: Option<Attributes>,
    after: Option<Attributes>,
    after_unknown: BTreeMap<String, bool>,
    before_sensitive: Sensitive,
    after_sensitive: Sensitive,
    #[serde(skip_serializing_if = "Option::is_none")]
    importing: Option<Importing>,
}

/// Which attributes are secret: none, because no secret is an attribute. Terraform writes `{}`
/// beside an object and `false` beside null.
#[derive(Serialize)]
#[serde(untagged)]
enum Sensitive {
    Object(Map<String, Json>),
    Null(bool),
}

impl Sensitive {
    fn beside(object: Option<&Attributes>) -> Self {
        match object {
            Some(_) => Self::Object(Map::new()),
            None => Self::Null(false),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Importing {
    id: String,
}

#[derive(Serialize)]
struct StepJson<'a> {
    number: usize,
    op: &'static str,
    sign: &'static str,
    kind: &'a str,
    label: &'a str,
    detail: &'a str,
    address: Option<String>,
    /// By how many dollars it changes the monthly bill; null if it does not or that is unknown.
    monthly: Option<f64>,
    loses: Option<&'a str>,
    wipes: bool,
    /// Whether it cannot be used from here on until its last step is done.
    interrupts: bool,
    permanent: bool,
    waits_for: &'a [usize],
    after: &'a [usize],
}

#[derive(Serialize)]
struct Summary {
    text: String,
    import: usize,
    add: usize,
    change: usize,
    destroy: usize,
    forget: usize,
    wait: usize,
    interrupts: usize,
    permanent: usize,
    loses: usize,
}

#[derive(Serialize)]
struct CostJson {
    currency: &'static str,
    monthly_before: f64,
    monthly_after: f64,
    /// What copies that stay cost besides, at most; null if nobody knows.
    copies_at_most: Option<f64>,
    unknown: Vec<String>,
}

#[derive(Serialize)]
struct EstimateJson {
    requests: u64,
    seconds: u64,
}

/// A message in the shape of Terraform's, with what to do as a field of its own.
#[derive(Serialize)]
pub(super) struct DiagnosticJson<'a> {
    severity: &'static str,
    summary: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// What it is about, if it is about one resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<RangeJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<RelatedJson<'a>>,
}

#[derive(Serialize)]
struct RangeJson<'a> {
    filename: &'a str,
    start: Start,
    end: End,
}

#[derive(Serialize)]
struct Start {
    line: usize,
    column: usize,
    byte: usize,
}

/// Where it ends; its line is not known without the text.
#[derive(Serialize)]
struct End {
    byte: usize,
}

#[derive(Serialize)]
struct RelatedJson<'a> {
    range: RangeJson<'a>,
    what: &'a str,
}

impl<'a> Document<'a> {
    fn new(plan: &'a Plan) -> Self {
        let errored = phrase::errors(plan) > 0;
        let imported = imported(plan);
        let resource_changes = plan
            .actions
            .iter()
            .map(|action| ResourceChange::new(plan, action, &imported))
            .collect();
        let Counts {
            import,
            add,
            change,
            destroy,
            forget,
        } = plan.counts();
        let impact = phrase::impact(plan);
        Self {
            format_version: FORMAT_VERSION,
            cloudbuilder_version: env!("CARGO_PKG_VERSION"),
            applyable: !errored && !plan.steps.is_empty(),
            complete: plan.left_out == 0,
            errored,
            resource_drift: plan.drift.iter().map(ResourceDrift::new).collect(),
            resource_changes,
            steps: plan.steps.iter().map(StepJson::new).collect(),
            summary: Summary {
                text: phrase::planned(plan),
                import,
                add,
                change,
                destroy,
                forget,
                wait: phrase::waits(plan),
                interrupts: impact.stopped.count,
                permanent: impact.permanent.count,
                loses: impact.lost.count,
            },
            cost: CostJson {
                currency: "USD",
                monthly_before: plan.cost.before.dollars(),
                monthly_after: plan.cost.after.dollars(),
                copies_at_most: match plan.kept() {
                    None => Some(0.0),
                    Some(kept) => kept.at_most.map(Money::dollars),
                },
                unknown: plan.cost.unknown.iter().map(Address::to_string).collect(),
            },
            estimate: plan.estimate.map(|estimate| EstimateJson {
                requests: estimate.requests,
                seconds: estimate.duration.as_secs(),
            }),
            diagnostics: plan
                .notes
                .iter()
                .map(|note| DiagnosticJson::new(note, None))
                .collect(),
            checksum: plan.checksum.as_ref().map(ToString::to_string),
        }
    }
}

/// The ids of what is taken over, by address. Importing is beside the action, as in Terraform: a
/// resource can be taken over and changed at once.
pub(super) fn imported(plan: &Plan) -> BTreeMap<&Address, &str> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::Import { address, id, .. } => Some((address, id.as_str())),
            _ => None,
        })
        .collect()
}

/// What an imported resource is shown with.
pub(super) fn importing(
    imported: &BTreeMap<&Address, &str>,
    address: &Address,
) -> Option<Importing> {
    imported.get(address).map(|id| Importing {
        id: (*id).to_owned(),
    })
}

impl<'a> ResourceChange<'a> {
    fn new(plan: &'a Plan, action: &'a Action, imported: &BTreeMap<&Address, &str>) -> Self {
        let (reason, reason_detail) = reason(&action.reason);
        let provider = plan.providers.get(&action.account);
        let mut renamed = plan.renamed.iter();
        let renamed = renamed.find(|renamed| renamed.to == action.address);
        Self {
            address: action.address.to_string(),
            previous_address: renamed.map(|renamed| renamed.from.to_string()),
            mode: "managed",
            r#type: action.address.kind(),
            name: action.address.name(),
            provider_name: provider.map_or("", String::as_str),
            change: ChangeJson::new(action, importing(imported, &action.address)),
            action_reason: action_reason(action),
            reason,
            reason_detail,
        }
    }
}

impl ChangeJson {
    fn new(action: &Action, importing: Option<Importing>) -> Self {
        // What is created anew has no "before", even if something of its name was known once.
        let before = match action.verb {
            Verb::Create => None,
            Verb::NoOp
            | Verb::Import
            | Verb::Update
            | Verb::Replace
            | Verb::Recreate
            | Verb::Delete
            | Verb::Forget => action.before.clone().map(|before| with_id(before, action)),
        };
        let mut after_unknown = BTreeMap::new();
        let after = match action.verb {
            Verb::NoOp => before.clone(),
            Verb::Delete | Verb::Forget => None,
            Verb::Create | Verb::Replace | Verb::Recreate | Verb::Import | Verb::Update => {
                // Nothing of the one that goes is known of the other.
                let kept = before
                    .clone()
                    .filter(|_| !matches!(action.verb, Verb::Replace | Verb::Recreate));
                let mut after = kept.unwrap_or_default();
                for (name, value) in action.after.iter().flatten() {
                    match value {
                        Value::Known(value) | Value::Sealed(Sealed { shown: value, .. }) => {
                            after.insert(name, value.clone());
                        }
                        Value::Reference(_) | Value::Template(_) => {
                            after.remove(name);
                            after_unknown.insert(name.to_owned(), true);
                        }
                    }
                }
                if !after.contains_key("id") {
                    after_unknown.insert("id".to_owned(), true);
                }
                Some(after)
            }
        };
        Self {
            actions: match action.verb {
                Verb::NoOp => &["no-op"],
                Verb::Import if action.changes.is_empty() => &["no-op"],
                Verb::Create => &["create"],
                Verb::Replace => &["create", "delete"],
                Verb::Recreate => &["delete", "create"],
                Verb::Import | Verb::Update => &["update"],
                Verb::Delete => &["delete"],
                Verb::Forget => &["forget"],
            },
            before_sensitive: Sensitive::beside(before.as_ref()),
            after_sensitive: Sensitive::beside(after.as_ref()),
            before,
            after,
            after_unknown,
            importing,
        }
    }
}

/// The attributes with the provider's id among them, where Terraform's readers look for it.
fn with_id(mut attributes: Attributes, action: &Action) -> Attributes {
    if let Some(id) = &action.id
        && !attributes.contains_key("id")
    {
        attributes.insert("id", Json::from(id.clone()));
    }
    attributes
}

/// Terraform's word for the reason. It has none for most of ours.
pub(super) fn action_reason(action: &Action) -> Option<&'static str> {
    match (&action.reason, action.verb) {
        (Reason::NotConfigured, Verb::Delete) => Some("delete_because_no_resource_config"),
        (Reason::Differs, Verb::Replace | Verb::Recreate) => Some("replace_because_cannot_update"),
        _ => None,
    }
}

/// Our word for the reason, and what else is said of it.
fn reason(reason: &Reason) -> (&'static str, Option<&str>) {
    let word = match reason {
        Reason::New => "new",
        Reason::DeletedOutside => "deleted_outside",
        Reason::Exists => "exists",
        Reason::OurMark => "our_mark",
        Reason::ChangedOutside => "changed_outside",
        Reason::Configured => "configured",
        Reason::Differs => "differs",
        Reason::Replaced => "replaced",
        Reason::Remembered => "remembered",
        Reason::NotConfigured => "not_configured",
        Reason::Unmet => "unmet",
        Reason::Destroy => "destroy",
        Reason::NotReady => "not_ready",
        Reason::Unfinished => "unfinished",
        Reason::Withdrawn(why) => return ("withdrawn", Some(why)),
        Reason::Evicted(why) => return ("evicted", Some(why)),
        Reason::Kept(why) => return ("kept", Some(why)),
        Reason::UpToDate => "up_to_date",
        Reason::LeftOut => "left_out",
    };
    (word, None)
}

impl<'a> StepJson<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            number: step.number,
            op: match step.op {
                Op::Create { .. } => "create",
                Op::Import { .. } => "import",
                Op::Update { .. } => "update",
                Op::Await { .. } => "await",
                Op::Check { .. } => "check",
                Op::Drain { .. } => "drain",
                Op::Delete { .. } => "delete",
                Op::Forget { .. } => "forget",
                Op::WriteBack { .. } => "write_back",
            },
            sign: step.verb.sign(),
            kind: &step.kind,
            label: &step.label,
            detail: &step.detail,
            address: step.op.address().map(Address::to_string),
            monthly: step.monthly.map(Money::dollars),
            loses: step.loses,
            wipes: step.wipes,
            interrupts: step.interrupts,
            permanent: step.permanent,
            waits_for: &step.waits_for,
            after: &step.after,
        }
    }
}

impl<'a> DiagnosticJson<'a> {
    pub(super) fn new(diagnostic: &'a Diagnostic, address: Option<String>) -> Self {
        Self {
            severity: diagnostic.severity.word(),
            summary: &diagnostic.summary,
            detail: &diagnostic.detail,
            hint: diagnostic.hint.as_deref(),
            address,
            range: diagnostic.place.as_ref().map(RangeJson::new),
            related: diagnostic
                .related
                .iter()
                .map(|(place, what)| RelatedJson {
                    range: RangeJson::new(place),
                    what,
                })
                .collect(),
        }
    }
}

impl<'a> RangeJson<'a> {
    fn new(place: &'a Place) -> Self {
        Self {
            filename: &place.file,
            start: Start {
                line: place.line,
                column: place.column,
                byte: place.range.start,
            },
            end: End {
                byte: place.range.end,
            },
        }
    }
}
