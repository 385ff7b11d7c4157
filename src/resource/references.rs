//! What texts of cloud.json take from other resources: `${server.db.private_ipv4}`.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use crate::model::{
    Address, Desired, Diagnostic, Reference, Template, Value, nearest, parts_of_reference,
};

use super::{Facts, KINDS, kind, show};

/// A text, or something that holds texts, in which references are marked as
/// [`marked`](crate::model::marked) does it. What is wrong with them [`check`] tells.
pub(super) fn value(json: Json) -> Value {
    let template = Template::new(json, reference);
    match template.whole() {
        Some(reference) => Value::Reference(reference.clone()),
        None if template.references().is_empty() => Value::Known(template.json().clone()),
        None => Value::Template(template),
    }
}

/// What a reference means. One to what nobody knows keeps the user's word for it.
pub(super) fn reference(inside: &str) -> Option<Reference> {
    let (of, name, word) = parts_of_reference(inside)?;
    let known = kind(of).and_then(|(_, kind)| {
        let mut words = kind.referred.iter();
        words.find(|(known, _)| *known == word)
    });
    Some(Reference {
        address: Address::new(of, name),
        attribute: known.map_or(word, |(_, attribute)| attribute).to_owned(),
    })
}

/// What refers to something of a resource that is there and has no such thing.
pub fn to_nothing(facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    for one in facts.planned().filter(|one| one.only_if.is_none()) {
        for (name, value) in &one.attributes {
            let nothing = value.references().iter().find(|to| {
                let is = facts.kept(&to.address).map(|is| &is.attributes);
                let asked = facts.wanted.get(&to.address).map(|asked| &asked.attributes);
                let asked = asked.and_then(|asked| asked.get(&to.attribute)?.known());
                let is = is.and_then(|is| is.get(&to.attribute)).or(asked);
                is == Some(&Json::Null)
            });
            problems.extend(nothing.map(|to| {
                let about = show(&Value::Reference(to.clone()));
                Diagnostic::error(format!("{} refers to {about}", one.address))
                    .detail("it has none")
                    .hint("take that out, or write the value itself")
                    .at(one.place_of(name))
            }));
        }
    }
}

/// Everything that is wrong with what these refer to, each at its place.
pub(super) fn check(desired: &[Desired]) -> Vec<Diagnostic> {
    let addresses: HashSet<&Address> = desired.iter().map(|one| &one.address).collect();
    let mut found = Vec::new();
    for one in desired {
        for (name, value) in &one.attributes {
            let wrong = value.references().iter().filter_map(|to| {
                let wrong = wrong(one, to, &addresses)?;
                Some(wrong.at(one.place_of(name)))
            });
            found.extend(wrong);
        }
    }
    if found.is_empty() {
        found.extend(circle(desired));
    }
    found
}

fn wrong(from: &Desired, to: &Reference, addresses: &HashSet<&Address>) -> Option<Diagnostic> {
    let (of, name) = (to.address.kind(), to.address.name());
    let Some((_, known)) = kind(of) else {
        let kinds = KINDS.iter().filter(|kind| !kind.referred.is_empty());
        let kinds: Vec<&str> = kinds.map(|kind| kind.name).collect();
        let hint = match nearest(of, kinds.iter().copied()) {
            Some(near) => format!("did you mean `${{{near}.{name}.…}}`?"),
            None => format!("what can be referred to: {}", kinds.join(", ")),
        };
        let error = Diagnostic::error(format!("`${{{of}.{name}.…}}` refers to nothing"));
        return Some(error.detail(format!("there is no kind `{of}`")).hint(hint));
    };
    if !addresses.contains(&to.address) {
        let others = addresses.iter().filter(|other| other.kind() == of);
        let error = Diagnostic::error(format!("{} refers to {}", from.address, to.address))
            .detail("cloud.json does not ask for that");
        return Some(match nearest(name, others.map(|other| other.name())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("add it, or write the value itself"),
        });
    }
    if known.attribute(&to.attribute).is_none() {
        let words: Vec<&str> = known.referred.iter().map(|(word, _)| *word).collect();
        let (text, attribute) = (&to.address, &to.attribute);
        let error = Diagnostic::error(format!("`${{{text}.{attribute}}}` refers to nothing"));
        return Some(match (nearest(attribute, words.iter().copied()), &*words) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, []) => error.hint(format!("nothing of a {of} can be referred to")),
            (None, words) => error.hint(format!("of a {of} there is: {}", words.join(", "))),
        });
    }
    None
}

