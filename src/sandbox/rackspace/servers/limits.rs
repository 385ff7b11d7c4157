//! What an account may have and ask for (`general-api-info/limits.rst`).

use super::super::answer::{Answer, Ask, Outcome};
use super::super::model::rfc3339;
use super::super::world::World;
use super::create::used;
use super::{LONGEST_FILE, MOST_FILES, MOST_KEYPAIRS, MOST_METADATA, MOST_RAM};
use serde_json::{Value, json};

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let used = used(world, asked);
    let available = rfc3339(world.now);
    let rate = |uri: &str, verb: &str, value: u32, unit: &str| -> Value {
        json!({"uri": uri, "regex": uri, "limit": [{
            "verb": verb, "value": value, "remaining": value, "unit": unit,
            "next-available": available,
        }]})
    };
    let limits = json!({
        "absolute": {
            "maxTotalInstances": world.settings.servers,
            "totalInstancesUsed": used.servers,
            "maxTotalRAMSize": MOST_RAM,
            "totalRAMUsed": used.ram,
            "maxTotalCores": -1,
            "totalCoresUsed": used.cores,
            "maxServerMeta": MOST_METADATA,
            "maxImageMeta": MOST_METADATA,
            "maxPersonality": MOST_FILES,
            "maxPersonalitySize": LONGEST_FILE,
            "maxTotalKeypairs": MOST_KEYPAIRS,
            "maxTotalPrivateNetworks": 10,
            "maxSecurityGroups": -1,
            "maxTotalFloatingIps": -1,
        },
        "rate": [
            rate("*", "GET", 1000, "MINUTE"),
            rate("*", "POST", 100, "MINUTE"),
            rate("/servers *", "POST", 1000, "DAY"),
        ],
    });
    Answer::json(200, &json!({ "limits": limits }))
}
