use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a DNS record says, taken apart. Its text is the one form in which cloud.json, the state and
/// what accounts say are compared: names in lower case without their final dot, addresses in their
/// shortest spelling, texts without quotes.
///
/// ```
/// use cloudbuilder::model::RecordData;
///
/// let mail = RecordData::parse("MX", "10 mail.acme.com").unwrap();
/// assert_eq!(mail.host(), Some("mail.acme.com"));
/// assert_eq!(mail.to_string(), "10 mail.acme.com");
/// let issuer = RecordData::parse("CAA", "0 issue \"letsencrypt.org\"").unwrap();
/// assert_eq!(issuer.to_string(), "0 issue \"letsencrypt.org\"");
/// assert_eq!(RecordData::parse("MX", "mail.acme.com"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// A.
    V4(Ipv4Addr),
    /// AAAA.
    V6(Ipv6Addr),
    /// CNAME and NS: another name.
    Host(String),
    /// MX (RFC 1035, 3.3.9).
    Mail {
        /// The lowest is tried first.
        preference: u16,
        /// The mail server.
        host: String,
    },
    /// SRV (RFC 2782).
    Service {
        /// The lowest is tried first.
        priority: u16,
        /// The share among those of one priority.
        weight: u16,
        /// Where it listens.
        port: u16,
        /// Who serves.
        host: String,
    },
    /// CAA (RFC 8659).
    Issuer {
        /// 128 means that one who does not know the tag must not issue.
        flags: u8,
        /// `issue`, `issuewild` or `iodef`.
        tag: String,
        /// Who may, or where to tell.
        value: String,
    },
    /// TXT: all its strings as one.
    Text(String),
}

impl RecordData {
    /// The data of a record of `record_type`, from its text; `None` if it is none of that type.
    #[must_use]
    pub fn parse(record_type: &str, text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let data = match record_type {
            "A" => Self::V4(fields.next()?.parse().ok()?),
            "AAAA" => Self::V6(fields.next()?.parse().ok()?),
            "CNAME" | "NS" => Self::Host(without_dot(fields.next()?)),
            "MX" => Self::Mail {
                preference: fields.next()?.parse().ok()?,
                host: without_dot(fields.next()?),
            },
            "SRV" => Self::Service {
                priority: fields.next()?.parse().ok()?,
                weight: fields.next()?.parse().ok()?,
                port: fields.next()?.parse().ok()?,
                host: without_dot(fields.next()?),
            },
            "CAA" => return Self::issuer(text),
            "TXT" => return Some(Self::Text(text.to_owned())),
            _ => return None,
        };
        fields.next().is_none().then_some(data)
    }

    /// Flags, tag and value, which may be in quotes and then hold spaces.
    fn issuer(text: &str) -> Option<Self> {
        let (flags, rest) = text.trim().split_once(' ')?;
        let (tag, value) = rest.trim_start().split_once(' ')?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None if value.contains(' ') => return None,
            None => value,
        };
        Some(Self::Issuer {
            flags: flags.parse().ok()?,
            tag: tag.to_ascii_lowercase(),
            value: value.to_owned(),
        })
    }

    /// The name that it leads to, if it leads to one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(host) | Self::Mail { host, .. } | Self::Service { host, .. } => Some(host),
            Self::V4(_) | Self::V6(_) | Self::Issuer { .. } | Self::Text(_) => None,
        }
    }

    /// The text of the data of a record in its one form. What is none of its type stays.
    #[must_use]
    pub fn spelled(record_type: &str, text: &str) -> String {
        let data = Self::parse(record_type, text);
        data.map_or_else(|| text.to_owned(), |data| data.to_string())
    }
}

/// A name as it is compared.
fn without_dot(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "{address}"),
            Self::Host(host) => f.write_str(host),
            Self::Mail { preference, host } => write!(f, "{preference} {host}"),
            Self::Service {
                priority,
                weight,
                port,
                host,
            } => write!(f, "{priority} {weight} {port} {host}"),
            Self::Issuer { flags, tag, value } => write!(f, "{flags} {tag} \"{value}\""),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The strings of a TXT record in the form of zone files (RFC 1035, 5.1): each of at most 255 bytes,
