//! What stands against a plan that only a look at the account can tell: names that lead nowhere,
//! quotas, and servers that nobody could reach.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Diagnostic};
use crate::provider::cloud_init::{self, Start};
use crate::provider::{Error, Resolved};
use crate::resource::server::{
    CHECK, FILES, IPV4_ADDRESS, IPV6, IPV6_ADDRESS, RESERVED_IP, SETTINGS, SIZE, TAGS,
};
use crate::resource::volume::SIZE_GB;

use super::addresses::Rule;
use super::catalog;
use super::client::{ReadClient, Service};
use super::files;
use super::placement::{self, Net, Placement, Settings, Trouble};
use super::profile::Files;
use super::wire::cinder;
use super::wire::neutron::{Quota, QuotaAnswer, Subnet, Usage};
use super::wire::nova::{Absolute, Flavor};

/// Of names in DNS: whether there is a service for them at all.
pub(super) async fn names(
    client: &ReadClient,
    wanted: &[&Desired],
) -> Result<Vec<Resolved>, Error> {
    let has_service = client.has(Service::Dns).await?;
    let title = client.profile().title;
    let resolved = wanted.iter().map(|desired| {
        let problem = (!has_service).then(|| {
            Diagnostic::error(format!(
                "this account has no DNS to put {} into",
                desired.address
            ))
            .detail(format!("the catalog of its {title} has no service `dns`"))
            .hint("give the domain another account as its `provider`")
            .at(desired.place.clone())
        });
        Resolved {
            attributes: Attributes::new(),
            problems: problem.into_iter().collect(),
        }
    });
    Ok(resolved.collect())
}

/// Of servers: where each is put, whether it could be reached, and whether all of them fit.
pub(super) async fn servers(
    client: &ReadClient,
    wanted: &[&Desired],
) -> Result<Vec<Resolved>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (flavors, limits, subnets) = tokio::try_join!(
        catalog::flavors(client),
        catalog::limits(client),
        placement::subnets(client),
    )?;
    let external = placement::names_outside(placement::networks(client).await?);
    let mut resolved = Vec::with_capacity(wanted.len());
    let mut floating = Vec::new();
    for (at, desired) in wanted.iter().enumerate() {
        let settings = match Settings::of(desired.known(SETTINGS)) {
            Ok(settings) => settings,
            Err(error) => {
                resolved.push(refusing(desired, &error.message, ""));
                continue;
            }
        };
        match placement::place(client, &settings).await? {
            Ok(placement) => {
                let is_reserved = desired.known(RESERVED_IP) == Some(&Json::Bool(true));
                if placement.floating_ip_from.is_some() && !is_reserved {
                    floating.push(at);
                }
                let mut reached = reached(desired, &placement, subnets, &external);
                if is_reserved {
                    let unfit = unfit_for_reserved(client, desired, &placement, subnets).await?;
                    reached.problems.extend(unfit);
                }
                resolved.push(reached);
            }
            Err(troubles) => {
                let mut refused = Resolved::default();
                for trouble in troubles {
                    let told = refusing(desired, &trouble.what, &trouble.hint);
                    refused.problems.extend(told.problems);
                }
                resolved.push(refused);
            }
        }
    }
    let has_tags = client.is_versioned().await?;
    for (resolved, desired) in resolved.iter_mut().zip(wanted) {
        let by = client.profile().files;
        resolved.problems.extend(unfit_start(desired, by, limits));
        if !has_tags {
            resolved.problems.extend(without_tags(desired));
        }
    }
    let mut too_much = over_quota(wanted, flavors, limits);
    if !floating.is_empty()
        && let Some(usage) = quotas(client).await?.and_then(|quota| quota.floatingip)
    {
        too_much.extend(too_many_floating(wanted, &floating, usage));
    }
    for (at, problem) in too_much {
        if let Some(resolved) = resolved.get_mut(at) {
            resolved.problems.push(problem);
        }
    }
    Ok(resolved)
}

