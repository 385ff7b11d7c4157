//! The contract that every provider keeps, for those that can be tried on this machine alone.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(
    dead_code,
    reason = "the whole table is here, and not all of it is used"
)]

mod contract;

/// Each test has an account to itself.
fn nobody_else(_: &str) {}

mod digitalocean {
    use super::contract::providers::DIGITALOCEAN;

    crate::suite!(DIGITALOCEAN, super::nobody_else);

    #[tokio::test]
    async fn what_serves_again_stays() {
        limited(crate::contract::replaced::what_serves_again_stays(
            &DIGITALOCEAN,
            "again",
        ))
        .await;
    }
}

mod rackspace {
    use super::contract::providers::RACKSPACE;

    crate::suite!(RACKSPACE, super::nobody_else);

    #[tokio::test]
    async fn what_serves_again_stays() {
        limited(crate::contract::replaced::what_serves_again_stays(
            &RACKSPACE, "again",
        ))
        .await;
    }
}