/// in quotes.
///
/// ```
/// use cloudbuilder::model::{quoted_text, unquoted_text};
///
/// assert_eq!(quoted_text("say \"hi\""), r#""say \"hi\"""#);
/// assert_eq!(unquoted_text(r#""say \"hi\"""#), "say \"hi\"");
/// assert_eq!(unquoted_text(r#""one" "two""#), "onetwo");
/// ```
#[must_use]
pub fn quoted_text(text: &str) -> String {
    const LONGEST: usize = 255;
    let mut strings = vec![String::new()];
    let mut bytes = 0;
    for character in text.chars() {
        if bytes + character.len_utf8() > LONGEST {
            strings.push(String::new());
            bytes = 0;
        }
        bytes += character.len_utf8();
        if let Some(last) = strings.last_mut() {
            if matches!(character, '"' | '\\') {
                last.push('\\');
            }
            last.push(character);
        }
    }
    let quoted: Vec<String> = strings.iter().map(|text| format!("\"{text}\"")).collect();
    quoted.join(" ")
}

/// The text that the quoted strings of a TXT record are together; a text without quotes stays.
#[must_use]
pub fn unquoted_text(quoted: &str) -> String {
    let trimmed = quoted.trim();
    if !trimmed.starts_with('"') {
        return quoted.to_owned();
    }
    let mut text = String::new();
    let mut is_inside = false;
    let mut characters = trimmed.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => is_inside = !is_inside,
            '\\' => text.extend(escaped(&mut characters)),
            // Between two strings.
            _ if !is_inside => {}
            character => text.push(character),
        }
    }
    text
}

/// What stands behind a backslash: a character, or three digits for one (RFC 1035, 5.1).
fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = characters.as_str().get(..3);
    let code = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let code = code.and_then(|digits| digits.parse::<u8>().ok());
    let Some(code) = code else {
        return characters.next();
    };
    characters.nth(2)?;
    Some(char::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_compared_in_one_form() {
        for (record_type, written, normal) in [
            ("A", "192.0.2.1", "192.0.2.1"),
            ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
            ("CNAME", "WWW.acme.com.", "www.acme.com"),
            ("NS", "ns1.acme.com.", "ns1.acme.com"),
            ("MX", "10  Mail.acme.com.", "10 mail.acme.com"),
            ("SRV", "0 5 5060 sip.acme.com.", "0 5 5060 sip.acme.com"),
            ("CAA", "0 Issue ca.org", "0 issue \"ca.org\""),
            ("CAA", "0 issue \"ca.org; a=b\"", "0 issue \"ca.org; a=b\""),
            ("CAA", "128 issue \";\"", "128 issue \";\""),
            ("TXT", "v=spf1  -all", "v=spf1  -all"),
        ] {
            let data = RecordData::parse(record_type, written).unwrap();
            assert_eq!(data.to_string(), normal);
            assert_eq!(RecordData::parse(record_type, normal), Some(data));
        }
    }

    #[test]
    fn what_is_none_of_its_type_is_told() {
        for (record_type, wrong) in [
            ("A", "2001:db8::1"),
            ("A", "192.0.2.1 192.0.2.2"),
            ("AAAA", "192.0.2.1"),
            ("MX", "mail.acme.com"),
            ("MX", "65536 mail.acme.com"),
            ("MX", "10 mail.acme.com 5"),
            ("SRV", "5 5060 sip.acme.com"),
            ("CAA", "issue ca.org"),
            ("CAA", "256 issue ca.org"),
            ("CAA", "0 issue ca.org; a=b"),
            ("SOA", "whatever"),
        ] {
            assert_eq!(RecordData::parse(record_type, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn long_texts_are_split_and_joined() {
        let long = "x".repeat(300);
        let quoted = quoted_text(&long);
        assert_eq!(quoted.len(), 300 + 4 + 1);
        assert_eq!(unquoted_text(&quoted), long);
        for text in ["", "a", "a\"b\\c", "v=spf1 -all", "\\034"] {
            assert_eq!(unquoted_text(&quoted_text(text)), text);
        }
        assert_eq!(unquoted_text("plain \\ text"), "plain \\ text");
        assert_eq!(unquoted_text("\"a\\034b\""), "a\"b");
        // A broken one is no reason to stop.
        assert_eq!(unquoted_text("\"a\\"), "a");
    }
}
