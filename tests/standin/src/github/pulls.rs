//! Pull requests: list, open, change, their commits and files.

use serde_json::{Value, json};

use super::api::{Answer, Call, invalid, not_found};
use super::state::{Issue, Pull, now};
use super::{BOT, GitHub, data, git};

impl GitHub {
    /// The head's commit: of the branch, or what it was before it went.
    pub(super) fn head_of(&self, repo: &str, pull: &Pull) -> String {
        git::head(&self.git_dir(repo), &pull.head).unwrap_or_else(|| pull.last_head.clone())
    }

    pub(super) fn pull_json(&self, repo: &str, number: u64) -> Value {
        let repo_now = self.repo(repo);
        let Some((issue, pull)) =
            repo_now.issues.get(&number).and_then(|issue| Some((issue, issue.pull.as_ref()?)))
        else {
            return Value::Null;
        };
        let owner = repo.split('/').next().unwrap_or_default();
        let mut value = self.issue_json(repo, number);
        let side = |branch: &str, sha: &str, from: Value| json!({ "ref": branch, "sha": sha, "label": format!("{owner}:{branch}"), "repo": from, "user": self.account(owner) });
        let base_sha = git::head(&self.git_dir(repo), &pull.base).unwrap_or_default();
        let mut home = self.repo_json(repo);
        value["base"] = side(&pull.base, &base_sha, home.clone());
        if pull.fork {
            home["id"] = json!(repo_now.id + 500_000);
            home["fork"] = json!(true);
        }
        value["head"] = side(&pull.head, &self.head_of(repo, pull), home);
        value["url"] = json!(format!("{}/repos/{repo}/pulls/{number}", self.api_url()));
        value["draft"] = json!(pull.draft);
        value["merged"] = json!(pull.merged_by.is_some());
        value["merged_at"] = json!(pull.merged_by.as_ref().map(|_| now()));
        value["merged_by"] = pull.merged_by.as_ref().map_or(Value::Null, |login| self.account(login));
        value["merge_commit_sha"] = Value::Null;
        value["mergeable"] = json!(true);
        value["requested_reviewers"] = pull.reviewers.iter().map(|login| self.account(login)).collect();
        value["requested_teams"] = json!([]);
        value["maintainer_can_modify"] = json!(false);
        value["closed_at"] = json!(issue.closed.then(now));
        if let Some(fields) = value.as_object_mut() {
            fields.remove("pull_request");
        }
        value
    }
}

/// Routes below `/repos/{owner}/{repo}/pulls`.
pub(super) async fn answer(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    match (call.method, rest) {
        ("GET", []) => Some(list(github, call, repo)),
        ("POST", []) => Some(open(github, call, repo).await),
        (_, [number, more @ ..]) => {
            let number: u64 = number.parse().ok()?;
            let Some(pull) = github.state().issue(repo, number).and_then(|issue| issue.pull.clone()) else {
                return Some(not_found());
            };
            match (call.method, more) {
                ("GET", []) => Some((200, github.pull_json(repo, number))),
                ("PATCH", []) => Some(change(github, call, repo, number)),
                ("GET", ["commits"]) => Some(data::commits(github, repo, &pull).await),
                ("GET", ["files"]) => Some(data::files(github, repo, &pull).await),
                _ => None,
            }
        }
        _ => None,
    }
}

fn list(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let repo = github.repo(name);
    let owner = name.split('/').next().unwrap_or_default();
    let (head, base) = (call.parameter("head"), call.parameter("base"));
    let state = call.parameter("state").unwrap_or_else(|| "open".to_owned());
    let pulls = repo.issues.iter().rev().filter_map(|(number, issue)| {
        let pull = issue.pull.as_ref()?;
        let matches = head.as_ref().is_none_or(|head| *head == format!("{owner}:{}", pull.head))
            && base.as_ref().is_none_or(|base| *base == pull.base)
            && (state == "all" || (state == "closed") == issue.closed);
        matches.then(|| github.pull_json(name, *number))
    });
    (200, Value::Array(pulls.collect()))
}

async fn open(github: &GitHub, call: &Call<'_>, name: &str) -> Answer {
    let (head, base) = (call.text("head"), call.text("base"));
    if call.text("title").is_empty() || call.text("title").chars().count() > 256 {
        return invalid("title is too long (maximum is 256 characters)");
    }
    let dir = github.git_dir(name);
    for (field, branch) in [("head", &head), ("base", &base)] {
        if git::commit_of(&dir, branch).await.is_none() {
            let mut answer = invalid("");
            answer.1["errors"] = json!([{ "resource": "PullRequest", "field": field, "code": "invalid" }]);
            return answer;
        }
    }
    if data::between(&dir, &base, &head).await.is_empty() {
        return invalid(&format!("No commits between {base} and {head}"));
    }
    let owner = name.split('/').next().unwrap_or_default();
    let known =
        github.repo(name).issues.into_values().any(|issue| {
            !issue.closed && issue.pull.is_some_and(|open| open.head == head && open.base == base)
        });
    if known {
        return invalid(&format!("A pull request already exists for {owner}:{head}."));
    }
    let pull = Pull { head, base, draft: call.body["draft"] == true, ..Pull::default() };
    let number = github.add_pull(name, BOT, (&call.text("title"), &call.text("body")), pull);
    (201, github.pull_json(name, number))
}

impl GitHub {
    pub(super) fn add_pull(&self, repo: &str, author: &str, (title, body): (&str, &str), pull: Pull) -> u64 {
        let mut state = self.state();
        let Some(issues) = state.repos.get_mut(repo).map(|repo| &mut repo.issues) else { return 0 };
        let number = issues.keys().max().unwrap_or(&0) + 1;
        let issue = Issue {
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.to_owned(),
            at: now(),
            pull: Some(pull),
            ..Issue::default()
        };
        issues.insert(number, issue);
        drop(state);
        self.touch();
        number
    }
}

fn change(github: &GitHub, call: &Call<'_>, repo: &str, number: u64) -> Answer {
    let mut state = github.state();
    let Some(issue) = state.issue(repo, number) else { return not_found() };
    if call.body.get("draft").is_some() {
        drop(state);
        return invalid("draft is not a field of this request");
    }
    if let Some(title) = call.body["title"].as_str() {
        issue.title = title.to_owned();
    }
    if let Some(body) = call.body["body"].as_str() {
        issue.body = body.to_owned();
    }
    if let Some(wanted) = call.body["state"].as_str() {
        issue.closed = wanted == "closed";
    }
    if let (Some(base), Some(pull)) = (call.body["base"].as_str(), &mut issue.pull) {
        pull.base = base.to_owned();
    }
    drop(state);
    (200, github.pull_json(repo, number))
}
