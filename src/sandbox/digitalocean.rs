//! The simulated DigitalOcean behind the front: tokens, limits, routes and rules over a world that
//! is durable before anything is answered for.

use super::answer::{Answer, Call, Outcome, Refusal, reply, status_id};
use super::backend::{Admission, Asked, Backend, Reply, Twist};
use super::catalog::Catalog;
use super::durable::Durable;
use super::limits::{Rate, Rates};
use super::naming::Names;
use super::owner::Owned;
use super::routes::{self, Found, Rule, find};
use super::world::{Settings, World};
use super::{Error, Options, lock, millis, now};
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Mutex;

#[derive(Debug)]
pub(super) struct DigitalOcean {
    world: Durable<World>,
    rates: Mutex<Rates>,
    names: Mutex<Names>,
}

impl DigitalOcean {
    /// Loads the world, or founds one.
    pub(super) fn open(options: &Options, claim: Option<&Owned>) -> Result<Self, Error> {
        let settings = Settings {
            boot: millis(options.boot),
            action: millis(options.action),
            droplet_limit: options.droplet_limit,
            without_scopes: options.without_scopes.clone(),
            seed: options.seed,
        };
        let world = World::empty(settings, Catalog::new(&options.without_ipv6));
        Ok(Self {
            world: Durable::open(world, claim)?,
            rates: Mutex::new(Rates::new(options.limits)),
            names: Mutex::default(),
        })
    }

    /// Runs a rule, as [`Durable::run`].
    async fn run(&self, rule: Rule, call: &Call) -> Option<Outcome> {
        let run = |world: &mut World| {
            let last_id = world.counters.id;
            let outcome = rule(world, call);
            if call.lag > 0 {
                world.hide_since(last_id, call.lag);
            }
            outcome
        };
        self.world.run(run).await
    }

    /// Finds the rule and runs it.
    async fn outcome(&self, asked: &Asked, twist: Twist) -> Option<Outcome> {
        let path = asked.path();
        let (route, params) = match find(asked.method.as_str(), path) {
            Found::Route(route, params) => (route, params),
            Found::OtherMethods(others) => return Some(Err(not_with_this_method(&others))),
            Found::Nothing => return Some(Err(unknown(path))),
        };
        match call_from(asked, params, twist) {
            Ok(call) => self.run(route.rule, &call).await,
            Err(refusal) => Some(Err(refusal)),
        }
    }
}

impl Backend for DigitalOcean {
    fn id(&self) -> String {
        self.world.look().id.clone()
    }

    fn route(&self, asked: &Asked) -> Option<Cow<'static, str>> {
        match find(asked.method.as_str(), asked.path()) {
            Found::Route(route, _) => Some(route.path.into()),
            _ => None,
        }
    }

    fn admit(&self, asked: &Asked, route: Option<&str>) -> Admission {
        let (rate, checked) = match token(&asked.headers) {
            Some(token) => {
                let lists_keys = route == Some("/v2/account/keys") && asked.method == Method::GET;
                lock(&self.rates).take(token, lists_keys, now())
            }
            None => {
                let refusal = Refusal::new(401, "Unable to authenticate you");
                (Rate::full(now()), Err(refusal))
            }
        };
        let checked = checked.and_then(|()| query(asked).map(|_| ()));
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-limit", HeaderValue::from(Rate::LIMIT));
        headers.insert("ratelimit-remaining", HeaderValue::from(rate.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(rate.reset));
        let refused = checked.err();
        Admission {
            headers,
            refused: refused.map(|refusal| reply(&Err(refusal), &asked.id)),
        }
    }

    fn names(&self, asked: &Asked, route: Option<&str>) -> Vec<String> {
        let Found::Route(_, params) = find(asked.method.as_str(), asked.path()) else {
            return Vec::new();
        };
        let call = call_from(asked, params, Twist::default());
        call.map(|call| lock(&self.names).of(&self.world.look(), route, &call))
            .unwrap_or_default()
    }

    fn answer<'a>(&'a self, asked: &'a Asked, twist: Twist) -> BoxFuture<'a, Option<Reply>> {
        async move {
            let outcome = self.outcome(asked, twist).await?;
            Some(reply(&outcome, &asked.id))
        }
        .boxed()
    }

    fn error(&self, status: u16, message: Option<&str>, id: &str) -> Reply {
        let usual = match status_id(status) {
            "too_many_requests" => "API Rate limit exceeded.",
            "not_found" => "The resource you requested could not be found.",
            _ => "Server Error",
        };
        reply(&Err(Refusal::new(status, message.unwrap_or(usual))), id)
    }

    fn control<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        _body: &'a Value,
    ) -> BoxFuture<'a, Option<Reply>> {
        async move {
            let outcome = match (method, path) {
                ("GET", "/_sandbox/routes") => Answer::object(200, "routes", &routes::list()),
                ("POST", "/_sandbox/finish") => self
                    .run(finish, &Call::default())
                    .await
                    .unwrap_or_else(|| Err(not_durable())),
                ("GET", path) => {
                    let id = path.strip_prefix("/_sandbox/injected/")?;
                    injected(&self.world.look(), id)
                }
                _ => return None,
            };
            Some(reply(&outcome, "control"))
        }
        .boxed()
    }

    fn reveal(&self) {
        self.world.look().reveal();
    }

    fn close(&self) {
        self.world.close();
    }
}

/// What a Droplet was made with that no answer of the API tells.
fn injected(world: &World, id: &str) -> Outcome {
    let droplet = id.parse().ok().and_then(|id: u64| world.droplets.get(&id));
    let droplet = droplet.ok_or_else(Refusal::not_found)?;
    let shown = json!({"user_data_md5": droplet.user_data, "ssh_keys": droplet.ssh_keys});
    Answer::json(200, &shown)
}

fn token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
}

/// A path that leads nowhere. Whether it is a slip or a part that is left out, the answer is 404;
/// the message helps whoever tries another client on the sandbox.
fn unknown(path: &str) -> Refusal {
    let mut refusal = Refusal::not_found();
    if path.starts_with("/v2/") {
        refusal
            .message
            .push_str(" The sandbox knows no such path; it simulates part of the API only.");
    }
    refusal
}

fn not_with_this_method(others: &[&str]) -> Refusal {
    let message = "The method is not allowed for the requested resource.";
    Refusal::new(405, message).with_header("allow", others.join(", "))
}

fn not_durable() -> Refusal {
    Refusal::new(500, "The world cannot be written to.")
}

/// Completes whatever is in progress, even what would never have been.
fn finish(world: &mut World, _: &Call) -> Outcome {
    world.finish();
    Ok(Answer::no_content())
}

/// The query's pairs, decoded.
fn query(asked: &Asked) -> Result<Vec<(String, String)>, Refusal> {
    Query::try_from_uri(&asked.uri)
        .map(|Query(pairs)| pairs)
        .map_err(|_| Refusal::new(400, "Unable to parse the query."))
}

fn call_from(asked: &Asked, params: Vec<String>, twist: Twist) -> Result<Call, Refusal> {
    Ok(Call {
        path: asked.path().to_owned(),
        params,
        query: query(asked)?,
        body: asked.body.clone(),
        base: asked.base.clone(),
        lag: twist.lag,
        boot: twist.boot,
    })
}
