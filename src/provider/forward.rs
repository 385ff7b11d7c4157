use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Account, Attributes, Capabilities, Catalog, Desired, Network, Observed};

use super::{Allowance, Answer, Listed, Read, Resolved, Scope, Target};

/// Who looks at an account as another does: whatever it does not say by itself is asked of that one. A
/// client that can change things looks as one that cannot.
pub trait LooksThrough: Send + Sync {
    /// What it looks through.
    fn reader(&self) -> &dyn Read;

    /// As [`Read::account`].
    fn account(&self) -> Answer<'_, Account> {
        self.reader().account()
    }

    /// As [`Read::list`].
    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        self.reader().list(kind, scope)
    }

    /// As [`Read::get`].
    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        self.reader().get(target)
    }

    /// As [`Read::look`].
    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        self.reader().look(kind, targets, mark)
    }
}

impl<W: LooksThrough> Read for W {
    fn capabilities(&self) -> &'static Capabilities {
        self.reader().capabilities()
    }

    fn account(&self) -> Answer<'_, Account> {
        LooksThrough::account(self)
    }

    fn shared_dns(&self) -> Answer<'_, Option<String>> {
        self.reader().shared_dns()
    }

    fn region(&self) -> Option<String> {
        self.reader().region()
    }

    fn limits(&self) -> BTreeMap<&'static str, u64> {
        self.reader().limits()
    }

    fn catalog(&self) -> Answer<'_, Catalog> {
        self.reader().catalog()
    }

    fn networks(&self) -> Answer<'_, Vec<Network>> {
        self.reader().networks()
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        LooksThrough::list(self, kind, scope)
    }

    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        LooksThrough::get(self, target)
    }

    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        LooksThrough::look(self, kind, targets, mark)
    }

    fn find<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        self.reader().find(kind, wanted, mark)
    }

    fn resolve<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        self.reader().resolve(kind, wanted)
    }

    fn settling(&self, kind: &str) -> Duration {
        self.reader().settling(kind)
    }

    fn settling_of_change(&self, kind: &str, attributes: &Attributes) -> Duration {
        self.reader().settling_of_change(kind, attributes)
    }

    fn requests(&self) -> u64 {
        self.reader().requests()
    }

    fn allowance(&self) -> Option<Allowance> {
        self.reader().allowance()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.reader().clock()
    }

    fn marks(&self) -> bool {
        self.reader().marks()
    }

    fn notes(&self) -> Vec<String> {
        self.reader().notes()
    }
}
