//! The sandbox over real HTTP.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

mod description;
mod durable;
mod faults;
mod large;
mod proxy;
mod rackspace;
mod rules;
mod schema;
mod support;
