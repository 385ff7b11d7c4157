//! The section `vpcs`: private networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jsonc_parser::ast::Value;

use super::accounts::Named;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use super::server::{self, Around};
use super::{Cloud, Spanned, provider_type};
use crate::model::{Diagnostic, firewall, nearest};

/// The keys of a VPC.
pub(super) const KEYS: [Key; 4] = [
    server::PROVIDER,
    Key::new(
        "region",
        "Where it is: its servers are there too. Left out, the one in `defaults`.",
        Shape::Text,
    ),
    Key::new(
        "ip_range",
        "Its private addresses, /16 to /28, such as \"10.10.0.0/20\". Left out, the provider \
         chooses. It never changes.",
        Shape::Text,
    ),
    Key::new(
        "description",
        "What it is for, up to 255 characters. Left out, it is left alone.",
        Shape::Text,
    ),
];

/// What a VPC may look like.
pub(super) const FORM: Form = Form::of(&KEYS);

/// The key of a server.
pub(super) const VPC: Key = Key::new(
    "vpc",
    "The VPC that it is in: one of `vpcs`, or one that the account has in its region. Left out, \
     its region's default, and no matter. On DigitalOcean.",
    Shape::Text,
);

/// The API's limit.
const LONGEST_DESCRIPTION: usize = 255;

/// A private network that cloud.json names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its name.
    pub name: Spanned<String>,
    /// The account it is in.
    pub account: Spanned<String>,
    /// The region's slug.
    pub region: Spanned<String>,
    /// Its addresses, as `10.10.0.0/20`; `None` if the provider shall choose.
    pub ip_range: Option<Spanned<String>>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
}

/// Reads the section.
pub(super) fn vpcs(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    around: &Around,
    cloud: &mut Cloud,
) {
    let Some(section) = reader.object("`vpcs`", value) else {
        return;
    };
    reader.report_duplicates(section, |name| {
        let what = format!("VPC `{}` is defined twice", name.escape_debug());
        (what, "rename or remove one of them")
    });
    for member in firsts(section) {
        let written = member.name.as_str();
        let what = format!("VPC `{}`", written.escape_debug());
        let name = Spanned::new(written.to_owned(), reader.name_place(member));
        let Some(object) = reader.object(&what, &member.value) else {
            continue;
        };
        report_duplicate_keys(reader, object, &what);
        let (mut own, mut region, mut ip_range, mut description) =
            (Named::Nothing, None, None, None);
        let mut there = Vec::new();
        for option in firsts(object) {
            let (key, value) = (option.name.as_str(), &option.value);
            let of_it = format!("`{key}` of {what}");
            match key {
                "provider" => own = Named::read(reader, &of_it, value),
                "region" => region = reader.text(&of_it, value),
                "ip_range" => ip_range = self::ip_range(reader, &of_it, value),
                "description" => description = self::description(reader, &of_it, value),
                _ => {
                    let error = unknown_key(key, &format!("in {what}"), names(&KEYS));
                    let place = reader.name_place(option);
                    reader.report(error.at(place));
                    there.extend(nearest(key, names(&KEYS)));
                }
            }
            there.extend(names(&KEYS).filter(|&known| known == key));
        }
        let home = around.accounts.home(reader, &what, &name, own);
        let region = region.or_else(|| around.default_region(&home));
        let broken = &around.defaults.broken;
        if region.is_none() && !there.contains(&"region") && !broken.contains(&"region") {
            reader.report(
                Diagnostic::error(format!("{what} is missing `region`"))
                    .hint("add \"region\": \"nyc3\"")
                    .at(name.place.clone()),
            );
        }
        let nowhere = || Spanned::new(String::new(), name.place.clone());
        cloud.vpcs.push(Vpc {
            account: home.account,
            region: region.unwrap_or_else(nowhere),
            ip_range,
            description,
            name,
        });
    }
}

