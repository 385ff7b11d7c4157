use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Link, Page, glance, next, unlimited};

/// `GET /`.
#[derive(Deserialize)]
pub(in super::super) struct VersionAnswer {
    pub(in super::super) version: Version,
}

#[derive(Deserialize)]
pub(in super::super) struct Version {
    /// The highest version of the API; empty where there are none.
    #[serde(default)]
    pub(in super::super) version: String,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Server {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    pub(in super::super) status: String,
    #[serde(default)]
    pub(in super::super) addresses: BTreeMap<String, Vec<Address>>,
    #[serde(default, rename = "accessIPv4")]
    pub(in super::super) access_v4: String,
    #[serde(default, rename = "accessIPv6")]
    pub(in super::super) access_v6: String,
    pub(in super::super) flavor: Option<FlavorOf>,
    /// An empty text where it was made from a volume.
    pub(in super::super) image: Option<ImageOf>,
    pub(in super::super) created: Option<String>,
    #[serde(default)]
    pub(in super::super) metadata: BTreeMap<String, String>,
    /// Not told by versions before 2.26.
    pub(in super::super) tags: Option<Vec<String>>,
    pub(in super::super) fault: Option<Fault>,
    /// In per cent; 0 at all times in most clouds.
    pub(in super::super) progress: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Address {
    pub(in super::super) addr: String,
    #[serde(rename = "OS-EXT-IPS:type")]
    pub(in super::super) kind: Option<String>,
}

/// With its id up to version 2.46, with all it is made of from then on.
#[derive(Debug, Deserialize)]
pub(in super::super) struct FlavorOf {
    pub(in super::super) id: Option<String>,
    pub(in super::super) original_name: Option<String>,
    pub(in super::super) disk: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in super::super) enum ImageOf {
    Image { id: String },
    None(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Fault {
    #[serde(default)]
    pub(in super::super) message: String,
}

#[derive(Deserialize)]
pub(in super::super) struct ServerAnswer {
    pub(in super::super) server: Server,
}

/// The answer to a create tells nothing but the id. It holds a password too, which is not read.
#[derive(Deserialize)]
pub(in super::super) struct CreatedAnswer {
    pub(in super::super) server: Created,
}

#[derive(Deserialize)]
pub(in super::super) struct Created {
    pub(in super::super) id: String,
}

#[derive(Deserialize)]
pub(in super::super) struct Servers {
    servers: Vec<Server>,
    #[serde(default)]
    servers_links: Vec<Link>,
}

impl Page for Servers {
    type Item = Server;

    fn split(self) -> (Vec<Server>, Option<String>) {
        (self.servers, next(self.servers_links))
    }
}

#[derive(Serialize)]
pub(in super::super) struct ServerRequest<'a> {
    pub(in super::super) server: NewServer<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct NewServer<'a> {
    pub(in super::super) name: &'a str,
    #[serde(rename = "flavorRef")]
    pub(in super::super) flavor: String,
    #[serde(rename = "imageRef")]
    pub(in super::super) image: String,
    pub(in super::super) key_name: String,
    pub(in super::super) networks: Vec<NetworkOf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) security_groups: Vec<GroupOf>,
    pub(in super::super) metadata: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) tags: Vec<String>,
    pub(in super::super) config_drive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) user_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) personality: Vec<Injected>,
}

#[derive(Serialize)]
pub(in super::super) struct NetworkOf {
    pub(in super::super) uuid: String,
}

#[derive(Serialize)]
pub(in super::super) struct GroupOf {
    /// The id will do too, and is the only one of its kind.
    pub(in super::super) name: String,
}

#[derive(Serialize)]
pub(in super::super) struct Injected {
    pub(in super::super) path: String,
    /// In base64.
    pub(in super::super) contents: String,
}

#[derive(Serialize)]
pub(in super::super) struct MetadataRequest<'a> {
    pub(in super::super) metadata: BTreeMap<&'static str, &'a str>,
}

/// All tags of a server.
#[derive(Serialize)]
pub(in super::super) struct TagsRequest<'a> {
    pub(in super::super) tags: Vec<&'a str>,
}

