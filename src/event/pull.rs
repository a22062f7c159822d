//! A pull request that was closed: what a person thinks of a change in the
//! end. Whose pull request it was is looked up later, by its address.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::issue::{IssueBody, LabelBody, label_event};
use super::{Event, InstallationBody, RepositoryBody, SenderBody, name, scene};
use crate::change::issue_key;
use crate::ids::Repo;
use crate::wish::Sender;

/// A pull request was closed, with or without merging it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullClosed {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub number: u64,
    /// The pull request's page.
    pub url: String,
    pub merged: bool,
    pub by: Sender,
    pub at: Timestamp,
}

impl PullClosed {
    /// The key of a session that works on this pull request.
    #[must_use]
    pub fn subject(&self) -> String {
        issue_key(&self.repo, self.repo_id, self.number)
    }

    /// "the pull request was merged by ann".
    #[must_use]
    pub fn how(&self) -> String {
        let what = if self.merged { "merged" } else { "closed without a merge" };
        format!("the pull request was {what} by {}", self.by.login)
    }
}

#[derive(Deserialize)]
struct ClosedBody {
    repository: RepositoryBody,
    pull_request: PullBody,
    sender: SenderBody,
}

#[derive(Deserialize)]
struct PullBody {
    number: u64,
    html_url: String,
    #[serde(default)]
    merged: bool,
    closed_at: Timestamp,
}

#[derive(Deserialize)]
struct LabelEvent {
    action: String,
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    pull_request: IssueBody,
    label: Option<LabelBody>,
}

pub(super) fn closed(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let ClosedBody { repository, pull_request: pull, sender } = serde_json::from_slice(body)?;
    Ok(Some(Event::PullClosed(PullClosed {
        repo: repository.full_name,
        repo_id: repository.id,
        number: pull.number,
        url: name(&pull.html_url),
        merged: pull.merged,
        by: sender.sender(),
        at: pull.closed_at,
    })))
}

pub(super) fn label(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let LabelEvent { action, installation, repository, sender, mut pull_request, label } =
        serde_json::from_slice(body)?;
    pull_request.pull_request = Some(IgnoredAny);
    let scene = scene(installation, repository, sender);
    Ok(scene.and_then(|scene| label_event(&action, scene, pull_request, label)))
}
