//! Which network the first servers are on, where a cloud has several.

use serde_json::{Map, Value as Json, json};

use crate::model::Network;
use crate::provider::Read;

use super::super::confirm::ask;
use super::super::failure::Failure;
use super::super::terminal::Terminal;
use super::{ATTEMPTS, given_up};

/// What the settings of the account say of networks, so that its servers can be reached; nothing
/// where nothing needs to be said.
///
/// # Errors
/// If nobody answers, or never with a network that there is.
pub(super) async fn choose(
    read: &dyn Read,
    terminal: Terminal,
) -> Result<Map<String, Json>, Failure> {
    // If they cannot be listed, a plan says later what there is to choose from.
    let all = read.networks().await.unwrap_or_default();
    let of = |fits: fn(&Network) -> bool| all.iter().filter(move |network| fits(network));
    let mut settings = Map::new();
    let for_servers: Vec<&Network> = of(|network| network.takes_servers).collect();
    let Some(chosen) = one_of("Network for servers", &for_servers, terminal).await? else {
        return Ok(settings);
    };
    if for_servers.len() > 1 {
        settings.insert("networks".to_owned(), json!([chosen.name]));
    }
    if chosen.is_external {
        return Ok(settings);
    }
    let outside: Vec<&Network> = of(|network| network.is_external).collect();
    if let Some(pool) = one_of("Floating IPs from", &outside, terminal).await? {
        terminal.say(&format!("Servers get floating IPs from {}.", pool.name));
        settings.insert("floating_ip_from".to_owned(), json!(pool.name));
    }
    Ok(settings)
}

/// The one that is wanted, which nobody is asked for where there is but one; `None` where there is
/// none.
async fn one_of<'n>(
    what: &str,
    networks: &[&'n Network],
    terminal: Terminal,
) -> Result<Option<&'n Network>, Failure> {
    // A server on one that leads outside is reached without anything more.
    let first = networks.iter().find(|network| network.is_external);
    let Some(offered) = first.or(networks.first()) else {
        return Ok(None);
    };
    if networks.len() == 1 {
        return Ok(Some(offered));
    }
    let names: Vec<&str> = networks.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(", ");
    for _ in 0..ATTEMPTS {
        let prompt = format!("{what} ({names}) [{}]: ", offered.name);
        let answer = ask(&prompt, terminal).await?;
        if answer.is_empty() {
            return Ok(Some(offered));
        }
        if let Some(found) = networks.iter().find(|network| network.name == answer) {
            return Ok(Some(found));
        }
        terminal.complain(&format!("There is {names}."));
    }
    Err(given_up())
}
