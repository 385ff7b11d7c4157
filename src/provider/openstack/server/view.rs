//! What Nova says of a server, as the rest of the program knows servers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde_json::Value as Json;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::Error;
use crate::provider::openstack::addresses::{Address, Public, Rule, written};
use crate::provider::openstack::client::ReadClient;
use crate::provider::openstack::floating::Whose;
use crate::provider::openstack::nets::Nets;
use crate::provider::openstack::wire::neutron::FloatingIp;
use crate::provider::openstack::wire::nova::{ImageOf, Server};
use crate::provider::openstack::{catalog, floating, placement};
use crate::resource::server::{
    BACKUPS, DISK, DISK_GB, FIREWALLS, GROW, ID, IMAGE_ID, IPV4_ADDRESS, IPV6, IPV6_ADDRESS, KIND,
    NAME, NETWORKS, PRIVATE_IPV4, REGION, RESERVED_IP, SIZE, TAGS, private_ipv4,
};

use super::change::{RESIZE, REVERT_RESIZE, VERIFY_RESIZE};
use super::membership::Membership;
use super::tags::of_people;
use super::{FLOATING, HAS_IPV4, MARK, NO_IPV6, PUBLIC, RESERVED, TAG};

/// What it takes to understand servers.
pub(super) struct View {
    region: String,
    /// The names of networks that lead outside by themselves.
    external: BTreeSet<String>,
    /// What cloud.json calls flavors, and their disks in GB, by their ids, where servers tell only
    /// these.
    sizes: HashMap<String, (String, u64)>,
    /// The floating IPs that servers have of their own, as Neutron tells them; `None` if what Nova
    /// tells will do.
    floating: Option<Floating>,
    /// Whether the progress of a server that is built is told.
    tells_progress: bool,
    /// Which address is on which net.
    nets: Nets,
    /// Which firewalls servers are behind, if that was asked for.
    membership: Option<Membership>,
}

impl View {
    /// What it takes to understand these.
    pub(super) async fn of(
        client: &ReadClient,
        servers: &[Server],
        with_firewalls: bool,
    ) -> Result<Self, Error> {
        let mut view = Self {
            region: client.region().await?,
            external: placement::names_outside(placement::networks(client).await?),
            sizes: HashMap::new(),
            floating: None,
            tells_progress: client.profile().tells_progress,
            nets: Nets::of(placement::subnets(client).await?),
            membership: match with_firewalls && client.profile().has_network_service {
                true => Some(Membership::of(client, servers).await?),
                false => None,
            },
        };
        let lacks_name = |server: &Server| {
            let flavor = server.flavor.as_ref();
            flavor.is_some_and(|flavor| flavor.original_name.is_none())
        };
        if servers.iter().any(lacks_name) {
            let flavors = catalog::flavors(client).await?;
            let by_id = client.profile().sizes_by_id;
            view.sizes = flavors
                .iter()
                .map(|flavor| {
                    let slug = if by_id { &flavor.id } else { &flavor.name };
                    (flavor.id.clone(), (slug.clone(), flavor.disk))
                })
                .collect();
        }
        // Nova hears of a floating IP some time after it has come or gone, and not what it is.
        let is_unclear = |server: &Server| {
            let has_one = addresses(server).iter().any(|address| address.is_floating);
            has_one && !says_reserved(server) || view.lacks_floating(server).is_some()
        };
        if client.profile().has_network_service && servers.iter().any(is_unclear) {
            view.floating = Some(Floating::of(floating::all(client).await?));
        }
        Ok(view)
    }

