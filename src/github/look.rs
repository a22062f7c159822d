//! Pull requests, reviews, commits and branches as GitHub has them now.

use jiff::Timestamp;
use serde_json::Value;

use super::call::RepoClient;
use super::wire::{escape, escape_path};
use crate::failure::Failure;
use crate::ids::ObjectId;

/// A pull request as GitHub has it now, anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullNow {
    pub number: u64,
    /// Its page.
    pub url: String,
    pub open: bool,
    pub merged: bool,
    pub draft: bool,
    /// The commit that it would merge.
    pub head: ObjectId,
    pub head_branch: String,
    /// `None` when that repository is gone.
    pub head_repo_id: Option<u64>,
    pub base_branch: String,
    /// Login of who opened it.
    pub author: String,
    /// GitHub's number of them.
    pub author_id: u64,
    pub title: String,
    pub body: String,
}

/// A remark on a line, part of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewComment {
    pub path: String,
    /// `None` when it is on the file.
    pub line: Option<u64>,
    pub body: String,
    /// Login.
    pub author: String,
}

/// The first commit of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstCommit {
    /// GitHub's number of the account that it is attributed to; 0 when there
    /// is none.
    pub author_id: u64,
    /// GitHub found a good signature.
    pub verified: bool,
    pub message: String,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn pull_now(value: &Value) -> Option<PullNow> {
    Some(PullNow {
        number: number(value, "/number")?,
        url: text(value, "/html_url"),
        open: text(value, "/state") == "open",
        // Lists have the time only.
        merged: value.get("merged").and_then(Value::as_bool) == Some(true)
            || value.get("merged_at").is_some_and(|at| !at.is_null()),
        draft: flag(value, "/draft"),
        head: text(value, "/head/sha").parse().ok()?,
        head_branch: text(value, "/head/ref"),
        head_repo_id: number(value, "/head/repo/id"),
        base_branch: text(value, "/base/ref"),
        author: text(value, "/user/login"),
        author_id: number(value, "/user/id").unwrap_or_default(),
        title: text(value, "/title"),
        body: text(value, "/body"),
    })
}

impl RepoClient {
    /// A pull request; `None` when there is none of this number.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn pull(&self, number: u64) -> Result<Option<PullNow>, Failure> {
        let Some(found) = self.find(&format!("/pulls/{number}")).await? else { return Ok(None) };
        pull_now(&found).map(Some).ok_or_else(|| self.exhausted("read a pull request"))
    }

    /// The remarks on lines that came with one review.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn review_comments(&self, pull: u64, review: u64) -> Result<Vec<ReviewComment>, Failure> {
        let found = self.list(&format!("/pulls/{pull}/reviews/{review}/comments")).await?;
        let one = |comment: &Value| ReviewComment {
            path: text(comment, "/path"),
            line: number(comment, "/line").or_else(|| number(comment, "/original_line")),
            body: text(comment, "/body"),
            author: text(comment, "/user/login"),
        };
        Ok(found.iter().map(one).collect())
    }

    /// The first commit of a pull request; `None` when there is no such pull
    /// request.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn first_commit(&self, pull: u64) -> Result<Option<FirstCommit>, Failure> {
        // GitHub lists the oldest one first.
        let found = self.find(&format!("/pulls/{pull}/commits?per_page=1")).await?;
        let first = found.as_ref().and_then(|commits| commits.get(0));
        Ok(first.map(|commit| FirstCommit {
            author_id: number(commit, "/author/id").unwrap_or_default(),
            verified: flag(commit, "/commit/verification/verified"),
            message: text(commit, "/commit/message"),
        }))
    }

    /// When GitHub first saw a commit pushed: its earliest check suite.
    /// `None` when it has none. A commit's own dates are its author's word.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn head_seen_at(&self, sha: &str) -> Result<Option<Timestamp>, Failure> {
        let suites = self.list(&format!("/commits/{}/check-suites", escape(sha))).await?;
        Ok(suites.iter().filter_map(|suite| suite.get("created_at")?.as_str()?.parse().ok()).min())
    }

    /// The commit at which `head` left `base`, a branch.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn merge_base(&self, base: &str, head: &ObjectId) -> Result<Option<ObjectId>, Failure> {
        let found = self.find(&format!("/compare/{}...{head}?per_page=1", escape(base))).await?;
        let sha = |found: &Value| found.get("merge_base_commit")?.get("sha")?.as_str()?.parse().ok();
        Ok(found.as_ref().and_then(sha))
    }

    /// The commit of a branch; `None` when there is no such branch.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn branch_head(&self, branch: &str) -> Result<Option<ObjectId>, Failure> {
        let found = self.find(&format!("/git/ref/heads/{}", escape_path(branch))).await?;
        Ok(found.and_then(|reference| text(&reference, "/object/sha").parse().ok()))
    }
}
