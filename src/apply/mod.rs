//! Carrying out a plan.

mod event;

pub use event::{Event, Report};