    /// The pool that a server's floating IP shall come from, if it is time for it and the server
    /// has none.
    pub(super) fn lacks_floating<'s>(&self, server: &'s Server) -> Option<&'s str> {
        let pool = server.metadata.get(FLOATING)?;
        let mut its = self.addresses(server).into_iter();
        let has_one = self.has_reserved(server) || its.any(|address| address.is_floating);
        (server.status == "ACTIVE" && !has_one).then_some(pool)
    }

    /// Whether a reserved IP takes the place of a floating IP of its own. One that is on it already
    /// leaves no room, whatever the server says so far.
    fn has_reserved(&self, server: &Server) -> bool {
        let floating = self.floating.as_ref();
        says_reserved(server)
            || floating.is_some_and(|floating| floating.with_reserved.contains(&server.id))
    }

    /// Its addresses, but for a reserved IP: that is not its own.
    fn addresses(&self, server: &Server) -> Vec<Address> {
        let mut all = addresses(server);
        if says_reserved(server) {
            all.retain(|address| !address.is_floating);
        } else if let Some(floating) = &self.floating {
            floating.correct(&server.id, &mut all);
        }
        all
    }

    pub(super) fn observed(&self, servers: Vec<Server>) -> Vec<Observed> {
        servers
            .into_iter()
            .map(|server| self.seen(server))
            .collect()
    }

    fn seen(&self, server: Server) -> Observed {
        let addresses = self.addresses(&server);
        let says_reserved = says_reserved(&server);
        let access = |text: &str| text.parse::<IpAddr>().ok();
        let rule = Rule {
            named: server.metadata.get(PUBLIC).map(String::as_str),
            external: &self.external,
            access: [access(&server.access_v4), access(&server.access_v6)],
        };
        let public = rule.public(&addresses);
        let membership = self.membership.as_ref();
        let firewalls = membership.and_then(|membership| membership.of_server(&server));
        let is_image = matches!(server.image, Some(ImageOf::Image { .. }));
        let (size, disk) = self.size(&server);
        let size = size.map(ToOwned::to_owned);
        let readiness = self.readiness(&server, &addresses, public);
        let is_settled = readiness == Readiness::Ready;
        let readiness = resizing(&server.status, size.as_deref()).unwrap_or(readiness);
        let mut attributes = Attributes::from([
            (ID.to_owned(), server.id.as_str().into()),
            (NAME.to_owned(), server.name.into()),
            (REGION.to_owned(), self.region.as_str().into()),
            (BACKUPS.to_owned(), false.into()),
            (RESERVED_IP.to_owned(), says_reserved.into()),
        ]);
        attributes.extend(size.map(|size| (SIZE.to_owned(), size.into())));
        attributes.extend(firewalls.map(|firewalls| (FIREWALLS.to_owned(), firewalls)));
        let tags = server.tags.as_deref();
        attributes.extend(tags.map(|tags| (TAGS.to_owned(), of_people(tags))));
        // What a server was made with from a volume is that volume's; and where a flavor says 0, the
        // disk is as large as the image.
        if let Some(disk) = disk.filter(|disk| is_image && *disk > 0) {
            attributes.insert(DISK_GB.to_owned(), disk.into());
            attributes.insert(DISK.to_owned(), GROW.into());
        }
        if let Some(ImageOf::Image { id }) = server.image {
            attributes.insert(IMAGE_ID.to_owned(), id.into());
        }
        let found = (addresses.as_slice(), public);
        put_addresses(&mut attributes, found, &self.nets, is_settled);
        if public.v6.is_none() && server.metadata.contains_key(NO_IPV6) {
            attributes.insert(IPV6_ADDRESS.to_owned(), Json::Null);
        }
        Observed {
            kind: KIND.name,
            account: Default::default(),
            id: server.id,
            attributes,
            owners: owners(&server.metadata, server.tags.as_deref().unwrap_or_default()),
            readiness,
            monthly: None,
            // One in a form that nobody knows says as little as none.
            created: server.created.and_then(|at| at.parse().ok()),
        }
    }

    /// What cloud.json calls a server's flavor, and how large its disk is, in GB.
    pub(super) fn size<'s>(&'s self, server: &'s Server) -> (Option<&'s str>, Option<u64>) {
        let Some(flavor) = &server.flavor else {
            return (None, None);
        };
        let by_id = flavor.id.as_ref().and_then(|id| self.sizes.get(id));
        let size = flavor.original_name.as_ref();
        (
            size.or(by_id.map(|(slug, _)| slug)).map(String::as_str),
            flavor.disk.or(by_id.map(|(_, disk)| *disk)),
        )
    }

    /// Nova's status counts, and that there are the addresses that are yet to come.
    fn readiness(&self, server: &Server, addresses: &[Address], public: Public) -> Readiness {
        match server.status.as_str() {
            "ERROR" => Readiness::Failed(fault(server).to_owned()),
            "BUILD" | "UNKNOWN" => {
                let progress = server.progress.filter(|_| self.tells_progress);
                Readiness::Pending(match progress {
                    Some(percent) => format!("it boots, {percent} %"),
                    None => "it boots".to_owned(),
                })
            }
            _ if addresses.is_empty() => Readiness::Pending("it has no address yet".to_owned()),
            _ if self.lacks_floating(server).is_some() => {
                Readiness::Pending("it waits for its floating IP".to_owned())
            }
            // It is not the server's own.
            _ if self.has_reserved(server) && server.metadata.contains_key(FLOATING) => {
                Readiness::Ready
            }
            // Some networks come later than others.
            _ if public.v4.is_none() && server.metadata.contains_key(HAS_IPV4) => {
                Readiness::Pending("it has no public IPv4 yet".to_owned())
            }
            _ => Readiness::Ready,
        }
    }
}

