//! The simulated Rackspace Cloud (Classic) behind the front: Identity, Cloud Servers in two
//! regions, Cloud DNS.
//!
//! Written from the vendor's public documentation (repositories `rackerlabs/docs-cloud-identity`,
//! `-cloud-servers` and `-cloud-dns`) and from what is known of the live service, not from our
//! client: it imports nothing of ours.
//!
//! A rule is a plain function of the world and the request, as in the other sandbox. What it
//! changed is in the world's file before the answer leaves.
//!
//! Nobody here could try the real thing. Where the documentation is silent, this was chosen, rather
//! stricter than laxer: what the id in a path leads to is looked up at once, and anything else that
//! stands in the way of a change of DNS (a duplicate, an alias beside other records, an id in a
//! body or a query) fails its job; an attribute that an update leaves out stays; a zone's own NS
//! records can be deleted; user data without a config drive is refused; metadata of a server that
//! is being built cannot be changed, as in Nova; a token at another account's URL is worth nothing.
//! What limits rates stands before the services and words its refusal in one form for all.

mod accounts;
mod answer;
mod catalog;
mod dns;
mod identity;
mod model;
mod naming;
mod rates;
mod routes;
mod servers;
mod world;

#[cfg(test)]
mod tests;

pub use accounts::{ACCOUNTS, Account};

use super::answer::{Call, insert};
use super::backend::{Admission, Asked, Backend, Reply, Twist};
use super::durable::Durable;
use super::owner::Owned;
use super::{Error, Options, lock, millis, now};
use answer::{Answer, Ask, Fault, Outcome, Style};
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use model::{Entry, Millis};
use naming::Names;
use rates::Rates;
use routes::{Found, Route, Service, find};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Mutex;
use world::{Settings, World};

#[derive(Debug)]
pub(super) struct Rackspace {
    world: Durable<World>,
    rates: Mutex<Rates>,
    names: Mutex<Names>,
}

/// What a request leads to, once its route is known.
struct Way {
    route: &'static Route,
    service: Service,
    call: Call,
    method: String,
}

impl Rackspace {
    /// Loads the world, or founds one.
    pub(super) fn open(options: &Options, claim: Option<&Owned>) -> Result<Self, Error> {
        let settings = Settings {
            boot: millis(options.boot),
            action: millis(options.action),
            token_life: millis(options.token_life),
            servers: usize::try_from(options.droplet_limit)
                .unwrap_or(servers::MOST_SERVERS)
                .min(servers::MOST_SERVERS),
            seed: options.seed,
        };
        Ok(Self {
            world: Durable::open(World::empty(settings), claim)?,
            rates: Mutex::new(Rates::new(options.limits)),
            names: Mutex::default(),
        })
    }

    /// Does something to the world, as [`Durable::run`].
    async fn run<T>(&self, lag: Millis, act: impl FnOnce(&mut World) -> T) -> Option<T> {
        let run = |world: &mut World| {
            let outcome = act(world);
            world.hide_made(world.now, lag);
            outcome
        };
        self.world.run(run).await
    }

    async fn outcome(&self, asked: &Asked, twist: Twist) -> Option<Outcome> {
        match way(asked, twist) {
            Ok(way) => {
                let lag = way.call.lag;
                self.run(lag, |world| answer_to(world, &way)).await
            }
            Err(fault) => Some(Err(fault)),
        }
    }
}

/// Finds out where a request leads.
fn way(asked: &Asked, twist: Twist) -> Result<Way, Fault> {
    let service = Service::of(asked.path());
    let style = service.style();
    let (route, params) = match find(asked.method.as_str(), asked.path()) {
        Found::Route(route, params) => (route, params),
        Found::OtherMethod => {
            let message = "The method is not allowed for this resource.";
            return Err(Fault::of_status(style, 405, message));
        }
        Found::Nothing => return Err(unknown(style)),
    };
    if service == Service::Servers && !params.first().is_some_and(|r| catalog::is_region(r)) {
        return Err(unknown(style));
    }
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&asked.uri)
        .map_err(|_| Fault::of_status(style, 400, "Unable to parse the query."))?;
    Ok(Way {
        route,
        service,
        method: asked.method.as_str().to_owned(),
        call: Call {
            path: asked.path().trim_end_matches('/').to_owned(),
            params,
            query,
            body: asked.body.clone(),
            base: asked.base.clone(),
            lag: twist.lag,
            boot: twist.boot,
        },
    })
}

fn unknown(style: Style) -> Fault {
    let message = "The resource could not be found. The sandbox simulates part of the API only.";
    Fault::of_status(style, 404, message)
}

fn answer_to(world: &mut World, way: &Way) -> Outcome {
    let Some(rule) = way.route.rule else {
        return identity::authenticate(world, &way.call);
    };
    let asked = ask(way).ok_or_else(|| unauthorized(way.service))?;
    rule(world, &asked)
}

/// The request as rules see it; `None` if there is no such account.
fn ask(way: &Way) -> Option<Ask<'_>> {
    let before = way.service.before();
    let tenant = way.call.param(before.checked_sub(1)?);
    Some(Ask {
        call: &way.call,
        method: &way.method,
        account: accounts::of_tenant(tenant)?,
        before,
    })
}

