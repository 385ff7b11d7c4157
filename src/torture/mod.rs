//! Fault campaigns: deployments are applied against a sandbox that loses answers, while the client
//! is killed, and applied again until they are done. Then nothing may be missing, doubled or
//! unknown.
//!
//! Where that is tried is behind a seam (`ground`): a sandbox of its own for each deployment, or a
//! real cloud on this machine behind a proxy.
//!
//! What goes wrong in a trial is a function of its seed, and waits for objects by their names, so
//! that a seed can be tried again. The client is this program itself, in a process of its own that
//! is really killed; what is left is what is on its disk. The sandbox, or the proxy, runs here.

mod around;
mod boundaries;
mod cloud;
mod disk;
mod faults;
mod ground;
mod report;
mod run;
mod terms;
mod verdict;
mod world;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::StreamExt;
use futures_util::stream;

use cloud::Scenario;
use faults::Troubles;
use run::Trial;
use terms::Terms;

pub use ground::{Ground, Login};
pub use report::{Report, Story};

/// The settling time that clients are told. Lags stay far below it, so that a machine with other
/// work to do does not bring one above it.
const SETTLE: Duration = Duration::from_millis(1500);

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The program that is tried.
    pub program: PathBuf,
    /// How many deployments are tried at once.
    pub jobs: usize,
    /// What it is tried against.
    pub ground: Ground,
}

/// How a seed's client is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Faults and kills as the seed says.
    Faults,
    /// `kill -9` at random instants, which does not replay.
    Instants,
}

impl Campaign {
    /// Tries the deployments of these seeds, telling of each.
    pub async fn seeds(
        &self,
        seeds: RangeInclusive<u64>,
        mode: Mode,
        mut told: impl FnMut(&Story),
    ) -> Report {
        let mut report = Report::default();
        let trials = seeds.map(|seed| trial(seed, mode, self.ground.terms(seed)));
        self.try_all(trials, &mut report, &mut told).await;
        report
    }

    async fn try_all(
        &self,
        trials: impl Iterator<Item = Trial>,
        report: &mut Report,
        told: &mut impl FnMut(&Story),
    ) {
        let began = Instant::now();
        let mut outcomes = stream::iter(trials)
            .map(|trial| trial.run(&self.program, &self.ground))
            .buffer_unordered(self.jobs.max(1));
        while let Some(outcome) = outcomes.next().await {
            told(&report.count(outcome));
        }
        report.elapsed += began.elapsed();
    }
}

fn trial(seed: u64, mode: Mode, terms: Terms) -> Trial {
    let mut rng = Rng::with_seed(seed);
    let scenario = Scenario::random(&mut rng, &terms);
    let troubles = match mode {
        Mode::Faults => Troubles::random(&mut rng, &scenario, &terms),
        Mode::Instants => Troubles::at_instants(&mut rng, &scenario, &terms),
    };
    // A token that may not create tags cannot have what is for them either.
    let scenario = match troubles.tagless {
        true => scenario.without_tags(),
        false => scenario,
    };
    Trial {
        name: format!("seed {seed}"),
        seed,
        terms,
        scenario,
        troubles,
    }
}
