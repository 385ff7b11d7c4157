//! Snapshots: copies of disks. cloud.json asks for none by itself; they stay when a server goes that is
//! to leave one, or somebody took them, and each is paid for until it is deleted.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Observed, Recorded, Value};

use super::{Kind, PLAIN, Price, known_text, server, text};

/// Its name.
pub const NAME: &str = "name";
/// The kind of what it was taken of.
pub const SOURCE: &str = "source";
/// The id of that, which may be gone.
pub const SOURCE_ID: &str = "source_id";
/// The slugs of the regions that it is in, as a list.
pub const REGIONS: &str = "regions";
/// How much of it is paid for, in GB.
pub const SIZE_GB: &str = "size_gb";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "snapshot",
    name_of: |attributes| known_text(attributes, NAME),
    orphaned,
    detail,
    price: |_, _| Price::Unknown,
    ..PLAIN
};

/// One that a recorded server was made from is asked for.
fn orphaned(snapshot: &Observed, recorded: &BTreeMap<Address, Recorded>) -> bool {
    let is_made_from = |recorded: &Recorded| {
        let names = [server::IMAGE, server::IMAGE_ID, server::MADE_FROM];
        recorded.address.kind() == server::KIND.name
            && *recorded.account == *snapshot.account
            && names
                .map(|name| recorded.text(name))
                .contains(&Some(&snapshot.id))
    };
    !recorded.values().any(is_made_from)
}

/// `kept of server web, 3164444 · 2.5 GB · nyc3`
fn detail(attributes: &Attributes<Value>) -> String {
    let (source, id) = (text(attributes, SOURCE), text(attributes, SOURCE_ID));
    let server = kept_of(text(attributes, NAME), id).filter(|_| source == server::KIND.name);
    let of = match server {
        Some(server) => format!("kept of {source} {server}, {id}"),
        None => format!("of {source} {id}"),
    };
    let size = attributes.get(SIZE_GB).and_then(Value::known);
    let size = size.map(|size| format!("{size} GB"));
    let regions = attributes.get(REGIONS).and_then(Value::known);
    let regions = regions.and_then(Json::as_array).into_iter().flatten();
    let regions = regions.filter_map(Json::as_str).map(ToOwned::to_owned);
    let parts: Vec<String> = std::iter::once(of).chain(size).chain(regions).collect();
    parts.join(" · ")
}

/// The name of the server, if a snapshot is called as one is that is kept of what is deleted.
fn kept_of<'a>(name: &'a str, id: &str) -> Option<&'a str> {
    let server = name.strip_suffix(id)?.strip_suffix('-')?;
    (!server.is_empty() && !id.is_empty()).then_some(server)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(name: &str, source: &str, id: &str) -> String {
        detail(&Attributes::from([
            (NAME, name.into()),
            (SOURCE, source.into()),
            (SOURCE_ID, id.into()),
            (SIZE_GB, json!(2.5).into()),
            (REGIONS, json!(["nyc3", "sfo3"]).into()),
        ]))
    }

    #[test]
    fn it_says_of_which_server_it_was_kept() {
        let named = (server::KIND.copied.unwrap().named)(
            &Attributes::from([(server::NAME.to_owned(), "web-1".into())]),
            "3164444",
        );
        assert_eq!(
            said(&named, "server", "3164444"),
            "kept of server web-1, 3164444 · 2.5 GB · nyc3 · sfo3"
        );
        // Of which one it was is known, and that somebody else took it.
        for name in ["web-1-1595954862243", "-3164444", "3164444", "web-13164444"] {
            let of = "of server 3164444 · 2.5 GB · nyc3 · sfo3";
            assert_eq!(said(name, "server", "3164444"), of, "{name}");
        }
        let of = "of volume 7 · 2.5 GB · nyc3 · sfo3";
        assert_eq!(said("data-7", "volume", "7"), of);
    }
}
