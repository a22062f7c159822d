//! How a change gets to GitHub: commits that GitHub makes and signs, commits
//! that are pushed, and what its rules refuse, by both ways.

use std::path::Path;
use std::time::Duration;

use chaperone::change::Base;
use chaperone::evidence::Patch;
use chaperone::failure::{Failure, Kind};
use chaperone::github::{self, CommitNow, NewFile, RepoClient, Step, TreeEntry};
use chaperone::ids::{ObjectId, Repository};
use chaperone::outcome::Outcome;
use chaperone::secret::Secret;
use chaperone::workspace::{
    self, CommitMeta, Destination, FileKind, Mirror, Now, Onto, Source, Want, Workspace,
};
use git2::{ObjectType, Oid};
use standin::fixtures;
use standin::github::{APP_ID, Fault, FaultKind, GitHub, INSTALLATION, Rule};
use standin::model::Script;

use super::crash::{held, last_run};
use super::world::{LIMIT, REPO, World, chaperone};

const BRANCH: &str = "agent/bump/x-1";
/// Long enough for push protection to know it again.
const SECRET: &str = "stand-in-secret-0123456789";

/// A GitHub with one repository, and the App's client for it.
struct Hub {
    github: GitHub,
    app: github::GitHub,
    repo: Repository,
    dir: tempfile::TempDir,
}

fn id(text: &str) -> ObjectId {
    text.parse().unwrap()
}

fn file(path: &str, mode: &'static str, bytes: &[u8]) -> TreeEntry {
    let oid = Oid::hash_object(ObjectType::Blob, bytes).unwrap();
    let file = NewFile { mode, id: id(&oid.to_string()), bytes: bytes.to_vec() };
    TreeEntry { path: path.to_owned(), file: Some(file) }
}

fn gone(path: &str) -> TreeEntry {
    TreeEntry { path: path.to_owned(), file: None }
}

impl Hub {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let github = GitHub::start(dir.path().join("github")).await.unwrap();
        let files =
            ["a.txt", "gone.txt", "old/a.js", "run.sh"].map(|path| (path.into(), format!("{path}\n")));
        github.add_repo(REPO, &files).await.unwrap();
        let app = github::GitHub::new(github::Settings {
            base_url: github.api_url(),
            web_url: github.web_url(),
            app_id: APP_ID,
            private_key: Secret::new(github.private_key()),
            write_pause: Duration::ZERO,
        });
        let repo =
            Repository { name: REPO.parse().unwrap(), id: github.repo(REPO).id, installation: INSTALLATION };
        Self { github, app: app.unwrap(), repo, dir }
    }

    async fn writer(&self) -> RepoClient {
        let token = self.app.write_token(&self.repo).await.unwrap();
        self.app.writer(&token, &self.repo).unwrap()
    }

    fn bare(&self) -> git2::Repository {
        git2::Repository::open_bare(self.dir.path().join(format!("github/{REPO}.git"))).unwrap()
    }

    fn asked(&self, what: &str) -> usize {
        self.github.requests().iter().filter(|request| request.contains(what)).count()
    }

    /// A commit of `entries` on `main`, which no branch holds.
    async fn commit(&self, client: &RepoClient, entries: &[TreeEntry]) -> Result<CommitNow, Failure> {
        let main = client.branch_head("main").await?.unwrap();
        let base = client.commit(&main).await?.unwrap().tree;
        let tree = client.make_tree(&base, entries).await?;
        client.make_commit("Bump x\n\nAgent-Session: S\n", &tree, &main).await
    }

    /// A mirror, and a change in it.
    async fn mirror(&self, text: &str) -> (Mirror, Patch) {
        let settings = workspace::Settings { timeout: Duration::from_secs(30), worker: chaperone() };
        let workspace = Workspace::new(self.dir.path().join("mirrors"), settings);
        let token = Some(self.app.read_token(&self.repo).await.unwrap());
        let source = Source::Remote { url: self.app.clone_url(&self.repo.name), token };
        let mirror = workspace.fetch("key", &source, Want::DefaultBranch).await.unwrap();
        let export = [exported("a.txt", Some(text)), exported("gone.txt", None), exported("", None)].concat();
        let patch = mirror.take(&mirror.base().tree, export, &["**".to_owned()]).await.unwrap();
        (mirror, patch)
    }

    /// Pushes the change by git.
    async fn push(&self, text: &str, expected: Option<&ObjectId>) -> Result<ObjectId, Failure> {
        let (mirror, patch) = self.mirror(text).await;
        let Base { commit: parent, .. } = mirror.base().clone();
        let meta = CommitMeta {
            parent,
            author_name: "n".into(),
            author_email: "e@localhost".into(),
            at: jiff::Timestamp::from_second(5).unwrap(),
            message: text.into(),
        };
        let commit = mirror.commit(&patch, &meta).await.unwrap();
        let token = self.app.write_token(&self.repo).await.unwrap();
        let to = Destination::Remote { url: self.app.clone_url(&self.repo.name), token };
        mirror.push(&commit, Onto { branch: BRANCH, expected }, &to).await?;
        Ok(commit)
    }
}

