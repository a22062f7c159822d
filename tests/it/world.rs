//! One test's world: a GitHub, a model, a service, and proof at its end that
//! nothing is left.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};
use standin::fixtures::Files;
use standin::github::GitHub;
use standin::model::{KEY, Model, Script};
use standin::service::{BRISK, SECRET, Service, Setup, free_port};
use tokio::process::Command;

/// How long a session of a test may take, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
pub(crate) const REPO: &str = "octo/app";

pub(crate) struct World {
    pub(crate) github: GitHub,
    pub(crate) model: Model,
    pub(crate) setup: Setup,
    pub(crate) service: Option<Service>,
    dir: tempfile::TempDir,
}

/// The static tool server, as `./x test` built it.
pub(crate) fn toolbox() -> PathBuf {
    let path =
        std::env::var_os("CHAPERONE_TOOLBOX").expect("CHAPERONE_TOOLBOX names the tool server: run ./x test");
    PathBuf::from(path)
}

pub(crate) fn chaperone() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_chaperone"))
}

/// What a program of an image prints, without a network.
async fn printed(words: &[&str]) -> String {
    let output = Command::new("docker")
        .args(["run", "--rm", "--network", "none"])
        .args(words)
        .output()
        .await
        .expect("docker runs");
    String::from_utf8(output.stdout).unwrap()
}

/// The registries of the configuration, asked once of the npm and the Maven
/// that the sessions use.
pub(crate) async fn registries() -> &'static str {
    static LINES: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    LINES
        .get_or_init(|| async {
            let npm = printed(&["chaperone/npm:node22", "npm", "config", "get", "registry"]).await;
            let pom = printed(&["chaperone/maven:jdk17", "cat", "/usr/local/maven/super-pom.xml"]).await;
            let maven = pom.split("<url>").nth(1).and_then(|rest| rest.split("</url>").next()).unwrap();
            format!("[registry]\nnpm = {:?}\nmaven = {maven:?}\n", npm.trim())
        })
        .await
}

/// Packages are fetched once for all tests: what is kept is checked by its
/// hash whenever it is read.
pub(crate) fn share_packages(data: &Path) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    std::fs::create_dir_all(&shared).unwrap();
    std::fs::create_dir_all(data).unwrap();
    std::os::unix::fs::symlink(shared, data.join("packages")).unwrap();
}

impl World {
    /// A world with one repository, and a running service.
    pub(crate) async fn start(files: &Files, script: Script) -> Self {
        let mut world = Self::without_service(files, script).await;
        world.resume(None).await;
        world
    }

