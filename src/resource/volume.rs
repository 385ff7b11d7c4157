//! Volumes: disks by themselves, each attached to one server at most.

use serde_json::Value as Json;

use crate::model::{
    Address, Attributes, Desired, Diagnostic, Money, Observed, Origin, Recorded, Reference, Region,
    Value, nearest,
};

use super::{
    Attribute, Facts, Kind, OnChange, PLAIN, Price, Removal, attribute, found, known_text,
    only_if_asked, server, show, text,
};

/// Its name.
pub const NAME: &str = "name";
/// The region's slug.
pub const REGION: &str = "region";
/// How large it is, in GB.
pub const SIZE_GB: &str = "size_gb";
/// What it was formatted with when it was made.
pub const FILESYSTEM: &str = "filesystem";
/// What it is for.
pub const DESCRIPTION: &str = "description";
/// The id of the server that it is attached to; null if it is attached to none.
pub const SERVER: &str = "server";
/// That server's name.
pub const SERVER_NAME: &str = "server_name";

/// What a GB costs a month (docs.digitalocean.com/products/volumes/details/pricing).
const GB: Money = Money::from_cents(10);

/// What regions have in which volumes can be made.
const FEATURE: &str = "storage";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "volume",
    attributes: ATTRIBUTES,
    // The API: one of a name in each region.
    natural_key: &[NAME, REGION],
    name_of: |attributes| known_text(attributes, NAME),
    marked: true,
    marks_found: false,
    loses: Some("all that is on it"),
    kept_unless_allowed: true,
    detail,
    changed,
    is_let_go: true,
    beforehand,
    permanent: |before, after, _| size_of(after) > size_of(before),
    priced_by: &[SIZE_GB],
    price: |attributes, _| {
        size_of(attributes).map_or(Price::Unknown, |size| Price::Monthly(cost(size)))
    },
    check,
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        NAME,
        "name",
        OnChange::Fixed("a volume keeps its name: give it that in cloud.json"),
    ),
    attribute(
        REGION,
        "region",
        OnChange::Fixed(
            "a volume stays where it is: write that in cloud.json, or make another volume there",
        ),
    ),
    attribute(SIZE_GB, "size", OnChange::Update),
    only_if_asked(FILESYSTEM, "file system", OnChange::CreateOnly),
    only_if_asked(DESCRIPTION, "description", OnChange::CreateOnly),
    attribute(SERVER, "server", OnChange::Update),
    only_if_asked(SERVER_NAME, "server's name", OnChange::Along(SERVER)),
];

/// The address of the volume of that name.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::new(KIND.name, name)
}

/// What one of so many GB costs a month.
#[must_use]
pub fn cost(size_gb: u64) -> Money {
    // A hundredth of a hundredth is a GB: `percent` takes hundredths.
    GB.percent(i64::try_from(size_gb).unwrap_or(i64::MAX / 100) * 100)
}

fn size_of(attributes: &Attributes<Value>) -> Option<u64> {
    let size = attributes.get(SIZE_GB).and_then(Value::known);
    size.and_then(Json::as_u64)
}

/// `100 GB · fra1 · ext4 · attached to web`
fn detail(attributes: &Attributes<Value>) -> String {
    let size = size_of(attributes).map(|size| format!("{size} GB"));
    let known = |name| Some(text(attributes, name).to_owned());
    let name = text(attributes, SERVER_NAME);
    let server = match attributes.get(SERVER) {
        Some(Value::Known(Json::Null)) | None => None,
        Some(_) if !name.is_empty() => Some(format!("attached to {name}")),
        Some(other) => Some(format!("attached to {}", show(other))),
    };
    let parts = [size, known(REGION), known(FILESYSTEM), server];
    let parts = parts.into_iter().flatten();
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

fn changed(attribute: &str, before: &Json, after: &Value, wanted: &Attributes<Value>) -> String {
    if attribute == SIZE_GB {
        return format!("{before} GB → {} GB", show(after));
    }
    let server = match text(wanted, SERVER_NAME) {
        "" => show(after),
        name => name.to_owned(),
    };
    // What others did is told of, and not what is to be done.
    let is_wanted = wanted.contains_key(SERVER_NAME);
    match (before, after.known()) {
        (_, Some(Json::Null)) if is_wanted => "detach".to_owned(),
        (Json::Null, _) if is_wanted => format!("attach to {server}"),
        _ if is_wanted => format!("move to {server}"),
        (_, Some(Json::Null)) => "detached".to_owned(),
        _ => format!("attached to {server}"),
    }
}

/// Whoever writes to it meanwhile loses what is not on it yet.
fn beforehand(attribute: &str, before: &Json) -> Option<&'static str> {
    (attribute == SERVER && !before.is_null()).then_some("unmount it first")
}

