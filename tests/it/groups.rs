//! Several packages in one request: the green part is shipped, and what
//! breaks is worked on alone.

use standin::fixtures::{Files, breaking, quiet};
use standin::github::Repo;
use standin::model::Script;

use super::crash::{held, last_run};
use super::trial::{Checkout, git};
use super::world::{LIMIT, REPO, World};

/// `marked` breaks the code at 4.3.0; `ms` and `is-number` break nothing.
fn three() -> Files {
    let mut files = breaking();
    files.retain(|(path, _)| !path.starts_with("package"));
    files.extend(
        quiet().into_iter().filter(|(path, _)| path.starts_with("src/") || path.starts_with("test/")),
    );
    files.push((
        "package.json".to_owned(),
        r#"{
  "name": "three",
  "version": "1.0.0",
  "private": true,
  "scripts": { "test": "node --test" },
  "dependencies": { "is-number": "^6.0.0", "marked": "^3.0.8", "ms": "^2.0.0" }
}
"#
        .to_owned(),
    ));
    files.push(("package-lock.json".to_owned(), lockfile()));
    files
}

/// The entries of both fixtures, and one more.
fn lockfile() -> String {
    let of = |files: Files, name: &str| -> serde_json::Value {
        let text = files.into_iter().find(|(path, _)| path == "package-lock.json").unwrap().1;
        let lock: serde_json::Value = serde_json::from_str(&text).unwrap();
        lock["packages"][name].clone()
    };
    serde_json::to_string_pretty(&serde_json::json!({
        "name": "three", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": {
                "name": "three", "version": "1.0.0",
                "dependencies": { "is-number": "^6.0.0", "marked": "^3.0.8", "ms": "^2.0.0" }
            },
            "node_modules/is-number": {
                "version": "6.0.0",
                "integrity": "sha512-Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg==",
                "engines": { "node": ">=0.10.0" }
            },
            "node_modules/marked": of(breaking(), "node_modules/marked"),
            "node_modules/ms": of(quiet(), "node_modules/ms"),
        }
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_green_rest_is_shipped_and_the_breaker_is_worked_on_alone() {
    let checkout = Checkout::new(&three()).await;
    let asked = ["--bump", "is-number@7.0.0", "--bump", "marked@4.3.0", "--bump", "ms@2.1.3"];
    let (code, report) = checkout.attempt_with(&asked).await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("pr_opened")), "{report:#}");
    assert_eq!(report["model_calls"]["repair"], 0, "the green rest needs no model");
    let branch = report["branch"].as_str().unwrap();
    assert_eq!(branch, "agent/bump/is-number-7.0.0-and-1-more");
    let manifest = git(&checkout.repo(), &["show", &format!("{branch}:package.json")]).await;
    assert!(manifest.contains("^7.0.0") && manifest.contains("^2.1.3"), "{manifest}");
    assert!(manifest.contains("\"marked\": \"^3.0.8\""), "the breaker was shipped: {manifest}");

    let next = &report["next"];
    assert_eq!(next["outcome"], "pr_opened", "{report:#}");
    assert_eq!(next["branch"], "agent/bump/marked-4.3.0");
    assert!(next["model_calls"]["repair"].as_u64().unwrap() > 0);
    checkout.model.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_breaker_is_one_change() {
    let checkout = Checkout::new(&three()).await;
    let (code, report) = checkout.attempt_with(&["--bump", "is-number@7.0.0", "--bump", "ms@2.1.3"]).await;
    assert_eq!((code, report["outcome"].as_str()), (0, Some("pr_opened")), "{report:#}");
    assert!(report["next"].is_null());
    assert_eq!(checkout.model.calls(), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_names_a_group_gets_a_pull_request_for_each_part() {
    let world = World::start(&three(), Script::default()).await;
    let number = world.ask(GROUP).await;
    let repo = world.github.wait_for(REPO, 3 * LIMIT, both_open).await.unwrap();
    assert_eq!(pulls(&repo), PARTS);
    let bodies: Vec<&str> =
        repo.issues.values().filter(|issue| issue.pull.is_some()).map(|issue| issue.body.as_str()).collect();
    assert!(bodies[0].contains("`marked` needs a repair") && !bodies[0].contains("Fixes #"), "{}", bodies[0]);
    assert!(bodies[1].contains("Fixes #1"), "{}", bodies[1]);
    world.all_ended(number, 2).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_cannot_be_bumped_does_not_hold_the_others_back() {
    let checkout = Checkout::new(&three()).await;
    let (_, report) = checkout.attempt_with(&["--bump", "ms@99.0.0", "--bump", "is-number@7.0.0"]).await;
    assert_eq!(report["outcome"], "pr_opened", "{report:#}");
    assert_eq!(report["branch"], "agent/bump/is-number-7.0.0");
    assert_eq!(report["next"]["outcome"], "no_safe_version", "{report:#}");
    assert!(report["next"]["next"].is_null());
}

const GROUP: &str = "Bump `is-number` to `7.0.0`, `marked` to `4.3.0`, `ms` to `2.1.3`";
const PARTS: [&str; 2] = ["Bump is-number from 6.0.0 to 7.0.0 and 1 more", "Bump marked from 3.0.8 to 4.3.0"];

fn pulls(repo: &Repo) -> Vec<String> {
    repo.issues.values().filter(|issue| issue.pull.is_some()).map(|issue| issue.title.clone()).collect()
}

fn both_open(repo: &Repo) -> bool {
    pulls(repo).len() == 2
}

/// The pull requests of a world whose service was killed when this event of
/// the first session was durable.
async fn killed_after(event: &str, seq: u64) -> Vec<String> {
    let mut world = World::without_service(&three(), Script::default()).await;
    world.resume(Some(seq)).await;
    let number = world.ask(GROUP).await;
    held(&world, seq).await;
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    let repo = world.github.wait_for(REPO, 3 * LIMIT, both_open).await;
    let repo = repo.unwrap_or_else(|error| panic!("killed after {event}: {error:#}"));
    world.all_ended(number, 2).await;
    world.finish().await;
    pulls(&repo)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_doubles_and_loses_no_part_of_a_group() {
    let world = World::start(&three(), Script::default()).await;
    let number = world.ask(GROUP).await;
    world.all_ended(number, 2).await;
    let sessions = world.service().sessions().await.unwrap();
    let first = sessions.last().unwrap()["session"].as_str().unwrap().to_owned();
    let events = last_run(&world, &first).await;
    world.finish().await;
    for name in ["split", "accepted"] {
        let found = events.iter().position(|event| event["event"] == name);
        let seq = found.unwrap_or_else(|| panic!("no {name}")) as u64 + 1;
        assert_eq!(killed_after(name, seq).await, PARTS, "killed after {name}");
    }
}
