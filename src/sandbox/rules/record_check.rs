//! What a record may hold, by type, and the form in which it is kept.

use crate::sandbox::answer::Refusal;
use crate::sandbox::world::Zone;
use std::net::{Ipv4Addr, Ipv6Addr};

const TYPES: [&str; 8] = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"];

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::unprocessable(message))
}

/// The type in the form in which it is kept. There is one SOA, and it is there already.
pub(super) fn kind(asked: &str) -> Result<String, Refusal> {
    let kind = asked.to_ascii_uppercase();
    if TYPES.contains(&kind.as_str()) {
        return Ok(kind);
    }
    refuse("Record type is not included in the list")
}

/// The name relative to its domain. Only one with a final dot is taken as fully qualified; without
/// it, what looks like one is kept below the domain, as the live service does.
pub(super) fn name(asked: &str, zone: &Zone) -> Result<String, Refusal> {
    let origin = &zone.domain.name;
    let relative = match asked.strip_suffix('.') {
        None => asked.to_owned(),
        Some(full) => {
            let full = full.to_ascii_lowercase();
            match full.strip_suffix(origin.as_str()) {
                Some("") => "@".to_owned(),
                Some(rest) if rest.ends_with('.') => {
                    rest.strip_suffix('.').unwrap_or_default().to_owned()
                }
                _ => return refuse("Name must be in the domain."),
            }
        }
    };
    if relative.is_empty() {
        return refuse("Name can't be blank");
    }
    let label = |(place, label): (usize, &str)| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let plain = (1..=63).contains(&label.len()) && label.bytes().all(allowed);
        plain || (place == 0 && label == "*")
    };
    let good = relative == "@" || relative.split('.').enumerate().all(label);
    if !good || relative.len() + origin.len() + 1 > 253 {
        return refuse("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, ., _ and -)");
    }
    Ok(relative)
}

/// The data in the form in which it is kept: host names without their final dot, the domain itself
/// as `@`.
pub(super) fn data(
    kind: &str,
    asked: &str,
    tag: Option<&str>,
    zone: &Zone,
) -> Result<String, Refusal> {
    match kind {
        "A" => match asked.parse::<Ipv4Addr>() {
            Ok(_) => Ok(asked.to_owned()),
            Err(_) => refuse("IP address did not match IPv4 format (e.g. 127.0.0.1)."),
        },
        "AAAA" => match asked.parse::<Ipv6Addr>() {
            Ok(_) => Ok(asked.to_owned()),
            Err(_) => refuse("IP address did not match IPv6 format (e.g. 2001:db8::ff00:42:8329)."),
        },
        "TXT" => match asked.chars().count() {
            0 => refuse("Data can't be blank"),
            1..=512 => Ok(asked.to_owned()),
            _ => refuse("Data is too long (maximum is 512 characters)"),
        },
        "CAA" if tag == Some("iodef") => Ok(asked.to_owned()),
        _ => host(asked, zone),
    }
}

fn host(asked: &str, zone: &Zone) -> Result<String, Refusal> {
    if asked == "@" {
        return Ok(asked.to_owned());
    }
    let Some(host) = asked.strip_suffix('.') else {
        return refuse("Data needs to end with a dot (.)");
    };
    if host.is_empty() || host.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return refuse("Data is not a valid host name.");
    }
    if host.eq_ignore_ascii_case(&zone.domain.name) {
        return Ok("@".into());
    }
    Ok(host.to_owned())
}

pub(super) fn ttl(asked: u32) -> Result<u32, Refusal> {
    if asked < 30 {
        return refuse("Ttl must be greater than or equal to 30");
    }
    if asked > 2_147_483_647 {
        return refuse("Ttl must be less than or equal to 2147483647");
    }
    Ok(asked)
}

/// A number that the type needs.
pub(super) fn number(what: &str, asked: Option<u32>, most: u32) -> Result<Option<u32>, Refusal> {
    match asked {
        None => refuse(format!("{what} can't be blank")),
        Some(number) if number > most => {
            refuse(format!("{what} must be less than or equal to {most}"))
        }
        some => Ok(some),
    }
}

/// The tag of a CAA record.
pub(super) fn tag(asked: Option<String>) -> Result<Option<String>, Refusal> {
    match asked.as_deref() {
        Some("issue" | "issuewild" | "iodef") => Ok(asked),
        _ => refuse("Tag must be one of issue, issuewild, iodef"),
    }
}

/// A CNAME is alone with its name.
pub(super) fn sharing(
    kind: &str,
    name: &str,
    own: Option<u64>,
    zone: &Zone,
) -> Result<(), Refusal> {
    let mut others = zone.named(name).filter(|record| Some(record.id) != own);
    if kind == "CNAME" {
        return match others.next() {
            Some(_) => refuse("CNAME records cannot share a name with other records"),
            None => Ok(()),
        };
    }
    if others.any(|record| record.kind == "CNAME") {
        return refuse("records cannot share a name with a CNAME record");
    }
    Ok(())
}
