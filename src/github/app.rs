//! What the App may ask as itself: who it is, where it is installed, which
//! deliveries failed, and what time it is.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::GitHub;
use super::call::items_of;
use super::token::Purpose;
use super::wire::{Answer, Call, Wire, escape};
use crate::failure::{Failure, Kind};
use crate::ids::{Repo, Repository};
use crate::outcome::Outcome;
use crate::secret::Secret;

/// The lane of calls that belong to no installation.
const OWN: u64 = 0;
/// Pages of one list of deliveries.
const PAGES: u32 = 50;

/// The App as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppNow {
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    pub name: String,
    /// Login of the person or organisation that owns it.
    pub owner: String,
    /// By name: `read`, `write`.
    pub permissions: BTreeMap<String, String>,
    /// What it is told of.
    pub events: Vec<String>,
}

/// One place where the App is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationNow {
    pub id: u64,
    /// Login of the person or organisation.
    pub account: String,
    pub suspended: bool,
    /// What an owner there has accepted; it can be less than the App asks.
    pub permissions: BTreeMap<String, String>,
    pub events: Vec<String>,
}

/// Where GitHub sends the App's webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookConfig {
    pub url: String,
}

/// A delivery of which no attempt succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// Of the latest attempt: what a redelivery is asked for with.
    pub id: u64,
    /// The same in every attempt: `X-GitHub-Delivery`.
    pub guid: String,
    /// Of the latest attempt.
    pub at: Timestamp,
}

/// A repository as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryNow {
    pub name: Repo,
    pub archived: bool,
    pub default_branch: String,
}

/// What GitHub gives for the code of a manifest: all that an App is.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub id: u64,
    pub slug: String,
    /// The App's page; its installation starts there.
    pub html_url: String,
    /// Login of the person or organisation that owns it.
    pub owner: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub webhook_secret: Secret,
    /// The private key.
    pub pem: Secret,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn permissions(value: &Value) -> BTreeMap<String, String> {
    let known = value.get("permissions").and_then(Value::as_object).into_iter().flatten();
    known.filter_map(|(name, level)| Some((name.clone(), level.as_str()?.to_owned()))).collect()
}

fn events(value: &Value) -> Vec<String> {
    let known = value.get("events").and_then(Value::as_array).into_iter().flatten();
    known.filter_map(|event| Some(event.as_str()?.to_owned())).collect()
}

/// Takes a manifest's code for the App that GitHub made from it. The code is
/// good once, and for an hour.
///
/// # Errors
/// GitHub does not know the code, or cannot be reached.
pub async fn convert_manifest(api_url: &str, code: &str) -> anyhow::Result<Credentials> {
    let path = format!("/app-manifests/{}/conversions", escape(code));
    let call = Call { method: Method::POST, path: &path, body: None, bearer: None };
    let answer = Wire::new(api_url)?.send(&call).await?;
    anyhow::ensure!(
        answer.is_success(),
        "GitHub did not make an App of the code: it answered {} {}",
        answer.status,
        answer.message()
    );
    let made = &answer.body;
    let secret = |name: &str| -> anyhow::Result<Secret> {
        let value = made.get(name).and_then(Value::as_str);
        Ok(Secret::new(value.with_context(|| format!("GitHub's answer has no {name}"))?))
    };
    Ok(Credentials {
        id: made.get("id").and_then(Value::as_u64).context("GitHub's answer has no id")?,
        slug: text(made, "/slug"),
        html_url: text(made, "/html_url"),
        owner: text(made, "/owner/login"),
        client_id: text(made, "/client_id"),
        client_secret: secret("client_secret")?,
        webhook_secret: secret("webhook_secret")?,
        pem: secret("pem")?,
    })
}

impl GitHub {
    /// Who the App is.
    ///
    /// # Errors
    /// GitHub cannot be reached or refuses the App's key.
    pub async fn app(&self) -> Result<AppNow, Failure> {
        let app = self.as_app(Method::GET, "/app").await?.body;
        Ok(AppNow {
            id: app.get("id").and_then(Value::as_u64).unwrap_or_default(),
            slug: text(&app, "/slug"),
            name: text(&app, "/name"),
            owner: text(&app, "/owner/login"),
            permissions: permissions(&app),
            events: events(&app),
        })
    }

    /// Where the App is installed.
    ///
    /// # Errors
    /// GitHub cannot be reached or refuses the App's key.
    pub async fn installations(&self) -> Result<Vec<InstallationNow>, Failure> {
        let found = self.pages("/app/installations?per_page=100", |_| true).await?;
        let one = |value: &Value| {
            Some(InstallationNow {
                id: value.get("id")?.as_u64()?,
                account: text(value, "/account/login"),
                suspended: value.get("suspended_at").is_some_and(|at| !at.is_null()),
                permissions: permissions(value),
                events: events(value),
            })
        };
        Ok(found.iter().filter_map(one).collect())
    }

    /// Where GitHub sends webhooks.
    ///
    /// # Errors
    /// GitHub cannot be reached or refuses the App's key.
    pub async fn hook_config(&self) -> Result<HookConfig, Failure> {
        let config = self.as_app(Method::GET, "/app/hook/config").await?.body;
        Ok(HookConfig { url: text(&config, "/url") })
    }

