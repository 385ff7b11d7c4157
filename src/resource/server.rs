//! Servers.

use std::net::IpAddr;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Catalog, Observed, Value};

use super::{
    Attribute, Copied, Kind, OnChange, PLAIN, Price, Probed, attribute, flag, from_to, known_text,
    only_if_asked, server_checks, settings, text,
};

/// Its name, which is its hostname too.
pub const NAME: &str = "name";
/// The region's slug.
pub const REGION: &str = "region";
/// The size's slug.
pub const SIZE: &str = "size";
/// The image's slug or id.
pub const IMAGE: &str = "image";
/// The id of the image that it was made from. Where that has no other name (any more), it says
/// nothing about what was asked for.
pub const MADE_FROM: &str = "made_from";
/// The provider's id of the size, where it goes by that.
pub const SIZE_ID: &str = "size_id";
/// The provider's id of the image, where it goes by that.
pub const IMAGE_ID: &str = "image_id";
/// What only its provider has, as an object.
pub const SETTINGS: &str = "settings";
/// The files that are put on it: for the provider, their contents; for everybody else, hashes.
pub const FILES: &str = "files";
/// What cloud-init does when it boots for the first time: for the provider, the text; for everybody
/// else, a hash.
pub const USER_DATA: &str = "user_data";
/// Whether the provider's own agent is put on it, which tells of its load.
pub const MONITORING: &str = "monitoring";
/// The tags that people gave it, in lower case and in order: those that differ in case alone are one.
pub const TAGS: &str = "tags";
/// The same as cloud.json spells them, for the provider.
pub const TAGS_AS_SPELT: &str = "tags_as_spelt";
/// The firewalls that it is behind, each with its id by its name, where servers are put behind them
/// one by one. None means: in what a server is in that asks for nothing.
pub const FIREWALLS: &str = "firewalls";
/// Whether a reserved IP is its public IPv4 address, where that takes the place of one of its own.
pub const RESERVED_IP: &str = "reserved_ip";
/// The id of the VPC that it is in.
pub const VPC: &str = "vpc";
/// That VPC's name.
pub const VPC_NAME: &str = "vpc_name";
/// Whether the provider backs it up.
pub const BACKUPS: &str = "backups";
/// When it is backed up: `{"plan": "weekly", "weekday": "SUN", "hour": 4}`.
pub const BACKUP_POLICY: &str = "backup_policy";
/// Whether one that exists shall get [`IPV6`].
pub const ENABLE_IPV6: &str = "enable_ipv6";
/// Whether it has IPv6.
pub const IPV6: &str = "ipv6";
/// The fingerprint of the key put on it.
pub const SSH_KEY: &str = "ssh_key";
/// The fingerprints of further keys put on it.
pub const FURTHER_KEYS: &str = "further_keys";
/// Further keys that cloud-init puts on it, each a line, where the provider takes one only.
pub const AUTHORIZED_KEYS: &str = "authorized_keys";
/// The provider's id of it, for what is attached to it.
pub const ID: &str = "id";
/// Its public IPv4 address.
pub const IPV4_ADDRESS: &str = "ipv4_address";
/// Its IPv4 address in a private network, the first one if it has several.
pub const PRIVATE_IPV4: &str = "private_ipv4";
/// Its public IPv6 address.
pub const IPV6_ADDRESS: &str = "ipv6_address";
/// Whether it runs: [`ON`] or [`OFF`].
pub const POWER: &str = "power";
/// It runs.
pub const ON: &str = "on";
/// It does not.
pub const OFF: &str = "off";
/// What becomes of its disk when its size changes: [`GROW`], or nothing.
pub const DISK: &str = "disk";
/// It grows to what the new size has, for good.
pub const GROW: &str = "grow";
/// What becomes of it when its image is another one: [`REBUILD`], or another takes its place.
pub const ON_IMAGE_CHANGE: &str = "on_image_change";
/// It stays what it is, with its addresses, and its disk is made anew.
pub const REBUILD: &str = "rebuild";
/// What comes before it is deleted: [`SNAPSHOT`], or nothing.
pub const ON_DESTROY: &str = "on_destroy";
/// The name of a snapshot that was taken of it before it goes.
pub const SNAPSHOT: &str = "snapshot";
/// What comes first when another takes its place: [`DESTROY_FIRST`], or the other.
pub const REPLACE: &str = "replace";
/// It goes before another is made.
pub const DESTROY_FIRST: &str = "destroy-first";
/// Whether something is under way on it just now; absent, if not.
pub const LOCKED: &str = "locked";
/// How it shows that it serves, as a [`Probe`](crate::model::Probe).
pub const CHECK: &str = "check";
/// Whether it has not shown that yet.
pub const UNANSWERED: &str = "unanswered";
/// Whether nothing may delete it.
pub const PROTECT: &str = "protect";
/// The attributes that count when it is made and never after, as a list.
pub const IGNORE: &str = "ignore";
/// When it goes, as cloud.json has it.
pub const EXPIRES: &str = "expires";
/// When nobody remembers the address of one that another took the place of, as RFC 3339 has it.
pub const FORGOTTEN_AT: &str = "forgotten_at";
/// How large its disk is, in GB.
pub const DISK_GB: &str = "disk_gb";
/// How large it could be with the size that it has, in GB, where it is smaller.
pub const DISK_OFFERED_GB: &str = "disk_offered_gb";
/// Its addresses, in the form cloud.json has them.
pub const NETWORKS: &str = "networks";

