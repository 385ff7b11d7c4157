//! Domains, with the records the service makes by itself.

use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Domain, Entry, Record};
use crate::sandbox::world::{World, Zone};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::Ipv4Addr;

pub(super) const DEFAULT_TTL: u32 = 1800;
const NAME_SERVERS: [&str; 3] = [
    "ns1.digitalocean.com",
    "ns2.digitalocean.com",
    "ns3.digitalocean.com",
];

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    ip_address: Option<String>,
}

fn view(zone: &Zone) -> Value {
    json!({
        "name": zone.domain.name,
        "ttl": zone.domain.ttl,
        "zone_file": zone_file(zone),
    })
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    page(
        call,
        "domains",
        world.zones.len(),
        world.zones.values().map(view),
    )
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Create = call.json()?;
    let name = asked.name.unwrap_or_default().to_ascii_lowercase();
    if !is_domain(&name) {
        return Err(Refusal::unprocessable(format!(
            "domain '{name}': name is invalid"
        )));
    }
    if world.zones.contains_key(&name) {
        return Err(Refusal::unprocessable(format!(
            "domain '{name}': name already exists"
        )));
    }
    let apex = asked.ip_address.filter(|address| !address.is_empty());
    if let Some(address) = &apex
        && address.parse::<Ipv4Addr>().is_err()
    {
        return Err(Refusal::unprocessable(format!(
            "domain '{name}': ip_address is invalid"
        )));
    }
    world.write(Entry::Domain(Domain {
        name: name.clone(),
        ttl: DEFAULT_TTL,
    }));
    let own = |kind: &str, data: &str| (kind.to_owned(), data.to_owned());
    let records = std::iter::once(own("SOA", "1800"))
        .chain(NAME_SERVERS.iter().map(|server| own("NS", server)))
        .chain(apex.iter().map(|address| own("A", address)));
    for (kind, data) in records {
        let record = Record {
            id: world.next_id(),
            zone: name.clone(),
            kind,
            name: "@".into(),
            data,
            priority: None,
            port: None,
            ttl: DEFAULT_TTL,
            weight: None,
            flags: None,
            tag: None,
        };
        world.write(Entry::Record(record));
    }
    // The zone file is not there yet when the domain is.
    let domain = json!({"name": name, "ttl": DEFAULT_TTL, "zone_file": null});
    Answer::object(201, "domain", &domain)
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    Answer::object(200, "domain", &view(find(world, call)?))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let name = find(world, call)?.domain.name.clone();
    world.write(Entry::DomainGone(name));
    Ok(Answer::no_content())
}

/// The domain a path names, whatever its case.
pub(super) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Zone, Refusal> {
    world
        .zones
        .get(&call.param(0).to_ascii_lowercase())
        .ok_or_else(Refusal::not_found)
}

/// At least two labels of letters, digits and inner hyphens.
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

fn zone_file(zone: &Zone) -> String {
    let origin = &zone.domain.name;
    let ttl = zone.domain.ttl;
    let mut text = format!(
        "$ORIGIN {origin}.\n$TTL {ttl}\n{origin}. IN SOA ns1.digitalocean.com. hostmaster.{origin}. 1415982609 10800 3600 604800 1800\n"
    );
    for record in zone.records.values().filter(|record| record.kind != "SOA") {
        let name = match record.name.as_str() {
            "@" => format!("{origin}."),
            name => format!("{name}.{origin}."),
        };
        let data = match (record.kind.as_str(), record.data.as_str()) {
            ("TXT", data) => format!("\"{data}\""),
            ("A" | "AAAA", data) => data.to_owned(),
            (_, "@") => format!("{origin}."),
            ("CAA", data) => format!("\"{data}\""),
            (_, data) => format!("{data}."),
        };
        let numbers: String = [record.priority, record.weight, record.port, record.flags]
            .into_iter()
            .flatten()
            .map(|number| format!("{number} "))
            .collect();
        let tag = record.tag.as_ref().map(|tag| format!("{tag} "));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name} {} IN {} {numbers}{}{data}",
            record.ttl,
            record.kind,
            tag.unwrap_or_default()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use serde_json::{Value, json};

    #[test]
    fn a_domain_comes_with_its_own_records() {
        let mut world = test_world();
        let body = json!({"name": "Example.com", "ip_address": "198.51.100.1"});
        let (status, made) = ask(&mut world, "POST", "/v2/domains", &body);
        assert_eq!(status, 201);
        assert_eq!(
            made["domain"],
            json!({"name": "example.com", "ttl": 1800, "zone_file": null})
        );
        let records = get(&mut world, "/v2/domains/example.com/records");
        let types: Vec<_> = records["domain_records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| &record["type"])
            .collect();
        assert_eq!(types, ["SOA", "NS", "NS", "NS", "A"]);
        let shown = get(&mut world, "/v2/domains/EXAMPLE.com");
        let zone = shown["domain"]["zone_file"].as_str().unwrap();
        assert!(
            zone.contains("example.com. 1800 IN NS ns1.digitalocean.com.\n"),
            "{zone}"
        );
        assert!(
            zone.contains("example.com. 1800 IN A 198.51.100.1\n"),
            "{zone}"
        );
    }

    #[test]
    fn a_name_is_taken_once_and_must_be_one() {
        let mut world = test_world();
        let body = json!({"name": "example.com"});
        ask(&mut world, "POST", "/v2/domains", &body);
        let (status, message) = refused(&mut world, "POST", "/v2/domains", &body);
        assert_eq!(
            (status, message.as_str()),
            (422, "domain 'example.com': name already exists")
        );
        for bad in ["", "com", "a..b", "-a.com", "a_b.com", "example.org."] {
            assert_eq!(
                refused(&mut world, "POST", "/v2/domains", &json!({"name": bad})).0,
                422
            );
        }
        let bad = json!({"name": "b.example", "ip_address": "2001:db8::1"});
        assert_eq!(refused(&mut world, "POST", "/v2/domains", &bad).0, 422);
        assert_eq!(get(&mut world, "/v2/domains")["meta"]["total"], 1);
    }

    #[test]
    fn a_deleted_domain_takes_its_records_along() {
        let mut world = test_world();
        ask(
            &mut world,
            "POST",
            "/v2/domains",
            &json!({"name": "example.com"}),
        );
        let first =
            get(&mut world, "/v2/domains/example.com/records")["domain_records"][0]["id"].clone();
        assert_eq!(
            ask(
                &mut world,
                "DELETE",
                "/v2/domains/example.com",
                &Value::Null
            )
            .0,
            204
        );
        assert_eq!(
            refused(
                &mut world,
                "GET",
                "/v2/domains/example.com/records",
                &Value::Null
            )
            .0,
            404
        );
        ask(
            &mut world,
            "POST",
            "/v2/domains",
            &json!({"name": "example.com"}),
        );
        let again =
            get(&mut world, "/v2/domains/example.com/records")["domain_records"][0]["id"].clone();
        assert_ne!(first, again);
    }
}
