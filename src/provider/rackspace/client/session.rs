//! What a login gives: a token, until when, and where the services are.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::provider::http::allowed;
use crate::provider::{Class, Error};

use super::super::wire::{Access, Endpoint, Service};

/// Cloud Servers: several services are of the type `compute`, and only this one is what is meant.
const SERVERS: &str = "cloudServersOpenStack";
/// Cloud DNS, which is the same in all regions.
const DNS: &str = "cloudDNS";

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// A token with less than this left is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// One login, as long as its token lives.
#[derive(Debug)]
pub(super) struct Session {
    /// The headers that prove who is asking.
    pub(super) proof: HeaderMap,
    /// When to log in again; `None` if only a refusal will tell.
    stale: Option<Instant>,
    /// The account's number.
    pub(super) tenant: Option<String>,
    default_region: Option<String>,
    services: Vec<Service>,
}

impl Session {
    /// # Errors
    /// If there is nothing in it that a header could carry.
    pub(super) fn new(access: Access, now: Timestamp) -> Result<Self, String> {
        let mut token = HeaderValue::try_from(access.token.id)
            .map_err(|_| "the token holds characters that no header can carry".to_owned())?;
        token.set_sensitive(true);
        let left = access.token.expires.and_then(|text| left(&text, now));
        // One that lives no longer than the margin would be asked for with every request.
        let left = left.filter(|left| *left > 2 * MARGIN);
        let of_token = access.token.tenant.map(|tenant| tenant.id);
        let of_servers = || {
            let servers = access.services.iter().find(|one| one.name == SERVERS)?;
            servers.endpoints.iter().find_map(|one| one.tenant.clone())
        };
        Ok(Self {
            proof: HeaderMap::from_iter([(TOKEN, token)]),
            stale: left.map(|left| Instant::now() + left - MARGIN),
            tenant: of_token.or_else(of_servers),
            default_region: access.user.and_then(|user| user.default_region),
            services: access.services,
        })
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.stale.is_none_or(|stale| Instant::now() < stale)
    }

    /// Where Cloud DNS is.
    pub(super) fn dns(&self) -> Result<Url, Error> {
        let endpoints = self.endpoints(DNS)?;
        let anywhere = endpoints.iter().find(|one| one.region.is_none());
        address(DNS, anywhere.or_else(|| endpoints.first()))
    }

    /// The region of the servers, as the catalog spells it: the one that is `wanted`, or else the
    /// user's own, or else the only one.
    pub(super) fn region(&self, wanted: Option<&str>) -> Result<&str, Error> {
        self.servers_in(wanted).map(|(region, _)| region)
    }

    /// Where Cloud Servers is.
    pub(super) fn servers(&self, wanted: Option<&str>) -> Result<Url, Error> {
        let (_, endpoint) = self.servers_in(wanted)?;
        address(SERVERS, Some(endpoint))
    }

    fn servers_in(&self, wanted: Option<&str>) -> Result<(&str, &Endpoint), Error> {
        let with_region = |one: &'_ Endpoint| one.region.is_some();
        let endpoints = self.endpoints(SERVERS)?;
        let endpoints: Vec<(&str, &Endpoint)> = endpoints
            .iter()
            .filter(|one| with_region(one))
            .filter_map(|one| Some((one.region.as_deref()?, one)))
            .collect();
        let find = |region: &str| {
            let mut all = endpoints.iter();
            all.find(|(name, _)| name.eq_ignore_ascii_case(region))
                .copied()
        };
        let regions: Vec<&str> = endpoints.iter().map(|(region, _)| *region).collect();
        let regions = regions.join(", ");
        if let Some(wanted) = wanted {
            return find(wanted).ok_or_else(|| {
                unusable(format!(
                    "this account has no servers in the region {wanted}; its regions are {regions}"
                ))
            });
        }
        let own = self.default_region.as_deref().and_then(find);
        let only = match endpoints.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        own.or(only).ok_or_else(|| {
            unusable(format!(
                "this user has no region of its own: name one for the account in cloud.json, of \
                 {regions}"
            ))
        })
    }

    fn endpoints(&self, name: &str) -> Result<&[Endpoint], Error> {
        let service = self.services.iter().find(|one| one.name == name);
        let endpoints = service.map(|service| service.endpoints.as_slice());
        let endpoints = endpoints.filter(|endpoints| !endpoints.is_empty());
        endpoints.ok_or_else(|| unusable(format!("this account does not have the service {name}")))
    }
}