/// What backups cost on top, in percent of the server's price. A server made with `backups: true`
/// has daily ones, because that is what the API takes when no policy is sent; daily backups are
/// 30 % and weekly ones 20 %.
pub const DAILY_BACKUPS_PERCENT: i64 = 30;
/// What weekly ones cost.
pub const WEEKLY_BACKUPS_PERCENT: i64 = 20;

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "server",
    attributes: ATTRIBUTES,
    natural_key: &[NAME],
    name_of: |attributes| known_text(attributes, NAME),
    marked: true,
    renamed_by: Some(NAME),
    ends_by: Some(EXPIRES),
    protected_by: Some(PROTECT),
    remade: |attributes| text(attributes, ON_IMAGE_CHANGE) == REBUILD,
    copied: Some(Copied {
        asked_by: ON_DESTROY,
        with: SNAPSHOT,
        attribute: SNAPSHOT,
        named: |attributes, id| {
            let name = known_text(attributes, NAME).unwrap_or_default();
            format!("{name}-{id}")
        },
        size_gb: DISK_GB,
    }),
    ignored_by: Some(IGNORE),
    destroyed_first: |attributes| text(attributes, REPLACE) == DESTROY_FIRST,
    forgotten_at: Some(FORGOTTEN_AT),
    referred: &[
        ("private_ipv4", PRIVATE_IPV4),
        ("public_ipv4", IPV4_ADDRESS),
        ("public_ipv6", IPV6_ADDRESS),
    ],
    renewed: gets_own_address,
    probed: Some(Probed {
        asked: CHECK,
        at: &[IPV4_ADDRESS, IPV6_ADDRESS],
        unanswered: UNANSWERED,
    }),
    loses: Some("its disk"),
    written_back: Some(NETWORKS),
    detail,
    permanent,
    changed,
    outcome: public_addresses,
    lingers: true,
    priced_by: &[SIZE, BACKUPS, BACKUP_POLICY],
    price,
    check: server_checks::check,
    ..PLAIN
};

