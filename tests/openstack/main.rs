//! Against a real OpenStack, which `tests/openstack/run` starts for these tests. `cargo test` leaves
//! them out.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what tests share, not all of which is used here")]

mod acme;
mod begun;
mod cloud;
#[path = "../contract/mod.rs"]
mod contract;
mod deployment;
mod drift;
mod firewalls;
mod floating;
mod kept;
mod killed;
mod left;
mod logins;
mod lost;
mod names;
mod python;
mod refused;
mod reserved;
mod resized;
mod several;
mod smoke;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls.rs"]
mod tls;
mod torture;
mod volumes;

/// Held by whoever needs the names of README's example, with which `init` begins too.
static EXAMPLE: std::sync::Mutex<()> = std::sync::Mutex::new(());
