//! The App's whole life, every call of it checked against GitHub's own
//! description of its API: the stand-in answers, and sends each request on to
//! the checker. Without the checker this says so and passes.

use chaperone::github::convert_manifest;
use serde_json::{Value, json};
use standin::fixtures;
use standin::github::{Alert, Delivery, Repo};
use standin::model::{Agent, Edit, Script};

use super::conformance::{Checking, checker};
use super::world::{LIMIT, REPO, World};

const REVIEW: &str = "Say why the import is written so.";

fn script() -> Script {
    let edit = Edit {
        path: "src/render.js".into(),
        old: "const { marked } = require('marked');".into(),
        new: "// Named since 4.\nconst { marked } = require('marked');".into(),
    };
    let agent = Agent::About(vec![(REVIEW.to_owned(), Agent::Edits(vec![edit]))]);
    Script { agent, ..Script::default() }
}

async fn deliver(world: &World, delivery: &Delivery) {
    let (status, answer) = world.service().deliver(delivery).await.unwrap();
    assert_eq!(status, 202, "{answer}");
}

/// Waits until so many sessions have ended, and returns the newest.
async fn ended(world: &World, count: usize) -> Value {
    let ended = async {
        loop {
            let sessions = world.service().sessions().await.unwrap_or_default();
            if sessions.len() == count && sessions.iter().all(|session| !session["outcome"].is_null()) {
                return sessions[0].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    };
    match tokio::time::timeout(LIMIT, ended).await {
        Ok(session) => session,
        Err(_late) => panic!("{count} sessions did not end\n{}", world.log()),
    }
}

async fn until(world: &World, condition: impl Fn(&Repo) -> bool) {
    if let Err(error) = world.github.wait_for(REPO, LIMIT, condition).await {
        panic!("{error:#}\n{}", world.log());
    }
}

/// Words to an issue, and what is said in answer.
async fn say(world: &World, number: u64, login: &str, words: &str, answer: &str) {
    deliver(world, &world.github.comment(REPO, number, login, words)).await;
    let said = |repo: &Repo| repo.issues[&number].comments.values().any(|comment| comment.contains(answer));
    until(world, said).await;
}

/// One of our check runs on the pull request's head.
fn check_of(world: &World, name: &str) -> u64 {
    let repo = world.github.repo(REPO);
    let found = repo.checks.iter().rev().find(|(_, check)| check.body["name"] == name);
    *found.unwrap_or_else(|| panic!("no {name}")).0
}

async fn live(world: &World) {
    let issue = world.ask("Bump `marked` to `4.3.0`").await;
    let (first, pull) = (ended(world, 1).await, issue + 1);
    assert_eq!(first["outcome"], "pr_opened", "{first:#}");
    say(world, issue, "octocat", "/agent help", "/agent appeal").await;
    say(world, pull, "octocat", "/agent explain", "Baseline").await;
    say(world, pull, "reader", "/agent retry", "only people with write access").await;
    say(world, pull, "octocat", "/agent frobnicate", "/agent frobnicate").await;
    let button = world.github.press(REPO, check_of(world, "agent / judge"), "explain", "octocat");
    deliver(world, &button).await;

    deliver(world, &world.github.comment(REPO, pull, "octocat", "/agent retry slowly")).await;
    assert_eq!(ended(world, 2).await["outcome"], "pr_updated");
    let lines = [("src/render.js", 1, "Here.")];
    let review = world.github.review(REPO, pull, "octocat", ("changes_requested", REVIEW, &lines));
    deliver(world, &review).await;
    let revised = ended(world, 3).await;
    assert_eq!(revised["outcome"], "pr_updated", "{revised:#}");
    let again = world.github.rerequest_check(REPO, check_of(world, "agent / verify"), "octocat");
    deliver(world, &again).await;
    ended(world, 4).await;

    // An alert that nothing fixes ends with a check run that says so.
    let alert = world.github.add_alert(REPO, Alert::npm("marked", "GHSA-aaaa-bbbb-cccc", "> 0", None));
    deliver(world, &world.github.alert_delivery(REPO, alert, "created")).await;
    ended(world, 5).await;
    let merged = world.github.merge(REPO, pull, "octocat").await.unwrap();
    deliver(world, &merged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_of_a_whole_life_is_wrong_by_githubs_own_words() {
    let Some(checker) = checker() else { return };
    let mut world = World::without_service(&fixtures::breaking(), script()).await;
    let checking = Checking::start(&checker, world.github.private_key(), &json!({})).await;
    world.github.mirror_to(&checking.root);
    // A delivery that was lost: the sweep asks for it again.
    let number = world.github.open_issue(REPO, "Lost", "");
    let lost = world.github.comment(REPO, number, "octocat", "/agent status");
    world.github.lose(&lost, 502);
    world.resume(None).await;
    let said = |repo: &Repo| {
        !repo.issues[&number].comments.values().all(|comment| comment.contains("/agent status"))
    };
    until(&world, said).await;
    live(&world).await;
    let code = world.github.created_app(json!({ "name": "x", "url": "http://agent.test" }));
    convert_manifest(&world.github.api_url(), &code).await.unwrap();

    let (_, report) = checking.ask("report").await;
    assert!(report["calls"].as_u64().is_some_and(|calls| calls > 100), "{report:#}");
    let (status, verdict) = checking.ask("assert").await;
    assert_eq!(status, 200, "{verdict} {report:#}");
    assert_eq!(report["warnings"], json!([]), "{report:#}");
    world.finish().await;
}
