//! Keys that stand for several servers: `web-{1..20}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::cloud::normal;
use super::reader::Reader;
use super::{Cloud, Server, Spanned};
use crate::model::{Diagnostic, Place};

/// What the number stands for in a name.
const NUMBER: &str = "{n}";
/// So many servers may a range have.
const MOST: u32 = 1000;

/// A range: the text before and behind the number, and the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    before: String,
    after: String,
    first: u32,
    last: u32,
    /// How many digits a number has at least; more than it needs are zeros before it.
    width: usize,
}

/// Why a key is no range, in the words that follow it in a sentence; and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    problem: String,
    hint: String,
}

impl Range {
    /// The range that a key is; `None` if it is the name of one server.
    pub(super) fn of(key: &str) -> Result<Option<Self>, Problem> {
        let Some((before, rest)) = key.split_once('{') else {
            return Ok(None);
        };
        let Some((inside, after)) = rest.split_once('}') else {
            return Ok(None);
        };
        let Some((from, to)) = inside.split_once("..") else {
            return Ok(None);
        };
        let wrong = |problem: &str, hint: String| Problem {
            problem: problem.to_owned(),
            hint,
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(from) || !is_number(to) {
            let hint = "write two numbers, such as `{1..20}`".to_owned();
            return Err(wrong("has no two numbers in its range", hint));
        }
        if after.contains('{') {
            let hint = "name the servers of each range under a key of its own".to_owned();
            return Err(wrong("has more than one range", hint));
        }
        let (Ok(first), Ok(last)) = (from.parse::<u32>(), to.parse::<u32>()) else {
            let hint = format!("a number has nine digits at most, and a range {MOST} servers");
            return Err(wrong("has a number that is too large", hint));
        };
        if first > last {
            let hint = format!("write `{{{to}..{from}}}`");
            return Err(wrong("has a range that runs backwards", hint));
        }
        if last - first >= MOST {
            let hint = format!("a range has at most {MOST}; make several of it");
            let problem = format!("stands for {} servers", u64::from(last - first) + 1);
            return Err(wrong(&problem, hint));
        }
        if to.len() > 1 && to.starts_with('0') && to.len() != from.len() {
            let (digits, number) = (to.len(), first);
            let hint = format!("write as many digits in the first: `{{{number:0>digits$}..{to}}}`");
            return Err(wrong("has zeros before its last number alone", hint));
        }
        Ok(Some(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            first,
            last,
            // A range that grows keeps the names that it had.
            width: from.len(),
        }))
    }

    /// The range of a key, where it does not matter why it is none.
    pub(super) fn known(key: &str) -> Option<Self> {
        Self::of(key).ok().flatten()
    }

    fn numbers(&self) -> impl Iterator<Item = String> + use<> {
        let width = self.width;
        (self.first..=self.last).map(move |number| format!("{number:0>width$}"))
    }

    fn len(&self) -> u32 {
        self.last - self.first + 1
    }

    fn name(&self, number: &str) -> String {
        format!("{}{number}{}", self.before, self.after)
    }

