//! One accepted request: what it is about, and who asked where. The queue
//! keeps it as JSON, so fields are added with a default and never renamed.

use serde::{Deserialize, Serialize};

use super::Bump;
use crate::advisory::Advisory;
use crate::ids::Repo;

/// What the session works on, and for whom.
///
/// `repo_id` is GitHub's number of the repository and its true key; the name
/// may change while a job waits. It is 0 in requests that were kept before
/// numbers were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// An issue on GitHub, with whoever asked there.
    Issue {
        repo: Repo,
        #[serde(default)]
        repo_id: u64,
        installation: u64,
        number: u64,
        sender: String,
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
    pub fn on_github(&self) -> Option<(&Repo, u64)> {
        match self {
            Self::Issue { repo, installation, .. } | Self::Alert { repo, installation, .. } => {
                Some((repo, *installation))
            }
            Self::Local { .. } => None,
        }
    }
}

/// A repository's key: its number where that is known.
fn repo_key(repo: &Repo, repo_id: u64) -> String {
    if repo_id == 0 { repo.to_string() } else { format!("id:{repo_id}") }
}

/// Issues and pull requests of a repository share their numbers.
fn issue_key(repo: &Repo, repo_id: u64, number: u64) -> String {
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
        }
    }
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
    fn a_repositorys_number_is_its_key_and_its_name_may_change() {
        let issue = |name: &str, repo_id| Subject::Issue {
            repo: name.parse().unwrap(),
            repo_id,
            installation: 1,
            number: 3,
            sender: "ann".into(),
        };
        let (before, after, other) = (issue("o/old", 9), issue("o/new", 9), issue("o/old", 8));
        assert_eq!((before.key(), before.repository()), (after.key(), after.repository()));
        assert_ne!(before.key(), other.key());
        assert_ne!(before.repository(), other.repository());
        // A name given up and taken by another repository is no key.
        let alert = |name: &str, repo_id| alert_key(&name.parse().unwrap(), repo_id, "pom.xml", "g:a");
        assert_eq!(alert("o/old", 9), alert("o/new", 9));
        assert_ne!(alert("o/old", 9), alert("o/old", 8));
        // Requests that were kept without a number go by name.
        let kept = r#"{"subject":"issue","repo":"o/old","installation":1,"number":3,"sender":"ann","change":"bump","label":null,"bump":null}"#;
        let kept: Request = serde_json::from_str(kept).unwrap();
        assert_eq!((kept.subject.key().as_str(), kept.subject.repository().as_str()), ("o/old#3", "o/old"));
    }

    #[test]
    fn a_request_of_an_older_version_is_read() {
        let old = r#"{"subject":"local","path":"/x","change":"bump","label":null,"bump":null}"#;
        let request: Request = serde_json::from_str(old).unwrap();
        assert_eq!((request.more.len(), request.advisories.len()), (0, 0));
    }
}
