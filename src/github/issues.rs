//! Comments, reactions and labels of an issue.

use serde_json::{Value, json};

use super::call::{Posted, RepoClient, TRIES, wait_and_look};
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

impl RepoClient {
    /// Reacts; GitHub keeps one reaction of a kind per user.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn react(&self, issue: u64, reaction: Reaction) -> Result<u64, Failure> {
        let path = format!("/issues/{issue}/reactions");
        let made = self.post_idempotent(&path, &json!({ "content": reaction.content() })).await?;
        made.get("id").and_then(Value::as_u64).ok_or_else(|| self.exhausted("read a reaction"))
    }

    /// Takes our own reaction back. Its id is learnt by reacting once more,
    /// which GitHub answers with the one that is there.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn unreact(&self, issue: u64, reaction: Reaction) -> Result<(), Failure> {
        let id = self.react(issue, reaction).await?;
        self.remove(&format!("/issues/{issue}/reactions/{id}")).await
    }

    /// The id of the bot's comment that holds `marker`.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn find_comment(&self, issue: u64, marker: &str) -> Result<Option<u64>, Failure> {
        let comments = self.list(&format!("/issues/{issue}/comments")).await?;
        let ours = comments.iter().find(|comment| {
            let body = comment.get("body").and_then(Value::as_str).unwrap_or_default();
            let bot = comment.pointer("/user/type").and_then(Value::as_str) == Some("Bot");
            bot && body.contains(marker)
        });
        Ok(ours.and_then(|comment| comment.get("id")?.as_u64()))
    }

    /// Makes the comment that holds `marker`, or finds it, and returns its
    /// id.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn ensure_comment(&self, issue: u64, marker: &str, body: &str) -> Result<u64, Failure> {
        for tries in 1..=TRIES {
            if let Some(id) = self.find_comment(issue, marker).await? {
                return Ok(id);
            }
            match self.post(&format!("/issues/{issue}/comments"), &json!({ "body": body })).await? {
                Posted::Made(made) => {
                    return made
                        .get("id")
                        .and_then(Value::as_u64)
                        .ok_or_else(|| self.exhausted("read a comment"));
                }
                Posted::Invalid(_) => break,
                Posted::Uncertain(failure) => wait_and_look(&failure, tries).await,
            }
        }
        Err(self.exhausted("write a comment"))
    }

    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn edit_comment(&self, id: u64, body: &str) -> Result<(), Failure> {
        self.replace(&format!("/issues/comments/{id}"), &json!({ "body": body })).await.map(|_edited| ())
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
        let escaped = label.replace('%', "%25").replace(' ', "%20").replace('/', "%2F").replace(':', "%3A");
        self.remove(&format!("/issues/{issue}/labels/{escaped}")).await
    }
}