    pub(crate) async fn without_service(files: &Files, mut script: Script) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let github = GitHub::start(dir.path().join("github")).await.unwrap();
        github.add_repo(REPO, files).await.unwrap();
        script.canaries.extend([
            SECRET.to_owned(),
            KEY.to_owned(),
            "ghs_".to_owned(),
            "PRIVATE KEY".to_owned(),
        ]);
        let model = Model::start(script).await.unwrap();
        share_packages(&dir.path().join("data"));
        let setup = Setup {
            chaperone: chaperone(),
            toolbox: toolbox(),
            dir: dir.path().to_owned(),
            model_url: model.url().to_owned(),
            model_key: Some(KEY.to_owned()),
            more: format!(
                "{}[queue]\nlease_seconds = 2\nretries = 1\nretry_seconds = 1\n",
                registries().await
            ),
            github: BRISK.to_owned(),
            port: free_port().unwrap(),
        };
        Self { github, model, setup, service: None, dir }
    }

    /// The stand-in's bare repository.
    pub(crate) fn git_dir(&self) -> PathBuf {
        self.dir.path().join(format!("github/{REPO}.git"))
    }

    pub(crate) async fn resume(&mut self, hold_after: Option<u64>) {
        self.service = Some(self.setup.start(&self.github, hold_after).await.unwrap());
    }

    pub(crate) fn service(&self) -> &Service {
        self.service.as_ref().expect("the service runs")
    }

    /// Opens an issue, labels it, delivers that, and returns its number.
    pub(crate) async fn ask(&self, title: &str) -> u64 {
        self.ask_as(title, "octocat").await
    }

    pub(crate) async fn ask_as(&self, title: &str, sender: &str) -> u64 {
        let number = self.github.open_issue(REPO, title, "");
        let delivery = self.github.label(REPO, number, "agent:bump", sender);
        let (status, answer) = self.service().deliver(&delivery).await.unwrap();
        assert_eq!(status, 202, "{answer}");
        number
    }

    /// The ended session's summary.
    pub(crate) async fn ended(&self, number: u64) -> Value {
        self.service()
            .ended(REPO, number, LIMIT)
            .await
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.log()))
    }

    /// Waits until so many sessions on an issue have ended.
    pub(crate) async fn all_ended(&self, number: u64, count: usize) {
        let ended = async {
            loop {
                let sessions = self.service().sessions().await.unwrap_or_default();
                let on_issue = sessions.iter().filter(|session| session["request"]["number"] == number);
                if on_issue.filter(|session| !session["outcome"].is_null()).count() >= count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        let waited = tokio::time::timeout(3 * LIMIT, ended).await;
        assert!(waited.is_ok(), "{count} sessions did not end\n{}", self.log());
    }

    /// What the service said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("service.log")).unwrap_or_default()
    }

    /// What a person sees on GitHub, without what differs between two equal
    /// runs: ids, addresses, money, times.
    pub(crate) async fn seen(&self) -> Value {
        let repo = self.github.repo(REPO);
        let issues: Vec<Value> = repo
            .issues
            .iter()
            .map(|(number, issue)| {
                let comments: Vec<String> = issue.comments.values().map(|body| normal(body)).collect();
                let reactions: Vec<&String> = issue.reactions.values().collect();
                let pull = issue.pull.as_ref().map(|pull| (&pull.head, &pull.base));
                json!({
                    "number": number, "title": issue.title, "body": normal(&issue.body), "labels": issue.labels,
                    "comments": comments, "reactions": reactions, "pull": pull,
                })
            })
            .collect();
        let mut checks: Vec<String> = repo
            .checks
            .values()
            .map(|check| {
                normal(&format!(
                    "{} {} {}",
                    check.body["name"], check.body["conclusion"], check.body["output"]
                ))
            })
            .collect();
        checks.sort();
        json!({ "issues": issues, "checks": checks, "branches": self.github.branches(REPO).await.unwrap() })
    }

    /// Nothing is left: no container, no unknown request, no bad request.
    pub(crate) async fn finish(mut self) {
        if let Some(service) = self.service.take() {
            service.stop().await.unwrap();
        }
        assert_eq!(self.containers().await, "", "containers are left");
        self.github.finish().unwrap();
        self.model.finish().unwrap();
        let doors = std::fs::read_dir(self.dir.path().join("data/run")).unwrap().count();
        assert_eq!(doors, 0, "doors are left");
    }

    /// The names of this world's containers.
    pub(crate) async fn containers(&self) -> String {
        let label = format!("label=io.chaperone.instance={}", self.dir.path().join("data").display());
        let output = Command::new("docker")
            .args(["ps", "-a", "--format", "{{.Names}}", "--filter", &label])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn normal(text: &str) -> String {
    static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"[0-9A-HJKMNP-TV-Z]{26}", "SESSION"),
            (r"http://127\.0\.0\.1:\d+", "URL"),
            (r"\$\d+\.\d\d", "$"),
            (r"\b(\d+m)?\d+s\b", "TIME"),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
        .to_vec()
    });
    let text = CHANGING
        .iter()
        .fold(text.to_owned(), |text, (regex, with)| regex.replace_all(&text, *with).into_owned());
    // Shortened base commits differ by the second of the fixture's commit.
    Regex::new(r"main at [0-9a-f]{7}").unwrap().replace_all(&text, "main at COMMIT").into_owned()
}