/// Of firewalls: whether there is room for them; `rules` says how many Neutron needs for each.
pub(super) async fn firewalls(
    client: &ReadClient,
    wanted: &[&Desired],
    rules: &[usize],
) -> Result<Vec<Resolved>, Error> {
    let mut resolved: Vec<Resolved> = wanted.iter().map(|_| Resolved::default()).collect();
    if wanted.is_empty() {
        return Ok(resolved);
    }
    let Some(quota) = quotas(client).await? else {
        return Ok(resolved);
    };
    let each = vec![1; wanted.len()];
    for (what, usage, takes) in [
        ("security groups", quota.security_group, each.as_slice()),
        ("rules of security groups", quota.security_group_rule, rules),
    ] {
        let short = usage.and_then(|usage| too_many(what, usage, wanted, takes));
        if let Some((at, problem)) = short
            && let Some(resolved) = resolved.get_mut(at)
        {
            resolved.problems.push(problem);
        }
    }
    Ok(resolved)
}

/// Of volumes: whether all of them fit.
pub(super) async fn volumes(
    client: &ReadClient,
    wanted: &[&Desired],
) -> Result<Vec<Resolved>, Error> {
    let mut resolved: Vec<Resolved> = wanted.iter().map(|_| Resolved::default()).collect();
    if wanted.is_empty() {
        return Ok(resolved);
    }
    let answer: cinder::LimitsAnswer = client.get(Service::Volume, "/limits").await?;
    let limits = answer.limits.absolute;
    let usage = |limit, used| Usage {
        limit,
        used,
        reserved: 0,
    };
    let sizes = wanted.iter().map(|desired| {
        let size = desired.known(SIZE_GB).and_then(Json::as_u64);
        size.and_then(|size| usize::try_from(size).ok())
            .unwrap_or_default()
    });
    let sizes: Vec<usize> = sizes.collect();
    let each = vec![1; wanted.len()];
    for (what, usage, takes) in [
        ("volumes", usage(limits.most_volumes, limits.volumes), &each),
        (
            "GB of volumes",
            usage(limits.most_gigabytes, limits.gigabytes),
            &sizes,
        ),
    ] {
        if let Some((at, problem)) = too_many(what, usage, wanted, takes)
            && let Some(resolved) = resolved.get_mut(at)
        {
            resolved.problems.push(problem);
        }
    }
    Ok(resolved)
}

/// The first of these that there is no room for, where each takes so many.
pub(super) fn too_many(
    what: &str,
    usage: Usage,
    wanted: &[&Desired],
    takes: &[usize],
) -> Option<(usize, Diagnostic)> {
    let used = usage.used.saturating_add(usage.reserved);
    let amount = |takes: &[usize]| i64::try_from(takes.iter().sum::<usize>()).unwrap_or(i64::MAX);
    let left = usage.limit.saturating_sub(used);
    let at = (0..takes.len()).find(|&at| amount(takes.get(..=at).unwrap_or_default()) > left)?;
    let desired = wanted.get(at)?;
    let problem = exceeded(what, usage.limit, used, amount(takes), desired);
    let problem = problem.hint("ask for a higher quota, or write fewer of them");
    (usage.limit >= 0).then_some((at, problem))
}

/// That its tags are known to cloud.json alone, if it is to have some.
fn without_tags(desired: &Desired) -> Option<Diagnostic> {
    let tags = desired.known(TAGS).and_then(Json::as_array)?;
    let note = Diagnostic::note(format!(
        "server {} gets no tags in the account",
        desired.address.name()
    ));
    let note =
        note.detail("this cloud's Nova is too old for them; its firewalls are as they should be");
    (!tags.is_empty()).then(|| note.at(desired.place_of(TAGS)))
}

/// What stands against what a server is to start with.
fn unfit_start(desired: &Desired, by: Files, limits: Absolute) -> Vec<Diagnostic> {
    let start = match Start::wanted(desired) {
        Ok(start) => start,
        Err(unfit) => return refusing(desired, &unfit.what, unfit.hint).problems,
    };
    let (most, largest) = (limits.most_files, limits.largest_file);
    let way = files::way(by, &start.files);
    let mut troubles = match way {
        Files::CloudInit => Vec::new(),
        Files::Personality => files::against_personality(&start.files, most, largest),
    };
    troubles.extend(files::given(by, start).err().map(|unfit| Trouble {
        what: unfit.what,
        hint: unfit.hint.to_owned(),
    }));
    let needs_cloud_init = (way != by && troubles.is_empty()).then(|| {
        let name = desired.address.name();
        Diagnostic::note(format!(
            "the files of server {name} are written by cloud-init, which its image must have"
        ))
        .detail(
            "without a `mode`, and up to five of 1,000 bytes, they would be put on its disk \
             before it boots",
        )
        .at(desired.place_of(FILES))
    });
    let problems = troubles.into_iter().flat_map(|trouble| {
        let refused = refusing(desired, &trouble.what, &trouble.hint).problems;
        let at = cloud_init::place_of_start(desired);
        refused
            .into_iter()
            .map(move |problem| problem.at(at.clone()))
    });
    problems.chain(needs_cloud_init).collect()
}