/// The address of the server of that name in cloud.json.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::new(KIND.name, name)
}

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::Update),
    attribute(REGION, "region", OnChange::Replace),
    attribute(SIZE, "size", OnChange::Update),
    attribute(SIZE_ID, "size's id", OnChange::Along(SIZE)),
    attribute(IMAGE, "image", OnChange::MadeFrom),
    attribute(IMAGE_ID, "image's id", OnChange::Along(IMAGE)),
    attribute(MADE_FROM, "image's id", OnChange::SeenAs(IMAGE)),
    attribute(SETTINGS, "settings", OnChange::CreateOnly),
    attribute(FILES, "files", OnChange::CreateOnly),
    only_if_asked(VPC, "VPC", OnChange::Replace),
    only_if_asked(VPC_NAME, "VPC's name", OnChange::Along(VPC)),
    attribute(USER_DATA, "user data", OnChange::CreateOnly),
    only_if_asked(MONITORING, "monitoring", OnChange::CreateOnly),
    attribute(BACKUPS, "backups", OnChange::Update),
    only_if_asked(BACKUP_POLICY, "backups", OnChange::Update),
    only_if_asked(ENABLE_IPV6, "IPv6", OnChange::Late(IPV6)),
    only_if_asked(TAGS, "tags", OnChange::Update),
    only_if_asked(TAGS_AS_SPELT, "tags as spelt", OnChange::Along(TAGS)),
    only_if_asked(FIREWALLS, "firewalls", OnChange::Update),
    only_if_asked(RESERVED_IP, "reserved IP", OnChange::Update),
    attribute(POWER, "power", OnChange::Passing(ON)),
    attribute(DISK, "disk", OnChange::Manner),
    attribute(REPLACE, "replacement", OnChange::Manner),
    attribute(ON_IMAGE_CHANGE, "rebuilding", OnChange::Manner),
    attribute(LOCKED, "lock", OnChange::Seen),
    attribute(ON_DESTROY, "snapshot", OnChange::Ours),
    attribute(SNAPSHOT, "snapshot", OnChange::Seen),
    attribute(PROTECT, "protection", OnChange::Ours),
    attribute(CHECK, "check", OnChange::Manner),
    attribute(UNANSWERED, "answer", OnChange::Ours),
    attribute(IGNORE, "ignored keys", OnChange::Ours),
    attribute(FORGOTTEN_AT, "time", OnChange::Ours),
    attribute(DISK_GB, "disk's size", OnChange::Seen),
    attribute(DISK_OFFERED_GB, "size's disk", OnChange::Seen),
    attribute(IPV6, "IPv6", OnChange::CreateOnly),
    attribute(SSH_KEY, "SSH key", OnChange::CreateOnly),
    attribute(FURTHER_KEYS, "further SSH keys", OnChange::CreateOnly),
    attribute(AUTHORIZED_KEYS, "further SSH keys", OnChange::CreateOnly),
    attribute(ID, "server", OnChange::Computed),
    attribute(IPV4_ADDRESS, "public IPv4", OnChange::Computed),
    attribute(IPV6_ADDRESS, "public IPv6", OnChange::Computed),
    attribute(PRIVATE_IPV4, "private IPv4", OnChange::Computed),
    attribute(NETWORKS, "addresses", OnChange::Computed),
];

/// With its reserved IP it loses what stood in the way of one of its own; with IPv6 it gets an address
/// of that.
fn gets_own_address(attribute: &str, wanted: &Attributes<Value>) -> Option<&'static str> {
    if attribute == ENABLE_IPV6 {
        return flag(wanted, ENABLE_IPV6).then_some(IPV6_ADDRESS);
    }
    let settings = wanted.get(SETTINGS).and_then(Value::known);
    let pool = settings.and_then(|settings| settings.get(settings::FLOATING_IP_FROM));
    let gets_one = attribute == RESERVED_IP && !flag(wanted, RESERVED_IP) && pool.is_some();
    gets_one.then_some(IPV4_ADDRESS)
}

fn detail(attributes: &Attributes<Value>) -> String {
    let known = [REGION, SIZE, IMAGE].map(|name| text(attributes, name));
    let mut parts: Vec<&str> = known.into_iter().filter(|text| !text.is_empty()).collect();
    let vpc = format!("vpc {}", text(attributes, VPC_NAME));
    if attributes.contains_key(VPC_NAME) {
        parts.push(&vpc);
    }
    if flag(attributes, IPV6) {
        parts.push("ipv6");
    }
    if is_weekly(attributes) {
        parts.push("weekly backups");
    } else if flag(attributes, BACKUPS) {
        parts.push("backups");
    }
    parts.join(" · ")
}

