//! Branches: read, made, moved. A branch that is not forced only goes
//! forward.

use serde_json::{Value, json};

use super::api::{Answer, Call, not_found, refused, unescape};
use super::{GitHub, data, git, rules};

fn ref_json(github: &GitHub, repo: &str, name: &str, sha: &str) -> Value {
    json!({
        "ref": name, "node_id": format!("REF_{sha}"), "url": format!("{}/repos/{repo}/git/{name}", github.api_url()),
        "object": { "type": "commit", "sha": sha, "url": format!("{}/repos/{repo}/git/commits/{sha}", github.api_url()) },
    })
}

/// Routes of refs and branches.
pub(super) async fn answer(github: &GitHub, call: &Call<'_>, repo: &str, rest: &[&str]) -> Option<Answer> {
    let dir = github.git_dir(repo);
    match (call.method, rest) {
        ("GET", ["branches", name @ ..]) => {
            let name = unescape(&name.join("/"));
            Some(match git::commit_of(&dir, &name).await {
                Some(sha) => {
                    let (_, commit) = data::commit(github, repo, &sha).await;
                    (200, json!({ "name": name, "commit": commit, "protected": false }))
                }
                None => (404, json!({ "message": "Branch not found", "status": "404" })),
            })
        }
        ("GET", ["git", "ref", "heads", name @ ..]) => {
            let name = unescape(&name.join("/"));
            let sha = git::commit_of(&dir, &name).await;
            Some(sha.map_or_else(not_found, |sha| {
                (200, ref_json(github, repo, &format!("refs/heads/{name}"), &sha))
            }))
        }
        ("GET", ["git", "matching-refs", "heads", name @ ..]) => {
            let start = unescape(&name.join("/"));
            let heads = git::heads(&dir).await.unwrap_or_default();
            let matching = heads.iter().filter(|(name, _)| name.starts_with(&start));
            Some((
                200,
                matching
                    .map(|(name, sha)| ref_json(github, repo, &format!("refs/heads/{name}"), sha))
                    .collect(),
            ))
        }
        ("POST", ["git", "refs"]) => Some(make(github, call, repo).await),
        ("PATCH", ["git", "refs", "heads", name @ ..]) => {
            Some(change(github, call, repo, &unescape(&name.join("/"))).await)
        }
        ("DELETE", ["git", "refs", "heads", name @ ..]) => {
            let name = unescape(&name.join("/"));
            Some(match git::commit_of(&dir, &name).await {
                Some(sha) => {
                    github.remember_head(repo, &name, &sha);
                    set(github, repo, &["-d", &format!("refs/heads/{name}")])
                        .await
                        .unwrap_or((204, Value::Null))
                }
                None => refused("Reference does not exist"),
            })
        }
        _ => None,
    }
}

/// `BASE...HEAD`, of which only the commit is told that both come from.
pub(super) async fn compare(github: &GitHub, repo: &str, heads: &str) -> Answer {
    let heads = unescape(heads);
    let Some((base, head)) = heads.split_once("...") else { return not_found() };
    match git::said(&github.git_dir(repo), &["merge-base", base, head]).await {
        Ok(sha) => {
            let (_, commit) = data::commit(github, repo, sha.trim()).await;
            (200, json!({ "status": "ahead", "merge_base_commit": commit, "commits": [], "files": [] }))
        }
        Err(_) => not_found(),
    }
}

/// `git update-ref`; the refusal when it fails.
async fn set(github: &GitHub, repo: &str, args: &[&str]) -> Option<Answer> {
    let args: Vec<&str> = [&["update-ref"], args].concat();
    let done = git::said(&github.git_dir(repo), &args).await;
    if let Err(error) = github.see_heads(repo).await.and(done) {
        return Some(refused(&format!("Reference update failed: {error:#}")));
    }
    None
}

async fn make(github: &GitHub, call: &Call<'_>, repo: &str) -> Answer {
    let (name, sha) = (call.text("ref"), call.text("sha"));
    let Some(branch) = name.strip_prefix("refs/heads/").filter(|branch| !branch.is_empty()) else {
        return refused("Reference name must start with 'refs/' and contain at least one slash.");
    };
    if git::said(&github.git_dir(repo), &["check-ref-format", &name]).await.is_err() {
        return refused(&format!("{name} is not a valid ref name."));
    }
    if !data::is_commit(github, repo, &sha).await {
        return refused("Object does not exist");
    }
    if git::commit_of(&github.git_dir(repo), branch).await.is_some() {
        return refused("Reference already exists");
    }
    if let Some(refusal) = rules::broken(github, repo, None, &sha).await {
        return refusal;
    }
    set(github, repo, &[&name, &sha]).await.unwrap_or_else(|| (201, ref_json(github, repo, &name, &sha)))
}

async fn change(github: &GitHub, call: &Call<'_>, repo: &str, branch: &str) -> Answer {
    let dir = github.git_dir(repo);
    let sha = call.text("sha");
    let Some(old) = git::commit_of(&dir, branch).await else { return refused("Reference does not exist") };
    if !data::is_commit(github, repo, &sha).await {
        return refused("Object does not exist");
    }
    let forward = git::said(&dir, &["merge-base", "--is-ancestor", &old, &sha]).await.is_ok();
    if !forward && call.body["force"] != true {
        return refused("Update is not a fast forward");
    }
    if let Some(refusal) = rules::broken(github, repo, Some(&old), &sha).await {
        return refusal;
    }
    let name = format!("refs/heads/{branch}");
    set(github, repo, &[&name, &sha, &old])
        .await
        .unwrap_or_else(|| (200, ref_json(github, repo, &name, &sha)))
}