fn check(facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    found::refuse_what_differs(&KIND, facts, problems);
    for desired in facts.planned() {
        if desired.address.kind() != KIND.name {
            continue;
        }
        problems.extend(nowhere(facts, desired));
        problems.extend(bare(facts, desired));
        if let Some(seen) = facts.kept(&desired.address) {
            problems.extend(shrinks(desired, seen));
            // It is on nothing else before that is settled.
            if held_by_replaced(facts, desired).is_none() {
                problems.extend(let_go(facts, desired, seen));
            }
        }
    }
    // Whether it is in the part that is planned or not, its server would go.
    let volumes = facts.desired.iter();
    let volumes = volumes.filter(|desired| desired.address.kind() == KIND.name);
    problems.extend(volumes.filter_map(|desired| held_by_replaced(facts, desired)));
    problems.extend(leaving(facts));
}

/// That it cannot have a file system from the beginning.
fn bare(facts: &Facts<'_>, desired: &Desired) -> Option<Diagnostic> {
    let capabilities = facts.accounts.get(&desired.account)?.capabilities;
    let is_wanted = desired.text(FILESYSTEM).is_some();
    if !is_wanted || !capabilities.lacks.contains(&(KIND.name, FILESYSTEM)) {
        return None;
    }
    let name = desired.address.name();
    let error = Diagnostic::error(format!("volume {name} cannot be made with a file system"))
        .detail(format!(
            "{} makes volumes with nothing on them",
            capabilities.provider
        ))
        .hint("leave `filesystem` out, and format it on its server");
    Some(error.at(desired.place_of(FILESYSTEM)))
}

/// That it cannot be made where it is to be, as far as the account was looked at.
fn nowhere(facts: &Facts<'_>, desired: &Desired) -> Option<Diagnostic> {
    let account = facts.accounts.get(&desired.account)?;
    let slug = desired.text(REGION)?;
    if let Some(only) = account.region.as_deref().filter(|only| *only != slug) {
        let name = desired.address.name();
        let error = Diagnostic::error(format!("volume {name} cannot be made in {slug}"))
            .detail(format!(
                "its account `{}` is in {only} only",
                desired.account
            ))
            .hint("remove `region`, or name another account with `provider`");
        return Some(error.at(desired.place_of(REGION)));
    }
    let catalog = account.catalog.as_ref()?;
    let offers = |region: &Region| {
        let features = &region.features;
        region.available && (features.is_empty() || features.contains(FEATURE))
    };
    let is_new = facts.bound(&desired.address).is_none();
    if !is_new || catalog.region(slug).is_some_and(offers) {
        return None;
    }
    let name = desired.address.name();
    let others = catalog.regions.iter().filter(|region| offers(region));
    let others = others.map(|region| region.slug.as_str());
    let all = "`cloudbuilder catalog regions` lists them all";
    let error = Diagnostic::error(format!("volume {name} cannot be made in {slug}"));
    let error = match catalog.region(slug) {
        None => error.detail("there is no such region"),
        Some(_) => error.detail("no volumes are made there now"),
    };
    let hint = match nearest(slug, others).filter(|near| *near != slug) {
        Some(near) => format!("did you mean `{near}`? {all}"),
        None => all.to_owned(),
    };
    Some(error.hint(hint).at(desired.place_of(REGION)))
}

fn shrinks(desired: &Desired, seen: &Observed) -> Option<Diagnostic> {
    let (is, wanted) = (seen.attributes.get(SIZE_GB)?, desired.known(SIZE_GB)?);
    (wanted.as_u64()? < is.as_u64()?).then(|| {
        let name = desired.address.name();
        Diagnostic::error(format!(
            "volume {name} cannot be made as small as {wanted} GB"
        ))
        .detail(format!("it has {is} GB, and a volume never shrinks"))
        .hint(format!(
            "write {is}; or make another volume beside it, and move to that what is on it"
        ))
        .at(desired.place_of(SIZE_GB))
    })
}

/// What is to be attached to another server, or to none.
fn let_go(facts: &Facts<'_>, desired: &Desired, seen: &Observed) -> Option<Diagnostic> {
    let is = seen.attributes.get(SERVER).filter(|is| !is.is_null())?;
    let wanted = facts.resolve(desired.attributes.get(SERVER)?);
    if wanted.as_deref() == Some(is) {
        return None;
    }
    Some(unmount(facts, &desired.address, is).at(desired.place.clone()))
}

