//! The services over HTTP: where each of them is, which version of its API is meant, and pages.
//! Private to this folder.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, OnceCell, OwnedMutexGuard};

use crate::provider::adapter::{self, Changing};
use crate::provider::http::{Http, Request, Setup, allowed, to_json};
use crate::provider::matching::RecordKey;
use crate::provider::{Allowance, Class, Error, Manner, Tempo};

use super::login::Login;
use super::moves::Moves;
use super::profile::Profile;
use super::resizes::Resizes;
use super::wire::Page;
use super::wire::nova::VersionAnswer;
use super::wire::{glance, neutron, nova};
pub(super) use crate::provider::http::query;
use identity::{Endpoint, Grant, Identity, V3};
use session::Session;

pub(in crate::provider) mod identity;
mod session;

/// As many items as are asked for on a page; a cloud may put fewer on it.
pub(super) const PER_PAGE: u64 = 1000;
/// More pages than this belong to a list that leads in a circle.
pub(in crate::provider) const MOST_PAGES: usize = 10_000;
const VERSION: HeaderName = HeaderName::from_static("openstack-api-version");
/// The version that is asked for where there is one: tags on a server from its creation, and its
/// flavor's name in it. Everything else is in the first one too.
const MICROVERSION: (u32, u32) = (2, 52);

/// A service of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Compute,
    Image,
    Network,
    Dns,
    Volume,
}

impl Service {
    /// What catalogs call it. Most say `volumev3` still for what `block-storage` is the name of now
    /// (openstack/service-types-authority).
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Compute => &["compute"],
            Self::Image => &["image"],
            Self::Network => &["network"],
            Self::Dns => &["dns"],
            Self::Volume => &["block-storage", "volumev3", "block-store"],
        }
    }

    fn is(self, name: &str) -> bool {
        self.names().contains(&name)
    }

    /// What follows the address of the catalog, if there is no version in it.
    fn version(self) -> &'static str {
        match self {
            Self::Compute => "v2.1",
            Self::Image | Self::Dns => "v2",
            Self::Network => "v2.0",
            Self::Volume => "v3",
        }
    }
}

/// Where the services are that a client speaks to.
pub(in crate::provider) struct Place<'a> {
    pub(in crate::provider) profile: Profile,
    /// Where a token is asked for.
    pub(in crate::provider) auth_url: &'a str,
    pub(in crate::provider) region: Option<String>,
    pub(in crate::provider) interface: &'a str,
    /// Certificates, in PEM, to trust besides the system's.
    pub(in crate::provider) also_trust: Option<&'a [u8]>,
}

/// Sends requests that only look.
pub(in crate::provider) struct ReadClient {
    http: Http<Session>,
    tempo: Tempo,
    profile: Profile,
    region: Option<String>,
    interface: String,
    /// Whether Nova takes [`MICROVERSION`].
    versioned: OnceCell<bool>,
    pub(super) flavors: OnceCell<Vec<nova::Flavor>>,
    pub(super) images: OnceCell<Vec<glance::Image>>,
    pub(super) networks: OnceCell<Vec<neutron::Network>>,
    pub(super) subnets: OnceCell<Vec<neutron::Subnet>>,
    pub(super) groups: OnceCell<Vec<neutron::SecurityGroup>>,
    /// The ids of zones by their names, as far as they were asked for.
    zones: Mutex<HashMap<String, String>>,
    resizes: Mutex<Resizes>,
    moves: Mutex<Moves>,
    /// Who writes to which recordset, by zone, name and type.
    sets: Mutex<HashMap<[String; 3], Arc<AsyncMutex<()>>>>,
    /// Who makes a security group.
    making_a_group: AsyncMutex<()>,
    notes: Mutex<BTreeSet<String>>,
}

/// Sends requests that change something.
pub(super) type WriteClient<'a> = Changing<'a, ReadClient>;

impl adapter::Client for ReadClient {
    const AT_ONCE: usize = 8;
}

