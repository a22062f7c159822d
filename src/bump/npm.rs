//! The real npm in the work container: lockfile, then a check by `npm ci`.

use std::time::Duration;

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;
use serde_json::Value;

use super::{Plan, edit_failed};
use crate::exec::{Command, Exec, Exit, run_recorded};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;

const RELOCK_TIMEOUT: Duration = Duration::from_secs(180);
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);
const LOCKFILE_CAP: usize = 16 * 1024 * 1024;
/// Bytes of npm's own words in a failure.
const SAID: usize = 600;

/// Writes the manifest, lets npm write the lockfile, and checks both.
///
/// # Errors
/// npm cannot resolve, fetch or install, or wrote something else.
pub async fn apply(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<(), Failure> {
    if let Some(pinned) = &plan.pinned {
        exec.write("package.json", pinned).await?;
        relock(exec, plan, recorder).await?;
    }
    exec.write("package.json", &plan.manifest).await?;
    relock(exec, plan, recorder).await?;
    check_lockfile(exec, plan).await?;
    let install = Command::new(["npm", "ci", "--ignore-scripts"]).timeout(INSTALL_TIMEOUT);
    run(exec, install, recorder).await
}

async fn relock(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<(), Failure> {
    let mut words = vec!["npm", "install", "--package-lock-only", "--ignore-scripts"];
    if plan.without_addresses {
        words.push("--omit-lockfile-registry-resolved");
    }
    run(exec, Command::new(words).timeout(RELOCK_TIMEOUT), recorder).await
}

async fn run(exec: &dyn Exec, command: Command, recorder: &Recorder) -> Result<(), Failure> {
    let output = run_recorded(exec, "work", command, recorder).await?;
    if output.success() {
        return Ok(());
    }
    let said = text::plain(&output.stderr_text());
    if output.exit == Exit::TimedOut {
        return Err(Failure::transient(Outcome::FetchFailed, "finish npm's work in time"));
    }
    Err(classify(&said))
}

/// npm says what went wrong as `npm error code X`; older ones `npm ERR!`.
fn classify(said: &str) -> Failure {
    let code = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("npm error code ").or_else(|| line.strip_prefix("npm ERR! code "))
        })
        .next()
        .unwrap_or_default()
        .trim();
    let words = text::head(said.trim(), SAID);
    match code {
        "ERESOLVE" => Failure::user(
            Outcome::BlockedByParent,
            format!("resolve the dependencies: another one does not allow this version\n{words}"),
        ),
        "ETARGET" | "E404" | "ENOVERSIONS" => {
            Failure::user(Outcome::NoSafeVersion, format!("resolve the dependencies\n{words}"))
        }
        "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "ENOTFOUND" | "EAI_AGAIN" | "E502" | "E503"
        | "E504" | "E429" | "ERR_SOCKET_TIMEOUT" => {
            Failure::transient(Outcome::FetchFailed, "fetch packages through the gateway")
                .because(anyhow::anyhow!(words))
        }
        "EINTEGRITY" => Failure::user(Outcome::FetchFailed, format!("trust a fetched package\n{words}")),
        _ => edit_failed(format!("write the lockfile with npm\n{words}")),
    }
}

async fn check_lockfile(exec: &dyn Exec, plan: &Plan) -> Result<(), Failure> {
    let missing = || edit_failed("find the lockfile that npm should have written");
    let bytes = exec.read("package-lock.json", LOCKFILE_CAP).await?.ok_or_else(missing)?;
    let lockfile: Value =
        serde_json::from_slice(&bytes).map_err(|error| edit_failed("read npm's lockfile").because(error))?;
    let package = &plan.resolved.package;
    match locked_version(&lockfile, package) {
        Some(version) if version.to_string() == plan.resolved.to => {}
        other => {
            let found = other.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
            return Err(edit_failed(format!("lock {package} to {}: npm chose {found}", plan.resolved.to)));
        }
    }
    if addresses(&lockfile).any(|address| address.contains("//127.0.0.1")) {
        return Err(Failure::bug("keep the gateway's address out of the lockfile"));
    }
    Ok(())
}

/// The version of a direct dependency, in any of npm's three formats.
pub(super) fn locked_version(lockfile: &Value, package: &str) -> Option<Version> {
    let of = |section: &str, key: &str| lockfile.get(section)?.get(key)?.get("version")?.as_str();
    let version =
        of("packages", &format!("node_modules/{package}")).or_else(|| of("dependencies", package))?;
    parse_npm_version(version).ok()
}

/// Does the lockfile say where packages come from?
pub(super) fn has_addresses(lockfile: &Value) -> bool {
    addresses(lockfile).next().is_some()
}

fn addresses(lockfile: &Value) -> impl Iterator<Item = &str> {
    ["packages", "dependencies"]
        .into_iter()
        .filter_map(|section| lockfile.get(section)?.as_object())
        .flat_map(serde_json::Map::values)
        .filter_map(|entry| entry.get("resolved")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn npms_codes_become_outcomes() {
        for (said, outcome) in [
            ("npm error code ERESOLVE\nnpm error x", Outcome::BlockedByParent),
            ("npm ERR! code ETARGET", Outcome::NoSafeVersion),
            ("npm error code E503", Outcome::FetchFailed),
            ("npm error code EUSAGE", Outcome::EditFailed),
            ("something else", Outcome::EditFailed),
        ] {
            assert_eq!(classify(said).outcome(), outcome, "{said}");
        }
    }

    #[test]
    fn the_locked_version_is_found_in_every_format() {
        let old =
            json!({ "dependencies": { "@s/a": { "version": "1.2.3", "resolved": "https://r/x.tgz" } } });
        let new = json!({ "packages": { "node_modules/@s/a": { "version": "1.2.3" }, "node_modules/b/node_modules/@s/a": { "version": "9.9.9" } } });
        for lockfile in [&old, &new] {
            assert_eq!(locked_version(lockfile, "@s/a").unwrap().to_string(), "1.2.3");
        }
        assert!(has_addresses(&old) && !has_addresses(&new));
    }
}
