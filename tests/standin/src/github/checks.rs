//! Check runs and check suites.

use serde_json::{Value, json};

use super::api::{Answer, Call, not_found, refused};
use super::state::{Check, now};
use super::{APP_ID, GitHub, data};

/// The longest summary or text, in characters.
const LONGEST: usize = 65_535;

impl GitHub {
    pub(super) fn check_json(&self, repo: &str, id: u64, check: &Check) -> Value {
        let body = &check.body;
        let suite = self.repo(repo).suites.get(&check.sha).map_or(0, |suite| suite.id);
        let annotations = body["output"]["annotations"].as_array().map_or(0, Vec::len);
        let app = match check.app {
            APP_ID => json!({ "id": APP_ID, "slug": "chaperone", "name": "chaperone" }),
            other => json!({ "id": other, "slug": "github-actions", "name": "GitHub Actions" }),
        };
        let pulls: Vec<Value> = self
            .repo(repo)
            .issues
            .iter()
            .filter_map(|(number, issue)| {
                let pull = issue.pull.as_ref().filter(|pull| !issue.closed && !pull.fork)?;
                let ours = self.head_of(repo, pull) == check.sha;
                ours.then(|| json!({ "number": number, "id": number, "head": { "ref": pull.head, "sha": check.sha }, "base": { "ref": pull.base } }))
            })
            .collect();
        json!({
            "id": id, "node_id": format!("CR_{id}"), "name": body["name"], "head_sha": check.sha,
            "external_id": body["external_id"], "details_url": body["details_url"],
            "url": format!("{}/repos/{repo}/check-runs/{id}", self.api_url()),
            "html_url": format!("{}/{repo}/runs/{id}", self.web_url()),
            "status": body["status"], "conclusion": body["conclusion"],
            "started_at": check.started_at, "completed_at": check.completed_at,
            "output": {
                "title": body["output"]["title"], "summary": body["output"]["summary"],
                "text": body["output"]["text"], "annotations_count": annotations,
                "annotations_url": format!("{}/repos/{repo}/check-runs/{id}/annotations", self.api_url()),
            },
            "check_suite": { "id": suite }, "app": app, "pull_requests": pulls,
        })
    }

    pub(super) fn suite_json(&self, repo: &str, sha: &str) -> Value {
        let suite = self.repo(repo).suites.get(sha).cloned().unwrap_or_default();
        json!({
            "id": suite.id, "node_id": format!("CS_{}", suite.id), "head_branch": suite.branch, "head_sha": sha,
            "status": "completed", "conclusion": null, "created_at": suite.at, "updated_at": suite.at,
            "app": { "id": APP_ID, "slug": "chaperone", "name": "chaperone" }, "pull_requests": [],
            "before": null, "after": sha, "latest_check_runs_count": 0,
        })
    }
}

/// Routes of check runs and suites.
pub(super) async fn answer(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    match (call.method, rest) {
        ("POST", ["check-runs"]) => Some(make(github, call, repo).await),
        ("GET", ["commits", name, "check-runs"]) => {
            let sha = data::resolve(github, repo, name).await.unwrap_or_default();
            Some(list(github, call, repo, &sha))
        }
        ("GET", ["commits", name, "check-suites"]) => {
            let sha = data::resolve(github, repo, name).await.unwrap_or_default();
            let known = github.repo(repo).suites.contains_key(&sha);
            let all: Vec<Value> = known.then(|| github.suite_json(repo, &sha)).into_iter().collect();
            Some((200, json!({ "total_count": all.len(), "check_suites": all })))
        }
        (_, ["check-runs", id, more @ ..]) => {
            let id: u64 = id.parse().ok()?;
            let Some(check) = github.repo(repo).checks.get(&id).cloned() else { return Some(not_found()) };
            match (call.method, more) {
                ("GET", []) => Some((200, github.check_json(repo, id, &check))),
                ("PATCH", []) => Some(change(github, call, repo, (id, check))),
                ("GET", ["annotations"]) => Some((
                    200,
                    check.body["output"]["annotations"].as_array().cloned().unwrap_or_default().into(),
                )),
                _ => None,
            }
        }
        _ => None,
    }
}

/// GitHub's rules for what a check run says; the reason of a refusal.
fn wrong(body: &Value, conclusion: &Value) -> Option<&'static str> {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let conclusions =
        ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"];
    let status = body["status"].as_str().unwrap_or("queued");
    if !["queued", "in_progress", "completed"].contains(&status) {
        return Some("status is not included in the list");
    }
    if conclusion.as_str().is_some_and(|conclusion| !conclusions.contains(&conclusion)) {
        return Some("conclusion is not included in the list");
    }
    if (status == "completed") != conclusion.is_string() {
        return Some("a completed check run has a conclusion, and no other");
    }
    let output = &body["output"];
    if !output.is_null() {
        if !output["title"].is_string() || !output["summary"].is_string() {
            return Some("output needs a title and a summary");
        }
        if length(&output["summary"]) > LONGEST || length(&output["text"]) > LONGEST {
            return Some("output is too long (maximum is 65535 characters)");
        }
        let annotations = output["annotations"].as_array().map_or(&[][..], Vec::as_slice);
        if annotations.len() > 50 {
            return Some("No more than 50 annotations may be submitted at once");
        }
        if annotations.iter().any(|annotation| !fine(annotation)) {
            return Some("an annotation is not one");
        }
    }
    let actions = body["actions"].as_array().map_or(&[][..], Vec::as_slice);
    let limits = [("label", 20), ("description", 40), ("identifier", 20)];
    let small = |action: &Value| {
        limits.iter().all(|(key, most)| action[*key].is_string() && length(&action[*key]) <= *most)
    };
    if actions.len() > 3 || !actions.iter().all(small) {
        return Some("No more than 3 actions, of at most 20, 40 and 20 characters");
    }
    None
}

