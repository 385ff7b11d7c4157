use std::collections::{BTreeMap, HashSet};

use super::{
    Cloud, Domain, Server, account_checks, dns_name, firewalls, lifecycle, record_checks,
    reserved_ips, volumes, vpcs,
};
use crate::model::{Diagnostic, Place};

/// A rule for a whole configuration; pushes what breaks it.
pub type Check = fn(&Cloud, &mut Vec<Diagnostic>);

/// What must hold beyond the file's form, each rule by name. All are checked in every run.
pub const CHECKS: &[(&str, Check)] = &[
    ("account names can be typed", account_checks::names),
    (
        "account names differ by more than case",
        account_checks::names_by_case,
    ),
    ("server names can be hostnames", server_names),
    (
        "server names differ by more than case",
        server_names_by_case,
    ),
    ("names are DNS names", names),
    ("domains are DNS names", domains),
    ("no domain is listed twice", domains_twice),
    ("no server has a name twice", names_twice),
    ("no name belongs to two servers", names_claimed_twice),
    ("no record is there twice", record_checks::twice),
    (
        "a CNAME is alone with its name",
        record_checks::beside_a_cname,
    ),
    (
        "no record leads elsewhere than a server's name",
        record_checks::of_servers,
    ),
    (
        "only servers that can be are backed up",
        account_checks::backups,
    ),
    (
        "only disks that would stay are asked to grow",
        account_checks::disks,
    ),
    ("only servers that can have tags do", account_checks::tags),
    ("VPCs have names of their own", vpcs::check_names),
    ("no two VPCs share addresses", vpcs::check_ranges),
    ("servers are where their VPCs are", vpcs::check_servers),
    ("firewalls can be made", firewalls::check),
    ("reserved IPs have names", reserved_ips::check_names),
    (
        "a reserved IP is on one server",
        reserved_ips::check_servers,
    ),
    ("volumes can be made", volumes::check),
    (
        "volumes are where their servers are",
        volumes::check_servers,
    ),
    (
        "servers are asked only for what they can go through",
        lifecycle::offered,
    ),
    (
        "servers are in the region of their account",
        account_checks::regions,
    ),
];

/// Runs every check.
#[must_use]
pub fn validate(cloud: &Cloud) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (_, check) in CHECKS {
        let mut broken = Vec::new();
        check(cloud, &mut broken);
        once_a_range(cloud, &mut broken);
        found.append(&mut broken);
    }
    found
}

/// What is wrong with all servers of a range is told of the first of them.
fn once_a_range(cloud: &Cloud, broken: &mut Vec<Diagnostic>) {
    if broken.len() < 2 {
        return;
    }
    let at = |place: &Place| (place.file.to_string(), place.range.start);
    let servers = cloud.servers.iter().filter(|server| server.range.is_some());
    let places = servers.flat_map(|server| {
        let names = server.names.iter().chain([&server.name]);
        names.map(|name| at(&name.place))
    });
    let of_ranges: HashSet<_> = places.collect();
    let mut told = HashSet::new();
    broken.retain(|problem| {
        let place = problem.place.as_ref().map(at);
        let related = problem.related.iter().map(|(place, _)| at(place));
        let related: Vec<_> = related.collect();
        let is_of_a_range = place
            .iter()
            .chain(&related)
            .any(|at| of_ranges.contains(at));
        !is_of_a_range || told.insert((place, related))
    });
}

fn server_names(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for server in &cloud.servers {
        let name = server.name.value.as_str();
        let stray = name
            .chars()
            .find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')));
        let (summary, hint) = if name.is_empty() {
            (
                "a server has an empty name".to_owned(),
                "give it a name such as `web1`".to_owned(),
            )
        } else if let Some(stray) = stray {
            let hint = match stray {
                '_' | ' ' if name.is_ascii() => {
                    format!(
                        "a name such as `{}` would do",
                        name.trim().replace(['_', ' '], "-")
                    )
                }
                _ => "it becomes the hostname: use letters, digits, `-` and `.`".to_owned(),
            };
            let stray = match stray {
                ' ' => "a space".to_owned(),
                stray => format!("`{}`", stray.escape_debug()),
            };
            (
                format!(
                    "server name `{}` holds {stray}, which no hostname can have",
                    name.escape_debug()
                ),
                hint,
            )
        } else if name.ends_with(['-', '.']) {
            (
                format!("server name `{name}` ends with a `-` or `.`"),
                "end it with a letter or a digit".to_owned(),
            )
        } else if name.len() > 255 {
            (
                format!("a server name is {} characters long", name.len()),
                "the provider takes at most 255".to_owned(),
            )
        } else if let Some(label) = name.split('.').find(|label| label.len() > 63) {
            (
                format!("a server name has a part of {} characters", label.len()),
                "it becomes the hostname: each part between dots has at most 63".to_owned(),
            )
        } else {
            continue;
        };
        found.push(
            Diagnostic::error(summary)
                .hint(hint)
                .at(server.name.place.clone()),
        );
    }
}

