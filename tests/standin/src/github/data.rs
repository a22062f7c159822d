//! The Git Data API: blobs, trees and commits, written into the bare
//! repository by git itself, and what is read from there.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::{Answer, Call, forbidden, not_found, refused, token_may};
use super::state::{Pull, now};
use super::{BOT, BOT_ID, GitHub, git, rules};

/// The commit of a branch, or of a commit's own name.
pub(super) async fn resolve(github: &GitHub, repo: &str, name: &str) -> Option<String> {
    let dir = github.git_dir(repo);
    let name = super::api::unescape(name);
    for name in [format!("refs/heads/{}", name.trim_start_matches("heads/")), name.clone()] {
        let wanted = format!("{name}^{{commit}}");
        if let Ok(sha) = git::said(&dir, &["rev-parse", "--verify", "-q", "--end-of-options", &wanted]).await
        {
            return Some(sha);
        }
    }
    None
}

async fn is_kind(github: &GitHub, repo: &str, sha: &str, kind: &str) -> bool {
    let plain = sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain && git::said(&github.git_dir(repo), &["cat-file", "-t", sha]).await.is_ok_and(|found| found == kind)
}

pub(super) async fn is_commit(github: &GitHub, repo: &str, sha: &str) -> bool {
    is_kind(github, repo, sha, "commit").await
}

/// Does a commit's tree hold this text?
pub(super) async fn holds(dir: &Path, sha: &str, text: &str) -> bool {
    git::said(dir, &["grep", "-qF", "-e", text, sha]).await.is_ok()
}

