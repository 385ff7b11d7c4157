//! Jobs: how a change of Cloud DNS is taken on, and how it is told what has become of it
//! (`general-api-info/synchronous-and-asynchronous-responses.rst`).

use super::super::answer::{Answer, Ask, Outcome};
use super::super::model::{Entry, Job, Millis, Result, Work};
use super::super::world::World;
use super::not_found;
use super::pages::page;
use crate::sandbox::answer::Boot;
use serde_json::{Map, Value, json};

/// Takes a change on: it is answered with the job, and done later.
pub(super) fn take_on(
    world: &mut World,
    asked: &Ask<'_>,
    names: Vec<String>,
    work: Work,
) -> Outcome {
    let number = world.next_number();
    let now = world.now;
    let usual = world.settings.action;
    let due = match asked.call.boot {
        Boot::Usual | Boot::Ignored | Boot::Fails => Some(now + usual),
        Boot::Millis(ms) => Some(now + Millis::try_from(ms).unwrap_or(Millis::MAX / 4)),
        Boot::Never => None,
    };
    let job = Job {
        id: world.invented_uuid(&format!("job/{number}")),
        number,
        account: asked.account.tenant.to_owned(),
        verb: asked.method.to_owned(),
        url: request_url(asked),
        request: String::from_utf8_lossy(&asked.call.body).into_owned(),
        names,
        started: now,
        due,
        lag: asked.call.lag,
        work,
        result: Result::Open,
    };
    let answer = view(asked, &job, now, true);
    world.write(Entry::Job(Box::new(job)));
    Answer::json(202, &answer)
}

/// The path and the query as they were asked for.
fn request_url(asked: &Ask<'_>) -> String {
    let query: Vec<String> = asked
        .call
        .query
        .iter()
        .map(|(key, value)| format!("{key}={}", crate::sandbox::limits::encoded(value)))
        .collect();
    if query.is_empty() {
        asked.call.path.clone()
    } else {
        format!("{}?{}", asked.call.path, query.join("&"))
    }
}

/// A job is accepted first; that it runs shows only when one looks again.
fn status(job: &Job, now: Millis) -> &'static str {
    match job.result {
        Result::Open if now <= job.started => "INITIALIZED",
        Result::Open => "RUNNING",
        Result::Completed(_) => "COMPLETED",
        Result::Failed(_) => "ERROR",
    }
}

fn view(asked: &Ask<'_>, job: &Job, now: Millis, details: bool) -> Value {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    put("status", status(job, now).into());
    put("jobId", job.id.clone().into());
    let callback = format!("{}/status/{}", asked.root(), job.id);
    put("callbackUrl", callback.into());
    if details {
        put(
            "requestUrl",
            format!("{}{}", asked.call.base, job.url).into(),
        );
        put("verb", job.verb.clone().into());
        if !job.request.is_empty() {
            put("request", job.request.clone().into());
        }
        match &job.result {
            Result::Completed(Some(response)) => {
                put("response", response.clone());
            }
            Result::Failed(error) => {
                put("error", error.clone());
            }
            Result::Open | Result::Completed(None) => {}
        }
    }
    Value::Object(shown)
}

/// What has become of a job. 200 says that it has ended, and not how.
pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let job = world
        .jobs
        .get(asked.param(0))
        .filter(|job| job.account == asked.account.tenant)
        .ok_or_else(|| not_found(&format!("Job ID: {}", asked.param(0))))?;
    let code = match job.result {
        Result::Open => 202,
        Result::Completed(_) | Result::Failed(_) => 200,
    };
    let details = asked.wants("showDetails", false);
    Answer::json(code, &view(asked, job, world.now, details))
}

/// The account's jobs, as far as they are remembered.
pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let details = asked.wants("showDetails", false);
    let shown = |job: &&Job| {
        let by = match job.result {
            Result::Open => "showRunning",
            Result::Completed(_) => "showCompleted",
            Result::Failed(_) => "showErrors",
        };
        job.account == asked.account.tenant && asked.wants(by, true)
    };
    let mut jobs: Vec<&Job> = world.jobs.values().filter(shown).collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.number));
    let views: Vec<Value> = jobs
        .into_iter()
        .map(|job| view(asked, job, world.now, details))
        .collect();
    Answer::json(200, &page(asked, "asyncResponses", &views)?)
}

/// The limits (`api-reference/methods/get-list-limits…rst`).
pub(in super::super) fn limits(_: &mut World, _: &Ask<'_>) -> Outcome {
    let rate = |uri: &str, limits: &[(&str, u32, &str)]| {
        let limits: Vec<Value> = limits
            .iter()
            .map(|(verb, value, unit)| json!({"verb": verb, "value": value, "unit": unit}))
            .collect();
        json!({"uri": uri, "limit": limits})
    };
    let body = json!({
        "rates": {"rate": [
            rate("*/status/*", &[("GET", 5, "SECOND")]),
            rate("*/domains/search*", &[("GET", 20, "MINUTE")]),
            rate("*/domains*", &[
                ("GET", 60, "MINUTE"), ("POST", 20, "MINUTE"),
                ("PUT", 20, "MINUTE"), ("DELETE", 10, "MINUTE"),
            ]),
        ]},
        "absolute": {"limit": [
            {"name": "domains", "value": super::MOST_ZONES},
            {"name": "records per domain", "value": super::MOST_RECORDS},
        ]},
    });
    Answer::json(200, &body)
}