impl ReadClient {
    /// A client of the cloud that `login` leads to.
    pub(super) fn new(login: &Login, manner: Manner) -> Result<Self, Error> {
        // Also by what the account is known in the state.
        let auth_url = identity::base_of(&login.auth_url);
        let place = Place {
            profile: login.profile,
            auth_url: &auth_url,
            region: login.region.clone(),
            interface: &login.interface,
            also_trust: login.also_trust.as_deref(),
        };
        Self::with(place, Box::new(V3::new(login)?), manner)
    }

    /// The same, with another way to log in.
    pub(in crate::provider) fn with(
        place: Place<'_>,
        identity: Box<dyn Identity>,
        manner: Manner,
    ) -> Result<Self, Error> {
        let refused = |message: String| {
            let message = identity.secret().scrub(&message);
            Error::new(Class::Rejected, "the address to log in at", message)
        };
        let address = allowed(place.auth_url.trim_end_matches('/')).map_err(refused)?;
        let setup = Setup {
            address,
            also_trust: place.also_trust,
            on_pause: manner.on_pause,
            tempo: manner.tempo,
        };
        Ok(Self {
            tempo: manner.tempo,
            http: Http::new(Session::new(identity, place.profile.credentials), setup)?,
            profile: place.profile,
            region: place.region,
            interface: place.interface.to_owned(),
            versioned: OnceCell::new(),
            flavors: OnceCell::new(),
            images: OnceCell::new(),
            networks: OnceCell::new(),
            subnets: OnceCell::new(),
            groups: OnceCell::new(),
            zones: Mutex::default(),
            resizes: Mutex::default(),
            moves: Mutex::default(),
            sets: Mutex::default(),
            making_a_group: AsyncMutex::default(),
            notes: Mutex::default(),
        })
    }

    /// Requests to services that only some clouds have go this way.
    pub(in crate::provider) fn http(&self) -> &Http<Session> {
        &self.http
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    pub(in crate::provider) fn sent(&self) -> u64 {
        self.http.sent()
    }

    pub(in crate::provider) fn clock(&self) -> Option<Timestamp> {
        self.http.clock()
    }

    pub(super) fn allowance(&self) -> Option<Allowance> {
        self.http.allowance()
    }

    /// The address of the cloud, as the state remembers it.
    pub(in crate::provider) fn base(&self) -> String {
        self.http.dialect().address()
    }

    /// What the token gives access to.
    pub(in crate::provider) async fn grant(&self) -> Result<Arc<Grant>, Error> {
        self.http.dialect().grant(&self.http).await
    }

    /// Something the user should know.
    pub(super) fn note(&self, note: String) {
        let notes = self.notes.lock();
        notes.unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock();
        let notes = notes.unwrap_or_else(PoisonError::into_inner);
        notes.iter().cloned().collect()
    }

    /// The ids of zones, by their names.
    pub(super) fn zones(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else here writes to the recordset of a record, and keeps it so until what
    /// is given is dropped. A set is written as a whole: of two who read it before either has
    /// written, one would take out what the other put in.
    pub(super) async fn set_alone(&self, key: RecordKey<'_>) -> OwnedMutexGuard<()> {
        let key = [key.zone, key.name, key.record_type].map(str::to_owned);
        let set = {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sets.entry(key).or_default())
        };
        set.lock_owned().await
    }

    /// Waits until nobody else here makes a security group, and keeps it so until what is given is
    /// dropped: of two who look for one before either has made it, both would.
    pub(super) async fn turn_to_make_a_group(&self) -> AsyncMutexGuard<'_, ()> {
        self.making_a_group.lock().await
    }

    /// What is under way on servers.
    pub(super) fn resizes(&self) -> MutexGuard<'_, Resizes> {
        self.resizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is under way on volumes.
    pub(super) fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tempo(&self) -> Tempo {
        self.tempo
    }

    /// The account's region: the one that was given, or the user's own, or the only one there is.
    pub(in crate::provider) async fn region(&self) -> Result<String, Error> {
        let grant = self.grant().await?;
        self.region_in(&grant)
    }

    /// The same, as far as it is known: not before the first login.
    pub(super) fn known_region(&self) -> Option<String> {
        let grant = self.http.dialect().known()?;
        self.region_in(&grant).ok()
    }

