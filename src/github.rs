//! GitHub's REST API, and the only code that speaks it.
//!
//! Tokens are minted per repository and per purpose: to read, to report, to
//! write. Requests that only read or replace are tried again after a hiccup;
//! one that makes something is never blindly repeated: it says "uncertain",
//! and the caller looks before it acts again.

mod alerts;
mod call;
mod issues;
mod pulls;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use octocrab::models::apps::CreateInstallationAccessToken;
use octocrab::models::{AppId, InstallationId};
use octocrab::service::middleware::retry::RetryConfig;
use octocrab::{Octocrab, jsonwebtoken};
use tokio::sync::Mutex;

use crate::change::Permission;
use crate::failure::Failure;
use crate::ids::{Repo, Repository};
use crate::outcome::Outcome;
use crate::secret::{ReadToken, Secret, WriteToken};

pub use alerts::AlertNow;
pub use call::RepoClient;
pub use issues::Reaction;
pub use pulls::{CheckRun, NewPull, Pull};

/// A token is taken as used up this long before it is: GitHub's live an hour.
const TOKEN_LIFE: Duration = Duration::from_mins(50);

/// The App, and where GitHub is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Root of the REST API.
    pub base_url: String,
    /// Root of pages and clone addresses.
    pub web_url: String,
    pub app_id: u64,
    pub private_key: Secret,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Purpose {
    /// Fetch the repository.
    Read,
    /// Comments, reactions, labels, and who may what.
    Report,
    /// Read Dependabot alerts.
    Alerts,
    /// Check runs that say why there is no pull request.
    Check,
    /// Push, pull requests, check runs.
    Write,
}

impl Purpose {
    fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Read => &[("contents", "read"), ("metadata", "read")],
            Self::Report => &[("issues", "write"), ("pull_requests", "read"), ("metadata", "read")],
            Self::Alerts => &[("vulnerability_alerts", "read"), ("metadata", "read")],
            Self::Check => &[("checks", "write"), ("metadata", "read")],
            Self::Write => &[
                ("contents", "write"),
                ("pull_requests", "write"),
                ("checks", "write"),
                ("metadata", "read"),
            ],
        }
    }
}

type TokenKey = (Repository, Purpose);

/// One installation-wide client. Cheap to clone.
#[derive(Clone)]
pub struct GitHub(Arc<Inner>);

struct Inner {
    app: Octocrab,
    web_url: String,
    /// Held while a token is minted, so that ten callers mint one.
    tokens: Mutex<HashMap<TokenKey, (Secret, Instant)>>,
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
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(settings.private_key.expose().as_bytes())
            .context("could not read the App's private key: it must be an RSA key in PEM form")?;
        let app = Octocrab::builder()
            .base_uri(settings.base_url.as_str())
            .context("could not read the address of GitHub's API")?
            .app(AppId(settings.app_id), key)
            .add_retry_config(RetryConfig::None)
            .set_connect_timeout(Some(Duration::from_secs(10)))
            .set_read_timeout(Some(Duration::from_secs(30)))
            .set_write_timeout(Some(Duration::from_secs(30)))
            .build()
            .context("could not make GitHub's client")?;
        let web_url = settings.web_url.trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(Inner { app, web_url, tokens: Mutex::default() })))
    }

    #[must_use]
    pub fn clone_url(&self, repo: &Repo) -> String {
        format!("{}/{repo}.git", self.0.web_url)
    }

    /// # Errors
    /// GitHub does not give one.
    pub async fn read_token(&self, repo: &Repository) -> Result<ReadToken, Failure> {
        Ok(ReadToken(self.token(repo, Purpose::Read).await?))
    }

    /// For `publish` only.
    ///
    /// # Errors
    /// GitHub does not give one.
    pub async fn write_token(&self, repo: &Repository) -> Result<WriteToken, Failure> {
        Ok(WriteToken(self.token(repo, Purpose::Write).await?))
    }

    /// For comments, reactions and labels.
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

    /// For pull requests and check runs; asked for with the ticket's token.
    ///
    /// # Errors
    /// The token cannot be used.
    pub fn writer(&self, token: &WriteToken, repo: &Repository) -> Result<RepoClient, Failure> {
        RepoClient::new(&self.0.app, &token.0, &repo.name)
    }

    /// What a person may do. Who is not a collaborator may nothing.
    ///
    /// # Errors
    /// GitHub does not say; the caller must take that for a no.
    pub async fn permission(&self, repo: &Repository, login: &str) -> Result<Permission, Failure> {
        let client = self.client(repo, Purpose::Report).await?;
        let login: String =
            login.chars().filter(|c| c.is_ascii_alphanumeric() || "-_[]".contains(*c)).collect();
        let path = format!("/collaborators/{login}/permission");
        let Some(answer) = client.find(&path).await? else { return Ok(Permission::None) };
        let name = |key: &str| answer.get(key).and_then(serde_json::Value::as_str);
        // The role is finer than the older field; a custom role is known by
        // the older field only.
        let role = name("role_name").map_or(Permission::None, Permission::from_name);
        let legacy = name("permission").map_or(Permission::None, Permission::from_name);
        Ok(if role == Permission::None { legacy } else { role })
    }

    async fn client(&self, repo: &Repository, purpose: Purpose) -> Result<RepoClient, Failure> {
        let token = self.token(repo, purpose).await?;
        RepoClient::new(&self.0.app, &token, &repo.name)
    }

    async fn token(&self, repo: &Repository, purpose: Purpose) -> Result<Secret, Failure> {
        let mut tokens = self.0.tokens.lock().await;
        let key = (repo.clone(), purpose);
        if let Some((token, minted)) = tokens.get(&key)
            && minted.elapsed() < TOKEN_LIFE
        {
            return Ok(token.clone());
        }
        let token = self.mint(repo, purpose).await?;
        tokens.insert(key, (token.clone(), Instant::now()));
        Ok(token)
    }

    async fn mint(&self, repo: &Repository, purpose: Purpose) -> Result<Secret, Failure> {
        let permissions =
            purpose.permissions().iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned()));
        let body = CreateInstallationAccessToken {
            repositories: Some(vec![repo.name.name().to_owned()]),
            permissions: Some(permissions.collect()),
            ..CreateInstallationAccessToken::default()
        };
        let mut tries = 1;
        loop {
            let minted = self
                .0
                .app
                .apps()
                .create_installation_access_token(InstallationId(repo.installation), &body)
                .await;
            match minted {
                Ok(token) => return Ok(Secret::new(token.token)),
                // Minting twice only makes two tokens.
                Err(error) if tries < call::TRIES && call::is_passing(&error) => {
                    tokio::time::sleep(call::pause(tries)).await;
                    tries += 1;
                }
                Err(error) => return Err(refused(error, &repo.name)),
            }
        }
    }
}

fn refused(error: octocrab::Error, repo: &Repo) -> Failure {
    let what = format!("get a token for {repo} from GitHub");
    if call::is_passing(&error) {
        Failure::transient(Outcome::InternalError, what).because(error)
    } else {
        Failure::user(Outcome::InternalError, what).because(error)
    }
}
