//! Pull requests of our own: found, opened, brought up to date.

use serde_json::{Value, json};

use super::call::{Posted, RepoClient, TRIES, wait_and_look};
use super::limits;
use super::wire::escape;
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
    /// Where the repository's plan has drafts; elsewhere it is opened as
    /// usual.
    pub draft: bool,
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
        let head = escape(&format!("{}:{branch}", self.repo().owner()));
        let open = self.list(&format!("/pulls?state=open&head={head}")).await?;
        // The filter is GitHub's; one that it does not understand lets all
        // pull requests through.
        let from = |pull: &&Value| pull.pointer("/head/ref").and_then(Value::as_str) == Some(branch);
        Ok(open.iter().find(from).and_then(pull_of))
    }

    /// Opens the pull request, or brings the open one up to date.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_pull(&self, new: &NewPull<'_>) -> Result<Pull, Failure> {
        let (title, text) = (limits::title(new.title), limits::body(new.body));
        let mut draft = new.draft;
        for tries in 1..=TRIES {
            if let Some(open) = self.find_pull(new.branch).await? {
                let body = json!({ "title": title, "body": text });
                self.replace(&format!("/pulls/{}", open.number), &body).await?;
                return Ok(Pull { body: text, ..open });
            }
            let body = json!({
                "title": title, "body": text, "head": new.branch, "base": new.base, "draft": draft,
            });
            match self.post("/pulls", &body).await? {
                Posted::Made(made) => {
                    return pull_of(&made).ok_or_else(|| self.exhausted("read a pull request"));
                }
                // Not every plan has drafts for private repositories.
                Posted::Invalid(why) if draft && why.to_ascii_lowercase().contains("draft") => draft = false,
                Posted::Invalid(why) if tries == TRIES || !why.contains("already exists") => {
                    return Err(self.invalid("open a pull request", why));
                }
                Posted::Invalid(_) => {}
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("open a pull request"))
    }

    /// Asks people, and teams as `org/team`, for a review. Who was asked
    /// already is not asked again.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no, such as to one who is not a
    /// collaborator.
    pub async fn request_reviewers(&self, pull: u64, reviewers: &[String]) -> Result<(), Failure> {
        let (mut people, mut teams) = (Vec::new(), Vec::new());
        for name in reviewers {
            match name.rsplit_once('/') {
                Some((_, team)) => teams.push(team),
                None => people.push(name.as_str()),
            }
        }
        if people.is_empty() && teams.is_empty() {
            return Ok(());
        }
        let body = json!({ "reviewers": people, "team_reviewers": teams });
        let path = format!("/pulls/{pull}/requested_reviewers");
        self.post_idempotent(&path, &body).await.map(|_asked| ())
    }
}
