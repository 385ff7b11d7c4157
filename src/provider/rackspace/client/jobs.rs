//! Jobs: Cloud DNS answers every change with one, and what became of it has to be asked for
//! (public documentation, "Synchronous and asynchronous responses"). A job that failed is told
//! with status 200.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde_json::Value as Json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::provider::http::{Dialect as _, Request};
use crate::provider::{Class, Error, Tempo};

use super::super::wire::Job;
use super::{ReadClient, faults, to};

/// Pauses between two looks at one job grow to this many of the first.
const LONGEST: u32 = 10;
/// How much longer a job may take than a request is repeated: under load they take minutes.
const PATIENCE: u32 = 5;

/// The time between two looks at any job: the API allows five a second, and this makes four of the
/// usual tempo.
fn gap(tempo: Tempo) -> Duration {
    tempo.first_pause
}

/// How long a job may run: as long as one is waited for in the usual tempo. Hurried clients are
/// still as patient with a job whose end they can ask for, but not with one that they cannot.
pub(super) fn longest(tempo: Tempo) -> Duration {
    tempo.of(Tempo::default().patience * PATIENCE)
}

/// What a job made, once it has ended. A job whose end nobody sees may have done what it should.
pub(super) async fn end_of(
    client: &ReadClient,
    request: &Request<'_>,
    job: Job,
) -> Result<Json, Error> {
    let what = request.what.as_str();
    let id = job.id.clone();
    let unseen = |message: String| Error {
        request_id: id.clone(),
        ..Error::new(Class::Ambiguous, what, message)
    };
    let advised = |error: Error| Error {
        advice: client.cloud.http().dialect().advice(error.class),
        ..error
    };
    let mut status = match ended(request, &job) {
        Some(end) => return end.map_err(advised),
        None => status_of(client, &job).await.map_err(|error| {
            unseen(format!(
                "it was accepted, but its end cannot be asked for: {}",
                error.message
            ))
        })?,
    };
    status.set_query(Some("showDetails=true"));
    let name = id.clone().unwrap_or_default();
    let ask = to(status, Method::GET, format!("GET /status/{name}"), None);
    let patience = client.tempo.patience * PATIENCE;
    let give_up = Instant::now() + patience;
    let mut pause = gap(client.tempo);
    loop {
        sleep(pause).await;
        wait_for_turn(client).await;
        let lost = match client.cloud.http().get::<Job>(&ask).await {
            Ok(job) => match ended(request, &job) {
                Some(end) => return end.map_err(advised),
                None => None,
            },
            Err(error) => Some(error),
        };
        let hopeless = lost.as_ref().is_some_and(|error| !may_pass(error.class));
        if hopeless || Instant::now() >= give_up {
            let seconds = patience.as_secs();
            let why = match lost {
                Some(error) => format!("it was accepted, but not what came of it: {error}"),
                None => format!("it was accepted, and not finished after {seconds} s"),
            };
            return Err(unseen(why));
        }
        pause = (pause * 2).min(gap(client.tempo) * LONGEST);
    }
}

/// Whether asking once more may help.
fn may_pass(class: Class) -> bool {
    matches!(
        class,
        Class::Transient | Class::NotSent | Class::RateLimited | Class::Malformed | Class::Busy
    )
}

/// Where to ask for it: the path that it names itself, on the host of the catalog and no other, or
/// the token would go to whoever writes an answer.
async fn status_of(client: &ReadClient, job: &Job) -> Result<Url, Error> {
    let mut base = client.dns().await?;
    let named = job.callback.as_deref();
    let named = named.and_then(|callback| Url::parse(callback).ok());
    match (named, job.id.as_deref()) {
        (Some(callback), _) => {
            base.set_path(callback.path());
            Ok(base)
        }
        (None, Some(id)) => {
            let path = format!("{}status/{id}", base.path());
            base.set_path(&path);
            Ok(base)
        }
        (None, None) => Err(Error::new(Class::Malformed, "", "the answer names no job")),
    }
}

/// Waits until one more question breaks no limit.
async fn wait_for_turn(client: &ReadClient) {
    let turn = {
        let mut next = client.next_poll.lock().await;
        let now = Instant::now();
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + gap(client.tempo));
        turn
    };
    sleep_until(turn).await;
}

/// What a job came to, if it has ended.
fn ended(request: &Request<'_>, job: &Job) -> Option<Result<Json, Error>> {
    match job.status.as_str() {
        "COMPLETED" => Some(Ok(job.response.clone())),
        "ERROR" => Some(Err(failed(request, job))),
        _ => None,
    }
}

fn failed(request: &Request<'_>, job: &Job) -> Error {
    let (code, words) = faults::of_json(&job.error).unwrap_or_default();
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    let message = match words.as_str() {
        "" => "the job failed, and does not say why".to_owned(),
        _ => words,
    };
    let class = match status {
        Some(status) => faults::class_of(status, &request.method, &message),
        None => Class::Rejected,
    };
    Error {
        status: code,
        request_id: job.id.clone(),
        ..Error::new(class, &request.what, crate::model::escape(&message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    fn end(method: Method, job: Json) -> Option<Result<Json, Class>> {
        let request = Request {
            method,
            url: Url::parse("https://dns.example/v1.0/1/domains").unwrap(),
            what: "POST /domains".to_owned(),
            headers: HeaderMap::new(),
            body: None,
        };
        let job: Job = serde_json::from_value(job).unwrap();
        ended(&request, &job).map(|end| end.map_err(|error| error.class))
    }

    fn failure(method: Method, code: u16, details: &str) -> Class {
        let error = json!({"code": code, "message": "It failed.", "details": details});
        let job = json!({"jobId": "j", "status": "ERROR", "error": error});
        end(method, job).unwrap().unwrap_err()
    }

    #[test]
    fn absence_is_not_believed_while_a_job_may_run() {
        let usual = Tempo::default();
        assert_eq!(longest(usual), usual.patience * PATIENCE);
        let hurried = Tempo {
            first_pause: usual.first_pause / 100,
            ..usual
        };
        assert_eq!(longest(hurried), longest(usual) / 100);
    }

    #[test]
    fn a_job_ends_in_one_of_two_ways() {
        for status in ["INITIALIZED", "RUNNING", ""] {
            assert!(end(Method::POST, json!({"status": status})).is_none());
        }
        let done = json!({"status": "COMPLETED", "response": {"records": []}});
        assert_eq!(end(Method::POST, done), Some(Ok(json!({"records": []}))));
        let deleted = json!({"status": "COMPLETED"});
        assert_eq!(end(Method::DELETE, deleted), Some(Ok(Json::Null)));
        let silent = json!({"status": "ERROR"});
        assert_eq!(end(Method::POST, silent), Some(Err(Class::Rejected)));
    }

    #[test]
    fn a_failed_job_says_what_to_do_next() {
        let exists = "Domain already exists";
        assert_eq!(failure(Method::POST, 409, exists), Class::Exists);
        assert_eq!(failure(Method::POST, 400, "Invalid"), Class::Rejected);
        assert_eq!(
            failure(Method::POST, 413, "Limit of 500 records"),
            Class::Rejected
        );
        assert_eq!(failure(Method::DELETE, 404, ""), Class::NotFound);
        // Nobody knows how far it got.
        assert_eq!(failure(Method::POST, 500, ""), Class::Ambiguous);
    }
}
