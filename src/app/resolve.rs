//! `chaperone plumbing resolve`: the plan for a checkout, without acting.
//!
//! Reads the files as they lie on the disk and asks the registries; no
//! container, no model, and nothing is written.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::registries;
use crate::bump::edit::Texts;
use crate::bump::{self, Ask, Repository, survey};
use crate::change::{Moved, Resolved, Step};
use crate::config::Config;
use crate::failure::Failure;

/// Directories that are never looked into.
const SKIPPED: [&str; 3] = [".git", "node_modules", "target"];
/// Paths that are looked at, and bytes of one file.
const PATHS: usize = 200_000;
const FILE: u64 = 32 << 20;

/// The one JSON object that comes out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Answer {
    /// The version to go to; absent when there is no way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    pub reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Moved>,
    /// How a session would end that stops here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
}

/// Plans, and says what was decided.
///
/// # Errors
/// The checkout cannot be read, or no registry is known. Every refusal of the
/// planner is an answer.
pub async fn resolve(config: &Config, dir: &Path, ask: &Ask) -> anyhow::Result<Answer> {
    let paths = list(dir)?;
    let project = match survey::project(&paths, ask) {
        Ok(project) => project,
        Err(failure) => return Ok(Answer::refusal(&failure)),
    };
    let registry = registries::registry(config, project.ecosystem)?;
    let reads = survey::reads(&project, &paths).into_iter();
    let texts: Texts = reads.filter_map(|path| read(&dir.join(&path)).map(|text| (path, text))).collect();
    let (files, asking) = survey::split(&project, texts);
    let image = super::images(config).choose(project.ecosystem, &asking);
    let paths = paths.iter().filter_map(|path| survey::within(&project.root, path)).map(str::to_owned);
    let paths = paths.collect();
    let repository = Repository { project, files, paths };
    Ok(match bump::plan(&repository, ask, &image.runtime, &registry).await {
        Ok(plan) => plan.resolved().into(),
        Err(failure) => Answer::refusal(&failure),
    })
}

impl Answer {
    fn refusal(failure: &Failure) -> Self {
        Self {
            reasons: vec![format!("could not {}", failure.public())],
            outcome: Some(failure.outcome().name()),
            ..Self::default()
        }
    }
}

impl From<&Resolved> for Answer {
    fn from(resolved: &Resolved) -> Self {
        Self {
            target: Some(resolved.to.clone()),
            from: Some(resolved.from.clone()),
            step: Some(resolved.step),
            reasons: resolved.reasons.clone(),
            others: resolved.others.clone(),
            outcome: None,
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let size = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    if size > FILE {
        return None;
    }
    std::fs::read_to_string(path).ok()
}

/// Every path below `dir`, relative to it, with `/` between its parts.
fn list(dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(below) = waiting.pop() {
        let here = dir.join(&below);
        let entries =
            std::fs::read_dir(&here).with_context(|| format!("could not list {}", here.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("could not list {}", here.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = survey::join(&below, &name);
            let kind = entry.file_type().with_context(|| format!("could not look at {path}"))?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                waiting.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
        if found.len() > PATHS {
            break;
        }
    }
    found.sort();
    Ok(found)
}
