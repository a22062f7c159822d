//! The private git directory: what the tree was, out of the tree's reach.
//!
//! It lies outside the work tree and belongs to the server's user, so that
//! neither repository code nor a `.git` in the tree can give it a
//! configuration, a hook or a filter. Every call has the same fixed
//! environment and flags; nothing that a model wrote becomes a flag.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::Command;
use toolbox::api::{CALL_SECONDS, GIT_DIR, TREE};

/// The base commit that every change is shown against.
const BASE: &str = "refs/chaperone/base";

const FIXED: &[&str] = &[
    "--no-pager",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "safe.bareRepository=explicit",
    "-c",
    "submodule.recurse=false",
    "-c",
    "diff.ignoreSubmodules=all",
    "-c",
    "gc.auto=0",
    "--literal-pathspecs",
];

fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_DIR", GIT_DIR)
        .env("GIT_WORK_TREE", TREE)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs([("GIT_AUTHOR_NAME", "toolbox"), ("GIT_AUTHOR_EMAIL", "toolbox@localhost")])
        .envs([("GIT_COMMITTER_NAME", "toolbox"), ("GIT_COMMITTER_EMAIL", "toolbox@localhost")])
        .args(FIXED)
        .args(args)
        .current_dir(TREE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn output(mut command: Command, seconds: u64) -> anyhow::Result<Vec<u8>> {
    let output = tokio::time::timeout(Duration::from_secs(seconds), command.output())
        .await
        .context("could not finish git in time")?
        .context("could not start git")?;
    if !output.status.success() {
        bail!("could not run git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Makes the private repository, with the tree as it is now as its base.
pub(crate) async fn remember() -> anyhow::Result<()> {
    output(command(["init", "-q"]), CALL_SECONDS).await?;
    let info = std::path::Path::new(GIT_DIR).join("info");
    std::fs::create_dir_all(&info)?;
    std::fs::write(info.join("exclude"), "node_modules/\n").context("could not write git's exclude file")?;
    // Every blob goes into one pack and stays uncompressed: many loose
    // objects are what makes a first `add` slow.
    let whole = ["-c", "core.bigFileThreshold=1", "-c", "core.compression=0"];
    let add = whole.into_iter().chain(["add", "-A", "-f", "--", "."]);
    output(command(add), 120).await?;
    output(command(["commit", "-q", "--allow-empty", "-m", "base"]), 60).await?;
    output(command(["update-ref", BASE, "HEAD"]), CALL_SECONDS).await?;
    Ok(())
}

/// Paths that differ from the base, or are new and not ignored, NUL ended.
pub(crate) async fn changed_paths() -> anyhow::Result<Vec<u8>> {
    let diff = ["diff-index", "--name-only", "--no-renames", "-z", BASE, "--"];
    let mut paths = output(command(diff), 60).await?;
    let others = ["ls-files", "--others", "--exclude-standard", "-z", "--", "."];
    paths.extend(output(command(others), 60).await?);
    Ok(paths)
}

/// The change against the base, as text.
pub(crate) async fn diff(path: &str) -> anyhow::Result<Vec<u8>> {
    let flags = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", BASE, "--", path];
    output(command(flags), CALL_SECONDS).await
}

pub(crate) async fn add(paths: &[String]) -> anyhow::Result<Vec<u8>> {
    let args = ["add", "-A", "--"].into_iter().map(str::to_owned).chain(paths.iter().cloned());
    output(command(args), CALL_SECONDS).await
}

pub(crate) async fn commit(message: &str) -> anyhow::Result<Vec<u8>> {
    output(
        command(["commit", "-q", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "-m", message]),
        CALL_SECONDS,
    )
    .await
}
