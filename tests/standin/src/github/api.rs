//! The REST API: what an App that follows the documents may ask.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{BOT, Check, GitHub, INSTALLATION, Issue, Pull, Repo, Token, alerts, git};

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a Value,
    pub(super) bearer: &'a str,
}

pub(super) type Answer = (u16, Value);

pub(super) fn not_found() -> Answer {
    (404, json!({ "message": "Not Found" }))
}

impl Call<'_> {
    fn text(&self, key: &str) -> String {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn parameter(&self, key: &str) -> Option<String> {
        let pair = self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
        Some(
            pair.replace("%2B", "+")
                .replace("%23", "#")
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%40", "@"),
        )
    }
}

/// Does this token have the permission in this repository?
pub(super) fn token_may(github: &GitHub, token: &str, repo: &str, permission: &str, level: &str) -> bool {
    let state = github.state();
    let Some(token) = state.tokens.get(token) else { return false };
    let name = repo.split('/').nth(1).unwrap_or_default();
    let has = token.permissions.get(permission).map(String::as_str);
    token.repos.iter().any(|known| known == name) && (has == Some("write") || has == Some(level))
}

pub(super) async fn answer(github: &GitHub, call: &Call<'_>) -> Answer {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    match (call.method, parts.as_slice()) {
        ("POST", ["app", "installations", id, "access_tokens"]) => mint(github, call, id),
        (_, ["repos", owner, name, rest @ ..]) => {
            let repo = format!("{owner}/{name}");
            let (permission, level) = needed(call.method, rest);
            if !github.state().tokens.contains_key(call.bearer) {
                return (401, json!({ "message": "Bad credentials" }));
            }
            if !token_may(github, call.bearer, &repo, permission, level) {
                return (403, json!({ "message": "Resource not accessible by integration" }));
            }
            in_repo(github, call, &repo, rest).await
        }
        _ => unexpected(github, call),
    }
}

fn unexpected(github: &GitHub, call: &Call<'_>) -> Answer {
    github.state().unexpected.push(format!("{} {}?{}", call.method, call.path, call.query));
    (501, json!({ "message": "The stand-in does not know this route" }))
}

/// The permission that GitHub's documents name for a route.
fn needed<'a>(method: &str, rest: &[&str]) -> (&'a str, &'a str) {
    let level = if method == "GET" { "read" } else { "write" };
    match rest {
        ["collaborators", ..] => ("metadata", "read"),
        ["issues", ..] => ("issues", level),
        ["pulls", ..] => ("pull_requests", level),
        ["dependabot", ..] => ("vulnerability_alerts", level),
        ["check-runs", ..] | ["commits", _, "check-runs"] => ("checks", level),
        _ => ("metadata", level),
    }
}

fn mint(github: &GitHub, call: &Call<'_>, installation: &str) -> Answer {
    if !github.0.key.accepts(call.bearer) {
        return (401, json!({ "message": "A JSON web token could not be decoded" }));
    }
    if installation != INSTALLATION.to_string() {
        return not_found();
    }
    let mut repos: Vec<String> =
        serde_json::from_value(call.body["repositories"].clone()).unwrap_or_default();
    let ids: Vec<u64> = serde_json::from_value(call.body["repository_ids"].clone()).unwrap_or_default();
    let permissions: HashMap<String, String> =
        serde_json::from_value(call.body["permissions"].clone()).unwrap_or_default();
    let mut state = github.state();
    for id in ids {
        let named = state.repos.iter().find(|(_, repo)| repo.id == id);
        repos.extend(named.and_then(|(name, _)| Some(name.split_once('/')?.1.to_owned())));
    }
    let known = |name: &String| state.repos.keys().any(|repo| repo.split('/').nth(1) == Some(name));
    if repos.is_empty() || !repos.iter().all(known) {
        return (422, json!({ "message": "There is at least one repository that does not exist" }));
    }
    let token = format!("ghs_777_stand-in.{}", state.id());
    state.tokens.insert(token.clone(), Token { repos, permissions: permissions.clone() });
    drop(state);
    let body = json!({
        "token": token, "expires_at": "2099-01-01T00:00:00Z", "permissions": permissions,
        "repository_selection": "selected",
    });
    (201, body)
}

