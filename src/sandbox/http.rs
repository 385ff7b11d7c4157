//! HTTP: tokens, limits, scripted failures and headers around the rules, and the sockets.

use super::answer::{Answer, Boot, Call, Outcome, Refusal, status_id};
use super::catalog::Catalog;
use super::fault::{Fault, Faults, Kind, Strike, Target};
use super::kill::{Kills, kill};
use super::limits::{Rate, Rates};
use super::model::Millis;
use super::naming::Names;
use super::owner::{Owned, WHOSE};
use super::routes::{self, Found, Rule, find};
use super::socket::{Door, Scissors};
use super::stats::Stats;
use super::store::Store;
use super::world::{Settings, World};
use super::{Error, Options, Shared};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No request of the API is near this long.
const LONGEST_BODY: usize = 4 << 20;
/// How long a graceful end waits for requests in progress.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Server {
    url: String,
    world: Mutex<World>,
    store: Arc<Store>,
    rates: Mutex<Rates>,
    faults: Mutex<Faults>,
    names: Mutex<Names>,
    kills: Option<Kills>,
    stats: Shared<Stats>,
    latency: Duration,
    lag: Duration,
    requests: AtomicU64,
    seed: u64,
}

/// A server at work.
#[derive(Debug)]
pub(super) struct Running {
    url: String,
    task: JoinHandle<io::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    server: Arc<Server>,
    claim: Option<Owned>,
}

/// What is locked here is changed in one go, so that a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

