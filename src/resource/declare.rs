use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::config::{BackupPolicy, Cloud, DEFAULT_ACCOUNT, PublicKey, PublicKeys, Server, Spanned};
use crate::model::{
    AccountViews, Address, Attributes, Catalog, Desired, Diagnostic, Observed, Recorded, Reference,
    Template, Value, marked,
};

use super::{domain, files, record, references, reserved_ip, selection, server, settings, ssh_key};

mod expiry;
mod firewalls;
mod kept;
mod records;
mod reserved_ips;
mod volumes;
mod vpcs;
mod zones;

pub use kept::not_applied_yet;
pub use zones::Zones;

/// What turning cloud.json into resources depends on besides cloud.json.
pub struct Setting<'a> {
    /// The keys put on new servers.
    pub public_keys: &'a PublicKeys,
    /// The zones that each account manages.
    pub zones: &'a Zones,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// What of it is gone and will be made anew.
    pub gone: &'a BTreeSet<Address>,
    /// The accounts, by name.
    pub accounts: &'a AccountViews,
    /// What the accounts hold, as far as it was looked at; `None` before anything was.
    pub seen: Option<&'a [Observed]>,
    /// What time it is.
    pub now: Timestamp,
}

/// What cloud.json means.
#[derive(Debug, Default)]
pub struct Declared {
    /// The resources wanted, in the order of the file.
    pub desired: Vec<Desired>,
    /// What should be known, and what is wrong.
    pub notes: Vec<Diagnostic>,
    /// What cloud.json has and does not want any more, and why, in words.
    pub withdrawn: BTreeMap<Address, String>,
}

/// Turns cloud.json into resources.
#[must_use]
pub fn declare(cloud: &Cloud, setting: &Setting<'_>) -> Declared {
    let mut declaration = Declaration::begin(cloud, setting);
    for domain in &cloud.domains {
        let account = dns_of(setting, &domain.account.value);
        let name = &domain.name;
        declaration.domain((account, &name.value), name, domain.exclusive.value);
    }
    // Their zones may be new, and then names of servers go into them.
    declaration.named_records(&cloud.records);
    declaration.out.notes.extend(expiry::notes(cloud, setting));
    for server in &cloud.servers {
        if expiry::is_expired(server, setting) {
            declaration.withdraw(server);
            continue;
        }
        declaration.server(cloud, server);
        for name in &server.names {
            declaration.records(name, server);
        }
    }
    declaration.reserved_ips(cloud);
    let wrong = references::check(&declaration.out.desired);
    declaration.out.notes.extend(wrong);
    declaration.out
}

/// What is wrong with what texts of cloud.json take from other resources, as far as cloud.json alone
/// tells: what [`declare`] says of it too. A server that has expired counts as one that is there,
/// because only a state tells whether it is kept.
#[must_use]
pub fn check_references(cloud: &Cloud, public_keys: &PublicKeys) -> Vec<Diagnostic> {
    let setting = Setting {
        public_keys,
        zones: &Zones::new(),
        recorded: &BTreeMap::new(),
        gone: &BTreeSet::new(),
        accounts: &AccountViews::new(),
        seen: None,
        now: Timestamp::MIN,
    };
    references::check(&declare(cloud, &setting).desired)
}

/// The servers and what they are in, which can be told before the zones are known. What should be known
/// about them is left to [`declare`].
#[must_use]
pub fn declare_servers(cloud: &Cloud, setting: &Setting<'_>) -> Vec<Desired> {
    let mut declaration = Declaration::begin(cloud, setting);
    for server in &cloud.servers {
        if !expiry::is_expired(server, setting) {
            declaration.server(cloud, server);
        }
    }
    declaration.reserved_ips(cloud);
    declaration.out.desired
}

fn server_address(server: &Server) -> Address {
    server::address(&server.name.value)
}

struct Declaration<'a> {
    setting: &'a Setting<'a>,
    /// The account of what names none.
    fallback: &'a str,
    /// The zones that a name can go into without another one being made.
    managed: Zones,
    /// Those that cloud.json names.
    declared: Zones,
    /// Zones that are resources of this deployment, with their accounts.
    domains: BTreeSet<(String, String)>,
    out: Declared,
}

