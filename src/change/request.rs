//! One accepted request: what it is about, who asked where, and which way it
//! goes. The queue keeps it as JSON, so fields are added with a default and
//! never renamed.

use serde::{Deserialize, Serialize};

use super::Bump;
use crate::advisory::Advisory;
use crate::ids::{ObjectId, Repo, Repository, SessionId};

/// What the session works on, and for whom.
///
/// `repo_id` is GitHub's number of the repository and its true key; the name
/// may change while a job waits. It is 0 in requests that were kept before
/// numbers were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// An issue or a pull request on GitHub, with whoever asked there.
    Issue {
        repo: Repo,
        #[serde(default)]
        repo_id: u64,
        installation: u64,
        number: u64,
        sender: String,
        /// GitHub's number of the sender; 0 when it is not known.
        #[serde(default)]
        sender_id: u64,
    },
    /// A package with open Dependabot alerts, where GitHub saw it. `number`
    /// is the alert that started the run; nobody asked, so nobody is named.
    Alert {
        repo: Repo,
        #[serde(default)]
        repo_id: u64,
        installation: u64,
        number: u64,
        manifest: String,
        package: String,
    },
    /// A checkout on this machine (`chaperone try`), by its absolute path.
    Local { path: String },
}

impl Subject {
    /// One live session per key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Issue { repo, repo_id, number, .. } => issue_key(repo, *repo_id, *number),
            Self::Alert { repo, repo_id, manifest, package, .. } => {
                alert_key(repo, *repo_id, manifest, package)
            }
            Self::Local { path } => path.clone(),
        }
    }

    /// The queue is fair across these, and a mirror is kept for each.
    #[must_use]
    pub fn repository(&self) -> String {
        match self {
            Self::Issue { repo, repo_id, .. } | Self::Alert { repo, repo_id, .. } => repo_key(repo, *repo_id),
            Self::Local { path } => path.clone(),
        }
    }

    /// The repository on GitHub with the installation that may act in it.
    #[must_use]
    pub fn on_github(&self) -> Option<Repository> {
        match self {
            Self::Issue { repo, repo_id, installation, .. }
            | Self::Alert { repo, repo_id, installation, .. } => {
                Some(Repository { name: repo.clone(), id: *repo_id, installation: *installation })
            }
            Self::Local { .. } => None,
        }
    }
}

/// A repository's key: its number where that is known.
#[must_use]
pub fn repo_key(repo: &Repo, repo_id: u64) -> String {
    if repo_id == 0 { repo.to_string() } else { format!("id:{repo_id}") }
}

/// Issues and pull requests of a repository share their numbers.
#[must_use]
pub fn issue_key(repo: &Repo, repo_id: u64, number: u64) -> String {
    format!("{}#{number}", repo_key(repo, repo_id))
}

/// Several alerts on one package in one manifest are one subject. The blank
/// cannot be part of a package's name.
#[must_use]
pub fn alert_key(repo: &Repo, repo_id: u64, manifest: &str, package: &str) -> String {
    format!("{}:{manifest} {package}", repo_key(repo, repo_id))
}

/// One accepted request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    #[serde(flatten)]
    pub subject: Subject,
    /// [`super::ChangeType::name`].
    pub change: String,
    /// The label that asked, if one did.
    pub label: Option<String>,
    /// What to bump, as read from the issue's title and body; `None` when
    /// they name no package, which the session answers with a reason.
    pub bump: Option<Bump>,
    /// Further packages that the same words ask for.
    #[serde(default)]
    pub more: Vec<Bump>,
    /// What GitHub said when the request came in. The session asks again:
    /// there may be more by then, or fewer.
    #[serde(default)]
    pub advisories: Vec<Advisory>,
    #[serde(default)]
    pub way: Way,
    #[serde(default)]
    pub via: Via,
    /// The issue that the pull request closes, where it is not the subject.
    #[serde(default)]
    pub issue: Option<u64>,
}

impl Request {
    /// A fresh request that names nothing yet.
    #[must_use]
    pub fn new(subject: Subject, change: impl Into<String>) -> Self {
        Self {
            subject,
            change: change.into(),
            label: None,
            bump: None,
            more: Vec::new(),
            advisories: Vec::new(),
            way: Way::Fresh,
            via: Via::Itself,
            issue: None,
        }
    }
}

/// Which way a session goes: where it starts, and what it has to do with an
/// earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the default branch to a pull request of its own.
    #[default]
    Fresh,
    /// The same request once more, from the default branch as it is now. An
    /// open pull request of the earlier session is brought up to date, if
    /// nobody else has pushed to its branch.
    Again {
        after: SessionId,
        /// What the person who asks adds for the agent.
        hint: Option<String>,
    },
    /// The pull request of an earlier session is changed on its branch, as a
    /// person says.
    Revise {
        of: SessionId,
        /// The pull request's number.
        pull: u64,
        /// Its head when it was asked for; another head by then is refused.
        head: ObjectId,
        /// The person's words: a review with its inline comments, or a
        /// command's text. Written by somebody with write access.
        instruction: String,
    },
    /// The tree that the judge refused in an earlier session is verified and
    /// judged again, with the person's reason beside it.
    Appeal { of: SessionId, reason: String },
    /// Another bot's pull request has red checks: a pull request of our own
    /// supersedes and links it, and theirs is never touched.
    Sibling {
        /// Their pull request's number.
        pull: u64,
        /// Their login, for the text of ours.
        author: String,
    },
}

impl Way {
    /// The session that this one takes up.
    #[must_use]
    pub fn earlier(&self) -> Option<SessionId> {
        match self {
            Self::Fresh | Self::Sibling { .. } => None,
            Self::Again { after, .. } => Some(*after),
            Self::Revise { of, .. } | Self::Appeal { of, .. } => Some(*of),
        }
    }
}

/// How it was asked for: where the sign that it was seen goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By the subject itself: a label, an alert, a command line.
    #[default]
    Itself,
    /// By a comment. `words` is the command as people write it, without
    /// what follows it: `/agent retry`.
    Comment { comment: u64, words: String },
    /// By a review of a pull request.
    Review { review: u64 },
    /// By a check run: its button, or GitHub's own "re-run".
    Check { words: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_on_one_package_and_manifest_are_one_subject() {
        let alert = |number, manifest: &str, package: &str| Subject::Alert {
            repo: "o/r".parse().unwrap(),
            repo_id: 9,
            installation: 1,
            number,
            manifest: manifest.into(),
            package: package.into(),
        };
        assert_eq!(alert(1, "package-lock.json", "qs").key(), alert(2, "package-lock.json", "qs").key());
        assert_ne!(alert(1, "package-lock.json", "qs").key(), alert(1, "web/package-lock.json", "qs").key());
        assert_ne!(alert(1, "package-lock.json", "qs").key(), alert(1, "package-lock.json", "ms").key());
    }

    #[test]
    fn a_request_of_an_older_version_is_read() {
        let old = r#"{"subject":"local","path":"/x","change":"bump","label":null,"bump":null}"#;
        let request: Request = serde_json::from_str(old).unwrap();
        assert_eq!((request.more.len(), request.advisories.len()), (0, 0));
    }
}
