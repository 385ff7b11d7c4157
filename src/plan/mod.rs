//! Deciding what to do: a pure function of what is desired, observed and recorded.

mod action;

pub use action::{Action, Change, Cost, Counts, Op, Plan, Reason, Step, Verb};
