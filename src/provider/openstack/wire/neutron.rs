use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Link, Page, next};

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Network {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    #[serde(default, rename = "router:external")]
    pub(in super::super) is_external: bool,
    #[serde(default, rename = "shared")]
    pub(in super::super) is_shared: bool,
    pub(in super::super) project_id: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct Networks {
    networks: Vec<Network>,
    #[serde(default)]
    networks_links: Vec<Link>,
}

impl Page for Networks {
    type Item = Network;

    fn split(self) -> (Vec<Network>, Option<String>) {
        (self.networks, next(self.networks_links))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Subnet {
    pub(in super::super) network_id: String,
    pub(in super::super) ip_version: u8,
    /// `203.0.113.0/24`.
    pub(in super::super) cidr: Option<String>,
    pub(in super::super) gateway_ip: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct Subnets {
    subnets: Vec<Subnet>,
    #[serde(default)]
    subnets_links: Vec<Link>,
}

impl Page for Subnets {
    type Item = Subnet;

    fn split(self) -> (Vec<Subnet>, Option<String>) {
        (self.subnets, next(self.subnets_links))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct SecurityGroup {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    pub(in super::super) project_id: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct SecurityGroups {
    security_groups: Vec<SecurityGroup>,
    #[serde(default)]
    security_groups_links: Vec<Link>,
}

impl Page for SecurityGroups {
    type Item = SecurityGroup;

    fn split(self) -> (Vec<SecurityGroup>, Option<String>) {
        (self.security_groups, next(self.security_groups_links))
    }
}

/// A security group with all that it lets through.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Group {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
    #[serde(default)]
    pub(in super::super) description: String,
    pub(in super::super) project_id: Option<String>,
    #[serde(default, rename = "security_group_rules")]
    pub(in super::super) rules: Vec<GroupRule>,
}

/// A rule that somebody reads. What it leaves open is null.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct GroupRule {
    pub(in super::super) id: String,
    /// `ingress` or `egress`.
    pub(in super::super) direction: String,
    /// `IPv4` or `IPv6`.
    pub(in super::super) ethertype: Option<String>,
    /// A name or a number.
    pub(in super::super) protocol: Option<String>,
    /// Of ICMP the type.
    pub(in super::super) port_range_min: Option<i64>,
    /// Of ICMP the code.
    pub(in super::super) port_range_max: Option<i64>,
    pub(in super::super) remote_ip_prefix: Option<String>,
    pub(in super::super) remote_group_id: Option<String>,
    pub(in super::super) remote_address_group_id: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct Groups {
    security_groups: Vec<Group>,
    #[serde(default)]
    security_groups_links: Vec<Link>,
}

impl Page for Groups {
    type Item = Group;

    fn split(self) -> (Vec<Group>, Option<String>) {
        (self.security_groups, next(self.security_groups_links))
    }
}

#[derive(Deserialize)]
pub(in super::super) struct GroupAnswer {
    pub(in super::super) security_group: Group,
}

#[derive(Serialize)]
pub(in super::super) struct GroupRequest<'a> {
    pub(in super::super) security_group: NewGroup<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct NewGroup<'a> {
    pub(in super::super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) description: Option<String>,
}

#[derive(Serialize)]
pub(in super::super) struct GroupRuleRequest<'a> {
    pub(in super::super) security_group_rule: NewGroupRule<'a>,
}

/// A rule that is made. What it leaves out is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct NewGroupRule<'a> {
    pub(in super::super) security_group_id: &'a str,
    pub(in super::super) direction: &'static str,
    pub(in super::super) ethertype: &'static str,
    pub(in super::super) protocol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) port_range_min: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) port_range_max: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) remote_ip_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) remote_group_id: Option<&'a str>,
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Port {
    pub(in super::super) id: String,
    pub(in super::super) network_id: String,
    #[serde(default)]
    pub(in super::super) device_id: String,
    #[serde(default)]
    pub(in super::super) fixed_ips: Vec<FixedIp>,
}

