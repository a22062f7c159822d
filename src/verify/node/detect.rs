//! Which checks a JavaScript project defines, by its manifests. Pure.
//!
//! A script that says nothing is none: npm's placeholder, and one that only
//! prints. The configuration of a lint is not a lint: without a script or a
//! word in `.github/agent.yml` it is not run, because nobody promises that it
//! passes; projects keep such files for editors alone.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::script::{self, Scripts};
use crate::verify::CHECK_TIMEOUT;
use crate::verify::Files;
use crate::verify::plan::{Check, CheckKind, Step};

/// Usual names, the most usual first.
fn names(kind: CheckKind) -> &'static [&'static str] {
    match kind {
        CheckKind::Build => &["build", "compile"],
        CheckKind::Typecheck => &["typecheck", "type-check", "tsc", "check-types", "types", "check:types"],
        CheckKind::Lint => &["lint", "lint:check", "lint:ci", "eslint", "lint:js", "check:lint"],
        CheckKind::Test => &["test", "test:unit", "test:ci", "unit", "tests"],
    }
}

/// What the project, or else its workspaces, define.
pub(in crate::verify) fn checks(files: &Files) -> Vec<Check> {
    let root = Package::read("", files.manifest.as_deref());
    let mut checks: Vec<Check> =
        CheckKind::ALL.into_iter().filter_map(|kind| of(kind, &root, files)).collect();
    // A root that tests itself speaks for its workspaces.
    if !checks.iter().any(|check| check.kind == CheckKind::Test) {
        let members = members(&root, files);
        for kind in CheckKind::ALL {
            if checks.iter().any(|check| check.kind == kind) {
                continue;
            }
            let steps: Vec<Step> = members
                .iter()
                .filter_map(|member| of(kind, member, files))
                .flat_map(|check| check.steps)
                .collect();
            if !steps.is_empty() {
                checks.push(Check { kind, steps, timeout: CHECK_TIMEOUT });
            }
        }
    }
    checks.sort_by_key(|check| check.kind);
    checks
}

/// A command line of the repository's own choice.
pub(in crate::verify) fn declared(words: &[String], files: &Files) -> Step {
    let root = Package::read("", files.manifest.as_deref());
    let teller = script::recognise_words(words, &Scripts { scripts: &root.scripts, manager: &files.manager });
    Step { argv: words.to_vec(), dir: String::new(), teller, is_bare: true }
}

fn of(kind: CheckKind, package: &Package, files: &Files) -> Option<Check> {
    let scripts = Scripts { scripts: &package.scripts, manager: &files.manager };
    let step = match names(kind).iter().find(|name| package.says(name)) {
        Some(name) => Step {
            argv: files.manager.run(name),
            dir: package.dir.clone(),
            teller: scripts.recognise(name),
            is_bare: false,
        },
        None if kind == CheckKind::Typecheck => compiler(package, &scripts, files)?,
        None => return None,
    };
    Some(Check { kind, steps: vec![step], timeout: CHECK_TIMEOUT })
}

/// TypeScript without a script for it.
fn compiler(package: &Package, scripts: &Scripts<'_>, files: &Files) -> Option<Step> {
    let config = match package.dir.as_str() {
        "" => "tsconfig.json".to_owned(),
        dir => format!("{dir}/tsconfig.json"),
    };
    if !package.typescript || !files.paths.contains(&config) {
        return None;
    }
    let words = ["tsc", "--noEmit", "-p", "."];
    let teller = script::recognise_words(&words.map(str::to_owned), scripts);
    Some(Step { argv: files.manager.start(&words), dir: package.dir.clone(), teller, is_bare: false })
}

/// What a manifest says, as far as it matters here.
struct Package {
    dir: String,
    name: String,
    scripts: BTreeMap<String, String>,
    needs: BTreeSet<String>,
    workspaces: Vec<String>,
    typescript: bool,
}

impl Package {
    fn read(dir: &str, manifest: Option<&[u8]>) -> Self {
        let manifest: Value =
            manifest.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let section = |name: &str| manifest.get(name).and_then(Value::as_object);
        let needs: BTreeSet<String> = ["dependencies", "devDependencies"]
            .into_iter()
            .filter_map(section)
            .flat_map(|section| section.keys().cloned())
            .collect();
        let scripts = section("scripts").into_iter().flatten();
        let workspaces = manifest
            .get("workspaces")
            .and_then(|all| all.as_array().or_else(|| all.get("packages")?.as_array()))
            .map_or(&[][..], Vec::as_slice);
        Self {
            dir: dir.to_owned(),
            name: manifest.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            scripts: scripts
                .filter_map(|(name, body)| Some((name.clone(), body.as_str()?.to_owned())))
                .collect(),
            typescript: needs.contains("typescript"),
            needs,
            workspaces: workspaces.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    fn says(&self, name: &str) -> bool {
        self.scripts.get(name).is_some_and(|body| !says_nothing(body))
    }
}

/// `echo "Error: no test specified" && exit 1`, `exit 0`, `:`, `echo later`.
fn says_nothing(body: &str) -> bool {
    body.contains("no test specified")
        || body.split("&&").flat_map(|part| part.split(';')).all(|command| {
            let mut words = command.split_whitespace();
            match (words.next(), words.next()) {
                (None, _) => true,
                (Some("exit"), code) => code.is_none_or(|code| code == "0"),
                (Some("true" | ":"), None) => true,
                (Some("echo"), _) => !command.contains(['|', '>', '$', '`']),
                _ => false,
            }
        })
}

/// `pnpm-workspace.yaml`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PnpmWorkspace {
    packages: Vec<String>,
}

/// The workspaces, those that others need first: the order of a build.
fn members(root: &Package, files: &Files) -> Vec<Package> {
    let pnpm: Option<PnpmWorkspace> =
        files.workspace.as_deref().and_then(|bytes| serde_yaml_ng::from_slice(bytes).ok());
    let words: Vec<String> =
        root.workspaces.iter().cloned().chain(pnpm.unwrap_or_default().packages).collect();
    let with = globs(words.iter().filter(|glob| !glob.starts_with('!')).map(String::as_str));
    let without = globs(words.iter().filter_map(|glob| glob.strip_prefix('!')));
    let mut left: Vec<Package> = files
        .members
        .iter()
        .filter(|(dir, _)| !dir.is_empty() && with.is_match(dir) && !without.is_match(dir))
        .map(|(dir, manifest)| Package::read(dir, Some(manifest)))
        .collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits = |package: &Package| {
            left.iter().any(|other| other.dir != package.dir && package.needs.contains(&other.name))
        };
        // Of a circle the first is taken.
        let next = left.iter().position(|package| !waits(package)).unwrap_or_default();
        ordered.push(left.remove(next));
    }
    ordered
}

fn globs<'g>(words: impl Iterator<Item = &'g str>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for word in words {
        let word = word.trim_start_matches("./").trim_end_matches('/');
        if let Ok(glob) = GlobBuilder::new(word).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}

#[cfg(test)]
mod tests;