/// Loads the world and begins to serve it.
pub(super) async fn serve(options: Options, claim: Option<Owned>) -> Result<Running, Error> {
    let settings = Settings {
        boot: millis(options.boot),
        action: millis(options.action),
        droplet_limit: options.droplet_limit,
        without_scopes: options.without_scopes,
        seed: options.seed,
    };
    let mut world = World::empty(settings, Catalog::new(&options.without_ipv6));
    let store = match &claim {
        Some(owned) => Store::open(&owned.world, &mut world, now())?,
        None => {
            let id = world.invented_uuid("world");
            world.found(id, now());
            world.take_unsaved();
            Store::in_memory()
        }
    };
    let listen = |source| Error::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    if let Some(owned) = &claim {
        owned.announce(&url, &world.id)?;
    }
    let mut faults = Faults::new(options.seed);
    for fault in options.faults {
        faults.add(fault);
    }
    let server = Arc::new(Server {
        url: url.clone(),
        world: Mutex::new(world),
        store: Arc::new(store),
        rates: Mutex::new(Rates::new(options.limits)),
        faults: Mutex::new(faults),
        names: Mutex::default(),
        kills: options.kills,
        stats: Shared::default(),
        latency: options.latency,
        lag: options.lag,
        requests: AtomicU64::new(0),
        seed: options.seed,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let service = Router::new()
        .fallback(handle)
        .with_state(Arc::clone(&server))
        .into_make_service_with_connect_info::<Scissors>();
    let task = tokio::spawn(async move {
        axum::serve(Door(listener), service)
            .with_graceful_shutdown(async {
                // A sender that is gone asks for the end as well.
                let _ = stopped.await;
            })
            .await
    });
    Ok(Running {
        url,
        task,
        stop: Some(stop),
        server,
        claim,
    })
}

impl Running {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks a rule directly.
    pub(super) async fn ask(&self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        let outcome = self.server.ask(method, url, body).await;
        let (status, text) = match &outcome {
            Ok(answer) => (answer.status, answer.body.clone()),
            Err(refusal) => (refusal.status, refusal.body("asked")),
        };
        (status, serde_json::from_slice(&text).unwrap_or_default())
    }

    pub(super) fn struck(&self) -> Vec<u64> {
        lock(&self.server.faults).struck()
    }

    pub(super) fn reveal(&self) {
        lock(&self.server.world).reveal();
    }

    pub(super) async fn wait(&mut self) {
        // Either way it has ended; a finished task must not be asked twice.
        if !self.task.is_finished() {
            let _ = (&mut self.task).await;
        }
    }

    pub(super) async fn stop(mut self) {
        if let Some(owned) = &self.claim {
            owned.withdraw();
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(PATIENCE, self.wait()).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Connections have tasks of their own that may live on for a moment. From here on they can
        // change nothing: the next owner may already be writing.
        self.server.store.close();
        self.task.abort();
    }
}

/// Every request comes in here.
async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await;
    if parts.uri.path().starts_with("/_sandbox") {
        let body = body.unwrap_or_default();
        return server.control(&parts.method, parts.uri.path(), &body).await;
    }
    let path = parts.uri.path();
    let (route, params, others) = match find(parts.method.as_str(), path) {
        Found::Route(route, params) => (Some(route), params, Vec::new()),
        Found::OtherMethods(others) => (None, Vec::new(), others),
        Found::Nothing => (None, Vec::new(), Vec::new()),
    };
    let full_path = parts
        .uri
        .path_and_query()
        .map_or(path, |full| full.as_str());
    let pattern = route.map(|route| route.path);
    let number = lock(&server.stats).arrived(parts.method.as_str(), full_path, pattern);
    let request_id = server.request_id();

    let (rate, checked) = server.check(&parts.headers, pattern, &parts.method);
    let call = checked.and_then(|()| {
        let body = body.map_err(|_| Refusal::new(413, "The request body is too large."))?;
        call_from(
            &server.url,
            &parts.uri,
            &parts.headers,
            params,
            body.to_vec(),
        )
    });
    let answered = match call {
        Err(refusal) => Some(respond(&Err(refusal), &request_id, None)),
        Ok(call) => {
            let rule = match (route, others.is_empty()) {
                (Some(route), _) => Ok(route.rule),
                (None, true) => Err(unknown(path)),
                (None, false) => Err(Refusal::new(
                    405,
                    "The method is not allowed for the requested resource.",
                )
                .with_header("allow", others.join(", "))),
            };
            let strike = server.strike(&parts.method, path, pattern, &call);
            // A task of its own: what has been asked for is done, even if whoever asked is gone.
            let server = Arc::clone(&server);
            let acting =
                tokio::spawn(async move { server.act(call, rule, strike, &request_id).await });
            acting.await.unwrap_or_default()
        }
    };
    // Of a sandbox that has been dropped nothing may be heard any more, as after a crash.
    let answered = answered.filter(|_| !server.store.is_closed());
    let Some(mut response) = answered else {
        scissors.cut();
        return Response::new(Body::empty());
    };
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(Rate::LIMIT));
    headers.insert("ratelimit-remaining", HeaderValue::from(rate.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(rate.reset));
    lock(&server.stats).answered(number, response.status().as_u16());
    response
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

fn call_from(
    url: &str,
    uri: &Uri,
    headers: &HeaderMap,
    params: Vec<String>,
    body: Vec<u8>,
) -> Result<Call, Refusal> {
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Refusal::new(400, "Unable to parse the query."))?;
    // Links lead back the way the caller came, whichever name of this machine it used.
    let base = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map_or_else(|| url.to_owned(), |host| format!("http://{host}"));
    Ok(Call {
        path: uri.path().to_owned(),
        params,
        query,
        body,
        base,
        lag: 0,
        boot: Boot::Usual,
    })
}

impl Server {
    /// Looks at the token, then at the limits.
    fn check(
        &self,
        headers: &HeaderMap,
        pattern: Option<&str>,
        method: &Method,
    ) -> (Rate, Result<(), Refusal>) {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty());
        let Some(token) = token else {
            let refusal = Refusal::new(401, "Unable to authenticate you");
            return (Rate::full(now()), Err(refusal));
        };
        let lists_keys = pattern == Some("/v2/account/keys") && *method == Method::GET;
        lock(&self.rates).take(token, lists_keys, now())
    }

    /// What a request comes to without everything that HTTP is around it.
    async fn ask(&self, method: &str, url: &str, body: &Value) -> Outcome {
        let uri: Uri = url.parse().map_err(|_| Refusal::not_found())?;
        let Found::Route(route, params) = find(method, uri.path()) else {
            return Err(unknown(uri.path()));
        };
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let call = call_from(&self.url, &uri, &HeaderMap::new(), params, body)?;
        let outcome = self.run(route.rule, &call).await;
        outcome.unwrap_or_else(|| Err(not_durable()))
    }

    /// What goes wrong with a request.
    fn strike(&self, method: &Method, path: &str, route: Option<&str>, call: &Call) -> Strike {
        // Finding out names takes time, which nobody shall spend who does not ask for them.
        let names = if lock(&self.faults).ask_for_names() {
            lock(&self.names).of(&lock(&self.world), route, call)
        } else {
            Vec::new()
        };
        lock(&self.faults).strike(&Target {
            method: method.as_str(),
            path,
            route,
            body: &call.body,
            names: &names,
        })
    }

    /// Does what is asked, or what a scripted failure makes of it. `None`: no answer at all.
    async fn act(
        &self,
        mut call: Call,
        rule: Result<Rule, Refusal>,
        strike: Strike,
        request_id: &str,
    ) -> Option<Response> {
        let wait = self.latency + Duration::from_millis(strike.delay_ms);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let fault = strike.fault;
        call.lag = millis(self.lag) + millis(Duration::from_millis(strike.lag_ms));
        match fault.as_ref().map(|fault| fault.kind) {
            Some(Kind::Refuse) => return Some(made_up(fault.as_ref(), 503, request_id)),
            Some(Kind::TooMany) => return Some(made_up(fault.as_ref(), 429, request_id)),
            Some(Kind::Drop) => return None,
            Some(Kind::KillBefore) => {
                kill(self.kills.as_ref()).await;
                return None;
            }
            Some(Kind::NeverActive) => {
                let ms = fault.as_ref().and_then(|fault| fault.ms);
                call.boot = ms.map_or(Boot::Never, Boot::Millis);
            }
            _ => {}
        }
        let outcome = match rule {
            Ok(rule) => self.run(rule, &call).await?,
            Err(refusal) => Err(refusal),
        };
        match fault.as_ref().map(|fault| fault.kind) {
            Some(Kind::DoThenFail) => Some(made_up(fault.as_ref(), 500, request_id)),
            Some(Kind::DoThenDrop) => None,
            Some(Kind::KillAfter) => {
                kill(self.kills.as_ref()).await;
                None
            }
            Some(Kind::Garbage) => Some(respond(&outcome, request_id, fault.as_ref())),
            _ => Some(respond(&outcome, request_id, None)),
        }
    }

    /// Runs a rule and waits until what it changed is on disk. `None` if that cannot be: what is
    /// not durable must not be answered for.
    async fn run(&self, rule: Rule, call: &Call) -> Option<Outcome> {
        let (outcome, push) = {
            let mut world = lock(&self.world);
            world.advance(now());
            let settled = world.take_unsaved();
            if !settled.is_empty() {
                self.store.push(&settled);
            }
            let last_id = world.counters.id;
            let outcome = rule(&mut world, call);
            if call.lag > 0 {
                world.hide_since(last_id, call.lag);
            }
            let lines = world.take_unsaved();
            // Queued under the world's lock: the file's order is the order of effects.
            let push = (!lines.is_empty()).then(|| self.store.push(&lines));
            (outcome, push)
        };
        if let Some(push) = push {
            self.store.commit(push).await.ok()?;
        }
        Some(outcome)
    }

    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// The routes under `/_sandbox`, for tests and for other sandboxes of this machine.
    async fn control(&self, method: &Method, path: &str, body: &[u8]) -> Response {
        let outcome = match (method.as_str(), path) {
            ("GET", WHOSE) => Answer::object(200, "world", &lock(&self.world).id),
            ("GET", "/_sandbox/routes") => Answer::object(200, "routes", &routes::list()),
            ("GET", "/_sandbox/stats") => Answer::json(200, &*lock(&self.stats)),
            ("DELETE" | "POST", "/_sandbox/stats") => {
                lock(&self.stats).reset();
                Ok(Answer::no_content())
            }
            ("POST", "/_sandbox/finish") => self
                .run(finish, &Call::default())
                .await
                .unwrap_or_else(|| Err(not_durable())),
            ("POST", "/_sandbox/reveal") => {
                lock(&self.world).reveal();
                Ok(Answer::no_content())
            }
            ("GET", "/_sandbox/fault") => Answer::json(200, &lock(&self.faults).list()),
            ("POST", "/_sandbox/fault") => serde_json::from_slice::<Fault>(body)
                .map_err(|error| Refusal::unprocessable(format!("This is not a fault: {error}")))
                .and_then(|fault| Answer::object(201, "id", &lock(&self.faults).add(fault))),
            ("DELETE", "/_sandbox/fault") => {
                lock(&self.faults).clear();
                Ok(Answer::no_content())
            }
            _ => Err(Refusal::not_found()),
        };
        respond(&outcome, "control", None)
    }
}

fn not_durable() -> Refusal {
    Refusal::new(500, "The world cannot be written to.")
}

/// Completes whatever is in progress, even what would never have been.
fn finish(world: &mut World, _: &Call) -> Outcome {
    world.finish();
    Ok(Answer::no_content())
}

/// An answer that no rule gave.
fn made_up(fault: Option<&Fault>, status: u16, request_id: &str) -> Response {
    let status = fault.and_then(|fault| fault.status).unwrap_or(status);
    let usual = match status_id(status) {
        "too_many_requests" => "API Rate limit exceeded.",
        "not_found" => "The resource you requested could not be found.",
        _ => "Server Error",
    };
    let message = fault.and_then(|fault| fault.message.as_deref());
    let refusal = Refusal::new(status, message.unwrap_or(usual));
    respond(&Err(refusal), request_id, fault)
}

/// Writes an outcome as HTTP. A fault may put its body and headers in their place.
fn respond(outcome: &Outcome, request_id: &str, fault: Option<&Fault>) -> Response {
    let (mut status, mut body) = match outcome {
        Ok(answer) => (answer.status, answer.body.clone()),
        Err(refusal) => (refusal.status, refusal.body(request_id)),
    };
    let mut kind = "application/json; charset=utf-8";
    if let Some(fault) = fault {
        status = fault.status.unwrap_or(status);
        match &fault.body {
            Some(Value::String(text)) => {
                body = text.clone().into_bytes();
                kind = "text/html";
            }
            Some(other) => body = other.to_string().into_bytes(),
            None if fault.kind == Kind::Garbage => {
                body = b"{\"droplet\": \xff<html>Bad Gateway".to_vec();
            }
            None => {}
        }
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // Even with an empty body: the description lists it for 204.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    if let Err(refusal) = outcome {
        for (name, value) in &refusal.headers {
            insert(headers, name, value);
        }
    }
    if let Some(fault) = fault {
        for (name, value) in &fault.headers {
            insert(headers, name, value);
        }
        if let Some(seconds) = fault.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    response
}

/// Sets a header whose name or value comes from outside; what cannot be one is left out.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}
