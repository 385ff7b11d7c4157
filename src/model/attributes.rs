use std::collections::HashSet;
use std::fmt;
use std::ops::Index;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// Named values of a resource in the order of their names, all of them known unless `V` says
/// otherwise.
///
/// A clone shares them, because a plan has what was observed in many places; they are copied when
/// one of several owners changes them. There are many resources with few attributes each, so these
/// stand in a list and not in a tree, whose nodes would be mostly empty.
///
/// ```
/// use cloudbuilder::model::Attributes;
///
/// let mut web1 = Attributes::from([("size", "s".into()), ("name", "web1".into())]);
/// let before = web1.clone();
/// web1.insert("size", "m".into());
/// assert_eq!(web1["size"], "m");
/// assert_eq!(before["size"], "s");
/// assert_eq!(web1.keys().collect::<Vec<_>>(), ["name", "size"]);
/// ```
#[derive(Clone, PartialEq)]
pub struct Attributes<V = Json>(Arc<Vec<(&'static str, V)>>);

/// The name of an attribute. Each is kept once, and as long as the program runs: there are as many
/// as all kinds have attributes together, and millions of places where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Name(&'static str);

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Self(name)
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        static KEPT: LazyLock<Mutex<HashSet<&str>>> = LazyLock::new(Mutex::default);
        // A panic elsewhere leaves it whole: names are only added.
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.get(name.as_str()) {
            Some(&name) => Self(name),
            None => {
                let name: &'static str = Box::leak(name.into_boxed_str());
                kept.insert(name);
                Self(name)
            }
        }
    }
}

impl<V> Attributes<V> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Vec::new()))
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by_key(&name, |&(name, _)| name)
    }

    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        self.get_key_value(name).map(|(_, value)| value)
    }

    /// The same, with its name.
    #[must_use]
    pub fn get_key_value(&self, name: &str) -> Option<(&'static str, &V)> {
        let (name, value) = self.0.get(self.find(name).ok()?)?;
        Some((name, value))
    }

    /// Whether there is a value of that name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Every name with its value.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter(self.0.iter())
    }

    /// The names.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.iter().map(|(name, _)| name)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Clone> Attributes<V> {
    /// These, and what the others have besides.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let mut all = others.clone();
        all.extend(self.clone());
        all
    }

    /// Sets a value; gives the one before.
    pub fn insert(&mut self, name: impl Into<Name>, value: V) -> Option<V> {
        let Name(name) = name.into();
        let place = self.find(name);
        let all = Arc::make_mut(&mut self.0);
        match place {
            Ok(at) => {
                let (_, before) = all.get_mut(at)?;
                Some(std::mem::replace(before, value))
            }
            Err(at) => {
                all.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: &str) -> Option<V> {
        let at = self.find(name).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(at).1)
    }
}

impl<V> Default for Attributes<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Names with their values.
#[derive(Clone, Debug)]
pub struct Iter<'a, V>(std::slice::Iter<'a, (&'static str, V)>);

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'static str, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (*name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<'a, V> IntoIterator for &'a Attributes<V> {
    type Item = (&'static str, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V: Clone> IntoIterator for Attributes<V> {
    type Item = (&'static str, V);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

/// Of two values of one name the later one stays.
impl<N: Into<Name>, V> FromIterator<(N, V)> for Attributes<V> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let named = |(name, value): (N, V)| (name.into().0, value);
        let mut all: Vec<(&'static str, V)> = pairs.into_iter().map(named).collect();
        if !all.is_sorted_by(|(one, _), (next, _)| one < next) {
            all.reverse();
            all.sort_by_key(|&(name, _)| name);
            all.dedup_by_key(|&mut (name, _)| name);
        }
        all.shrink_to_fit();
        Self(Arc::new(all))
    }
}

impl<N: Into<Name>, V, const LENGTH: usize> From<[(N, V); LENGTH]> for Attributes<V> {
    fn from(pairs: [(N, V); LENGTH]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<N: Into<Name>, V: Clone> Extend<(N, V)> for Attributes<V> {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.insert(name, value);
        }
    }
}

/// Null, where there is no value of that name.
impl Index<&str> for Attributes {
    type Output = Json;

    fn index(&self, name: &str) -> &Json {
        self.get(name).unwrap_or(&Json::Null)
    }
}

impl<V: fmt::Debug> fmt::Debug for Attributes<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<V: Serialize> Serialize for Attributes<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut all = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            all.push((name, value));
        }
        Ok(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_values_of_a_name_the_later_one_stays() {
        let twice = || [("b", 1), ("a", 2), ("b", 3), ("a", 4)].map(|(n, v)| (n, Json::from(v)));
        let all = Attributes::from(twice());
        assert_eq!(
            all,
            Attributes::from([("a", Json::from(4)), ("b", Json::from(3))])
        );
        let mut extended = Attributes::new();
        extended.extend(twice());
        assert_eq!(extended, all);
        let read = serde_json::from_str::<Attributes>(r#"{"b": 1, "a": 4, "b": 3}"#).unwrap();
        assert_eq!(read, all);
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"a":4,"b":3}"#);
    }

    #[test]
    fn one_owner_changes_nothing_for_the_others() {
        let mut mine = Attributes::from([("a", Json::from(1)), ("b", Json::from(2))]);
        let theirs = mine.clone();
        assert_eq!(mine.insert("a", Json::from(5)), Some(Json::from(1)));
        assert_eq!(mine.remove("b"), Some(Json::from(2)));
        assert_eq!(mine.remove("c"), None);
        assert_eq!(mine.insert("aa".to_owned(), Json::Null), None);
        assert_eq!(mine.keys().collect::<Vec<_>>(), ["a", "aa"]);
        assert_eq!(theirs.values().collect::<Vec<_>>(), [&1, &2]);
    }
}