/// Why a server is in the status ERROR.
pub(super) fn fault(server: &Server) -> &str {
    let fault = server.fault.as_ref().map(|fault| fault.message.trim());
    let fault = fault.filter(|fault| !fault.is_empty());
    fault.unwrap_or("the cloud says no more than ERROR")
}

/// How far a server is that gets another size, if it does.
fn resizing(status: &str, size: Option<&str>) -> Option<Readiness> {
    let why = match status {
        RESIZE => "it is being resized".to_owned(),
        VERIFY_RESIZE => format!(
            "it has become {}, and that waits to be confirmed",
            size.unwrap_or("another size")
        ),
        REVERT_RESIZE => {
            let why = "it goes back to the size that it had";
            return Some(Readiness::Pending(why.to_owned()));
        }
        _ => return None,
    };
    let attribute = SIZE;
    Some(Readiness::Paused { attribute, why })
}

/// What is known of addresses. That there is none is known only once all have come.
fn put_addresses(
    attributes: &mut Attributes,
    (addresses, public): (&[Address], Public),
    nets: &Nets,
    is_settled: bool,
) {
    let known = |ip: Option<IpAddr>| match ip {
        Some(ip) => Some(Json::from(ip.to_string())),
        None => is_settled.then_some(Json::Null),
    };
    let v4 = known(public.v4).map(|ip| (IPV4_ADDRESS.to_owned(), ip));
    let v6 = known(public.v6).map(|ip| (IPV6_ADDRESS.to_owned(), ip));
    attributes.extend(v4.into_iter().chain(v6));
    if is_settled {
        attributes.insert(IPV6.to_owned(), public.v6.is_some().into());
        let networks = written(addresses, public, nets);
        attributes.insert(PRIVATE_IPV4.to_owned(), private_ipv4(&networks));
        attributes.insert(NETWORKS.to_owned(), networks);
    }
}

