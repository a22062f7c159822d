//! Which project of a tree a request is about, and which of its files the
//! room reads. Pure: it sees paths only.

use std::collections::BTreeSet;

use super::edit::Texts;
use super::{Ask, declined, edit_failed};
use crate::change::Ecosystem;
use crate::failure::Failure;
pub(super) use crate::manager::LOCKFILES;
use crate::runtime;

/// A project in a tree: the directory where its lockfile, or its topmost pom,
/// lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub ecosystem: Ecosystem,
    /// Relative to the tree, without a slash at the end; empty for the tree's
    /// own root.
    pub root: String,
}

/// Directories whose manifests belong to somebody else.
const NOT_OURS: [&str; 4] = ["node_modules", "target", "vendor", ".yarn"];
/// Files beside a lockfile that say how the manager works.
const NPM_SETTINGS: [&str; 4] = ["pnpm-workspace.yaml", ".yarnrc.yml", ".yarnrc", ".npmrc"];
const MAVEN_SETTINGS: [&str; 4] =
    [".mvn/extensions.xml", ".mvn/jvm.config", ".mvn/maven.config", ".mvn/wrapper/maven-wrapper.properties"];
/// Manifests of one project that are read, at most.
const MANIFESTS: usize = 400;
/// Where workflows lie.
const WORKFLOWS: &str = ".github/workflows/";
/// Lockfiles and settings below the project's root that are read, at most.
const NESTED: usize = 100;

/// Finds the project that the request is about.
///
/// # Errors
/// There is none of its kind, or there are several and nothing tells which.
pub fn project(paths: &[String], ask: &Ask) -> Result<Project, Failure> {
    let ecosystem = ecosystem(paths, ask)?;
    let manifest = manifest_name(ecosystem);
    let dirs: BTreeSet<&str> = manifests(paths, manifest).map(dir_of).collect();
    let named = ask.advisories.iter().map(|advisory| dir_of(&advisory.manifest)).next();
    let root = match named.filter(|dir| !dir.is_empty()) {
        Some(dir) => top(ecosystem, paths, &dirs, dir),
        None => shallowest(&dirs, manifest)?,
    };
    Ok(Project { ecosystem, root })
}

/// A colon is Maven's; otherwise the files at the root tell.
fn ecosystem(paths: &[String], ask: &Ask) -> Result<Ecosystem, Failure> {
    if let Some(advisory) = ask.advisories.first() {
        return Ok(advisory.ecosystem);
    }
    if ask.bumps.iter().any(|bump| bump.package.contains(':')) {
        return Ok(Ecosystem::Maven);
    }
    let has = |ecosystem| manifests(paths, manifest_name(ecosystem)).next().is_some();
    let at_root = |ecosystem| paths.iter().any(|path| path == manifest_name(ecosystem));
    match (at_root(Ecosystem::Npm), at_root(Ecosystem::Maven)) {
        (true, _) => Ok(Ecosystem::Npm),
        (false, true) => Ok(Ecosystem::Maven),
        (false, false) if has(Ecosystem::Npm) => Ok(Ecosystem::Npm),
        (false, false) if has(Ecosystem::Maven) => Ok(Ecosystem::Maven),
        _ => Err(edit_failed("find a package.json or a pom.xml in the repository")),
    }
}

/// Every path of the tree that a request reads: what decides the versions,
/// and what decides the image.
///
/// A project in a directory of its own mostly leaves the latter to the tree's
/// root: what it does not say itself is read there.
#[must_use]
pub fn reads(project: &Project, paths: &[String]) -> Vec<String> {
    let own = |path: &str| within(&project.root, path).is_some_and(runtime::asks);
    let mut reads: BTreeSet<String> = wanted(project, paths).into_iter().collect();
    reads.extend(paths.iter().filter(|path| own(path)).cloned());
    let pins = pins(project.ecosystem);
    let has_own = |name: &str| reads.contains(&join(&project.root, name));
    let pinned = pins.iter().any(|name| has_own(name));
    let built = reads.iter().any(|path| within(&project.root, path).is_some_and(is_workflow));
    let of_root = |path: &&String| {
        (!pinned && pins.contains(&path.as_str())) || (!built && is_workflow(path) && runtime::asks(path))
    };
    let shared: Vec<String> = paths.iter().filter(of_root).cloned().collect();
    reads.extend(shared);
    reads.into_iter().collect()
}

/// What was [read](reads), as the room sees it: the project's files by their
/// paths in it, and the files that decide the image by the paths that
/// [`runtime`] knows.
#[must_use]
pub fn split(project: &Project, read: Texts) -> (Texts, runtime::Files) {
    let (mut files, mut asking) = (Texts::new(), runtime::Files::new());
    for (path, text) in read {
        match within(&project.root, &path) {
            Some(inside) => {
                if runtime::asks(inside) {
                    asking.insert(inside.to_owned(), text.clone());
                }
                files.insert(inside.to_owned(), text);
            }
            None => {
                asking.insert(path, text);
            }
        }
    }
    (files, asking)
}