/// The token goes there: it must be an address that one may be sent to.
fn address(service: &str, endpoint: Option<&Endpoint>) -> Result<Url, Error> {
    let url = endpoint.and_then(|one| one.public_url.as_deref());
    let url = url.ok_or_else(|| unusable(format!("no address is given for {service}")))?;
    // Joining replaces what comes after the last slash.
    let mut url = allowed(url.trim_end_matches('/')).map_err(unusable)?;
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn unusable(message: String) -> Error {
    Error::new(Class::Rejected, "the catalog of Rackspace", message)
}

/// How long until then; an instant may have any offset.
fn left(text: &str, now: Timestamp) -> Option<Duration> {
    let expires: Timestamp = text.trim().parse().ok()?;
    Duration::try_from(expires.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::rackspace::wire::AccessAnswer;
    use serde_json::{Value as Json, json};

    fn now() -> Timestamp {
        "2026-11-22T21:46:30Z".parse().unwrap()
    }

    fn session(user: &Json, expires: &str, regions: &[&str]) -> Session {
        let of_region = |region: &&str| {
            let low = region.to_ascii_lowercase();
            json!({"region": region, "tenantId": "123456", "versionId": "2",
                "publicURL": format!("https://{low}.servers.example/v2/123456")})
        };
        let of_regions: Vec<Json> = regions.iter().map(of_region).collect();
        let answer = json!({"access": {
            "token": {"id": "d74f", "expires": expires, "tenant": {"id": 123_456}},
            "user": user,
            "serviceCatalog": [
                {"name": "cloudServers", "type": "compute",
                    "endpoints": [{"publicURL": "https://servers.example/v1.0/123456"}]},
                {"name": "cloudServersOpenStack", "type": "compute", "endpoints": of_regions},
                {"name": "cloudDNS", "type": "rax:dns", "endpoints": [
                    {"tenantId": "123456", "publicURL": "https://dns.example/v1.0/123456"}]},
            ],
        }});
        let answer: AccessAnswer = serde_json::from_value(answer).unwrap();
        Session::new(answer.access, now()).unwrap()
    }

    #[test]
    fn services_are_chosen_by_name_and_region() {
        let user = json!({"name": "fredy", "RAX-AUTH:defaultRegion": "IAD"});
        let session = session(&user, "2026-11-23T21:46:30.999Z", &["DFW", "IAD"]);
        assert_eq!(session.tenant.as_deref(), Some("123456"));
        assert_eq!(
            session.dns().unwrap().as_str(),
            "https://dns.example/v1.0/123456/"
        );
        let servers = |wanted| session.servers(wanted).map(|url| url.to_string());
        assert_eq!(
            servers(None).unwrap(),
            "https://iad.servers.example/v2/123456/"
        );
        assert_eq!(
            servers(Some("dfw")).unwrap(),
            "https://dfw.servers.example/v2/123456/"
        );
        assert_eq!(session.region(Some("dfw")).unwrap(), "DFW");
        let error = servers(Some("LON")).unwrap_err().to_string();
        assert!(error.contains("DFW, IAD"), "{error}");
    }

    #[test]
    fn a_user_without_a_region_takes_the_only_one() {
        let one = session(&Json::Null, "", &["LON"]);
        assert_eq!(one.region(None).unwrap(), "LON");
        let two = session(&Json::Null, "", &["DFW", "IAD"]);
        let error = two.region(None).unwrap_err().to_string();
        assert!(
            error.contains("cloud.json") && error.contains("DFW, IAD"),
            "{error}"
        );
        let none = session(&Json::Null, "", &[]);
        let error = none.servers(None).unwrap_err().to_string();
        assert!(error.contains(SERVERS), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_given_up_before_it_expires() {
        // Five minutes, told with another offset.
        let session = session(&Json::Null, "2026-11-22T16:51:30.000-05:00", &["DFW"]);
        assert!(session.is_fresh());
        tokio::time::advance(Duration::from_secs(239)).await;
        assert!(session.is_fresh());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!session.is_fresh());
    }

    #[test]
    fn a_token_goes_to_no_address_without_encryption() {
        let endpoint = Endpoint {
            region: None,
            tenant: None,
            public_url: Some("http://dns.example/v1.0/123456".to_owned()),
        };
        assert!(address(DNS, Some(&endpoint)).is_err());
    }
}
