//! Verification: what the repository's own checks say, before and after.
//!
//! Nothing here trusts a word of the agent's. Checks run in a fresh container
//! on the exported tree; an exit code decides, and what a runner reports only
//! says more about it. A run in which nothing was checked is never a pass.

mod cache;
/// What a failing log says, in a few lines.
pub mod digest;
mod maven;
mod node;
mod parts;
mod plan;
mod report;
mod rerun;
mod run;
mod settle;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::evidence::CheckResult;
use crate::exec::Exec;
use crate::failure::Failure;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::record::Recorder;

pub use cache::{Baselines, Kept, Key};
pub use plan::{CheckKind, Declared, Plan, Told};
pub use rerun::rerun;
pub use settle::settle;
pub use verdict::{Baseline, attest, baseline, compare, digest, headline, summary};

use run::Runs;

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
    /// The `package.json` of every directory below, by directory.
    pub members: BTreeMap<String, Vec<u8>>,
    /// `pnpm-workspace.yaml`.
    pub workspace: Option<Vec<u8>>,
    /// All paths of the project, relative to its root.
    pub paths: Vec<String>,
    /// What installs the dependencies and runs the scripts.
    pub manager: Manager,
    /// Where the project lies in the tree; empty for the tree's own root.
    pub root: String,
    /// What the repository says itself about its checks.
    pub declared: Declared,
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
    let detected = node::detect::checks(files);
    let checks = files.declared.over(detected, |words| node::detect::declared(words, files));
    if checks.is_empty() {
        return Err(Failure::user(
            Outcome::NothingToVerify,
            if files.declared.is_off() {
                "verify: every check is off in .github/agent.yml"
            } else {
                "find a build, typecheck, lint or test script in package.json"
            },
        ));
    }
    Ok(Plan { checks, maven: None, manager: files.manager.clone(), root: files.root.clone() })
}

/// Finds the build of a Maven repository. A repository that also has a
/// `package.json` is verified by the ecosystem of the change: no image holds
/// both runtimes.
///
/// # Errors
/// There is no pom at the root, or every check is off.
pub fn plan_maven(files: &Files) -> Result<Plan, Failure> {
    if files.declared.is_off() {
        return Err(Failure::user(
            Outcome::NothingToVerify,
            "verify: every check is off in .github/agent.yml",
        ));
    }
    let maven = Some(maven::Build::find(files)?);
    let checks = files.declared.over(Vec::new(), maven::declared);
    Ok(Plan { checks, maven, manager: Manager::default(), root: files.root.clone() })
}

/// Installs exactly what the lockfile says, without running anything of it.
///
/// # Errors
/// The container or the log fails.
pub async fn install(exec: &dyn Exec, plan: &Plan, recorder: &Recorder) -> Result<Installed, Failure> {
    if let Some(maven) = &plan.maven {
        return maven.install(exec, &plan.checks, recorder).await;
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
    let runs = Runs { exec, recorder, plan };
    if let Some(maven) = &plan.maven {
        return maven.check(&runs).await;
    }
    let mut results = Vec::new();
    for check in &plan.checks {
        results.push(runs.check(check).await?);
    }
    Ok(results)
}