fn refusing(desired: &Desired, what: &str, hint: &str) -> Resolved {
    let name = desired.address.name();
    let mut problem = Diagnostic::error(format!("server {name}: {what}")).at(desired.place.clone());
    if !hint.is_empty() {
        problem = problem.hint(hint);
    }
    Resolved {
        attributes: Attributes::new(),
        problems: vec![problem],
    }
}

/// Which addresses a server gets there, and whether one of them is public.
fn reached(
    desired: &Desired,
    placement: &Placement,
    subnets: &[Subnet],
    external: &BTreeSet<String>,
) -> Resolved {
    let rule = Rule {
        named: placement.public_network.as_deref(),
        external,
        access: [None, None],
    };
    let is_public = |version: u8| {
        let mut on_public = placement
            .networks
            .iter()
            .filter(|network| rule.is_public(&network.name));
        on_public.any(|network| {
            let mut its = subnets
                .iter()
                .filter(|subnet| subnet.network_id == network.id);
            its.any(|subnet| subnet.ip_version == version)
        })
    };
    // A reserved IP is not its own, and comes later.
    let is_reserved = desired.known(RESERVED_IP) == Some(&Json::Bool(true));
    let has_floating = placement.floating_ip_from.is_some() && !is_reserved;
    let has_v4 = has_floating || is_public(4);
    let has_v6 = is_public(6);
    let mut attributes = Attributes::from([(IPV6, Json::from(has_v6))]);
    if !has_v6 {
        attributes.insert(IPV6_ADDRESS, Json::Null);
    }
    if !has_v4 {
        attributes.insert(IPV4_ADDRESS, Json::Null);
    }
    let name = desired.address.name();
    let on: Vec<&str> = placement
        .networks
        .iter()
        .map(|network| network.name.as_str())
        .collect();
    let on = on.join(" and ");
    let mut problems = Vec::new();
    if !has_v4 && !has_v6 && is_reserved {
        let unasked = desired.known(CHECK).map(|_| {
            Diagnostic::error(format!(
                "server {name} could not be asked whether it serves"
            ))
            .detail(
                "a reserved IP comes to a server once that has answered its `check`, and this \
                     one has no other public address",
            )
            .hint("take `check` out, or let it do without a reserved IP")
            .at(desired.place_of(CHECK))
        });
        problems.extend(unasked);
    } else if !has_v4 && !has_v6 {
        let pools: Vec<&str> = external.iter().map(String::as_str).collect();
        let pools = match pools.as_slice() {
            [] => String::new(),
            pools => format!(" (there is: {})", pools.join(", ")),
        };
        problems.push(
            Diagnostic::error(format!("no address of server {name} would be public"))
                .detail(format!(
                    "it is put on {on}, which does not lead outside, and asks for no floating IP"
                ))
                .hint(format!(
                    "give it \"openstack\": {{\"floating_ip_from\": …}}{pools}, or name the \
                     network that is public all the same as its `public_network`"
                ))
                .at(desired.place.clone()),
        );
    } else if !has_v6 && desired.known(IPV6) == Some(&Json::Bool(true)) {
        problems.push(
            Diagnostic::error(format!("server {name} would have no IPv6"))
                .detail(format!("there is no public IPv6 on {on}"))
                .hint("put it on a network with IPv6, or take `ipv6` out")
                .at(desired.place_of(IPV6)),
        );
    }
    Resolved {
        attributes,
        problems,
    }
}