    fn region_in(&self, grant: &Grant) -> Result<String, Error> {
        let regions: BTreeSet<&str> = grant
            .catalog
            .iter()
            .filter(|endpoint| Service::Compute.is(&endpoint.service))
            .filter_map(|endpoint| endpoint.region.as_deref())
            .collect();
        let all = || regions.iter().copied().collect::<Vec<_>>().join(", ");
        let refused = |message: String| Err(Error::new(Class::Rejected, "the region", message));
        let own = grant.own_region.as_deref().and_then(|own| {
            let mut all = regions.iter();
            all.find(|region| region.eq_ignore_ascii_case(own)).copied()
        });
        match (&self.region, own, regions.len()) {
            (Some(wanted), _, _) => {
                let found = regions
                    .iter()
                    .find(|region| region.eq_ignore_ascii_case(wanted));
                match found {
                    Some(region) => Ok((*region).to_owned()),
                    // A cloud of DNS alone has no servers anywhere.
                    None if regions.is_empty() => Ok(wanted.clone()),
                    None => refused(format!("there is no region {wanted}; there is: {}", all())),
                }
            }
            (None, _, 0 | 1) => Ok(all()),
            (None, Some(own), _) => Ok(own.to_owned()),
            (None, None, _) => refused(format!(
                "there are several: {}; give the account one of them as its `region`",
                all()
            )),
        }
    }

    /// Whether there is such a service for the account.
    pub(super) async fn has(&self, service: Service) -> Result<bool, Error> {
        let grant = self.grant().await?;
        let region = self.region_in(&grant)?;
        Ok(self.endpoint(&grant, &region, service).is_some())
    }

    /// Where zones are, and whose: regions may share them.
    pub(super) async fn shared_dns(&self) -> Result<Option<String>, Error> {
        let grant = self.grant().await?;
        let region = self.region_in(&grant)?;
        let dns = self.endpoint(&grant, &region, Service::Dns);
        Ok(dns.map(|dns| format!("{} {}", dns.url, grant.project.0)))
    }

    /// The same, as far as it is known: not before the first login.
    pub(super) fn is_known_to_lack(&self, service: Service) -> bool {
        let Some(grant) = self.http.dialect().known() else {
            return false;
        };
        let region = self.region_in(&grant);
        region.is_ok_and(|region| self.endpoint(&grant, &region, service).is_none())
    }

