//! What zones and recordsets have in common here: names end with a dot, and a change is accepted
//! some time before the name servers have it.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::{Observed, Readiness};
use crate::provider::{Class, Error};

use super::client::{ReadClient, Service, query};
use super::wire::designate::{Zone, Zones};

pub(super) const ZONES: &str = "/zones";

/// How long name servers are waited for. After that a change is taken for made: it was accepted,
/// and what is missing is no business of ours.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// A name as Designate writes it.
pub(super) fn with_dot(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

/// A name as we write it.
pub(super) fn without_dot(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The beginning of what is written on what we make.
const MARK: &str = "cloudbuilder:";

/// What is written on what we make.
pub(super) fn description(mark: Option<&str>) -> Option<String> {
    mark.map(|mark| format!("{MARK}{mark}"))
}

/// The lineage of the deployment that made it, if one did.
pub(super) fn owner(description: Option<&str>) -> Option<&str> {
    description?.strip_prefix(MARK)
}

/// How far a change has come. One that the name servers did not take is tried again by the
/// service, so it is no more lost than one that they do not have yet.
pub(super) fn readiness(status: &str) -> Readiness {
    match status {
        "ERROR" => Readiness::Pending("the name servers did not take it yet".to_owned()),
        "PENDING" => Readiness::Pending("the name servers do not have it yet".to_owned()),
        _ => Readiness::Ready,
    }
}

/// Takes what the name servers have not taken for too long as done, and says so.
pub(super) fn with_patience(
    client: &ReadClient,
    observed: Observed,
    what: &str,
    (status, since): (&str, Option<Timestamp>),
) -> Observed {
    let now = client.clock().unwrap_or_else(Timestamp::now);
    let is_late = since.is_none_or(|since| now.duration_since(since) > PATIENCE);
    if !is_late || !matches!(observed.readiness, Readiness::Pending(_)) {
        return observed;
    }
    client.note(match status {
        "ERROR" => format!(
            "{what} was accepted and is in ERROR: the name servers did not take it, and the \
             service tries again"
        ),
        _ => format!(
            "{what} was accepted and is still {status}: the name servers do not have it yet"
        ),
    });
    Observed {
        readiness: Readiness::Ready,
        ..observed
    }
}

/// When something was changed last. The times are in UTC and do not say so.
pub(super) fn changed_at(created: Option<&str>, updated: Option<&str>) -> Option<Timestamp> {
    let time: DateTime = updated.or(created)?.trim_end_matches('Z').parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The zone of that name, also one that is on its way out.
pub(super) async fn zone(client: &ReadClient, name: &str) -> Result<Option<Zone>, Error> {
    let path = format!("{ZONES}{}", query(&[("name", &with_dot(name))]));
    let found = client
        .pages::<Zones, _>(Service::Dns, &path, |zone| zone)
        .await?;
    // The filter takes `*` for anything.
    let is_it = |zone: &Zone| without_dot(&zone.name).eq_ignore_ascii_case(name);
    Ok(found.into_iter().find(is_it))
}

/// Whether it is on its way out.
pub(super) fn is_leaving(zone: &Zone) -> bool {
    zone.action == "DELETE"
}

/// The id of the zone of that name, asked for once.
pub(super) async fn zone_id(client: &ReadClient, name: &str) -> Result<Option<String>, Error> {
    if let Some(id) = client.zones().get(name) {
        return Ok(Some(id.clone()));
    }
    let found = zone(client, name).await?.filter(|zone| !is_leaving(zone));
    let id = found.map(|zone| zone.id);
    if let Some(id) = &id {
        client.zones().insert(name.to_owned(), id.clone());
    }
    Ok(id)
}

/// The same, where there must be one.
pub(super) async fn known_zone_id(client: &ReadClient, name: &str) -> Result<String, Error> {
    zone_id(client, name).await?.ok_or_else(|| {
        let message = format!("there is no zone {name} in the account");
        Error::new(Class::NotFound, "GET /zones", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_for_utc() {
        let at = |created, updated| changed_at(created, updated).map(|at| at.to_string());
        assert_eq!(
            at(
                Some("2026-11-26T15:09:37.000000"),
                Some("2026-11-26T15:09:40.000000")
            )
            .as_deref(),
            Some("2026-11-26T15:09:40Z")
        );
        assert_eq!(
            at(Some("2026-11-26T15:09:37.000000"), None).as_deref(),
            Some("2026-11-26T15:09:37Z")
        );
        assert_eq!(at(Some("soon"), None), None);
    }
}
