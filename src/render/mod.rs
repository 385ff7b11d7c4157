//! Data to text, for people and for programs. Nothing here decides anything.

mod diagnostic;

pub use diagnostic::{Sources, diagnostics};
