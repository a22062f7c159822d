//! Small real repositories against the real registries, one directory each
//! under `tests/cases`: what to ask for, how it must end, and the edits that a
//! scripted model makes. A case that names no edits must not ask the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::Value;
use standin::fixtures::Files;
use standin::model::{Agent, Edit, Script};
use tokio::sync::Semaphore;

use super::trial::{Checkout, git};

/// Cases that run at once, over all groups: each has containers of its own.
static ROOM: Semaphore = Semaphore::const_new(3);

/// `case.json`: either `bump` or `advisory` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// `package@version`, or a package alone for the newest version.
    bump: Option<String>,
    /// As `chaperone try --advisory` reads it.
    advisory: Option<Value>,
    expect: Expect,
    #[serde(default)]
    repair: Vec<Edit>,
    /// `0` where the model must not be asked.
    model_calls: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    outcome: String,
    target: Option<String>,
    step: Option<String>,
    /// Part of the reason, or of the resolve stage's line.
    says: Option<String>,
    /// Packages that move along.
    #[serde(default)]
    others: Vec<Other>,
    /// What the record says moved along, whatever the manifests say.
    #[serde(default)]
    recorded: Vec<Other>,
    /// The changed files besides the repaired ones, sorted.
    #[serde(default)]
    changes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    package: String,
    from: String,
    to: String,
}

