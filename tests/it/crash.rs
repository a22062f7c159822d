//! A service that is killed at any moment loses nothing and doubles nothing.

use std::time::Duration;

use serde_json::Value;
use standin::fixtures;
use standin::model::Script;
use tokio::task::JoinSet;

use super::world::{LIMIT, REPO, World};

/// Worlds at once: each keeps about one core busy.
const AT_ONCE: usize = 4;

/// The story to its end without a crash: what is seen, and its events.
async fn reference() -> (Value, Vec<Value>) {
    let world = World::start(&fixtures::breaking(), Script::default()).await;
    let number = world.ask("Bump `marked` to `4.3.0`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    let events = last_run(&world, summary["session"].as_str().unwrap()).await;
    let seen = world.seen().await;
    world.finish().await;
    (seen, events)
}

/// The events of a session from its last start on. A busy machine can cut a
/// run short, and then the session's numbers are not those of another one that
/// goes through at once.
#[expect(
    clippy::print_stderr,
    reason = "what cut the run short is worth knowing, and nothing here fails for it"
)]
pub(crate) async fn last_run(world: &World, session: &str) -> Vec<Value> {
    let events = world.service().events(session).await.unwrap();
    let start = events.iter().rposition(|event| event["event"] == "started").unwrap();
    if start > 0 {
        let log = world.log();
        let trouble = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
        eprintln!("session {session} began again:\n{}", trouble.collect::<Vec<_>>().join("\n"));
    }
    events.into_iter().skip(start).collect()
}

/// The events to kill after. A run that dies before its change is accepted
/// begins again from the start, wherever that was, so every seventh of those
/// tells as much; from there on each one counts. `CHAPERONE_KILLS=all` takes
/// them all, which takes three times as long.
fn kills(events: &[Value]) -> Vec<u64> {
    let accepted = events.iter().position(|event| event["event"] == "accepted").unwrap();
    let all = std::env::var_os("CHAPERONE_KILLS").is_some_and(|kills| kills == "all");
    (0..events.len()).filter(|at| all || *at >= accepted || at % 7 == 0).map(|at| at as u64 + 1).collect()
}

/// Kills the service when `event` is durable, starts it again, and returns
/// what is seen in the end.
async fn killed_after(event: u64) -> Value {
    let mut world = World::without_service(&fixtures::breaking(), Script::default()).await;
    world.resume(Some(event)).await;
    let number = world.ask("Bump `marked` to `4.3.0`").await;
    held(&world, event).await;
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "killed after event {event}: {summary:#}");
    let seen = world.seen().await;
    world.finish().await;
    seen
}

/// Waits until the session's log has stopped at `event`.
pub(crate) async fn held(world: &World, event: u64) {
    let reached = async {
        loop {
            let sessions = world.service().sessions().await.unwrap();
            let session =
                sessions.first().and_then(|session| session["session"].as_str()).unwrap_or_default();
            if world.service().events(session).await.unwrap().len() as u64 >= event {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    if tokio::time::timeout(3 * LIMIT, reached).await.is_err() {
        panic!("event {event} was not reached; {}", progress(world).await);
    }
}

/// Every session with the names of its events, for a test that waited in vain.
async fn progress(world: &World) -> String {
    let mut told = Vec::new();
    for session in world.service().sessions().await.unwrap_or_default() {
        let id = session["session"].as_str().unwrap_or_default();
        let events = world.service().events(id).await.unwrap_or_default();
        let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        told.push(format!("{id} has {} events: {}", names.len(), names.join(" ")));
    }
    told.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_event_ends_in_the_same_state() {
    let (expected, events) = reference().await;
    assert!(events.len() > 40, "the story has only {} events", events.len());
    let mut running = JoinSet::new();
    let check = |(event, seen): (u64, Value)| {
        assert_eq!(seen, expected, "killed after event {event}");
    };
    // The last event closes the log; after it there is nothing to lose but
    // the job's own row.
    for event in kills(&events) {
        if running.len() >= AT_ONCE {
            check(running.join_next().await.unwrap().unwrap());
        }
        running.spawn(async move { (event, killed_after(event).await) });
    }
    while let Some(done) = running.join_next().await {
        check(done.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_answered_survives_a_kill() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(1)).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    assert_eq!(world.ended(number).await["outcome"], "pr_opened");
    assert_eq!(world.github.repo(REPO).issues.len(), 2);
    world.finish().await;
}
