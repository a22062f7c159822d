//! A repository's own `.github/agent.yml`: what it forbids is not done, and
//! what is wrong with it is seen.

use std::process::Output;

use standin::fixtures::{self, with};
use standin::model::Script;
use tokio::process::Command;

use super::world::{REPO, World, chaperone};

async fn started(file: &str) -> World {
    let files = with(fixtures::quiet(), ".github/agent.yml", Some(file));
    World::start(&files, Script::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_ends_the_session_with_its_line_and_reason() {
    let world = started("limits:\n  turns: 4\n  trns: 5\n").await;
    let issue = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(issue).await;
    assert_eq!(summary["outcome"], "declined_policy", "{summary:#}");
    let repo = world.github.repo(REPO);
    let comment = repo.issues[&issue].comments.values().next().unwrap();
    assert!(comment.contains("line 3") && comment.contains("trns"), "{comment}");
    let failed = repo.checks.values().find(|check| check.body["conclusion"] == "failure").unwrap();
    let annotation = &failed.body["output"]["annotations"][0];
    assert_eq!(annotation["path"], ".github/agent.yml", "{:#}", failed.body);
    assert_eq!(annotation["start_line"], 3);
    assert_eq!((world.model.calls(), repo.issues.len()), ((0, 0), 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_path_stops_the_change() {
    let world = started("paths:\n  protected: [package.json]\n").await;
    let issue = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(issue).await;
    assert_eq!(summary["outcome"], "integrity_failed", "{summary:#}");
    let detail = summary["detail"].as_str().unwrap();
    assert!(detail.contains("package.json") && detail.contains("protects this path"), "{detail}");
    assert_eq!(world.github.repo(REPO).issues.len(), 1, "a pull request was opened");
    world.finish().await;
}

async fn check(dir: &tempfile::TempDir, text: &str, more: &[&str]) -> Output {
    let file = dir.path().join("agent.yml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(chaperone());
    command.arg("check-config").arg(&file).args(more).env_remove("CHAPERONE_CONFIG");
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_file_is_checked_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let good = check(&dir, "limits: {turns: 4}\n", &[]).await;
    let said = String::from_utf8(good.stdout).unwrap();
    assert!(good.status.success() && said.starts_with("ok\n  limits.turns: 4\n"), "{said}");

    let text = "limits:\n  turns: 99\nnonsense: 1\n";
    let bad = check(&dir, text, &[]).await;
    let said = String::from_utf8(bad.stdout).unwrap();
    assert_eq!(bad.status.code(), Some(1));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("agent.yml:2: could not use 99"), "{said}");
    assert!(lines[1].contains("agent.yml:3: could not use the key"), "{said}");

    let bad = check(&dir, text, &["--json"]).await;
    let json: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!((&json["ok"], &json["errors"][0]["line"]), (&false.into(), &2.into()));

    // The service's own file says what there is to choose from.
    let service = dir.path().join("chaperone.toml");
    std::fs::write(&service, "[model]\nchoices = [\"small\"]\n").unwrap();
    let config = ["--config", service.to_str().unwrap()];
    assert!(check(&dir, "models: {judge: small}\n", &config).await.status.success());
    for text in ["models: {judge: huge}\n", "runtime: {node: 7}\n", "changes: {tidy: true}\n"] {
        assert_eq!(check(&dir, text, &config).await.status.code(), Some(1), "{text}");
    }
}
