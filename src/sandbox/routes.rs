//! The routes, as one list, and how a request finds its own.

use super::answer::{Call, Outcome};
use super::rules::{
    account, actions, backups, catalog, domains, droplets, firewalls, images, keys, records,
    reserved_ips, snapshots, tags, volumes, vpcs,
};
use super::world::World;

/// A rule: what one operation does.
pub(super) type Rule = fn(&mut World, &Call) -> Outcome;

pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) rule: Rule,
}

const fn route(method: &'static str, path: &'static str, rule: Rule) -> Route {
    Route { method, path, rule }
}

/// Every operation there is. A fixed path stands before one with a parameter in its place.
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/v2/account", account::show),
    route("GET", "/v2/account/keys", keys::list),
    route("POST", "/v2/account/keys", keys::create),
    route("GET", "/v2/account/keys/{ssh_key_identifier}", keys::show),
    route("PUT", "/v2/account/keys/{ssh_key_identifier}", keys::rename),
    route(
        "DELETE",
        "/v2/account/keys/{ssh_key_identifier}",
        keys::delete,
    ),
    route("GET", "/v2/actions", actions::list_all),
    route("GET", "/v2/actions/{action_id}", actions::show),
    route("GET", "/v2/domains", domains::list),
    route("POST", "/v2/domains", domains::create),
    route("GET", "/v2/domains/{domain_name}", domains::show),
    route("DELETE", "/v2/domains/{domain_name}", domains::delete),
    route("GET", "/v2/domains/{domain_name}/records", records::list),
    route("POST", "/v2/domains/{domain_name}/records", records::create),
    route(
        "GET",
        "/v2/domains/{domain_name}/records/{domain_record_id}",
        records::show,
    ),
    route(
        "PUT",
        "/v2/domains/{domain_name}/records/{domain_record_id}",
        records::replace,
    ),
    route(
        "PATCH",
        "/v2/domains/{domain_name}/records/{domain_record_id}",
        records::change,
    ),
    route(
        "DELETE",
        "/v2/domains/{domain_name}/records/{domain_record_id}",
        records::delete,
    ),
    route("GET", "/v2/droplets", droplets::list),
    route("POST", "/v2/droplets", droplets::create),
    route("DELETE", "/v2/droplets", droplets::delete_tagged),
    route("POST", "/v2/droplets/actions", actions::start_tagged),
    route("GET", "/v2/droplets/backups/policies", backups::list),
    route(
        "GET",
        "/v2/droplets/backups/supported_policies",
        backups::supported,
    ),
    route("GET", "/v2/droplets/{droplet_id}", droplets::show),
    route("DELETE", "/v2/droplets/{droplet_id}", droplets::delete),
    route("GET", "/v2/droplets/{droplet_id}/actions", actions::list),
    route("POST", "/v2/droplets/{droplet_id}/actions", actions::start),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/actions/{action_id}",
        actions::show_of,
    ),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/backups",
        droplets::no_backups,
    ),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/backups/policy",
        backups::show,
    ),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/firewalls",
        firewalls::of_droplet,
    ),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/kernels",
        droplets::no_kernels,
    ),
    route(
        "GET",
        "/v2/droplets/{droplet_id}/snapshots",
        snapshots::list_of,
    ),
    route("GET", "/v2/firewalls", firewalls::list),
    route("POST", "/v2/firewalls", firewalls::create),
    route("GET", "/v2/firewalls/{firewall_id}", firewalls::show),
    route("PUT", "/v2/firewalls/{firewall_id}", firewalls::replace),
    route("DELETE", "/v2/firewalls/{firewall_id}", firewalls::delete),
    route("GET", "/v2/images", images::list),
    route("GET", "/v2/images/{image_id}", images::show),
    route("GET", "/v2/regions", catalog::regions),
    route("GET", "/v2/reserved_ips", reserved_ips::list),
    route("POST", "/v2/reserved_ips", reserved_ips::create),
    route("GET", "/v2/reserved_ips/{reserved_ip}", reserved_ips::show),
    route(
        "DELETE",
        "/v2/reserved_ips/{reserved_ip}",
        reserved_ips::delete,
    ),
    route(
        "GET",
        "/v2/reserved_ips/{reserved_ip}/actions",
        reserved_ips::actions,
    ),
    route(
        "POST",
        "/v2/reserved_ips/{reserved_ip}/actions",
        reserved_ips::start,
    ),
    route(
        "GET",
        "/v2/reserved_ips/{reserved_ip}/actions/{action_id}",
        reserved_ips::action,
    ),
    route("GET", "/v2/sizes", catalog::sizes),
    route("GET", "/v2/snapshots", snapshots::list),
    route("GET", "/v2/snapshots/{snapshot_id}", snapshots::show),
    route("DELETE", "/v2/snapshots/{snapshot_id}", snapshots::delete),
    route("GET", "/v2/tags", tags::list),
    route("POST", "/v2/tags", tags::create),
    route("GET", "/v2/tags/{tag_id}", tags::show),
    route("DELETE", "/v2/tags/{tag_id}", tags::delete),
    route("POST", "/v2/tags/{tag_id}/resources", tags::assign),
    route("DELETE", "/v2/tags/{tag_id}/resources", tags::unassign),
    route("GET", "/v2/volumes", volumes::list),
    route("POST", "/v2/volumes", volumes::create),
    route("GET", "/v2/volumes/{volume_id}", volumes::show),
    route("DELETE", "/v2/volumes/{volume_id}", volumes::delete),
    route(
        "GET",
        "/v2/volumes/{volume_id}/snapshots",
        snapshots::list_of_volume,
    ),
    route(
        "POST",
        "/v2/volumes/{volume_id}/snapshots",
        snapshots::create_of_volume,
    ),
    route(
        "GET",
        "/v2/volumes/{volume_id}/actions",
        volumes::list_actions,
    ),
    route("POST", "/v2/volumes/{volume_id}/actions", volumes::act),
    route(
        "GET",
        "/v2/volumes/{volume_id}/actions/{action_id}",
        volumes::show_action,
    ),
    route("GET", "/v2/vpcs", vpcs::list),
    route("POST", "/v2/vpcs", vpcs::create),
    route("GET", "/v2/vpcs/{vpc_id}", vpcs::show),
    route("PUT", "/v2/vpcs/{vpc_id}", vpcs::replace),
    route("PATCH", "/v2/vpcs/{vpc_id}", vpcs::change),
    route("DELETE", "/v2/vpcs/{vpc_id}", vpcs::delete),
    route("GET", "/v2/vpcs/{vpc_id}/members", vpcs::members),
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
    /// The path is known, but not with this method; these it has.
    OtherMethods(Vec<&'static str>),
    Nothing,
}