/// That no floating IP can lead to a server, as far as that can be told before it is there: it leads
/// to an IPv4 address on a network behind a router. Who has the router of a network that others share
/// cannot be seen.
async fn unfit_for_reserved(
    client: &ReadClient,
    desired: &Desired,
    placement: &Placement,
    subnets: &[Subnet],
) -> Result<Option<Diagnostic>, Error> {
    let has_v4 = |network: &&Net| {
        let mut its = subnets.iter();
        its.any(|subnet| subnet.network_id == network.id && subnet.ip_version == 4)
    };
    let inside = placement
        .networks
        .iter()
        .filter(|network| !network.is_external);
    let inside: Vec<&Net> = inside.filter(has_v4).collect();
    let name = desired.address.name();
    let error = Diagnostic::error(format!("server {name} cannot have a reserved IP"))
        .at(desired.place_of(RESERVED_IP));
    let names = |networks: &mut dyn Iterator<Item = &Net>| {
        let names: Vec<&str> = networks.map(|network| network.name.as_str()).collect();
        names.join(" and ")
    };
    if inside.is_empty() {
        let on = names(&mut placement.networks.iter());
        return Ok(Some(
            error
                .detail(format!(
                    "a floating IP leads to an IPv4 address on a private network, and it is put on {on}"
                ))
                .hint("put it on a private network that a router connects with the outside"),
        ));
    }
    let routed = placement::routed(client).await?;
    let may_lead = |network: &&Net| match &routed {
        Some(routed) => routed.contains(&network.id),
        None => true,
    };
    let own = placement::own(client).await?;
    let is_possible = |network: &&Net| may_lead(network) || !own.contains(network.id.as_str());
    if inside.iter().any(is_possible) {
        return Ok(None);
    }
    let on = names(&mut inside.into_iter());
    Ok(Some(
        error
            .detail(format!("no router connects {on} with the outside"))
            .hint("connect it with a router, or put the server on a network that has one"),
    ))
}

/// Each quota that is too small, at the first server that it is too small for.
fn over_quota(
    wanted: &[&Desired],
    flavors: &[Flavor],
    limits: Absolute,
) -> Vec<(usize, Diagnostic)> {
    let flavor = |desired: &Desired| catalog::flavor(flavors, desired.text(SIZE)?);
    let amount = |size: Option<&Flavor>, of: fn(&Flavor) -> u64| {
        size.map_or(0, |flavor| i64::try_from(of(flavor)).unwrap_or(i64::MAX))
    };
    let mut problems = Vec::new();
    let mut check = |what: &str, most: i64, used: i64, takes: &dyn Fn(Option<&Flavor>) -> i64| {
        let mut sum = used;
        let mut first = None;
        for (at, desired) in wanted.iter().enumerate() {
            sum = sum.saturating_add(takes(flavor(desired)));
            if most >= 0 && sum > most {
                first = first.or(Some((at, *desired)));
            }
        }
        if let Some((at, desired)) = first {
            let asked = sum - used;
            problems.push((at, exceeded(what, most, used, asked, desired)));
        }
    };
    check("servers", limits.most_servers, limits.servers, &|_| 1);
    check("cores", limits.most_cores, limits.cores, &|size| {
        amount(size, |flavor| flavor.vcpus)
    });
    check(
        "MiB of memory",
        limits.most_memory,
        limits.memory,
        &|size| amount(size, |flavor| flavor.ram),
    );
    problems
}

fn exceeded(what: &str, most: i64, used: i64, asked: i64, desired: &Desired) -> Diagnostic {
    let left = most.saturating_sub(used).max(0);
    Diagnostic::error(format!("the account's quota of {what} is too small"))
        .detail(format!(
            "this plan needs {asked} more, and {left} of {most} are left"
        ))
        .hint("ask for a higher quota, or make fewer or smaller servers")
        .at(desired.place.clone())
}