    fn endpoint<'g>(
        &self,
        grant: &'g Grant,
        region: &str,
        service: Service,
    ) -> Option<&'g Endpoint> {
        grant.catalog.iter().find(|endpoint| {
            let in_region = endpoint.region.as_deref();
            service.is(&endpoint.service)
                && endpoint.interface == self.interface
                && in_region.is_none_or(|its| its.eq_ignore_ascii_case(region))
        })
    }

    /// The address of a service, with a final slash.
    async fn address(&self, service: Service) -> Result<Url, Error> {
        let grant = self.grant().await?;
        let region = self.region_in(&grant)?;
        let refused = |message: String| Error::new(Class::Rejected, "the catalog", message);
        let endpoint = self.endpoint(&grant, &region, service).ok_or_else(|| {
            let kind = service.names().join("` or `");
            let interface = &self.interface;
            let place = match region.as_str() {
                "" => String::new(),
                region => format!(" in {region}"),
            };
            refused(format!("it has no {interface} address of `{kind}`{place}"))
        })?;
        let mut url = with_version(&endpoint.url, service.version());
        if service == Service::Volume {
            url = with_project(url, &grant.project.0);
        }
        let url = allowed(&url).map_err(refused)?;
        self.http.refuse_if_elsewhere(&url).map_err(refused)?;
        Ok(url)
    }

    async fn request<'b>(
        &self,
        method: Method,
        service: Service,
        path: &str,
        body: Option<&'b Json>,
    ) -> Result<Request<'b>, Error> {
        let what = format!("{method} {path}");
        let base = self.address(service).await?;
        let url = base
            .join(path.trim_start_matches('/'))
            .map_err(|error| Error::new(Class::Rejected, &what, error.to_string()))?;
        let mut headers = HeaderMap::new();
        if service == Service::Compute && self.is_versioned().await? {
            let (major, minor) = MICROVERSION;
            let version = HeaderValue::try_from(format!("compute {major}.{minor}"));
            headers.extend(version.ok().map(|version| (VERSION, version)));
        }
        Ok(Request {
            method,
            url,
            what,
            headers,
            body,
        })
    }

    /// Whether Nova takes [`MICROVERSION`]; asked once.
    pub(super) async fn is_versioned(&self) -> Result<bool, Error> {
        if !self.profile.microversions {
            return Ok(false);
        }
        let ask = || async {
            let url = self.address(Service::Compute).await?;
            let request = Request {
                method: Method::GET,
                url,
                what: "GET / of compute".to_owned(),
                headers: HeaderMap::new(),
                body: None,
            };
            let answer: VersionAnswer = self.http.get(&request).await?;
            Ok(takes(&answer.version.version, MICROVERSION))
        };
        self.versioned.get_or_try_init(ask).await.copied()
    }

    /// The object at `path`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        service: Service,
        path: &str,
    ) -> Result<T, Error> {
        let request = self.request(Method::GET, service, path, None).await?;
        self.http.get(&request).await
    }

    /// As [`Self::get`], with `None` for what does not exist.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        service: Service,
        path: &str,
    ) -> Result<Option<T>, Error> {
        let request = self.request(Method::GET, service, path, None).await?;
        self.http.find(&request).await
    }

    /// Every item of the collection at `path`, which may have a query. Each page is turned into
    /// what `kept` makes of its items as it comes.
    pub(super) async fn pages<P: Page, T>(
        &self,
        service: Service,
        path: &str,
        kept: impl Fn(P::Item) -> T,
    ) -> Result<Vec<T>, Error> {
        let bare = path.split('?').next().unwrap_or_default();
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut page = format!("{path}{joint}limit={PER_PAGE}");
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer: P = self.get(service, &page).await?;
            let (items, next) = answer.split();
            let is_empty = items.is_empty();
            all.extend(items.into_iter().map(&kept));
            // Of the address only the query counts: behind a gateway the rest of it is wrong.
            let query = next.as_deref().and_then(|next| next.split_once('?'));
            match query {
                Some((_, query)) if !is_empty => page = format!("{bare}?{query}"),
                _ => return Ok(all),
            }
        }
        let message = "the list has no end";
        Err(Error::new(Class::Malformed, format!("GET {path}"), message))
    }
}

