//! The front of every cloud here: sockets, latency, scripted failures, kills and counts around
//! whatever answers behind it.

use super::answer::{Answer, Boot, Refusal, insert, reply};
use super::backend::{Admission, Asked, Backend, Reply, Twist};
use super::fault::{Fault, Faults, Kind, Strike, Target};
use super::kill::{Kills, kill};
use super::owner::{Owned, WHOSE};
use super::socket::{Door, Scissors};
use super::stats::Stats;
use super::{Error, Options, Shared, lock, millis};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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
    backend: Arc<dyn Backend>,
    faults: Mutex<Faults>,
    kills: Option<Kills>,
    stats: Shared<Stats>,
    latency: Duration,
    lag: Duration,
    requests: AtomicU64,
    seed: u64,
    closed: AtomicBool,
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

/// Begins to serve what answers behind it.
pub(super) async fn serve(
    options: Options,
    backend: Arc<dyn Backend>,
    claim: Option<Owned>,
) -> Result<Running, Error> {
    let listen = |source| Error::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    if let Some(owned) = &claim {
        owned.announce(&url, &backend.id())?;
    }
    let mut faults = Faults::new(options.seed);
    for fault in options.faults {
        if let Some(why) = backend.cannot(&fault) {
            return Err(Error::Fault(why));
        }
        faults.add(fault);
    }
    let server = Arc::new(Server {
        url: url.clone(),
        backend,
        faults: Mutex::new(faults),
        kills: options.kills,
        stats: Shared::default(),
        latency: options.latency,
        lag: options.lag,
        requests: AtomicU64::new(0),
        seed: options.seed,
        closed: AtomicBool::new(false),
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

    /// Asks what is behind directly.
    pub(super) async fn ask(&self, method: &str, url: &str, body: &Value) -> (u16, Value) {
        let reply = self.server.ask(method, url, body).await;
        let body = serde_json::from_slice(reply.body()).unwrap_or_default();
        (reply.status().as_u16(), body)
    }

    pub(super) fn struck(&self) -> Vec<u64> {
        lock(&self.server.faults).struck()
    }

    pub(super) fn reveal(&self) {
        self.server.backend.reveal();
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
        self.server.closed.store(true, Ordering::Release);
        self.server.backend.close();
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
        let reply = server
            .control(parts.method.as_str(), parts.uri.path(), &body)
            .await;
        return reply.map(Body::from);
    }
    let too_large = body.is_err();
    let asked = Asked {
        // Links lead back the way the caller came, whichever name of this machine it used.
        base: parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .map_or_else(|| server.url.clone(), |host| format!("http://{host}")),
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: body.map(Vec::from).unwrap_or_default(),
        id: server.request_id(),
    };
    let backend = &server.backend;
    let route = backend.route(&asked);
    let number =
        lock(&server.stats).arrived(asked.method.as_str(), asked.full_path(), route.as_deref());
    let Admission { headers, refused } = backend.admit(&asked, route.as_deref());
    let refused = refused.or_else(|| {
        let message = Some("The request body is too large.");
        too_large.then(|| backend.error(413, message, &asked.id))
    });
    let answered = match refused {
        Some(reply) => Some(reply),
        None => {
            let strike = server.strike(&asked, route.as_deref());
            // A task of its own: what has been asked for is done, even if whoever asked is gone.
            let server = Arc::clone(&server);
            let acting = tokio::spawn(async move { server.act(&asked, strike).await });
            acting.await.unwrap_or_default()
        }
    };
    // Of a sandbox that has been dropped nothing may be heard any more, as after a crash.
    let answered = answered.filter(|_| !server.closed.load(Ordering::Acquire));
    let Some(mut reply) = answered else {
        scissors.cut();
        return Response::new(Body::empty());
    };
    reply.headers_mut().extend(headers);
    lock(&server.stats).answered(number, reply.status().as_u16());
    reply.map(Body::from)
}

impl Server {
    /// What a request comes to without everything that the front is around it.
    async fn ask(&self, method: &str, url: &str, body: &Value) -> Reply {
        let id = "asked".to_owned();
        let (Ok(method), Ok(uri)) = (method.parse(), url.parse()) else {
            return self.backend.error(404, None, &id);
        };
        let asked = Asked {
            method,
            uri,
            headers: HeaderMap::new(),
            body: match body {
                Value::Null => Vec::new(),
                body => body.to_string().into_bytes(),
            },
            base: self.url.clone(),
            id,
        };
        let reply = self.backend.answer(&asked, Twist::default()).await;
        reply.unwrap_or_else(|| self.backend.error(500, None, &asked.id))
    }

    /// What goes wrong with a request.
    fn strike(&self, asked: &Asked, route: Option<&str>) -> Strike {
        // Finding out names takes time, which nobody shall spend who does not ask for them.
        let names = if lock(&self.faults).ask_for_names() {
            self.backend.names(asked, route)
        } else {
            Vec::new()
        };
        lock(&self.faults).strike(&Target {
            method: asked.method.as_str(),
            path: self.backend.path(asked),
            route,
            body: &asked.body,
            names: &names,
        })
    }

    /// Does what is asked, or what a scripted failure makes of it. `None`: no answer at all.
    async fn act(&self, asked: &Asked, strike: Strike) -> Option<Reply> {
        let wait = self.latency + Duration::from_millis(strike.delay_ms);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let mut twist = Twist {
            lag: millis(self.lag) + millis(Duration::from_millis(strike.lag_ms)),
            boot: Boot::Usual,
        };
        let Some(fault) = strike.fault else {
            return self.backend.answer(asked, twist).await;
        };
        match fault.kind {
            Kind::Refuse => return Some(self.made_up(&fault, 503, asked)),
            Kind::TooMany => return Some(self.made_up(&fault, 429, asked)),
            Kind::Drop => return None,
            Kind::KillBefore => {
                kill(self.kills.as_ref()).await;
                return None;
            }
            Kind::Ignored => twist.boot = Boot::Ignored,
            Kind::Fails => twist.boot = Boot::Fails,
            Kind::NeverActive => twist.boot = fault.ms.map_or(Boot::Never, Boot::Millis),
            _ => {}
        }
        let reply = self.backend.answer(asked, twist).await?;
        match fault.kind {
            Kind::DoThenFail => Some(self.made_up(&fault, 500, asked)),
            Kind::DoThenDrop => None,
            Kind::KillAfter => {
                kill(self.kills.as_ref()).await;
                None
            }
            Kind::Garbage => Some(spoilt(reply, &fault)),
            _ => Some(reply),
        }
    }

    /// An answer that no rule gave.
    fn made_up(&self, fault: &Fault, status: u16, asked: &Asked) -> Reply {
        let status = fault.status.unwrap_or(status);
        let message = fault.message.as_deref();
        spoilt(self.backend.error_to(asked, status, message), fault)
    }

    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut random = fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// The routes under `/_sandbox`, for tests and for other sandboxes of this machine.
    async fn control(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let outcome = match (method, path) {
            ("GET", WHOSE) => Answer::object(200, "world", &self.backend.id()),
            ("GET", "/_sandbox/stats") => Answer::json(200, &*lock(&self.stats)),
            ("DELETE" | "POST", "/_sandbox/stats") => {
                lock(&self.stats).reset();
                Ok(Answer::no_content())
            }
            ("POST", "/_sandbox/reveal") => {
                self.backend.reveal();
                Ok(Answer::no_content())
            }
            ("GET", "/_sandbox/fault") => Answer::json(200, &lock(&self.faults).list()),
            ("POST", "/_sandbox/fault") => self
                .fault(body)
                .and_then(|fault| Answer::object(201, "id", &lock(&self.faults).add(fault))),
            ("DELETE", "/_sandbox/fault") => {
                lock(&self.faults).clear();
                Ok(Answer::no_content())
            }
            _ => {
                let body = serde_json::from_slice(body).unwrap_or_default();
                match self.backend.control(method, path, &body).await {
                    Some(reply) => return reply,
                    None => Err(Refusal::not_found()),
                }
            }
        };
        reply(&outcome, "control")
    }

    fn fault(&self, body: &[u8]) -> Result<Fault, Refusal> {
        let fault: Fault = serde_json::from_slice(body)
            .map_err(|error| Refusal::unprocessable(format!("This is not a fault: {error}")))?;
        match self.backend.cannot(&fault) {
            Some(why) => Err(Refusal::unprocessable(why)),
            None => Ok(fault),
        }
    }
}

/// Puts a fault's status, body and headers in the place of an answer's.
fn spoilt(mut reply: Reply, fault: &Fault) -> Reply {
    if let Some(status) = fault.status {
        *reply.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    match &fault.body {
        Some(Value::String(text)) => {
            *reply.body_mut() = text.clone().into_bytes();
            let html = HeaderValue::from_static("text/html");
            reply.headers_mut().insert(header::CONTENT_TYPE, html);
        }
        Some(other) => *reply.body_mut() = other.to_string().into_bytes(),
        None if fault.kind == Kind::Garbage => {
            *reply.body_mut() = b"{\"droplet\": \xff<html>Bad Gateway".to_vec();
        }
        None => {}
    }
    let headers = reply.headers_mut();
    for (name, value) in &fault.headers {
        insert(headers, name, value);
    }
    if let Some(seconds) = fault.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}