impl<'a> Declaration<'a> {
    /// With what servers share or hold: keys, VPCs, firewalls and volumes.
    fn begin(cloud: &'a Cloud, setting: &'a Setting<'a>) -> Self {
        let mut declared = Zones::new();
        for domain in &cloud.domains {
            let account = dns_of(setting, &domain.account.value);
            let zones = declared.entry(account.to_owned()).or_default();
            zones.insert(domain.name.value.clone());
        }
        let mut managed = setting.zones.clone();
        for (account, zones) in &declared {
            let of_account = managed.entry(account.clone()).or_default();
            of_account.extend(zones.iter().cloned());
        }
        let mut declaration = Self {
            setting,
            fallback: cloud.default_account.as_deref().unwrap_or(DEFAULT_ACCOUNT),
            managed,
            declared,
            domains: BTreeSet::new(),
            out: Declared::default(),
        };
        let accounts: BTreeSet<&str> = cloud
            .servers
            .iter()
            .filter(|server| !expiry::is_expired(server, setting))
            .map(|server| server.account.value.as_str())
            .collect();
        for account in accounts {
            declaration.ssh_keys(account);
        }
        for vpc in &cloud.vpcs {
            declaration.vpc(vpc);
        }
        for firewall in &cloud.firewalls {
            declaration.firewall(cloud, firewall);
        }
        for volume in &cloud.volumes {
            declaration.volume(cloud, volume);
        }
        declaration
    }

    fn push(&mut self, desired: Desired) {
        self.out.desired.push(desired);
    }

