//! Pages for a person who follows the demo's links.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{GitHub, Issue, Repo, git};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1.5rem;color:#1f2328}
a{color:#0969da}table{border-collapse:collapse}td,th{border:1px solid #d1d9e0;padding:.3rem .6rem;text-align:left}
pre,.box{background:#f6f8fa;border:1px solid #d1d9e0;border-radius:6px;padding:.8rem;overflow-x:auto}
.note{background:#fff8c5;border:1px solid #d4a72c;border-radius:6px;padding:.5rem .8rem}.label{border:1px solid #888;border-radius:1rem;padding:0 .6rem;font-size:.85rem}
.good{color:#1a7f37;font-weight:600}blockquote{border-left:4px solid #d1d9e0;margin:0;padding-left:1rem}";

fn layout(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } style { (PreEscaped(STYLE)) } }
            body { p.note { "A stand-in for GitHub, on this machine." } (body) }
        }
    }
}

pub(super) async fn page(github: &GitHub, path: &str) -> Response<Body> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let markup = match parts.as_slice() {
        [""] => Some(index(github)),
        [owner, name] => Some(repository(github, &format!("{owner}/{name}"))),
        [owner, name, "pull" | "issues", number] => issue(github, &format!("{owner}/{name}"), number).await,
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
    layout(
        name,
        &html! {
            h1 { (name) }
            ul {
                @for (number, issue) in &repo.issues {
                    li { a href={ "/" (name) "/" (kind(issue)) "/" (number) } { "#" (number) " " (issue.title) } }
                }
            }
        },
    )
}

fn kind(issue: &Issue) -> &'static str {
    if issue.pull.is_some() { "pull" } else { "issues" }
}

async fn issue(github: &GitHub, name: &str, number: &str) -> Option<Markup> {
    let repo = github.repo(name);
    let issue = repo.issues.get(&number.parse().ok()?)?;
    let change = match &issue.pull {
        Some(pull) => change(github, name, &repo, (&pull.base, &pull.head)).await,
        None => html! {},
    };
    Some(layout(
        &issue.title,
        &html! {
            p { a href={ "/" (name) } { (name) } }
            h1 { (issue.title) " #" (number) }
            p {
                @for label in &issue.labels { span.label { (label) } " " }
                @for reaction in issue.reactions.values() { (emoji(reaction)) " " }
            }
            div.box { (markdown(&issue.body)) }
            @for comment in issue.comments.values() { h3 { (comment.author) } div.box { (markdown(comment)) } }
            (change)
        },
    ))
}

async fn change(github: &GitHub, name: &str, repo: &Repo, (base, head): (&str, &str)) -> Markup {
    let dir = github.git_dir(name);
    let sha = git::commit_of(&dir, head).await.unwrap_or_default();
    let diff = git::diff(&dir, base, head).await;
    html! {
        h2 { "Checks on " code { (head) } }
        table {
            @for check in repo.checks.values().filter(|check| check.sha == sha) {
                tr {
                    td { (check.body["name"].as_str().unwrap_or_default()) }
                    td.good { (check.body["conclusion"].as_str().unwrap_or_default()) }
                    td { (check.body["output"]["title"].as_str().unwrap_or_default()) }
                }
            }
        }
        h2 { "Change" }
        pre { (diff) }
    }
}

fn emoji(reaction: &str) -> &'static str {
    match reaction {
        "eyes" => "👀",
        "rocket" => "🚀",
        "confused" => "😕",
        _ => "?",
    }
}

/// As much of Markdown as the App writes.
fn markdown(text: &str) -> Markup {
    let mut out = String::new();
    let (mut table, mut code) = (false, false);
    for line in text.lines().filter(|line| !line.starts_with("<!--")) {
        if line == "```" {
            code = !code;
            out.push_str(if code { "<pre>" } else { "</pre>" });
            continue;
        }
        let row = line.starts_with('|') && !code;
        if row != table {
            out.push_str(if row { "<table>" } else { "</table>" });
            table = row;
        }
        out.push_str(&block(line, row, code));
    }
    if table {
        out.push_str("</table>");
    }
    html! { (PreEscaped(out)) }
}

fn block(line: &str, row: bool, code: bool) -> String {
    if row && line.contains("---") {
        return String::new();
    }
    if row {
        let cells: Vec<String> = line
            .trim_matches('|')
            .replace("\\|", "¦")
            .split('|')
            .map(|cell| format!("<td>{}</td>", inline(cell.trim())))
            .collect();
        return format!("<tr>{}</tr>", cells.concat());
    }
    if code {
        return format!("{}\n", escape(line));
    }
    for (mark, tag) in [("### ", "h3"), ("## ", "h2"), ("> ", "blockquote"), ("- ", "li")] {
        if let Some(rest) = line.strip_prefix(mark) {
            return format!("<{tag}>{}</{tag}>", inline(rest));
        }
    }
    if line == "---" { "<hr>".to_owned() } else { format!("<p>{}</p>", inline(line)) }
}

fn escape(text: &str) -> String {
    html! { (text) }.into_string()
}

/// Code, bold and links.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in escape(&text.replace("&lt;", "<")).split('`').enumerate() {
        out.push_str(&if index % 2 == 1 { format!("<code>{part}</code>") } else { links(part) });
    }
    let mut bold = String::new();
    for (index, part) in out.split("**").enumerate() {
        bold.push_str(&if index % 2 == 1 { format!("<b>{part}</b>") } else { part.to_owned() });
    }
    bold
}

fn links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](http") {
        let Some((lead, label)) = before.rsplit_once('[') else { break };
        let Some((url, tail)) = after.split_once(')') else { break };
        out.push_str(&format!("{lead}<a href=\"http{url}\">{label}</a>"));
        rest = tail;
    }
    out + rest
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
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
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
