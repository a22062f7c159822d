//! Issues: comments, reactions, labels.

use serde_json::{Value, json};

use super::api::{Answer, Call, invalid, not_found, unescape};
use super::state::{Comment, Issue, now};
use super::{APP_ID, BOT, GitHub};

/// The longest body that GitHub takes, in characters.
const LONGEST: usize = 65_536;

impl GitHub {
    pub(super) fn label_json(name: &str) -> Value {
        let id = name.bytes().fold(1_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007);
        json!({ "id": id, "name": name, "color": "ededed", "default": false, "description": null })
    }

    /// The App, where the bot did it.
    pub(super) fn via_app(&self, login: &str) -> Value {
        if login == BOT {
            json!({ "id": APP_ID, "slug": "chaperone", "name": "chaperone", "owner": self.account("octo") })
        } else {
            Value::Null
        }
    }

    pub(super) fn issue_json(&self, repo: &str, number: u64) -> Value {
        let repo_now = self.repo(repo);
        let Some(issue) = repo_now.issues.get(&number) else { return Value::Null };
        let labels: Vec<Value> = issue.labels.iter().map(|name| Self::label_json(name)).collect();
        let kind = if issue.pull.is_some() { "pull" } else { "issues" };
        let page = format!("{}/{repo}/{kind}/{number}", self.web_url());
        let mut value = json!({
            "id": repo_now.id * 10_000 + number, "node_id": format!("I_{number}"), "number": number,
            "url": format!("{}/repos/{repo}/issues/{number}", self.api_url()),
            "html_url": page, "title": issue.title, "body": issue.body, "user": self.account(&issue.author),
            "labels": labels, "state": if issue.closed { "closed" } else { "open" }, "locked": false,
            "comments": issue.comments.len(), "created_at": issue.at, "updated_at": now(),
            "closed_at": issue.closed.then(now), "author_association": "NONE", "assignees": [],
            "performed_via_github_app": self.via_app(&issue.author),
        });
        if issue.pull.is_some() {
            let api = format!("{}/repos/{repo}/pulls/{number}", self.api_url());
            value["pull_request"] = json!({ "url": api, "html_url": page });
        }
        value
    }

    pub(super) fn comment_json(&self, repo: &str, number: u64, id: u64, comment: &Comment) -> Value {
        json!({
            "id": id, "node_id": format!("IC_{id}"), "body": comment.body, "user": self.account(&comment.author),
            "url": format!("{}/repos/{repo}/issues/comments/{id}", self.api_url()),
            "html_url": format!("{}/{repo}/issues/{number}#issuecomment-{id}", self.web_url()),
            "issue_url": format!("{}/repos/{repo}/issues/{number}", self.api_url()),
            "created_at": comment.at, "updated_at": comment.edited_at, "author_association": "NONE",
            "performed_via_github_app": self.via_app(&comment.author),
        })
    }
}

/// Routes below `/repos/{owner}/{repo}/issues`.
pub(super) fn answer(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    match rest {
        ["comments", id] => comment(github, call, repo, id),
        ["comments", id, "reactions", more @ ..] => {
            let new = github.state().id();
            let mut state = github.state();
            let found = find_comment(state.repos.get_mut(repo)?.issues.values_mut(), id);
            Some(found.map_or_else(not_found, |comment| {
                reactions(github, call, (&mut comment.reactions, new), more)
            }))
        }
        [number] => one(github, call, repo, number.parse().ok()?),
        [number, what, more @ ..] => {
            let number = number.parse().ok()?;
            if github.state().issue(repo, number).is_none() {
                return Some(not_found());
            }
            match *what {
                "comments" => comments(github, call, repo, number),
                "labels" => labels(github, call, (repo, number), more),
                "reactions" => {
                    let new = github.state().id();
                    let mut state = github.state();
                    let issue = state.issue(repo, number)?;
                    Some(reactions(github, call, (&mut issue.reactions, new), more))
                }
                _ => None,
            }
        }
        [] => None,
    }
}

fn find_comment<'a>(issues: impl Iterator<Item = &'a mut Issue>, id: &str) -> Option<&'a mut Comment> {
    let id: u64 = id.parse().ok()?;
    issues.into_iter().find_map(|issue| issue.comments.get_mut(&id))
}

fn one(github: &GitHub, call: &Call<'_>, repo: &str, number: u64) -> Option<Answer> {
    github.state().issue(repo, number)?;
    match call.method {
        "GET" => {}
        "PATCH" => {
            let mut state = github.state();
            let issue = state.issue(repo, number)?;
            if let Some(wanted) = call.body["state"].as_str() {
                issue.closed = wanted == "closed";
            }
            if let Some(title) = call.body["title"].as_str() {
                issue.title = title.to_owned();
            }
            if let Some(body) = call.body["body"].as_str() {
                issue.body = body.to_owned();
            }
        }
        _ => return None,
    }
    Some((200, github.issue_json(repo, number)))
}

