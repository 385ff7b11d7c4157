//! The section `volumes`: disks by themselves, each on one server at most.

use std::collections::{BTreeMap, BTreeSet};

use jsonc_parser::ast::{Object, Value};

use super::accounts::Named;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::providers::DEFAULT_TYPE;
use super::reader::Reader;
use super::server::{self, Around};
use super::{Cloud, Server, Spanned};
use crate::model::{Diagnostic, nearest};

/// The largest, in GB: 16 TiB, in the API's GB, which are GiB (openapi.json,
/// `volume_action_post_resize`).
const LARGEST: u64 = 16_384;
/// The API's limit for a name (openapi.json, `volume_base`).
const LONGEST_NAME: usize = 64;
const FILE_SYSTEMS: [&str; 2] = ["ext4", "xfs"];

/// The keys of a volume.
pub(super) const KEYS: [Key; 5] = [
    server::PROVIDER,
    Key::new(
        "size_gb",
        "How large it is, in GB. It can grow and never shrinks.",
        Shape::Whole {
            least: 1,
            most: LARGEST,
        },
    ),
    Key::new(
        "region",
        "Where it is: its server is there too. Left out, where the server is that names it, or the \
         region in `defaults`.",
        Shape::Text,
    ),
    Key::new(
        "filesystem",
        "What a new one is formatted with, on DigitalOcean. Left out, nothing is on it.",
        Shape::Word(&FILE_SYSTEMS),
    ),
    Key::new(
        "description",
        "What it is for. It is given to a new one only.",
        Shape::Text,
    ),
];

/// What a volume may look like.
pub(super) const FORM: Form = Form {
    required: &["size_gb"],
    ..Form::of(&KEYS)
};

/// The key of a server.
pub(super) const VOLUMES: Key = Key::new(
    "volumes",
    "The volumes that are attached to it: some of `volumes`, each on one server. In a range, \
     `data-{n}` stands for one for each server. Not with Rackspace Classic.",
    Shape::List(&Shape::Text),
);

/// A disk by itself that cloud.json names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: Spanned<String>,
    /// The account it is in.
    pub account: Spanned<String>,
    /// The region's slug, if it says so itself or `defaults` does.
    pub region: Option<Spanned<String>>,
    /// Whether that is its own and not the one in `defaults`.
    has_own_region: bool,
    /// How large it is, in GB.
    pub size_gb: Spanned<u64>,
    /// What a new one is formatted with.
    pub filesystem: Option<Spanned<String>>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
}

impl Cloud {
    /// The server that names a volume, and where.
    #[must_use]
    pub fn server_of(&self, volume: &Volume) -> Option<(&Server, &Spanned<String>)> {
        self.servers.iter().find_map(|server| {
            let mut named = server.volumes.iter();
            let named = named.find(|named| named.value == volume.name.value)?;
            Some((server, named))
        })
    }

    /// Where a volume is: where it says, or where its server is.
    #[must_use]
    pub fn region_of<'a>(&'a self, volume: &'a Volume) -> Option<&'a Spanned<String>> {
        let own = volume.region.as_ref();
        let of_server = self.server_of(volume);
        let of_server = of_server.and_then(|(server, _)| server.region.as_ref());
        own.filter(|_| volume.has_own_region).or(of_server).or(own)
    }
}

/// Reads the section.
pub(super) fn volumes(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    around: &Around,
    cloud: &mut Cloud,
) {
    let Some(section) = reader.object("`volumes`", value) else {
        return;
    };
    reader.report_duplicates(section, |name| {
        let what = format!("volume `{}` is defined twice", name.escape_debug());
        (what, "rename or remove one of them")
    });
    for member in firsts(section) {
        let written = member.name.as_str();
        let what = format!("volume `{}`", written.escape_debug());
        let name = Spanned::new(written.to_owned(), reader.name_place(member));
        if let Some(object) = reader.object(&what, &member.value) {
            let volume = volume(reader, (&what, name), object, around);
            cloud.volumes.push(volume);
        }
    }
}