/// A port, as far as it says that a router is on a network.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct RouterPort {
    pub(in super::super) network_id: String,
    #[serde(default)]
    pub(in super::super) device_owner: String,
}

#[derive(Deserialize)]
pub(in super::super) struct RouterPorts {
    ports: Vec<RouterPort>,
    #[serde(default)]
    ports_links: Vec<Link>,
}

impl Page for RouterPorts {
    type Item = RouterPort;

    fn split(self) -> (Vec<RouterPort>, Option<String>) {
        (self.ports, next(self.ports_links))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct FixedIp {
    pub(in super::super) ip_address: String,
}

#[derive(Deserialize)]
pub(in super::super) struct Ports {
    ports: Vec<Port>,
    #[serde(default)]
    ports_links: Vec<Link>,
}

impl Page for Ports {
    type Item = Port;

    fn split(self) -> (Vec<Port>, Option<String>) {
        (self.ports, next(self.ports_links))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct FloatingIp {
    pub(in super::super) id: String,
    pub(in super::super) floating_ip_address: String,
    pub(in super::super) floating_network_id: String,
    pub(in super::super) port_id: Option<String>,
    pub(in super::super) port_details: Option<PortDetails>,
    #[serde(default)]
    pub(in super::super) description: String,
    pub(in super::super) project_id: Option<String>,
}

/// What the port is of; not every cloud tells.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct PortDetails {
    pub(in super::super) device_id: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct FloatingIps {
    floatingips: Vec<FloatingIp>,
    #[serde(default)]
    floatingips_links: Vec<Link>,
}

impl Page for FloatingIps {
    type Item = FloatingIp;

    fn split(self) -> (Vec<FloatingIp>, Option<String>) {
        (self.floatingips, next(self.floatingips_links))
    }
}

#[derive(Deserialize)]
pub(in super::super) struct FloatingIpAnswer {
    pub(in super::super) floatingip: FloatingIp,
}

#[derive(Serialize)]
pub(in super::super) struct FloatingIpRequest<'a> {
    pub(in super::super) floatingip: NewFloatingIp<'a>,
}

#[derive(Clone, Copy, Default, Serialize)]
pub(in super::super) struct NewFloatingIp<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) floating_network_id: Option<&'a str>,
    /// Of nothing it is taken off the port that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) port_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) description: Option<&'a str>,
}

#[derive(Deserialize)]
pub(in super::super) struct QuotaAnswer {
    pub(in super::super) quota: Quota,
}

#[derive(Deserialize)]
pub(in super::super) struct Quota {
    pub(in super::super) floatingip: Option<Usage>,
    pub(in super::super) security_group: Option<Usage>,
    pub(in super::super) security_group_rule: Option<Usage>,
}

/// A port, as far as it says who is let through.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct GuardedPort {
    pub(in super::super) id: String,
    #[serde(default)]
    pub(in super::super) device_id: String,
    /// Ids.
    #[serde(default)]
    pub(in super::super) security_groups: BTreeSet<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct GuardedPorts {
    ports: Vec<GuardedPort>,
    #[serde(default)]
    ports_links: Vec<Link>,
}

impl Page for GuardedPorts {
    type Item = GuardedPort;

    fn split(self) -> (Vec<GuardedPort>, Option<String>) {
        (self.ports, next(self.ports_links))
    }
}

#[derive(Serialize)]
pub(in super::super) struct GuardRequest<'a> {
    pub(in super::super) port: Guard<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct Guard<'a> {
    pub(in super::super) security_groups: &'a BTreeSet<String>,
}

/// -1 is no limit.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(in super::super) struct Usage {
    pub(in super::super) limit: i64,
    #[serde(default)]
    pub(in super::super) used: i64,
    #[serde(default)]
    pub(in super::super) reserved: i64,
}
