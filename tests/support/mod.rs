//! What the tests that run the program itself share: a directory and a sealed environment for it,
//! a sandbox to run against, and texts to compare with.

pub(crate) mod cloud;
pub(crate) mod golden;
pub(crate) mod program;
pub(crate) mod terminal;
