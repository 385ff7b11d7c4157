use std::time::Duration;

use super::{Attributes, Money};

/// What a provider can do, as data.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// The provider's name: `digitalocean`.
    pub provider: &'static str,
    /// The kinds it offers, in the order in which they are created.
    pub kinds: &'static [&'static str],
    /// The kinds that it lists besides, for who asks what nobody looks after.
    pub only_seen: &'static [&'static str],
    /// The kinds of which what a deployment makes or takes over carries its mark here.
    pub marked: &'static [&'static str],
    /// What can be changed in place, in the order in which it is changed if it is several things.
    pub updates: &'static [Update],
    /// The kinds of which something stays, and is paid for, when one is deleted by hand.
    pub leaves: &'static [&'static str],
    /// What a GB of a copy that is kept of something costs a month; `None` if there are none.
    pub copy_gb: Option<Money>,
    /// Whether it is known what things cost. Elsewhere, what is not free costs nobody knows how much.
    pub prices: bool,
    /// What can be created several at once.
    pub batches: &'static [Batch],
    /// What its records may be.
    pub records: RecordRules,
    /// Where a zone must be delegated to.
    pub name_servers: &'static [&'static str],
    /// How long something usually takes to become ready, of the kinds that take their time.
    pub boot: Duration,
    /// How many resources of a kind one request lists.
    pub page: u64,
    /// Whether sizes and images go by ids when a server is made, because their names may change
    /// or be given twice.
    pub by_id: bool,
    /// What nothing of a kind can be made with here: the kind and the attribute.
    pub lacks: &'static [(&'static str, &'static str)],
}

/// What the records of a provider may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRules {
    /// Their types.
    pub types: &'static [&'static str],
    /// Whether the NS records of a zone itself can be made and deleted.
    pub own_ns: bool,
    /// The shortest time to live, in seconds.
    pub least_ttl: u64,
    /// How long a text can be, in bytes.
    pub longest_text: usize,
    /// What a text cannot hold.
    pub not_in_texts: &'static [char],
    /// Whether the value of a CAA record can be more than a name or an address of the web.
    pub issuer_parameters: bool,
}

impl RecordRules {
    /// The rules of DNS and no others.
    pub const ALL: Self = Self {
        types: &["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"],
        own_ns: true,
        least_ttl: 0,
        longest_text: 65_000,
        not_in_texts: &[],
        issuer_parameters: true,
    };
}

/// A change that something can go through and stay what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// Of which kind.
    pub kind: &'static str,
    /// The attributes that one request changes.
    pub attributes: &'static [&'static str],
    /// Another attribute that has to have this value meanwhile, and is changed before and back
    /// afterwards if it does not.
    pub during: Option<(&'static str, &'static str)>,
    /// Whether it cannot be used while this goes on.
    pub interrupts: bool,
    /// How long it usually takes after the answer.
    pub takes: Duration,
}

impl Update {
    /// A change that is made when it is answered.
    #[must_use]
    pub const fn at_once(kind: &'static str, attributes: &'static [&'static str]) -> Self {
        Self {
            kind,
            attributes,
            during: None,
            interrupts: false,
            takes: Duration::ZERO,
        }
    }
}

/// Resources of one kind that a single request creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Their kind.
    pub kind: &'static str,
    /// How many at most.
    pub most: usize,
    /// The attributes that may differ between them and tell them apart; all others are alike.
    pub differ_by: &'static [&'static str],
}

impl Batch {
    /// Whether one request can create both.
    #[must_use]
    pub fn takes(&self, one: &Attributes, other: &Attributes) -> bool {
        let all_there = |attributes: &Attributes| {
            let mut names = self.differ_by.iter();
            names.all(|name| attributes.contains_key(name))
        };
        let mut names = self.differ_by.iter();
        all_there(one)
            && all_there(other)
            && names.any(|name| one.get(name) != other.get(name))
            && self.others(one).eq(self.others(other))
    }

    /// The attributes that all of them share, whatever their values are made of.
    pub fn others<'a, V: 'a>(
        &self,
        attributes: impl IntoIterator<Item = (&'static str, &'a V)>,
    ) -> impl Iterator<Item = (&'static str, &'a V)> {
        let differ_by = self.differ_by;
        let all = attributes.into_iter();
        all.filter(move |(name, _)| !differ_by.contains(name))
    }
}

impl Capabilities {
    /// How resources of a kind can be created several at once, if they can.
    #[must_use]
    pub fn batch(&self, kind: &str) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.kind == kind)
    }

    /// How an attribute is changed in place, if it can be.
    #[must_use]
    pub fn update(&self, kind: &str, attribute: &str) -> Option<&Update> {
        let mut updates = self.updates.iter();
        updates.find(|update| update.kind == kind && update.attributes.contains(&attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_what_differs_by_its_name_alone() {
        let batch = Batch {
            kind: "server",
            most: 10,
            differ_by: &["name"],
        };
        let server = |pairs: &[(&str, &str)]| -> Attributes {
            let pair = |&(name, value): &(&str, &str)| (name.to_owned(), value.into());
            pairs.iter().map(pair).collect()
        };
        let web1 = server(&[("name", "web1"), ("size", "s")]);
        for (other, fits) in [
            (server(&[("name", "web2"), ("size", "s")]), true),
            (server(&[("name", "web1"), ("size", "s")]), false),
            (server(&[("name", "web2"), ("size", "m")]), false),
            (server(&[("name", "web2")]), false),
            (server(&[("size", "s")]), false),
            (server(&[("name", "web2"), ("size", "s"), ("x", "")]), false),
        ] {
            assert_eq!(batch.takes(&web1, &other), fits, "{other:?}");
        }
    }
}
