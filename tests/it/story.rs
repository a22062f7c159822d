//! The main job: a label becomes a judged pull request.

use standin::fixtures;
use standin::github::{Fault, FaultKind, client};
use standin::model::Script;
use tokio::process::Command;

use super::world::{REPO, World, chaperone};

const BREAKING: &str = "Bump `marked` to `4.3.0`";
const BRANCH: &str = "agent/bump/marked-4.3.0";

#[tokio::test(flavor = "multi_thread")]
async fn a_label_becomes_a_judged_pull_request() {
    let world = World::start(&fixtures::breaking(), Script::default()).await;
    let number = world.github.open_issue(REPO, BREAKING, "");
    let delivery = world.github.label(REPO, number, "agent:bump", "octocat");
    let (status, _) = world.service().deliver(&delivery).await.unwrap();
    assert_eq!(status, 202);
    let eyes = |repo: &standin::github::Repo| {
        repo.issues[&number].reactions.values().any(|reaction| reaction == "eyes")
    };
    world.github.wait_for(REPO, std::time::Duration::from_secs(2), eyes).await.unwrap();

    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!((summary["repair_calls"].as_u64(), summary["judge_calls"].as_u64()), (Some(4), Some(1)));

    // The fix is on the branch, the lockfile has no new addresses.
    let fixed = world.github.file(REPO, BRANCH, "src/render.js").await.unwrap().unwrap();
    assert!(fixed.contains("const { marked } = require('marked');"), "{fixed}");
    let lockfile = world.github.file(REPO, BRANCH, "package-lock.json").await.unwrap().unwrap();
    assert!(lockfile.contains("\"version\": \"4.3.0\"") && !lockfile.contains("resolved"), "{lockfile}");
    let manifest = world.github.file(REPO, BRANCH, "package.json").await.unwrap().unwrap();
    assert!(manifest.contains("\"marked\": \"^4.3.0\""), "{manifest}");

    // What a person sees.
    let repo = world.github.repo(REPO);
    let issue = &repo.issues[&number];
    assert_eq!(issue.labels.iter().collect::<Vec<_>>(), ["agent:done"]);
    assert_eq!(issue.reactions.values().collect::<Vec<_>>(), ["rocket"]);
    assert_eq!(issue.comments.len(), 1);
    let comment = issue.comments.values().next().unwrap();
    for part in
        ["verified", "| Baseline | ok | build · 2 passed |", "| Judge | accept |", "Requested by octocat"]
    {
        assert!(comment.contains(part), "{part:?} is not in {comment:?}");
    }
    let pull = &repo.issues[&(number + 1)];
    assert_eq!(pull.title, "Bump marked from 3.0.8 to 4.3.0");
    for part in ["Fixes #1", "`src/render.js` changed (+1 −1)", "## Not verified", "a person merges"] {
        assert!(pull.body.contains(part), "{part:?} is not in {}", pull.body);
    }
    let mut checks: Vec<_> = repo
        .checks
        .values()
        .map(|check| (check.body["name"].as_str().unwrap(), check.body["conclusion"].as_str().unwrap()))
        .collect();
    checks.sort_unstable();
    assert_eq!(
        checks,
        [("agent / judge", "success"), ("agent / test-integrity", "success"), ("agent / verify", "success")]
    );
    assert!(
        !world
            .github
            .requests()
            .iter()
            .any(|request| request.contains("merge") || request.contains("reviews"))
    );

    // The same delivery again changes nothing.
    let before = world.seen().await;
    let (status, answer) = world.service().deliver(&delivery).await.unwrap();
    assert_eq!((status, answer.contains("duplicate")), (202, true));
    assert_eq!(world.seen().await, before);

    everything_is_kept(&world, summary["session"].as_str().unwrap()).await;
    world.finish().await;
}