fn fine(annotation: &Value) -> bool {
    let level = annotation["annotation_level"].as_str().unwrap_or_default();
    let text = |key: &str, most: usize| annotation[key].as_str().is_some_and(|text| text.len() <= most);
    let (start, end) = (annotation["start_line"].as_u64(), annotation["end_line"].as_u64());
    let columns = annotation.get("start_column").is_some() || annotation.get("end_column").is_some();
    ["notice", "warning", "failure"].contains(&level)
        && text("path", 4096)
        && text("message", 65_536)
        && annotation["title"].as_str().is_none_or(|title| title.chars().count() <= 255)
        && start.is_some_and(|start| start >= 1)
        && end >= start
        && !(columns && start != end)
}

async fn make(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let sha = call.text("head_sha");
    let mut body = call.body.clone();
    if body["conclusion"].is_string() && body["status"].is_null() {
        body["status"] = json!("completed");
    }
    if body["status"].is_null() {
        body["status"] = json!("queued");
    }
    if call.text("name").is_empty() {
        return refused("Invalid request.\n\n\"name\" wasn't supplied.");
    }
    if let Some(why) = wrong(&body, &body["conclusion"]) {
        return refused(&format!("Invalid request.\n\n{why}"));
    }
    if sha.len() != 40 || !data::is_commit(github, name, &sha).await {
        return refused(&format!("No commit found for SHA: {sha}"));
    }
    let done = body["status"] == "completed";
    let check = Check { sha, body, app: APP_ID, started_at: now(), completed_at: done.then(now) };
    let mut state = github.state();
    let id = state.id();
    if let Some(repo) = state.repos.get_mut(name) {
        repo.checks.insert(id, check.clone());
    }
    drop(state);
    (201, github.check_json(name, id, &check))
}

fn change(github: &GitHub, call: &Call<'_>, name: &str, (id, mut check): (u64, Check)) -> Answer {
    if check.app != APP_ID {
        return (
            403,
            json!({ "message": "Invalid app_id `777` - check run can only be modified by the GitHub App that created it." }),
        );
    }
    let mut body = call.body.clone();
    if body["conclusion"].is_string() {
        body["status"] = json!("completed");
    }
    if body["status"].is_null() {
        body["status"] = check.body["status"].clone();
    }
    let conclusion = match body["status"].as_str() {
        Some("completed") if body["conclusion"].is_null() => check.body["conclusion"].clone(),
        _ => body["conclusion"].clone(),
    };
    if let Some(why) = wrong(&body, &conclusion) {
        return refused(&format!("Invalid request.\n\n{why}"));
    }
    // Annotations add up; everything else is replaced by what is given.
    let mut annotations = check.body["output"]["annotations"].as_array().cloned().unwrap_or_default();
    annotations.extend(body["output"]["annotations"].as_array().cloned().unwrap_or_default());
    if let (Some(now), Some(given)) = (check.body.as_object_mut(), body.as_object()) {
        for (key, value) in given {
            now.insert(key.clone(), value.clone());
        }
        now.insert("conclusion".to_owned(), conclusion);
    }
    if !annotations.is_empty() {
        check.body["output"]["annotations"] = Value::Array(annotations);
    }
    check.completed_at = (check.body["status"] == "completed").then(now);
    if let Some(repo) = github.state().repos.get_mut(name) {
        repo.checks.insert(id, check.clone());
    }
    (200, github.check_json(name, id, &check))
}

/// The newest of each name, or with `filter=all` all of them.
fn list(github: &GitHub, call: &Call<'_>, name: &str, sha: &str) -> Answer {
    let repo = github.repo(name);
    let all = call.parameter("filter").as_deref() == Some("all");
    let is = |key: &str, value: &str| call.parameter(key).is_none_or(|wanted| wanted == value);
    let mut seen: Vec<(u64, String)> = Vec::new();
    let mut runs = Vec::new();
    for (id, check) in repo.checks.iter().rev().filter(|(_, check)| check.sha == sha) {
        let called = check.body["name"].as_str().unwrap_or_default().to_owned();
        let wanted = is("check_name", &called)
            && is("status", check.body["status"].as_str().unwrap_or_default())
            && is("app_id", &check.app.to_string());
        let key = (check.app, called);
        if wanted && (all || !seen.contains(&key)) {
            runs.push(github.check_json(name, *id, check));
        }
        seen.push(key);
    }
    (200, json!({ "total_count": runs.len(), "check_runs": runs }))
}
