//! The figures of a campaign.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Add;
use std::time::Duration;

use super::run::Outcome;

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Report {
    /// How many deployments were tried.
    pub trials: usize,
    /// How often apply or destroy was run in all.
    pub runs: usize,
    /// How many of these ended with an error.
    pub errors: usize,
    /// The one that took the most runs, and how many.
    pub longest: Option<(String, usize)>,
    /// Each kind of fault: how many were laid, and how many of them struck.
    pub faults: BTreeMap<String, (u64, u64)>,
    /// How often the client was killed around a request.
    pub killed_at_requests: usize,
    /// How often it was killed at a step that changes a file.
    pub killed_at_steps: usize,
    /// How often it was killed at some instant.
    pub killed_at_instants: usize,
    /// How many of these kills took with them what was not synced.
    pub power_cuts: usize,
    /// Objects that were there once too often.
    pub duplicates: usize,
    /// Objects that were made and not known of.
    pub orphans: usize,
    /// The trials that came out wrong.
    pub failures: Vec<Story>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What happened in a trial.
#[derive(Clone, Debug)]
pub struct Story {
    /// Which: `seed 4711`, or what was done in it.
    pub trial: String,
    /// What came out wrong; nothing, if all is well.
    pub problems: Vec<String>,
    /// What happened, line by line.
    pub events: Vec<String>,
}

impl Report {
    /// Counts a trial, and gives its story.
    pub(super) fn count(&mut self, outcome: Outcome) -> Story {
        let story = Story {
            trial: outcome.name.clone(),
            problems: outcome.problems,
            events: outcome.story,
        };
        let failed = (!story.problems.is_empty()).then(|| story.clone());
        self.take_in(Self {
            trials: 1,
            runs: outcome.runs,
            errors: outcome.errors,
            longest: Some((outcome.name, outcome.runs)),
            faults: outcome.faults,
            killed_at_requests: outcome.killed_at_requests,
            killed_at_steps: outcome.killed_at_steps,
            killed_at_instants: outcome.killed_at_instants,
            power_cuts: outcome.power_cuts,
            duplicates: outcome.duplicates,
            orphans: outcome.orphans,
            failures: failed.into_iter().collect(),
            elapsed: Duration::ZERO,
        });
        story
    }

    /// Takes in the figures of another campaign.
    fn take_in(&mut self, other: Self) {
        self.trials += other.trials;
        self.runs += other.runs;
        self.errors += other.errors;
        let runs = |longest: &Option<(String, usize)>| longest.as_ref().map(|(_, runs)| *runs);
        if runs(&self.longest) < runs(&other.longest) {
            self.longest = other.longest;
        }
        for (kind, (laid, struck)) in other.faults {
            let count = self.faults.entry(kind).or_default();
            count.0 += laid;
            count.1 += struck;
        }
        self.killed_at_requests += other.killed_at_requests;
        self.killed_at_steps += other.killed_at_steps;
        self.killed_at_instants += other.killed_at_instants;
        self.power_cuts += other.power_cuts;
        self.duplicates += other.duplicates;
        self.orphans += other.orphans;
        self.failures.extend(other.failures);
        self.elapsed += other.elapsed;
    }

    /// Whether every trial came out right.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }

    /// How many faults struck, of all kinds.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.faults.values().map(|(_, struck)| struck).sum()
    }
}

impl Add for Report {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.take_in(other);
        self
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.problems.as_slice() {
            [] => "right".to_owned(),
            problems => format!("WRONG: {}", problems.join("; ")),
        };
        write!(f, "{}: {outcome}", self.trial)?;
        for line in &self.events {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, count: &dyn fmt::Display| writeln!(f, "{what:<28}{count:>8}");
        row("deployments", &self.trials)?;
        row("  came out wrong", &self.failures.len())?;
        row("  duplicates", &self.duplicates)?;
        row("  orphans", &self.orphans)?;
        row("runs", &self.runs)?;
        row("  ended with an error", &self.errors)?;
        row("  killed at requests", &self.killed_at_requests)?;
        row("  killed at file steps", &self.killed_at_steps)?;
        row("  killed at some instant", &self.killed_at_instants)?;
        row("  power cuts among these", &self.power_cuts)?;
        row("faults that struck", &self.struck())?;
        for (kind, (laid, struck)) in &self.faults {
            row(&format!("  {kind}"), &format!("{struck}/{laid}"))?;
        }
        row("seconds", &format!("{:.1}", self.elapsed.as_secs_f64()))?;
        if let Some((trial, runs)) = &self.longest {
            writeln!(f, "The longest: {trial}, {runs} runs.")?;
        }
        Ok(())
    }
}
