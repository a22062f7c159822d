//! The REST API: what an App that follows the documents may ask, with which
//! token.

use serde_json::{Value, json};

use super::state::Installed;
use super::{GitHub, alerts, app, checks, data, delivery, issues, pulls, refs, reviews, rules};

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a Value,
    pub(super) bearer: &'a str,
}

pub(super) type Answer = (u16, Value);

/// An answer with the headers that belong to it.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl From<Answer> for Reply {
    fn from((status, body): Answer) -> Self {
        Self { status, body, headers: Vec::new() }
    }
}

pub(super) fn not_found() -> Answer {
    (
        404,
        json!({ "message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404" }),
    )
}

pub(super) fn forbidden() -> Answer {
    (403, json!({ "message": "Resource not accessible by integration", "status": "403" }))
}

/// A 422 with this message.
pub(super) fn refused(message: &str) -> Answer {
    (422, json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": "422" }))
}

/// A 422 about a field.
pub(super) fn invalid(message: &str) -> Answer {
    let mut answer = refused("Validation Failed");
    answer.1["errors"] = json!([{ "resource": "Stand-in", "code": "custom", "message": message }]);
    answer
}

impl Call<'_> {
    pub(super) fn text(&self, key: &str) -> String {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn parameter(&self, key: &str) -> Option<String> {
        let pair = self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
        Some(unescape(pair))
    }
}

/// Undoes percent signs.
pub(super) fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part.bytes().skip(2));
            }
            None => bytes.extend(format!("%{part}").bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn covers(held: Option<&String>, level: &str) -> bool {
    held.is_some_and(|held| held == level || held == "write")
}

/// Does this token have the permission in this repository?
pub(super) fn token_may(github: &GitHub, token: &str, repo: &str, permission: &str, level: &str) -> bool {
    let state = github.state();
    let (Some(token), Some(repo)) = (state.tokens.get(token), state.repos.get(repo)) else { return false };
    // A permission that the owner has taken away since is gone.
    token.repos.contains(&repo.id)
        && !state.uncovered.contains(&repo.id)
        && state.installed == Installed::Yes
        && covers(token.permissions.get(permission), level)
        && covers(state.permissions.get(permission), level)
}

pub(super) async fn answer(github: &GitHub, call: &Call<'_>) -> Reply {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    match (call.method, parts.as_slice()) {
        ("POST", ["app", "installations", id, "access_tokens"]) => app::mint(github, call, id).into(),
        ("POST", ["app-manifests", code, "conversions"]) => app::convert(github, call, code).into(),
        ("GET", ["app", "hook", "deliveries"]) if github.0.key.accepts(call.bearer) => {
            let (answer, next) = delivery::list(github, call);
            linked(github, call, answer, next)
        }
        (_, ["app", rest @ ..]) => {
            app::answer(github, call, rest).unwrap_or_else(|| unexpected(github, call)).into()
        }
        ("GET", ["installation", "repositories"]) => {
            paged(github, call, app::repositories(github, call), None)
        }
        ("GET", ["repos", owner, name, "installation"]) => {
            app::of_repository(github, call, &format!("{owner}/{name}")).into()
        }
        (_, ["repos", owner, name, rest @ ..]) => {
            by_name(github, call, &format!("{owner}/{name}"), rest).await
        }
        (_, ["repositories", id, rest @ ..]) => {
            let name = id.parse().ok().and_then(|id| github.state().name_of(id));
            match name {
                Some(name) => in_repo(github, call, &name, rest).await,
                None => not_found().into(),
            }
        }
        _ => unexpected(github, call).into(),
    }
}

fn unexpected(github: &GitHub, call: &Call<'_>) -> Answer {
    github.state().unexpected.push(format!("{} {}?{}", call.method, call.path, call.query));
    (501, json!({ "message": "The stand-in does not know this route" }))
}