    /// The number in a name that this range has, or would have if it were larger.
    fn number_in<'n>(&self, name: &'n str) -> Option<&'n str> {
        let number = name
            .strip_prefix(self.before.as_str())?
            .strip_suffix(self.after.as_str())?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_number.then_some(number)
    }

    /// Whether one of its servers has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let number = self.number_in(name);
        number.is_some_and(|text| {
            let number = text.parse::<u32>().ok();
            number.is_some_and(|number| {
                let width = self.width;
                (self.first..=self.last).contains(&number) && text == format!("{number:0>width$}")
            })
        })
    }

    /// What the addresses in its entry are of its servers, and of those that it had when it was
    /// larger, by name. Nothing else is kept there.
    pub(super) fn addresses(&self, networks: &Json) -> Map<String, Json> {
        let members = networks.as_object().into_iter().flatten();
        let of_servers = members.filter(|(name, _)| self.number_in(name).is_some());
        of_servers
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Whether a key is a range, be it a wrong one.
pub(super) fn is_range(key: &str) -> bool {
    !matches!(Range::of(key), Ok(None))
}

/// The range that the key of a server is, if it is one. `Err`, once that is reported, if it is a wrong
/// one.
pub(super) fn range(
    reader: &mut Reader<'_, '_>,
    key: &str,
    place: &Place,
) -> Result<Option<Range>, ()> {
    Range::of(key).map_err(|Problem { problem, hint }| {
        let key = key.escape_debug();
        reader.report(
            Diagnostic::error(format!("server name `{key}` {problem}"))
                .hint(hint)
                .at(place.clone()),
        );
    })
}

/// The servers of a range. `server` is what they have in common, with names as they are written; what
/// its entry holds of servers that it no longer has goes into the configuration.
pub(super) fn expand(
    reader: &mut Reader<'_, '_>,
    range: &Range,
    server: &Server,
    cloud: &mut Cloud,
) -> Vec<Server> {
    let key: Arc<str> = server.name.value.as_str().into();
    let shared = shared_names(reader, range, server);
    let mut addresses = server.networks.as_deref().map_or_else(Map::new, |text| {
        let networks = serde_json::from_str(text).unwrap_or_default();
        range.addresses(&networks)
    });
    let template = Server {
        networks: None,
        names: Vec::new(),
        ..server.clone()
    };
    let mut servers = Vec::new();
    for number in range.numbers() {
        let name = range.name(&number);
        let is_first = servers.is_empty();
        let mut names = Vec::new();
        for written in &server.names {
            let is_shared = shared.contains(&written.place);
            if is_shared && !is_first {
                continue;
            }
            let text = written.value.replace(NUMBER, &number);
            names.push(normal(
                reader,
                Spanned::new(text, written.place.clone()),
                is_first,
            ));
        }
        let volumes = server.volumes.iter().map(|named| {
            let name = named.value.replace(NUMBER, &number);
            Spanned::new(name, named.place.clone())
        });
        servers.push(Server {
            names,
            volumes: volumes.collect(),
            networks: addresses.remove(&name).map(|of| of.to_string().into()),
            name: Spanned::new(name, server.name.place.clone()),
            range: Some(Arc::clone(&key)),
            ..template.clone()
        });
    }
    let left = addresses.into_iter();
    cloud
        .left_over
        .extend(left.map(|(name, of)| (name, of.to_string().into())));
    servers
}

/// The places of the names that all servers of the range would claim.
fn shared_names(reader: &mut Reader<'_, '_>, range: &Range, server: &Server) -> Vec<Place> {
    if range.len() == 1 {
        return Vec::new();
    }
    let names = server.names.iter();
    let shared: Vec<_> = names
        .filter(|name| !name.value.contains(NUMBER))
        .cloned()
        .collect();
    // With another brace in it, it is no name at all, and that is told instead.
    for name in shared.iter().filter(|name| !name.value.contains('{')) {
        reader.report(
            Diagnostic::error(format!(
                "all {} servers of `{}` would claim the name `{}`",
                range.len(),
                server.name.value.escape_debug(),
                name.value.escape_debug()
            ))
            .detail("a name leads to one server")
            .hint(format!(
                "put `{NUMBER}` into it, which is each one's number"
            ))
            .at(name.place.clone()),
        );
    }
    shared.into_iter().map(|name| name.place).collect()
}

/// The servers so far, to tell of one that two entries make. Of two ranges that share more than one it
/// is told once.
pub(super) struct Made {
    places: BTreeMap<String, Place>,
    told: Vec<(Place, Place)>,
}

impl Made {
    pub(super) fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn is_new(&mut self, reader: &mut Reader<'_, '_>, server: &Server) -> bool {
        let name = &server.name;
        let Some(first) = self.places.get(&name.value) else {
            self.places.insert(name.value.clone(), name.place.clone());
            return true;
        };
        let both = (first.clone(), name.place.clone());
        if !self.told.contains(&both) {
            reader.report(
                Diagnostic::error(format!(
                    "server `{}` is defined twice",
                    name.value.escape_debug()
                ))
                .hint("rename or remove one of them, or change the range")
                .at(name.place.clone())
                .related(first.clone(), "first here"),
            );
            self.told.push(both);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> Vec<String> {
        let range = Range::of(key).unwrap().unwrap();
        let names: Vec<String> = range.numbers().map(|number| range.name(&number)).collect();
        assert!(names.iter().all(|name| range.has(name)), "{key}");
        names
    }

    #[test]
    fn numbers_are_written_as_the_first_is() {
        assert_eq!(names("web-{1..3}"), ["web-1", "web-2", "web-3"]);
        assert_eq!(names("{9..11}b"), ["9b", "10b", "11b"]);
        assert_eq!(names("a{08..10}"), ["a08", "a09", "a10"]);
        // As many as it had keep their names when it grows.
        assert_eq!(names("a{99..100}"), ["a99", "a100"]);
        assert_eq!(names("a{099..100}"), ["a099", "a100"]);
        assert_eq!(names("a{0..0}"), ["a0"]);
        assert_eq!(names("a{1..1000}").len(), 1000);
    }

    #[test]
    fn what_is_not_of_the_range_is_known() {
        let range = Range::known("a{08..10}z").unwrap();
        for name in ["a8z", "a008z", "a11z", "a07z", "az", "a09", "09z", "a+9z"] {
            assert!(!range.has(name), "{name}");
        }
        assert_eq!(range.number_in("a77z"), Some("77"));
        for name in ["az", "a1", "ab9z", "v4"] {
            assert_eq!(range.number_in(name), None, "{name}");
        }
        let overlapping = Range::known("aa{1..2}a").unwrap();
        assert!(!overlapping.has("aa"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for key in ["web", "web{", "web}1..2{", "web{1-2}", "web{n}", "web{}"] {
            assert_eq!(Range::of(key), Ok(None), "{key}");
        }
        for (key, problem) in [
            ("a{1..}", "has no two numbers in its range"),
            ("a{1..x}", "has no two numbers in its range"),
            ("a{1..2..3}", "has no two numbers in its range"),
            ("a{-1..2}", "has no two numbers in its range"),
            ("a{1..2}{3..4}", "has more than one range"),
            ("a{2..1}", "has a range that runs backwards"),
            ("a{0..1000}", "stands for 1001 servers"),
            ("a{0..4294967295}", "stands for 4294967296 servers"),
            ("a{1..4294967296}", "has a number that is too large"),
            ("a{1..020}", "has zeros before its last number alone"),
        ] {
            assert_eq!(Range::of(key).unwrap_err().problem, problem, "{key}");
        }
        assert_eq!(
            Range::of("a{1..020}").unwrap_err().hint,
            "write as many digits in the first: `{001..020}`"
        );
    }
}