fn changed(attribute: &str, before: &Json, after: &Value, _: &Attributes<Value>) -> String {
    let after_text = after.known().and_then(Json::as_str);
    match (attribute, after_text) {
        (POWER, Some(OFF)) => "shut down".to_owned(),
        (POWER, _) => "start".to_owned(),
        (BACKUP_POLICY, _) if after.known() == Some(&Json::Null) => "no backup policy".to_owned(),
        // Along with that they are on.
        (BACKUP_POLICY, _) if before.is_null() => policy(after),
        (BACKUP_POLICY, _) => format!("backups {}", policy(after)),
        (ENABLE_IPV6, _) => "enable IPv6".to_owned(),
        (BACKUPS, _) if after.known() == Some(&Json::Bool(true)) => "backups on".to_owned(),
        (BACKUPS, _) => "backups off".to_owned(),
        (PROTECT, _) if after.known() == Some(&Json::Bool(true)) => {
            "protected from now on".to_owned()
        }
        (ON_DESTROY, Some(_)) => "a snapshot before it goes, from now on".to_owned(),
        (ON_DESTROY, None) => "no snapshot before it goes any more".to_owned(),
        (SNAPSHOT, Some(name)) => format!("snapshot {name}"),
        (PROTECT, _) => "no longer protected".to_owned(),
        (UNANSWERED, _) if after.known() == Some(&Json::Bool(true)) => {
            "to be asked again whether it serves".to_owned()
        }
        (UNANSWERED, _) => "no longer asked whether it serves".to_owned(),
        (FORGOTTEN_AT, _) => "stays after all".to_owned(),
        (IGNORE, _) => ignored(after),
        // It has it already, and whoever gave it that has not said yet that it is to stay so.
        (SIZE, Some(size)) if before.as_str() == Some(size) => format!("confirm {size}"),
        (IMAGE, _) => format!("rebuild: {}", from_to(before, after)),
        (TAGS, _) => tags_changed(before, after),
        (FIREWALLS, _) => firewalls_changed(before, after),
        (RESERVED_IP, _) if after.known() == Some(&Json::Bool(true)) => {
            "public IPv4: its own → a reserved IP".to_owned()
        }
        (RESERVED_IP, _) => "public IPv4: a reserved IP → its own".to_owned(),
        (NAME, _) => format!("rename: {}", from_to(before, after)),
        _ => from_to(before, after),
    }
}

/// `weekly, on SUN from 4:00 UTC`
fn policy(policy: &Value) -> String {
    let part = |name: &str| policy.known().and_then(|policy| policy.get(name));
    let text = |name: &str| part(name).and_then(Json::as_str);
    let hour = part("hour").and_then(Json::as_u64).unwrap_or_default();
    let day = text("weekday").map_or_else(String::new, |day| format!("on {day} "));
    let plan = text("plan").unwrap_or_default();
    format!("{plan}, {day}from {hour}:00 UTC")
}

fn is_weekly(attributes: &Attributes<Value>) -> bool {
    let policy = attributes.get(BACKUP_POLICY).and_then(Value::known);
    let plan = policy.and_then(|policy| policy.get("plan")?.as_str());
    flag(attributes, BACKUPS) && plan == Some("weekly")
}

/// What cannot be taken back: a disk that grows, and IPv6.
fn permanent(
    before: &Attributes<Value>,
    after: &Attributes<Value>,
    catalog: Option<&Catalog>,
) -> bool {
    let gets_ipv6 = flag(after, ENABLE_IPV6) && !flag(before, ENABLE_IPV6);
    gets_ipv6 || disk_grows(before, after, catalog)
}

/// `ignores size, tags from now on`
fn ignored(after: &Value) -> String {
    let names = after.known().and_then(Json::as_array).into_iter().flatten();
    let names = names.filter_map(|name| KIND.attribute(name.as_str()?));
    let abouts: Vec<&str> = names.map(|attribute| attribute.about).collect();
    match abouts.as_slice() {
        [] => "ignores nothing any more".to_owned(),
        abouts => format!("ignores {} from now on", abouts.join(", ")),
    }
}