/// A former name leads to the number: 301 for what reads, 307 for the rest.
async fn by_name(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Reply {
    let (known, former) = {
        let state = github.state();
        (state.repos.contains_key(repo), state.former.get(repo).copied())
    };
    match former {
        Some(id) if !known => {
            let (status, message) = match call.method {
                "GET" => (301, "Moved Permanently"),
                _ => (307, "Temporary Redirect"),
            };
            let tail: String = rest.iter().map(|part| format!("/{part}")).collect();
            let mark = if call.query.is_empty() { "" } else { "?" };
            let url = format!("{}/repositories/{id}{tail}{mark}{}", github.api_url(), call.query);
            let body = json!({ "message": message, "url": url, "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects" });
            Reply { status, body, headers: vec![("location", url)] }
        }
        _ => in_repo(github, call, repo, rest).await,
    }
}

/// The permissions that GitHub's documents name for a route: one of them is
/// enough.
fn needed<'a>(github: &GitHub, method: &str, repo: &str, rest: &[&'a str]) -> Vec<(&'a str, &'static str)> {
    let level = if method == "GET" { "read" } else { "write" };
    match rest {
        ["issues", "comments", ..] => vec![("issues", level), ("pull_requests", level)],
        ["issues", number, ..] => {
            let number = number.parse().unwrap_or(0);
            let is_pull = github.state().issue(repo, number).is_some_and(|issue| issue.pull.is_some());
            if is_pull { vec![("issues", level), ("pull_requests", level)] } else { vec![("issues", level)] }
        }
        ["issues"] => vec![("issues", level)],
        ["pulls", ..] => vec![("pull_requests", level)],
        ["dependabot", ..] => vec![("vulnerability_alerts", level)],
        ["check-runs" | "check-suites", ..] | ["commits", _, "check-runs" | "check-suites"] => {
            vec![("checks", level)]
        }
        ["git" | "branches" | "commits" | "contents" | "compare", ..] => vec![("contents", level)],
        _ => vec![("metadata", level)],
    }
}

