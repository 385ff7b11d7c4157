//! Every boundary there is, for one fixed deployment: the client is killed before and after each
//! request has its effect, each answer is lost, and the client is killed before each step at a
//! file; one of these at a time.

use std::time::Duration;

use crate::sandbox::{Fault, FaultKind};

use super::cloud::Scenario;
use super::faults::{Aim, Death, Troubles, changing, fault, looking, shown};
use super::run::{Outcome, Trial};
use super::terms::Terms;
use super::{Campaign, Report, Story};

/// Far below the settling time, and longer than it takes to begin again.
const LAG_MS: u64 = 500;
/// How often the same is looked at depends on how long it takes to come up.
const MOST_LOOKS: u64 = 2;
/// Where the steps at files are counted: one request at a time, so that they come in one order.
const IN_ORDER: usize = 1;

/// What happens to each request that changes something: a kind, and whether what was done is out
/// of sight for a while.
const AT_CHANGES: [(FaultKind, bool); 5] = [
    (FaultKind::KillBefore, false),
    (FaultKind::KillAfter, false),
    (FaultKind::KillAfter, true),
    (FaultKind::DoThenDrop, false),
    (FaultKind::DoThenDrop, true),
];

impl Campaign {
    /// Tries one fixed deployment with a kill at every request, before and after its effect, and
    /// with every answer lost.
    pub async fn requests(&self, mut told: impl FnMut(&Story)) -> Report {
        let mut report = Report::default();
        let terms = self.ground.terms(0);
        let scenario = Scenario::fixed_and_changed(&terms);
        let mut trials = Vec::new();
        let changes = changing(&scenario, &terms);
        for (aim, times) in self.occurrences(&scenario, changes).await {
            for nth in 1..=times {
                for (kind, lags) in AT_CHANGES {
                    if lags && !terms.simulated {
                        continue;
                    }
                    trials.push(at_request(&terms, &scenario, &aim, nth, kind, lags));
                }
            }
        }
        let looks = looking(&scenario, &terms);
        for (aim, times) in self.occurrences(&scenario, looks).await {
            for nth in 1..=times.min(MOST_LOOKS) {
                let kind = FaultKind::KillBefore;
                trials.push(at_request(&terms, &scenario, &aim, nth, kind, false));
            }
        }
        self.try_all(trials.into_iter(), &mut report, &mut told)
            .await;
        report
    }

    /// Tries one fixed deployment with a kill before every step at a file: once the program alone
    /// dies, once the machine does, with writes half done and what was not synced gone.
    pub async fn steps(&self, mut told: impl FnMut(&Story)) -> Report {
        let mut report = Report::default();
        let terms = self.ground.terms(0);
        let lives = [Scenario::fixed(&terms), Scenario::fixed_and_changed(&terms)];
        for (stage, scenario) in lives.iter().enumerate() {
            for machine in [false, true] {
                self.steps_of(scenario, stage, machine, &mut report, &mut told)
                    .await;
            }
        }
        report
    }

    /// As many steps as a stage has, some at once.
    async fn steps_of(
        &self,
        scenario: &Scenario,
        stage: usize,
        machine: bool,
        report: &mut Report,
        told: &mut impl FnMut(&Story),
    ) {
        let jobs = self.jobs.max(1);
        for round in 0.. {
            let numbers = round * jobs + 1..=(round + 1) * jobs;
            let trials = numbers.map(|number| {
                let terms = self.ground.terms(0);
                at_step(terms, scenario, stage, number, machine)
            });
            let killed = report.killed_at_steps;
            self.try_all(trials, report, told).await;
            if report.killed_at_steps < killed + jobs {
                break;
            }
        }
    }

    /// How often each of these requests is sent if nothing goes wrong.
    async fn occurrences(&self, scenario: &Scenario, aims: Vec<Aim>) -> Vec<(Aim, u64)> {
        let faults = aims.iter().map(|aim| Fault {
            nth: None,
            ms: Some(0),
            ..fault(aim, 1, FaultKind::Delay)
        });
        let trial = Trial {
            name: "without any fault".to_owned(),
            seed: 0,
            terms: self.ground.terms(0),
            scenario: scenario.clone(),
            troubles: Troubles {
                faults: faults.collect(),
                ..Troubles::none()
            },
        };
        let Outcome { struck, .. } = trial.run(&self.program, &self.ground).await;
        aims.into_iter().zip(struck).collect()
    }
}

fn at_request(
    terms: &Terms,
    scenario: &Scenario,
    aim: &Aim,
    nth: u64,
    kind: FaultKind,
    lags: bool,
) -> Trial {
    let mut faults = vec![fault(aim, nth, kind)];
    let mut name = faults.iter().map(shown).collect::<String>();
    if lags {
        let mut lag = fault(aim, nth, FaultKind::Lag);
        lag.ms = Some(LAG_MS);
        faults.push(lag);
        name.push_str(", and it is not to be seen at first");
    }
    Trial {
        name,
        seed: 0,
        terms: terms.clone(),
        scenario: scenario.clone(),
        troubles: Troubles {
            faults,
            ..Troubles::none()
        },
    }
}

fn at_step(terms: Terms, scenario: &Scenario, stage: usize, number: usize, machine: bool) -> Trial {
    let what = if machine {
        "the machine dies"
    } else {
        "it dies"
    };
    let seed = u64::try_from(number).unwrap_or_default();
    Trial {
        name: format!("{what} before step {number} of stage {}", stage + 1),
        seed,
        terms,
        scenario: scenario.clone(),
        troubles: Troubles {
            deaths: vec![Death {
                stage,
                run: 0,
                at: number.to_string(),
                torn: machine,
            }],
            parallelism: IN_ORDER,
            power: machine.then_some(seed),
            boot: Duration::from_millis(5),
            action: Duration::from_millis(5),
            ..Troubles::none()
        },
    }
}
