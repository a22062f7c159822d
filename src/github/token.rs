//! The App's own proof, and the tokens that it gets for one repository and
//! one purpose each.
//!
//! A token is text of any form and length. It is kept for less than the hour
//! that it lives, and dropped as soon as GitHub refuses it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use octocrab::jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex as Slot;

use super::GitHub;
use super::wire::{Answer, Call};
use crate::failure::Failure;
use crate::ids::Repository;
use crate::outcome::Outcome;
use crate::secret::Secret;

/// A token is taken as used up this long after it was made: GitHub's live an
/// hour.
const LIFE: Duration = Duration::from_mins(50);
/// Slots kept.
const MOST: usize = 4096;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// What the repository is, and who may what in it.
    Metadata,
    /// Fetch the repository.
    Fetch,
    /// Issues, pull requests, checks and branches as they are now.
    Look,
    /// Comments, reactions and labels, on pull requests too.
    Report,
    /// Read Dependabot alerts.
    Alerts,
    /// Check runs.
    Check,
    /// Push, pull requests, check runs.
    Write,
}

impl Purpose {
    pub(super) fn permissions(self) -> BTreeMap<&'static str, &'static str> {
        let more: &[(&str, &str)] = match self {
            Self::Metadata => &[],
            Self::Fetch => &[("contents", "read")],
            Self::Look => {
                &[("contents", "read"), ("issues", "read"), ("pull_requests", "read"), ("checks", "read")]
            }
            Self::Report => &[("issues", "write"), ("pull_requests", "write")],
            Self::Alerts => &[("vulnerability_alerts", "read")],
            Self::Check => &[("checks", "write")],
            Self::Write => &[("contents", "write"), ("pull_requests", "write"), ("checks", "write")],
        };
        more.iter().copied().chain([("metadata", "read")]).collect()
    }

    /// The same, for people.
    pub(super) fn names(self) -> String {
        let permissions = self.permissions().into_iter();
        permissions.map(|(name, level)| format!("{name}: {level}")).collect::<Vec<_>>().join(", ")
    }
}

/// The App's name and key.
pub(super) struct Key {
    app_id: u64,
    key: EncodingKey,
}

/// GitHub takes at most ten minutes, and its clock may be behind ours.
#[derive(Serialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

impl Key {
    /// # Errors
    /// It is not an RSA key in PEM form.
    pub(super) fn new(app_id: u64, pem: &Secret) -> anyhow::Result<Self> {
        let key = EncodingKey::from_rsa_pem(pem.expose().as_bytes())
            .context("could not read the App's private key: it must be an RSA key in PEM form")?;
        Ok(Self { app_id, key })
    }

    /// The App's proof of who it is, good from a minute ago for nine minutes
    /// from `now`, which is in seconds.
    pub(super) fn proof(&self, now: i64) -> Result<Secret, Failure> {
        let claims = Claims { iss: self.app_id.to_string(), iat: now - 60, exp: now + 540 };
        encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(Secret::new)
            .map_err(|error| Failure::bug("sign the App's proof for GitHub").because(error))
    }
}

type Made = Arc<Slot<Option<(Secret, Instant)>>>;

/// Tokens that still hold. The lock of a slot is held while its token is
/// made, so that ten callers make one.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<(Repository, Purpose), Made>>);

impl Tokens {
    fn slot(&self, repo: &Repository, purpose: Purpose) -> Made {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry((repo.clone(), purpose)).or_default())
    }

    fn forget(&self, installation: u64, repositories: Option<&[u64]>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|(repo, _), _| {
            repo.installation != installation || repositories.is_some_and(|gone| !gone.contains(&repo.id))
        });
    }

    /// GitHub refuses this token.
    pub(super) async fn drop_refused(&self, repo: &Repository, token: &Secret) {
        let slots: Vec<Made> = {
            let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.iter().filter(|((known, _), _)| known == repo).map(|(_, slot)| Arc::clone(slot)).collect()
        };
        for slot in slots {
            let mut made = slot.lock().await;
            if made.as_ref().is_some_and(|(known, _)| known.expose() == token.expose()) {
                *made = None;
            }
        }
    }
}

impl GitHub {
    /// Drops the tokens of repositories that are out of reach; of the whole
    /// installation when none is named.
    pub fn forget(&self, installation: u64, repositories: Option<&[u64]>) {
        self.0.tokens.forget(installation, repositories);
    }

    pub(super) async fn token(&self, repo: &Repository, purpose: Purpose) -> Result<Secret, Failure> {
        let slot = self.0.tokens.slot(repo, purpose);
        let mut made = slot.lock().await;
        if let Some((token, since)) = made.as_ref()
            && since.elapsed() < LIFE
        {
            return Ok(token.clone());
        }
        let token = self.mint(repo, purpose).await?;
        *made = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    async fn mint(&self, repo: &Repository, purpose: Purpose) -> Result<Secret, Failure> {
        let path = format!("/app/installations/{}/access_tokens", repo.installation);
        let mut body = json!({ "permissions": purpose.permissions() });
        if let Some(body) = body.as_object_mut() {
            // By number: the name may be another one by now.
            match repo.id {
                0 => body.insert("repositories".to_owned(), json!([repo.name.name()])),
                id => body.insert("repository_ids".to_owned(), json!([id])),
            };
        }
        let what = format!("get a token for {}", repo.name);
        let proof = self.proof()?;
        let call = Call { method: Method::POST, path: &path, body: Some(&body), bearer: Some(&proof) };
        // Minting twice only makes two tokens.
        let answer = self.patiently(repo.installation, &call, &what).await?;
        let token = answer.body.get("token").and_then(Value::as_str);
        match token.filter(|_| answer.is_success()) {
            Some(token) => Ok(Secret::new(token)),
            None => Err(refused(&answer, &what, purpose)),
        }
    }
}

fn refused(answer: &Answer, what: &str, purpose: Purpose) -> Failure {
    let why = match answer.status {
        401 => "GitHub does not take the App's key for this App".to_owned(),
        403 => "the App's installation is suspended or may not do this".to_owned(),
        404 => "the App is not installed there any more".to_owned(),
        422 => format!(
            "the App's installation does not cover the repository, or an owner has not accepted all of: {}",
            purpose.names()
        ),
        status => format!("GitHub answered {status}"),
    };
    let cause = anyhow::anyhow!("{} {}", answer.status, answer.message());
    Failure::user(Outcome::InternalError, format!("{what}: {why}")).because(cause)
}

#[cfg(test)]
mod tests;
