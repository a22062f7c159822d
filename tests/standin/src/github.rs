//! GitHub, as far as an App sees it: a state model with real bare git
//! repositories behind real smart HTTP.
//!
//! Every request is checked for its token's permission and repository. A
//! route that nobody taught it is remembered and fails [`GitHub::finish`].

mod alerts;
mod api;
mod auth;
mod git;
mod pages;
mod pulls;
mod server;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::watch;

pub use alerts::Alert;
pub use auth::Key;

/// The one installation that there is.
pub const INSTALLATION: u64 = 4242;
/// The App's id.
pub const APP_ID: u64 = 777;
/// Who comments: the App's bot.
pub const BOT: &str = "chaperone[bot]";

/// An issue or, when `pull` is set, a pull request.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    pub title: String,
    pub body: String,
    pub labels: BTreeSet<String>,
    /// By id: content.
    pub reactions: BTreeMap<u64, String>,
    /// By id: body.
    pub comments: BTreeMap<u64, String>,
    pub pull: Option<Pull>,
}

/// What a pull request has besides an issue.
#[derive(Debug, Clone)]
pub struct Pull {
    pub head: String,
    pub base: String,
}

/// A check run.
#[derive(Debug, Clone)]
pub struct Check {
    pub sha: String,
    pub body: Value,
}

/// One repository.
#[derive(Debug, Clone, Default)]
pub struct Repo {
    /// GitHub's number of it.
    pub id: u64,
    pub default_branch: String,
    pub issues: BTreeMap<u64, Issue>,
    /// Dependabot alerts, by number.
    pub alerts: BTreeMap<u64, Alert>,
    pub checks: BTreeMap<u64, Check>,
    /// By login: `admin`, `write`, `read`.
    pub collaborators: BTreeMap<String, String>,
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    pub method: &'static str,
    /// The request's path contains this.
    pub path: &'static str,
    pub kind: FaultKind,
    pub times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is done, and this status is the answer.
    Status(u16),
    /// It is done, but the answer is a 502.
    AppliedThenLost,
}

#[derive(Debug, Clone)]
struct Token {
    repos: Vec<String>,
    permissions: HashMap<String, String>,
}

#[derive(Debug, Default)]
struct State {
    repos: BTreeMap<String, Repo>,
    tokens: HashMap<String, Token>,
    faults: Vec<Fault>,
    requests: Vec<String>,
    unexpected: Vec<String>,
    next_id: u64,
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    key: Key,
    dir: PathBuf,
    address: std::net::SocketAddr,
}

/// A running stand-in. Clones share it.
#[derive(Clone)]
pub struct GitHub(Arc<Shared>);

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GitHub({})", self.0.address)
    }
}

impl GitHub {
    /// Starts on a free port of loopback; repositories are kept in `dir`.
    ///
    /// # Errors
    /// No port, or no key.
    pub async fn start(dir: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("could not listen")?;
        let shared = Shared {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            key: Key::generate()?,
            dir,
            address: listener.local_addr()?,
        };
        let github = Self(Arc::new(shared));
        server::serve(listener, github.clone());
        Ok(github)
    }

