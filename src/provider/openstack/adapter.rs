use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Observed};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target};

use super::client::{ReadClient, WriteClient};

/// The calls for one kind of resource.
pub(super) trait Adapter: Sync {
    fn kind(&self) -> &'static str;

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed>;

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>>;

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        get_each(self, client, targets).boxed()
    }

    /// As [`Self::look`], by somebody who may change things: what takes several requests to come
    /// up gets the next of them here.
    fn bring_up<'a>(
        &'a self,
        client: WriteClient<'a>,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        self.look(client.0, targets, mark)
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>>;

    fn resolve<'a>(
        &'a self,
        _client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        let nothing = wanted.iter().map(|_| Resolved::default()).collect();
        futures_util::future::ok(nothing).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed>;

    fn update<'a>(
        &'a self,
        _client: WriteClient<'a>,
        target: Target<'a>,
        _attributes: &'a Attributes,
        changed: &'a [String],
    ) -> Answer<'a, Observed> {
        let message = format!(
            "{} of a {} cannot be changed",
            changed.join(", "),
            target.kind
        );
        futures_util::future::err(Error::new(Class::Rejected, "update", message)).boxed()
    }

    fn mark<'a>(
        &'a self,
        _client: WriteClient<'a>,
        _target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        futures_util::future::ok(()).boxed()
    }

    fn delete<'a>(&'a self, client: WriteClient<'a>, target: Target<'a>) -> Answer<'a, ()>;
}

/// How many are asked for singly at the same time.
pub(super) const AT_ONCE: usize = 8;

pub(super) async fn get_each<A: Adapter + ?Sized>(
    adapter: &A,
    client: &ReadClient,
    targets: &[Target<'_>],
) -> Result<Vec<Observed>, Error> {
    let mut found = Vec::new();
    for some in targets.chunks(AT_ONCE) {
        for answer in join_all(some.iter().map(|&target| adapter.get(client, target))).await {
            found.extend(answer?);
        }
    }
    Ok(found)
}

/// The text of an attribute that a request needs.
pub(super) fn required<'a>(attributes: &'a Attributes, name: &str) -> Result<&'a str, Error> {
    attributes.get(name).and_then(Json::as_str).ok_or_else(|| {
        Error::new(
            Class::Rejected,
            "request",
            format!("its `{name}` is not known"),
        )
    })
}
