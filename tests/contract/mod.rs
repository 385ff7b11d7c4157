//! The contract that every provider keeps, tried over HTTP: what was applied needs nothing more, a
//! run cut off after any saving of the state is simply run again, and a lost state is recognised.
//!
//! Another provider is another entry in `providers`, and a line `suite!` where its cloud runs.

pub(crate) mod account;
mod gone;
mod life;
pub(crate) mod providers;
mod recognised;
pub(crate) mod replaced;
mod run;
mod stages;

pub(crate) use gone::{a_zone_stays, what_nobody_sees};
pub(crate) use recognised::a_lost_state;
pub(crate) use stages::{cut_off, needs_nothing_more};

/// The whole suite for one provider. `around` is called with what begins the name of all that a
/// test makes; what it gives is kept until the test is over, however it ends.
#[macro_export]
macro_rules! suite {
    ($provider:expr, $around:expr) => {
        async fn limited(test: impl Future<Output = ()>) {
            tokio::time::timeout($provider.limit(), test)
                .await
                .expect("the test takes far too long");
        }

        #[tokio::test]
        async fn what_was_applied_needs_nothing_more() {
            let _around = $around("enough");
            limited($crate::contract::needs_nothing_more(&$provider, "enough")).await;
        }

        #[tokio::test]
        async fn a_run_cut_off_after_any_saving_is_simply_run_again() {
            let _around = $around("cut");
            limited($crate::contract::cut_off(&$provider, "cut")).await;
        }

        #[tokio::test]
        async fn a_lost_state_is_recognised() {
            let _around = $around("lost");
            limited($crate::contract::a_lost_state(&$provider, "lost")).await;
        }

        #[tokio::test]
        async fn a_zone_stays_while_somebody_else_has_a_record_in_it() {
            let _around = $around("zone");
            limited($crate::contract::a_zone_stays(&$provider, "zone")).await;
        }

        #[tokio::test]
        async fn what_nobody_sees_is_asked_for_singly_while_something_is_young() {
            let _around = $around("unseen");
            limited($crate::contract::what_nobody_sees(&$provider, "unseen")).await;
        }
    };
}
