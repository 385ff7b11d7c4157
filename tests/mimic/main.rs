//! Against mimic, Rackspace's own stand-in for its cloud, which `tests/mimic/run` starts for these
//! tests. `cargo test` leaves them out.
//!
//! It says yes to any user, key and token, and offers neither domains nor records.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

mod cloud;
mod smoke;