/// Finds the route. `HEAD` goes the way of `GET`.
pub(super) fn find(method: &str, path: &str) -> Found {
    let method = if method == "HEAD" { "GET" } else { method };
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let mut others = Vec::new();
    for route in ROUTES {
        let Some(params) = matched(route.path, &segments) else {
            continue;
        };
        if route.method == method {
            return Found::Route(route, params);
        }
        others.push(route.method);
    }
    if others.is_empty() {
        Found::Nothing
    } else {
        Found::OtherMethods(others)
    }
}

/// The parameters of a path that has this pattern, decoded.
pub(super) fn matched(pattern: &str, segments: &[&str]) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut rest = segments.iter();
    for part in pattern.split('/') {
        let segment = rest.next()?;
        if part.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            params.push(decode(segment));
        } else if part != *segment {
            return None;
        }
    }
    rest.next().is_none().then_some(params)
}

/// Undoes percent-encoding. What is not well encoded stands for itself.
pub(super) fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, after @ ..] = rest {
        let encoded = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = encoded {
            bytes.push(high * 16 + low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(method: &str, path: &str) -> String {
        match find(method, path) {
            Found::Route(route, params) => format!("{} {params:?}", route.path),
            Found::OtherMethods(methods) => format!("only {methods:?}"),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn a_request_finds_its_route_and_its_parameters() {
        assert_eq!(
            path("GET", "/v2/droplets/7"),
            r#"/v2/droplets/{droplet_id} ["7"]"#
        );
        assert_eq!(
            path("GET", "/v2/droplets/7/backups/policy"),
            r#"/v2/droplets/{droplet_id}/backups/policy ["7"]"#
        );
        assert_eq!(
            path("GET", "/v2/droplets/backups/policies"),
            "/v2/droplets/backups/policies []"
        );
        assert_eq!(
            path("DELETE", "/v2/tags/cloudbuilder%3Aab"),
            r#"/v2/tags/{tag_id} ["cloudbuilder:ab"]"#
        );
        assert_eq!(path("HEAD", "/v2/account"), "/v2/account []");
    }

    #[test]
    fn other_methods_and_unknown_paths_are_told_apart() {
        assert_eq!(path("PUT", "/v2/domains"), r#"only ["GET", "POST"]"#);
        assert_eq!(path("GET", "/v2/dromedaries"), "nothing");
        assert_eq!(path("GET", "/v2/droplets/7/9/9"), "nothing");
        assert_eq!(path("GET", "/"), "nothing");
    }

    #[test]
    fn broken_encoding_stands_for_itself() {
        assert_eq!(decode("a%2"), "a%2");
        assert_eq!(decode("%zz%41"), "%zzA");
    }
}