/// A new name.
#[derive(Serialize)]
pub(in super::super) struct RenameRequest<'a> {
    pub(in super::super) server: Renamed<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct Renamed<'a> {
    pub(in super::super) name: &'a str,
}

/// What `POST /servers/{id}/action` takes, by the name of the action.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum ActionRequest {
    Resize {
        #[serde(rename = "flavorRef")]
        flavor: String,
    },
    /// Nothing goes with it.
    ConfirmResize(()),
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Flavor {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    pub(in super::super) vcpus: u64,
    pub(in super::super) ram: u64,
    pub(in super::super) disk: u64,
    #[serde(default, rename = "OS-FLV-DISABLED:disabled")]
    pub(in super::super) disabled: bool,
}

#[derive(Deserialize)]
pub(in super::super) struct Flavors {
    flavors: Vec<Flavor>,
    #[serde(default)]
    flavors_links: Vec<Link>,
}

impl Page for Flavors {
    type Item = Flavor;

    fn split(self) -> (Vec<Flavor>, Option<String>) {
        (self.flavors, next(self.flavors_links))
    }
}

/// An image as Nova tells of it, on behalf of the service that has it.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Image {
    id: String,
    name: Option<String>,
    #[serde(default)]
    pub(in super::super) status: String,
    pub(in super::super) created: Option<String>,
    #[serde(rename = "minDisk", default)]
    min_disk: u64,
    #[serde(rename = "minRam", default)]
    min_ram: u64,
}

impl Image {
    /// As that service would tell of it.
    pub(in super::super) fn into_glance(self) -> glance::Image {
        glance::Image {
            id: self.id,
            name: self.name,
            min_disk: self.min_disk,
            min_ram: self.min_ram,
            created_at: self.created,
        }
    }
}

#[derive(Deserialize)]
pub(in super::super) struct Images {
    images: Vec<Image>,
    #[serde(default)]
    images_links: Vec<Link>,
}

impl Page for Images {
    type Item = Image;

    fn split(self) -> (Vec<Image>, Option<String>) {
        (self.images, next(self.images_links))
    }
}

#[derive(Deserialize)]
pub(in super::super) struct LimitsAnswer {
    pub(in super::super) limits: Limits,
}

#[derive(Deserialize)]
pub(in super::super) struct Limits {
    pub(in super::super) absolute: Absolute,
}

/// What may be had and what is had; -1 is no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(in super::super) struct Absolute {
    #[serde(rename = "maxTotalInstances", default = "unlimited")]
    pub(in super::super) most_servers: i64,
    #[serde(rename = "totalInstancesUsed", default)]
    pub(in super::super) servers: i64,
    #[serde(rename = "maxTotalCores", default = "unlimited")]
    pub(in super::super) most_cores: i64,
    #[serde(rename = "totalCoresUsed", default)]
    pub(in super::super) cores: i64,
    #[serde(rename = "maxTotalRAMSize", default = "unlimited")]
    pub(in super::super) most_memory: i64,
    #[serde(rename = "totalRAMUsed", default)]
    pub(in super::super) memory: i64,
    #[serde(rename = "maxTotalKeypairs", default = "unlimited")]
    pub(in super::super) most_keys: i64,
    /// How many files can be put on a server that is made.
    #[serde(rename = "maxPersonality", default = "most_files")]
    pub(in super::super) most_files: i64,
    /// How many bytes each of them may have.
    #[serde(rename = "maxPersonalitySize", default = "largest_file")]
    pub(in super::super) largest_file: i64,
}

/// What is usual where it is not told.
fn most_files() -> i64 {
    5
}

fn largest_file() -> i64 {
    1000
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Key {
    pub(in super::super) name: String,
    pub(in super::super) public_key: String,
    pub(in super::super) fingerprint: String,
}

#[derive(Deserialize)]
pub(in super::super) struct KeyAnswer {
    pub(in super::super) keypair: Key,
}

#[derive(Deserialize)]
pub(in super::super) struct Keys {
    pub(in super::super) keypairs: Vec<KeyAnswer>,
}

#[derive(Serialize)]
pub(in super::super) struct KeyRequest<'a> {
    pub(in super::super) keypair: NewKey<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct NewKey<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) public_key: &'a str,
}
