//! Servers of an OpenStack that are changed in place, against Rackspace's simulator.

use super::classic::{look, server, target, with_key};
use super::rackspace::{connect, control, simulated};
use super::*;
use cloudbuilder::model::Readiness;
use cloudbuilder::provider::Updated;

/// A server that is up, made by somebody who has the key.
async fn up(sandbox: &Sandbox) -> (Box<dyn Write>, Observed) {
    let write = with_key(sandbox).await;
    let made = write.create("server", &server("web1"), Some(MARK)).await;
    control(sandbox, "POST", "/_sandbox/finish").await;
    let there = look(&*write, &made.unwrap()).await.unwrap();
    assert_eq!(there.readiness, Readiness::Ready);
    (write, there)
}

async fn update(
    write: &dyn Write,
    server: &Observed,
    (name, value): (&str, &str),
) -> Result<Updated, Error> {
    let mut wanted = server.attributes.clone();
    wanted.insert(name.to_owned(), value.into());
    let changed = [name.to_owned()];
    write.update(target(server), &wanted, &changed, MARK).await
}

/// Has it become another size, as whoever carries out a plan does: asks, looks, and asks once more
/// when it came to a halt.
async fn resized(write: &dyn Write, server: &Observed, size: &str) -> Result<Observed, String> {
    let limit = Instant::now() + LIMIT;
    let mut is_asked = false;
    while Instant::now() < limit {
        if !is_asked {
            match update(write, server, ("size", size)).await {
                Ok(Updated::Done(observed)) => return Ok(observed),
                Ok(Updated::Underway) => is_asked = true,
                Err(error) if error.class == Class::Busy => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let seen = look(write, server).await.unwrap();
        match seen.readiness {
            Readiness::Ready if seen.text("size") == Some(size) => return Ok(seen),
            Readiness::Paused { .. } => is_asked = false,
            Readiness::Failed(why) => return Err(why),
            Readiness::Ready | Readiness::Pending(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it takes too long")
}

/// What a client that is told nothing sees of it.
async fn seen_anew(sandbox: &Sandbox, server: &Observed) -> Observed {
    let other = connect(HURRIED, sandbox.url(), 0, None);
    other.get(target(server)).await.unwrap().unwrap()
}

const ACTION: &str = "/servers/{region}/v2/{tenant_id}/servers/{server_id}/action";
const SERVER: &str = "/servers/{region}/v2/{tenant_id}/servers/{server_id}";

/// Counts what is asked for at a server, and lets it pass.
fn counting() -> Json {
    json!({"method": "POST", "path": ACTION, "kind": "delay", "ms": 0})
}

#[tokio::test]
async fn a_server_gets_another_size_and_stays_what_it_is() {
    let sandbox = simulated(json!([counting()])).await;
    let (write, there) = up(&sandbox).await;
    let larger = resized(&*write, &there, "general1-2").await.unwrap();
    assert_eq!(larger.id, there.id);
    for attribute in ["ipv4_address", "ipv6_address", "networks", "name"] {
        let (is, was) = (&larger.attributes, &there.attributes);
        assert_eq!(is[attribute], was[attribute], "{attribute}");
    }
    assert_eq!(sandbox.struck(), [2], "resized and confirmed");
    let anew = seen_anew(&sandbox, &there).await;
    assert_eq!(anew.readiness, Readiness::Ready);
    // What is so already is not asked for.
    let again = update(&*write, &there, ("size", "general1-2")).await;
    assert_eq!(again.unwrap(), Updated::Done(larger.clone()));
    assert_eq!(sandbox.struck(), [2]);
    let smaller = resized(&*write, &larger, "general1-1").await.unwrap_err();
    assert!(smaller.contains("is not allowed"), "{smaller}");
}

#[tokio::test]
async fn a_resize_whose_answer_is_lost_is_looked_for() {
    // That of the resize, and that of its confirmation.
    for (nth, asked) in [(1, [2, 1]), (2, [3, 1])] {
        let lost = json!({"method": "POST", "path": ACTION, "kind": "do_then_drop", "nth": nth});
        let sandbox = simulated(json!([counting(), lost])).await;
        let (write, there) = up(&sandbox).await;
        let larger = resized(&*write, &there, "general1-2").await.unwrap();
        assert_eq!(larger.text("size"), Some("general1-2"));
        let anew = seen_anew(&sandbox, &there).await;
        assert_eq!(anew.readiness, Readiness::Ready);
        assert_eq!(sandbox.struck(), asked);
    }
}

#[tokio::test]
async fn a_resize_that_fails_says_so() {
    for (kind, told) in [
        ("ignored", "it is general1-1 as before"),
        ("fails", "No valid host was found"),
    ] {
        let fault = json!({"method": "POST", "path": ACTION, "kind": kind});
        let sandbox = simulated(json!([fault])).await;
        let (write, there) = up(&sandbox).await;
        let why = resized(&*write, &there, "general1-2").await.unwrap_err();
        assert!(why.contains(told), "{why}");
    }
}

#[tokio::test]
async fn what_an_earlier_run_began_is_brought_to_its_end() {
    for is_over in [false, true] {
        let sandbox = simulated(json!([counting()])).await;
        let (first, there) = up(&sandbox).await;
        let begun = update(&*first, &there, ("size", "general1-2")).await;
        assert_eq!(begun.unwrap(), Updated::Underway);
        if is_over {
            control(&sandbox, "POST", "/_sandbox/finish").await;
            let halfway = seen_anew(&sandbox, &there).await;
            assert!(halfway.is_halfway("size"), "{halfway:?}");
            assert_eq!(halfway.text("size"), Some("general1-2"));
        }
        // It is there and has its addresses all the while.
        let seen = seen_anew(&sandbox, &there).await;
        assert_eq!(seen.text("ipv4_address"), there.text("ipv4_address"));
        let second = connect(HURRIED, sandbox.url(), 0, None);
        let larger = resized(&*second, &there, "general1-2").await.unwrap();
        assert_eq!(larger.readiness, Readiness::Ready);
        assert_eq!(sandbox.struck(), [2]);
    }
}

#[tokio::test]
async fn a_size_that_somebody_else_left_unconfirmed_is_confirmed_before_another() {
    let sandbox = simulated(json!([counting()])).await;
    let (first, there) = up(&sandbox).await;
    let begun = update(&*first, &there, ("size", "general1-2")).await;
    assert_eq!(begun.unwrap(), Updated::Underway);
    let second = connect(HURRIED, sandbox.url(), 0, None);
    let largest = resized(&*second, &there, "general1-4").await.unwrap();
    assert_eq!(largest.text("size"), Some("general1-4"));
    assert_eq!(sandbox.struck(), [4], "two sizes, each confirmed");
}

#[tokio::test]
async fn a_server_gets_its_name_back() {
    let lost = json!({"method": "PUT", "path": SERVER, "kind": "do_then_drop", "nth": 2});
    let sandbox = simulated(json!([lost])).await;
    let (write, there) = up(&sandbox).await;
    for name in ["other", "web1"] {
        let Ok(Updated::Done(named)) = update(&*write, &there, ("name", name)).await else {
            panic!("it is done when it is answered")
        };
        assert_eq!((named.text("name"), &named.id), (Some(name), &there.id));
        assert_eq!(named.readiness, Readiness::Ready);
    }
    assert_eq!(sandbox.struck(), [1]);
}