/// The log, the pages and the replay hold the whole session, and no secret.
async fn everything_is_kept(world: &World, session: &str) {
    let events = world.service().events(session).await.unwrap();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in [
        "started",
        "checkout",
        "resolved",
        "command",
        "fetched",
        "model_request",
        "model_reply",
        "tool_call",
        "patch",
        "verified",
        "integrity",
        "judged",
        "accepted",
        "intent",
        "effect",
        "ended",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    assert!(events.iter().zip(1..).all(|(event, seq)| event["seq"] == seq && event["format"] == 1));

    let get = async |path: &str| {
        let url = format!("{}{path}", world.service().url());
        client().unwrap().get(url).send().await.unwrap().text().await.unwrap()
    };
    let list = get("/sessions").await;
    assert!(list.contains("Bump marked from 3.0.8 to 4.3.0") && list.contains("pr_opened"));
    let page = get(&format!("/sessions/{session}")).await;
    for part in
        ["Test integrity", "const { marked }", "tool edit_file", "judge: accept", "prefers-color-scheme"]
    {
        assert!(page.contains(part), "{part:?} is not in the page");
    }
    assert!(
        get(&format!("/sessions/{session}/patch")).await.contains("+const { marked } = require('marked');")
    );

    let replay = Command::new(chaperone())
        .args(["replay", session, "--config"])
        .arg(world.service().config())
        .output()
        .await
        .unwrap();
    let replay = String::from_utf8(replay.stdout).unwrap();
    assert!(replay.contains("tool edit_file (ok") && replay.contains("ended: pr_opened"), "{replay}");

    let all = format!("{events:?}{page}{replay}");
    for secret in [standin::service::SECRET, standin::model::KEY, "ghs_", "PRIVATE KEY"] {
        assert!(!all.contains(secret), "a secret was kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bump_that_breaks_nothing_asks_the_model_for_no_repair() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(world.model.calls(), (0, 1));
    assert_eq!(summary["turns"], 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_github_that_is_lost_doubles_nothing() {
    let lossless = World::start(&fixtures::quiet(), Script::default()).await;
    let number = lossless.ask("Bump `ms` to `2.1.3`").await;
    lossless.ended(number).await;
    let expected = lossless.seen().await;
    lossless.finish().await;

    let world = World::start(&fixtures::quiet(), Script::default()).await;
    for (method, path) in [
        ("POST", "/comments"),
        ("POST", "/reactions"),
        ("POST", "/labels"),
        ("POST", "/pulls"),
        ("POST", "/check-runs"),
        ("PATCH", "/comments"),
    ] {
        world.github.fault(Fault { method, path, kind: FaultKind::AppliedThenLost, times: 1 });
    }
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(world.seen().await, expected);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_open_already_is_not_opened_again() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let first = world.ask("Bump `ms` to `2.1.3`").await;
    world.ended(first).await;
    let second = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(second).await;
    assert_eq!(summary["outcome"], "already_open", "{summary:#}");
    let pulls = world.github.repo(REPO).issues.values().filter(|issue| issue.pull.is_some()).count();
    assert_eq!(pulls, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_write_access_gets_a_reaction_and_nothing_runs() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    for sender in ["reader", "stranger"] {
        let number = world.ask_as("Bump `ms` to `2.1.3`", sender).await;
        let summary = world.ended(number).await;
        assert_eq!(summary["outcome"], "declined_unauthorized", "{summary:#}");
        let repo = world.github.repo(REPO);
        let issue = &repo.issues[&number];
        assert_eq!(issue.reactions.values().collect::<Vec<_>>(), ["confused"]);
        assert!(issue.comments.is_empty());
    }
    assert_eq!(world.model.calls(), (0, 0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_github_is_down_the_session_closes_and_says_so() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    world.github.fault(Fault { method: "POST", path: "/issues", kind: FaultKind::Status(500), times: 1000 });
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "internal_error", "{summary:#}");
    assert!(summary["detail"].as_str().unwrap().contains("could not be reached"), "{summary:#}");
    world.finish().await;
}
