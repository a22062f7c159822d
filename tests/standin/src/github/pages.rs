//! Pages for a person who follows the demo's links: repositories, issues,
//! pull requests with their checks and their change, in plain HTML.

mod markdown;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use self::markdown::markdown;
use super::state::{Check, Comment, Pull, Review};
use super::{GitHub, Issue, Repo, git};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:66rem;margin:0 auto;padding:1rem 1.5rem;color:#1f2328;background:#fff}
a{color:#0969da;text-decoration:none}a:hover{text-decoration:underline}h1{font-size:1.6rem;margin:.4rem 0}h1 .number{color:#59636e;font-weight:400}
h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #d1d9e0}table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #d1d9e0;padding:.3rem .6rem;text-align:left;vertical-align:top}
pre{background:#f6f8fa;border:1px solid #d1d9e0;border-radius:6px;padding:.6rem;overflow-x:auto;font-size:.85rem;line-height:1.4}code{background:#eff1f3;border-radius:4px;padding:0 .2rem}pre code{background:none;padding:0}
.box{border:1px solid #d1d9e0;border-radius:6px;margin:1rem 0}.box>header{background:#f6f8fa;border-bottom:1px solid #d1d9e0;padding:.35rem .8rem;color:#59636e;border-radius:6px 6px 0 0}.box>div{padding:.4rem .8rem;overflow-x:auto}
.note{background:#fff8c5;border:1px solid #d4a72c;border-radius:6px;padding:.3rem .8rem;font-size:.85rem}.pill,.label{border-radius:1rem;padding:.1rem .7rem;font-size:.85rem}.label{border:1px solid #888}
.open,.success{background:#1a7f37;color:#fff}.merged{background:#8250df;color:#fff}.closed,.failure,.timed_out,.action_required{background:#cf222e;color:#fff}.draft,.queued,.in_progress,.cancelled,.neutral,.skipped{background:#59636e;color:#fff}
blockquote{border-left:4px solid #d1d9e0;margin:0;padding-left:1rem;color:#59636e}.add{background:#dafbe1}.del{background:#ffebe9}.hunk{color:#0969da}.file{font-weight:600;background:#eff1f3}.muted{color:#59636e}";

fn layout(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { p.note { "A stand-in for GitHub, on this machine." } (body) }
        }
    }
}

pub(super) async fn page(github: &GitHub, path: &str) -> Response<Body> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let markup = match parts.as_slice() {
        [""] => Some(index(github)),
        [owner, name] => Some(repository(github, &format!("{owner}/{name}"))),
        [owner, name, "pull" | "issues", number, ..] => {
            issue(github, &format!("{owner}/{name}"), number).await
        }
        [owner, name, "runs", id] => run(github, &format!("{owner}/{name}"), id),
        [owner, name, "commit", sha] => commit(github, &format!("{owner}/{name}"), sha).await,
        _ => None,
    };
    match markup {
        Some(markup) => markup.into_response(),
        None => (StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}

fn index(github: &GitHub) -> Markup {
    let names: Vec<String> = github.state().repos.keys().cloned().collect();
    layout(
        "Repositories",
        &html! { h1 { "Repositories" } ul { @for name in names { li { a href={ "/" (name) } { (name) } } } } },
    )
}

fn repository(github: &GitHub, name: &str) -> Markup {
    let repo = github.repo(name);
    let list = |pulls: bool| {
        html! {
            ul {
                @for (number, issue) in repo.issues.iter().rev().filter(|(_, issue)| issue.pull.is_some() == pulls) {
                    li { (state(issue)) " " a href={ "/" (name) "/" (kind(issue)) "/" (number) } { (issue.title) } span.muted { " #" (number) } }
                }
            }
        }
    };
    layout(
        name,
        &html! {
            p { a href="/" { "Repositories" } }
            h1 { (name) }
            h2 { "Issues" } (list(false))
            h2 { "Pull requests" } (list(true))
            @if !repo.alerts.is_empty() {
                h2 { "Dependabot alerts" }
                table {
                    tr { th { "#" } th { "Advisory" } th { "Package" } th { "Severity" } th { "State" } }
                    @for (number, alert) in &repo.alerts {
                        tr { td { (number) } td { (alert.ghsa) } td { (alert.package) } td { (alert.severity) } td { (alert.state) } }
                    }
                }
            }
        },
    )
}

fn kind(issue: &Issue) -> &'static str {
    if issue.pull.is_some() { "pull" } else { "issues" }
}

fn pill(word: &str) -> Markup {
    html! { span class={ "pill " (word) } { (word.replace('_', " ")) } }
}

fn state(issue: &Issue) -> Markup {
    pill(match &issue.pull {
        Some(Pull { merged_by: Some(_), .. }) => "merged",
        _ if issue.closed => "closed",
        Some(Pull { draft: true, .. }) => "draft",
        _ => "open",
    })
}

fn reactions<'a>(all: impl Iterator<Item = &'a String>) -> Markup {
    html! { @for reaction in all { (emoji(reaction)) " " } }
}

fn said(author: &str, at: &str, what: &str, body: &Markup) -> Markup {
    html! {
        div.box {
            header { b { (author) } " " (what) " " span.muted { (at) } }
            div { (body) }
        }
    }
}

async fn issue(github: &GitHub, name: &str, number: &str) -> Option<Markup> {
    let repo = github.repo(name);
    let issue = repo.issues.get(&number.parse().ok()?)?;
    // Comments and reviews in the order in which they were written: their
    // numbers grow.
    let mut talk: Vec<(u64, Markup)> =
        issue.comments.iter().map(|(id, comment)| (*id, comment_box(comment))).collect();
    if let Some(pull) = &issue.pull {
        talk.extend(pull.reviews.iter().map(|(id, review)| (*id, review_box(review))));
    }
    talk.sort_by_key(|(id, _)| *id);
    let change = match &issue.pull {
        Some(pull) => change(github, name, &repo, pull).await,
        None => html! {},
    };
    Some(layout(
        &issue.title,
        &html! {
            p { a href={ "/" (name) } { (name) } }
            h1 { (issue.title) " " span.number { "#" (number) } }
            p {
                (state(issue)) " "
                @if let Some(pull) = &issue.pull { code { (pull.base) } " ← " code { (pull.head) } " " }
                @for label in &issue.labels { span.label { (label) } " " }
            }
            (said(&issue.author, &issue.at, "opened this", &html! { (markdown(&issue.body)) p { (reactions(issue.reactions.values())) } }))
            @for (id, shown) in &talk { div id={ "issuecomment-" (id) } { (shown) } }
            @if let Some(Pull { merged_by: Some(login), base, .. }) = &issue.pull {
                p { (pill("merged")) " " b { (login) } " merged this into " code { (base) } }
            }
            (change)
        },
    ))
}

fn comment_box(comment: &Comment) -> Markup {
    let body = html! { (markdown(comment)) p { (reactions(comment.reactions.values())) } };
    said(&comment.author, &comment.at, "commented", &body)
}

fn review_box(review: &Review) -> Markup {
    let body = html! {
        (markdown(&review.body))
        @for inline in &review.comments {
            p { code { (inline.path) ":" (inline.line) } }
            blockquote { (markdown(&inline.body)) }
        }
    };
    said(&review.author, &review.at, &review.state.to_lowercase().replace('_', " "), &body)
}

async fn change(github: &GitHub, name: &str, repo: &Repo, pull: &Pull) -> Markup {
    let dir = github.git_dir(name);
    let head = github.head_of(name, pull);
    // After the merge the base holds the change: what it was before is the
    // merge's first parent.
    let base = format!("refs/heads/{}", pull.base);
    let base = match pull.merged_by {
        Some(_) => format!("{base}~1"),
        None => base,
    };
    let diff = git::said(&dir, &["diff", &format!("{base}...{head}")]).await.unwrap_or_default();
    html! {
        h2 id="checks" { "Checks on " a href={ "/" (name) "/commit/" (head) } { code { (head.get(..7).unwrap_or_default()) } } }
        table {
            @for (id, check) in repo.checks.iter().filter(|(_, check)| check.sha == head) {
                tr {
                    td { (pill(verdict(check))) }
                    td { a href={ "/" (name) "/runs/" (id) } { (text(&check.body["name"])) } }
                    td { (text(&check.body["output"]["title"])) }
                }
            }
        }
        h2 id="files" { "Files changed" }
        (shown(&diff))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn verdict(check: &Check) -> &str {
    check.body["conclusion"].as_str().or(check.body["status"].as_str()).unwrap_or("queued")
}

/// A check run: what it says, where, and what can be pressed.
fn run(github: &GitHub, name: &str, id: &str) -> Option<Markup> {
    let repo = github.repo(name);
    let check = repo.checks.get(&id.parse().ok()?)?;
    let body = &check.body;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let annotations = list(&body["output"]["annotations"]);
    let actions = list(&body["actions"]);
    Some(layout(
        text(&body["name"]),
        &html! {
            p { a href={ "/" (name) } { (name) } " · " a href={ "/" (name) "/commit/" (check.sha) } { (check.sha.get(..7).unwrap_or_default()) } }
            h1 { (text(&body["name"])) " " (pill(verdict(check))) }
            h2 { (text(&body["output"]["title"])) }
            (markdown(text(&body["output"]["summary"])))
            (markdown(text(&body["output"]["text"])))
            @if !annotations.is_empty() {
                h2 { "Annotations" }
                table {
                    @for note in &annotations {
                        tr {
                            td { (text(&note["annotation_level"])) }
                            td { code { (text(&note["path"])) ":" (note["start_line"]) } }
                            td { b { (text(&note["title"])) } " " (text(&note["message"])) }
                        }
                    }
                }
            }
            @if !actions.is_empty() {
                h2 { "Buttons" }
                ul { @for action in &actions { li { b { (text(&action["label"])) } ": " (text(&action["description"])) } } }
            }
            @if let Some(url) = body["details_url"].as_str() { p { a href=(url) { "Details" } } }
        },
    ))
}

async fn commit(github: &GitHub, name: &str, sha: &str) -> Option<Markup> {
    let plain = sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let dir = github.git_dir(name);
    let about = git::said(&dir, &["show", "-s", "--format=%an%n%B", sha]).await.ok().filter(|_| plain)?;
    let diff = git::said(&dir, &["show", "-m", "--first-parent", "--format=", sha]).await.unwrap_or_default();
    let (author, message) = about.split_once('\n')?;
    let verified = github.repo(name).verified.contains(sha);
    Some(layout(
        sha,
        &html! {
            p { a href={ "/" (name) } { (name) } }
            h1 { "Commit " code { (sha.get(..7).unwrap_or_default()) } }
            p { b { (author) } " " @if verified { span.pill.success { "Verified" } } @else { span.pill.draft { "Unverified" } } }
            pre { (message) }
            (shown(&diff))
        },
    ))
}

/// A diff with its added and its removed lines told apart.
fn shown(diff: &str) -> Markup {
    let class = |line: &str| match line.as_bytes() {
        [b'd', b'i', b'f', b'f', ..] => "file",
        [b'@', ..] => "hunk",
        [b'+', ..] => "add",
        [b'-', ..] => "del",
        _ => "",
    };
    html! { pre { @for line in diff.lines() { span class=(class(line)) { (line) } "\n" } } }
}

fn emoji(reaction: &str) -> &'static str {
    match reaction {
        "eyes" => "👀",
        "rocket" => "🚀",
        "confused" => "😕",
        "+1" => "👍",
        "-1" => "👎",
        _ => "?",
    }
}

/// GitHub's page for a new App, to which a browser sends a manifest: here it
/// is created at once, and the browser led back with a code.
pub(super) fn create_app(github: &GitHub, path: &str, query: &str, body: &[u8]) -> Response<Body> {
    if !path.ends_with("/settings/apps/new") {
        return (StatusCode::NOT_FOUND, "Not Found").into_response();
    }
    let field = |form: &str, key: &str| {
        let value = form.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
        Some(super::api::unescape(&value.replace('+', " ")))
    };
    let manifest = field(&String::from_utf8_lossy(body), "manifest").unwrap_or_default();
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
    let (Some(back), true) = (manifest["redirect_url"].as_str(), manifest["url"].is_string()) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "Invalid GitHub App configuration").into_response();
    };
    let code = github.created_app(manifest.clone());
    let state = query.split('&').find_map(|pair| pair.strip_prefix("state="));
    let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
    let mark = if back.contains('?') { '&' } else { '?' };
    let there = format!("{back}{mark}code={code}{state}");
    (StatusCode::FOUND, [(axum::http::header::LOCATION, there)]).into_response()
}
