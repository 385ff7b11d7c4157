//! Accounts as the state has them: a plan that does not look at what is there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future;

use crate::model::{Account, Address, Observed, Readiness, Recorded};
use crate::resource::{domain, kind};

use super::forward::LooksThrough;
use super::{Answer, Listed, Read, Readers, Scope, Target};

impl Readers {
    /// The same accounts, in which what is recorded is taken to be as it was recorded, and is not
    /// looked at. Of a kind of which something new is wanted everything is looked at all the same,
    /// and so are zones, because all of them decide which one a name goes into.
    #[must_use]
    pub fn remembering(
        &self,
        recorded: &BTreeMap<Address, Recorded>,
        known: &BTreeMap<String, Account>,
        mark: Option<&str>,
    ) -> Self {
        let mut accounts = Self::new();
        for (name, read) in self.shared() {
            let of_account = recorded.values().filter(|one| one.account == **name);
            let remembered = Remembered {
                read,
                account: known.get(&**name).cloned(),
                recorded: of_account
                    .filter_map(|one| Some((one.address.clone(), as_recorded(one, mark)?)))
                    .collect(),
            };
            accounts.add(name, Box::new(remembered));
        }
        accounts
    }
}

struct Remembered {
    read: Arc<dyn Read>,
    account: Option<Account>,
    recorded: HashMap<Address, Observed>,
}

/// What is recorded, as a look would show it if nothing has changed since.
fn as_recorded(recorded: &Recorded, mark: Option<&str>) -> Option<Observed> {
    let (_, kind) = kind(recorded.address.kind())?;
    let marks = mark.filter(|_| kind.marked).into_iter();
    let mut attributes = recorded.attributes.clone();
    for attribute in kind.attributes {
        // Nobody records what it is only for a while: a server that runs has to be stopped for some
        // changes, and a plan that says nothing of that promises too much.
        if let Some(usual) = attribute.usual()
            && !attributes.contains_key(attribute.name)
        {
            attributes.insert(attribute.name, usual.into());
        }
    }
    Some(Observed {
        kind: kind.name,
        account: Arc::default(),
        id: recorded.id.clone(),
        attributes,
        owners: marks.map(ToOwned::to_owned).collect(),
        readiness: match recorded.ready {
            true => Readiness::Ready,
            false => Readiness::Pending("it was not up when it was recorded".to_owned()),
        },
        monthly: None,
        created: None,
    })
}

impl Remembered {
    fn by_id(&self, kind: &str, id: &str) -> Option<&Observed> {
        let mut all = self.recorded.values();
        all.find(|observed| observed.kind == kind && observed.id == id)
    }
}

impl LooksThrough for Remembered {
    fn reader(&self) -> &dyn Read {
        &*self.read
    }

    fn account(&self) -> Answer<'_, Account> {
        match &self.account {
            Some(account) => future::ok(account.clone()).boxed(),
            None => self.read.account(),
        }
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        let mut desired = scope.desired.iter();
        let is_new = desired.any(|desired| !self.recorded.contains_key(&desired.address));
        if is_new || kind == domain::KIND.name {
            return self.read.list(kind, scope);
        }
        let all = self.recorded.values();
        let of_kind = all.filter(|observed| observed.kind == kind);
        let found: Vec<Observed> = of_kind.cloned().collect();
        future::ok(found.into()).boxed()
    }

    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        match self.by_id(target.kind, target.id) {
            Some(observed) => future::ok(Some(observed.clone())).boxed(),
            None => self.read.get(target),
        }
    }

    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        let known = targets.iter();
        let known = known.filter_map(|target| self.by_id(kind, target.id));
        future::ok(known.cloned().collect()).boxed()
    }
}