/// Those that come and those that go: `tags +web −old`.
fn tags_changed(before: &Json, after: &Value) -> String {
    let tags = |list: Option<&Json>| -> Vec<String> {
        let list = list.and_then(Json::as_array).into_iter().flatten();
        list.filter_map(Json::as_str)
            .map(ToOwned::to_owned)
            .collect()
    };
    let (before, after) = (tags(Some(before)), tags(after.known()));
    let come = after.iter().filter(|tag| !before.contains(tag));
    let go = before.iter().filter(|tag| !after.contains(tag));
    let come = come.map(|tag| format!("+{tag}"));
    let words = come.chain(go.map(|tag| format!("−{tag}")));
    format!("tags {}", words.collect::<Vec<_>>().join(" "))
}

/// Those that it comes behind and those that it leaves: `firewalls +web −default`.
fn firewalls_changed(before: &Json, after: &Value) -> String {
    let names = |all: Option<&Json>| -> Vec<String> {
        let all = all.and_then(Json::as_object).into_iter();
        all.flat_map(|all| all.keys().cloned()).collect()
    };
    let after = match after {
        Value::Template(template) => names(Some(template.json())),
        known => names(known.known()),
    };
    let before_all = names(Some(before));
    let come = after.iter().filter(|name| !before_all.contains(name));
    let go = before_all.iter().filter(|name| !after.contains(name));
    let come: Vec<String> = come.map(|name| format!("+{name}")).collect();
    let go = go.map(|name| format!("−{name}"));
    let words: Vec<String> = come.into_iter().chain(go).collect();
    match words.as_slice() {
        // Others by these names.
        [] => format!("firewalls {}", after.join(" ")),
        words => format!("firewalls {}", words.join(" ")),
    }
}

/// What has grown never shrinks again.
fn disk_grows(
    before: &Attributes<Value>,
    after: &Attributes<Value>,
    catalog: Option<&Catalog>,
) -> bool {
    let size = text(after, SIZE);
    let becomes = catalog.and_then(|catalog| catalog.size(size));
    let is = before.get(DISK_GB).and_then(Value::known);
    let stays = becomes
        .zip(is.and_then(Json::as_u64))
        .is_some_and(|(size, is)| size.disk_gb <= is);
    text(after, DISK) == GROW && text(before, SIZE) != size && !stays
}

/// What `networks` say of its private IPv4 address.
#[must_use]
pub fn private_ipv4(networks: &Json) -> Json {
    let listed = networks.get("v4").and_then(Json::as_array);
    let mut private = listed.into_iter().flatten();
    let first = private.find(|one| one.get("type").and_then(Json::as_str) == Some("private"));
    first
        .and_then(|one| one.get("ip_address"))
        .cloned()
        .unwrap_or_default()
}

/// Every address that a server has, private ones too.
pub fn addresses(server: &Observed) -> impl Iterator<Item = IpAddr> {
    let public = [IPV4_ADDRESS, IPV6_ADDRESS].map(|name| server.text(name));
    let networks = server.attributes.get(NETWORKS);
    let families = ["v4", "v6"].map(|family| networks.and_then(|networks| networks.get(family)));
    let listed = families.into_iter().flatten().filter_map(Json::as_array);
    let listed = listed.flatten().map(|one| one.get("ip_address")?.as_str());
    let texts = public.into_iter().chain(listed).flatten();
    texts.filter_map(|text| text.parse().ok())
}

fn public_addresses(attributes: &Attributes) -> String {
    let texts = [IPV4_ADDRESS, IPV6_ADDRESS]
        .into_iter()
        .filter_map(|name| attributes.get(name).and_then(serde_json::Value::as_str));
    texts.collect::<Vec<_>>().join(", ")
}

fn price(attributes: &Attributes<Value>, catalog: Option<&Catalog>) -> Price {
    let size = catalog.and_then(|catalog| catalog.size(text(attributes, SIZE)));
    match size.and_then(|size| size.monthly) {
        Some(monthly) if is_weekly(attributes) => {
            Price::Monthly(monthly + monthly.percent(WEEKLY_BACKUPS_PERCENT))
        }
        Some(monthly) if flag(attributes, BACKUPS) => {
            Price::Monthly(monthly + monthly.percent(DAILY_BACKUPS_PERCENT))
        }
        Some(monthly) => Price::Monthly(monthly),
        None => Price::Unknown,
    }
}