/// The commits of `head` that `base` has not, the oldest first.
pub(super) async fn between(dir: &Path, base: &str, head: &str) -> Vec<String> {
    let range = format!("refs/heads/{base}..refs/heads/{head}");
    let listed = git::said(dir, &["rev-list", "--reverse", &range]).await.unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

/// Routes below `/repos/{owner}/{repo}/git`, without refs.
pub(super) async fn answer(
    github: &GitHub,
    call: &Call<'_>,
    repo: &str,
    (kind, rest): (&str, &[&str]),
) -> Option<Answer> {
    match (call.method, kind, rest) {
        ("POST", "blobs", []) => Some(blob(github, call, repo).await),
        ("POST", "trees", []) => Some(tree(github, call, repo).await),
        ("POST", "commits", []) => Some(make_commit(github, call, repo).await),
        ("GET", "commits", [sha]) => Some(match is_commit(github, repo, sha).await {
            true => (200, commit_json(github, repo, sha).await),
            false => not_found(),
        }),
        ("GET", "trees", [sha]) => Some(read_tree(github, call, repo, sha).await),
        ("GET", "blobs", [sha]) => Some(read_blob(github, repo, sha).await),
        _ => None,
    }
}

fn failed(error: &anyhow::Error) -> Answer {
    refused(&format!("{error:#}"))
}

async fn blob(github: &GitHub, call: &Call<'_>, repo: &str) -> Answer {
    let content = match call.body["encoding"].as_str() {
        Some("base64") => match STANDARD.decode(call.text("content").replace('\n', "")) {
            Ok(content) => content,
            Err(_malformed) => return refused("content is not valid Base64"),
        },
        None | Some("utf-8") => call.text("content").into_bytes(),
        Some(_) => return refused("encoding is not known"),
    };
    if let Some(secret) = rules::secret_in(github, repo, &content) {
        return secret;
    }
    match git::fed(&github.git_dir(repo), &["hash-object", "-w", "--stdin"], &content, &[]).await {
        Ok(sha) => {
            (201, json!({ "sha": sha, "url": format!("{}/repos/{repo}/git/blobs/{sha}", github.api_url()) }))
        }
        Err(error) => failed(&error),
    }
}

/// Entries on top of a base tree: a null sha takes a path away.
async fn tree(github: &GitHub, call: &Call<'_>, repo: &str) -> Answer {
    let dir = github.git_dir(repo);
    let entries = call.body["tree"].as_array().cloned().unwrap_or_default();
    let touches_workflows = entries
        .iter()
        .any(|entry| entry["path"].as_str().is_some_and(|path| path.starts_with(".github/workflows/")));
    if touches_workflows && !token_may(github, call.bearer, repo, "workflows", "write") {
        return forbidden();
    }
    let mut index = String::new();
    for entry in &entries {
        let path = entry["path"].as_str().unwrap_or_default();
        let mode = entry["mode"].as_str().unwrap_or_default();
        if path.is_empty()
            || path.starts_with('/')
            || path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git"))
        {
            return refused("tree.path contains a malformed path component");
        }
        if !["100644", "100755", "040000", "160000", "120000"].contains(&mode) {
            return refused("tree.mode is not a valid file mode");
        }
        let sha = match (entry.get("sha"), entry["content"].as_str()) {
            (Some(Value::Null), None) => {
                writeln!(index, "0 {}\t{path}", "0".repeat(40)).ok();
                continue;
            }
            (Some(Value::String(sha)), None) => sha.clone(),
            (None, Some(content)) => {
                if let Some(secret) = rules::secret_in(github, repo, content.as_bytes()) {
                    return secret;
                }
                match git::fed(&dir, &["hash-object", "-w", "--stdin"], content.as_bytes(), &[]).await {
                    Ok(sha) => sha,
                    Err(error) => return failed(&error),
                }
            }
            _ => return refused("Must supply either tree.sha or tree.content"),
        };
        let kind = if mode == "040000" { "tree" } else { "blob" };
        if mode != "160000" && !is_kind(github, repo, &sha, kind).await {
            return refused(&format!("tree.sha {sha} is not a valid {kind}"));
        }
        writeln!(index, "{mode} {sha}\t{path}").ok();
    }
    match write_tree(&dir, call.body["base_tree"].as_str(), &index).await {
        Ok(sha) => read_tree(github, call, repo, &sha)
            .await
            .1
            .as_object()
            .map_or_else(not_found, |tree| (201, tree.clone().into())),
        Err(error) => failed(&error),
    }
}

async fn write_tree(dir: &Path, base: Option<&str>, entries: &str) -> anyhow::Result<String> {
    let file = dir.join(format!("standin-index-{}", ulid::Ulid::new()));
    let settings = [("GIT_INDEX_FILE", file.to_str().unwrap_or_default())];
    let read = match base {
        Some(base) => git::fed(dir, &["read-tree", base], b"", &settings).await,
        None => git::fed(dir, &["read-tree", "--empty"], b"", &settings).await,
    };
    let written = match read {
        Ok(_) => git::fed(dir, &["update-index", "--index-info"], entries.as_bytes(), &settings).await,
        Err(error) => Err(error),
    };
    let tree = match written {
        Ok(_) => git::fed(dir, &["write-tree"], b"", &settings).await,
        Err(error) => Err(error),
    };
    std::fs::remove_file(&file).ok();
    tree
}

async fn read_tree(github: &GitHub, call: &Call<'_>, repo: &str, name: &str) -> Answer {
    let dir = github.git_dir(repo);
    let wanted = format!("{name}^{{tree}}");
    let Ok(sha) = git::said(&dir, &["rev-parse", "--verify", "-q", "--end-of-options", &wanted]).await else {
        return not_found();
    };
    let mut args = vec!["ls-tree", "-l"];
    if call.method == "GET" && call.parameter("recursive").is_some() {
        args.extend(["-r", "-t"]);
    }
    args.push(&sha);
    let listed = git::said(&dir, &args).await.unwrap_or_default();
    let entries: Vec<Value> = listed
        .lines()
        .filter_map(|line| {
            let (about, path) = line.split_once('\t')?;
            let about: Vec<&str> = about.split_whitespace().collect();
            let [mode, kind, sha, size] = about.as_slice() else { return None };
            Some(json!({ "path": path, "mode": mode, "type": kind, "sha": sha, "size": size.parse::<u64>().ok() }))
        })
        .collect();
    let url = format!("{}/repos/{repo}/git/trees/{sha}", github.api_url());
    (200, json!({ "sha": sha, "url": url, "tree": entries, "truncated": false }))
}

async fn read_blob(github: &GitHub, repo: &str, sha: &str) -> Answer {
    if !is_kind(github, repo, sha, "blob").await {
        return not_found();
    }
    let content = git::bytes(&github.git_dir(repo), &["cat-file", "blob", sha]).await.unwrap_or_default();
    (
        200,
        json!({ "sha": sha, "size": content.len(), "encoding": "base64", "content": STANDARD.encode(content) }),
    )
}

/// GitHub signs a commit for which neither author nor committer is given.
async fn make_commit(github: &GitHub, call: &Call<'_>, repo: &str) -> Answer {
    let dir = github.git_dir(repo);
    let tree = call.text("tree");
    if !is_kind(github, repo, &tree, "tree").await {
        return refused("Tree SHA does not exist");
    }
    let parents: Vec<String> = serde_json::from_value(call.body["parents"].clone()).unwrap_or_default();
    let mut args = vec!["commit-tree".to_owned(), tree];
    for parent in parents {
        if !is_commit(github, repo, &parent).await {
            return refused("Parent SHA does not exist or is not a commit object");
        }
        args.extend(["-p".to_owned(), parent]);
    }
    let bot = format!("{BOT_ID}+{BOT}@users.noreply.github.com");
    let person = |key: &str, field: &str, otherwise: &str| {
        call.body[key][field].as_str().unwrap_or(otherwise).to_owned()
    };
    let given = |key: &str| call.body.get(key).is_some_and(Value::is_object);
    let ours = !given("author") && !given("committer");
    let author = (person("author", "name", BOT), person("author", "email", &bot));
    let committer = if ours {
        ("GitHub".to_owned(), "noreply@github.com".to_owned())
    } else {
        (person("committer", "name", &author.0), person("committer", "email", &author.1))
    };
    let settings = [
        ("GIT_AUTHOR_NAME", author.0.as_str()),
        ("GIT_AUTHOR_EMAIL", &author.1),
        ("GIT_COMMITTER_NAME", &committer.0),
        ("GIT_COMMITTER_EMAIL", &committer.1),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let sha = match git::fed(&dir, &args, call.text("message").as_bytes(), &settings).await {
        Ok(sha) => sha,
        Err(error) => return failed(&error),
    };
    if ours && github.state().signs {
        github.verify(repo, &sha);
    }
    (201, commit_json(github, repo, &sha).await)
}

impl GitHub {
    /// GitHub takes this commit for signed from now on.
    pub fn verify(&self, repo: &str, sha: &str) {
        if let Some(repo) = self.state().repos.get_mut(repo) {
            repo.verified.insert(sha.to_owned());
        }
        let path = self.git_dir(repo).join("standin-verified");
        let mut known = std::fs::read_to_string(&path).unwrap_or_default();
        known.push_str(sha);
        known.push('\n');
        // Only the hook of pushes reads it.
        std::fs::write(&path, known).ok();
    }
}

/// A commit as the Git Data API shows it.
async fn commit_json(github: &GitHub, repo: &str, sha: &str) -> Value {
    let format = "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B";
    let shown = git::said(&github.git_dir(repo), &["show", "-s", format, sha]).await.unwrap_or_default();
    let parts: Vec<&str> = shown.split('\0').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let verified = github.repo(repo).verified.contains(sha);
    let parents: Vec<Value> = part(1).split_whitespace().map(|sha| json!({ "sha": sha })).collect();
    json!({
        "sha": sha, "node_id": format!("C_{sha}"), "message": part(8).trim_end(),
        "url": format!("{}/repos/{repo}/git/commits/{sha}", github.api_url()),
        "html_url": format!("{}/{repo}/commit/{sha}", github.web_url()),
        "tree": { "sha": part(0) }, "parents": parents,
        "author": { "name": part(2), "email": part(3), "date": part(4) },
        "committer": { "name": part(5), "email": part(6), "date": part(7) },
        "verification": {
            "verified": verified, "reason": if verified { "valid" } else { "unsigned" },
            "signature": verified.then_some("-----BEGIN PGP SIGNATURE-----"), "payload": null,
            "verified_at": verified.then(now),
        },
    })
}

/// A commit as lists of commits show it: with the accounts behind the names.
async fn listed(github: &GitHub, repo: &str, sha: &str) -> Value {
    let commit = commit_json(github, repo, sha).await;
    let login = commit["author"]["name"].as_str().unwrap_or_default().to_owned();
    json!({
        "sha": sha, "commit": commit, "author": github.account(&login), "committer": github.account("web-flow"),
        "parents": commit["parents"], "html_url": commit["html_url"],
    })
}

/// `GET /repos/{owner}/{repo}/commits/{ref}`.
pub(super) async fn commit(github: &GitHub, repo: &str, name: &str) -> Answer {
    match resolve(github, repo, name).await {
        Some(sha) => (200, listed(github, repo, &sha).await),
        None => refused(&format!("No commit found for SHA: {name}")),
    }
}

/// The commits of a pull request, the oldest first.
pub(super) async fn commits(github: &GitHub, repo: &str, pull: &Pull) -> Answer {
    let mut all = Vec::new();
    for sha in between(&github.git_dir(repo), &pull.base, &pull.head).await {
        all.push(listed(github, repo, &sha).await);
    }
    (200, Value::Array(all))
}

/// The files of a pull request.
pub(super) async fn files(github: &GitHub, repo: &str, pull: &Pull) -> Answer {
    let range = format!("refs/heads/{}...refs/heads/{}", pull.base, pull.head);
    let listed = git::said(&github.git_dir(repo), &["diff", "--name-status", "--no-renames", &range])
        .await
        .unwrap_or_default();
    let files = listed.lines().filter_map(|line| line.split_once('\t')).map(|(status, path)| {
        let status = match status {
            "A" => "added",
            "D" => "removed",
            _ => "modified",
        };
        json!({ "filename": path, "status": status })
    });
    (200, files.collect())
}