async fn in_repo(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Reply {
    let (exists, covered, installed, archived) = {
        let state = github.state();
        let Some(token) = state.tokens.get(call.bearer) else {
            return (401, json!({ "message": "Bad credentials", "status": "401" })).into();
        };
        let known = state.repos.get(repo);
        let covered =
            known.is_some_and(|repo| token.repos.contains(&repo.id) && !state.uncovered.contains(&repo.id));
        (known.is_some(), covered, state.installed, known.is_some_and(|repo| repo.archived))
    };
    match installed {
        Installed::Suspended => {
            return (403, json!({ "message": "This installation has been suspended" })).into();
        }
        Installed::Removed => return (401, json!({ "message": "Bad credentials", "status": "401" })).into(),
        Installed::Yes => {}
    }
    // A private repository that a token does not cover is not there.
    if !exists || !covered {
        return not_found().into();
    }
    let needed = needed(github, call.method, repo, rest);
    if !needed.iter().any(|(permission, level)| token_may(github, call.bearer, repo, permission, level)) {
        return forbidden().into();
    }
    if archived && call.method != "GET" {
        return (403, json!({ "message": "Repository was archived so is read-only." })).into();
    }
    if let ("GET", ["dependabot", "alerts"]) = (call.method, rest) {
        let (answer, next) = alerts::list(github, call, repo);
        return linked(github, call, answer, next);
    }
    let id = github.repo(repo).id;
    match route(github, call, repo, rest).await {
        Some(answer) => paged(github, call, answer, Some((id, rest))),
        None => unexpected(github, call).into(),
    }
}

async fn route(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    match (call.method, rest) {
        ("GET", []) => Some((200, github.repo_json(repo))),
        ("GET", ["rules", "branches", _branch]) => Some((200, rules::active(&github.repo(repo).rules))),
        ("GET", ["collaborators", login, "permission"]) => Some(permission(github, repo, &unescape(login))),
        ("GET", ["dependabot", "alerts", number]) => Some(alerts::one(github, repo, number)),
        (_, ["issues", rest @ ..]) => issues::answer(github, call, repo, rest),
        (_, ["pulls", _, "reviews" | "comments" | "requested_reviewers", ..]) => {
            reviews::answer(github, call, repo, rest)
        }
        (_, ["pulls", rest @ ..]) => pulls::answer(github, call, repo, rest).await,
        (_, ["check-runs" | "check-suites", ..] | ["commits", _, "check-runs" | "check-suites"]) => {
            checks::answer(github, call, repo, rest).await
        }
        (_, ["git", "ref" | "refs" | "matching-refs", ..] | ["branches", ..]) => {
            refs::answer(github, call, repo, rest).await
        }
        (_, ["git", kind, rest @ ..]) => data::answer(github, call, repo, (kind, rest)).await,
        ("GET", ["compare", heads @ ..]) => Some(refs::compare(github, repo, &heads.join("/")).await),
        ("GET", ["commits", sha]) => Some(data::commit(github, repo, sha).await),
        _ => None,
    }
}

/// What somebody may. GitHub folds the finer roles into the older field, and
/// answers for a user who is nobody there.
fn permission(github: &GitHub, name: &str, login: &str) -> Answer {
    let repo = github.repo(name);
    if login == "Copilot" {
        return (404, json!({ "message": "Copilot is not a user", "status": "404" }));
    }
    let held = repo.collaborators.get(login).map_or_else(
        || if repo.public && !login.ends_with("[bot]") { "read".to_owned() } else { "none".to_owned() },
        Clone::clone,
    );
    let (base, role) = held.split_once('/').unwrap_or((&held, &held));
    let legacy = match base {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    };
    let role = if role == "none" { "" } else { role };
    (200, json!({ "permission": legacy, "role_name": role, "user": github.account(login) }))
}

/// An answer whose next page is another query on the same list.
fn linked(github: &GitHub, call: &Call<'_>, answer: Answer, next: Option<String>) -> Reply {
    let mut reply = Reply::from(answer);
    if let Some(next) = next {
        let key = next.split('=').next().unwrap_or_default();
        let kept: Vec<&str> = call
            .query
            .split('&')
            .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(key))
            .collect();
        let query = kept.iter().copied().chain([next.as_str()]).collect::<Vec<&str>>().join("&");
        let path = call.path.trim_matches('/');
        reply.headers.push(("link", format!("<{}/{path}?{query}>; rel=\"next\"", github.api_url())));
    }
    reply
}

/// One page of a list, with the address of the next one. GitHub's own
/// addresses name a repository by its number.
fn paged(github: &GitHub, call: &Call<'_>, answer: Answer, place: Option<(u64, &[&str])>) -> Reply {
    let mut reply = Reply::from(answer);
    if call.method != "GET" || reply.status != 200 {
        return reply;
    }
    let number = |key: &str, otherwise: usize| {
        call.parameter(key).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let size = number("per_page", 30).min(github.state().page).max(1);
    let page = number("page", 1).max(1);
    let list = match &mut reply.body {
        Value::Array(list) => Some(list),
        Value::Object(fields) if fields.contains_key("total_count") => {
            fields.values_mut().find_map(Value::as_array_mut)
        }
        _ => None,
    };
    let Some(list) = list else { return reply };
    let more = list.len() > size * page;
    *list = list.drain(..).skip(size * (page - 1)).take(size).collect();
    if more {
        let path = match place {
            Some((id, rest)) => format!("repositories/{id}/{}", rest.join("/")),
            None => call.path.trim_matches('/').to_owned(),
        };
        let kept: String = call
            .query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("page="))
            .map(|pair| format!("{pair}&"))
            .collect();
        let link = format!("<{}/{path}?{kept}page={}>; rel=\"next\"", github.api_url(), page + 1);
        reply.headers.push(("link", link));
    }
    reply
}
