//! What volumes have in common wherever they are: one is made by itself, and attached to its server
//! afterwards.

use serde_json::Value as Json;

use crate::model::{Attributes, Observed, Readiness};
use crate::resource::volume::{SERVER, SIZE_GB};

use super::adapter::text;
use super::{Class, Error, Target};

/// What is made is attached to its server by and by: it is not ready before.
pub(super) fn attached_by_and_by(mut seen: Observed, wanted: &Attributes) -> Observed {
    if seen.readiness == Readiness::Ready && lacks_server(&seen, wanted) {
        seen.readiness = not_attached_yet();
    }
    seen
}

/// Whether it was made, and is on no server although it shall be on one. What is being moved is not
/// waited for like that: it is on none for a while.
pub(super) fn is_to_be_attached(seen: &Observed, target: &Target<'_>) -> bool {
    target.coming && lacks_server(seen, target.attributes)
}

fn lacks_server(seen: &Observed, wanted: &Attributes) -> bool {
    text(wanted, SERVER).is_some() && seen.text(SERVER).is_none()
}

pub(super) fn not_attached_yet() -> Readiness {
    Readiness::Pending("it is not attached yet".to_owned())
}

/// How far one is whose attachment was asked for, or may have been.
pub(super) fn being_attached() -> Readiness {
    Readiness::Pending("it is being attached".to_owned())
}

/// How far one is that the provider did not attach.
pub(super) fn not_attached(why: &Error) -> Readiness {
    Readiness::Failed(format!(
        "it is there, but was not attached: {}",
        why.message
    ))
}

/// How large it is to be, in GB.
pub(super) fn size(attributes: &Attributes) -> Result<u64, Error> {
    let size = attributes.get(SIZE_GB).and_then(Json::as_u64);
    size.ok_or_else(|| Error::new(Class::Rejected, "request", "its size is not known"))
}
