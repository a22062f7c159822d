//! GitHub, as far as an App sees it: a state model with real bare git
//! repositories behind real smart HTTP.
//!
//! Every request is checked for its token's permission and repository. A
//! route that nobody taught it is remembered and fails [`GitHub::finish`].

mod alerts;
mod api;
mod app;
mod auth;
mod checks;
mod data;
mod delivery;
mod events;
mod faults;
mod git;
mod issues;
mod lifecycle;
mod mirror;
mod pages;
mod pulls;
mod refs;
mod reviews;
mod rules;
mod server;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::watch;

use state::{State, Suite, now};

pub use alerts::Alert;
pub use auth::Key;
pub use delivery::Delivery;
pub use faults::{Fault, FaultKind};
pub use state::{Check, Comment, Inline, Issue, Pull, Repo, Review, Rule, Suite as CheckSuite};

/// The one installation that there is.
pub const INSTALLATION: u64 = 4242;
/// The App's id.
pub const APP_ID: u64 = 777;
/// Who comments: the App's bot.
pub const BOT: &str = "chaperone[bot]";
/// The bot's number.
pub const BOT_ID: u64 = 777_001;
/// The App of another check, such as a repository's own workflows.
pub const OTHER_APP: u64 = 15_368;

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
        self.see_heads(name).await
    }

    /// GitHub makes a check suite for every commit that becomes a head; its
    /// time is when the head was first seen.
    async fn see_heads(&self, name: &str) -> anyhow::Result<()> {
        let heads = git::heads(&self.git_dir(name)).await?;
        let mut state = self.state();
        for (branch, sha) in heads {
            let id = state.id();
            let Some(repo) = state.repos.get_mut(name) else { continue };
            repo.suites.entry(sha).or_insert_with(|| Suite { id, branch, at: now() });
        }
        drop(state);
        self.touch();
        Ok(())
    }

    pub(crate) fn git_dir(&self, name: &str) -> PathBuf {
        self.0.dir.join(format!("{name}.git"))
    }

    /// From now on `login` has this permission (`read`, `write`, …).
    pub fn permit(&self, repo: &str, login: &str, permission: &str) {
        if let Some(repo) = self.state().repos.get_mut(repo) {
            repo.collaborators.insert(login.to_owned(), permission.to_owned());
        }
    }

    /// From now on the repository refuses what the rule says.
    ///
    /// # Errors
    /// The rule cannot be written down for git.
    pub fn rule(&self, repo: &str, rule: Rule) -> anyhow::Result<()> {
        let rules = {
            let mut state = self.state();
            let repo = state.repos.get_mut(repo).context("could not find the repository")?;
            repo.rules.push(rule);
            repo.rules.clone()
        };
        rules::write(&self.git_dir(repo), &rules)
    }

    /// What the App may do from now on; the level `none` takes it away.
    pub fn grant(&self, permission: &str, level: &str) {
        self.state().permissions.insert(permission.to_owned(), level.to_owned());
    }

    /// Things on one page of a list, whatever a client asks for.
    pub fn page_size(&self, things: usize) {
        self.state().page = things;
    }

    /// Does GitHub sign the commits that are made by the API? An Enterprise
    /// Server does not unless its administrator says so.
    pub fn sign_commits(&self, signs: bool) {
        self.state().signs = signs;
    }

    /// From here on nothing goes wrong.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
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
        self.state().requests.iter().map(|(_, request)| request.clone()).collect()
    }

    /// All requests so far, with when they came.
    #[must_use]
    pub fn timed_requests(&self) -> Vec<(Instant, String)> {
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

/// A client that gives up in time.
///
/// # Errors
/// It cannot be made.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build()?)
}
