//! The account.

use crate::sandbox::answer::{Answer, Call, Outcome};
use crate::sandbox::world::World;

/// How many reserved IPs the account may have.
pub(super) const RESERVED_IP_LIMIT: usize = 3;

pub(in crate::sandbox) fn show(world: &mut World, _: &Call) -> Outcome {
    let account = serde_json::json!({
        "droplet_limit": world.settings.droplet_limit,
        "floating_ip_limit": RESERVED_IP_LIMIT,
        "reserved_ip_limit": RESERVED_IP_LIMIT,
        "volume_limit": 100,
        "email": "sandbox@example.com",
        "name": "Sandbox",
        "uuid": world.invented_uuid("account"),
        "email_verified": true,
        "status": "active",
        "status_message": "",
        "team": {
            "uuid": world.invented_uuid("team"),
            "name": "Sandbox Team",
        },
    });
    Answer::object(200, "account", &account)
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{get, test_world};

    #[test]
    fn an_account_keeps_its_identity_and_tells_its_limit() {
        let mut world = test_world();
        let account = get(&mut world, "/v2/account");
        assert_eq!(account["account"]["droplet_limit"], 12);
        assert_eq!(account, get(&mut world, "/v2/account"));
        world.settings.seed = 2;
        let other = get(&mut world, "/v2/account");
        assert_ne!(
            account["account"]["team"]["uuid"],
            other["account"]["team"]["uuid"]
        );
    }
}
