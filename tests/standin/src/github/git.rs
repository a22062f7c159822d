//! Real git: bare repositories, and smart HTTP by git's own CGI program.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::rules;

fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "octocat"), ("GIT_AUTHOR_EMAIL", "octocat@localhost")])
        .envs([("GIT_COMMITTER_NAME", "octocat"), ("GIT_COMMITTER_EMAIL", "octocat@localhost")])
        .stdin(Stdio::null());
    command
}

async fn run(dir: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = git(dir).args(args).output().await.context("could not start git")?;
    ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What git prints when it is given `input`, with further settings of its
/// environment.
pub(super) async fn fed(
    dir: &Path,
    args: &[&str],
    input: &[u8],
    settings: &[(&str, &str)],
) -> anyhow::Result<String> {
    let mut child = git(dir)
        .args(args)
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("could not start git")?;
    let mut stdin = child.stdin.take().context("git has an input")?;
    let feed = async move {
        // git need not read all of it.
        stdin.write_all(input).await.ok();
        stdin.shutdown().await.ok();
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// What git prints, byte by byte.
pub(super) async fn bytes(dir: &Path, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    Ok(git(dir).args(args).output().await.context("could not start git")?.stdout)
}

/// What git prints.
pub(super) async fn said(dir: &Path, args: &[&str]) -> anyhow::Result<String> {
    fed(dir, args, b"", &[]).await
}

/// A work tree with `files` and one commit on `main`.
///
/// # Errors
/// git fails.
pub(crate) async fn checkout(dir: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (path, content) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        std::fs::write(path, content)?;
    }
    run(dir, &["init", "-q", "-b", "main"]).await?;
    run(dir, &["add", "-A", "-f"]).await?;
    run(dir, &["commit", "-q", "-m", "Start"]).await?;
    Ok(())
}

pub(super) async fn create(bare: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    let work = bare.with_extension("work");
    checkout(&work, files).await?;
    std::fs::create_dir_all(bare.parent().context("a repository has a directory")?)?;
    run(&work, &["clone", "-q", "--bare", ".", &bare.display().to_string()]).await?;
    std::fs::remove_dir_all(work)?;
    run(bare, &["config", "http.receivepack", "true"]).await?;
    // GitHub serves any reachable commit by its id.
    run(bare, &["config", "uploadpack.allowReachableSHA1InWant", "true"]).await?;
    rules::write(bare, &[])
}

pub(super) async fn branches(bare: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let format = "--format=%(refname:short) %(tree)";
    let listed = run(bare, &["for-each-ref", format, "refs/heads"]).await?;
    Ok(listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect())
}

/// Branches with their commits.
pub(super) async fn heads(bare: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let format = "--format=%(refname:lstrip=2) %(objectname)";
    let listed = run(bare, &["for-each-ref", format, "refs/heads"]).await?;
    Ok(listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect())
}

/// The commit of a branch, for callers that cannot wait.
#[expect(clippy::disallowed_methods, reason = "it is git that is asked, not code of a repository")]
pub(super) fn head(bare: &Path, branch: &str) -> Option<String> {
    let name = format!("refs/heads/{branch}");
    let output = std::process::Command::new("git")
        .current_dir(bare)
        .args(["rev-parse", "--verify", "-q", &name])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (id.len() == 40).then_some(id)
}

/// The commit of a branch.
pub(super) async fn commit_of(bare: &Path, branch: &str) -> Option<String> {
    let name = format!("refs/heads/{branch}");
    run(bare, &["rev-parse", "--verify", "-q", &name]).await.ok().map(|id| id.trim().to_owned())
}

pub(super) async fn file(bare: &Path, branch: &str, path: &str) -> anyhow::Result<Option<String>> {
    Ok(run(bare, &["show", &format!("refs/heads/{branch}:{path}")]).await.ok())
}

/// One request of a git client, by `git http-backend`.
pub(super) async fn http(
    root: &Path,
    path: &str,
    method: &str,
    query: &str,
    (headers, body, workflows): (&HeaderMap, Vec<u8>, bool),
) -> anyhow::Result<Response<Body>> {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut child = git(root)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("REQUEST_METHOD", method)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "x-access-token")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env(rules::MAY_WORKFLOWS, if workflows { "yes" } else { "" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("could not start git http-backend")?;
    let mut stdin = child.stdin.take().context("git http-backend has an input")?;
    let feed = async move {
        // git need not read all of it.
        stdin.write_all(&body).await.ok();
        stdin.shutdown().await.ok();
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let repository =
        root.join(path.trim_start_matches('/').split(".git/").next().unwrap_or_default().to_owned() + ".git");
    answer(&rules::reasoned(&repository, output?.stdout))
}

/// CGI: headers, an empty line, the body.
fn answer(output: &[u8]) -> anyhow::Result<Response<Body>> {
    let end =
        output.windows(4).position(|four| four == b"\r\n\r\n").context("git http-backend said nothing")?;
    let (head, body) = output.split_at(end);
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(head).lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => {
                let code = status.split(' ').next().unwrap_or_default().parse::<u16>()?;
                response = response.status(StatusCode::from_u16(code)?);
            }
            Some((name, value)) => response = response.header(name, value),
            None => {}
        }
    }
    Ok(response.body(Body::from(body.get(4..).unwrap_or_default().to_vec()))?)
}