async fn in_repo(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Answer {
    match (call.method, rest) {
        ("GET", ["collaborators", login, "permission"]) => permission(github, repo, login),
        ("POST", ["pulls"]) => open_pull(github, call, repo).await,
        ("GET", ["pulls"]) => list_pulls(github, call, repo),
        ("PATCH", ["pulls", number]) => with_issue(github, repo, number, |issue| edit(issue, call)),
        ("POST", ["check-runs"]) => make_check(github, call, repo),
        ("GET", ["dependabot", "alerts"]) => alerts::list(github, call, repo),
        ("GET", ["dependabot", "alerts", number]) => alerts::one(github, repo, number),
        ("GET", ["commits", sha, "check-runs"]) => list_checks(github, repo, sha),
        (_, ["issues", "comments", id]) => comment(github, call, repo, id),
        (_, ["issues", number, what, more @ ..]) => in_issue(github, call, repo, (number, what, more)),
        _ => unexpected(github, call),
    }
}

fn permission(github: &GitHub, repo: &str, login: &str) -> Answer {
    let repo = github.repo(repo);
    let Some(permission) = repo.collaborators.get(login) else { return not_found() };
    let legacy = match permission.as_str() {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    };
    (200, json!({ "permission": legacy, "role_name": permission, "user": { "login": login } }))
}

fn with_issue(github: &GitHub, repo: &str, number: &str, work: impl FnOnce(&mut Issue) -> Answer) -> Answer {
    let mut state = github.state();
    let issue =
        number.parse::<u64>().ok().and_then(|number| state.repos.get_mut(repo)?.issues.get_mut(&number));
    issue.map_or_else(not_found, work)
}

fn edit(issue: &mut Issue, call: &Call<'_>) -> Answer {
    issue.title = call.text("title");
    issue.body = call.text("body");
    (200, json!({ "title": issue.title, "body": issue.body }))
}

fn in_issue(
    github: &GitHub,
    call: &Call<'_>,
    repo: &str,
    (number, what, more): (&str, &str, &[&str]),
) -> Answer {
    let id = github.state().id();
    let found = with_issue(github, repo, number, |issue| match (call.method, what, more) {
        ("GET", "comments", []) => {
            let comments: Vec<Value> =
                issue.comments.iter().map(|(id, body)| comment_json(*id, body)).collect();
            (200, Value::Array(page(comments, call)))
        }
        ("POST", "comments", []) => {
            issue.comments.insert(id, call.text("body"));
            (201, comment_json(id, &call.text("body")))
        }
        ("POST", "reactions", []) => react(issue, &call.text("content"), id),
        ("DELETE", "reactions", [reaction]) => {
            let gone = reaction.parse().ok().and_then(|id: u64| issue.reactions.remove(&id));
            if gone.is_some() { (204, Value::Null) } else { not_found() }
        }
        ("POST", "labels", []) => {
            let labels: Vec<String> = serde_json::from_value(call.body["labels"].clone()).unwrap_or_default();
            issue.labels.extend(labels);
            (200, json!([]))
        }
        ("DELETE", "labels", [label]) => {
            let label = label.replace("%3A", ":").replace("%20", " ").replace("%2F", "/").replace("%25", "%");
            if issue.labels.remove(&label) { (200, json!([])) } else { not_found() }
        }
        _ => (501, Value::Null),
    });
    if found.0 == 501 { unexpected(github, call) } else { found }
}

/// One reaction of a kind per user: the second one is the first one again.
fn react(issue: &mut Issue, content: &str, id: u64) -> Answer {
    let known = issue.reactions.iter().find(|(_, known)| *known == content).map(|(id, _)| *id);
    let (status, id) = known.map_or((201, id), |known| (200, known));
    issue.reactions.insert(id, content.to_owned());
    (status, json!({ "id": id, "content": content, "user": { "login": BOT, "type": "Bot" } }))
}

fn comment_json(id: u64, body: &str) -> Value {
    json!({ "id": id, "body": body, "user": { "login": BOT, "type": "Bot" } })
}

fn comment(github: &GitHub, call: &Call<'_>, repo: &str, id: &str) -> Answer {
    let mut state = github.state();
    let id: u64 = id.parse().unwrap_or(0);
    let issues = state.repos.get_mut(repo).into_iter().flat_map(|repo| repo.issues.values_mut());
    for issue in issues {
        if let (Some(body), "PATCH") = (issue.comments.get_mut(&id), call.method) {
            *body = call.text("body");
            return (200, comment_json(id, body));
        }
    }
    not_found()
}

fn page(items: Vec<Value>, call: &Call<'_>) -> Vec<Value> {
    let number = |key: &str, otherwise: usize| {
        call.parameter(key).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let size = number("per_page", 30);
    items.into_iter().skip(size * (number("page", 1) - 1)).take(size).collect()
}

fn pull_json(github: &GitHub, repo: &str, number: u64, issue: &Issue, pull: &Pull) -> Value {
    json!({
        "number": number, "title": issue.title, "body": issue.body, "state": "open",
        "html_url": format!("{}/{repo}/pull/{number}", github.web_url()),
        "head": { "ref": pull.head }, "base": { "ref": pull.base },
    })
}

fn list_pulls(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let repo = github.repo(name);
    let owner = name.split('/').next().unwrap_or_default();
    let head = call.parameter("head");
    let pulls = repo.issues.iter().filter_map(|(number, issue)| {
        let pull = issue.pull.as_ref()?;
        let matches = head.as_ref().is_none_or(|head| *head == format!("{owner}:{}", pull.head));
        matches.then(|| pull_json(github, name, *number, issue, pull))
    });
    (200, Value::Array(page(pulls.collect(), call)))
}

async fn open_pull(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let pull = Pull { head: call.text("head"), base: call.text("base") };
    let invalid =
        |why: &str| (422, json!({ "message": "Validation Failed", "errors": [{ "message": why }] }));
    for branch in [&pull.head, &pull.base] {
        if git::commit_of(&github.git_dir(name), branch).await.is_none() {
            return invalid("the branch does not exist");
        }
    }
    let mut state = github.state();
    let Some(repo) = state.repos.get_mut(name) else { return not_found() };
    if repo.issues.values().any(|issue| issue.pull.as_ref().is_some_and(|open| open.head == pull.head)) {
        return invalid("A pull request already exists");
    }
    let number = repo.issues.keys().max().unwrap_or(&0) + 1;
    let issue = Issue {
        title: call.text("title"),
        body: call.text("body"),
        pull: Some(pull.clone()),
        ..Issue::default()
    };
    let answer = pull_json(github, name, number, &issue, &pull);
    repo.issues.insert(number, issue);
    (201, answer)
}

fn make_check(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let mut state = github.state();
    let id = state.id();
    let Some(repo) = state.repos.get_mut(name) else { return not_found() };
    let (sha, status, conclusion) = (call.text("head_sha"), call.text("status"), call.text("conclusion"));
    let known = ["queued", "in_progress", "completed"].contains(&status.as_str());
    if call.text("name").is_empty()
        || sha.len() != 40
        || !known
        || ((status == "completed") == conclusion.is_empty())
    {
        return (422, json!({ "message": "Invalid request." }));
    }
    repo.checks.insert(id, Check { sha, body: call.body.clone() });
    (201, json!({ "id": id, "name": call.text("name") }))
}

fn list_checks(github: &GitHub, name: &str, sha: &str) -> Answer {
    let repo: Repo = github.repo(name);
    let at = repo.checks.iter().filter(|(_, check)| check.sha == sha);
    let runs: Vec<Value> = at
        .map(|(id, check)| {
            let mut run = check.body.clone();
            run["id"] = json!(id);
            run
        })
        .collect();
    (200, json!({ "total_count": runs.len(), "check_runs": runs }))
}