fn server_names_by_case(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, &Server> = BTreeMap::new();
    for server in &cloud.servers {
        let name = &server.name;
        let Some(first) = seen.get(&name.value.to_lowercase()) else {
            seen.insert(name.value.to_lowercase(), server);
            continue;
        };
        let diagnostic = Diagnostic::error(format!(
            "servers `{}` and `{}` differ only in case",
            first.name.value, name.value
        ))
        .detail("hostnames are compared without regard to case")
        .hint("rename one of them");
        found.push(
            diagnostic
                .at(name.place.clone())
                .related(first.name.place.clone(), "the other one"),
        );
    }
}

fn names(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for name in cloud.servers.iter().flat_map(|server| &server.names) {
        check_name(&name.value, &name.place, found);
    }
}

fn domains(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for Domain { name: domain, .. } in &cloud.domains {
        if domain.value.starts_with("*.") {
            found.push(
                Diagnostic::error(format!("domain `{}` is a wildcard", domain.value))
                    .hint("name the domain itself; wildcards go into a server's `names`")
                    .at(domain.place.clone()),
            );
        } else {
            check_name(&domain.value, &domain.place, found);
        }
    }
}

fn check_name(name: &str, place: &Place, found: &mut Vec<Diagnostic>) {
    if let Some((problem, hint)) = dns_name::problem(name) {
        // A name that is wrong because it is long would hide the message.
        let shown = match name.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
            None => name.to_owned(),
        };
        found.push(
            Diagnostic::error(format!("`{shown}` {problem}"))
                .hint(hint)
                .at(place.clone()),
        );
    }
}

fn domains_twice(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for Domain { name: domain, .. } in &cloud.domains {
        match seen.get(domain.value.as_str()) {
            None => {
                seen.insert(&domain.value, &domain.place);
            }
            Some(first) => found.push(
                Diagnostic::error(format!("domain `{}` is listed twice", domain.value))
                    .hint("remove one of them")
                    .at(domain.place.clone())
                    .related((*first).clone(), "first here"),
            ),
        }
    }
}

fn names_twice(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for server in &cloud.servers {
        let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
        for name in &server.names {
            match seen.get(name.value.as_str()) {
                None => {
                    seen.insert(&name.value, &name.place);
                }
                Some(first) => found.push(
                    Diagnostic::error(format!(
                        "server `{}` has the name `{}` twice",
                        server.name.value, name.value
                    ))
                    .hint("remove one of them")
                    .at(name.place.clone())
                    .related((*first).clone(), "first here"),
                ),
            }
        }
    }
}

fn names_claimed_twice(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut owners: BTreeMap<&str, (usize, &Place)> = BTreeMap::new();
    for (index, server) in cloud.servers.iter().enumerate() {
        for name in &server.names {
            match owners.get(name.value.as_str()) {
                None => {
                    owners.insert(&name.value, (index, &name.place));
                }
                Some((owner, place)) if *owner != index => {
                    let owner = cloud.servers.get(*owner).map_or("", |s| &s.name.value);
                    found.push(
                        Diagnostic::error(format!(
                            "servers `{owner}` and `{}` both claim the name `{}`",
                            server.name.value, name.value
                        ))
                        .hint("a name leads to one server: remove it from one of them")
                        .at(name.place.clone())
                        .related((*place).clone(), format!("`{owner}` claims it here")),
                    );
                }
                Some(_) => {}
            }
        }
    }
}