    fn catalog(&self, account: &str) -> Option<&'a Catalog> {
        self.setting.accounts.get(account)?.catalog.as_ref()
    }

    /// The keys of an account that servers get through it, each with its address. Where it gives a
    /// server one only, that is the first.
    fn keys_of(&self, account: &str) -> Vec<(Address, &'a PublicKey)> {
        let view = self.setting.accounts.get(account);
        let one_only = view.is_some_and(|view| {
            let mut lacks = view.capabilities.lacks.iter();
            lacks.any(|lack| *lack == (server::KIND.name, server::FURTHER_KEYS))
        });
        let most = if one_only { 1 } else { usize::MAX };
        let keys: Vec<&PublicKey> = self.setting.public_keys.iter().take(most).collect();
        let addresses = ssh_key::addresses(account, &keys, self.setting.recorded);
        addresses.into_iter().zip(keys).collect()
    }

    fn ssh_keys(&mut self, account: &str) {
        let recorded = self.setting.recorded;
        let keys = self.keys_of(account);
        let known = |(address, _): &(Address, &PublicKey)| recorded.contains_key(address);
        let had_some = keys.iter().any(known);
        for (address, key) in keys {
            let before = recorded.get(&address);
            if let Some(before) = before
                && before.text(ssh_key::FINGERPRINT) != Some(&key.fingerprint)
            {
                self.out.notes.push(
                    Diagnostic::note("the public SSH key is another one than before").detail(
                        format!(
                            "it takes effect for new servers; those that exist keep the old one, \
                             which stays in the account as key {}",
                            before.id
                        ),
                    ),
                );
            } else if before.is_none() && had_some {
                let name = key.name();
                self.out.notes.push(
                    Diagnostic::note(format!("the public SSH key {name} is new"))
                        .detail("it takes effect for new servers; those that exist do not get it"),
                );
            }
            self.push(Desired {
                address,
                account: account.to_owned(),
                attributes: Attributes::from([
                    (ssh_key::NAME, key.name().into()),
                    (ssh_key::PUBLIC_KEY, key.line.as_str().into()),
                    (ssh_key::FINGERPRINT, key.fingerprint.as_str().into()),
                ]),
                only_if: None,
                follows: Vec::new(),
                place: None,
                places: BTreeMap::new(),
            });
        }
    }

    /// The keys of a server, as its attributes.
    fn keys_on_server(&self, account: &str, attributes: &mut Attributes<Value>) {
        let keys = self.keys_of(account);
        let through_account = keys.len();
        let mut references = keys
            .into_iter()
            .map(|(address, _)| ssh_key::reference(address));
        let first = references.next().map(Value::Reference);
        attributes.extend(first.map(|first| (server::SSH_KEY, first)));
        let further: Vec<String> = references.map(|to| marked(&to.to_string())).collect();
        if !further.is_empty() {
            let further = Template::new(further.into(), references::reference);
            attributes.insert(server::FURTHER_KEYS, Value::Template(further));
        }
        let others = self.setting.public_keys.iter().skip(through_account);
        let others: Vec<&str> = others.map(|key| key.line.as_str()).collect();
        if !others.is_empty() {
            attributes.insert(server::AUTHORIZED_KEYS, Json::from(others).into());
        }
    }

    fn server(&mut self, cloud: &Cloud, wanted: &Server) {
        let address = server_address(wanted);
        let account = &wanted.account.value;
        // What is made anew is made of what there is now, and ids of another account mean nothing.
        let is_gone = self.setting.gone.contains(&address);
        let recorded = self.setting.recorded.get(&address);
        let recorded = recorded.filter(|recorded| !is_gone && recorded.account == *account);
        let catalog = self.catalog(account);
        let region = wanted.region.as_ref();
        let mut attributes: Attributes<Value> = Attributes::from([
            (server::NAME, wanted.name.value.as_str().into()),
            (server::BACKUPS, wanted.backups.value.into()),
        ]);
        self.keys_on_server(account, &mut attributes);
        let mut places = BTreeMap::from([
            (server::SIZE, wanted.size.place.clone()),
            (server::IMAGE, wanted.image.place.clone()),
            (server::BACKUPS, wanted.backups.place.clone()),
        ]);
        if let Some(region) = region {
            attributes.insert(server::REGION, region.value.as_str().into());
            places.insert(server::REGION, region.place.clone());
        } else if let Some([only]) = catalog.map(|catalog| catalog.regions.as_slice()) {
            attributes.insert(server::REGION, only.slug.as_str().into());
        }
        let by_id = self.setting.accounts.get(account);
        let by_id = by_id.is_some_and(|account| account.capabilities.by_id);
        let choice = selection::Choice {
            wanted,
            recorded,
            catalog,
            by_id,
        };
        attributes.extend(choice.size(&mut self.out.notes));
        attributes.extend(choice.image(&mut self.out.notes));
        if let Some(settings) = wanted.settings.as_ref().and_then(settings::to_json) {
            attributes.insert(server::SETTINGS, settings.into());
        }
        if let Some(sealed) = files::sealed(&wanted.files, self.setting.public_keys) {
            attributes.insert(server::FILES, Value::Sealed(sealed));
            places.extend(
                wanted
                    .files
                    .first()
                    .map(|file| (server::FILES, file.place.clone())),
            );
        }
        if let Some(user_data) = &wanted.creation.user_data
            && let Some(sealed) = files::user_data(&user_data.value)
        {
            attributes.insert(server::USER_DATA, Value::Sealed(sealed));
            places.insert(server::USER_DATA, user_data.place.clone());
        }
        match &wanted.creation.monitoring {
            Some(monitoring) => {
                attributes.insert(server::MONITORING, monitoring.value.into());
                places.insert(server::MONITORING, monitoring.place.clone());
            }
            // What is no longer asked for has no agent when it is made anew.
            None if recorded.is_some_and(|had| had.attributes.contains_key(server::MONITORING)) => {
                attributes.insert(server::MONITORING, false.into());
            }
            None => {}
        }
        if let Some(tags) = &wanted.tags {
            let mut spelt: Vec<&str> = tags.iter().map(|tag| tag.value.as_str()).collect();
            spelt.sort_by_key(|tag| tag.to_ascii_lowercase());
            let lower: Vec<String> = spelt.iter().map(|tag| tag.to_ascii_lowercase()).collect();
            attributes.insert(server::TAGS_AS_SPELT, Json::from(spelt).into());
            attributes.insert(server::TAGS, Json::from(lower).into());
            places.extend(tags.first().map(|tag| (server::TAGS, tag.place.clone())));
        }
        let expires = wanted.expires.as_ref();
        places.extend(expires.map(|expires| (server::EXPIRES, expires.place.clone())));
        if let Some(grow) = wanted.grow_disk.as_ref().filter(|grow| grow.value) {
            attributes.insert(server::DISK, server::GROW.into());
            places.insert(server::DISK, grow.place.clone());
        }
        if wanted
            .lifecycle
            .rebuild
            .as_ref()
            .is_some_and(|said| said.value)
        {
            attributes.insert(server::ON_IMAGE_CHANGE, server::REBUILD.into());
        }
        if let Some(policy) = &wanted.lifecycle.backup_policy {
            let backup_policy = backup_policy(&policy.value);
            attributes.insert(server::BACKUP_POLICY, backup_policy.into());
            places.insert(server::BACKUP_POLICY, policy.place.clone());
        } else if let Some(policy) = recorded.and_then(|had| unsaid_policy(wanted, had)) {
            attributes.insert(server::BACKUP_POLICY, policy.into());
        }
        let snapshot = wanted.lifecycle.snapshot.as_ref();
        if let Some(snapshot) = snapshot.filter(|said| said.value) {
            attributes.insert(server::ON_DESTROY, server::SNAPSHOT.into());
            places.insert(server::ON_DESTROY, snapshot.place.clone());
        }
        if wanted.destroy_first.value {
            attributes.insert(server::REPLACE, server::DESTROY_FIRST.into());
        }
        if let Some(check) = &wanted.check {
            // Words and numbers can always be written.
            let probe = serde_json::to_value(&check.value).unwrap_or_default();
            attributes.insert(server::CHECK, probe.into());
            places.insert(server::CHECK, check.place.clone());
        }
        if wanted.protect.value {
            attributes.insert(server::PROTECT, true.into());
            places.insert(server::PROTECT, wanted.protect.place.clone());
        }
        if !wanted.ignore.is_empty() {
            let names = wanted.ignore.iter().flat_map(|word| match &word.value {
                &"openstack" => std::slice::from_ref(&server::SETTINGS),
                &"backups" => &[server::BACKUPS, server::BACKUP_POLICY],
                word => std::slice::from_ref(word),
            });
            let names: Vec<&str> = names.copied().collect();
            attributes.insert(server::IGNORE, Json::from(names).into());
        }
        let asked = wanted.lifecycle.ipv6.as_ref();
        if let Some(asked) = asked.filter(|asked| asked.value) {
            attributes.insert(server::ENABLE_IPV6, true.into());
            places.insert(server::ENABLE_IPV6, asked.place.clone());
        }
        let offered = || region.and_then(|region| has_ipv6(catalog, &region.value));
        if let Some(ipv6) = asked.map(|asked| asked.value).or_else(offered) {
            attributes.insert(server::IPV6, ipv6.into());
            if !ipv6 {
                // Known before it is made: it will have no such address.
                attributes.insert(server::IPV6_ADDRESS, Json::Null.into());
                places.extend(asked.map(|asked| (server::IPV6_ADDRESS, asked.place.clone())));
            }
        }
        let mut desired = Desired {
            address,
            account: account.clone(),
            attributes,
            only_if: None,
            follows: firewalls::of_server(cloud, wanted),
            place: Some(wanted.name.place.clone()),
            places,
        };
        self.put_in_vpc(cloud, wanted, &mut desired);
        self.put_behind_firewalls(wanted, recorded, &mut desired);
        self.give_reserved_ip(cloud, wanted, recorded, &mut desired);
        self.push(desired);
    }

    fn records(&mut self, name: &Spanned<String>, server: &Server) {
        let Some((account, zone)) = self.zone(name, server) else {
            return;
        };
        let to = |attribute: &str| Reference {
            address: server_address(server),
            attribute: attribute.to_owned(),
        };
        let families = [("A", server::IPV4_ADDRESS), ("AAAA", server::IPV6_ADDRESS)];
        for (record_type, attribute) in families {
            let own = to(attribute);
            // What stays when the server goes is what is led to.
            let stays = server.reserved_ip.as_ref();
            let stays = stays.filter(|_| record_type == "A");
            let stays = stays.map(|named| reserved_ip::reference(&named.value));
            // Where a server is may decide which it has, and its age too.
            let only_if = stays.is_none().then(|| own.clone());
            let data = Value::Reference(stays.unwrap_or(own));
            let mut attributes = record::attributes(zone.clone(), &name.value, record_type, data);
            let places = record::with_ttl(&mut attributes, server.ttl.as_ref());
            self.push(Desired {
                address: record::address(&name.value, record_type),
                account: account.clone(),
                attributes,
                only_if,
                follows: Vec::new(),
                place: Some(name.place.clone()),
                places,
            });
        }
    }

    /// A zone that the account has and the state does not know is merely used; any other is a
    /// resource that the record waits for.
    fn domain_value(&mut self, account: &str, zone: &str, name: &Spanned<String>) -> Value {
        let has_it = zones::holds(self.setting.zones, account, zone);
        let ours = (account.to_owned(), zone.to_owned());
        let used_only = has_it && !self.domains.contains(&ours) && !self.is_recorded(account, zone);
        if used_only {
            return zone.into();
        }
        self.domain((account, zone), name, false);
        Value::Reference(Reference {
            address: domain::address(zone),
            attribute: domain::NAME.to_owned(),
        })
    }

    /// Whether the state has this zone of this account.
    fn is_recorded(&self, account: &str, zone: &str) -> bool {
        let recorded = self.setting.recorded.get(&domain::address(zone));
        recorded.is_some_and(|recorded| recorded.account == account)
    }

    fn domain(
        &mut self,
        (account, zone): (&str, &str),
        asked_by: &Spanned<String>,
        exclusive: bool,
    ) {
        if !self.domains.insert((account.to_owned(), zone.to_owned())) {
            return;
        }
        let place = asked_by.place.clone();
        let recorded = self.is_recorded(account, zone);
        if !zones::holds(self.setting.zones, account, zone) && !recorded {
            let note = Diagnostic::note(format!("{zone} will be a new zone"));
            let view = self.setting.accounts.get(account);
            let to = view.map_or(&[][..], |view| view.capabilities.name_servers);
            let to = match to {
                // Every cloud of this kind has its own.
                [] => "the name servers that the account tells".to_owned(),
                known => known.join(", "),
            };
            self.out.notes.push(
                note.detail(format!(
                    "its names answer only once its registrar delegates it to {to}"
                ))
                .at(place.clone()),
            );
        }
        let mut attributes = Attributes::from([(domain::NAME, zone.into())]);
        if exclusive {
            attributes.insert(domain::EXCLUSIVE, true.into());
        }
        self.push(Desired {
            address: domain::address(zone),
            account: account.to_owned(),
            attributes,
            only_if: None,
            follows: Vec::new(),
            place: Some(place),
            places: BTreeMap::new(),
        });
    }
}