/// The same of what is no longer in cloud.json and goes.
fn leaving(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let leaving = facts.recorded.values().filter(|recorded| {
        let address = &recorded.address;
        address.kind() == KIND.name
            && !facts.wanted.contains_key(address)
            && !facts.left_out.contains(address)
            && removal(recorded, facts) == Removal::Delete
    });
    let attached = leaving.filter_map(|recorded| {
        let seen = facts.bound(&recorded.address)?;
        let is = seen.attributes.get(SERVER).filter(|is| !is.is_null())?;
        // What goes with its server needs no care.
        let server = holder(facts, &seen.account, is)?;
        let stays = facts.wanted.contains_key(&server.address);
        stays.then(|| unmount(facts, &recorded.address, is))
    });
    attached.collect()
}

fn unmount(facts: &Facts<'_>, address: &Address, server: &Json) -> Diagnostic {
    let account = facts.bound(address).map(|seen| &*seen.account);
    let holder = holder(facts, account.unwrap_or_default(), server);
    let name = holder.map_or_else(
        || show(&Value::Known(server.clone())),
        |holder| holder.address.to_string(),
    );
    Diagnostic::note(format!("{address} is detached from {name}"))
        .detail("what is not written to it by then is lost")
        .hint("unmount it there first")
}

/// The server of ours that has that id.
fn holder<'a>(facts: &Facts<'a>, account: &str, id: &Json) -> Option<&'a Recorded> {
    facts.recorded_as(account, server::KIND.name, id.as_str()?)
}

/// It cannot be on the new server while it is on the old one, and that goes last.
fn held_by_replaced(facts: &Facts<'_>, desired: &Desired) -> Option<Diagnostic> {
    let Some(Value::Reference(Reference { address: to, .. })) = desired.attributes.get(SERVER)
    else {
        return None;
    };
    let replaced = facts.replaced.contains(to) && !facts.left_out.contains(to);
    let server = facts.wanted.get(to).filter(|_| replaced)?;
    let old = facts.bound(to)?;
    let is_there = facts.bound(&desired.address)?.text(SERVER) == Some(&old.id);
    if !is_there || (server::KIND.destroyed_first)(&server.attributes) {
        return None;
    }
    let (volume, name) = (desired.address.name(), to.name());
    Some(
        Diagnostic::error(format!(
            "{to} cannot be replaced while volume {volume} is on it"
        ))
        .detail(
            "a volume is on one server at a time: another server cannot have it before this one \
                 is gone",
        )
        .hint(format!(
            "write \"replace\": \"destroy-first\" for {name}: the volume stays, and is attached to \
                 the new one"
        ))
        .at(desired.place_of(SERVER)),
    )
}

/// It goes only if we made it and no server of others has it.
fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == Origin::Found {
        return Removal::Keep("it was in the account before".to_owned());
    }
    let seen = facts.bound(&recorded.address);
    let server = seen.and_then(|seen| seen.text(SERVER));
    match server.filter(|id| holder(facts, &recorded.account, &Json::from(*id)).is_none()) {
        None => Removal::Delete,
        Some(id) => Removal::Keep(format!("it is attached to {id}, which is not ours")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_volume_is_told_by_what_it_is_and_costs_ten_cents_a_gb() {
        let attributes: Attributes<Value> = Attributes::from([
            (SIZE_GB, json!(100).into()),
            (REGION, "fra1".into()),
            (FILESYSTEM, "ext4".into()),
            (SERVER, "401".into()),
            (SERVER_NAME, "web".into()),
        ]);
        assert_eq!(
            detail(&attributes),
            "100 GB · fra1 · ext4 · attached to web"
        );
        assert_eq!(
            (KIND.price)(&attributes, None),
            Price::Monthly(Money::from_cents(1000))
        );
    }

    #[test]
    fn what_becomes_of_it_is_told_by_the_names_of_servers() {
        let wanted: Attributes<Value> = Attributes::from([(SERVER_NAME, "web".into())]);
        let told = |before: Json, after: Json| {
            let advice = beforehand(SERVER, &before).unwrap_or_default();
            let what = changed(SERVER, &before, &Value::Known(after), &wanted);
            (what, advice)
        };
        let unmount = "unmount it first";
        assert_eq!(told(Json::Null, json!("2")), ("attach to web".into(), ""));
        assert_eq!(
            told(json!("1"), json!("2")),
            ("move to web".into(), unmount)
        );
        assert_eq!(told(json!("1"), Json::Null), ("detach".into(), unmount));
        let outside = changed(SERVER, &json!("1"), &Json::Null.into(), &Attributes::new());
        assert_eq!(outside, "detached");
        let grown = changed(SIZE_GB, &json!(10), &json!(20).into(), &wanted);
        assert_eq!(grown, "10 GB → 20 GB");
    }
}
