/// The candidate that `word` was most likely meant to be, if any is near enough to be worth naming.
///
/// ```
/// use cloudbuilder::model::nearest;
///
/// assert_eq!(nearest("sise", ["region", "size"]), Some("size"));
/// assert_eq!(nearest("zzz", ["region", "size"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            // A slip of two keys, or a long word that starts and reads alike.
            let slips = strsim::damerau_levenshtein(&word, &other);
            let alike = strsim::jaro_winkler(&word, &other);
            let near = (slips <= 2 && slips < other.chars().count().max(2)) || alike > 0.88;
            near.then_some((slips, alike, candidate))
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_slips_win() {
        let slugs = ["nyc1", "nyc3", "ams3"];
        assert_eq!(nearest("nyc3", slugs), Some("nyc3"));
        assert_eq!(nearest("NYC3", slugs), Some("nyc3"));
        assert_eq!(
            nearest("debian-12-x46", ["debian-12-x64"]),
            Some("debian-12-x64")
        );
        assert_eq!(nearest("", slugs), None);
    }
}
