//! Identity v2.0: a token for a name and a key, and with it the catalog of services
//! (docs-cloud-identity, `authentication-info`).

use super::accounts::{ACCOUNTS, Account};
use super::answer::{Answer, Fault, Outcome};
use super::catalog::REGIONS;
use super::model::{Entry, Millis, Token};
use super::world::World;
use crate::sandbox::answer::Call;
use serde_json::{Value, json};

/// The offset in which `expires` is written. Any may come: the mimic that Rackspace made for its
/// own tests writes -05:00.
const OFFSET_HOURS: i8 = -6;

pub(super) fn authenticate(world: &mut World, call: &Call) -> Outcome {
    let unreadable = || Fault::bad("Invalid json request body");
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| unreadable())?;
    let auth = body.get("auth").ok_or_else(unreadable)?;
    let (account, by) = identified(auth)?;
    let tenant = auth.get("tenantId").or_else(|| auth.get("tenantName"));
    let tenant = tenant.and_then(Value::as_str);
    if tenant.is_some_and(|tenant| tenant != account.tenant) {
        return Err(unauthorized("Tenant does not match the user."));
    }
    let number = world.next_number();
    let token = Token {
        // Nothing that a seed would give away: whoever has it is in.
        id: uuid::Uuid::new_v4().simple().to_string(),
        account: account.tenant.to_owned(),
        expires: world.now + world.settings.token_life,
        by: by.to_owned(),
    };
    let shown = access(&call.base, account, &token);
    world.write(Entry::Counter(number));
    world.write(Entry::Token(token));
    Answer::json(200, &shown)
}

/// Who it is, and how that was shown.
fn identified(auth: &Value) -> Result<(&'static Account, &'static str), Fault> {
    let named = |credentials: &Value| {
        let name = credentials.get("username").and_then(Value::as_str)?;
        ACCOUNTS.iter().find(|account| account.username == name)
    };
    let secret = |credentials: &Value, key: &str| {
        let secret = credentials.get(key).and_then(Value::as_str);
        secret.unwrap_or_default().to_owned()
    };
    if let Some(credentials) = auth.get("RAX-KSKEY:apiKeyCredentials") {
        return named(credentials)
            .filter(|account| account.api_key == secret(credentials, "apiKey"))
            .map(|account| (account, "APIKEY"))
            .ok_or_else(|| unauthorized("Username or api key is invalid."));
    }
    if let Some(credentials) = auth.get("passwordCredentials") {
        return named(credentials)
            .filter(|account| account.password == secret(credentials, "password"))
            .map(|account| (account, "PASSWORD"))
            .ok_or_else(|| unauthorized("Unable to authenticate user with credentials provided."));
    }
    Err(Fault::bad("Invalid json request body"))
}

fn unauthorized(message: &str) -> Fault {
    Fault::keyed(401, "unauthorized", message)
}

fn access(base: &str, account: &Account, token: &Token) -> Value {
    json!({"access": {
        "token": {
            "id": token.id,
            "expires": expiry(token.expires),
            "tenant": {"id": account.tenant, "name": account.tenant},
            "RAX-AUTH:authenticatedBy": [token.by],
        },
        "user": {
            "id": account.user,
            "name": account.username,
            "RAX-AUTH:defaultRegion": account.default_region,
            "roles": [{"id": "3", "name": "identity:user-admin", "description": "User Admin Role."}],
        },
        "serviceCatalog": services(base, account),
    }})
}

/// A moment with milliseconds, in a zone that is not UTC.
fn expiry(at: Millis) -> String {
    let offset = jiff::tz::Offset::constant(OFFSET_HOURS);
    jiff::Timestamp::from_millisecond(at).map_or_else(
        |_| "1970-01-01T00:00:00.000Z".to_owned(),
        |at| {
            let there = offset.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S%.3f");
            format!("{there}{OFFSET_HOURS:03}:00")
        },
    )
}

/// The catalog. Of the services of type `compute` the first has no region and is the old one; DNS
/// is the same everywhere; the object store knows the account by another name.
fn services(base: &str, account: &Account) -> Value {
    let tenant = account.tenant;
    let compute = REGIONS.map(|region| {
        let place = region.to_ascii_lowercase();
        json!({
            "region": region,
            "tenantId": tenant,
            "publicURL": format!("{base}/servers/{place}/v2/{tenant}"),
            "versionId": "2",
            "versionInfo": format!("{base}/servers/{place}/v2"),
            "versionList": format!("{base}/servers/{place}/"),
        })
    });
    let files = |service: &str| {
        REGIONS.map(|region| {
            let place = region.to_ascii_lowercase();
            let url = format!("{base}/{service}/{place}/v1/{}", account.storage);
            json!({
                "region": region,
                "tenantId": account.storage,
                "publicURL": url,
                "internalURL": format!("{base}/snet/{service}/{place}/v1/{}", account.storage),
            })
        })
    };
    json!([
        {"name": "cloudServers", "type": "compute", "endpoints": [{
            "tenantId": tenant,
            "publicURL": format!("{base}/first-generation/v1.0/{tenant}"),
            "versionId": "1.0",
        }]},
        {"name": "cloudServersOpenStack", "type": "compute", "endpoints": compute},
        {"name": "cloudFilesCDN", "type": "rax:object-cdn", "endpoints": files("cdn")},
        {"name": "cloudFiles", "type": "object-store", "endpoints": files("storage")},
        {"name": "cloudDNS", "type": "rax:dns", "endpoints": [{
            "tenantId": tenant,
            "publicURL": format!("{base}/dns/v1.0/{tenant}"),
        }]},
    ])
}

/// Whose token it is, if it is good still.
pub(super) fn holder(world: &World, token: &str, now: Millis) -> Option<String> {
    let token = world.tokens.get(token)?;
    (token.expires > now).then(|| token.account.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_has_an_offset_and_is_the_moment_that_was_meant() {
        let text = expiry(1_700_000_000_123);
        assert!(text.ends_with(".123-06:00"), "{text}");
        let read: jiff::Timestamp = text.parse().unwrap();
        assert_eq!(read.as_millisecond(), 1_700_000_000_123);
    }
}
