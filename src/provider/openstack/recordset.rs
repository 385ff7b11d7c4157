//! What a recordset holds, as records: one value of it is one record to us.

use serde_json::Value as Json;

use crate::model::{Attributes, Observed, RecordData, quoted_text, unquoted_text};
use crate::provider::adapter::required;
use crate::provider::matching::{RecordKey, spelled};
use crate::provider::{Class, Error, Target};
use crate::resource::record::{DATA, KIND, NAME, SEVERAL, TTL, TYPE, ZONE};

use super::dns;
use super::wire::designate::RecordSet;

/// A record that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) key: RecordKey<'a>,
    pub(super) data: &'a str,
    /// In seconds, where one is asked for.
    pub(super) ttl: Option<u64>,
    /// Whether others of its name and type are asked for too.
    pub(super) one_of_several: bool,
}

impl<'a> Record<'a> {
    pub(super) fn of(attributes: &'a Attributes) -> Result<Self, Error> {
        Ok(Self {
            key: RecordKey::of(attributes)?,
            data: required(attributes, DATA)?,
            ttl: attributes.get(TTL).and_then(Json::as_u64),
            one_of_several: attributes.get(SEVERAL) == Some(&true.into()),
        })
    }

    /// It, among what a recordset holds.
    pub(super) fn among(&self, set: &RecordSet) -> Result<Observed, Error> {
        let found = from_wire(self.key.zone, set);
        let data = canonical(self.key.record_type, self.data);
        let is_it = |record: &Observed| {
            record.text(DATA) == Some(&data) && record.text(NAME) == Some(self.key.name)
        };
        found.into_iter().find(is_it).ok_or_else(|| {
            let message = format!("the answer does not have {} → {data}", self.key.name);
            Error::new(Class::Ambiguous, "recordset", message)
        })
    }
}

/// The values of a recordset, with one more and without another. All others stay as they are
/// written.
pub(super) fn with_and_without(
    set: &RecordSet,
    with: Option<&str>,
    without: Option<&str>,
) -> Vec<String> {
    let is = |value: &str, other: Option<&str>| {
        let record_type = &set.record_type;
        other.is_some_and(|other| canonical(record_type, value) == canonical(record_type, other))
    };
    let others = set.records.iter();
    let others = others.filter(|value| !is(value, with) && !is(value, without));
    let mut values: Vec<String> = others.cloned().collect();
    values.extend(with.map(|value| to_wire(&set.record_type, value)));
    values
}

/// A recordset's id and one of its values, of which a record's id is made.
pub(super) fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

/// Which of a set's values is `value`.
pub(super) fn recorded_as(set: &RecordSet, value: &str) -> Option<usize> {
    let is_it =
        |other: &String| canonical(&set.record_type, other) == canonical(&set.record_type, value);
    set.records.iter().position(is_it)
}

/// The place of a set's value, if it has just one.
pub(super) fn the_only(set: &RecordSet) -> Option<usize> {
    (set.records.len() == 1).then_some(0)
}

/// Which of a set's values is the one that was recorded as `value`: it, or what it was changed to
/// in a set that the deployment `mark` made.
pub(super) fn known_as(set: &RecordSet, value: &str, mark: Option<&str>) -> Option<usize> {
    let is_ours = mark.is_some() && dns::owner(set.description.as_deref()) == mark;
    let changed = || the_only(set).filter(|_| is_ours);
    recorded_as(set, value).or_else(changed)
}

/// Which of a set's values a record is that may have changed since its id was given: the one in its
/// id, the one that was last known of it, or what [`known_as`] tells.
pub(super) fn place_of(set: &RecordSet, target: Target<'_>, mark: &str) -> Option<usize> {
    let (_, value) = parts(target.id);
    let last = target.attributes.get(DATA).and_then(|data| data.as_str());
    recorded_as(set, value)
        .or_else(|| recorded_as(set, last?))
        .or_else(|| known_as(set, value, Some(mark)))
}

/// A name that leads to a server leads there alone, unless several addresses are asked for. A plan stops at whatever else it leads to; what
/// came since then, an apply must not be put beside.
///
/// # Errors
/// What it leads to.
pub(super) fn refuse_beside(record: Record<'_>, set: &RecordSet) -> Result<(), Error> {
    let is_ours = |value: &&String| {
        canonical(record.key.record_type, value) == canonical(record.key.record_type, record.data)
    };
    let others: Vec<&str> = set
        .records
        .iter()
        .filter(|value| !is_ours(value))
        .map(String::as_str)
        .collect();
    let is_alone = matches!(record.key.record_type, "A" | "AAAA" | "CNAME");
    if others.is_empty() || !is_alone || record.one_of_several {
        return Ok(());
    }
    let message = format!(
        "{} {} leads to {} by now",
        record.key.name,
        record.key.record_type,
        others.join(" and ")
    );
    Err(Error {
        advice: Some("run plan to see what is there now"),
        ..Error::new(
            Class::Rejected,
            format!("PUT recordset {}", set.id),
            message,
        )
    })
}

/// A value in its one spelling.
fn canonical(record_type: &str, data: &str) -> String {
    let data = data.trim();
    match record_type {
        "A" | "AAAA" => spelled(data),
        "PTR" => dns::without_dot(data),
        "TXT" => unquoted_text(data),
        _ => RecordData::spelled(record_type, data),
    }
}