/// The account that stands for an account's zones.
fn dns_of<'a>(setting: &Setting<'a>, account: &'a str) -> &'a str {
    let view = setting.accounts.get(account);
    let other = view.and_then(|view| view.dns_in.as_deref());
    other.unwrap_or(account)
}

/// When a server is backed up for which something was said of that once, and nothing is now: as it
/// was asked for, which costs what that costs. Once they are off that is over, and does not come back
/// with them: then they are daily ones, as with any other.
fn unsaid_policy(wanted: &Server, recorded: &Recorded) -> Option<Json> {
    let had = recorded.attributes.get(server::BACKUP_POLICY)?;
    let was_on = recorded.attributes.get(server::BACKUPS) == Some(&true.into());
    match (wanted.backups.value, was_on) {
        (true, false) => Some(json!({"plan": "daily", "hour": 0})),
        (true, true) => had.is_object().then(|| had.clone()),
        (false, _) => had.is_object().then_some(Json::Null),
    }
}

fn backup_policy(policy: &BackupPolicy) -> Json {
    let BackupPolicy {
        plan,
        weekday,
        hour,
    } = policy;
    match weekday {
        Some(weekday) => json!({"plan": plan, "weekday": weekday, "hour": hour}),
        None => json!({"plan": plan, "hour": hour}),
    }
}

/// Whether servers in a region get IPv6; `None` if the catalog was not needed, because then all
/// servers exist and each says for itself, and where it does not depend on the region.
fn has_ipv6(catalog: Option<&Catalog>, slug: &str) -> Option<bool> {
    let features = &catalog?.region(slug)?.features;
    (!features.is_empty()).then(|| features.contains("ipv6"))
}
