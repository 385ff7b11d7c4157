//! The servers of an account, as cloud.json asks for them.

use super::{Inventory, LeftOut, Stock, cannot_have, texts};
use crate::config::{Draft, DraftServer};
use crate::model::{Diagnostic, Observed};
use crate::resource::server::{
    self, BACKUP_POLICY, BACKUPS, IMAGE, IMAGE_ID, MADE_FROM, MONITORING, REGION, SIZE, TAGS,
};

impl<'a> Stock<'a> {
    /// Takes the servers, each of which has a name of its own, in the order of these.
    pub(super) fn servers(&self, inventory: &mut Inventory) -> Vec<&'a Observed> {
        let mut found = Vec::new();
        for seen in self.of_kind(server::KIND.name) {
            if !self.is_meant(seen) {
                continue;
            }
            match self.draft(seen, &mut inventory.remarks) {
                Ok(draft) => found.push((seen, draft.name.clone(), draft)),
                Err(why) => {
                    let label = labelled(seen, name_of(seen));
                    inventory.left_out.push(LeftOut::one(seen, &label, why));
                }
            }
        }
        let taken = inventory.one_of_a_name(found, labelled);
        let (taken, drafts): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        for (seen, draft) in taken.iter().zip(drafts) {
            let address = server::address(&draft.name);
            inventory.ids.insert(address, seen.id.clone());
            inventory.draft.servers.push(draft);
        }
        taken
    }

    /// A server as a file asks for it; why not, as a clause, if none can.
    fn draft(&self, seen: &Observed, remarks: &mut Vec<Diagnostic>) -> Result<DraftServer, String> {
        if let Some(why) = self.why_not(seen) {
            return Err(why);
        }
        let text = |name: &str| seen.text(name).unwrap_or_default().to_owned();
        let is_on = |name: &str| seen.attributes.get(name) == Some(&true.into());
        let policy = seen.attributes.get(BACKUP_POLICY);
        let policy = policy.filter(|policy| policy.is_object()).cloned();
        let draft = DraftServer {
            name: name_of(seen).to_owned(),
            region: self.region_by_server.then(|| text(REGION)),
            size: text(SIZE),
            image: match self.by_id {
                true => self.image_by_id(&text(IMAGE_ID)),
                false if seen.text(IMAGE).is_none() => text(MADE_FROM),
                false => text(IMAGE),
            },
            backups: is_on(BACKUPS).then(|| policy.unwrap_or_else(|| true.into())),
            tags: texts(seen, TAGS),
            vpc: self.vpc_of(seen),
            monitoring: is_on(MONITORING),
            ..DraftServer::default()
        };
        if draft.image.is_empty() {
            return Err("the account does not say what image it was made from".to_owned());
        }
        if draft.size.is_empty() {
            return Err("the account does not say what size it has".to_owned());
        }
        self.fitting(draft, remarks)
    }

    /// What a file can have of it: what it can be without is left out, if that is all that is wrong.
    fn fitting(
        &self,
        draft: DraftServer,
        remarks: &mut Vec<Diagnostic>,
    ) -> Result<DraftServer, String> {
        let problem = |draft: &DraftServer| {
            let alone = Draft {
                servers: vec![draft.clone()],
                ..self.around.clone()
            };
            alone.problem()
        };
        let Some(first) = problem(&draft) else {
            return Ok(draft);
        };
        let whenever = DraftServer {
            backups: draft.backups.as_ref().map(|_| true.into()),
            ..draft.clone()
        };
        let untagged = DraftServer {
            tags: Vec::new(),
            ..draft
        };
        let both = DraftServer {
            tags: Vec::new(),
            ..whenever.clone()
        };
        let mut less = [whenever, untagged, both].into_iter();
        let Some(fitting) = less.find(|draft| problem(draft).is_none()) else {
            return Err(cannot_have(&first));
        };
        let note = Diagnostic::note(format!("not all of server {} is written", fitting.name));
        remarks.push(note.detail(cannot_have(&first)));
        Ok(fitting)
    }

    /// The image's name, if that means no other and no pattern; else its id.
    fn image_by_id(&self, id: &str) -> String {
        let images = &self.catalog.images;
        let name = images.iter().find(|image| image.id == id);
        let name = name.map(|image| image.name.as_str());
        let is_alone = |name: &&str| {
            let named = images.iter().filter(|image| image.name == *name);
            named.count() == 1 && !name.contains(['*', '?', '['])
        };
        name.filter(is_alone).unwrap_or(id).to_owned()
    }
}

pub(super) fn name_of(seen: &Observed) -> &str {
    seen.text(server::NAME).unwrap_or_default()
}

fn labelled(seen: &Observed, name: &str) -> String {
    format!("server {name} ({})", seen.id)
}
