//! What stands around servers, and whether what could stay has stayed.

use std::collections::BTreeSet;

use super::super::around::Thing;
use super::super::cloud::Stage;
use super::{Case, Ours, Verdict};

impl Verdict {
    /// What could stay has stayed, and of what went there is a copy, where one was asked for.
    pub(super) fn kept(&mut self, case: &Case<'_>, wanted: &Stage, ours: &Ours<'_>) {
        let before = case.stages.iter().rev().nth(1);
        let Some(before) = before.filter(|before| !before.destroy) else {
            return;
        };
        for had in &before.servers {
            let mut earlier = case.earlier.servers.iter();
            let earlier = earlier.find(|one| one.name == had.name);
            let Some(earlier) = earlier.filter(|one| {
                case.before
                    .servers
                    .iter()
                    .all(|stranger| stranger.id != one.id)
            }) else {
                continue;
            };
            let mut asked = wanted.servers.iter().filter(|_| !wanted.destroy);
            let asked =
                asked.find(|asked| asked.name == had.name || asked.was.as_ref() == Some(&had.name));
            let stays = asked.is_some_and(|asked| asked.manner.rebuild || asked.image == had.image);
            let name = asked.map_or(&had.name, |asked| &asked.name);
            let is = ours.server(name).filter(|is| is.id == earlier.id);
            // One that is just like it may have come under another name.
            let is_there = case.world.servers.iter().any(|is| is.id == earlier.id);
            if stays && is.is_none() {
                self.wrong(format!(
                    "server {} (id {}) is another one now",
                    had.name, earlier.id
                ));
            }
            if !is_there && had.manner.snapshot {
                let copy = format!("{}-{}", had.name, earlier.id);
                let count = case
                    .world
                    .snapshots
                    .iter()
                    .filter(|one| **one == copy)
                    .count();
                // One of which nobody had the answer is no copy to rely on: another one is made.
                if count == 0 {
                    self.wrong(format!("there is no snapshot {copy}"));
                }
            }
        }
        let copies = case.world.snapshots.iter();
        let needless = copies.filter(|copy| {
            let mut had = case.stages.iter().flat_map(|stage| &stage.servers);
            !had.any(|had| {
                let id = copy.strip_prefix(&format!("{}-", had.name));
                let gone = id.is_some_and(|id| case.world.servers.iter().all(|one| one.id != id));
                had.manner.snapshot && gone
            })
        });
        for copy in needless {
            self.wrong(format!("snapshot {copy} is there and not wanted"));
        }
    }

    /// What stands around servers.
    pub(super) fn around(
        &mut self,
        case: &Case<'_>,
        wanted: &Stage,
        known: &BTreeSet<(&str, &str)>,
    ) {
        let mut missing: Vec<&Thing> = wanted.things().iter().collect();
        for is in &case.world.things {
            let name = case.name_of(is);
            let shown = format!("{} {name} ({})", is.kind, is.form);
            let at = missing
                .iter()
                .position(|asked| asked.kind.name == is.kind && asked.name == name);
            match at.map(|at| missing.remove(at)) {
                Some(asked) if asked.form == is.form => {}
                Some(asked) => self.wrong(format!("{shown} should be {}", asked.form)),
                None => {
                    self.duplicates += 1;
                    self.wrong(format!("{shown} is there once too often"));
                }
            }
            if !known.contains(&(is.kind, is.id.as_str())) {
                self.orphans += 1;
                self.wrong(format!("{shown} is not in the state"));
            }
        }
        for asked in missing {
            self.wrong(format!("{} {} is missing", asked.kind.name, asked.name));
        }
    }
}
