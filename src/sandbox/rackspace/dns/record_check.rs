//! What a record may be (`general-api-info/supported-record-types.rst`, and the tables of the
//! operations on records).

use super::super::model::NewRecord;
use super::{LEAST_TTL, LONGEST_COMMENT, number};
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

const KINDS: [&str; 7] = ["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"];

/// Reads a record to be. Everything that is wrong with it is said.
pub(super) fn new_record(zone: &str, asked: &Value, problems: &mut Vec<String>) -> NewRecord {
    let text = |key: &str| asked.get(key).and_then(Value::as_str).map(str::to_owned);
    let before = problems.len();
    if asked.get("id").is_some() {
        problems.push("Must not provide an id for a new record.".into());
    }
    let kind = text("type").unwrap_or_default();
    if !KINDS.contains(&kind.as_str()) {
        problems.push(format!("{kind:?} is not a supported record type."));
    }
    let name = text("name").map_or_else(|| zone.to_owned(), |name| name.to_ascii_lowercase());
    if !within(&name, zone) {
        problems.push(format!("{name:?} is not a name in the domain {zone}."));
    }
    let ttl = ttl(asked, problems);
    let comment = comment(asked, problems);
    let priority = priority(asked, problems);
    let data = text("data").unwrap_or_default();
    let record = NewRecord {
        data: stored(&kind, &data),
        kind,
        name,
        priority,
        ttl,
        comment,
    };
    if problems.len() == before {
        problems.extend(wrong_data(&record.kind, &record.data));
        problems.extend(wrong_priority(&record.kind, record.priority));
    }
    record
}

/// The time to live, where it is said.
pub(super) fn ttl(asked: &Value, problems: &mut Vec<String>) -> Option<u32> {
    let most = u64::from(i32::MAX.unsigned_abs());
    match number(asked.get("ttl")) {
        Ok(None) => None,
        Ok(Some(ttl)) if ttl >= u64::from(LEAST_TTL) && ttl <= most => u32::try_from(ttl).ok(),
        _ => {
            problems.push(format!("TTL must be at least {LEAST_TTL} seconds."));
            None
        }
    }
}

/// The comment, where there is one.
pub(super) fn comment(asked: &Value, problems: &mut Vec<String>) -> Option<String> {
    let comment = asked.get("comment")?.as_str()?.to_owned();
    if comment.chars().count() > LONGEST_COMMENT {
        problems.push(format!(
            "A comment has at most {LONGEST_COMMENT} characters."
        ));
    }
    Some(comment)
}

pub(super) fn priority(asked: &Value, problems: &mut Vec<String>) -> Option<u16> {
    match number(asked.get("priority")).map(|priority| priority.map(u16::try_from)) {
        Ok(None) => None,
        Ok(Some(Ok(priority))) => Some(priority),
        _ => {
            problems.push("Priority must be a number from 0 to 65535.".into());
            None
        }
    }
}

/// The data as the service keeps it: quotes and backslashes do not survive in a text.
pub(super) fn stored(kind: &str, data: &str) -> String {
    if kind == "TXT" {
        data.replace(['"', '\\'], "")
    } else {
        data.to_owned()
    }
}

/// What is wrong with the data of a record of this kind.
pub(super) fn wrong_data(kind: &str, data: &str) -> Option<String> {
    let good = match kind {
        "A" => data.parse::<Ipv4Addr>().is_ok(),
        "AAAA" => data.parse::<Ipv6Addr>().is_ok(),
        "CNAME" | "MX" | "NS" => is_host(data),
        "SRV" => is_service(data),
        _ => !data.is_empty(),
    };
    (!good).then(|| format!("{data:?} is not valid data of a record of type {kind}."))
}

/// MX and SRV have a priority, others have none.
pub(super) fn wrong_priority(kind: &str, priority: Option<u16>) -> Option<String> {
    match (matches!(kind, "MX" | "SRV"), priority) {
        (true, None) => Some(format!("A record of type {kind} needs a priority.")),
        (false, Some(_)) => Some(format!("A record of type {kind} has no priority.")),
        _ => None,
    }
}

/// Weight, port and target; fewer fields lack the first ones.
fn is_service(data: &str) -> bool {
    let fields: Vec<&str> = data.split_ascii_whitespace().collect();
    match fields.as_slice() {
        [target] => is_host(target),
        [port, target] => port.parse::<u16>().is_ok() && is_host(target),
        [weight, port, target, ..] => {
            weight.parse::<u16>().is_ok() && port.parse::<u16>().is_ok() && is_host(target)
        }
        [] => false,
    }
}

/// Whether a name is the zone's or below it; the first label may be a star.
fn within(name: &str, zone: &str) -> bool {
    if name == zone {
        return true;
    }
    let Some(labels) = name
        .strip_suffix(zone)
        .and_then(|labels| labels.strip_suffix('.'))
    else {
        return false;
    };
    let labels = labels.strip_prefix("*.").unwrap_or(labels);
    name.len() <= 253 && (labels == "*" || labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A host by name, which needs no dot at the end.
pub(super) fn is_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

/// A domain's name: two labels at least, of letters, digits and inner hyphens.
pub(super) fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        is_label(label) && !label.contains('_') && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(record: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        new_record("example.com", record, &mut problems);
        problems
    }

    #[test]
    fn what_is_in_order_is_taken() {
        for record in [
            json!({"type": "A", "name": "www.example.com", "data": "192.0.2.1"}),
            json!({"type": "AAAA", "data": "2001:db8::1", "ttl": 300}),
            json!({"type": "CNAME", "name": "_x.a_b.example.com", "data": "example.com"}),
            json!({"type": "MX", "name": "example.com", "data": "mail.example.com", "priority": 0}),
            json!({"type": "SRV", "name": "_sip._tcp.example.com", "data": "1 5060 sip.example.com", "priority": 30}),
            json!({"type": "TXT", "name": "*.example.com", "data": "v=spf1 -all", "ttl": "600"}),
        ] {
            assert_eq!(problems(&record), Vec::<String>::new(), "{record}");
        }
    }

    #[test]
    fn what_is_not_is_named() {
        for (record, what) in [
            (
                json!({"type": "A", "name": "www", "data": "192.0.2.1"}),
                "not a name in",
            ),
            (
                json!({"type": "A", "name": "www.example.com.", "data": "192.0.2.1"}),
                "not a name in",
            ),
            (
                json!({"type": "A", "name": "wwwexample.com", "data": "192.0.2.1"}),
                "not a name in",
            ),
            (
                json!({"type": "A", "data": "2001:db8::1"}),
                "not valid data",
            ),
            (
                json!({"type": "A", "data": "192.0.2.1", "ttl": 299}),
                "at least 300",
            ),
            (
                json!({"type": "A", "data": "192.0.2.1", "priority": 1}),
                "no priority",
            ),
            (
                json!({"type": "MX", "data": "mail.example.com"}),
                "needs a priority",
            ),
            (
                json!({"type": "CAA", "data": "0 issue x"}),
                "not a supported",
            ),
            (
                json!({"type": "A", "data": "192.0.2.1", "id": "A-1"}),
                "id for a new",
            ),
            (
                json!({"type": "A", "data": "192.0.2.1", "comment": "c".repeat(161)}),
                "160",
            ),
        ] {
            let problems = problems(&record);
            assert!(
                problems.len() == 1 && problems[0].contains(what),
                "{record}: {problems:?}"
            );
        }
    }

    #[test]
    fn quotes_do_not_survive_in_a_text() {
        assert_eq!(stored("TXT", "\"a\\\"b\""), "ab");
        assert_eq!(stored("CNAME", "a.b"), "a.b");
    }
}
