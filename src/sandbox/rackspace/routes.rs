//! The routes, as one list, and how a request finds its own. Each service has a path of its own
//! here, where the real ones have hosts; a client has them from the catalog.

use super::answer::{Ask, Outcome, Style};
use super::dns::{jobs, records, zones};
use super::servers::{
    actions, create, flavors, images, keypairs, limits, list as listing, metadata, networks, one,
};
use super::world::World;
use crate::sandbox::routes::matched;

/// A rule: what one operation does.
pub(super) type Rule = fn(&mut World, &Ask<'_>) -> Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Identity,
    Servers,
    Dns,
}

impl Service {
    /// The service a path belongs to, whether it leads anywhere or not.
    pub(super) fn of(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("servers") => Self::Servers,
            Some("dns") => Self::Dns,
            _ => Self::Identity,
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::Dns => Style::Flat,
            Self::Identity | Self::Servers => Style::Keyed,
        }
    }

    /// How many of a path's parameters say where one is.
    pub(super) fn before(self) -> usize {
        match self {
            Self::Identity => 0,
            Self::Dns => 1,
            Self::Servers => 2,
        }
    }

    /// What stands before every path of the service.
    fn root(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Dns => "/dns/v1.0/{account}",
            Self::Servers => "/servers/{region}/v2/{tenant_id}",
        }
    }
}

pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// None for the one that needs no token, and is asked for one.
    pub(super) rule: Option<Rule>,
}

/// The one route that Identity has here.
pub(super) const TOKENS: &str = "/v2.0/tokens";

macro_rules! servers {
    ($path:literal) => {
        concat!("/servers/{region}/v2/{tenant_id}", $path)
    };
}

macro_rules! dns {
    ($path:literal) => {
        concat!("/dns/v1.0/{account}", $path)
    };
}

const fn route(method: &'static str, path: &'static str, rule: Rule) -> Route {
    Route {
        method,
        path,
        rule: Some(rule),
    }
}

/// Every operation there is. A fixed path stands before one with a parameter in its place.
pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: TOKENS,
        rule: None,
    },
    route("GET", servers!("/limits"), limits::show),
    route("GET", servers!("/flavors"), flavors::list),
    route("GET", servers!("/flavors/detail"), flavors::detail),
    route("GET", servers!("/flavors/{flavor_id}"), flavors::show),
    route("GET", servers!("/images"), images::list),
    route("GET", servers!("/images/detail"), images::detail),
    route("GET", servers!("/images/{image_id}"), images::show),
    route("GET", servers!("/os-keypairs"), keypairs::list),
    route("POST", servers!("/os-keypairs"), keypairs::create),
    route(
        "GET",
        servers!("/os-keypairs/{keypair_name}"),
        keypairs::show,
    ),
    route(
        "DELETE",
        servers!("/os-keypairs/{keypair_name}"),
        keypairs::delete,
    ),
    route("GET", servers!("/os-networksv2"), networks::list),
    route("GET", servers!("/servers"), listing::list),
    route("POST", servers!("/servers"), create::create),
    route("GET", servers!("/servers/detail"), listing::detail),
    route("GET", servers!("/servers/{server_id}"), one::show),
    route("PUT", servers!("/servers/{server_id}"), one::change),
    route("DELETE", servers!("/servers/{server_id}"), one::delete),
    route(
        "POST",
        servers!("/servers/{server_id}/action"),
        actions::act,
    ),
    route("GET", servers!("/servers/{server_id}/ips"), one::ips),
    route(
        "GET",
        servers!("/servers/{server_id}/ips/{network_label}"),
        one::ips_of,
    ),
    route(
        "GET",
        servers!("/servers/{server_id}/metadata"),
        metadata::list,
    ),
    route(
        "POST",
        servers!("/servers/{server_id}/metadata"),
        metadata::update,
    ),
    route(
        "PUT",
        servers!("/servers/{server_id}/metadata"),
        metadata::replace,
    ),
    route(
        "GET",
        servers!("/servers/{server_id}/metadata/{key}"),
        metadata::show,
    ),
    route(
        "PUT",
        servers!("/servers/{server_id}/metadata/{key}"),
        metadata::set,
    ),
    route(
        "DELETE",
        servers!("/servers/{server_id}/metadata/{key}"),
        metadata::delete,
    ),
    route("GET", dns!("/limits"), jobs::limits),
    route("GET", dns!("/status"), jobs::list),
    route("GET", dns!("/status/{job_id}"), jobs::show),
    route("GET", dns!("/domains"), zones::list),
    route("POST", dns!("/domains"), zones::create),
    route("PUT", dns!("/domains"), zones::change),
    route("DELETE", dns!("/domains"), zones::delete),
    route("GET", dns!("/domains/search"), zones::search),
    route("GET", dns!("/domains/{domain_id}"), zones::show),
    route("PUT", dns!("/domains/{domain_id}"), zones::change),
    route("DELETE", dns!("/domains/{domain_id}"), zones::delete),
    route(
        "GET",
        dns!("/domains/{domain_id}/subdomains"),
        zones::subdomains,
    ),
    route("GET", dns!("/domains/{domain_id}/records"), records::list),
    route("POST", dns!("/domains/{domain_id}/records"), records::add),
    route("PUT", dns!("/domains/{domain_id}/records"), records::change),
    route(
        "DELETE",
        dns!("/domains/{domain_id}/records"),
        records::delete,
    ),
    route(
        "GET",
        dns!("/domains/{domain_id}/records/{record_id}"),
        records::show,
    ),
    route(
        "PUT",
        dns!("/domains/{domain_id}/records/{record_id}"),
        records::change,
    ),
    route(
        "DELETE",
        dns!("/domains/{domain_id}/records/{record_id}"),
        records::delete,
    ),
];