/// A server that was made a moment ago, of which Nova has told the id alone.
pub(super) fn born(
    id: String,
    attributes: &Attributes,
    region: &str,
    mark: Option<&str>,
) -> Observed {
    let known = [NAME, SIZE].into_iter().filter_map(|name| {
        let value = attributes.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    let region = (REGION.to_owned(), Json::from(region));
    Observed {
        kind: KIND.name,
        account: Default::default(),
        id,
        attributes: known.chain([region]).collect(),
        owners: mark.map(ToOwned::to_owned).into_iter().collect(),
        readiness: Readiness::Pending("it boots".to_owned()),
        monthly: None,
        created: None,
    }
}

/// Whether it says that a reserved IP takes the place of a floating IP of its own.
fn says_reserved(server: &Server) -> bool {
    server.metadata.contains_key(RESERVED)
}

/// The floating IPs of an account, as far as servers have them.
#[derive(Clone, Debug, Default)]
struct Floating {
    by_server: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Those of which Neutron does not tell who has them.
    with_somebody: BTreeSet<IpAddr>,
    /// The servers that have a reserved IP.
    with_reserved: BTreeSet<String>,
}

impl Floating {
    fn of(all: Vec<FloatingIp>) -> Self {
        let mut found = Self::default();
        for floating in all {
            let is_reserved = matches!(Whose::of(&floating), Whose::Reserved { .. });
            let (Ok(ip), Some(_)) = (floating.floating_ip_address.parse(), &floating.port_id)
            else {
                continue;
            };
            match floating.port_details.and_then(|port| port.device_id) {
                Some(server) if is_reserved => {
                    found.with_reserved.insert(server);
                }
                None if is_reserved => {}
                Some(server) => {
                    found.by_server.entry(server).or_default().insert(ip);
                }
                None => {
                    found.with_somebody.insert(ip);
                }
            }
        }
        found
    }

    /// Makes those among the addresses of a server what they are.
    fn correct(&self, server: &str, addresses: &mut Vec<Address>) {
        let its = self.by_server.get(server);
        let network = addresses.first().map(|address| address.network.clone());
        addresses.retain(|address| {
            let is_its = its.is_some_and(|its| its.contains(&address.ip));
            !address.is_floating || is_its || self.with_somebody.contains(&address.ip)
        });
        for &ip in its.into_iter().flatten() {
            if !addresses.iter().any(|address| address.ip == ip) {
                addresses.push(Address {
                    network: network.clone().unwrap_or_default(),
                    ip,
                    is_floating: true,
                });
            }
        }
    }
}

fn addresses(server: &Server) -> Vec<Address> {
    let of_networks = server.addresses.iter().flat_map(|(network, addresses)| {
        addresses.iter().filter_map(move |address| {
            let ip: IpAddr = address.addr.parse().ok()?;
            (!ip.is_unspecified()).then(|| Address {
                network: network.clone(),
                ip,
                is_floating: address.kind.as_deref() == Some("floating"),
            })
        })
    });
    of_networks.collect()
}

fn owners(metadata: &BTreeMap<String, String>, tags: &[String]) -> Vec<String> {
    let marked = metadata.get(MARK).map(String::as_str);
    let tagged = tags.iter().filter_map(|tag| tag.strip_prefix(TAG));
    let owners: BTreeSet<&str> = marked.into_iter().chain(tagged).collect();
    owners.into_iter().map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::openstack::wire::Page as _;
    use crate::provider::openstack::wire::neutron::FloatingIps;
    use crate::provider::openstack::wire::nova::{ServerAnswer, Servers};

    fn view() -> View {
        View {
            region: "RegionOne".to_owned(),
            external: ["public".to_owned()].into(),
            sizes: [("f1".to_owned(), ("m1.tiny".to_owned(), 1))].into(),
            floating: None,
            tells_progress: false,
            nets: Nets::default(),
            membership: None,
        }
    }

    fn server(text: &str) -> Server {
        let answer: ServerAnswer = serde_json::from_str(text).unwrap();
        answer.server
    }

    const PUBLIC_SERVER: &str = include_str!("../../../../fixtures/openstack/server_public.json");
    const PRIVATE: &str = include_str!("../../../../fixtures/openstack/server_private.json");
    const FLOATING_SERVER: &str =
        include_str!("../../../../fixtures/openstack/server_floating.json");
    const BUILDING: &str = include_str!("../../../../fixtures/openstack/server_building.json");
    const FAILED: &str = include_str!("../../../../fixtures/openstack/server_error.json");
    const OLD: &str = include_str!("../../../../fixtures/openstack/server_21.json");
    const PAGE: &str = include_str!("../../../../fixtures/openstack/servers_page.json");
    const FLOATING_IPS: &str = include_str!("../../../../fixtures/openstack/floatingips.json");

    #[test]
    fn a_server_on_a_public_network_is_ready_with_its_addresses() {
        let seen = view().seen(server(PUBLIC_SERVER));
        assert_eq!(seen.readiness, Readiness::Ready);
        assert_eq!(seen.text(NAME), Some("rec1"));
        assert_eq!(seen.text(SIZE), Some("m1.tiny"));
        assert_eq!(seen.owners, ["11111111-2222-4333-8444-555555555555"]);
        let v4: IpAddr = seen.text(IPV4_ADDRESS).unwrap().parse().unwrap();
        let v6: IpAddr = seen.text(IPV6_ADDRESS).unwrap().parse().unwrap();
        assert!(v4.is_ipv4() && v6.is_ipv6());
        assert_eq!(seen.attributes[IPV6], true);
        assert_eq!(seen.attributes[NETWORKS]["v4"][0]["type"], "public");
        assert!(seen.created.is_some());
    }

    #[test]
    fn a_private_server_has_no_public_address() {
        let seen = view().seen(server(PRIVATE));
        assert_eq!(seen.readiness, Readiness::Ready);
        assert_eq!(seen.attributes.get(IPV4_ADDRESS), Some(&Json::Null));
        assert_eq!(seen.attributes[NETWORKS]["v4"][0]["type"], "private");
    }

    #[test]
    fn a_server_is_not_ready_without_the_public_address_that_it_is_to_have() {
        for status in ["ACTIVE", "SHUTOFF"] {
            let mut due = server(PRIVATE);
            due.metadata.insert(HAS_IPV4.to_owned(), "true".to_owned());
            due.status = status.to_owned();
            let seen = view().seen(due);
            let waits = Readiness::Pending("it has no public IPv4 yet".to_owned());
            assert_eq!(seen.readiness, waits);
            // Not null: that would say that there is none, and its records would go.
            assert_eq!(seen.attributes.get(IPV4_ADDRESS), None);
        }
        let mut there = server(PUBLIC_SERVER);
        there
            .metadata
            .insert(HAS_IPV4.to_owned(), "true".to_owned());
        assert_eq!(view().seen(there).readiness, Readiness::Ready);
    }

    #[test]
    fn a_server_that_wants_a_floating_ip_waits_for_it() {
        let mut wanting = server(PRIVATE);
        wanting
            .metadata
            .insert(FLOATING.to_owned(), "pool".to_owned());
        assert_eq!(view().lacks_floating(&wanting), Some("pool"));
        let id = wanting.id.clone();
        let seen = view().seen(wanting);
        let waits = Readiness::Pending("it waits for its floating IP".to_owned());
        assert_eq!(seen.readiness, waits);
        assert_eq!(seen.attributes.get(IPV4_ADDRESS), None);
        assert_eq!(seen.attributes.get(IPV6_ADDRESS), None);
        // What its creation knew is known as long as it waits.
        let mut without = server(PRIVATE);
        for (key, value) in [(FLOATING, "pool"), (NO_IPV6, "true")] {
            without.metadata.insert(key.to_owned(), value.to_owned());
        }
        let seen = view().seen(without);
        assert_eq!(seen.readiness, waits);
        assert_eq!(seen.attributes.get(IPV6_ADDRESS), Some(&Json::Null));
        // Neutron has it, and Nova has not heard of it.
        let mut wanting = server(PRIVATE);
        wanting
            .metadata
            .insert(FLOATING.to_owned(), "pool".to_owned());
        let page: FloatingIps = serde_json::from_str(FLOATING_IPS).unwrap();
        let there = page.split().0;
        let floating = Floating::of(there.clone());
        assert!(floating.by_server.contains_key(&id), "{floating:?}");
        let knowing = View {
            floating: Some(floating),
            ..view()
        };
        assert_eq!(knowing.lacks_floating(&wanting), None);
        let seen = knowing.seen(wanting);
        assert_eq!(seen.readiness, Readiness::Ready);
        assert_eq!(seen.text(IPV4_ADDRESS), Some("203.0.113.91"));
        // Both know.
        let seen = view().seen(server(FLOATING_SERVER));
        assert_eq!(seen.text(IPV4_ADDRESS), Some("203.0.113.91"));
        // It is gone, or a reserved one, and Nova has not heard of that.
        let mut reserved = there;
        reserved[0].description = floating::reserved("l-1", "web");
        for floating in [Vec::new(), reserved] {
            let is_there = !floating.is_empty();
            let floating = Some(Floating::of(floating));
            let knowing = View { floating, ..view() };
            let mut had = server(FLOATING_SERVER);
            had.metadata.remove(FLOATING);
            let seen = knowing.seen(had);
            assert_eq!(seen.attributes.get(IPV4_ADDRESS), Some(&Json::Null));
            // With a reserved one there is no room for its own, and nothing to wait for.
            let mut wants = server(FLOATING_SERVER);
            for (key, value) in [(FLOATING, "pool"), (HAS_IPV4, "true")] {
                wants.metadata.insert(key.to_owned(), value.to_owned());
            }
            assert_eq!(knowing.lacks_floating(&wants).is_none(), is_there);
            let seen = knowing.seen(wants);
            assert_eq!(seen.readiness == Readiness::Ready, is_there);
            let none = is_there.then_some(&Json::Null);
            assert_eq!(seen.attributes.get(IPV4_ADDRESS), none);
            assert_eq!(seen.attributes[RESERVED_IP], false);
        }
    }

    #[test]
    fn a_server_with_a_reserved_ip_has_no_floating_ip_of_its_own() {
        for wants_one in [false, true] {
            let mut kept = server(FLOATING_SERVER);
            kept.metadata.insert(RESERVED.to_owned(), "true".to_owned());
            kept.metadata.remove(FLOATING);
            if wants_one {
                for (key, value) in [(FLOATING, "pool"), (HAS_IPV4, "true")] {
                    kept.metadata.insert(key.to_owned(), value.to_owned());
                }
            }
            assert_eq!(view().lacks_floating(&kept), None);
            let seen = view().seen(kept);
            assert_eq!(seen.readiness, Readiness::Ready);
            assert_eq!(seen.attributes[RESERVED_IP], true);
            assert_eq!(seen.attributes.get(IPV4_ADDRESS), Some(&Json::Null));
            let listed = seen.attributes[NETWORKS]["v4"].as_array().unwrap();
            assert!(
                listed.iter().all(|one| one["type"] == "private"),
                "{listed:?}"
            );
        }
    }

    #[test]
    fn what_is_building_is_pending_and_what_failed_says_why() {
        let seen = view().seen(server(BUILDING));
        assert_eq!(seen.readiness, Readiness::Pending("it boots".to_owned()));
        let told = View {
            tells_progress: true,
            ..view()
        };
        let seen = told.seen(server(BUILDING));
        assert_eq!(
            seen.readiness,
            Readiness::Pending("it boots, 0 %".to_owned())
        );
        let seen = view().seen(server(FAILED));
        let why = "No valid host was found.";
        assert_eq!(seen.readiness, Readiness::Failed(why.to_owned()));
    }

    #[test]
    fn a_server_that_gets_another_size_is_there_all_the_while() {
        for status in [RESIZE, VERIFY_RESIZE] {
            let mut halfway = server(PUBLIC_SERVER);
            halfway.status = status.to_owned();
            let seen = view().seen(halfway);
            assert!(seen.is_halfway(SIZE), "{seen:?}");
            let there = view().seen(server(PUBLIC_SERVER));
            assert_eq!(seen.attributes, there.attributes);
        }
        let mut back = server(PUBLIC_SERVER);
        back.status = REVERT_RESIZE.to_owned();
        let seen = view().seen(back);
        assert!(matches!(seen.readiness, Readiness::Pending(_)), "{seen:?}");
    }

    #[test]
    fn a_disk_that_does_not_come_with_the_size_is_not_told() {
        let seen = view().seen(server(PUBLIC_SERVER));
        assert_eq!(seen.attributes[DISK_GB], 1);
        let mut on_volume = server(PUBLIC_SERVER);
        on_volume.image = None;
        assert_eq!(view().seen(on_volume).attributes.get(DISK_GB), None);
        let mut as_the_image = server(PUBLIC_SERVER);
        as_the_image.flavor.as_mut().unwrap().disk = Some(0);
        assert_eq!(view().seen(as_the_image).attributes.get(DISK_GB), None);
    }

    #[test]
    fn the_first_version_of_the_api_tells_a_flavor_by_its_id() {
        let mut old = server(OLD);
        let id = old.flavor.as_mut().unwrap().id.replace("f1".to_owned());
        assert!(id.is_some());
        assert_eq!(view().seen(old).text(SIZE), Some("m1.tiny"));
    }

    #[test]
    fn a_page_says_where_the_next_one_is() {
        let page: Servers = serde_json::from_str(PAGE).unwrap();
        let (servers, next) = page.split();
        assert_eq!(servers.len(), 1);
        assert!(next.unwrap().contains("marker="));
    }
}
