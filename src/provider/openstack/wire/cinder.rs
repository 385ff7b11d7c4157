//! Cinder, version 3 (its `api-ref`), and what Nova says of what is attached to a server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Link, Page, next, unlimited};

#[derive(Debug, Deserialize)]
pub(in super::super) struct Volume {
    pub(in super::super) id: String,
    pub(in super::super) name: Option<String>,
    pub(in super::super) description: Option<String>,
    pub(in super::super) status: String,
    /// In GiB.
    pub(in super::super) size: u64,
    #[serde(default)]
    pub(in super::super) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(in super::super) metadata: BTreeMap<String, String>,
    /// In UTC, without saying so.
    pub(in super::super) created_at: Option<String>,
}

/// Only those that are in force.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Attachment {
    pub(in super::super) server_id: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct VolumeAnswer {
    pub(in super::super) volume: Volume,
}

#[derive(Deserialize)]
pub(in super::super) struct Volumes {
    volumes: Vec<Volume>,
    #[serde(default)]
    volumes_links: Vec<Link>,
}

impl Page for Volumes {
    type Item = Volume;

    fn split(self) -> (Vec<Volume>, Option<String>) {
        (self.volumes, next(self.volumes_links))
    }
}

#[derive(Serialize)]
pub(in super::super) struct VolumeRequest<'a> {
    pub(in super::super) volume: NewVolume<'a>,
}

/// Of the usual type, wherever the scheduler likes.
#[derive(Serialize)]
pub(in super::super) struct NewVolume<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) description: Option<&'a str>,
    pub(in super::super) metadata: BTreeMap<&'static str, &'a str>,
}

/// What `POST /volumes/{id}/action` takes, by the name of the action.
#[derive(Serialize)]
pub(in super::super) enum VolumeActionRequest {
    #[serde(rename = "os-extend")]
    Extend { new_size: u64 },
}

/// `POST /servers/{id}/os-volume_attachments`, which is Nova's.
#[derive(Serialize)]
pub(in super::super) struct AttachmentRequest<'a> {
    #[serde(rename = "volumeAttachment")]
    pub(in super::super) attachment: NewAttachment<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct NewAttachment<'a> {
    #[serde(rename = "volumeId")]
    pub(in super::super) volume: &'a str,
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
    #[serde(rename = "maxTotalVolumes", default = "unlimited")]
    pub(in super::super) most_volumes: i64,
    #[serde(rename = "totalVolumesUsed", default)]
    pub(in super::super) volumes: i64,
    #[serde(rename = "maxTotalVolumeGigabytes", default = "unlimited")]
    pub(in super::super) most_gigabytes: i64,
    #[serde(rename = "totalGigabytesUsed", default)]
    pub(in super::super) gigabytes: i64,
}