fn volume(
    reader: &mut Reader<'_, '_>,
    (what, name): (&str, Spanned<String>),
    object: &Object<'_>,
    around: &Around,
) -> Volume {
    report_duplicate_keys(reader, object, what);
    let mut own = Named::Nothing;
    let (mut region, mut size_gb, mut filesystem, mut description) = (None, None, None, None);
    let mut there = Vec::new();
    for option in firsts(object) {
        let (key, value) = (option.name.as_str(), &option.value);
        let of_it = format!("`{key}` of {what}");
        match key {
            "provider" => own = Named::read(reader, &of_it, value),
            "size_gb" => size_gb = size(reader, &of_it, value),
            "region" => region = reader.text(&of_it, value),
            "filesystem" => filesystem = self::filesystem(reader, &of_it, value),
            "description" => description = reader.text(&of_it, value),
            _ => {
                let error = unknown_key(key, &format!("in {what}"), names(&KEYS));
                let place = reader.name_place(option);
                reader.report(error.at(place));
                there.extend(nearest(key, names(&KEYS)));
            }
        }
        there.extend(names(&KEYS).filter(|&known| known == key));
    }
    if !there.contains(&"size_gb") {
        reader.report(
            Diagnostic::error(format!("{what} is missing `size_gb`"))
                .hint("say how large it is, in GB: \"size_gb\": 100")
                .at(name.place.clone()),
        );
    }
    let home = around.accounts.home(reader, what, &name, own);
    Volume {
        has_own_region: region.is_some() || there.contains(&"region"),
        region: region.or_else(|| around.default_region(&home)),
        account: home.account,
        size_gb: size_gb.unwrap_or_else(|| Spanned::new(1, name.place.clone())),
        filesystem,
        description,
        name,
    }
}

