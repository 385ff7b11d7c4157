//! The API's JSON, exactly as it is: only what is read or sent. Unknown properties are ignored and
//! enumerations are read as text, because live values exceed the description's.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An error's body.
#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

/// A page of a collection.
pub(super) trait Page: serde::de::DeserializeOwned {
    /// What the collection is of.
    type Item;
    /// How many there are on all pages.
    fn total(&self) -> u64;
    /// Those on this page.
    fn into_items(self) -> Vec<Self::Item>;
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) total: u64,
}

/// A page of the collection under the key `$field`.
macro_rules! page {
    ($name:ident, $field:ident: $item:ty) => {
        #[derive(Debug, Deserialize)]
        pub(super) struct $name {
            $field: Vec<$item>,
            #[serde(default)]
            meta: Meta,
        }

        impl Page for $name {
            type Item = $item;
            fn total(&self) -> u64 {
                self.meta.total
            }
            fn into_items(self) -> Vec<$item> {
                self.$field
            }
        }
    };
}

pub(super) use page;

page!(Droplets, droplets: Droplet);
page!(Domains, domains: Domain);
page!(Records, domain_records: Record);
page!(Regions, regions: Region);
page!(Sizes, sizes: Size);
page!(Images, images: Image);
page!(Snapshots, snapshots: Snapshot);
page!(AnySnapshots, snapshots: AnySnapshot);

#[derive(Debug, Deserialize)]
pub(super) struct AccountAnswer {
    pub(super) account: Account,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) uuid: String,
    #[serde(default)]
    pub(super) email: String,
    pub(super) droplet_limit: u64,
    /// Told only to a token that may see reserved IPs.
    pub(super) reserved_ip_limit: Option<u64>,
    pub(super) team: Option<Team>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) uuid: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyAnswer {
    pub(super) ssh_key: Key,
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) public_key: String,
    pub(super) fingerprint: String,
}

