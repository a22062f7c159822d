//! What people say in comments, end to end: who may, what is answered, what
//! it stops.

use serde_json::Value;
use standin::fixtures;
use standin::github::{BOT, Delivery, Repo};
use standin::model::Script;

use super::world::{LIMIT, REPO, World};

/// A service whose sessions stop at their first event, with so many workers.
async fn held(workers: usize) -> World {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.more = world.setup.more.replace("[queue]\n", &format!("[queue]\nworkers = {workers}\n"));
    world.resume(Some(1)).await;
    world
}

async fn deliver(world: &World, delivery: &Delivery) {
    let (status, answer) = world.service().deliver(delivery).await.unwrap();
    assert_eq!(status, 202, "{answer}");
}

/// What the App has said below an issue.
fn said(repo: &Repo, number: u64) -> Vec<String> {
    let comments = repo.issues[&number].comments.values();
    comments.filter(|comment| comment.author == BOT).map(|comment| comment.body.clone()).collect()
}

async fn until_said(world: &World, number: u64, words: &str) {
    let there = |repo: &Repo| said(repo, number).iter().any(|body| body.contains(words));
    if let Err(error) = world.github.wait_for(REPO, LIMIT, there).await {
        panic!(
            "{words:?} was not said: {error:#}\n{:?}\n{}",
            said(&world.github.repo(REPO), number),
            world.log()
        );
    }
}

/// The signs on the comment that holds these words.
fn signs(repo: &Repo, number: u64, words: &str) -> Vec<String> {
    let comments = repo.issues[&number].comments.values();
    let theirs = comments.filter(|comment| comment.author != BOT && comment.body == words);
    theirs.flat_map(|comment| comment.reactions.values().cloned()).collect()
}

/// The request's session, once it has begun.
async fn begun(world: &World, number: u64) -> Value {
    let begun = async {
        loop {
            let sessions = world.service().sessions().await.unwrap();
            if let Some(session) = sessions.iter().find(|session| session["request"]["number"] == number) {
                return session.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIMIT, begun).await.expect("the session begins")
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_answered_once_and_nothing_is_started_for_those_who_may_not() {
    let mut world = held(1).await;
    let number = world.github.open_issue(REPO, "Old", "");
    let say = async |login: &str, body: &str| {
        let delivery = world.github.comment(REPO, number, login, body);
        deliver(&world, &delivery).await;
        delivery
    };
    say("octocat", "/agent help").await;
    until_said(&world, number, "`/agent appeal <reason>`").await;
    say("octocat", "/agent status").await;
    until_said(&world, number, "There is no session here").await;
    say("octocat", "/agent dance").await;
    until_said(&world, number, "/agent dance").await;
    say("reader", "/agent bump ms").await;
    let refused = say("reader", "/agent bump ms@2.1.3").await;
    until_said(&world, number, "only people with write access").await;
    let confused = |repo: &Repo| signs(repo, number, "/agent bump ms@2.1.3") == ["confused"];
    world.github.wait_for(REPO, LIMIT, confused).await.unwrap();
    // Quotes and fences say nothing, and a delivery counts once.
    say("octocat", "> /agent help\n\n```\n/agent help\n```").await;
    deliver(&world, &refused).await;
    let (_, answer) = world.service().deliver(&refused).await.unwrap();
    assert!(answer.contains("duplicate"), "{answer}");
    let all = said(&world.github.repo(REPO), number);
    assert_eq!(all.iter().filter(|body| body.contains("only people with write access")).count(), 1);
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(world.service().sessions().await.unwrap().is_empty());
    world.service.take().unwrap().kill().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_starts_a_session_and_stop_ends_it_at_once() {
    let mut world = held(1).await;
    let number = world.github.open_issue(REPO, "Old", "");
    deliver(&world, &world.github.comment(REPO, number, "octocat", "/agent bump ms@2.1.3")).await;
    let session = begun(&world, number).await;
    assert_eq!(session["request"]["bump"]["version"], "2.1.3", "{session:#}");
    // Somebody's own words do not stop their session.
    deliver(&world, &world.github.comment(REPO, number, "octocat", "/agent retry")).await;
    until_said(&world, number, "is at work here").await;
    deliver(&world, &world.github.comment(REPO, number, "octocat", "/agent stop")).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert_eq!(summary["detail"], "octocat stopped it with `/agent stop`");
    until_said(&world, number, "was asked to stop").await;
    until_said(&world, number, "octocat stopped it").await;
    world.service.take().unwrap().stop().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_is_stopped_without_a_worker_by_whoever_may() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.more = world.setup.more.replace("[queue]\n", "[queue]\nworkers = 1\n");
    world.resume(None).await;
    let first = world.ask("Bump `ms` to `2.1.3`").await;
    begun(&world, first).await;
    let second = world.ask("Bump `ms` to `2.1.2`").await;
    deliver(&world, &world.github.close_issue(REPO, second, "reader")).await;
    deliver(&world, &world.github.close_issue(REPO, second, "octocat")).await;
    let summary = world.ended(second).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert!(summary["detail"].as_str().unwrap().contains("octocat"), "{summary:#}");
    until_said(&world, second, "closed by octocat").await;
    assert!(begun(&world, first).await["outcome"].is_null(), "the only worker was free");
    assert_eq!(world.ended(first).await["outcome"], "pr_opened");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_takes_its_sessions_with_it_in_silence() {
    let mut world = held(1).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    begun(&world, number).await;
    deliver(&world, &world.github.archive(REPO)).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert!(summary["detail"].as_str().unwrap().contains("archived"), "{summary:#}");
    assert!(said(&world.github.repo(REPO), number).is_empty());
    world.service.take().unwrap().stop().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_while_nobody_listened_is_asked_for_again() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    let number = world.github.open_issue(REPO, "Bump `ms` to `2.1.3`", "");
    let delivery = world.github.label(REPO, number, "agent:bump", "octocat");
    world.github.lose(&delivery, 0);
    world.resume(Some(1)).await;
    begun(&world, number).await;
    assert_eq!(world.github.attempts(&delivery.guid), [0, 202]);
    world.service.take().unwrap().kill().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_nobody_told_of_is_found_by_the_sweep() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.github.push_str("sweep_seconds = 1\n");
    world.resume(Some(1)).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    begun(&world, number).await;
    let _untold = world.github.close_issue(REPO, number, "octocat");
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert_eq!(summary["detail"], format!("issue {number} was closed"));
    world.service.take().unwrap().stop().await.unwrap();
    world.finish().await;
}
