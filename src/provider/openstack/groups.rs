//! The security groups of an account, and whose they are. Neutron takes one name as often as it is
//! given, so ours say in their description which deployment they are of, and for which tags:
//! `cloudbuilder:LINEAGE for db, web`.

use std::collections::BTreeSet;

use crate::provider::Error;

use super::client::{ReadClient, Service, query};
use super::wire::neutron::{Group, Groups};

pub(super) const GROUPS: &str = "/security-groups";
/// The one that every project has, and that a server is in which asks for none.
pub(super) const DEFAULT: &str = "default";
const MARK: &str = "cloudbuilder:";
const FOR: &str = " for ";
/// The longest description that Neutron takes.
const LONGEST: usize = 255;

/// What the description of a group of ours is; `None` if its tags do not fit in.
pub(super) fn description(lineage: &str, tags: &BTreeSet<&str>) -> Option<String> {
    let mut text = format!("{MARK}{lineage}");
    for (at, tag) in tags.iter().enumerate() {
        text += if at == 0 { FOR } else { ", " };
        text += tag;
    }
    (text.len() <= LONGEST).then_some(text)
}

/// The lineage of the deployment that made it, if it was one.
pub(super) fn owner(group: &Group) -> Option<&str> {
    let marked = group.description.strip_prefix(MARK)?;
    let lineage = marked.split(' ').next().unwrap_or_default();
    (!lineage.is_empty()).then_some(lineage)
}

/// The tags that a group of a deployment is for; of another one nobody knows.
pub(super) fn tags(group: &Group) -> Option<BTreeSet<&str>> {
    owner(group)?;
    let tags = group.description.split_once(FOR).map(|(_, tags)| tags);
    Some(tags.into_iter().flat_map(|tags| tags.split(", ")).collect())
}

/// The account's own: other projects may share theirs, and an administrator sees everybody's.
pub(super) async fn own(client: &ReadClient) -> Result<Vec<Group>, Error> {
    listed(client, &[]).await
}

/// The same without what they let through.
pub(super) async fn own_names(client: &ReadClient) -> Result<Vec<Group>, Error> {
    listed(client, &["id", "name", "description", "project_id"]).await
}

async fn listed(client: &ReadClient, fields: &[&str]) -> Result<Vec<Group>, Error> {
    let grant = client.grant().await?;
    let project = grant.project.0.as_str();
    let fields = fields.iter().map(|field| ("fields", *field));
    let asked: Vec<(&str, &str)> = [("project_id", project)]
        .into_iter()
        .chain(fields)
        .collect();
    let path = format!("{GROUPS}{}", query(&asked));
    let mut all = client
        .pages::<Groups, _>(Service::Network, &path, |group| group)
        .await?;
    // A service that knows no such filter shows all.
    all.retain(|group| group.project_id.as_deref().is_none_or(|of| of == project));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all.dedup_by(|a, b| a.id == b.id);
    Ok(all)
}

/// The one that a deployment means by a name: its own, else one of nobody's. Of several the first.
pub(super) fn named<'g>(all: &'g [Group], name: &str, lineage: Option<&str>) -> Option<&'g Group> {
    let named = || all.iter().filter(|group| group.name == name);
    let ours = named().find(|group| lineage.is_some() && owner(group) == lineage);
    ours.or_else(|| named().find(|group| owner(group).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, name: &str, description: &str) -> Group {
        Group {
            id: id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            project_id: None,
            rules: Vec::new(),
        }
    }

    #[test]
    fn a_description_says_whose_it_is_and_for_what() {
        for tags_of in [&[][..], &["web"], &["db", "web:1"]] {
            let wanted: BTreeSet<&str> = tags_of.iter().copied().collect();
            let group = group("g", "web", &description("l-1", &wanted).unwrap());
            assert_eq!(owner(&group), Some("l-1"));
            assert_eq!(tags(&group), Some(wanted));
        }
        let long = "x".repeat(240);
        assert_eq!(description("l-1", &[long.as_str()].into()), None);
        for text in ["", "Default security group", "cloudbuilder:", "for web"] {
            let group = group("g", "web", text);
            assert_eq!((owner(&group), tags(&group)), (None, None), "{text}");
        }
    }

    #[test]
    fn a_name_means_our_own_or_nobodys() {
        let all = [
            group("1", "web", "cloudbuilder:theirs"),
            group("2", "web", ""),
            group("3", "web", "cloudbuilder:ours for web"),
            group("4", "db", "cloudbuilder:theirs"),
        ];
        let id = |name, lineage| named(&all, name, lineage).map(|group| group.id.as_str());
        assert_eq!(id("web", Some("ours")), Some("3"));
        assert_eq!(id("web", Some("others")), Some("2"));
        assert_eq!(id("web", None), Some("2"));
        assert_eq!(id("db", Some("ours")), None);
    }
}