#[derive(Debug, Serialize)]
pub(super) struct KeyRequest<'a> {
    pub(super) name: &'a str,
    pub(super) public_key: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropletAnswer {
    pub(super) droplet: Droplet,
    #[serde(default)]
    pub(super) links: Links,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropletsAnswer {
    pub(super) droplets: Vec<Droplet>,
    #[serde(default)]
    pub(super) links: Links,
}

/// What a create's answer leads to: one action for each Droplet.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Links {
    #[serde(default)]
    pub(super) actions: Vec<ActionLink>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActionLink {
    pub(super) id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActionAnswer {
    pub(super) action: Action,
}

#[derive(Debug, Deserialize)]
pub(super) struct Action {
    pub(super) id: u64,
    pub(super) status: String,
    pub(super) resource_id: Option<u64>,
}

/// When a Droplet is backed up.
#[derive(Debug, Deserialize)]
pub(super) struct BackupPolicyAnswer {
    pub(super) policy: BackupPolicyRecord,
}

#[derive(Debug, Deserialize)]
pub(super) struct BackupPolicyRecord {
    pub(super) droplet_id: u64,
    pub(super) backup_policy: Option<BackupPolicy>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BackupPolicy {
    pub(super) plan: String,
    pub(super) weekday: Option<String>,
    #[serde(default)]
    pub(super) hour: u64,
}

/// Policies, which the API gives by the ids of their Droplets.
#[derive(Debug, Deserialize)]
pub(super) struct BackupPolicies {
    policies: BTreeMap<String, BackupPolicyRecord>,
    #[serde(default)]
    meta: Meta,
}

impl Page for BackupPolicies {
    type Item = BackupPolicyRecord;
    fn total(&self) -> u64 {
        self.meta.total
    }
    fn into_items(self) -> Vec<BackupPolicyRecord> {
        self.policies.into_values().collect()
    }
}

/// A snapshot of a Droplet.
#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    pub(super) name: String,
    #[serde(default)]
    pub(super) created_at: String,
}

/// As the list of all snapshots has one: a Droplet's own list says `type` and no `resource_type`.
#[derive(Debug, Deserialize)]
pub(super) struct AnySnapshot {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) regions: Vec<String>,
    /// "The billable size of the snapshot in gigabytes."
    pub(super) size_gigabytes: f64,
    pub(super) resource_id: String,
    pub(super) resource_type: String,
}

/// What a Droplet is asked to do.
#[derive(Debug, Serialize)]
pub(super) struct ActionRequest<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<ImageSelector<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_policy: Option<&'a Json>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Droplet {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) features: Vec<String>,
    pub(super) region: Slug,
    pub(super) size_slug: String,
    /// In GB; after a resize without the disk it is smaller than the size's.
    pub(super) disk: Option<u64>,
    /// Whether something is under way on it.
    #[serde(default)]
    pub(super) locked: bool,
    pub(super) created_at: Option<String>,
    pub(super) size: Option<DropletSize>,
    pub(super) image: Option<DropletImage>,
    #[serde(default)]
    pub(super) networks: Networks,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) vpc_uuid: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Slug {
    pub(super) slug: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropletSize {
    /// In GB.
    pub(super) disk: Option<u64>,
    pub(super) price_monthly: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropletImage {
    pub(super) id: Option<u64>,
    pub(super) slug: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Networks {
    #[serde(default)]
    pub(super) v4: Vec<NetworkV4>,
    #[serde(default)]
    pub(super) v6: Vec<NetworkV6>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NetworkV4 {
    pub(super) ip_address: String,
    pub(super) netmask: Option<String>,
    pub(super) gateway: Option<String>,
    #[serde(rename = "type")]
    pub(super) scope: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NetworkV6 {
    pub(super) ip_address: String,
    pub(super) netmask: Option<u64>,
    pub(super) gateway: Option<String>,
    #[serde(rename = "type")]
    pub(super) scope: String,
}

#[derive(Debug, Serialize)]
pub(super) struct DropletRequest<'a> {
    #[serde(flatten)]
    pub(super) names: Names<'a>,
    pub(super) region: &'a str,
    pub(super) size: &'a str,
    pub(super) image: ImageSelector<'a>,
    pub(super) ssh_keys: Vec<&'a str>,
    pub(super) backups: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_policy: Option<&'a Json>,
    pub(super) ipv6: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) monitoring: bool,
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_uuid: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// One name or several; the API refuses both together.
#[derive(Debug, Serialize)]
pub(super) enum Names<'a> {
    #[serde(rename = "name")]
    One(&'a str),
    #[serde(rename = "names")]
    Many(Vec<&'a str>),
}

/// Private images have no slug and go by their number.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ImageSelector<'a> {
    Id(u64),
    Slug(&'a str),
}

impl<'a> ImageSelector<'a> {
    /// What a slug or an id selects.
    pub(super) fn of(image: &'a str) -> Self {
        image.parse().map_or(Self::Slug(image), Self::Id)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct TagAnswer {
    pub(super) tag: Tag,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct TagRequest<'a> {
    pub(super) name: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct TagResources<'a> {
    pub(super) resources: Vec<TagResource<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct TagResource<'a> {
    /// A number, and yet sent as text.
    pub(super) resource_id: &'a str,
    pub(super) resource_type: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct DomainAnswer {
    pub(super) domain: Domain,
}

#[derive(Debug, Deserialize)]
pub(super) struct Domain {
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct DomainRequest<'a> {
    pub(super) name: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordAnswer {
    pub(super) domain_record: Record,
}

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) id: u64,
    #[serde(rename = "type")]
    pub(super) record_type: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) data: String,
    pub(super) ttl: Option<u64>,
    /// Of MX and SRV.
    pub(super) priority: Option<u16>,
    /// Of SRV.
    pub(super) weight: Option<u16>,
    /// Of SRV.
    pub(super) port: Option<u16>,
    /// Of CAA.
    pub(super) flags: Option<u8>,
    /// Of CAA.
    pub(super) tag: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct RecordRequest<'a> {
    #[serde(rename = "type")]
    pub(super) record_type: &'a str,
    pub(super) name: &'a str,
    pub(super) data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flags: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Region {
    pub(super) slug: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) features: Vec<String>,
    pub(super) available: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Size {
    pub(super) slug: String,
    pub(super) memory: u64,
    pub(super) vcpus: u64,
    pub(super) disk: u64,
    #[serde(default)]
    pub(super) transfer: f64,
    pub(super) price_monthly: Option<f64>,
    #[serde(default)]
    pub(super) regions: Vec<String>,
    pub(super) available: bool,
    #[serde(default)]
    pub(super) description: String,
    /// There for servers with a GPU alone.
    pub(super) gpu_info: Option<IgnoredAny>,
    /// Sent by our own sandbox alone, with slugs that no real account has any more.
    #[serde(default)]
    pub(super) sandbox_only: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Image {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) distribution: String,
    pub(super) slug: Option<String>,
    #[serde(default)]
    pub(super) regions: Vec<String>,
    pub(super) min_disk_size: Option<u64>,
    pub(super) created_at: Option<jiff::Timestamp>,
    /// As in [`Size::sandbox_only`].
    #[serde(default)]
    pub(super) sandbox_only: bool,
}
