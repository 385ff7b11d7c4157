//! Against mimic, Rackspace's own stand-in for its cloud, which `tests/mimic/run` starts for these
//! tests. `cargo test` leaves them out.
//!
//! It says yes to any user, key and token, to any flavor and image, and makes the same key twice. It
//! takes files for a server and shows them to nobody, and puts all servers on both networks. Its
//! catalog has Cloud DNS, where there is neither a list of domains nor one of records.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what tests share, not all of which is used here")]

mod account;
mod cloud;
mod interrupted;
mod program;
mod refused;
mod smoke;
#[path = "../support/mod.rs"]
mod support;