fn root(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(group)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below a directory, by its path from there.
fn files(dir: &Path, below: &str, found: &mut Files) {
    for name in names(dir) {
        let (path, entry) = (format!("{below}{name}"), dir.join(&name));
        if entry.is_dir() {
            files(&entry, &format!("{path}/"), found);
        } else {
            found.push((path, std::fs::read_to_string(entry).unwrap()));
        }
    }
}

impl Case {
    fn read(dir: &Path) -> anyhow::Result<(Self, Files)> {
        let text = std::fs::read_to_string(dir.join("case.json")).context("read case.json")?;
        let mut repository = Files::new();
        files(&dir.join("repo"), "", &mut repository);
        Ok((serde_json::from_str(&text).context("parse case.json")?, repository))
    }

    async fn attempt(&self, checkout: &Checkout) -> (i32, Value) {
        match (&self.bump, &self.advisory) {
            (Some(bump), None) => checkout.attempt(bump).await,
            (None, Some(advisory)) => {
                let path = checkout.dir.path().join("advisory.json");
                std::fs::write(&path, advisory.to_string()).unwrap();
                checkout.attempt_with(&["--advisory", path.to_str().unwrap()]).await
            }
            _ => panic!("a case asks for a bump or has an advisory"),
        }
    }

    fn check_report(&self, code: i32, report: &Value) -> anyhow::Result<()> {
        let expect = &self.expect;
        let opened = expect.outcome == "pr_opened";
        ensure!(report["outcome"] == expect.outcome.as_str(), "it ended otherwise");
        ensure!((code == 0) == opened, "the exit code was {code}");
        let calls = report["model_calls"]["repair"].as_u64().unwrap_or_default();
        match self.model_calls {
            Some(exact) => ensure!(calls == exact, "the model was asked {calls} times to repair"),
            None => ensure!(calls > 0, "nothing was left to repair"),
        }
        let stages = report["stages"].as_array().context("no stages")?;
        let resolved = stages.iter().find(|stage| stage["stage"] == "resolve");
        let line = resolved.and_then(|stage| stage["detail"].as_str()).unwrap_or_default();
        if let Some(target) = &expect.target {
            ensure!(line.contains(&format!("→ {target}")), "{line:?} has another target than {target}");
        }
        if let Some(says) = &expect.says {
            let told = format!("{} {}", report["detail"], report["resolved"]["reasons"]);
            ensure!(told.contains(says), "nothing says {says:?}");
        }
        if self.advisory.is_some() && opened {
            let copies = report["proofs"][0]["copies"].as_array().context("nothing was proved")?;
            ensure!(copies.iter().all(|copy| copy["vulnerable"] == false), "a vulnerable copy is left");
        }
        let recorded = report["resolved"]["others"].as_array().map(Vec::as_slice).unwrap_or_default();
        for Other { package, from, to } in &expect.recorded {
            let is_it = |moved: &Value| {
                moved["package"] == **package && moved["from"] == **from && moved["to"] == **to
            };
            ensure!(recorded.iter().any(is_it), "{package} {from} → {to} is not recorded");
        }
        let step = report["resolved"]["step"].as_str().unwrap_or("none");
        ensure!(expect.step.as_deref().is_none_or(|expected| expected == step), "the step was {step}");
        Ok(())
    }

    /// The branch holds the change, and nothing but the change.
    async fn check_branch(&self, repo: &Path, branch: &str) -> anyhow::Result<()> {
        let mut expected = self.expect.changes.clone();
        expected.extend(self.repair.iter().map(|edit| edit.path.clone()));
        expected.sort();
        expected.dedup();
        let changed = git(repo, &["diff", "--name-only", "main", branch]).await;
        let changed: Vec<&str> = changed.lines().collect();
        ensure!(changed == expected, "changed {changed:?}, expected {expected:?}");
        for edit in &self.repair {
            let text = git(repo, &["show", &format!("{branch}:{}", edit.path)]).await;
            let gone = edit.new.contains(&edit.old) || !text.contains(&edit.old);
            ensure!(text.contains(&edit.new) && gone, "{} is not repaired", edit.path);
        }
        let diff = git(repo, &["diff", "main", branch]).await;
        for Other { package, from, to } in &self.expect.others {
            let (left, came) = (touched(&diff, '-', from), touched(&diff, '+', to));
            ensure!(left && came, "{package} did not move from {from} to {to}");
        }
        // Above a transitive package it is another version that changes; there
        // the proof says what is installed.
        let target = self.expect.target.as_deref().unwrap_or_default();
        let is_there = self.advisory.is_some() || touched(&diff, '+', target);
        ensure!(is_there, "{target} is not in the change");
        Ok(())
    }
}

/// Is a version on a line that the change took away or added?
fn touched(diff: &str, sign: char, version: &str) -> bool {
    diff.lines().any(|line| line.starts_with(sign) && line.contains(version))
}

async fn run(dir: &Path) -> anyhow::Result<()> {
    let (case, repository) = Case::read(dir)?;
    let script = Script { agent: Agent::Edits(case.repair.clone()), ..Script::default() };
    let checkout = Checkout::with_script(&repository, script).await;
    let (code, report) = case.attempt(&checkout).await;
    let told = || format!("{}: {} {}", report["outcome"], report["detail"], report["resolved"]);
    case.check_report(code, &report).with_context(told)?;
    if let Some(branch) = report["branch"].as_str() {
        case.check_branch(&checkout.repo(), branch).await?;
    }
    checkout.model.finish()
}

/// Runs the cases of a group whose names begin so, and names those that fail.
/// `CHAPERONE_CASE` picks the cases whose names hold its value.
async fn all(group: &str, beginning: &str, at_least: usize) {
    let picked = std::env::var_os("CHAPERONE_CASE").map(|name| name.into_string().unwrap());
    let dir = root(group);
    let cases: Vec<String> = names(&dir).into_iter().filter(|name| name.starts_with(beginning)).collect();
    assert!(cases.len() >= at_least, "only {} cases in {group}", cases.len());
    let mut running = tokio::task::JoinSet::new();
    let mut started = BTreeMap::new();
    for name in cases.into_iter().filter(|name| picked.as_ref().is_none_or(|picked| name.contains(picked))) {
        let dir = dir.join(&name);
        let task = running.spawn(async move {
            let _place = ROOM.acquire().await.unwrap();
            run(&dir).await
        });
        started.insert(task.id(), name);
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next_with_id().await {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((task, Err(error))) => failed.push(format!("{}: {error:#}", started[&task])),
            Err(panic) => failed.push(format!("{}: {panic}", started[&panic.id()])),
        }
    }
    assert!(failed.is_empty(), "{} of {group} failed:\n{}", failed.len(), failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_majors_that_break_are_repaired() {
    all("npm", "", 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_bumps_that_break_nothing_ask_no_model() {
    all("npm-controls", "", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_majors_that_break_are_repaired() {
    all("maven", "", 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_bumps_that_break_nothing_ask_no_model() {
    all("maven-controls", "", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_npm_ladder_is_taken() {
    all("ladder", "npm-", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_the_maven_ladder_is_taken() {
    all("ladder", "maven-", 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_requests_that_cannot_be_met_are_declined() {
    all("declines", "npm-", 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn maven_requests_that_cannot_be_met_are_declined() {
    all("declines", "maven-", 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stories_of_the_demo_are_true() {
    all("demo", "", 2).await;
}
