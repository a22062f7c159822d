//! The ways of a session that takes up an earlier one, or somebody else's
//! pull request: again, revised, appealed against, superseded.

use std::time::Duration;

use chaperone::change::{Bump, Request, Way};
use chaperone::clock::Clock;
use chaperone::db;
use chaperone::queue::{Queue, Settings};
use serde_json::{Value, json};
use standin::fixtures;
use standin::github::client;
use standin::model::{Agent, Edit, Judge, Script, tool_use};

use super::world::{LIMIT, REPO, World};

const ASKED: &str = "Bump `marked` to `4.3.0`";
const BRANCH: &str = "agent/bump/marked-4.3.0";

/// The request of a session, as it was kept.
fn request_of(summary: &Value) -> Request {
    serde_json::from_value(summary["request"].clone()).unwrap()
}

/// Adds a job beside the running service, as the clerk would.
async fn submit(world: &World, request: &Request) -> String {
    let pool = db::open(&world.setup.dir.join("data/chaperone.db")).await.unwrap();
    let settings = Settings { lease: Duration::from_secs(2), max_retries: 1 };
    let queue = Queue::open(pool.clone(), Clock, settings);
    let session = queue.submit(request).await.unwrap().to_string();
    queue.close().await;
    pool.close().await;
    session
}

