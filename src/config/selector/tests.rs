use proptest::prelude::*;

use super::*;

fn selector(text: &str) -> Selector {
    Selector::new(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn named(name: &str) -> Candidate<'_> {
    Candidate {
        name: Some(name),
        ..Candidate::default()
    }
}

#[test]
fn patterns_stand_for_what_shells_let_them_stand_for() {
    for (pattern, name, matches) in [
        ("debian-12*", "debian-12-x64", true),
        ("debian-12*", "debian-12", true),
        ("debian-12*", "my debian-12", false),
        ("debian-1?", "debian-12", true),
        ("debian-1?", "debian-1", false),
        ("debian-1[23]-x64", "debian-13-x64", true),
        ("debian-1[!3]-x64", "debian-13-x64", false),
        ("debian-1[0-2]", "debian-12", true),
        // Case does not count in a pattern, and counts in a name.
        ("Debian 12*", "DEBIAN 12 (Bookworm)", true),
        ("DEBIAN-12", "debian-12", false),
        // No character of a name is special, and no name is hidden.
        ("*", ".hidden/with/slashes", true),
        ("*12*", "org/debian-12/x", true),
        (
            "Debian 12 (Bookworm) (PVHVM)",
            "Debian 12 (Bookworm) (PVHVM)",
            true,
        ),
        ("{a,b}*", "a1", false),
        ("{a,b}*", "{a,b}1", true),
        ("!a*", "b", false),
        ("a[*]", "a*", true),
        ("a[*]", "ab", false),
        ("a[[]b]*", "a[b] c", true),
        // What is called exactly like a pattern is meant too.
        ("old [x]", "old [x]", true),
    ] {
        let selector = selector(pattern);
        assert_eq!(selector.matches(named(name)), matches, "{pattern} {name}");
        assert_eq!(selector.text(), pattern);
    }
    assert!(selector("a*").is_glob() && selector("a?").is_glob() && selector("[ab]").is_glob());
    assert!(!selector("debian-12 (x64) {a,b} !").is_glob());
}

#[test]
fn what_means_nothing_is_no_pattern() {
    for (text, problem) in [
        ("debian**", "has two `*` in a row"),
        ("**", "has two `*` in a row"),
        ("debian-[12", "has a `[` that no `]` closes"),
        ("debian[", "has a `[` that no `]` closes"),
        ("debian[]*", "has a `[` that no `]` closes"),
    ] {
        assert_eq!(Selector::new(text).unwrap_err().problem, problem, "{text}");
    }
    assert!(Selector::new("debian]").is_ok());
}

#[test]
fn a_key_is_held_against_its_own_field_only() {
    let candidate = Candidate {
        slug: Some("slug-1"),
        name: Some("name-1"),
        id: Some("id-1"),
        created: None,
    };
    for by in [By::Slug, By::Name, By::Id] {
        let found: Vec<_> = ["slug-1", "name-1", "id-1", "slug*", "name*", "id*"]
            .into_iter()
            .filter(|text| Selector::by(by, text, false).unwrap().matches(candidate))
            .collect();
        let expected: &[&str] = match by {
            By::Slug => &["slug-1", "slug*"],
            // A slug is a name too.
            By::Name => &["slug-1", "name-1", "slug*", "name*"],
            // An id is no word that one could write a part of.
            By::Id | By::Anything => &["id-1"],
        };
        assert_eq!(found, expected);
    }
    for text in ["slug-1", "name-1", "id-1", "slug*", "name*"] {
        assert!(selector(text).matches(candidate), "{text}");
    }
    assert!(!selector("id*").matches(candidate));
    assert!(!Selector::nothing().matches(Candidate {
        id: Some(""),
        ..candidate
    }));
}

/// Id, slug, name, month it was made in.
type Row = (&'static str, &'static str, &'static str, Option<u8>);

const IMAGES: [Row; 6] = [
    ("1", "debian-12-x64", "Debian 12", Some(3)),
    ("2", "", "debian-12", Some(1)),
    ("3", "", "debian-12", Some(5)),
    ("4", "", "debian-13", None),
    ("5", "", "4", Some(2)),
    ("6", "", "debian-1[23]", Some(2)),
];

fn describe(row: &Row) -> Candidate<'_> {
    let (id, slug, name, month) = *row;
    Candidate {
        slug: Some(slug).filter(|slug| !slug.is_empty()),
        name: Some(name),
        id: Some(id),
        created: month.map(|month| format!("2026-{month:02}-01T00:00:00Z").parse().unwrap()),
    }
}

fn ids(selector: &Selector, all: &[Row]) -> Vec<&'static str> {
    match select(selector, all, describe) {
        Selection::One(row) => vec![row.0],
        Selection::None => Vec::new(),
        Selection::Several(rows) => {
            assert!(rows.len() > 1, "several are more than one");
            rows.iter().map(|row| row.0).collect()
        }
    }
}

#[test]
fn the_exact_one_is_meant_before_a_pattern() {
    for (text, found) in [
        ("1", &["1"][..]),
        ("debian-12-x64", &["1"]),
        ("Debian 12", &["1"]),
        // Image 5 has the name that is the id of another.
        ("4", &["4"]),
        ("debian-12", &["2", "3"]),
        ("debian-12*", &["1", "2", "3"]),
        ("debian-13*", &["4"]),
        ("debian-1[23]", &["6"]),
        ("debian-14*", &[]),
    ] {
        assert_eq!(ids(&selector(text), &IMAGES), found, "{text}");
    }
}

#[test]
fn the_newest_is_taken_where_it_is_asked_for() {
    let newest = |text: &str| Selector::by(By::Name, text, true).unwrap();
    assert_eq!(ids(&newest("debian-12"), &IMAGES), ["3"]);
    assert_eq!(ids(&newest("debian-1*"), &IMAGES), ["3"]);
    assert_eq!(ids(&newest("debian-13"), &IMAGES), ["4"], "without a date");
    assert_eq!(ids(&newest("debian-14"), &IMAGES), [""; 0]);
    let twins = [IMAGES[2], ("7", "", "debian-12", Some(5)), IMAGES[1]];
    assert_eq!(ids(&newest("debian-12"), &twins), ["3", "7"]);
    let undated = [IMAGES[3], ("8", "", "debian-13", None)];
    assert_eq!(ids(&newest("debian-13"), &undated), ["4", "8"]);
}

/// The meaning of `*` and `?`, in the slowest way there is.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        ['?', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
        [first, rest @ ..] => {
            let same = |c: &char| c.eq_ignore_ascii_case(first);
            text.first().is_some_and(same) && naive(rest, &text[1..])
        }
    }
}

proptest! {
    #[test]
    fn patterns_mean_what_they_say(pattern in "[abAé/.*?]{1,8}", name in "[abBé/.]{0,8}") {
        prop_assume!(!pattern.contains("**"));
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        let globbed = pattern.contains(['*', '?']);
        let expected = if globbed {
            naive(&characters(&pattern), &characters(&name))
        } else {
            pattern == name
        };
        prop_assert_eq!(selector(&pattern).matches(named(&name)), expected);
    }

    /// Whatever a user writes and a cloud offers, nothing is chosen that does not match.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,12}", name in "\\PC{0,12}") {
        if let Ok(selector) = Selector::new(&text) {
            let all = [name.as_str()];
            let found = select(&selector, &all, |name| named(name));
            let expected = if selector.matches(named(&name)) {
                Selection::One(&all[0])
            } else {
                Selection::None
            };
            prop_assert_eq!(found, expected);
        }
    }
}
