//! Webhook bodies become a closed enum. Unknown events are ignored, with
//! their names; a body is never logged.
//!
//! Only what is needed is read, and tolerantly: a field that an older or a
//! newer GitHub leaves out is missed only where nothing can be done without
//! it. Repositories and people are known by GitHub's numbers; names are for
//! addresses and for the eye.

mod alert;
mod check;
mod comment;
mod issue;
mod place;
mod pull;

use jiff::Timestamp;
use serde::Deserialize;

use crate::ids::Repo;
use crate::text;
use crate::wish::{Gone, Moved, Sender};

pub use alert::{Alert, AlertClosed};
pub use check::{Asked, CheckAsked, SuiteRed};
pub use comment::{Commented, Reviewed};
pub use issue::{IssueEnded, Labeled, Unlabeled};
pub use pull::PullClosed;

/// Bytes of a comment's, an issue's or a review's text that are kept. GitHub
/// allows 65,536 characters.
const TEXT: usize = 256 * 1024;
/// Bytes of a title, a label or a name.
const NAME: usize = 1024;

/// What GitHub tells, as far as anybody here reacts to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An issue or pull request has labels that it did not have before.
    Labeled(Labeled),
    Unlabeled(Unlabeled),
    /// An issue is closed, or not there any more.
    IssueEnded(IssueEnded),
    /// Somebody wrote a comment under an issue or pull request.
    Commented(Commented),
    /// Somebody requested changes of a pull request.
    Reviewed(Reviewed),
    /// Somebody asked for a check run again, or pressed one of its buttons.
    CheckAsked(CheckAsked),
    /// The checks of one commit of a pull request ended red.
    SuiteRed(SuiteRed),
    /// A Dependabot alert is open, for the first time or again.
    Alert(Alert),
    /// A Dependabot alert needs no answer any more.
    AlertClosed(AlertClosed),
    /// A pull request was closed, perhaps one of ours.
    PullClosed(PullClosed),
    /// A repository has another name or owner.
    Moved(Moved),
    /// Repositories are out of reach.
    Gone(Gone),
    Ping,
    /// Of a kind that is known, but nothing that can be answered here; with
    /// the reason.
    Unfit(String),
    Ignored {
        kind: String,
        action: Option<String>,
    },
}

/// Where something happened, and who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub installation: u64,
    pub sender: Sender,
}

/// A body that is not what its event's name says.
#[derive(Debug, thiserror::Error)]
#[error("could not read the {kind} event: {source}")]
pub struct Malformed {
    kind: String,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct ActionBody {
    action: Option<String>,
}

#[derive(Deserialize)]
struct InstallationBody {
    id: u64,
}

#[derive(Deserialize)]
struct RepositoryBody {
    id: u64,
    full_name: Repo,
}

#[derive(Deserialize)]
struct SenderBody {
    id: u64,
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The GitHub App through which a person did something.
#[derive(Deserialize)]
struct AppBody {
    id: Option<u64>,
}

impl SenderBody {
    /// Whoever is not a person counts as a bot: apps, organisations, and
    /// what GitHub invents next.
    fn sender(self) -> Sender {
        let person = self.kind.as_deref().is_none_or(|kind| kind == "User") && !self.login.ends_with("[bot]");
        Sender { login: name(&self.login), id: self.id, is_bot: !person }
    }
}

/// `None` without an installation: a repository's own webhook sent the event,
/// and there is nobody to act as.
fn scene(
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
) -> Option<Scene> {
    Some(Scene {
        repo: repository.full_name,
        repo_id: repository.id,
        installation: installation?.id,
        sender: sender.sender(),
    })
}

fn name(text: &str) -> String {
    text::head(&text::plain(text), NAME)
}

/// As it was written: what is a quote and what is code is seen in the text
/// as it came, so it is made plain later.
fn written(text: Option<String>) -> String {
    let mut text = text.unwrap_or_default();
    text.truncate(text.floor_char_boundary(TEXT));
    text
}

/// Without a time nothing counts as seen before: what compares fails closed.
fn latest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Timestamp {
    times.into_iter().flatten().max().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Reads a delivery's body by the name of its event.
///
/// # Errors
/// The body is not JSON, or lacks what the event needs.
pub fn parse(kind: &str, body: &[u8]) -> Result<Event, Malformed> {
    let malformed = |source| Malformed { kind: kind.to_owned(), source };
    let ActionBody { action } = serde_json::from_slice(body).map_err(malformed)?;
    let action = action.map(|action| name(&action));
    let event = match (kind, action.as_deref()) {
        ("ping", _) => Ok(Some(Event::Ping)),
        ("issues", Some("labeled" | "unlabeled")) => issue::label(body),
        ("issues", Some("opened")) => issue::opened(body),
        ("issues", Some("closed" | "deleted" | "transferred")) => issue::ended(body),
        ("issue_comment", Some("created")) => comment::created(body),
        ("pull_request", Some("labeled" | "unlabeled")) => pull::label(body),
        ("pull_request", Some("closed")) => pull::closed(body),
        ("pull_request_review", Some("submitted")) => comment::reviewed(body),
        ("check_run", Some("rerequested" | "requested_action")) => check::run(body),
        ("check_suite", Some("rerequested")) => check::suite(body),
        ("check_suite", Some("completed")) => check::completed(body),
        ("dependabot_alert", Some(action)) => alert::parse(body, action).map(Some),
        ("installation", Some(action)) => place::installation(body, action),
        ("installation_repositories", Some(action)) => place::repositories(body, action),
        ("installation_target", Some("renamed")) => place::owner_renamed(body),
        ("repository", Some(action)) => place::repository(body, action),
        _ => Ok(None),
    };
    let ignored = || Event::Ignored { kind: name(kind), action: action.clone() };
    Ok(event.map_err(malformed)?.unwrap_or_else(ignored))
}

#[cfg(test)]
mod tests;
