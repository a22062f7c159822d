//! What people write: comments under issues and pull requests, and reviews.
//! Only new ones are read: an edit may be somebody else's.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{AppBody, Event, InstallationBody, RepositoryBody, Scene, SenderBody, latest, scene, written};
use crate::ids::ObjectId;

/// A new comment under an issue or a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commented {
    pub scene: Scene,
    /// The issue's or pull request's number.
    pub number: u64,
    pub is_pull: bool,
    /// GitHub's number of the comment.
    pub comment: u64,
    /// As it was written, with all that is not shown.
    pub body: String,
    pub at: Timestamp,
    /// The number of the App through which it was written.
    pub via_app: Option<u64>,
}

/// A review that requests changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    pub scene: Scene,
    /// The pull request's number.
    pub number: u64,
    /// GitHub's number of the review.
    pub review: u64,
    pub body: String,
    /// The commit that was looked at.
    pub head: ObjectId,
    pub at: Timestamp,
    /// Was the pull request opened by an app? Ours are.
    pub of_a_bot: bool,
}

#[derive(Deserialize)]
struct CommentedBody {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    issue: IssueBody,
    comment: CommentBody,
}

#[derive(Deserialize)]
struct IssueBody {
    number: u64,
    pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct CommentBody {
    id: u64,
    body: Option<String>,
    created_at: Option<Timestamp>,
    performed_via_github_app: Option<AppBody>,
}

#[derive(Deserialize)]
struct ReviewedBody {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    review: ReviewBody,
    pull_request: PullBody,
}

#[derive(Deserialize)]
struct ReviewBody {
    id: u64,
    state: String,
    body: Option<String>,
    commit_id: Option<ObjectId>,
    submitted_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct PullBody {
    number: u64,
    user: Option<SenderBody>,
    head: Option<HeadBody>,
}

#[derive(Deserialize)]
struct HeadBody {
    sha: ObjectId,
}

pub(super) fn created(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let CommentedBody { installation, repository, sender, issue, comment } = serde_json::from_slice(body)?;
    let commented = |scene| {
        Event::Commented(Commented {
            scene,
            number: issue.number,
            is_pull: issue.pull_request.is_some(),
            comment: comment.id,
            body: written(comment.body),
            at: latest([comment.created_at]),
            via_app: comment.performed_via_github_app.and_then(|app| app.id),
        })
    };
    Ok(scene(installation, repository, sender).map(commented))
}

/// Webhooks write a review's state in small letters, REST in capitals.
pub(super) fn reviewed(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let ReviewedBody { installation, repository, sender, review, pull_request: pull } =
        serde_json::from_slice(body)?;
    if !review.state.eq_ignore_ascii_case("changes_requested") {
        return Ok(Some(Event::Unfit("the review requests no changes".to_owned())));
    }
    let Some(head) = review.commit_id.or(pull.head.map(|head| head.sha)) else {
        return Ok(Some(Event::Unfit("the review names no commit".to_owned())));
    };
    let reviewed = |scene| {
        Event::Reviewed(Reviewed {
            scene,
            number: pull.number,
            review: review.id,
            body: written(review.body),
            head,
            at: latest([review.submitted_at]),
            of_a_bot: pull.user.is_some_and(|user| user.sender().is_bot),
        })
    };
    Ok(scene(installation, repository, sender).map(reviewed))
}