fn size(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<Spanned<u64>> {
    let Some(number) = value.as_number_lit() else {
        let hint = Some("write it without quotes, such as 100");
        reader.report_type(what, "a number of GB", value, hint);
        return None;
    };
    let size = number.value.parse().ok();
    let size = size.filter(|size| (1..=LARGEST).contains(size));
    if size.is_none() {
        let place = reader.value_place(value);
        reader.report(
            Diagnostic::error(format!("{what} is nothing that a volume can have"))
                .hint(format!(
                    "write a whole number from 1 to {LARGEST} (16 TiB), such as 100"
                ))
                .at(place),
        );
    }
    Some(Spanned::new(size?, reader.value_place(value)))
}

fn filesystem(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<String>> {
    let text = reader.text(what, value)?;
    if FILE_SYSTEMS.contains(&text.value.as_str()) {
        return Some(text);
    }
    let [one, other] = FILE_SYSTEMS;
    let error = Diagnostic::error(format!("{what} must be `{one}` or `{other}`"));
    let error = error.hint("leave it out to format it yourself");
    reader.report(error.at(text.place));
    None
}

/// The names in a server's `volumes`.
pub(super) fn of_server(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Vec<Spanned<String>> {
    let Some(list) = value.as_array() else {
        let hint = value
            .as_string_lit()
            .map(|_| "put it in brackets: [\"data\"]");
        reader.report_type(what, "a list", value, hint);
        return Vec::new();
    };
    let what = format!("a volume in {what}");
    let elements = list.elements.iter();
    elements
        .filter_map(|element| reader.text(&what, element))
        .collect()
}

/// Volumes have names that the API takes (openapi.json, `volume_base`), and are somewhere.
pub(super) fn check(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for volume in &cloud.volumes {
        let name = volume.name.value.as_str();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || name.len() > LONGEST_NAME || !name.chars().all(allowed) {
            found.push(
                Diagnostic::error(format!(
                    "volume name `{}` is none that a volume can have",
                    name.escape_debug()
                ))
                .hint("use lower case letters, digits and `-`, 64 at most; begin with a letter")
                .at(volume.name.place.clone()),
            );
        }
        let account = cloud.account(&volume.account.value);
        let provider = account.and_then(|account| super::provider_type(&account.provider.value));
        let is_chosen = provider.is_none_or(|provider| provider.region_by_server);
        if is_chosen && !volume.has_own_region && cloud.region_of(volume).is_none() {
            found.push(
                Diagnostic::error(format!(
                    "volume `{}` is missing `region`",
                    name.escape_debug()
                ))
                .detail("no server names it, whose region it would have")
                .hint("add \"region\": \"nyc3\", or name it in the `volumes` of a server")
                .at(volume.name.place.clone()),
            );
        }
    }
}

/// What servers name is there, once, where they are.
pub(super) fn check_servers(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let by_name: BTreeMap<&str, &Volume> = cloud
        .volumes
        .iter()
        .map(|volume| (volume.name.value.as_str(), volume))
        .collect();
    let mut holders: BTreeMap<&str, (&Server, &Spanned<String>)> = BTreeMap::new();
    // Those of a range stand in one place.
    let mut told = BTreeSet::new();
    for server in &cloud.servers {
        let shown = server.name.value.escape_debug().to_string();
        let account = cloud.account(&server.account.value);
        let provider = account.map_or(Some(DEFAULT_TYPE), |account| {
            super::provider_type(&account.provider.value)
        });
        if let Some(most) = provider.and_then(|provider| provider.most_volumes)
            && let Some(first_too_many) = server.volumes.get(most)
            && told.insert(start_of(first_too_many))
        {
            found.push(
                Diagnostic::error(format!(
                    "server `{shown}` has {} volumes",
                    server.volumes.len()
                ))
                .hint(format!("DigitalOcean attaches {most} to a server at most"))
                .at(first_too_many.place.clone()),
            );
        }
        for named in &server.volumes {
            let problem = match by_name.get(named.value.as_str()) {
                None => Some(unknown(named, &by_name)),
                Some(volume) => match holders.insert(&named.value, (server, named)) {
                    Some(first) => Some(named_twice(&shown, named, first)),
                    None => elsewhere(cloud, server, volume, named),
                },
            };
            if let Some(problem) = problem
                && told.insert(start_of(named))
            {
                found.push(problem);
            }
        }
    }
}

fn start_of(named: &Spanned<String>) -> (&str, usize) {
    (&named.place.file, named.place.range.start)
}

fn unknown(named: &Spanned<String>, known: &BTreeMap<&str, &Volume>) -> Diagnostic {
    let name = named.value.escape_debug();
    let error = Diagnostic::error(format!("there is no volume `{name}`"));
    let hint = match nearest(&named.value, known.keys().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("put it into `volumes`: \"{name}\": {{\"size_gb\": 100}}"),
    };
    error.hint(hint).at(named.place.clone())
}

fn named_twice(
    server: &str,
    named: &Spanned<String>,
    (first, place): (&Server, &Spanned<String>),
) -> Diagnostic {
    let volume = &named.value;
    let first = first.name.value.escape_debug().to_string();
    let summary = match first == server {
        true => format!("server `{server}` names the volume `{volume}` twice"),
        false => format!("servers `{first}` and `{server}` both name the volume `{volume}`"),
    };
    let error = Diagnostic::error(summary)
        .hint("a volume is on one server at a time: remove it from one of them")
        .at(named.place.clone());
    match start_of(place) == start_of(named) {
        // Servers of a range have it in one place.
        true => error,
        false => error.related(place.place.clone(), "first here"),
    }
}

/// That a volume cannot be on a server, because it is elsewhere.
fn elsewhere(
    cloud: &Cloud,
    server: &Server,
    volume: &Volume,
    named: &Spanned<String>,
) -> Option<Diagnostic> {
    let (of_server, of_volume) = (&server.account, &volume.account);
    let (what, is, other) = if of_server.value != of_volume.value {
        ("account", of_server, of_volume)
    } else {
        let (is, other) = (server.region.as_ref()?, cloud.region_of(volume)?);
        ("region", is, other)
    };
    (is.value != other.value).then(|| {
        Diagnostic::error(format!(
            "server `{}` cannot have the volume `{}`",
            server.name.value.escape_debug(),
            named.value
        ))
        .detail(format!(
            "the server is in the {what} `{}`, the volume in `{}`",
            is.value, other.value
        ))
        .hint(format!("a volume is in its server's {what}"))
        .at(named.place.clone())
        .related(other.place.clone(), "where the volume is")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::cloud;

    fn problems(volumes: &str, servers: &str) -> Vec<String> {
        let text =
            format!(r#"{{"version": 2, "volumes": {{{volumes}}}, "servers": {{{servers}}}}}"#);
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        assert!(parsed.diagnostics.iter().all(|one| one.place.is_some()));
        let told = parsed.diagnostics.into_iter();
        told.map(|one| one.summary).collect()
    }

    fn server(name: &str, rest: &str) -> String {
        format!(r#""{name}": {{"region": "nyc3", "size": "s", "image": "i"{rest}}}"#)
    }

    #[test]
    fn a_volume_is_where_its_server_is_unless_it_says_otherwise() {
        let web = server("web", r#", "volumes": ["data"]"#);
        let none = Vec::<String>::new();
        assert_eq!(problems(r#""data": {"size_gb": 1}"#, &web), none);
        assert_eq!(
            problems(r#""data": {"size_gb": 1}"#, ""),
            ["volume `data` is missing `region`"]
        );
        let far = r#""data": {"size_gb": 1, "region": "fra1"}"#;
        assert_eq!(problems(far, ""), none);
        assert_eq!(
            problems(far, &web),
            ["server `web` cannot have the volume `data`"]
        );
    }

    #[test]
    fn it_is_on_one_server() {
        let data = r#""data": {"size_gb": 1}"#;
        let web = server("web", r#", "volumes": ["data", "data"]"#);
        assert_eq!(
            problems(data, &web),
            ["server `web` names the volume `data` twice"]
        );
        let range = server("web-{1..2}", r#", "volumes": ["data"]"#);
        assert_eq!(
            problems(data, &range),
            ["servers `web-1` and `web-2` both name the volume `data`"]
        );
        let each = server("web-{1..2}", r#", "volumes": ["data-{n}"]"#);
        let both = r#""data-1": {"size_gb": 1}, "data-2": {"size_gb": 1}"#;
        assert_eq!(problems(both, &each), Vec::<String>::new());
        let wrong = server("web", r#", "volumes": ["dta"]"#);
        let far = r#""data": {"size_gb": 1, "region": "nyc3"}"#;
        assert_eq!(problems(far, &wrong), ["there is no volume `dta`"]);
    }

    #[test]
    fn names_and_sizes_are_those_that_the_api_takes() {
        let volume = |name: &str, size: &str| {
            format!(r#""{name}": {{"region": "nyc3", "size_gb": {size}}}"#)
        };
        for (name, size, wrong) in [
            ("data-1", "16384", 0),
            ("Data", "1", 1),
            ("1data", "1", 1),
            ("da_ta", "1", 1),
            (&"a".repeat(65), "1", 1),
            ("data", "0", 1),
            ("data", "16385", 1),
            ("data", "1.5", 1),
            ("data", "\"100\"", 1),
        ] {
            let told = problems(&volume(name, size), "");
            assert_eq!(told.len(), wrong, "{name} {size}: {told:?}");
        }
        let told = problems(r#""data": {"region": "nyc3", "size": 5}"#, "");
        assert_eq!(told, ["unknown key `size` in volume `data`"]);
        let told = problems(
            r#""data": {"region": "nyc3", "size_gb": 5, "filesystem": "ntfs"}"#,
            "",
        );
        assert_eq!(
            told,
            ["`filesystem` of volume `data` must be `ext4` or `xfs`"]
        );
    }

    #[test]
    fn fifteen_are_the_most() {
        let names: Vec<String> = (0..16).map(|number| format!("d{number}")).collect();
        let volumes: Vec<String> = names
            .iter()
            .map(|name| format!(r#""{name}": {{"size_gb": 1}}"#))
            .collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let web = server("web", &format!(r#", "volumes": [{}]"#, quoted.join(", ")));
        let told = problems(&volumes.join(", "), &web);
        assert_eq!(told, ["server `web` has 16 volumes"]);
        // Elsewhere nobody says how many.
        let account = r#"}, "providers": {"os": {"type": "openstack"}"#;
        let told = problems(&format!("{}{account}", volumes.join(", ")), &web);
        assert_eq!(told, Vec::<String>::new());
    }
}