/// Files that pin the runtime and nothing else.
fn pins(ecosystem: Ecosystem) -> [&'static str; 3] {
    match ecosystem {
        Ecosystem::Npm => [".nvmrc", ".node-version", ".tool-versions"],
        Ecosystem::Maven => [".java-version", ".sdkmanrc", ".tool-versions"],
    }
}

fn is_workflow(path: &str) -> bool {
    path.starts_with(WORKFLOWS)
}

/// The paths that decide the versions, of all paths of the tree.
#[must_use]
pub fn wanted(project: &Project, paths: &[String]) -> Vec<String> {
    let inside = |path: &str| within(&project.root, path).is_some();
    let at_root = |names: &[&str]| -> Vec<String> {
        let full = names.iter().map(|name| join(&project.root, name));
        full.filter(|path| paths.contains(path)).collect()
    };
    let mut wanted: Vec<String> = manifests(paths, manifest_name(project.ecosystem))
        .filter(|path| inside(path))
        .map(str::to_owned)
        .collect();
    // The root's own must not be lost among the fixtures of a large tree.
    wanted.sort_by_key(|path| path.matches('/').count());
    wanted.truncate(MANIFESTS);
    match project.ecosystem {
        Ecosystem::Npm => {
            wanted.extend(at_root(&LOCKFILES));
            wanted.extend(at_root(&NPM_SETTINGS));
            let nested = paths.iter().filter(|path| inside(path) && is_ours(path) && is_held(path));
            let nested: Vec<String> =
                nested.filter(|path| !wanted.contains(path)).take(NESTED).cloned().collect();
            wanted.extend(nested);
        }
        Ecosystem::Maven => wanted.extend(at_root(&MAVEN_SETTINGS)),
    }
    wanted
}

/// Is this a file that the engine writes: a manifest or a lockfile?
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCKFILES.contains(&name) || [Ecosystem::Npm, Ecosystem::Maven].map(manifest_name).contains(&name)
}

/// `path` relative to `root`; `None` when it does not lie in it.
#[must_use]
pub fn within<'p>(root: &str, path: &'p str) -> Option<&'p str> {
    if root.is_empty() { Some(path) } else { path.strip_prefix(root)?.strip_prefix('/') }
}

/// A path of the project as a path of the tree.
#[must_use]
pub fn join(root: &str, path: &str) -> String {
    if root.is_empty() { path.to_owned() } else { format!("{root}/{path}") }
}

fn manifest_name(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Npm => "package.json",
        Ecosystem::Maven => "pom.xml",
    }
}

fn manifests<'p>(paths: &'p [String], name: &'p str) -> impl Iterator<Item = &'p str> {
    paths
        .iter()
        .map(String::as_str)
        .filter(move |path| path.rsplit('/').next() == Some(name) && is_ours(path))
}

fn is_ours(path: &str) -> bool {
    !path.split('/').any(|part| NOT_OURS.contains(&part))
}

/// Is this a file that only the engine writes, whatever is in it: a lockfile
/// at any depth, or settings that say which versions are taken?
pub(super) fn is_held(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    LOCKFILES.contains(&name)
        || NPM_SETTINGS.contains(&name)
        || MAVEN_SETTINGS.iter().any(|held| path == *held || path.ends_with(&format!("/{held}")))
}

fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// From the directory that an alert names up to its project's root: the
/// nearest lockfile for npm, the topmost of the poms above for Maven.
fn top(ecosystem: Ecosystem, paths: &[String], dirs: &BTreeSet<&str>, from: &str) -> String {
    let mut above = vec![from];
    while let Some(dir) = above.last().filter(|dir| !dir.is_empty()) {
        above.push(dir_of(dir));
    }
    let holds_lockfile =
        |dir: &&&str| LOCKFILES.iter().any(|name| paths.iter().any(|path| *path == join(dir, name)));
    let found = match ecosystem {
        Ecosystem::Npm => above.iter().find(holds_lockfile),
        Ecosystem::Maven => above.iter().rev().find(|dir| dirs.contains(**dir)),
    };
    found.copied().unwrap_or(from).to_owned()
}