fn unauthorized(service: Service) -> Fault {
    let message =
        "No valid token provided. Please use the 'X-Auth-Token' header with a valid token.";
    Fault::of_status(service.style(), 401, message)
}

/// The account in a path, and what of the path is behind it.
fn tenant_and_rest(service: Service, path: &str) -> (&str, String) {
    let place = match service {
        Service::Servers => 4,
        _ => 3,
    };
    let mut parts = path.split('/').skip(place);
    let tenant = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    (tenant, format!("/{}", rest.join("/")))
}

impl Backend for Rackspace {
    fn id(&self) -> String {
        self.world.look().id.clone()
    }

    fn route(&self, asked: &Asked) -> Option<Cow<'static, str>> {
        match find(asked.method.as_str(), asked.path()) {
            Found::Route(route, _) => Some(route.path.into()),
            _ => None,
        }
    }

    fn admit(&self, asked: &Asked, _route: Option<&str>) -> Admission {
        let service = Service::of(asked.path());
        if service == Service::Identity {
            return Admission::default();
        }
        let (tenant, rest) = tenant_and_rest(service, asked.path());
        let token = asked.headers.get("x-auth-token");
        let token = token.and_then(|token| token.to_str().ok()).unwrap_or("");
        let holder = identity::holder(&self.world.look(), token, now());
        let checked = if holder.is_some_and(|holder| holder == tenant) {
            let method = asked.method.as_str();
            lock(&self.rates).take(tenant, service, method, &rest, now())
        } else {
            Err(unauthorized(service))
        };
        let refused = checked.err();
        Admission {
            headers: HeaderMap::new(),
            refused: refused.map(|fault| reply(&Err(fault), &asked.id)),
        }
    }

    fn names(&self, asked: &Asked, route: Option<&str>) -> Vec<String> {
        let (Some(route), Ok(way)) = (route, way(asked, Twist::default())) else {
            return Vec::new();
        };
        ask(&way)
            .map(|ask| lock(&self.names).of(&self.world.look(), route, &ask))
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
        made_up(Service::Identity, status, message, id)
    }

    fn error_to(&self, asked: &Asked, status: u16, message: Option<&str>) -> Reply {
        made_up(Service::of(asked.path()), status, message, &asked.id)
    }

    fn control<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Option<Reply>> {
        async move {
            let outcome = match (method, path) {
                ("GET", "/_sandbox/routes") => {
                    Answer::json(200, &json!({"routes": routes::list()}))
                }
                ("POST", "/_sandbox/finish") => self.run(0, finish).await?,
                ("DELETE", "/_sandbox/tokens") => self.run(0, |world| revoke(world, body)).await?,
                ("GET", _) => {
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

/// An error that no rule gave, as the service words it.
fn made_up(service: Service, status: u16, message: Option<&str>, id: &str) -> Reply {
    let usual = match status {
        404 => "The resource could not be found.",
        413 | 429 => "OverLimit Retry...",
        503 => "The server is currently unavailable.",
        _ => "The server has either erred or is incapable of performing the requested operation.",
    };
    let message = message.unwrap_or(usual);
    // There is no 429 here: too much is 413, whatever it was. One that does not say when to come
    // again would be a quota.
    let fault = match status {
        413 | 429 => rates::over(service, message, now() + 1000, now()),
        _ => Fault::of_status(service.style(), status, message),
    };
    reply(&Err(fault), id)
}

/// Completes whatever is in progress, even what would never have been.
fn finish(world: &mut World) -> Outcome {
    world.finish();
    Answer::empty(204)
}

/// Takes tokens back: of the account that the body names by `tenant`, else all.
fn revoke(world: &mut World, body: &Value) -> Outcome {
    let tenant = body.get("tenant").and_then(Value::as_str);
    let ids: Vec<String> = world
        .tokens
        .values()
        .filter(|token| tenant.is_none_or(|tenant| token.account == tenant))
        .map(|token| token.id.clone())
        .collect();
    for id in ids {
        world.write(Entry::TokenGone(id));
    }
    Answer::empty(204)
}

/// What was put into a server when it was made: of files the path, the length and the MD5.
fn injected(world: &World, id: &str) -> Outcome {
    let server = world.servers.get(id);
    let server = server.ok_or_else(|| Fault::no_such("Instance"))?;
    let shown = json!({
        "files": server.files,
        "user_data_md5": server.user_data,
        "key_name": server.key_name,
    });
    Answer::json(200, &shown)
}

/// Writes an outcome as HTTP.
fn reply(outcome: &Outcome, request_id: &str) -> Reply {
    let (status, body, extra) = match outcome {
        Ok(answer) => (answer.status, answer.body.clone(), &answer.headers),
        Err(fault) => (fault.status, fault.body(), &fault.headers),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    insert(
        headers,
        "x-compute-request-id",
        &format!("req-{request_id}"),
    );
    for (name, value) in extra {
        insert(headers, name, value);
    }
    reply
}
