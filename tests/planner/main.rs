//! The planner, from cloud.json's text and an account made up in memory to the steps.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

mod accounts;
mod carry_out;
mod checksum;
mod conflicts;
mod expiry;
mod identity;
mod in_place;
mod lifecycle;
mod membership;
mod network;
mod order;
mod part;
mod properties;
mod records;
mod removal;
mod renames;
mod replacement;
mod reserved;
mod text;
mod volumes;
mod world;
