//! What comes after the first story's pull request: a command in a comment,
//! a review that requests changes, the merge.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use standin::github::{BOT, Delivery, GitHub};
use standin::model::Edit;
use standin::service::Service;

use super::{LIMIT, say, sessions_end};

/// How long a wish may wait for the session that it starts.
const SOON: Duration = Duration::from_secs(60);

/// The reviewer's words, by which the scripted model knows what to do.
pub(super) const WORDS: &str = "say what the page is made with";

/// What the scripted model does about them.
pub(super) fn edit() -> Edit {
    let old = "/** The page for a text in Markdown. */";
    Edit {
        path: "src/render.js".to_owned(),
        old: old.to_owned(),
        new: old.replace("Markdown.", "Markdown, made with `marked`."),
    }
}

/// Where the walk goes.
pub(super) struct Walk<'a> {
    pub(super) github: &'a GitHub,
    pub(super) service: &'a Service,
    pub(super) repo: &'a str,
    pub(super) pull: u64,
}

impl Walk<'_> {
    /// All steps; each says what came of it.
    pub(super) async fn go(&self) -> anyhow::Result<Vec<Value>> {
        let Walk { github, repo, pull, .. } = *self;
        say(&format!("\n{repo}#{pull}: octocat comments \"/agent retry\""));
        let retry = github.comment(repo, pull, "octocat", "/agent retry");
        let retried = self.session_of("retry", &retry).await?;
        say(&format!("\n{repo}#{pull}: octocat requests changes: \"{WORDS}\""));
        let lines = [("src/render.js", 5, WORDS)];
        let review =
            github.review(repo, pull, "octocat", ("changes_requested", "One remark before I merge.", &lines));
        let revised = self.session_of("review", &review).await?;
        say(&format!("\n{repo}#{pull}: octocat merges"));
        let merge = github.merge(repo, pull, "octocat").await?;
        let merged = self.merged(&merge).await?;
        Ok(vec![retried, revised, merged])
    }

    async fn deliver(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let (status, answer) = self.service.deliver(delivery).await?;
        say(&format!("  webhook answered {status} {answer}"));
        anyhow::ensure!(status == 202, "the service did not take the delivery: {answer}");
        Ok(())
    }

    async fn known(&self) -> BTreeSet<String> {
        let sessions = self.service.sessions().await.unwrap_or_default();
        sessions.iter().filter_map(|summary| summary["session"].as_str().map(str::to_owned)).collect()
    }

    /// Delivers a wish and follows the session that it starts.
    async fn session_of(&self, step: &str, delivery: &Delivery) -> anyhow::Result<Value> {
        let before = self.known().await;
        self.deliver(delivery).await?;
        let begun = async {
            loop {
                if let Some(new) = self.known().await.into_iter().find(|session| !before.contains(session)) {
                    return new;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let Ok(session) = tokio::time::timeout(SOON, begun).await else {
            let comments = &self.github.repo(self.repo).issues[&self.pull].comments;
            let said = comments.values().rev().find(|comment| comment.author == BOT);
            anyhow::bail!("no session began; the App said: {}", said.map_or("nothing", |said| said));
        };
        let summary = sessions_end(self.service, &session, LIMIT).await?;
        let outcome = summary["outcome"].as_str().unwrap_or_default();
        let head = self.github.head_commit(self.repo, self.pull);
        say(&format!(
            "  {outcome}   {}/{}/pull/{}   head {}",
            self.github.web_url(),
            self.repo,
            self.pull,
            head.get(..7).unwrap_or_default()
        ));
        Ok(json!({
            "step": step, "outcome": outcome, "detail": summary["detail"], "head": head,
            "session": format!("{}/sessions/{session}", self.service.url()),
        }))
    }

    /// The merge is written into the log of the session that opened the pull
    /// request: that is how the merge rate is known.
    async fn merged(&self, delivery: &Delivery) -> anyhow::Result<Value> {
        self.deliver(delivery).await?;
        let written = async {
            loop {
                for session in self.known().await {
                    let events = self.service.events(&session).await.unwrap_or_default();
                    let merged =
                        |event: &Value| event["event"] == "human_decision" && event["merged"] == true;
                    if events.iter().any(merged) {
                        return session;
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let session = tokio::time::timeout(SOON, written)
            .await
            .context("the merge was written into no session's log")?;
        let page = format!("{}/{}/pull/{}", self.github.web_url(), self.repo, self.pull);
        say(&format!("  merged   {page}"));
        let session = format!("{}/sessions/{session}", self.service.url());
        Ok(json!({ "step": "merge", "outcome": "merged", "session": session }))
    }
}

/// Did every step come to what it is for?
pub(super) fn succeeded(steps: &[Value]) -> bool {
    let outcomes: Vec<&str> = steps.iter().filter_map(|step| step["outcome"].as_str()).collect();
    outcomes == ["pr_updated", "pr_updated", "merged"]
}