/// A value as Designate wants it.
pub(super) fn to_wire(record_type: &str, data: &str) -> String {
    match record_type {
        "CNAME" | "NS" | "PTR" | "MX" | "SRV" => dns::with_dot(&canonical(record_type, data)),
        "TXT" => quoted_text(&canonical(record_type, data)),
        _ => canonical(record_type, data),
    }
}

/// One record for each value.
pub(super) fn from_wire(zone: &str, set: &RecordSet) -> Vec<Observed> {
    if set.action == "DELETE" {
        return Vec::new();
    }
    let name = dns::without_dot(&set.name);
    // Of several values nobody can tell whose each of them is.
    let owner = dns::owner(set.description.as_deref()).filter(|_| the_only(set).is_some());
    let of_value = |value: &String| {
        let data = canonical(&set.record_type, value);
        let ttl = set.ttl.map(|ttl| (TTL.to_owned(), ttl.into()));
        let mut attributes = Attributes::from([
            (ZONE.to_owned(), zone.into()),
            (NAME.to_owned(), name.as_str().into()),
            (TYPE.to_owned(), set.record_type.as_str().into()),
            (DATA.to_owned(), data.as_str().into()),
        ]);
        attributes.extend(ttl);
        Observed {
            kind: KIND.name,
            account: Default::default(),
            id: format!("{}/{data}", set.id),
            attributes,
            owners: owner.map(ToOwned::to_owned).into_iter().collect(),
            readiness: dns::readiness(&set.status),
            monthly: None,
            created: None,
        }
    };
    set.records.iter().map(of_value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Readiness;
    use crate::provider::openstack::wire::Page as _;
    use crate::provider::openstack::wire::designate::RecordSets;

    fn recorded() -> RecordSet {
        let text = include_str!("../../../fixtures/openstack/recordset_created.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_value_is_a_record_of_its_own() {
        let mut set = recorded();
        set.records.push("203.0.113.8".to_owned());
        let records = from_wire("rec.test", &set);
        let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(parts(ids[0]), (set.id.as_str(), "203.0.113.7"));
        assert_eq!(parts(ids[1]), (set.id.as_str(), "203.0.113.8"));
        assert_eq!(records[0].text(NAME), Some("www.rec.test"));
        assert!(matches!(records[0].readiness, Readiness::Pending(_)));
        set.status = "ERROR".to_owned();
        // The service tries again.
        let refused = from_wire("rec.test", &set);
        assert!(matches!(refused[0].readiness, Readiness::Pending(_)));
        assert!(refused.iter().all(|record| record.owners.is_empty()));
        set.records.truncate(1);
        assert_eq!(from_wire("rec.test", &set)[0].owners, ["x"]);
        set.action = "DELETE".to_owned();
        assert_eq!(from_wire("rec.test", &set), []);
    }

    #[test]
    fn what_others_put_into_a_set_stays() {
        let mut set = recorded();
        set.records = vec!["203.0.113.9".to_owned(), "203.0.113.7".to_owned()];
        let values = |with, without| with_and_without(&set, with, without).join(" ");
        assert_eq!(
            values(Some("203.0.113.8"), None),
            "203.0.113.9 203.0.113.7 203.0.113.8"
        );
        assert_eq!(
            values(Some("203.0.113.8"), Some("203.0.113.7")),
            "203.0.113.9 203.0.113.8"
        );
        assert_eq!(
            values(Some("203.0.113.9"), Some("203.0.113.7")),
            "203.0.113.9"
        );
        assert_eq!(values(None, Some("203.0.113.7")), "203.0.113.9");
        assert_eq!(values(None, Some("203.0.113.1")), "203.0.113.9 203.0.113.7");
    }

    #[test]
    fn values_are_compared_in_one_spelling() {
        for (record_type, there, ours, sent) in [
            ("AAAA", "2001:DB8:0:0::1", "2001:db8::1", "2001:db8::1"),
            ("CNAME", "Web1.acme.com.", "web1.acme.com", "web1.acme.com."),
            (
                "MX",
                "10 mail.acme.com.",
                "10 mail.acme.com",
                "10 mail.acme.com.",
            ),
            ("TXT", "\"a.\"", "a.", "\"a.\""),
            ("TXT", "\"a\\\"b\" \"c\"", "a\"bc", "\"a\\\"bc\""),
            ("NS", "NS1.acme.com.", "ns1.acme.com", "ns1.acme.com."),
            (
                "SRV",
                "0 5 5060 sip.acme.com.",
                "0 5 5060 sip.acme.com",
                "0 5 5060 sip.acme.com.",
            ),
            (
                "CAA",
                "0 issue \"ca.org\"",
                "0 issue \"ca.org\"",
                "0 issue \"ca.org\"",
            ),
        ] {
            assert_eq!(canonical(record_type, there), ours);
            assert_eq!(to_wire(record_type, ours), sent);
        }
    }

    #[test]
    fn a_recorded_page_is_read() {
        let text = include_str!("../../../fixtures/openstack/recordsets.json");
        let page: RecordSets = serde_json::from_str(text).unwrap();
        let (sets, next) = page.split();
        assert!(next.unwrap().contains("marker="));
        let records: Vec<Observed> = sets
            .iter()
            .flat_map(|set| from_wire("rec.test", set))
            .collect();
        // An empty set holds no record.
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].text(DATA), Some("ns1.cb.test"));
    }
}