/// Not every cloud tells those of the network.
pub(super) async fn quotas(client: &ReadClient) -> Result<Option<Quota>, Error> {
    let grant = client.grant().await?;
    let path = format!("/quotas/{}/details", grant.project.0);
    let answer: Result<QuotaAnswer, Error> = client.get(Service::Network, &path).await;
    match answer {
        Ok(answer) => Ok(Some(answer.quota)),
        Err(error) if matches!(error.status, Some(403..=405)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn too_many_floating(
    wanted: &[&Desired],
    asking: &[usize],
    usage: Usage,
) -> Option<(usize, Diagnostic)> {
    if usage.limit < 0 {
        return None;
    }
    let used = usage.used.saturating_add(usage.reserved);
    let left = usize::try_from(usage.limit.saturating_sub(used)).unwrap_or(0);
    let at = *asking.get(left)?;
    let asked = i64::try_from(asking.len()).unwrap_or(i64::MAX);
    let desired = wanted.get(at)?;
    Some((
        at,
        exceeded("floating IPs", usage.limit, used, asked, desired),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Value};

    fn desired(name: &str, size: &str, ipv6: bool) -> Desired {
        Desired {
            address: Address::new("server", name),
            account: "os".to_owned(),
            attributes: Attributes::from([
                (SIZE, Value::Known(size.into())),
                (IPV6, Value::Known(ipv6.into())),
            ]),
            only_if: None,
            follows: Vec::new(),
            place: None,
            places: Default::default(),
        }
    }

    fn told(problem: &Diagnostic) -> String {
        format!("{}: {}", problem.summary, problem.detail)
    }

    #[test]
    fn all_that_is_asked_for_counts_against_a_quota() {
        let flavor = |name: &str, vcpus, ram| Flavor {
            id: name.to_owned(),
            name: name.to_owned(),
            vcpus,
            ram,
            disk: 1,
            disabled: false,
        };
        let flavors = [flavor("s", 1, 512), flavor("m", 4, 1024)];
        let limits = Absolute {
            most_servers: 10,
            servers: 8,
            most_cores: 10,
            cores: 3,
            most_memory: -1,
            memory: 1,
            most_keys: 1,
            most_files: 5,
            largest_file: 1000,
        };
        let (a, b) = (desired("a", "m", false), desired("b", "m", false));
        let all = [&a, &b];
        let found = over_quota(&all, &flavors, limits);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 1);
        assert_eq!(
            told(&found[0].1),
            "the account's quota of cores is too small: this plan needs 8 more, and 7 of 10 are left"
        );
        let c = desired("c", "s", false);
        let found = over_quota(&[&c, &c, &c], &flavors, limits);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 2);
        assert!(told(&found[0].1).contains("needs 3 more, and 2 of 10"));
        let usage = Usage {
            limit: 5,
            used: 3,
            reserved: 1,
        };
        let (at, problem) = too_many_floating(&all, &[0, 1], usage).unwrap();
        assert_eq!(at, 1);
        assert!(
            told(&problem).contains("needs 2 more, and 1 of 5"),
            "{problem:?}"
        );
        let one = too_many_floating(&all, &[1], usage);
        assert!(one.is_none());
        assert!(too_many("rules", usage, &all, &[0, 1]).is_none());
        let (at, problem) = too_many("rules", usage, &all, &[1, 6]).unwrap();
        assert_eq!(at, 1);
        assert!(
            told(&problem).contains("needs 7 more, and 1 of 5"),
            "{problem:?}"
        );
        let unlimited = Usage { limit: -1, ..usage };
        assert!(too_many("rules", unlimited, &all, &[1, 6]).is_none());
    }

    #[test]
    fn a_server_that_nobody_could_reach_is_a_problem() {
        let net = |name: &str| Net {
            id: format!("id-{name}"),
            name: name.to_owned(),
            is_external: name == "public",
        };
        let subnet = |name: &str, ip_version| Subnet {
            network_id: format!("id-{name}"),
            ip_version,
            cidr: None,
            gateway_ip: None,
        };
        let subnets = [
            subnet("public", 4),
            subnet("public", 6),
            subnet("private", 4),
        ];
        let external = BTreeSet::from(["public".to_owned()]);
        let on = |network: &str, pool: Option<&str>, public: Option<&str>, ipv6| {
            let placement = Placement {
                networks: vec![net(network)],
                security_groups: Vec::new(),
                floating_ip_from: pool.map(net),
                public_network: public.map(ToOwned::to_owned),
            };
            let desired = desired("web1", "s", ipv6);
            let resolved = reached(&desired, &placement, &subnets, &external);
            let problems: Vec<&str> = resolved
                .problems
                .iter()
                .map(|problem| problem.summary.as_str())
                .collect();
            format!("{} {}", resolved.attributes[IPV6], problems.join("; "))
        };
        assert_eq!(on("public", None, None, true), "true ");
        assert_eq!(
            on("private", None, None, false),
            "false no address of server web1 would be public"
        );
        assert_eq!(on("private", Some("public"), None, false), "false ");
        assert_eq!(on("private", None, Some("private"), false), "false ");
        assert_eq!(
            on("private", Some("public"), None, true),
            "false server web1 would have no IPv6"
        );
    }
}
