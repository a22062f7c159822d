//! What happens between a delivery and a session.

use std::time::{Duration, Instant};

use standin::fixtures;
use standin::github::Repo;
use standin::model::Script;

use super::world::{LIMIT, REPO, World};

/// Issues are labelled until so many sessions run and do not end.
async fn hold_sessions(count: usize) -> World {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.more = world.setup.more.replace("[queue]\n", &format!("[queue]\nworkers = {count}\n"));
    world.resume(Some(1)).await;
    for _ in 0..count {
        world.ask("Bump `ms` to `2.1.3`").await;
    }
    let running = async {
        loop {
            let sessions = world.service().sessions().await.unwrap();
            if sessions.iter().filter(|session| !session["started"].is_null()).count() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(LIMIT, running).await.expect("the sessions run");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_seen_within_two_seconds_while_twenty_sessions_run() {
    let mut world = hold_sessions(20).await;
    let number = world.github.open_issue(REPO, "Bump `ms` to `2.1.3`", "");
    let delivery = world.github.label(REPO, number, "agent:bump", "octocat");
    let asked = Instant::now();
    let (status, answer) = world.service().deliver(&delivery).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    let eyes = |repo: &Repo| repo.issues[&number].reactions.values().any(|reaction| reaction == "eyes");
    world.github.wait_for(REPO, Duration::from_secs(2), eyes).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "seen after {:?}", asked.elapsed());
    world.service.take().unwrap().kill().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_answered_is_seen_after_a_kill() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    // GitHub is silent until the service is killed, so the sign is still due.
    let fault = standin::github::Fault {
        method: "POST",
        path: "/reactions",
        kind: standin::github::FaultKind::Status(500),
        times: 1000,
    };
    world.github.fault(fault);
    world.setup.more = world.setup.more.replace("[queue]\n", "[queue]\nworkers = 1\n");
    world.resume(Some(1)).await;
    world.ask("Bump `ms` to `2.1.3`").await;
    let number = world.ask("Bump `ms` to `2.1.2`").await;
    world.service.take().unwrap().kill().await.unwrap();
    world.github.clear_faults();
    world.resume(Some(1)).await;
    let eyes = |repo: &Repo| repo.issues[&number].reactions.values().any(|reaction| reaction == "eyes");
    world.github.wait_for(REPO, LIMIT, eyes).await.unwrap();
    world.service.take().unwrap().kill().await.unwrap();
    world.finish().await;
}
