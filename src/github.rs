//! GitHub's REST API, and the only code that speaks it.
//!
//! Tokens are minted per repository and per purpose: to look, to fetch, to
//! report, to write. Requests that only read or replace are tried again
//! after a hiccup; one that makes something is never blindly repeated: it
//! says "uncertain", and the caller looks before it acts again. There is
//! nothing here that merges, approves or deletes what somebody else made.

mod alerts;
mod app;
mod call;
mod checks;
mod git_data;
mod issues;
mod limits;
mod look;
mod pace;
mod pulls;
mod refusal;
#[cfg(test)]
mod testing;
mod token;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::change::Permission;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::ids::{Repo, Repository};
use crate::secret::{ReadToken, Secret, WriteToken};

use call::Access;
use token::Purpose;

pub use alerts::AlertNow;
pub use app::{
    AppNow, Credentials, FailedDelivery, HookConfig, InstallationNow, RepositoryNow, convert_manifest,
};
pub use call::RepoClient;
pub use checks::{CheckNow, CheckRun, CheckState};
pub use git_data::{CommitNow, NewFile, Step, TreeEntry};
pub use issues::{IssueNow, Note, Reaction};
pub use limits::{Annotation, CheckAction, Level};
pub use look::{FirstCommit, PullNow, ReviewComment};
pub use pulls::{NewPull, Pull};
pub use refusal::{failure as refusal, named as named_refusal};

/// The App, and where GitHub is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Root of the REST API.
    pub base_url: String,
    /// Root of pages and clone addresses.
    pub web_url: String,
    pub app_id: u64,
    pub private_key: Secret,
    /// Between two requests of one installation that make content.
    pub write_pause: Duration,
}

/// One installation-wide client. Cheap to clone.
#[derive(Clone)]
pub struct GitHub(Arc<Inner>);

struct Inner {
    wire: wire::Wire,
    web_url: String,
    app_id: u64,
    key: token::Key,
    tokens: token::Tokens,
    pace: pace::Pace,
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GitHub({})", self.0.web_url)
    }
}

impl GitHub {
    /// # Errors
    /// The key is not an RSA key in PEM form, or the address is not one.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            wire: wire::Wire::new(&settings.base_url)?,
            web_url: settings.web_url.trim_end_matches('/').to_owned(),
            app_id: settings.app_id,
            key: token::Key::new(settings.app_id, &settings.private_key)?,
            tokens: token::Tokens::default(),
            pace: pace::Pace::new(settings.write_pause),
        })))
    }

    /// Root of pages and clone addresses, without a slash at the end.
    #[must_use]
    pub fn web_url(&self) -> &str {
        &self.0.web_url
    }

    #[must_use]
    pub fn clone_url(&self, repo: &Repo) -> String {
        format!("{}/{repo}.git", self.0.web_url)
    }

    /// # Errors
    /// GitHub does not give one.
    pub async fn read_token(&self, repo: &Repository) -> Result<ReadToken, Failure> {
        Ok(ReadToken(self.token(repo, Purpose::Fetch).await?))
    }

    /// For `publish` only.
    ///
    /// # Errors
    /// GitHub does not give one.
    pub async fn write_token(&self, repo: &Repository) -> Result<WriteToken, Failure> {
        Ok(WriteToken(self.token(repo, Purpose::Write).await?))
    }

    /// For issues, pull requests, checks and branches as they are now.
    ///
    /// # Errors
    /// GitHub does not give a token.
    pub async fn reader(&self, repo: &Repository) -> Result<RepoClient, Failure> {
        self.client(repo, Purpose::Look).await
    }

    /// For comments, reactions and labels, on issues and pull requests.
    ///
    /// # Errors
    /// GitHub does not give a token.
    pub async fn reporter(&self, repo: &Repository) -> Result<RepoClient, Failure> {
        self.client(repo, Purpose::Report).await
    }

    /// For check runs where nothing is pushed.
    ///
    /// # Errors
    /// GitHub does not give a token.
    pub async fn checker(&self, repo: &Repository) -> Result<RepoClient, Failure> {
        self.client(repo, Purpose::Check).await
    }

    /// For branches, pull requests and check runs; asked for with the
    /// ticket's token.
    ///
    /// # Errors
    /// None so far; the token is proved by its first use.
    pub fn writer(&self, token: &WriteToken, repo: &Repository) -> Result<RepoClient, Failure> {
        Ok(RepoClient::new(self, repo, Access::Ticket(token.0.clone())))
    }

    /// What a person may do. Who is not a collaborator may nothing.
    ///
    /// # Errors
    /// GitHub does not say; the caller must take that for a no.
    pub async fn permission(&self, repo: &Repository, login: &str) -> Result<Permission, Failure> {
        let client = self.client(repo, Purpose::Metadata).await?;
        let login: String =
            login.chars().filter(|c| c.is_ascii_alphanumeric() || "-_[]".contains(*c)).collect();
        let path = format!("/collaborators/{}/permission", wire::escape(&login));
        let Some(answer) = client.find(&path).await? else { return Ok(Permission::None) };
        let name = |key: &str| answer.get(key).and_then(Value::as_str);
        // The role is finer than the older field; a custom role is known by
        // the older field only.
        let role = name("role_name").map_or(Permission::None, Permission::from_name);
        let legacy = name("permission").map_or(Permission::None, Permission::from_name);
        Ok(if role == Permission::None { legacy } else { role })
    }

    /// A client whose token is there already, so that a missing permission
    /// shows here.
    async fn client(&self, repo: &Repository, purpose: Purpose) -> Result<RepoClient, Failure> {
        self.token(repo, purpose).await?;
        Ok(RepoClient::new(self, repo, Access::Purpose(purpose)))
    }

    /// The App's proof of who it is.
    fn proof(&self) -> Result<Secret, Failure> {
        self.0.key.proof(Clock.now().as_second())
    }
}
