//! Pull requests and check runs.

use serde_json::{Value, json};

use super::call::{Posted, RepoClient, TRIES, wait_and_look};
use crate::failure::Failure;

/// A pull request as far as we need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    /// Its page.
    pub url: String,
    pub body: String,
}

/// A pull request to open.
#[derive(Debug, Clone)]
pub struct NewPull<'a> {
    pub branch: &'a str,
    pub base: &'a str,
    pub title: &'a str,
    pub body: &'a str,
}

/// A finished check run.
#[derive(Debug, Clone)]
pub struct CheckRun<'a> {
    pub name: &'a str,
    pub sha: &'a str,
    /// Our key: the same one is never made twice.
    pub external_id: &'a str,
    pub details_url: &'a str,
    /// `success`, `failure` and so on.
    pub conclusion: &'a str,
    pub title: &'a str,
    pub summary: &'a str,
}

fn pull_of(value: &Value) -> Option<Pull> {
    Some(Pull {
        number: value.get("number")?.as_u64()?,
        url: value.get("html_url")?.as_str()?.to_owned(),
        body: value.get("body").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

impl RepoClient {
    /// The open pull request from `branch` of this repository.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn find_pull(&self, branch: &str) -> Result<Option<Pull>, Failure> {
        let branch = branch.replace('+', "%2B").replace('#', "%23");
        let path = format!("/pulls?state=open&head={}:{branch}", self.repo().owner());
        Ok(self.list(&path).await?.iter().find_map(pull_of))
    }

    /// Opens the pull request, or brings the open one up to date.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_pull(&self, new: &NewPull<'_>) -> Result<Pull, Failure> {
        for tries in 1..=TRIES {
            if let Some(open) = self.find_pull(new.branch).await? {
                let body = json!({ "title": new.title, "body": new.body });
                self.replace(&format!("/pulls/{}", open.number), &body).await?;
                return Ok(open);
            }
            let body = json!({ "title": new.title, "body": new.body, "head": new.branch, "base": new.base });
            match self.post("/pulls", &body).await? {
                Posted::Made(made) => {
                    return pull_of(&made).ok_or_else(|| self.exhausted("read a pull request"));
                }
                Posted::Invalid(why) => {
                    return Err(self.exhausted("open a pull request").because(anyhow::anyhow!(why)));
                }
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("open a pull request"))
    }

    /// Makes the check run, or finds it.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_check(&self, run: &CheckRun<'_>) -> Result<(), Failure> {
        for tries in 1..=TRIES {
            let runs = self.list(&format!("/commits/{}/check-runs?filter=all", run.sha)).await?;
            let ours = |found: &&Value| {
                let is = |key: &str, value: &str| found.get(key).and_then(Value::as_str) == Some(value);
                is("name", run.name) && is("external_id", run.external_id)
            };
            if runs.iter().find(ours).is_some() {
                return Ok(());
            }
            let body = json!({
                "name": run.name,
                "head_sha": run.sha,
                "external_id": run.external_id,
                "details_url": run.details_url,
                "status": "completed",
                "conclusion": run.conclusion,
                "output": { "title": run.title, "summary": run.summary },
            });
            match self.post("/check-runs", &body).await? {
                Posted::Made(_) => return Ok(()),
                Posted::Invalid(why) => {
                    return Err(self.exhausted("make a check run").because(anyhow::anyhow!(why)));
                }
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("make a check run"))
    }
}
