//! The tags of servers: words by which they are found again, and meant by firewalls and others.

use jsonc_parser::ast::Value;

use super::Spanned;
use super::keys::{Key, Shape};
use super::reader::Reader;
use crate::model::Diagnostic;

/// The key of a server and of `defaults`.
pub(super) const TAGS: Key = Key::new(
    "tags",
    "Its tags, besides those in `defaults`; others are taken off it. Left out in both, its tags are \
     left alone. Not at Rackspace Classic.",
    Shape::List(&TAG_FORM),
);
/// What a tag looks like.
pub(super) const TAG_FORM: Shape = Shape::Form("^[A-Za-z0-9_:-]{1,255}$");

/// What the marks of deployments begin with, in any case.
const OURS: &str = "cloudbuilder:";
const LONGEST: usize = 255;

/// The tags in a list, each once whatever its case; `None` if it is no list. `what` says whose.
pub(super) fn tags(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Vec<Spanned<String>>> {
    let Some(list) = value.as_array() else {
        let hint = value
            .as_string_lit()
            .map(|_| "put it in brackets: [\"web\"]");
        reader.report_type(what, "a list", value, hint);
        return None;
    };
    let what = format!("a tag in {what}");
    let mut tags = Vec::new();
    for element in &list.elements {
        let text = reader.text(&what, element);
        if let Some(tag) = text.and_then(|text| tag(reader, &what, text)) {
            add(&mut tags, tag);
        }
    }
    Some(tags)
}

/// The tags of a server with those in `defaults`; `None` if neither says anything.
pub(super) fn with_defaults(
    own: Option<Vec<Spanned<String>>>,
    defaults: Option<&[Spanned<String>]>,
) -> Option<Vec<Spanned<String>>> {
    let Some(defaults) = defaults else {
        return own;
    };
    let mut tags = own.unwrap_or_default();
    for tag in defaults {
        add(&mut tags, tag.clone());
    }
    Some(tags)
}

/// DigitalOcean takes two that differ in case alone for one.
fn add(tags: &mut Vec<Spanned<String>>, tag: Spanned<String>) {
    let mut there = tags.iter();
    if !there.any(|there| there.value.eq_ignore_ascii_case(&tag.value)) {
        tags.push(tag);
    }
}

/// The tag that a text is.
pub(super) fn tag(
    reader: &mut Reader<'_, '_>,
    what: &str,
    tag: Spanned<String>,
) -> Option<Spanned<String>> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
    let (problem, hint) = if !tag.value.chars().all(is_allowed) {
        (
            "holds what no tag can have",
            "use letters, digits, `:`, `-` and `_`",
        )
    } else if tag.value.len() > LONGEST {
        ("is too long", "use 255 characters at most")
    } else if is_ours(&tag.value) {
        (
            "begins like the marks of cloudbuilder, by which it knows its servers",
            "call it something that does not begin with `cloudbuilder:`",
        )
    } else {
        return Some(tag);
    };
    reader.report(
        Diagnostic::error(format!("{what} {problem}"))
            .hint(hint)
            .at(tag.place),
    );
    None
}

fn is_ours(tag: &str) -> bool {
    let beginning = tag.get(..OURS.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(OURS))
}

#[cfg(test)]
mod tests {
    use crate::config::cloud;

    fn servers(defaults: &str, own: &str) -> cloud::Parsed {
        let text = format!(
            r#"{{"version": 2, "defaults": {{"region": "r", "size": "s", "image": "i"{defaults}}},
                "servers": {{"a": {{{own}}}}}}}"#
        );
        cloud::parse("cloud.json", text.as_bytes())
    }

    fn tags(defaults: &str, own: &str) -> Option<Vec<String>> {
        let parsed = servers(defaults, own);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let tags = parsed.cloud?.servers.first()?.tags.clone()?;
        Some(tags.into_iter().map(|tag| tag.value).collect())
    }

    #[test]
    fn those_of_the_defaults_are_added() {
        let (defaults, own) = (
            r#", "tags": ["all", "PROD"]"#,
            r#""tags": ["Prod", "web:1"]"#,
        );
        let told = |tags: &[&str]| Some(tags.iter().map(|&tag| tag.to_owned()).collect());
        assert_eq!(tags(defaults, own), told(&["Prod", "web:1", "all"]));
        assert_eq!(tags(defaults, ""), told(&["all", "PROD"]));
        assert_eq!(tags("", r#""tags": []"#), told(&[]));
        assert_eq!(tags("", ""), None);
    }

    #[test]
    fn what_is_no_tag_is_told_with_its_place() {
        let long = "x".repeat(256);
        for (tag, said) in [
            ("a b", "no tag can have"),
            ("\u{e4}", "no tag can have"),
            (&long, "too long"),
            ("Cloudbuilder:x", "marks of cloudbuilder"),
        ] {
            let parsed = servers("", &format!(r#""tags": ["{tag}"]"#));
            let [only] = &parsed.diagnostics[..] else {
                panic!("{:?}", parsed.diagnostics);
            };
            assert!(only.summary.contains(said), "{}", only.summary);
            assert!(only.place.is_some());
        }
        assert_eq!(servers("", r#""tags": "web""#).diagnostics.len(), 1);
    }

    #[test]
    fn a_tag_is_no_longer_than_its_provider_takes() {
        let told = |kind: &str, length: usize| {
            let tag = "x".repeat(length);
            let text = format!(
                r#"{{"version": 2, "providers": {{"os": {{"type": "{kind}"}}}},
                    "servers": {{"a": {{"size": "s", "image": "i", "tags": ["{tag}"]}}}}}}"#
            );
            let parsed = cloud::parse("cloud.json", text.as_bytes());
            let told = parsed.diagnostics.into_iter();
            told.map(|one| one.summary).collect::<Vec<_>>()
        };
        assert_eq!(
            told("openstack", 61),
            ["server `a` cannot have a tag of 61 characters, 60 is the most there"]
        );
        assert!(told("rackspace-flex", 60).is_empty());
        assert_eq!(told("rackspace", 1), ["server `a` can have no tags"]);
    }
}
