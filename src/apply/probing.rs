//! Asking what was just made whether it serves, until it does.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use crate::model::{Attributes, Probe};
use crate::resource::kind;

use super::Options;
use super::call::{Outcome, Stop};

/// Between two questions there is no longer pause than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Asks until it is answered, the time is over or nothing new shall be sent.
pub(super) async fn ask(
    (kind_name, attributes): (&str, &Attributes),
    probe: &Probe,
    options: &Options,
    stop: &Stop,
) -> Outcome {
    let Some(at) = address(kind_name, attributes) else {
        return Outcome::Unanswered("it has no public address".to_owned());
    };
    let give_up = Instant::now() + options.answer_deadline;
    let mut pause = options.first_look;
    loop {
        if stop.is_set() {
            return Outcome::Again { alone: false };
        }
        match options.prober.ask(at, probe).await {
            Ok(()) => return Outcome::Accepted,
            Err(why) if Instant::now() + pause >= give_up => return Outcome::Unanswered(why),
            Err(_) => sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Where it is asked.
fn address(kind_name: &str, attributes: &Attributes) -> Option<IpAddr> {
    let (_, kind) = kind(kind_name)?;
    let mut at = kind.probed.as_ref()?.at.iter();
    at.find_map(|name| attributes.get(name).and_then(Json::as_str)?.parse().ok())
}