    /// Root of pages and clone addresses.
    #[must_use]
    pub fn web_url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Root of the REST API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api/v3", self.0.address)
    }

    /// The App's private key, PEM.
    #[must_use]
    pub fn private_key(&self) -> &str {
        self.0.key.pem()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.0.state.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn touch(&self) {
        self.0.changed.send_modify(|version| *version += 1);
    }

    /// Adds a repository with one commit on `main`. `octocat` may write.
    ///
    /// # Errors
    /// git fails.
    pub async fn add_repo(&self, name: &str, files: &[(String, String)]) -> anyhow::Result<()> {
        git::create(&self.git_dir(name), files).await?;
        let repo = Repo {
            id: 1000 + self.state().id(),
            default_branch: "main".to_owned(),
            collaborators: BTreeMap::from([
                ("octocat".to_owned(), "write".to_owned()),
                ("reader".to_owned(), "read".to_owned()),
            ]),
            ..Repo::default()
        };
        self.state().repos.insert(name.to_owned(), repo);
        Ok(())
    }

    pub(crate) fn git_dir(&self, name: &str) -> PathBuf {
        self.0.dir.join(format!("{name}.git"))
    }

    /// Opens an issue and returns its number.
    #[must_use]
    pub fn open_issue(&self, repo: &str, title: &str, body: &str) -> u64 {
        let mut state = self.state();
        let issues = state.repos.get_mut(repo).map(|repo| &mut repo.issues);
        let Some(issues) = issues else { return 0 };
        let number = issues.keys().max().unwrap_or(&0) + 1;
        let issue = Issue { title: title.to_owned(), body: body.to_owned(), ..Issue::default() };
        issues.insert(number, issue);
        number
    }

    /// Labels an issue and returns the signed delivery that says so.
    #[must_use]
    pub fn label(&self, repo: &str, number: u64, label: &str, sender: &str) -> Delivery {
        let mut state = self.state();
        let (mut title, mut body) = (String::new(), String::new());
        let repo_id = state.repos.get(repo).map_or(0, |repo| repo.id);
        if let Some(issue) = state.repos.get_mut(repo).and_then(|repo| repo.issues.get_mut(&number)) {
            issue.labels.insert(label.to_owned());
            (title, body) = (issue.title.clone(), issue.body.clone());
        }
        let id = state.id();
        drop(state);
        self.touch();
        let (owner, name) = repo.split_once('/').unwrap_or_default();
        Delivery {
            guid: format!("00000000-0000-4000-8000-{id:012}"),
            event: "issues".to_owned(),
            body: json!({
                "action": "labeled",
                "issue": {
                    "id": number, "number": number, "title": title, "body": body, "state": "open",
                    "html_url": format!("{}/{repo}/issues/{number}", self.web_url()),
                    "labels": [{ "name": label }],
                    "user": { "login": sender, "type": "User" },
                },
                "label": { "id": 1, "name": label, "color": "ededed" },
                "repository": { "id": repo_id, "name": name, "full_name": repo, "private": true, "owner": { "login": owner } },
                "sender": { "login": sender, "id": 1, "type": "User" },
                "installation": { "id": INSTALLATION },
            })
            .to_string(),
        }
    }

    /// From now on `login` has this permission (`read`, `write`, …).
    pub fn permit(&self, repo: &str, login: &str, permission: &str) {
        if let Some(repo) = self.state().repos.get_mut(repo) {
            repo.collaborators.insert(login.to_owned(), permission.to_owned());
        }
    }

    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// A copy of a repository's state.
    #[must_use]
    pub fn repo(&self, name: &str) -> Repo {
        self.state().repos.get(name).cloned().unwrap_or_default()
    }

    /// Branches with the tree of their commit, from git itself.
    ///
    /// # Errors
    /// git fails.
    pub async fn branches(&self, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
        git::branches(&self.git_dir(name)).await
    }

    /// A file at a branch; `None` when there is none.
    ///
    /// # Errors
    /// git cannot be started.
    pub async fn file(&self, name: &str, branch: &str, path: &str) -> anyhow::Result<Option<String>> {
        git::file(&self.git_dir(name), branch, path).await
    }

    /// All requests so far, as `METHOD path`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// Waits until `condition` holds for the repository.
    ///
    /// # Errors
    /// It did not within `limit`.
    pub async fn wait_for(
        &self,
        name: &str,
        limit: Duration,
        condition: impl Fn(&Repo) -> bool,
    ) -> anyhow::Result<Repo> {
        let mut changes = self.0.changed.subscribe();
        let waiting = async {
            loop {
                let repo = self.repo(name);
                if condition(&repo) {
                    return repo;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(limit, waiting)
            .await
            .with_context(|| format!("could not see it in {name} in time: {:#?}", self.repo(name)))
    }

    /// Nothing was asked that this server does not know.
    ///
    /// # Errors
    /// With what was asked.
    pub fn finish(&self) -> anyhow::Result<()> {
        let state = self.state();
        anyhow::ensure!(state.unexpected.is_empty(), "unexpected requests: {:#?}", state.unexpected);
        Ok(())
    }
}

/// A delivery, to be signed and sent, once or again.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub guid: String,
    pub event: String,
    pub body: String,
}

impl Delivery {
    /// `X-Hub-Signature-256` for this secret.
    #[must_use]
    pub fn signature(&self, secret: &str) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            mac.update(self.body.as_bytes());
            bytes = mac.finalize().into_bytes().to_vec();
        }
        format!("sha256={}", hex::encode(bytes))
    }

    /// Sends it and returns the status and the answer.
    ///
    /// # Errors
    /// The receiver cannot be reached.
    pub async fn send(&self, url: &str, secret: &str) -> anyhow::Result<(u16, String)> {
        let response = client()?
            .post(url)
            .header("content-type", "application/json")
            .header("x-github-event", &self.event)
            .header("x-github-delivery", &self.guid)
            .header("x-hub-signature-256", self.signature(secret))
            .body(self.body.clone())
            .send()
            .await
            .context("could not deliver")?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    }
}

/// A client that gives up in time.
///
/// # Errors
/// It cannot be made.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build()?)
}
