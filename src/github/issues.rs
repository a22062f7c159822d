//! Issues: their state, comments, reactions and labels.

use serde_json::{Value, json};

use super::call::{Posted, RepoClient, TRIES, wait_and_look};
use super::limits;
use super::wire::escape;
use crate::failure::Failure;

/// The reactions that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// 👀
    Eyes,
    /// 🚀
    Rocket,
    /// 😕
    Confused,
}

impl Reaction {
    fn content(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Rocket => "rocket",
            Self::Confused => "confused",
        }
    }
}

/// What can be reacted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// An issue or a pull request, by its number.
    Issue(u64),
    /// A comment on one, by its id.
    Comment(u64),
}

impl Note {
    fn path(self) -> String {
        match self {
            Self::Issue(number) => format!("/issues/{number}/reactions"),
            Self::Comment(id) => format!("/issues/comments/{id}/reactions"),
        }
    }
}

/// An issue or a pull request as GitHub has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueNow {
    pub open: bool,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
    pub is_pull: bool,
}

impl RepoClient {
    /// Reacts; GitHub keeps one reaction of a kind per user.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn react(&self, note: Note, reaction: Reaction) -> Result<u64, Failure> {
        let made = self.post_idempotent(&note.path(), &json!({ "content": reaction.content() })).await?;
        made.get("id").and_then(Value::as_u64).ok_or_else(|| self.exhausted("read a reaction"))
    }

    /// Takes our own reaction back. Its id is learnt by reacting once more,
    /// which GitHub answers with the one that is there.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn unreact(&self, note: Note, reaction: Reaction) -> Result<(), Failure> {
        let id = self.react(note, reaction).await?;
        self.remove(&format!("{}/{id}", note.path())).await
    }

    /// An issue or pull request; `None` when there is none of this number.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn issue(&self, number: u64) -> Result<Option<IssueNow>, Failure> {
        let found = self.find(&format!("/issues/{number}")).await?;
        Ok(found.map(|issue| {
            let text = |key: &str| issue.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let labels = issue.get("labels").and_then(Value::as_array).into_iter().flatten();
            IssueNow {
                open: text("state") == "open",
                title: text("title"),
                body: text("body"),
                labels: labels
                    .filter_map(|label| label.as_str().or_else(|| label.get("name")?.as_str()))
                    .map(str::to_owned)
                    .collect(),
                is_pull: issue.get("pull_request").is_some_and(|pull| !pull.is_null()),
            }
        }))
    }

    /// The id of our comment that holds `marker`.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn find_comment(&self, issue: u64, marker: &str) -> Result<Option<u64>, Failure> {
        let comments = self.list(&format!("/issues/{issue}/comments")).await?;
        let ours = comments.iter().find(|comment| {
            let body = comment.get("body").and_then(Value::as_str).unwrap_or_default();
            self.is_ours(comment) && body.contains(marker)
        });
        Ok(ours.and_then(|comment| comment.get("id")?.as_u64()))
    }

    /// Another bot may quote a marker: GitHub says which App wrote a comment.
    fn is_ours(&self, comment: &Value) -> bool {
        let bot = comment.pointer("/user/type").and_then(Value::as_str) == Some("Bot");
        let app = comment.pointer("/performed_via_github_app/id").and_then(Value::as_u64);
        bot && app.is_none_or(|app| app == self.app_id())
    }

    /// Makes the comment that holds `marker`, or finds it, and returns its
    /// id.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_comment(&self, issue: u64, marker: &str, body: &str) -> Result<u64, Failure> {
        let new = json!({ "body": limits::body(body) });
        for tries in 1..=TRIES {
            if let Some(id) = self.find_comment(issue, marker).await? {
                return Ok(id);
            }
            match self.post(&format!("/issues/{issue}/comments"), &new).await? {
                Posted::Made(made) => {
                    return made
                        .get("id")
                        .and_then(Value::as_u64)
                        .ok_or_else(|| self.exhausted("read a comment"));
                }
                Posted::Invalid(why) => return Err(self.invalid("write a comment", why)),
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("write a comment"))
    }

    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn edit_comment(&self, id: u64, body: &str) -> Result<(), Failure> {
        let body = json!({ "body": limits::body(body) });
        self.replace(&format!("/issues/comments/{id}"), &body).await.map(|_edited| ())
    }

    /// Adds a label; GitHub makes it when the repository has none of the name.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn add_label(&self, issue: u64, label: &str) -> Result<(), Failure> {
        let body = json!({ "labels": [label] });
        self.post_idempotent(&format!("/issues/{issue}/labels"), &body).await.map(|_labels| ())
    }

    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn remove_label(&self, issue: u64, label: &str) -> Result<(), Failure> {
        self.remove(&format!("/issues/{issue}/labels/{}", escape(label))).await
    }
}
