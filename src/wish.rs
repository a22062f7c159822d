//! What somebody asked for on GitHub that has to be looked up before it is a
//! session, an answer, or nothing.
//!
//! A wish is kept on disk as it was said: the text of the webhook is what
//! runs, whatever is edited afterwards. Whether the person may is asked of
//! GitHub when the wish is answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Bump, Via};
use crate::ids::{ObjectId, Repo};

/// On an issue while its session runs; a person who takes it off stops that.
pub const RUNNING_LABEL: &str = "agent:running";

/// Who did something on GitHub. The number is what counts: a login can be
/// given up and taken by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    pub login: String,
    pub id: u64,
    pub is_bot: bool,
}

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub repo: Repo,
    /// GitHub's number of the repository.
    pub repo_id: u64,
    pub installation: u64,
    /// The issue or pull request that it is about; absent for a check run
    /// whose pull request GitHub does not name.
    pub number: Option<u64>,
    /// Is `number` a pull request's?
    pub is_pull: bool,
    pub sender: Sender,
    /// When it was said, by GitHub's clock. A head that was first seen later
    /// is not what was meant.
    pub at: Timestamp,
    pub via: Via,
    pub what: What,
}

/// What is wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Command(Command),
    /// A review that requests changes, of the head that it was written for.
    /// Its inline comments are asked of GitHub.
    Review {
        body: String,
        head: ObjectId,
    },
    /// GitHub's "re-run" of one of our check runs, or of all of a suite.
    /// `external_id` is what the run was made with.
    Rerun {
        external_id: Option<String>,
        head: ObjectId,
    },
    /// A button on one of our check runs.
    Press {
        button: Button,
        external_id: Option<String>,
        head: ObjectId,
    },
    /// Checks of another bot's pull request ended red at this head.
    Red {
        head: ObjectId,
    },
}

/// The buttons of a check run; GitHub allows three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Button {
    Retry,
    Explain,
    Stop,
}

impl Button {
    /// GitHub's `identifier` of the action.
    #[must_use]
    pub fn identifier(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Explain => "explain",
            Self::Stop => "stop",
        }
    }

    /// What is on it; GitHub allows 20 characters.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Explain => "Explain",
            Self::Stop => "Stop",
        }
    }

    /// `None` for an identifier that is no button of ours.
    #[must_use]
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        [Self::Retry, Self::Explain, Self::Stop].into_iter().find(|button| button.identifier() == identifier)
    }
}

/// A line `/agent …` of a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Bump(Bump),
    Retry {
        hint: Option<String>,
    },
    Fix {
        instruction: String,
    },
    Explain,
    Appeal {
        reason: String,
    },
    Stop,
    Status,
    Help,
    /// No command, or one without what it needs. `said` is the line, made
    /// plain and cut; `why` completes "could not …".
    Unclear {
        said: String,
        why: String,
    },
}

impl Command {
    /// As people write it, without what follows.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::Bump(_) => "/agent bump",
            Self::Retry { .. } => "/agent retry",
            Self::Fix { .. } => "/agent fix",
            Self::Explain => "/agent explain",
            Self::Appeal { .. } => "/agent appeal",
            Self::Stop => "/agent stop",
            Self::Status => "/agent status",
            Self::Help => "/agent help",
            Self::Unclear { .. } => "/agent",
        }
    }
}

/// A repository that has another name or owner now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub repo_id: u64,
    pub to: Repo,
    /// Of the new owner, where GitHub says it.
    pub installation: Option<u64>,
}

/// Repositories that the App may not work in any more: their sessions stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub installation: u64,
    /// GitHub's numbers; all of the installation when absent.
    pub repositories: Option<Vec<u64>>,
    /// "the repository was archived".
    pub why: String,
}
