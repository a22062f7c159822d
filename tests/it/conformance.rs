//! Every call of the adapter, checked against GitHub's own description of
//! its API, and the App's manifest against GitHub's own rules for one.
//!
//! The checker is a server in JavaScript that lives beside the repository,
//! or where `CHAPERONE_CONFORMANCE` says. Without it, without node or without
//! npm these tests say so and pass: everything else is tested elsewhere too.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "node is started here, and who reads the test's output is told when it is not"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use chaperone::github::{
    Annotation, CheckAction, CheckRun, CheckState, GitHub, Level, NewFile, NewPull, Note, Reaction, Settings,
    Step, TreeEntry, convert_manifest,
};
use chaperone::ids::{ObjectId, Repository};
use chaperone::secret::Secret;
use serde_json::{Value, json};

const SHA: &str = "7638417db6d59f3c431d3e1f261cc637155684cd";

/// Held while the checker's packages are installed.
static INSTALLED: Mutex<()> = Mutex::new(());

fn runs(program: &str) -> bool {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok_and(|status| status.success())
}

/// A copy of the checker with its packages; `None` when it cannot be had.
pub(crate) fn checker() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/github-conformance");
    let source = std::env::var_os("CHAPERONE_CONFORMANCE").map_or_else(beside, PathBuf::from);
    for (what, there) in [("node", runs("node")), ("npm", runs("npm")), ("the checker", source.is_dir())] {
        if !there {
            eprintln!("not checked against GitHub's own description: {what} is not here");
            return None;
        }
    }
    let _turn = INSTALLED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("github-conformance");
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
    }
    if !copy.join("node_modules/.package-lock.json").is_file() {
        let install = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"])
            .current_dir(&copy)
            .status();
        assert!(install.unwrap().success(), "could not install the checker's packages");
    }
    Some(copy)
}

/// The manifest as GitHub takes it, in a file.
fn manifest(dir: &Path) -> PathBuf {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("app-manifest.yml")).unwrap();
    let manifest: Value = serde_yaml_ng::from_str(&text).unwrap();
    let file = dir.join("manifest.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    file
}