fn too_long(body: &str) -> bool {
    body.chars().count() > LONGEST
}

fn comments(github: &GitHub, call: &Call<'_>, repo: &str, number: u64) -> Option<Answer> {
    match call.method {
        "GET" => {
            let all = github.state().issue(repo, number)?.comments.clone();
            let all = all.iter().map(|(id, comment)| github.comment_json(repo, number, *id, comment));
            Some((200, Value::Array(all.collect())))
        }
        "POST" => {
            let body = call.text("body");
            if body.trim().is_empty() || too_long(&body) {
                return Some(invalid("Body is too long (maximum is 65536 characters) or can't be blank"));
            }
            Some((201, github.say(repo, number, BOT, &body)))
        }
        _ => None,
    }
}

impl GitHub {
    /// Adds a comment and returns it as GitHub shows it.
    pub(super) fn say(&self, repo: &str, number: u64, login: &str, body: &str) -> Value {
        let mut state = self.state();
        let id = state.id();
        let comment = Comment {
            body: body.to_owned(),
            author: login.to_owned(),
            at: now(),
            edited_at: now(),
            ..Comment::default()
        };
        if let Some(issue) = state.issue(repo, number) {
            issue.comments.insert(id, comment.clone());
        }
        drop(state);
        self.touch();
        self.comment_json(repo, number, id, &comment)
    }
}

fn comment(github: &GitHub, call: &Call<'_>, repo: &str, id: &str) -> Option<Answer> {
    let mut state = github.state();
    let issues = &mut state.repos.get_mut(repo)?.issues;
    let key: u64 = id.parse().ok()?;
    let Some((number, issue)) = issues.iter_mut().find(|(_, issue)| issue.comments.contains_key(&key)) else {
        return Some(not_found());
    };
    let number = *number;
    match call.method {
        "GET" => {}
        "PATCH" => {
            let body = call.text("body");
            if body.trim().is_empty() || too_long(&body) {
                return Some(invalid("Body is too long (maximum is 65536 characters) or can't be blank"));
            }
            let comment = issue.comments.get_mut(&key)?;
            comment.body = body;
            comment.edited_at = now();
        }
        "DELETE" => {
            issue.comments.remove(&key);
            return Some((204, Value::Null));
        }
        _ => return None,
    }
    let comment = issue.comments.get(&key)?.clone();
    drop(state);
    Some((200, github.comment_json(repo, number, key, &comment)))
}

/// One reaction of a kind per user: the second one is the first one again.
fn reactions(
    github: &GitHub,
    call: &Call<'_>,
    (known, new): (&mut std::collections::BTreeMap<u64, String>, u64),
    more: &[&str],
) -> Answer {
    let shown = |id: u64, content: &str| json!({ "id": id, "content": content, "user": github.account(BOT), "created_at": now() });
    match (call.method, more) {
        ("GET", []) => (200, known.iter().map(|(id, content)| shown(*id, content)).collect()),
        ("POST", []) => {
            let content = call.text("content");
            let all = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];
            if !all.contains(&content.as_str()) {
                return invalid("content is not a reaction");
            }
            let before = known.iter().find(|(_, had)| **had == content).map(|(id, _)| *id);
            let (status, id) = before.map_or((201, new), |id| (200, id));
            known.insert(id, content.clone());
            (status, shown(id, &content))
        }
        ("DELETE", [reaction]) => {
            let gone = reaction.parse().ok().and_then(|id: u64| known.remove(&id));
            if gone.is_some() { (204, Value::Null) } else { not_found() }
        }
        _ => (405, json!({ "message": "Method not allowed" })),
    }
}

fn labels(github: &GitHub, call: &Call<'_>, (repo, number): (&str, u64), more: &[&str]) -> Option<Answer> {
    let mut state = github.state();
    let issue = state.issue(repo, number)?;
    match (call.method, more) {
        ("GET", []) => {}
        ("POST", []) => {
            let labels: Vec<String> = serde_json::from_value(call.body["labels"].clone()).unwrap_or_default();
            if labels.iter().any(|label| label.chars().count() > 50) {
                return Some(invalid("name is too long (maximum is 50 characters)"));
            }
            issue.labels.extend(labels);
        }
        ("DELETE", [label]) => {
            if !issue.labels.remove(&unescape(label)) {
                return Some((404, json!({ "message": "Label does not exist", "status": "404" })));
            }
        }
        _ => return None,
    }
    let all: Vec<Value> = issue.labels.iter().map(|name| GitHub::label_json(name)).collect();
    Some((200, Value::Array(all)))
}
