//! Backup policies: when backups would be taken. None ever is.

use super::droplets::find;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::links_and_meta;
use crate::sandbox::model::{Droplet, Millis, Policy, rfc3339};
use crate::sandbox::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const HOURS: [u8; 6] = [0, 4, 8, 12, 16, 20];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const WINDOW_HOURS: i64 = 4;
const HOUR: Millis = 3_600_000;

/// A policy as clients send it.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    plan: Option<String>,
    weekday: Option<String>,
    hour: Option<u8>,
}

/// Daily at a time of the service's choosing.
pub(super) fn usual() -> Policy {
    Policy {
        plan: "daily".into(),
        weekday: None,
        hour: Some(0),
    }
}

pub(super) fn checked(asked: Option<Asked>) -> Result<Policy, Refusal> {
    let Some(asked) = asked else {
        return Ok(usual());
    };
    let plan = asked.plan.unwrap_or_else(|| "daily".into());
    let refuse = |what: &str| Err(Refusal::unprocessable(format!("Backup policy {what}")));
    if plan != "daily" && plan != "weekly" {
        return refuse("plan must be daily or weekly.");
    }
    let hour = asked.hour.unwrap_or(0);
    if !HOURS.contains(&hour) {
        return refuse("hour must be one of 0, 4, 8, 12, 16, 20.");
    }
    let weekday = match asked.weekday {
        _ if plan == "daily" => None,
        None => Some("SUN".to_owned()),
        Some(day) if DAYS.contains(&day.as_str()) => Some(day),
        Some(_) => return refuse("weekday must be one of SUN, MON, TUE, WED, THU, FRI, SAT."),
    };
    Ok(Policy {
        plan,
        weekday,
        hour: Some(hour),
    })
}

#[derive(Serialize)]
pub(super) struct Window {
    start: String,
    end: String,
}

/// The first window of the policy that begins after `now`.
pub(super) fn next_window(policy: &Policy, now: Millis) -> Window {
    let day = 24 * HOUR;
    let midnight = now.div_euclid(day) * day;
    let mut start = midnight + Millis::from(policy.hour.unwrap_or(0)) * HOUR;
    // The first day of 1970 was a Thursday.
    let wanted = policy
        .weekday
        .as_ref()
        .and_then(|day| DAYS.iter().position(|name| name == day));
    for _ in 0..8 {
        let weekday = (start.div_euclid(day) + 4).rem_euclid(7);
        let right_day = wanted.is_none_or(|wanted| usize::try_from(weekday) == Ok(wanted));
        if start > now && right_day {
            break;
        }
        start += day;
    }
    Window {
        start: rfc3339(start),
        end: rfc3339(start + WINDOW_HOURS * HOUR),
    }
}

fn record(droplet: &Droplet, now: Millis) -> Value {
    let Some(policy) = &droplet.backups else {
        return json!({"droplet_id": droplet.id, "backup_enabled": false});
    };
    let weekly = policy.plan == "weekly";
    let mut shown = Map::new();
    shown.insert("plan".into(), policy.plan.clone().into());
    if let Some(weekday) = &policy.weekday {
        shown.insert("weekday".into(), weekday.clone().into());
    }
    shown.insert("hour".into(), policy.hour.unwrap_or(0).into());
    shown.insert("window_length_hours".into(), WINDOW_HOURS.into());
    let kept = if weekly { 28 } else { 7 };
    shown.insert("retention_period_days".into(), kept.into());
    json!({
        "droplet_id": droplet.id,
        "backup_enabled": true,
        "backup_policy": shown,
        "next_backup_window": next_window(policy, now),
    })
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?;
    Answer::object(200, "policy", &record(droplet, world.now))
}

/// All policies, as an object by Droplet id.
pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let with = || {
        world
            .droplets
            .values()
            .filter(|droplet| droplet.backups.is_some())
    };
    let policies: Map<String, Value> = with()
        .map(|droplet| (droplet.id.to_string(), record(droplet, world.now)))
        .collect();
    let total = policies.len();
    let mut body = format!("{{\"policies\":{},", Value::Object(policies)).into_bytes();
    body.extend_from_slice(&links_and_meta(call, total));
    Ok(Answer { status: 200, body })
}

pub(in crate::sandbox) fn supported(_: &mut World, _: &Call) -> Outcome {
    let policies = json!([
        {
            "name": "weekly",
            "possible_window_starts": HOURS,
            "window_length_hours": WINDOW_HOURS,
            "retention_period_days": 28,
            "possible_days": DAYS,
        },
        {
            "name": "daily",
            "possible_window_starts": HOURS,
            "window_length_hours": WINDOW_HOURS,
            "retention_period_days": 7,
            "possible_days": [],
        },
    ]);
    Answer::object(200, "supported_policies", &policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: Value) -> Result<Policy, u16> {
        checked(serde_json::from_value(value).unwrap()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn policies_are_daily_unless_said_and_hours_are_few() {
        assert_eq!(asked(Value::Null), Ok(usual()));
        assert_eq!(asked(json!({"plan": "hourly"})), Err(422));
        assert_eq!(asked(json!({"hour": 3})), Err(422));
        assert_eq!(
            asked(json!({"plan": "weekly", "weekday": "Monday"})),
            Err(422)
        );
        let weekly = asked(json!({"plan": "weekly", "weekday": "MON", "hour": 8})).unwrap();
        assert_eq!(
            (weekly.weekday.as_deref(), weekly.hour),
            (Some("MON"), Some(8))
        );
    }

    #[test]
    fn the_next_window_is_on_the_right_day() {
        let weekly = Policy {
            plan: "weekly".into(),
            weekday: Some("MON".into()),
            hour: Some(8),
        };
        // A Thursday at noon.
        let window = next_window(&weekly, 12 * HOUR);
        assert_eq!(window.start, "1970-01-05T08:00:00Z");
        assert_eq!(window.end, "1970-01-05T12:00:00Z");
        assert_eq!(next_window(&usual(), 0).start, "1970-01-02T00:00:00Z");
    }
}