#[test]
fn github_would_take_the_manifest() {
    let Some(checker) = checker() else { return };
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("node")
        .arg(checker.join("lint-manifest.mjs"))
        .arg(manifest(dir.path()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The checking server; it ends with the test.
pub(crate) struct Checking {
    process: Child,
    pub(crate) root: String,
    key: String,
    _dir: tempfile::TempDir,
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Checking {
    /// A limit, then a hiccup: both have to be got over.
    async fn with_trouble(checker: &Path) -> Self {
        let trouble = json!({ "POST /repos/{owner}/{repo}/check-runs": [
            { "status": 403, "headers": { "retry-after": "1" }, "body": { "message": "slow down" } },
            { "status": 502 },
        ]});
        let key = standin::github::Key::generate().unwrap();
        Self::start(checker, key.pem(), &trouble).await
    }

    /// `key` is the App's, `trouble` what goes wrong in which operation.
    pub(crate) async fn start(checker: &Path, key: &str, trouble: &Value) -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), key.to_owned());
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("node")
            .arg(checker.join("server.mjs"))
            .args(["--port", &port.to_string()])
            .arg("--manifest")
            .arg(manifest(dir.path()))
            .arg("--public-key")
            .arg(file("app.pem", &key))
            .arg("--overrides")
            .arg(file("trouble.json", &trouble.to_string()))
            .arg("--log")
            .arg(dir.path().join("calls.jsonl"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let checking = Self { process, root: format!("http://127.0.0.1:{port}"), key, _dir: dir };
        for _ in 0..600 {
            if standin::github::client().unwrap().get(checking.address("assert")).send().await.is_ok() {
                return checking;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the checking server does not start");
    }

    fn address(&self, what: &str) -> String {
        format!("{}/__{what}", self.root)
    }

    fn adapter(&self) -> GitHub {
        GitHub::new(Settings {
            base_url: self.root.clone(),
            web_url: self.root.clone(),
            app_id: 777,
            private_key: Secret::new(&*self.key),
            write_pause: Duration::from_millis(1),
        })
        .unwrap()
    }

    pub(crate) async fn ask(&self, what: &str) -> (u16, Value) {
        let response = standin::github::client().unwrap().get(self.address(what)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

/// The checker knows tokens by a repository's name when they are made with
/// it, and takes any repository for one that is made by number.
fn repositories() -> [Repository; 2] {
    let name = "octocat/Hello-World".parse().unwrap();
    [
        Repository { name, id: 1_296_269, installation: 5 },
        Repository { name: "octocat/Hello-World".parse().unwrap(), id: 0, installation: 5 },
    ]
}

async fn as_the_app(github: &GitHub, root: &str) {
    github.app().await.unwrap();
    github.installations().await.unwrap();
    github.hook_config().await.unwrap();
    github.failed_deliveries("2000-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    github.redeliver(12_345_678).await.unwrap();
    github.clock().await.unwrap();
    let app = convert_manifest(root, "a1b2c3").await.unwrap();
    assert!(app.id > 0 && !app.pem.expose().is_empty());
}

async fn looks(github: &GitHub, repo: &Repository) {
    github.read_token(repo).await.unwrap();
    assert!(github.repository(repo).await.unwrap().is_some());
    github.permission(repo, "octocat").await.unwrap();
    github.open_alerts(repo, "@scope/package", Some("path/package-lock.json")).await.unwrap();
    assert!(github.alert(repo, 2).await.unwrap().is_some());
    let reader = github.reader(repo).await.unwrap();
    assert!(reader.issue(1347).await.unwrap().is_some());
    assert!(reader.pull(1347).await.unwrap().is_some());
    assert!(reader.first_commit(1347).await.unwrap().is_some());
    assert!(reader.branch_head("agent/bump/a+b").await.unwrap().is_some());
    reader.review_comments(1347, 80).await.unwrap();
    reader.head_seen_at(SHA).await.unwrap();
    assert!(!reader.checks_at(SHA).await.unwrap().is_empty());
    assert!(!reader.checks_at("agent/bump/a").await.unwrap().is_empty());
    reader.find_pull("agent/bump/a+b").await.unwrap();
}

async fn talks(github: &GitHub, repo: &Repository) {
    let reporter = github.reporter(repo).await.unwrap();
    for note in [Note::Issue(1347), Note::Comment(42)] {
        for reaction in [Reaction::Eyes, Reaction::Rocket, Reaction::Confused] {
            reporter.react(note, reaction).await.unwrap();
        }
        reporter.unreact(note, Reaction::Eyes).await.unwrap();
    }
    let long = format!("<!-- key -->\n{}", "é".repeat(70_000));
    let id = reporter.ensure_comment(1347, "<!-- key -->", &long).await.unwrap();
    reporter.edit_comment(id, &long).await.unwrap();
    reporter.add_label(1347, "agent:running").await.unwrap();
    reporter.remove_label(1347, "agent: 100%/x").await.unwrap();
}

async fn writes(github: &GitHub, repo: &Repository) {
    let long = "x".repeat(70_000);
    let annotation = Annotation {
        path: "src/a.js".to_owned(),
        start_line: 3,
        end_line: 4,
        level: Level::Failure,
        title: long.clone(),
        message: long.clone(),
    };
    let annotations = vec![annotation; 101];
    let action = |identifier: &str| CheckAction {
        label: "A label that is too long".to_owned(),
        description: long.clone(),
        identifier: identifier.to_owned(),
    };
    let actions = [action("retry"), action("explain"), action("stop"), action("one-more")];
    let states = [
        CheckState::Queued,
        CheckState::InProgress,
        CheckState::Completed("action_required"),
        CheckState::Completed("success"),
    ];
    let ticket = github.write_token(repo).await.unwrap();
    let writer = github.writer(&ticket, repo).unwrap();
    let checker = github.checker(repo).await.unwrap();
    for state in states {
        let run = CheckRun {
            name: "agent / verify",
            sha: SHA,
            external_id: "01J/verify",
            details_url: "https://agent.example.com/sessions/01J",
            state,
            title: &long,
            summary: &long,
            text: &long,
            annotations: &annotations,
            actions: &actions,
        };
        checker.ensure_check(&run).await.unwrap();
        // One that is there, as the checker's example has it.
        let known = CheckRun { name: "mighty_readme", external_id: "", ..run };
        writer.ensure_check(&known).await.unwrap();
    }
    for draft in [true, false] {
        let new = NewPull { branch: "agent/bump/a", base: "main", title: &long, body: &long, draft };
        writer.ensure_pull(&new).await.unwrap();
        // One that is open: it is brought up to date.
        writer.ensure_pull(&NewPull { branch: "new-topic", ..new }).await.unwrap();
    }
    writer.request_reviewers(1347, &["octocat".to_owned(), "octo/justice-league".to_owned()]).await.unwrap();
    writer.add_label(1347, "dependencies").await.unwrap();
}

/// A commit by way of GitHub's own objects, onto a new branch and on one
/// that is there.
async fn commits(github: &GitHub, repo: &Repository) {
    let ticket = github.write_token(repo).await.unwrap();
    let writer = github.writer(&ticket, repo).unwrap();
    // What the checker's examples answer.
    let (base, blob) = (SHA.parse().unwrap(), "3a0f86fb8db8eea7ccbb9a95f325ddbedfb25e15".parse().unwrap());
    let file = |mode, bytes: &[u8]| Some(NewFile { mode, id: ObjectId::clone(&blob), bytes: bytes.to_vec() });
    let entry = |path: &str, file| TreeEntry { path: path.to_owned(), file };
    let entries = [
        entry("gone.js", None),
        entry("src/a.js", file("100644", b"text")),
        entry("bin/run", file("100755", b"#!/bin/sh")),
        entry("link", file("120000", b"src/a.js")),
        entry("logo.png", file("100644", b"\xff\0")),
    ];
    let tree = writer.make_tree(&base, &entries).await.unwrap();
    let made = writer.make_commit("Bump a\n\nCo-authored-by: o <o@h.test>", &tree, &base).await.unwrap();
    assert!(writer.commit(&made.id).await.unwrap().is_some());
    for step in [Step::Create, Step::Forward, Step::Replace] {
        writer.place("agent/bump/a+b", &made.id, |_now| step).await.unwrap();
    }
    writer.wants_signatures("agent/bump/a").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_as_github_describes_it() {
    let Some(checker) = checker() else { return };
    let checking = Checking::with_trouble(&checker).await;
    let github = checking.adapter();
    as_the_app(&github, &checking.root).await;
    for repo in repositories() {
        looks(&github, &repo).await;
        talks(&github, &repo).await;
        writes(&github, &repo).await;
        commits(&github, &repo).await;
    }
    let (_, report) = checking.ask("report").await;
    assert_eq!(report["errors"], json!([]), "{report:#}");
    assert_eq!(report["warnings"], json!([]), "{report:#}");
    assert!(report["calls"].as_u64().unwrap() > 100, "{report:#}");
    assert_eq!(checking.ask("assert").await.0, 200);
}