fn description(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<String>> {
    let text = reader.text(what, value)?;
    let length = text.value.chars().count();
    if length > LONGEST_DESCRIPTION {
        reader.report(
            Diagnostic::error(format!("{what} is {length} characters long"))
                .hint("use 255 at most")
                .at(text.place),
        );
        return None;
    }
    Some(text)
}

/// As the API takes it (openapi.json, `vpc_create`): private, from /28 to /16.
fn ip_range(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<Spanned<String>> {
    let text = reader.text(what, value)?;
    let range = firewall::range(&text.value).filter(|_| text.value.contains('/'));
    let (problem, hint) = match range.as_deref().map(|range| (range, ends(range))) {
        Some((range, Some((network, length, _)))) => {
            if !network.is_private() {
                (
                    "must be private",
                    "take one out of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16".to_owned(),
                )
            } else if !(16..=28).contains(&length) {
                (
                    "must be from /28 to /16",
                    "a /20 has room for 4,000 servers".to_owned(),
                )
            } else if range != text.value {
                (
                    "does not begin where such a range does",
                    format!("write {range}"),
                )
            } else {
                return Some(text);
            }
        }
        _ => (
            "is no range of IPv4 addresses",
            "write one such as \"10.10.0.0/20\"".to_owned(),
        ),
    };
    reader.report(
        Diagnostic::error(format!("{what} {problem}"))
            .hint(hint)
            .at(text.place),
    );
    None
}

/// The first address of a range, its length, and its last address.
fn ends(range: &str) -> Option<(Ipv4Addr, u32, Ipv4Addr)> {
    let (network, length) = range.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
    let last = Ipv4Addr::from(u32::from(network) | hosts);
    Some((network, length, last))
}

/// The API takes these characters (openapi.json, `vpc_updatable`).
pub(super) fn check_names(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(&str, String), &Vpc> = BTreeMap::new();
    for vpc in &cloud.vpcs {
        let name = vpc.name.value.as_str();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if name.is_empty() || !name.chars().all(allowed) {
            found.push(
                Diagnostic::error(format!(
                    "VPC name `{}` is none that a VPC can have",
                    name.escape_debug()
                ))
                .hint("use letters, digits, `-` and `.`")
                .at(vpc.name.place.clone()),
            );
        }
        let key = (vpc.account.value.as_str(), name.to_ascii_lowercase());
        if let Some(other) = seen.get(&key) {
            found.push(
                Diagnostic::error(format!(
                    "VPCs `{}` and `{name}` differ only in case",
                    other.name.value
                ))
                .hint("rename one of them")
                .at(vpc.name.place.clone())
                .related(other.name.place.clone(), "the other one"),
            );
        }
        seen.insert(key, vpc);
    }
}

/// No two VPCs of an account share addresses.
pub(super) fn check_ranges(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let ranges = cloud.vpcs.iter().filter_map(|vpc| {
        let range = vpc.ip_range.as_ref()?;
        let (first, _, last) = ends(&range.value)?;
        Some((vpc, range, first, last))
    });
    let ranges: Vec<_> = ranges.collect();
    for (at, (vpc, range, first, last)) in ranges.iter().enumerate() {
        let mut before = ranges.iter().take(at);
        let other = before.find(|(other, _, from, to)| {
            other.account.value == vpc.account.value && from <= last && first <= to
        });
        if let Some((other, others, ..)) = other {
            found.push(
                Diagnostic::error(format!(
                    "VPCs `{}` and `{}` share addresses",
                    other.name.value, vpc.name.value
                ))
                .detail(format!("{} and {} overlap", others.value, range.value))
                .hint("give one of them another range")
                .at(range.place.clone())
                .related(others.place.clone(), "the other one"),
            );
        }
    }
}

/// A server is where its VPC is, and can be in one at all.
pub(super) fn check_servers(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    // Those of a range stand in one place.
    let mut told = BTreeSet::new();
    for server in &cloud.servers {
        let Some(named) = &server.vpc else { continue };
        if !told.insert((&*named.place.file, named.place.range.start)) {
            continue;
        }
        let shown = server.name.value.escape_debug();
        let account = cloud.account(&server.account.value);
        let provider = account.and_then(|account| provider_type(&account.provider.value));
        if let Some(provider) = provider.filter(|provider| !provider.vpcs) {
            found.push(
                Diagnostic::error(format!("server `{shown}` can be in no VPC"))
                    .detail(format!(
                        "its account `{}` is of type `{}`; only servers on DigitalOcean are in VPCs \
                         here",
                        server.account.value.escape_debug(),
                        provider.name
                    ))
                    .hint("remove `vpc`")
                    .at(named.place.clone()),
            );
            continue;
        }
        let Some(vpc) = cloud.vpc_of(server) else {
            continue;
        };
        let region = server.region.as_ref().map(|region| region.value.as_str());
        if let Some(region) = region
            && !vpc.region.value.is_empty()
            && region != vpc.region.value
        {
            found.push(
                Diagnostic::error(format!(
                    "server `{shown}` cannot be in VPC `{}`",
                    named.value
                ))
                .detail(format!(
                    "the server is in {region}, the VPC in {}",
                    vpc.region.value
                ))
                .hint("take a VPC in the server's region")
                .at(named.place.clone())
                .related(vpc.region.place.clone(), "where the VPC is"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::cloud;

    fn problems(vpcs: &str, server: &str) -> Vec<String> {
        let text = format!(
            r#"{{"version": 2, "vpcs": {{{vpcs}}}, "servers": {{"a": {{
                "region": "nyc3", "size": "s", "image": "i"{server}}}}}}}"#
        );
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        assert!(parsed.diagnostics.iter().all(|one| one.place.is_some()));
        let told = parsed.diagnostics.into_iter();
        told.map(|one| one.summary).collect()
    }

    #[test]
    fn a_range_is_private_of_fair_size_and_begins_where_it_should() {
        let with = |range: &str| {
            let vpc = format!(r#""in": {{"region": "nyc3", "ip_range": "{range}"}}"#);
            problems(&vpc, "")
        };
        assert_eq!(with("10.10.0.0/20"), Vec::<String>::new());
        for (range, said) in [
            ("10.10.0.0", "no range"),
            ("fd00::/20", "no range"),
            ("8.8.0.0/16", "private"),
            ("10.0.0.0/8", "/28 to /16"),
            ("10.10.0.7/24", "begin"),
        ] {
            let told = with(range);
            assert!(
                told.len() == 1 && told[0].contains(said),
                "{range}: {told:?}"
            );
        }
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        let one = r#""in": {"region": "nyc1", "ip_range": "10.10.0.0/20"}"#;
        let told = problems(one, r#", "vpc": "in""#);
        assert_eq!(told, ["server `a` cannot be in VPC `in`"]);
        let overlap = format!(r#"{one}, "b": {{"region": "nyc3", "ip_range": "10.10.8.0/24"}}"#);
        assert_eq!(
            problems(&overlap, ""),
            ["VPCs `in` and `b` share addresses"]
        );
        assert_eq!(
            problems(r#""in": {}"#, ""),
            ["VPC `in` is missing `region`"]
        );
        let told = problems(r#""in": {"region": "nyc3", "range": "x"}"#, "");
        assert_eq!(told, ["unknown key `range` in VPC `in`"]);
        // One that the account may have.
        assert_eq!(problems("", r#", "vpc": "other""#), Vec::<String>::new());
    }
}
