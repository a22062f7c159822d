//! Verification: what the repository's own checks say, before and after.
//!
//! Nothing here trusts a word of the agent's. Checks run in a fresh container
//! on the exported tree; an exit code decides, and what a runner prints only
//! says more about it. A run in which nothing was checked is never a pass.

mod cache;
/// What a failing log says, in a few lines.
pub mod digest;
mod maven;
mod node;
mod parts;
mod report;
mod rerun;
mod settle;
mod verdict;

use std::time::Duration;

use serde_json::Value;

use crate::evidence::CheckResult;
use crate::exec::{Command, Exec, Exit, Output, run_recorded};
use crate::failure::Failure;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::record::Recorder;
use crate::text;

pub use cache::{Baselines, Kept, Key};
pub use rerun::rerun;
pub use settle::settle;
pub use verdict::{Baseline, attest, baseline, compare, digest, headline, summary};

const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);
const CHECK_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes of output that the parsers see.
const OUTPUT_CAP: usize = 2 * 1024 * 1024;
/// Bytes of the package manager's words about a failed installation.
const SAID: usize = 1200;

/// What tells which checks a repository defines.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// `package.json`.
    pub manifest: Option<Vec<u8>>,
    /// All paths of the tree.
    pub paths: Vec<String>,
    /// What installs the dependencies and runs the scripts.
    pub manager: Manager,
}

/// The checks to run, fixed from the untouched base: a change cannot choose
/// what it is checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    checks: Vec<Check>,
    /// Instead of checks one by one: a Maven build, which is all of them.
    maven: Option<maven::Build>,
    manager: Manager,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    /// `build`, `typecheck`, `lint` or `test`.
    name: &'static str,
    argv: Vec<String>,
}

/// Whether the dependencies could be installed from the lockfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    Ok,
    /// With what the package manager said.
    Failed(String),
}

/// Finds the repository's checks by its files.
///
/// # Errors
/// There is none.
pub fn plan(files: &Files) -> Result<Plan, Failure> {
    let manifest: Value =
        files.manifest.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    let checks: Vec<Check> = [
        script(&manifest, "build", &["build"], files),
        script(&manifest, "typecheck", &["typecheck", "type-check", "check-types"], files)
            .or_else(|| compiler(&manifest, files)),
        script(&manifest, "lint", &["lint"], files),
        script(&manifest, "test", &["test"], files),
    ]
    .into_iter()
    .flatten()
    .collect();
    if checks.is_empty() {
        return Err(Failure::user(
            Outcome::NothingToVerify,
            "find a build, typecheck, lint or test script in package.json",
        ));
    }
    Ok(Plan { checks, maven: None, manager: files.manager.clone() })
}

/// Finds the build of a Maven repository. A repository that also has a
/// `package.json` is verified by the ecosystem of the change: no image holds
/// both runtimes.
///
/// # Errors
/// There is no pom at the root.
pub fn plan_maven(files: &Files) -> Result<Plan, Failure> {
    let maven = Some(maven::Build::find(files)?);
    Ok(Plan { checks: Vec::new(), maven, manager: Manager::default() })
}

/// The first of `names` that is a script. npm's own placeholder is none.
fn script(manifest: &Value, check: &'static str, names: &[&str], files: &Files) -> Option<Check> {
    let scripts = manifest.get("scripts")?;
    let name = names.iter().find(|name| {
        let body = scripts.get(**name).and_then(Value::as_str).unwrap_or_default();
        !body.trim().is_empty() && !body.contains("no test specified")
    })?;
    Some(Check { name: check, argv: files.manager.run(name) })
}

/// TypeScript without a script for it.
fn compiler(manifest: &Value, files: &Files) -> Option<Check> {
    let declared = ["dependencies", "devDependencies"]
        .iter()
        .any(|section| manifest.get(section).and_then(|section| section.get("typescript")).is_some());
    let configured = files.paths.iter().any(|path| path == "tsconfig.json");
    (declared && configured)
        .then(|| Check { name: "typecheck", argv: files.manager.start(&["tsc", "--noEmit"]) })
}

/// Installs exactly what the lockfile says, without running anything of it.
///
/// # Errors
/// The container or the log fails.
pub async fn install(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<Installed, Failure> {
    if let Some(maven) = &plan.maven {
        return maven.install(exec, recorder).await;
    }
    node::install(node::hand(exec, &plan.manager, recorder)).await
}

/// Runs the install scripts of the dependencies, if there are any, with the
/// door closed: they are code.
///
/// # Errors
/// The container or the log fails. A script that fails shows in the checks.
pub async fn rebuild(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<(), Failure> {
    if plan.maven.is_some() {
        return Ok(());
    }
    node::rebuild(node::hand(exec, &plan.manager, recorder)).await
}

/// Runs every check of the plan, whatever the ones before it said.
///
/// # Errors
/// The container or the log fails.
pub async fn check(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<Vec<CheckResult>, Failure> {
    if let Some(maven) = &plan.maven {
        return maven.check(exec, recorder).await;
    }
    let mut results = Vec::new();
    for check in &plan.checks {
        let command = Command::new(check.argv.clone()).timeout(CHECK_TIMEOUT);
        let mut command = node::hand(exec, &plan.manager, recorder).with_settings(command);
        command.output_cap = OUTPUT_CAP;
        let output = run_recorded(exec, "verify", command, recorder).await?;
        results.push(result(check, &output));
    }
    Ok(results)
}

fn result(check: &Check, output: &Output) -> CheckResult {
    let said = text::plain(&format!("{}\n{}", output.stdout_text(), output.stderr_text()));
    let tests = if check.name == "test" { report::read(&said) } else { report::Tests::default() };
    let passed = output.success();
    CheckResult {
        check: check.name.to_owned(),
        command: check.argv.join(" "),
        passed,
        tests_passed: tests.passed,
        failing: if passed { Vec::new() } else { tests.failing },
        digest: if passed { String::new() } else { failure_digest(output.exit, &said) },
        duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
        ..CheckResult::default()
    }
}

fn failure_digest(exit: Exit, said: &str) -> String {
    let summary = digest::summarize(digest::Tool::Npm, said);
    format!("{}\n{}", exit.describe(), summary.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(manifest: Value, paths: &[&str]) -> Vec<String> {
        let files = Files {
            manifest: Some(manifest.to_string().into_bytes()),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            manager: Manager::default(),
        };
        plan(&files)
            .map(|plan| plan.checks.iter().map(|check| check.argv.join(" ")).collect())
            .unwrap_or_default()
    }

    #[test]
    fn checks_are_found_by_the_scripts() {
        let manifest =
            json!({ "scripts": { "test": "jest", "lint": "eslint .", "build": "tsc", "type-check": "tsc" } });
        assert_eq!(
            names(manifest, &[]),
            ["npm run build", "npm run type-check", "npm run lint", "npm run test"]
        );
    }

    #[test]
    fn typescript_is_checked_even_without_a_script() {
        let manifest = json!({ "devDependencies": { "typescript": "5" } });
        assert_eq!(names(manifest.clone(), &["tsconfig.json"]), ["npx --no-install tsc --noEmit"]);
        assert!(names(manifest, &[]).is_empty());
    }

    #[test]
    fn npms_placeholder_is_not_a_test() {
        let manifest = json!({ "scripts": { "test": "echo \"Error: no test specified\" && exit 1" } });
        assert!(names(manifest, &[]).is_empty());
    }
}