fn exported(path: &str, content: Option<&str>) -> Vec<u8> {
    let size = content.map_or(0, str::len) as u64;
    let record = toolbox::api::Exported { path: path.into(), mode: content.map(|_| 0o100_644), size };
    let mut bytes = serde_json::to_vec(&record).unwrap();
    bytes.push(b'\n');
    bytes.extend(content.unwrap_or_default().bytes());
    bytes
}

/// Refused under its name, so it is not tried again, and a person can read
/// why.
fn refused<T: std::fmt::Debug>(result: Result<T, Failure>, outcome: Outcome, says: &str) {
    let failure = result.unwrap_err();
    assert_eq!((failure.outcome(), failure.kind()), (outcome, Kind::UserFault), "{failure}");
    assert!(failure.public().contains(says), "{says:?} is not in {:?}", failure.public());
}

fn create(now: Option<&ObjectId>) -> Step {
    if now.is_some() { Step::Replace } else { Step::Create }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_by_the_api_is_signed_and_holds_modes_links_and_deletions() {
    let hub = Hub::start().await;
    let client = hub.writer().await;
    let large = "long\n".repeat(20_000);
    let entries = [
        file("run.sh", "100755", b"#!/bin/sh\n"),
        file("link", "120000", b"a.txt"),
        file("old", "100644", b"a file in place of a directory\n"),
        gone("old/a.js"),
        gone("gone.txt"),
        file("bytes.bin", "100644", b"\xff\xfe\0"),
        file("large.txt", "100644", large.as_bytes()),
    ];
    let made = hub.commit(&client, &entries).await.unwrap();
    assert!(made.verified, "{made:?}");
    assert_eq!(client.branch_head(BRANCH).await.unwrap(), None, "the branch comes last");
    client.place(BRANCH, &made.id, create).await.unwrap();

    let bare = hub.bare();
    let commit = bare.find_commit(Oid::from_str(made.id.as_str()).unwrap()).unwrap();
    assert_eq!(commit.author().name().unwrap(), "chaperone[bot]");
    let tree = commit.tree().unwrap();
    let mut names: Vec<(String, i32)> = Vec::new();
    for entry in &tree {
        names.push((entry.name().unwrap().to_owned(), entry.filemode()));
    }
    let expected = [
        ("a.txt", 0o100_644),
        ("bytes.bin", 0o100_644),
        ("large.txt", 0o100_644),
        ("link", 0o120_000),
        ("old", 0o100_644),
        ("run.sh", 0o100_755),
    ];
    assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    let content = |name: &str| bare.find_blob(tree.get_name(name).unwrap().id()).unwrap().content().to_vec();
    assert_eq!(content("bytes.bin"), b"\xff\xfe\0");
    assert_eq!(content("large.txt"), large.as_bytes());
    assert_eq!(content("link"), b"a.txt");
    // Two contents are no small text, and a name changes from directory to
    // file in a request of its own.
    assert_eq!((hub.asked("git/blobs"), hub.asked("POST /repos/octo/app/git/trees")), (2, 2));
    hub.github.finish().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_whose_answer_was_lost_is_found_and_not_made_twice() {
    let hub = Hub::start().await;
    let client = hub.writer().await;
    let made = hub.commit(&client, &[file("a.txt", "100644", b"new\n")]).await.unwrap();
    let lost = |method, path| Fault { method, path, kind: FaultKind::AppliedThenLost, times: 1 };
    hub.github.fault(lost("POST", "/git/refs"));
    let there = |now: Option<&ObjectId>| match now {
        Some(now) if *now == made.id => Step::There,
        _ => Step::Create,
    };
    client.place(BRANCH, &made.id, there).await.unwrap();
    assert_eq!(hub.asked("POST /repos/octo/app/git/refs"), 1);
    // What hangs on nothing may be made twice.
    hub.github.fault(lost("POST", "/git/commits"));
    assert!(hub.commit(&client, &[gone("a.txt")]).await.unwrap().verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moved_is_left_alone() {
    let hub = Hub::start().await;
    let client = hub.writer().await;
    let one = hub.commit(&client, &[file("a.txt", "100644", b"one\n")]).await.unwrap();
    let two = hub.commit(&client, &[file("a.txt", "100644", b"two\n")]).await.unwrap();
    client.place(BRANCH, &one.id, create).await.unwrap();
    refused(client.place(BRANCH, &two.id, |_| Step::Moved).await, Outcome::HeadMoved, "moved");
    // GitHub itself refuses to lose a commit.
    refused(client.place(BRANCH, &two.id, |_| Step::Forward).await, Outcome::HeadMoved, "moved");
    refused(hub.push("pushed\n", Some(&two.id)).await, Outcome::HeadMoved, "somebody else");
    assert_eq!(client.branch_head(BRANCH).await.unwrap(), Some(one.id));
    client.place(BRANCH, &two.id, create).await.unwrap();
    assert_eq!(client.branch_head(BRANCH).await.unwrap(), Some(two.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruleset_refuses_the_branch_by_both_ways() {
    let hub = Hub::start().await;
    hub.github.rule(REPO, Rule::NoCreation).unwrap();
    let client = hub.writer().await;
    let made = hub.commit(&client, &[gone("gone.txt")]).await.unwrap();
    let why = "Cannot create ref due to creations being restricted";
    refused(client.place(BRANCH, &made.id, create).await, Outcome::RulesetRefused, why);
    assert_eq!(hub.asked("POST /repos/octo/app/git/refs"), 1, "it is not tried again");
    refused(hub.push("x\n", None).await, Outcome::RulesetRefused, why);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_protection_refuses_a_secret_by_both_ways() {
    let hub = Hub::start().await;
    hub.github.rule(REPO, Rule::Secret(SECRET.to_owned())).unwrap();
    let client = hub.writer().await;
    let inline = hub.commit(&client, &[file("a.txt", "100644", SECRET.as_bytes())]).await;
    refused(inline, Outcome::SecretRefused, "secret");
    let bytes = [b"\xff", SECRET.as_bytes()].concat();
    let blob = hub.commit(&client, &[file("a.bin", "100644", &bytes)]).await;
    refused(blob, Outcome::SecretRefused, "secret");
    refused(hub.push(SECRET, None).await, Outcome::SecretRefused, "secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_needs_a_permission_that_the_app_lacks() {
    let hub = Hub::start().await;
    let client = hub.writer().await;
    let workflow = file(".github/workflows/ci.yml", "100644", b"on: push\n");
    refused(hub.commit(&client, &[workflow]).await, Outcome::WorkflowsForbidden, "workflows permission");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_signed_does_not_get_where_signatures_are_wanted() {
    let hub = Hub::start().await;
    hub.github.sign_commits(false);
    let client = hub.writer().await;
    assert!(!client.wants_signatures(BRANCH).await.unwrap());
    hub.github.rule(REPO, Rule::Signatures).unwrap();
    assert!(client.wants_signatures(BRANCH).await.unwrap());
    let made = hub.commit(&client, &[gone("gone.txt")]).await.unwrap();
    assert!(!made.verified);
    refused(client.place(BRANCH, &made.id, create).await, Outcome::SignatureRequired, "signed commits");
    refused(hub.push("x\n", None).await, Outcome::SignatureRequired, "signed commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changes_entries_are_read_from_the_mirror() {
    let hub = Hub::start().await;
    let (mirror, patch) = hub.mirror("new\n").await;
    let base = mirror.base().clone();
    assert_eq!(mirror.tree_of(&base.commit).await.unwrap(), base.tree);
    let entries = mirror.entries(&base.tree, patch.tree()).await.unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.path.as_str(), &entry.now)).collect();
    let new = Oid::hash_object(ObjectType::Blob, b"new\n").unwrap().to_string();
    let new = Now::File { kind: FileKind::Plain, id: id(&new), bytes: b"new\n".to_vec() };
    assert_eq!(seen, [("a.txt", &new), ("gone.txt", &Now::Gone)]);
    // By the API it is the same tree, bit for bit.
    let client = hub.writer().await;
    let made = client.make_tree(&base.tree, &[file("a.txt", "100644", b"new\n"), gone("gone.txt")]).await;
    assert_eq!(made.unwrap(), *patch.tree());
}

fn commits_on(world: &World, branch: &str) -> Vec<(String, String)> {
    let bare = git2::Repository::open_bare(world.git_dir()).unwrap();
    let mut walk = bare.revwalk().unwrap();
    walk.push_ref(&format!("refs/heads/{branch}")).unwrap();
    walk.hide_ref("refs/heads/main").unwrap();
    walk.map(|oid| {
        let commit = bare.find_commit(oid.unwrap()).unwrap();
        (commit.id().to_string(), commit.message().unwrap().to_owned())
    })
    .collect()
}

const MS: &str = "agent/bump/ms-2.1.3";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_killed_between_commit_and_branch_makes_one_commit() {
    // Where that is, by a session that nobody kills.
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    let commits = commits_on(&world, MS);
    assert_eq!(commits.len(), 1);
    let (sha, message) = &commits[0];
    assert!(world.github.repo(REPO).verified.contains(sha), "GitHub signed it");
    for line in ["Agent-Session: ", "Requested-by: octocat\n", "Co-authored-by: octocat <1+octocat@"] {
        assert!(message.contains(&format!("\n{line}")), "{line:?} is not in {message}");
    }
    let events = last_run(&world, summary["session"].as_str().unwrap()).await;
    let made = |event: &serde_json::Value| event["event"] == "effect" && event["effect"] == "make the commit";
    let at = events.iter().position(made).unwrap() as u64 + 1;
    world.finish().await;

    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(at)).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    held(&world, at).await;
    assert!(!world.github.branches(REPO).await.unwrap().contains_key(MS));
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    assert_eq!(world.ended(number).await["outcome"], "pr_opened");
    assert_eq!(commits_on(&world, MS).len(), 1);
    let made = |request: &&String| request.as_str() == "POST /repos/octo/app/git/commits";
    assert_eq!(world.github.requests().iter().filter(made).count(), 1, "the commit of the first run is used");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_have_commits_pushed() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.github.push_str("commits = \"git\"\n");
    world.resume(None).await;
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(commits_on(&world, MS).len(), 1);
    let requests = world.github.requests();
    assert!(!requests.iter().any(|request| request.contains("git/commits")), "{requests:#?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_github_does_not_sign_commits_they_are_pushed_or_the_reason_is_told() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    world.github.sign_commits(false);
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    assert_eq!(world.ended(number).await["outcome"], "pr_opened");
    let (sha, _) = &commits_on(&world, MS)[0];
    let author = git2::Repository::open_bare(world.git_dir()).unwrap();
    let author = author.find_commit(Oid::from_str(sha).unwrap()).unwrap().author().name().unwrap().to_owned();
    assert_eq!(author, "chaperone", "it was made here");
    world.finish().await;

    let world = World::start(&fixtures::quiet(), Script::default()).await;
    world.github.sign_commits(false);
    world.github.rule(REPO, Rule::Signatures).unwrap();
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    assert_eq!(world.ended(number).await["outcome"], "signature_required");
    assert!(!world.github.branches(REPO).await.unwrap().contains_key(MS));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_the_session_once_and_says_why() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    world.github.rule(REPO, Rule::NoCreation).unwrap();
    let number = world.ask("Bump `ms` to `2.1.3`").await;
    assert_eq!(world.ended(number).await["outcome"], "ruleset_refused");
    let told = |repo: &standin::github::Repo| {
        let issue = &repo.issues[&number];
        issue.labels.contains("agent:needs-human")
            && issue.comments.values().any(|comment| comment.contains("creations being restricted"))
    };
    world.github.wait_for(REPO, LIMIT, told).await.unwrap();
    let tries = world.github.requests();
    assert_eq!(tries.iter().filter(|request| request.ends_with("POST /repos/octo/app/git/refs")).count(), 1);
    assert!(!Path::new(&world.git_dir()).join("refs/heads/agent").exists());
    world.finish().await;
}
