//! Reviews of pull requests, and who is asked for one.

use serde_json::{Value, json};

use super::GitHub;
use super::api::{Answer, Call, not_found, refused};
use super::state::{Inline, Pull, Review};

impl GitHub {
    pub(super) fn review_json(&self, repo: &str, number: u64, id: u64, review: &Review) -> Value {
        json!({
            "id": id, "node_id": format!("PRR_{id}"), "user": self.account(&review.author),
            "body": review.body, "state": review.state,
            "html_url": format!("{}/{repo}/pull/{number}#pullrequestreview-{id}", self.web_url()),
            "pull_request_url": format!("{}/repos/{repo}/pulls/{number}", self.api_url()),
            "submitted_at": review.at, "commit_id": review.commit, "author_association": "NONE",
        })
    }

    fn inline_json(
        &self,
        (repo, number): (&str, u64),
        (id, review): (u64, &Review),
        inline: &Inline,
    ) -> Value {
        json!({
            "id": inline.id, "pull_request_review_id": id, "path": inline.path, "body": inline.body,
            "line": inline.line, "original_line": inline.line, "side": "RIGHT", "position": 1,
            "original_position": 1, "diff_hunk": "@@ -1,1 +1,1 @@", "commit_id": review.commit,
            "original_commit_id": review.commit, "user": self.account(&review.author),
            "created_at": review.at, "updated_at": review.at, "author_association": "NONE",
            "html_url": format!("{}/{repo}/pull/{number}#discussion_r{}", self.web_url(), inline.id),
            "pull_request_url": format!("{}/repos/{repo}/pulls/{number}", self.api_url()),
        })
    }
}

/// Routes below `/repos/{owner}/{repo}/pulls/{number}` that reviews have.
pub(super) fn answer(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    let ["pulls", number, rest @ ..] = rest else { return None };
    let number: u64 = number.parse().ok()?;
    let Some(pull) = github.state().issue(repo, number).and_then(|issue| issue.pull.clone()) else {
        return Some(not_found());
    };
    match (call.method, rest) {
        ("GET", ["reviews"]) => {
            let all = pull.reviews.iter().map(|(id, review)| github.review_json(repo, number, *id, review));
            Some((200, Value::Array(all.collect())))
        }
        ("GET", ["reviews", id]) => {
            Some(with_review(&pull, id, |id, review| github.review_json(repo, number, id, review)))
        }
        ("GET", ["reviews", id, "comments"]) => Some(with_review(&pull, id, |id, review| {
            let lines =
                review.comments.iter().map(|inline| github.inline_json((repo, number), (id, review), inline));
            lines.collect()
        })),
        ("GET", ["comments"]) => {
            let all = pull.reviews.iter().flat_map(|(id, review)| {
                review.comments.iter().map(|inline| github.inline_json((repo, number), (*id, review), inline))
            });
            Some((200, all.collect()))
        }
        ("POST", ["requested_reviewers"]) => Some(request(github, call, repo, number)),
        _ => None,
    }
}

fn with_review(pull: &Pull, id: &str, show: impl Fn(u64, &Review) -> Value) -> Answer {
    let found = id.parse::<u64>().ok().and_then(|id| Some((id, pull.reviews.get(&id)?)));
    found.map_or_else(not_found, |(id, review)| (200, show(id, review)))
}

fn request(github: &GitHub, call: &Call<'_>, name: &str, number: u64) -> Answer {
    let wanted: Vec<String> = serde_json::from_value(call.body["reviewers"].clone()).unwrap_or_default();
    let repo = github.repo(name);
    if !wanted.iter().all(|login| repo.collaborators.contains_key(login)) {
        return refused(&format!(
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the {name} repository."
        ));
    }
    if let Some(pull) = github.state().issue(name, number).and_then(|issue| issue.pull.as_mut()) {
        pull.reviewers.extend(wanted);
    }
    (201, github.pull_json(name, number))
}