/// `METHOD /path` of every operation.
pub(super) fn list() -> Vec<String> {
    ROUTES
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}

/// Where a request leads.
pub(super) enum Found {
    Route(&'static Route, Vec<String>),
    /// The path is known, but not with this method.
    OtherMethod,
    Nothing,
}

/// Finds the route. `HEAD` goes the way of `GET`; a path may end with a slash, as it does in some
/// of the documentation's examples.
pub(super) fn find(method: &str, path: &str) -> Found {
    let method = if method == "HEAD" { "GET" } else { method };
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let mut known = false;
    for route in ROUTES {
        if let Some(params) = matched(route.path, &segments) {
            if route.method == method {
                return Found::Route(route, params);
            }
            known = true;
        }
    }
    if known {
        Found::OtherMethod
    } else {
        Found::Nothing
    }
}

/// The part of a route that is the service's own.
pub(super) fn within(route: &str) -> (Service, &str) {
    let service = Service::of(route);
    (service, route.strip_prefix(service.root()).unwrap_or(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_finds_its_route_and_its_parameters() {
        let path = |method: &str, path: &str| match find(method, path) {
            Found::Route(route, params) => format!("{} {params:?}", within(route.path).1),
            Found::OtherMethod => "other".into(),
            Found::Nothing => "nothing".into(),
        };
        assert_eq!(
            path("GET", "/servers/dfw/v2/123456/servers/detail"),
            r#"/servers/detail ["dfw", "123456"]"#
        );
        assert_eq!(
            path(
                "DELETE",
                "/dns/v1.0/123456/domains/7/records/?id=A-1"
                    .split('?')
                    .next()
                    .unwrap()
            ),
            r#"/domains/{domain_id}/records ["123456", "7"]"#
        );
        assert_eq!(path("POST", "/v2.0/tokens"), "/v2.0/tokens []");
        assert_eq!(path("POST", "/v2.0/tokens/v2.0/tokens"), "nothing");
        assert_eq!(path("PUT", "/servers/dfw/v2/123456/flavors"), "other");
    }

    #[test]
    fn every_route_lies_within_its_service() {
        for route in ROUTES {
            let service = Service::of(route.path);
            assert!(route.path.starts_with(service.root()), "{}", route.path);
            let params = route.path.split('/').filter(|part| part.starts_with('{'));
            assert!(params.count() >= service.before(), "{}", route.path);
        }
    }
}
