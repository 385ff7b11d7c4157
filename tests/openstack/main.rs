//! Against a real OpenStack, which `tests/openstack/run` starts for these tests. `cargo test` leaves
//! them out.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

mod cloud;
mod names;
mod python;
mod smoke;
