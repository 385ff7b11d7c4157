use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Observed};

use super::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};

/// What sends the requests of a provider's adapters. By itself it sends none that change anything.
pub(super) trait Client: Sync + 'static {
    /// How many resources are asked for singly at the same time.
    const AT_ONCE: usize = usize::MAX;
}

/// Sends requests that change something.
pub(super) struct Changing<'a, C>(pub(super) &'a C);

// Not derived: that would ask for a client that can be copied.
impl<C> Clone for Changing<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Changing<'_, C> {}

/// The calls for one kind of resource.
pub(super) trait Adapter<C: Client>: Sync {
    fn kind(&self) -> &'static str;

    fn list<'a>(&'a self, client: &'a C, scope: Scope<'a>) -> Answer<'a, Listed>;

    fn get<'a>(&'a self, client: &'a C, target: Target<'a>) -> Answer<'a, Option<Observed>>;

    fn look<'a>(
        &'a self,
        client: &'a C,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        get_each(self, client, targets).boxed()
    }

    /// As [`Self::look`], by somebody who may change things: what takes several requests to come
    /// up gets the next of them here.
    fn bring_up<'a>(
        &'a self,
        client: Changing<'a, C>,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        self.look(client.0, targets, mark)
    }

    fn find<'a>(
        &'a self,
        client: &'a C,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>>;

    fn resolve<'a>(
        &'a self,
        _client: &'a C,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        let nothing = wanted.iter().map(|_| Resolved::default()).collect();
        futures_util::future::ok(nothing).boxed()
    }

    fn create<'a>(
        &'a self,
        client: Changing<'a, C>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed>;

    fn create_many<'a>(
        &'a self,
        _client: Changing<'a, C>,
        _attributes: &'a [&'a Attributes],
        _mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        let message = format!("a {} is created by itself", self.kind());
        futures_util::future::err(Error::new(Class::Rejected, "create", message)).boxed()
    }

    fn update<'a>(
        &'a self,
        _client: Changing<'a, C>,
        target: Target<'a>,
        _attributes: &'a Attributes,
        changed: &'a [String],
        _mark: &'a str,
    ) -> Answer<'a, Updated> {
        let message = format!(
            "{} of a {} cannot be changed",
            changed.join(", "),
            target.kind
        );
        futures_util::future::err(Error::new(Class::Rejected, "update", message)).boxed()
    }

    fn mark<'a>(
        &'a self,
        _client: Changing<'a, C>,
        _target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        futures_util::future::ok(()).boxed()
    }

    fn delete<'a>(
        &'a self,
        client: Changing<'a, C>,
        target: Target<'a>,
        mark: &'a str,
    ) -> Answer<'a, ()>;
}

/// The adapter of a kind, if there is one.
pub(super) fn of_kind<C: Client>(
    adapters: &'static [&'static dyn Adapter<C>],
    kind: &str,
) -> Option<&'static dyn Adapter<C>> {
    let mut all = adapters.iter().copied();
    all.find(|adapter| adapter.kind() == kind)
}

/// Those of `targets` that are there, each asked for by itself.
pub(super) async fn get_each<C: Client, A: Adapter<C> + ?Sized>(
    adapter: &A,
    client: &C,
    targets: &[Target<'_>],
) -> Result<Vec<Observed>, Error> {
    let mut found = Vec::new();
    for some in targets.chunks(C::AT_ONCE) {
        for answer in join_all(some.iter().map(|&target| adapter.get(client, target))).await {
            found.extend(answer?);
        }
    }
    Ok(found)
}

/// The text of an attribute, where it has one.
pub(super) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Json::as_str)
}

/// The text of an attribute that a request needs.
pub(super) fn required<'a>(attributes: &'a Attributes, name: &str) -> Result<&'a str, Error> {
    text(attributes, name).ok_or_else(|| {
        Error::new(
            Class::Rejected,
            "request",
            format!("its `{name}` is not known"),
        )
    })
}

/// The mark of what nothing else would tell from others if the answer about it were lost; `request` is
/// what would have made it.
pub(super) fn lineage<'a>(mark: Option<&'a str>, request: &'static str) -> Result<&'a str, Error> {
    let mark = mark.filter(|mark| !mark.is_empty());
    mark.ok_or_else(|| Error::new(Class::Rejected, request, "there is no lineage"))
}

/// Refuses to delete a zone that holds records still; `request` is what would have deleted it.
pub(super) fn refuse_unless_empty(kept: usize, request: String) -> Result<(), Error> {
    if kept == 0 {
        return Ok(());
    }
    let message = format!("it is not empty any more: it holds {kept} records");
    Err(Error::new(Class::Rejected, request, message))
}
