//! Our mark where there is room for a comment: `cloudbuilder:LINEAGE`, among other words that
//! people may have put there.

const MARK: &str = "cloudbuilder:";

/// The comment on what we make.
pub(super) fn comment(lineage: &str) -> String {
    format!("{MARK}{lineage}")
}

/// The lineages that a comment names.
pub(super) fn owners(comment: Option<&str>) -> Vec<String> {
    let words = comment.unwrap_or_default().split_whitespace();
    let marks = words.filter_map(|word| word.strip_prefix(MARK));
    marks.map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_among_other_words() {
        assert_eq!(owners(Some(&comment("5d2e"))), ["5d2e"]);
        assert_eq!(owners(Some("moved in June; cloudbuilder:5d2e")), ["5d2e"]);
        assert!(owners(Some("made by cloudbuilder")).is_empty());
        assert!(owners(None).is_empty());
    }
}
