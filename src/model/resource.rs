use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{Address, Attributes, Money, Place, Reference, Value};

/// What cloud.json asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Its name in plans and in the state.
    pub address: Address,
    /// The named account it lives in.
    pub account: String,
    /// What each attribute shall be.
    pub attributes: Attributes<Value>,
    /// Wanted only if this attribute of another resource exists: an AAAA record, where its server
    /// has IPv6. Null means that it does not.
    pub only_if: Option<Reference>,
    /// What has to be there before it, although nothing of it goes into its attributes.
    pub follows: Vec<Address>,
    /// Where in the user's file it comes from.
    pub place: Option<Place>,
    /// Where single attributes come from, if not from `place`.
    pub places: BTreeMap<&'static str, Place>,
}

impl Desired {
    /// The known value of an attribute.
    #[must_use]
    pub fn known(&self, attribute: &str) -> Option<&Json> {
        self.attributes.get(attribute).and_then(Value::known)
    }

    /// The known text of an attribute.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.known(attribute).and_then(Json::as_str)
    }

    /// Where an attribute comes from.
    #[must_use]
    pub fn place_of(&self, attribute: &str) -> Option<Place> {
        self.places.get(attribute).or(self.place.as_ref()).cloned()
    }

    /// Every reference to another resource, `only_if` among them.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let of_attributes = self.attributes.values().flat_map(Value::references);
        of_attributes.chain(self.only_if.as_ref())
    }

    /// Everything that has to be there before it, some of it more than once.
    pub fn needs(&self) -> impl Iterator<Item = &Address> {
        let referred = self.references().map(|reference| &reference.address);
        referred.chain(&self.follows)
    }
}

/// What the provider says exists now.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// What it is.
    pub kind: &'static str,
    /// The named account it lives in. A provider does not know what cloud.json calls its account
    /// and leaves this empty; whoever asked puts it in.
    pub account: Arc<str>,
    /// The provider's id for it.
    pub id: String,
    /// Its attributes. One that is missing is not known (yet); null says that there is none.
    pub attributes: Attributes,
    /// The lineages whose mark it carries.
    pub owners: Vec<String>,
    /// Whether it can be used.
    pub readiness: Readiness,
    /// What it costs a month, if that is known.
    pub monthly: Option<Money>,
    /// When it was made, by the provider's clock, where the provider says so.
    pub created: Option<Timestamp>,
}

impl Observed {
    /// The text of an attribute.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).and_then(Json::as_str)
    }

    /// Whether a change of this attribute is not over, and has to be asked for once more.
    #[must_use]
    pub fn is_halfway(&self, attribute: &str) -> bool {
        let readiness = &self.readiness;
        matches!(readiness, Readiness::Paused { attribute: paused, .. } if *paused == attribute)
    }

    /// Whether it can be a deployment's: it carries the deployment's mark, or none.
    #[must_use]
    pub fn may_be_of(&self, lineage: &str) -> bool {
        self.owners.is_empty() || self.owners.iter().any(|owner| owner == lineage)
    }
}

/// How far a resource has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can be used.
    Ready,
    /// It is on its way; what is still missing, in words.
    Pending(String),
    /// It is there, and a change of it is not over: it goes on when it is asked for once more.
    Paused {
        /// The attribute that changes.
        attribute: &'static str,
        /// What it waits for, in words.
        why: String,
    },
    /// It will not come; why, in words.
    Failed(String),
}

/// What the state says: something we made or took over.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its name.
    pub address: Address,
    /// The named account it lives in.
    pub account: String,
    /// The provider's id for it.
    pub id: String,
    /// How we came to it.
    pub origin: Origin,
    /// Whether it was seen ready since it was created.
    pub ready: bool,
    /// The attributes last applied.
    pub attributes: Attributes,
    /// The resources that its attributes refer to.
    pub refers_to: Vec<Address>,
    /// When it was recorded first.
    pub recorded_at: Timestamp,
}

impl Recorded {
    /// The text of an attribute as last applied.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).and_then(Json::as_str)
    }
}

/// How a resource came into the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// We created it.
    Created,
    /// It existed and was taken over.
    Found,
}