fn shallowest(dirs: &BTreeSet<&str>, manifest: &str) -> Result<String, Failure> {
    if dirs.contains("") {
        return Ok(String::new());
    }
    let depth = |dir: &str| dir.split('/').count();
    let least = dirs.iter().map(|dir| depth(dir)).min().unwrap_or_default();
    let at_least: Vec<&str> = dirs.iter().copied().filter(|dir| depth(dir) == least).collect();
    match at_least.as_slice() {
        [] => Err(edit_failed(format!("find a {manifest} in the repository"))),
        [one] => Ok((*one).to_owned()),
        several => Err(declined(format!(
            "tell which project is meant: there is no {manifest} at the root, but one in each of {}",
            several.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Bump;

    fn ask(package: &str) -> Ask {
        Ask { bumps: vec![Bump { package: package.into(), version: None }], advisories: vec![] }
    }

    fn alert(ecosystem: Ecosystem, manifest: &str) -> Ask {
        let advisory = crate::advisory::Advisory {
            alert: None,
            ghsa: String::new(),
            ecosystem,
            package: "a".into(),
            manifest: manifest.into(),
            scope: None,
            severity: crate::advisory::Severity::High,
            summary: String::new(),
            vulnerable: vec![],
            patched: vec![],
        };
        Ask { bumps: vec![], advisories: vec![advisory] }
    }

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn the_project_is_found_by_the_request_and_the_files() {
        use Ecosystem::{Maven, Npm};
        for (files, ask, ecosystem, root) in [
            (&["package.json"][..], ask("a"), Npm, ""),
            (&["pom.xml", "core/pom.xml"], ask("guava"), Maven, ""),
            (&["package.json", "pom.xml"], ask("g:a"), Maven, ""),
            (&["web/package.json", "web/node_modules/x/package.json"], ask("a"), Npm, "web"),
            (
                &["web/package.json", "web/yarn.lock", "package.json"],
                alert(Npm, "web/packages/x/package.json"),
                Npm,
                "web",
            ),
            (&["back/pom.xml", "back/core/pom.xml"], alert(Maven, "back/core/pom.xml"), Maven, "back"),
        ] {
            let found = project(&paths(files), &ask).unwrap();
            assert_eq!(found, Project { ecosystem, root: root.into() }, "{files:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let refused = |files: &[&str]| project(&paths(files), &ask("a")).unwrap_err();
        assert!(refused(&["README.md"]).public().contains("package.json or a pom.xml"));
        assert!(refused(&["a/package.json", "b/package.json"]).public().contains("each of a, b"));
    }

    #[test]
    fn only_the_projects_own_files_are_read() {
        let project = Project { ecosystem: Ecosystem::Npm, root: "web".into() };
        let all = paths(&[
            "package.json",
            "web/package.json",
            "web/package-lock.json",
            "web/src/a.js",
            "web/node_modules/b/package.json",
            "web/packages/c/package.json",
            "web/packages/c/yarn.lock",
            "web/node_modules/b/yarn.lock",
            "other/yarn.lock",
        ]);
        assert_eq!(
            wanted(&project, &all),
            [
                "web/package.json",
                "web/packages/c/package.json",
                "web/package-lock.json",
                "web/packages/c/yarn.lock"
            ]
        );
        let many: Vec<String> = (0..MANIFESTS).map(|number| format!("a/{number}/package.json")).collect();
        let all = [many, paths(&["package.json"])].concat();
        let project = Project { ecosystem: Ecosystem::Npm, root: String::new() };
        assert_eq!(wanted(&project, &all)[0], "package.json");
        assert_eq!(wanted(&project, &all).len(), MANIFESTS);
        assert_eq!(within("web", "web/a/b"), Some("a/b"));
        assert_eq!(within("web", "website/a"), None);
    }

    #[test]
    fn what_decides_the_image_is_read_at_the_trees_root_unless_the_project_says_it() {
        use Ecosystem::{Maven, Npm};
        let tree = [".nvmrc", ".sdkmanrc", ".github/workflows/ci.yml", "package.json", "other/.nvmrc"];
        for (ecosystem, root, own, expected) in [
            (Npm, "web", &[][..], &[".github/workflows/ci.yml", ".nvmrc"][..]),
            (Npm, "web", &["web/.node-version"], &[".github/workflows/ci.yml", "web/.node-version"]),
            (Npm, "web", &["web/.github/workflows/x.yml"], &[".nvmrc", "web/.github/workflows/x.yml"]),
            (Maven, "back", &["back/pom.xml"], &[".github/workflows/ci.yml", ".sdkmanrc", "back/pom.xml"]),
            (Npm, "", &[], &[".github/workflows/ci.yml", ".nvmrc", ".sdkmanrc", "package.json"]),
        ] {
            let all = paths(&[&tree, own].concat());
            let project = Project { ecosystem, root: root.into() };
            assert_eq!(reads(&project, &all), expected, "{ecosystem:?} {root} {own:?}");
        }
    }

    #[test]
    fn what_was_read_is_split_into_the_projects_files_and_those_that_decide_the_image() {
        let project = Project { ecosystem: Ecosystem::Npm, root: "web".into() };
        let read = [".nvmrc", "web/package.json", "web/package-lock.json"];
        let read = read.map(|path| (path.to_owned(), path.to_owned()));
        let (files, asking) = split(&project, Texts::from(read));
        assert_eq!(files.keys().collect::<Vec<_>>(), ["package-lock.json", "package.json"]);
        assert_eq!(asking.keys().collect::<Vec<_>>(), [".nvmrc", "package.json"]);
    }
}
