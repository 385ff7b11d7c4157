//! When Droplets are backed up. A Droplet's own page says only whether it is.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::model::{Attributes, Money, Observed};
use crate::provider::{Error, Scope, Target};
use crate::resource::server::{
    BACKUP_POLICY, BACKUPS, DAILY_BACKUPS_PERCENT, LOCKED, WEEKLY_BACKUPS_PERCENT,
};

use super::super::client::ReadClient;
use super::super::wire::{BackupPolicies, BackupPolicyAnswer, BackupPolicyRecord};
use super::DROPLETS;

/// The actions that give a Droplet another policy.
const CHANGES: [&str; 2] = ["enable_backups", "change_backup_policy"];

/// Tells of all that were listed when they are backed up, if cloud.json asks for that of any, or
/// somebody wants to know all.
pub(super) async fn of_listed(
    client: &ReadClient,
    scope: Scope<'_>,
    found: &mut [Observed],
) -> Result<(), Error> {
    let mut desired = scope.desired.iter();
    let is_asked_for = desired.any(|one| one.attributes.contains_key(BACKUP_POLICY));
    let mut backed_up = found.iter().map(|server| server.attributes.get(BACKUPS));
    let is_of_interest = scope.in_full && backed_up.any(|backups| backups == Some(&true.into()));
    if !is_asked_for && !is_of_interest {
        return Ok(());
    }
    let path = format!("{DROPLETS}/backups/policies");
    let by_id = |record: BackupPolicyRecord| (record.droplet_id.to_string(), normal(record));
    let policies = client.pages::<BackupPolicies, _>(&path, by_id).await?;
    let policies: HashMap<String, Json> = policies.into_iter().collect();
    for server in found {
        let policy = policies.get(&server.id).cloned().unwrap_or_default();
        tell(server, policy);
    }
    Ok(())
}

/// The same of those that were looked at and have such a policy, or are getting one.
pub(super) async fn of_seen(
    client: &ReadClient,
    targets: &[Target<'_>],
    seen: &mut [Observed],
) -> Result<(), Error> {
    let asked: HashMap<&str, &Attributes> = targets
        .iter()
        .map(|target| (target.id, target.attributes))
        .collect();
    for server in seen {
        let asked = asked.get(server.id.as_str());
        let has_one = asked.is_some_and(|attributes| attributes.contains_key(BACKUP_POLICY));
        let change = client.changes().on(&server.id);
        let gets_one = change.is_some_and(|change| CHANGES.contains(&change.kind));
        if (has_one || gets_one) && !server.attributes.contains_key(LOCKED) {
            of_one(client, server).await?;
        }
    }
    Ok(())
}

/// The same of one.
pub(super) async fn of_one(client: &ReadClient, server: &mut Observed) -> Result<(), Error> {
    let is_on = server.attributes.get(BACKUPS) == Some(&true.into());
    let policy = match is_on {
        false => Json::Null,
        true => {
            let path = format!("{DROPLETS}/{}/backups/policy", server.id);
            let answer: Option<BackupPolicyAnswer> = client.find(&path).await?;
            answer.map_or(Json::Null, |answer| normal(answer.policy))
        }
    };
    tell(server, policy);
    Ok(())
}

fn tell(server: &mut Observed, policy: Json) {
    let plan = policy.get("plan").and_then(Json::as_str);
    // What it costs was told as if they were daily.
    if let Some(monthly) = server.monthly.filter(|_| plan == Some("weekly")) {
        let [daily, weekly] = [DAILY_BACKUPS_PERCENT, WEEKLY_BACKUPS_PERCENT];
        let [daily, weekly] =
            [daily, weekly].map(|percent| Money::from_dollars(1.0).percent(100 + percent));
        server.monthly = Some(Money::from_dollars(
            monthly.dollars() * weekly.dollars() / daily.dollars(),
        ));
    }
    server.attributes.insert(BACKUP_POLICY.to_owned(), policy);
}

/// A policy as cloud.json means it, however much more the API says.
fn normal(record: BackupPolicyRecord) -> Json {
    let Some(policy) = record.backup_policy else {
        return Json::Null;
    };
    match policy.weekday {
        Some(weekday) if policy.plan == "weekly" => {
            json!({"plan": policy.plan, "weekday": weekday, "hour": policy.hour})
        }
        _ => json!({"plan": policy.plan, "hour": policy.hour}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_one_form_whatever_else_is_said() {
        let told = |policy: Json| {
            let record = json!({"droplet_id": 7, "backup_enabled": true, "backup_policy": policy});
            normal(serde_json::from_value(record).unwrap())
        };
        assert_eq!(
            told(json!({"plan": "daily", "weekday": "SUN", "hour": 4, "window_length_hours": 4})),
            json!({"plan": "daily", "hour": 4})
        );
        assert_eq!(
            told(json!({"plan": "weekly", "weekday": "MON", "hour": 0})),
            json!({"plan": "weekly", "weekday": "MON", "hour": 0})
        );
        assert_eq!(told(Json::Null), Json::Null);
    }
}