impl WriteClient<'_> {
    /// Sends `body` with a method other than GET and decodes the answer. A POST is repeated only
    /// if no connection came about or the service refused to look at it; any other method also if
    /// nobody knows what came of it, because doing it twice comes to the same.
    pub(super) async fn send<T: DeserializeOwned>(
        self,
        method: Method,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = to_json(&format!("{method} {path}"), body)?;
        let request = self.0.request(method, service, path, Some(&body)).await?;
        self.0.http.change(&request).await
    }

    /// As [`Self::send`], and not repeated if nobody knows what came of it: for what is decided
    /// anew before each try of [`Self::until_clear`].
    pub(super) async fn send_once<T: DeserializeOwned>(
        self,
        method: Method,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = to_json(&format!("{method} {path}"), body)?;
        let request = self.0.request(method, service, path, Some(&body)).await?;
        self.0.http.change_once(&request).await
    }

    /// As [`Self::send_once`], of what is answered with nothing.
    pub(super) async fn act_once(
        self,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(), Error> {
        self.act_once_with(None, service, path, body).await
    }

    /// The same in a version of the service's API that says more than its first one.
    pub(super) async fn act_once_in(
        self,
        version: &'static str,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(), Error> {
        let version = HeaderValue::from_static(version);
        self.act_once_with(Some(version), service, path, body).await
    }

    async fn act_once_with(
        self,
        version: Option<HeaderValue>,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(), Error> {
        let body = to_json(&format!("POST {path}"), body)?;
        let request = self.0.request(Method::POST, service, path, Some(&body));
        let mut request = request.await?;
        if let Some(version) = version {
            request.headers.insert(VERSION, version);
        }
        self.0.http.act_once(&request).await
    }

    /// As [`Self::delete`], as [`Self::send_once`].
    pub(super) async fn delete_once(self, service: Service, path: &str) -> Result<(), Error> {
        let request = self.0.request(Method::DELETE, service, path, None).await?;
        self.0.http.delete_once(&request).await
    }

    /// Asks until what came of it is known, as often and as long as a request would be repeated that
    /// comes to the same however often it is sent.
    pub(super) async fn until_clear<T, F>(self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.0.http.until_clear(ask).await
    }

    /// Deletes what is at `path`. What is gone counts as deleted.
    pub(super) async fn delete(self, service: Service, path: &str) -> Result<(), Error> {
        let request = self.0.request(Method::DELETE, service, path, None).await?;
        self.0.http.delete(&request).await
    }

    /// Sends what comes to the same however often it is sent, and repeats it as such.
    pub(super) async fn ensure(
        self,
        method: Method,
        service: Service,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(), Error> {
        let body = to_json(&format!("{method} {path}"), body)?;
        let request = self.0.request(method, service, path, Some(&body)).await?;
        self.0.http.ensure(&request).await
    }

    /// The same without a body.
    pub(super) async fn put(self, service: Service, path: &str) -> Result<(), Error> {
        let request = self.0.request(Method::PUT, service, path, None).await?;
        self.0.http.ensure(&request).await
    }
}

/// An address of the catalog with a version and a final slash. A version, and the project's id
/// after it, may be in it already.
fn with_version(url: &str, version: &str) -> String {
    let url = url.trim_end_matches('/');
    let is_version = |part: &str| {
        let number = part.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    };
    // The host may look like anything.
    if url.split('/').skip(3).any(is_version) {
        format!("{url}/")
    } else {
        format!("{url}/{version}/")
    }
}

/// An address that ends with its version, followed by the project's id and a final slash: Cinder asked
/// for one there until version 3.67 of its API, and takes it since.
fn with_project(url: String, project: &str) -> String {
    let last = url.trim_end_matches('/').rsplit('/').next();
    let is_version = last.is_some_and(|last| last.starts_with('v') && last.len() < 6);
    match is_version {
        true => format!("{url}{project}/"),
        false => url,
    }
}

/// Whether the highest version that is offered is as high as that.
fn takes(offered: &str, wanted: (u32, u32)) -> bool {
    let Some((major, minor)) = offered.split_once('.') else {
        return false;
    };
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(major), Ok(minor)) => (major, minor) >= wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_appended_only_if_there_is_none() {
        for (url, expected) in [
            ("http://127.0.0.1:9696", "http://127.0.0.1:9696/v2.0/"),
            ("https://n.example.com/v2.0/", "https://n.example.com/v2.0/"),
            (
                "https://x.example.com/networking",
                "https://x.example.com/networking/v2.0/",
            ),
            (
                "https://c.example.com/v2/123456",
                "https://c.example.com/v2/123456/",
            ),
            ("https://v2/compute", "https://v2/compute/v2.0/"),
            (
                "https://c.example.com/vault",
                "https://c.example.com/vault/v2.0/",
            ),
        ] {
            assert_eq!(with_version(url, "v2.0"), expected);
        }
    }

    #[test]
    fn a_project_is_appended_to_a_version_alone() {
        let of = |url: &str| with_project(with_version(url, "v3"), "p1");
        for (url, expected) in [
            ("http://c:8776", "http://c:8776/v3/p1/"),
            ("http://c:8776/v3", "http://c:8776/v3/p1/"),
            ("http://c:8776/v3/p1", "http://c:8776/v3/p1/"),
            ("https://c/volume/v3/p1/", "https://c/volume/v3/p1/"),
        ] {
            assert_eq!(of(url), expected);
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(takes("2.104", (2, 52)));
        assert!(takes("2.52", (2, 52)));
        assert!(!takes("2.6", (2, 52)));
        assert!(!takes("2.51", (2, 52)));
        assert!(!takes("", (2, 52)));
    }
}