/// A session's end, by its name.
async fn end_of(world: &World, session: &str) -> Value {
    let ended = async {
        loop {
            let sessions = world.service().sessions().await.unwrap_or_default();
            let ours = sessions.into_iter().find(|summary| summary["session"] == session);
            if let Some(summary) = ours.filter(|summary| !summary["outcome"].is_null()) {
                return summary;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.unwrap_or_else(|_late| panic!("no end\n{}", world.log()))
}

/// The same request, gone another way.
async fn go(world: &World, before: &Value, way: Way) -> Value {
    let session = submit(world, &Request { way, ..request_of(before) }).await;
    end_of(world, &session).await
}

fn session(summary: &Value) -> chaperone::ids::SessionId {
    summary["session"].as_str().unwrap().parse().unwrap()
}

/// A world in which the first session has opened its pull request.
async fn opened(script: Script) -> (World, Value, u64) {
    let world = World::start(&fixtures::breaking(), script).await;
    let number = world.ask(ASKED).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    (world, summary, number + 1)
}

/// The check runs of a session that left the head as it was.
fn verdicts_hang_on_the_head(world: &World, summary: &Value, head: &str) {
    let repo = world.github.repo(REPO);
    let session = summary["session"].as_str().unwrap();
    for (key, conclusions) in [
        ("verify", ["success", "failure"]),
        ("integrity", ["failure", "failure"]),
        ("judge", ["cancelled", "cancelled"]),
    ] {
        let ours = repo.checks.values().find(|check| check.body["external_id"] == format!("{session}/{key}"));
        let ours = ours.unwrap_or_else(|| panic!("no {key} in {:#?}", repo.checks));
        let conclusion = ours.body["conclusion"].as_str().unwrap();
        assert!(ours.sha == head && conclusions.contains(&conclusion), "{:#}", ours.body);
        let buttons: Vec<_> =
            ours.body["actions"].as_array().unwrap().iter().map(|a| a["identifier"].clone()).collect();
        assert_eq!(buttons, ["retry", "explain"], "{:#}", ours.body);
    }
}

fn pulls(world: &World) -> usize {
    world.github.repo(REPO).issues.values().filter(|issue| issue.pull.is_some()).count()
}

/// The text of all requests to the model in a session.
async fn told(world: &World, summary: &Value, caller: &str) -> Vec<String> {
    let events = world.service().events(summary["session"].as_str().unwrap()).await.unwrap();
    let requests = events.iter().filter(|event| event["event"] == "model_request");
    requests.filter(|event| event["caller"] == caller).map(|event| event["body"].to_string()).collect()
}

async fn somebody_pushes(world: &World, branch: &str) -> String {
    let files = [("notes.md", Some("by hand\n"))];
    world.github.push_to(REPO, branch, &files, ("octocat", "by hand")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_again_the_open_pull_request_is_brought_up_to_date_from_the_branch_as_it_is_now() {
    let (world, first, pull) = opened(Script::default()).await;
    let before = world.github.head_commit(REPO, pull);
    let on_main = somebody_pushes(&world, "main").await;

    let hint = "Keep the braces tidy.\n@everyone";
    let way = Way::Again { after: session(&first), hint: Some(hint.to_owned()) };
    let again = go(&world, &first, way).await;
    assert_eq!(again["outcome"], "pr_updated", "{again:#}");
    assert_eq!((pulls(&world), again["branch"].as_str()), (1, Some(BRANCH)));
    assert_eq!(again["base"]["commit"], on_main, "{again:#}");
    assert_ne!(world.github.head_commit(REPO, pull), before);
    let by_hand = world.github.file(REPO, BRANCH, "notes.md").await.unwrap();
    assert_eq!(by_hand.as_deref(), Some("by hand\n"), "the branch is not on the new base");
    let told = told(&world, &again, "agent").await;
    assert!(told[0].contains("> Keep the braces tidy.") && told[0].contains("write access"), "{}", told[0]);

    // Somebody else's commit is never written over.
    let theirs = somebody_pushes(&world, BRANCH).await;
    let way = Way::Again { after: session(&again), hint: None };
    let third = go(&world, &first, way).await;
    assert_eq!(third["outcome"], "head_moved", "{third:#}");
    assert_eq!(world.github.head_commit(REPO, pull), theirs);
    world.finish().await;
}

const INSTRUCTION: &str = "Please say in the code which version this is for.";

/// Repairs, and does what the review asks for.
fn revising() -> Script {
    let edit = Edit {
        path: "src/render.js".into(),
        old: "const { marked } = require('marked');".into(),
        new: "// For marked 4.\nconst { marked } = require('marked');".into(),
    };
    let agent = Agent::About(vec![(INSTRUCTION.to_owned(), Agent::Edits(vec![edit]))]);
    Script { agent, ..Script::default() }
}

fn revise(world: &World, of: &Value, pull: u64) -> Way {
    let head = world.github.head_commit(REPO, pull).parse().unwrap();
    Way::Revise { of: session(of), pull, head, instruction: INSTRUCTION.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_becomes_a_further_commit_on_the_same_branch() {
    let (world, first, pull) = opened(revising()).await;
    let before = world.github.head_commit(REPO, pull);
    let revised = go(&world, &first, revise(&world, &first, pull)).await;
    assert_eq!(revised["outcome"], "pr_updated", "{revised:#}");
    assert_eq!((pulls(&world), revised["branch"].as_str()), (1, Some(BRANCH)));
    let now = world.github.file(REPO, BRANCH, "src/render.js").await.unwrap().unwrap();
    assert!(now.contains("// For marked 4.\nconst { marked }"), "{now}");
    let manifest = world.github.file(REPO, BRANCH, "package.json").await.unwrap().unwrap();
    assert!(manifest.contains("\"marked\": \"^4.3.0\""), "{manifest}");
    // Held against the same base, on top of the head that was reviewed.
    assert_eq!(revised["base"], first["base"]);
    let events = world.service().events(revised["session"].as_str().unwrap()).await.unwrap();
    let aimed = events.iter().find(|event| event["event"] == "aimed").unwrap();
    assert_eq!(
        (aimed["aim"]["head"].as_str(), aimed["aim"]["on_top"].as_bool()),
        (Some(&*before), Some(true))
    );
    for caller in ["agent", "judge"] {
        let told = told(&world, &revised, caller).await;
        assert!(told[0].contains(&format!("> {INSTRUCTION}")), "{caller}: {}", told[0]);
    }
    let permissions = events.iter().filter(|event| event["event"] == "permission");
    let moments: Vec<&str> = permissions.map(|event| event["moment"].as_str().unwrap()).collect();
    assert_eq!(moments, ["start", "push"]);

    // Asked again, the work of both sessions gives way: it is all ours.
    let way = Way::Again { after: session(&revised), hint: None };
    let again = go(&world, &first, way).await;
    assert_eq!(again["outcome"], "pr_updated", "{again:#}");
    let now = world.github.file(REPO, BRANCH, "src/render.js").await.unwrap().unwrap();
    assert!(!now.contains("For marked 4"), "{now}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_moved_or_closed_after_the_review_is_left_alone() {
    let (world, first, pull) = opened(revising()).await;
    let way = revise(&world, &first, pull);
    let theirs = somebody_pushes(&world, BRANCH).await;
    let moved = go(&world, &first, way).await;
    assert_eq!(moved["outcome"], "head_moved", "{moved:#}");
    assert_eq!(world.github.head_commit(REPO, pull), theirs);

    // Of the head that is there now it is done, on top of the other's commit.
    let revised = go(&world, &first, revise(&world, &first, pull)).await;
    assert_eq!(revised["outcome"], "pr_updated", "{revised:#}");
    let by_hand = world.github.file(REPO, BRANCH, "notes.md").await.unwrap();
    assert_eq!(by_hand.as_deref(), Some("by hand\n"));
    let again = go(&world, &first, Way::Again { after: session(&revised), hint: None }).await;
    assert_eq!(again["outcome"], "head_moved", "a commit below ours is not ours: {again:#}");

    let way = revise(&world, &revised, pull);
    let _told = world.github.close_pull(REPO, pull, false, "octocat");
    let closed = go(&world, &first, way).await;
    assert_eq!(closed["outcome"], "cancelled", "{closed:#}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_empties_a_test_of_the_base_is_refused_and_its_tree_can_be_fetched() {
    let weak = "const test = require('node:test');\ntest('a heading is a heading', () => {});\ntest('the title is there', () => {});\n";
    let edit = tool_use("write_file", &json!({ "path": "test/render.test.js", "content": weak }));
    let agent = Agent::About(vec![(INSTRUCTION.to_owned(), Agent::Always(edit))]);
    let (world, first, pull) = opened(Script { agent, ..Script::default() }).await;
    let before = world.github.head_commit(REPO, pull);
    let revised = go(&world, &first, revise(&world, &first, pull)).await;
    assert_eq!(revised["outcome"], "limit_turns", "{revised:#}");
    verdicts_hang_on_the_head(&world, &revised, &before);
    assert!(
        revised["findings"].as_array().is_some_and(|findings| !findings.is_empty()),
        "the tree that the limit left was not looked at: {revised:#}"
    );
    assert_eq!(world.github.head_commit(REPO, pull), before);
    let url = format!("{}/sessions/{}/patch", world.service().url(), revised["session"].as_str().unwrap());
    let patch = client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
    // All of the pull request, with what was done on top of it.
    assert!(patch.contains("+const { marked } = require('marked');"), "{patch}");
    assert!(patch.contains("test/render.test.js"), "{patch}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_is_judged_again_beside_the_reason_and_both_verdicts_are_kept() {
    let reason = "The braces are what marked 4 asks for.";
    let judge = Judge::Unless(reason.to_owned());
    let world = World::start(&fixtures::breaking(), Script { judge, ..Script::default() }).await;
    let number = world.ask(ASKED).await;
    let first = world.ended(number).await;
    assert_eq!(first["outcome"], "judge_vetoed", "{first:#}");

    let unmoved = go(&world, &first, Way::Appeal { of: session(&first), reason: "I like it.".into() }).await;
    assert_eq!(unmoved["outcome"], "judge_vetoed", "{unmoved:#}");
    assert_eq!(pulls(&world), 0);

    let asked = world.model.calls().0;
    let heard = go(&world, &first, Way::Appeal { of: session(&first), reason: reason.into() }).await;
    assert_eq!(heard["outcome"], "pr_opened", "{heard:#}");
    assert_eq!(world.model.calls().0, asked, "an appeal edits nothing");
    assert_eq!(pulls(&world), 1);
    let events = world.service().events(heard["session"].as_str().unwrap()).await.unwrap();
    let appealed = events.iter().find(|event| event["event"] == "appealed").unwrap();
    assert_eq!(
        (appealed["first"]["verdict"].as_str(), appealed["second"]["verdict"].as_str()),
        (Some("veto"), Some("accept")),
        "{appealed:#}"
    );
    assert_eq!(appealed["reason"], reason);

    let none = go(&world, &heard, Way::Appeal { of: session(&heard), reason: reason.into() }).await;
    assert_eq!(none["outcome"], "declined_policy", "nothing was refused there: {none:#}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bots_red_pull_request_is_superseded_and_never_touched() {
    let theirs = "dependabot/npm_and_yarn/marked-4.3.0";
    let world = World::start(&fixtures::breaking(), Script::default()).await;
    // An issue of ours first, for a request to copy.
    let number = world.ask("Bump `nothing-of-this-name`").await;
    let first = world.ended(number).await;
    let bot = "dependabot[bot]";
    let head = world
        .github
        .push_to(REPO, theirs, &[("package.json", Some("{}\n"))], (bot, "Bump marked"))
        .await
        .unwrap();
    let (pull, _told) = world.github.open_pull(REPO, theirs, "Bump marked from 3.0.8 to 4.3.0", bot);
    let mut request = Request { bump: None::<Bump>, ..request_of(&first) };
    request.way = Way::Sibling { pull, author: bot.to_owned() };
    let session = submit(&world, &request).await;
    let summary = end_of(&world, &session).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(summary["branch"], BRANCH);
    assert_eq!((world.github.head_commit(REPO, pull), pulls(&world)), (head, 2));

    let _told = world.github.close_pull(REPO, pull, false, bot);
    let late = end_of(&world, &submit(&world, &request).await).await;
    assert_eq!(late["outcome"], "cancelled", "{late:#}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_before_the_push_stops_the_push() {
    let quiet = fixtures::quiet();
    let whole = World::start(&quiet, Script::default()).await;
    let number = whole.ask("Bump `ms` to `2.1.3`").await;
    let summary = whole.ended(number).await;
    let events = super::crash::last_run(&whole, summary["session"].as_str().unwrap()).await;
    let accepted = events.iter().position(|event| event["event"] == "accepted").unwrap() as u64 + 1;
    whole.finish().await;

    let mut world = World::without_service(&quiet, Script::default()).await;
    world.resume(Some(accepted)).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    super::crash::held(&world, accepted).await;
    world.github.permit(REPO, "octocat", "triage");
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "declined_unauthorized", "{summary:#}");
    assert_eq!(world.github.branches(REPO).await.unwrap().len(), 1, "a branch was pushed");
    world.finish().await;
}