    /// GitHub's own clock.
    ///
    /// # Errors
    /// GitHub cannot be reached, or does not say.
    pub async fn clock(&self) -> Result<Timestamp, Failure> {
        let what = "ask GitHub for the time";
        let proof = self.proof()?;
        // A proof that it refuses, because our clock is wrong, comes with
        // the time all the same.
        let answer = self.patiently(OWN, &Call::get("/app", &proof), what).await?;
        answer.date().ok_or_else(|| Failure::transient(Outcome::InternalError, what))
    }

    /// Deliveries since then of which no attempt succeeded, the oldest first.
    ///
    /// # Errors
    /// GitHub cannot be reached or refuses the App's key.
    pub async fn failed_deliveries(&self, since: Timestamp) -> Result<Vec<FailedDelivery>, Failure> {
        let list = |status: &str| format!("/app/hook/deliveries?status={status}&per_page=100");
        let attempts = |found: &[Value]| found.iter().filter_map(attempt).collect::<Vec<_>>();
        let failures = attempts(&self.pages(&list("failure"), |last| is_since(last, since)).await?);
        let Some(oldest) = failures.iter().map(|failure| failure.at).filter(|at| *at >= since).min() else {
            return Ok(Vec::new());
        };
        let successes = attempts(&self.pages(&list("success"), |last| is_since(last, oldest)).await?);
        let arrived: HashSet<&str> = successes.iter().map(|success| success.guid.as_str()).collect();
        let mut latest = BTreeMap::<&str, &FailedDelivery>::new();
        for failure in failures.iter().filter(|failure| failure.at >= since) {
            let known = latest.entry(&failure.guid).or_insert(failure);
            if failure.at > known.at {
                *known = failure;
            }
        }
        let mut lost: Vec<FailedDelivery> = latest
            .into_iter()
            .filter(|(guid, _)| !arrived.contains(guid))
            .map(|(_, failure)| failure.clone())
            .collect();
        lost.sort_by_key(|failure| failure.at);
        Ok(lost)
    }

    /// Asks for a delivery once more; it comes with the same guid.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no: it keeps deliveries for three
    /// days.
    pub async fn redeliver(&self, id: u64) -> Result<(), Failure> {
        self.as_app(Method::POST, &format!("/app/hook/deliveries/{id}/attempts")).await.map(|_accepted| ())
    }

    /// The repository of this number, whatever its name is now; `None` when
    /// it is gone, or the App has no access any more.
    ///
    /// # Errors
    /// GitHub cannot be reached.
    pub async fn repository(&self, repo: &Repository) -> Result<Option<RepositoryNow>, Failure> {
        let token = match self.token(repo, Purpose::Metadata).await {
            Ok(token) => token,
            Err(failure) if failure.kind() == Kind::UserFault => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let path = match repo.id {
            0 => format!("/repos/{}", repo.name),
            id => format!("/repositories/{id}"),
        };
        let what = format!("look up {}", repo.name);
        let answer = self.patiently(repo.installation, &Call::get(&path, &token), &what).await?;
        if answer.status == 401 {
            self.0.tokens.drop_refused(repo, &token).await;
            return Err(Failure::transient(Outcome::InternalError, what));
        }
        if !answer.is_success() {
            return Ok(None);
        }
        let name = text(&answer.body, "/full_name").parse();
        Ok(name.ok().map(|name| RepositoryNow {
            name,
            archived: answer.body.get("archived").and_then(Value::as_bool).unwrap_or_default(),
            default_branch: text(&answer.body, "/default_branch"),
        }))
    }

    async fn as_app(&self, method: Method, path: &str) -> Result<Answer, Failure> {
        let what = "speak to GitHub as the App";
        let proof = self.proof()?;
        let call = Call { method, path, body: None, bearer: Some(&proof) };
        let answer = self.patiently(OWN, &call, what).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let why = match answer.status {
            401 => "it refuses the key; is it this App's, and is this machine's clock right?",
            404 => "it has no such thing",
            _ => "it said no",
        };
        let cause = anyhow::anyhow!("{} {}", answer.status, answer.message());
        Err(Failure::user(Outcome::InternalError, format!("{what}: {why}")).because(cause))
    }

    /// All pages of a list, as long as `go_on` with the last item so far.
    async fn pages(&self, path: &str, go_on: impl Fn(&Value) -> bool) -> Result<Vec<Value>, Failure> {
        let bare = path.split('?').next().unwrap_or_default();
        let (mut page, mut items) = (path.to_owned(), Vec::new());
        for _ in 0..PAGES {
            let answer = self.as_app(Method::GET, &page).await?;
            items.extend(items_of(answer.body));
            match answer.next {
                Some(query) if items.last().is_some_and(&go_on) => page = format!("{bare}?{query}"),
                _ => break,
            }
        }
        Ok(items)
    }
}

fn attempt(value: &Value) -> Option<FailedDelivery> {
    Some(FailedDelivery {
        id: value.get("id")?.as_u64()?,
        guid: value.get("guid")?.as_str()?.to_owned(),
        at: value.get("delivered_at")?.as_str()?.parse().ok()?,
    })
}

fn is_since(delivery: &Value, since: Timestamp) -> bool {
    attempt(delivery).is_none_or(|attempt| attempt.at >= since)
}

#[cfg(test)]
mod tests;