/// That some wait for each other, if they do.
#[must_use]
pub fn circle(desired: &[Desired]) -> Option<Diagnostic> {
    let by_address: HashMap<&Address, &Desired> =
        desired.iter().map(|one| (&one.address, one)).collect();
    let mut done: HashSet<&Address> = HashSet::new();
    for start in desired {
        // What waits for what is on the path to it; each with those that are still to be followed.
        let mut path = vec![(&start.address, start.needs())];
        while let Some((at, rest)) = path.last_mut() {
            let at = *at;
            let Some(to) = rest.next() else {
                done.insert(at);
                path.pop();
                continue;
            };
            if let Some(from) = path.iter().position(|(on, _)| *on == to) {
                let circle = path.get(from..).unwrap_or_default();
                return Some(waits_for_itself(
                    circle.iter().map(|(on, _)| *on),
                    &by_address,
                ));
            }
            if let Some(next) = by_address.get(to)
                && !done.contains(&next.address)
            {
                path.push((&next.address, next.needs()));
            }
        }
    }
    None
}

fn waits_for_itself<'a>(
    circle: impl Iterator<Item = &'a Address>,
    by_address: &HashMap<&Address, &Desired>,
) -> Diagnostic {
    let circle: Vec<&Address> = circle.collect();
    let names = circle.iter().chain(circle.first());
    let names: Vec<String> = names.map(ToString::to_string).collect();
    let first = circle.first().and_then(|address| by_address.get(address));
    Diagnostic::error("each of these waits for the other".to_owned())
        .detail(names.join(" → "))
        .hint("write one of the values itself, or leave it out")
        .at(first.and_then(|desired| desired.place.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Attributes, marked};
    use crate::resource::server;

    fn desired(name: &str, text: &str) -> Desired {
        Desired {
            address: server::address(name),
            account: "default".to_owned(),
            attributes: Attributes::from([(server::SETTINGS, value(text.into()))]),
            only_if: None,
            follows: Vec::new(),
            place: None,
            places: BTreeMap::new(),
        }
    }

    fn told(desired: &[Desired]) -> Vec<String> {
        let told = check(desired).into_iter();
        told.map(|one| {
            format!(
                "{} | {} | {}",
                one.summary,
                one.detail,
                one.hint.unwrap_or_default()
            )
        })
        .collect()
    }

    #[test]
    fn a_word_of_the_user_means_an_attribute() {
        let text = marked("server.db.private_ipv4");
        let Value::Reference(to) = value(text.into()) else {
            panic!("it is one");
        };
        assert_eq!(to.to_string(), "server.db.private_ipv4");
        assert_eq!(value("a".into()), Value::Known("a".into()));
    }

    #[test]
    fn what_leads_nowhere_is_told_with_what_was_meant() {
        let db = desired("db", "");
        for (inside, expected) in [
            (
                "server.dbb.private_ipv4",
                "server.web refers to server.dbb | cloud.json does not ask for that | did you mean `db`?",
            ),
            (
                "server.db.private_ip",
                "`${server.db.private_ip}` refers to nothing |  | did you mean `private_ipv4`?",
            ),
            (
                "sever.db.private_ipv4",
                "`${sever.db.…}` refers to nothing | there is no kind `sever` | did you mean `${server.db.…}`?",
            ),
        ] {
            let web = desired("web", &marked(inside));
            assert_eq!(told(&[db.clone(), web]), [expected]);
        }
    }

    #[test]
    fn what_waits_for_itself_is_told_as_a_circle() {
        let to = |name: &str| marked(&format!("server.{name}.public_ipv4"));
        let circle = [
            desired("d", &to("a")),
            desired("a", &to("b")),
            desired("b", &to("c")),
            desired("c", &to("a")),
        ];
        assert_eq!(
            told(&circle),
            [
                "each of these waits for the other | server.a → server.b → server.c → server.a | \
                 write one of the values itself, or leave it out"
            ]
        );
        let alone = [desired("a", &to("a"))];
        assert!(told(&alone)[0].contains("server.a → server.a"));
        assert_eq!(told(&circle[..1]).len(), 1, "a is not there");
        assert!(told(&[desired("d", &to("a")), desired("a", "")]).is_empty());
    }
}
