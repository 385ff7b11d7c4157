use std::collections::BTreeMap;

use crate::model::{Address, Recorded};

use super::kind;

/// Gives what is recorded at an address another one; what refers to it follows, and so does what was
/// set aside for it. Nothing happens if there is nothing at the first address.
pub fn readdress(resources: &mut BTreeMap<Address, Recorded>, from: &Address, to: &Address) {
    // What was set aside for it is set aside for it still.
    let aside = resources.keys().filter_map(|address| {
        let (had, id) = address.had()?;
        (had == *from).then(|| (address.clone(), to.set_aside(id)))
    });
    let moves: Vec<(Address, Address)> = aside.chain([(from.clone(), to.clone())]).collect();
    for (from, to) in moves {
        let Some(mut resource) = resources.remove(&from) else {
            continue;
        };
        // One that has an address of its own again is waited for no longer.
        if to.had().is_none()
            && let Some(name) = kind(to.kind()).and_then(|(_, kind)| kind.forgotten_at)
        {
            resource.attributes.remove(name);
        }
        resource.address = to.clone();
        resources.insert(to, resource);
    }
    for resource in resources.values_mut() {
        for referred in &mut resource.refers_to {
            if referred == from {
                referred.clone_from(to);
            }
        }
    }
}
