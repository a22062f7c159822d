//! Which manifests of a tree belong to its lockfile.
//!
//! A tree holds other `package.json` too: examples, fixtures of tests,
//! projects with a lockfile of their own. A change of one of them would go
//! past the lockfile that holds its versions, so they are neither read nor
//! edited. Nothing is refused here: of a lockfile that cannot be read only
//! the root is known, and its reader says what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::lock::TEXT_CAP;
use crate::bump::edit::Texts;
use crate::manager::{Kind, Manager};

const MANIFEST: &str = "package.json";

/// The part of a lockfile that names its manifests: npm's `packages` by
/// place, or pnpm's `importers`.
#[derive(Deserialize)]
struct Listing {
    packages: Option<BTreeMap<String, IgnoredAny>>,
    importers: Option<BTreeMap<String, IgnoredAny>>,
}

/// The files without the manifests that the lockfile among them does not
/// install.
pub(in crate::bump) fn of(files: &Texts, manager: &Manager) -> Texts {
    only(files, manager.kind, files.get(&manager.lockfile).map_or("", String::as_str))
}

/// The same for a lockfile of the root that was written anew. Lockfiles and
/// settings of the root stay; below it they are another project's.
pub(super) fn only(files: &Texts, kind: Kind, lockfile: &str) -> Texts {
    let others = || files.keys().filter(|path| path.as_str() != MANIFEST && dir_of(path).is_some());
    let lockfile = if lockfile.len() > TEXT_CAP { "" } else { lockfile.trim_start_matches('\u{feff}') };
    let listed = match kind {
        Kind::Npm => npm(lockfile),
        Kind::Pnpm => Some(pnpm(lockfile)),
        Kind::YarnBerry => Some(berry(lockfile)),
        // It does not name them.
        Kind::YarnClassic => None,
    };
    let members: BTreeSet<String> = match listed {
        Some(dirs) => {
            others().filter(|path| dir_of(path).is_some_and(|dir| dirs.contains(dir))).cloned().collect()
        }
        None => {
            let globs = Globs::read(files.get(MANIFEST).map_or("", String::as_str));
            others().filter(|path| globs.name(path)).cloned().collect()
        }
    };
    let stays = |path: &str| !path.contains('/') || members.contains(path);
    files.iter().filter(|(path, _)| stays(path)).map(|(path, text)| (path.clone(), text.clone())).collect()
}

/// The directory of a manifest; `None` for another file.
fn dir_of(path: &str) -> Option<&str> {
    match path.strip_suffix(MANIFEST)? {
        "" => Some(""),
        dir => dir.strip_suffix('/'),
    }
}

/// `./packages/a/` and `packages/a` are the same, and `.` is the root.
fn plain(dir: &str) -> &str {
    match dir.strip_prefix("./").unwrap_or(dir).trim_end_matches('/') {
        "." => "",
        dir => dir,
    }
}

/// `None` for version 1, which does not name them.
fn npm(lockfile: &str) -> Option<BTreeSet<String>> {
    let listing: Listing = serde_json::from_str(lockfile).ok()?;
    let places = listing.packages?.into_keys();
    Some(
        places
            .filter(|place| !place.split('/').any(|part| part == "node_modules"))
            .map(|place| plain(&place).to_owned())
            .collect(),
    )
}

fn pnpm(lockfile: &str) -> BTreeSet<String> {
    let listing: Option<Listing> = serde_yaml_ng::from_str(lockfile).ok();
    let dirs = listing.and_then(|listing| listing.importers).unwrap_or_default();
    dirs.into_keys().map(|dir| plain(&dir).to_owned()).collect()
}

/// `resolution: "name@workspace:packages/a"`.
fn berry(lockfile: &str) -> BTreeSet<String> {
    let resolutions = lockfile.lines().filter_map(|line| line.trim().strip_prefix("resolution:"));
    let dirs = resolutions.filter_map(|text| text.trim().trim_matches(['"', '\'']).split_once("@workspace:"));
    dirs.map(|(_, dir)| plain(dir).to_owned()).collect()
}

/// `workspaces` of the root manifest.
struct Globs {
    with: GlobSet,
    without: GlobSet,
}

impl Globs {
    fn read(manifest: &str) -> Self {
        let manifest: Value =
            serde_json::from_str(manifest.trim_start_matches('\u{feff}')).unwrap_or_default();
        let workspaces = manifest.get("workspaces");
        let list = workspaces
            .and_then(|all| all.as_array().or_else(|| all.get("packages")?.as_array()))
            .map_or(&[][..], Vec::as_slice);
        let words = || list.iter().filter_map(Value::as_str);
        Self {
            with: set(words().filter(|glob| !glob.starts_with('!'))),
            without: set(words().filter_map(|glob| glob.strip_prefix('!'))),
        }
    }

    fn name(&self, path: &str) -> bool {
        self.with.is_match(path) && !self.without.is_match(path)
    }
}

/// A glob that cannot be read names nothing.
fn set<'a>(globs: impl Iterator<Item = &'a str>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let manifests = format!("{}/{MANIFEST}", plain(glob));
        if let Ok(glob) = GlobBuilder::new(&manifests).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"{"workspaces":["packages/*","./tools/","!packages/old"]}"#;

    fn kept(kind: Kind, name: &str, lockfile: &str, root: &str) -> Vec<String> {
        let manager = Manager { kind, version: None, lockfile: name.to_owned() };
        let mut files = Texts::from([
            (name.to_owned(), lockfile.to_owned()),
            (MANIFEST.to_owned(), root.to_owned()),
            ("pnpm-workspace.yaml".to_owned(), String::new()),
        ]);
        for dir in
            ["packages/a", "packages/a/deep", "packages/old", "tools", "examples/x", "test/fixtures/broken"]
        {
            files.insert(format!("{dir}/{MANIFEST}"), "{ nope".to_owned());
        }
        let kept = of(&files, &manager);
        for path in [name, MANIFEST, "pnpm-workspace.yaml"] {
            assert_eq!(kept.get(path), files.get(path), "{path} stays");
        }
        let mut dirs: Vec<String> = kept
            .keys()
            .filter_map(|path| dir_of(path))
            .filter(|dir| !dir.is_empty())
            .map(str::to_owned)
            .collect();
        dirs.sort();
        dirs
    }

    #[test]
    fn only_what_the_lockfile_installs_belongs_to_it() {
        let places = r#"{"lockfileVersion":3,"packages":{"":{},"tools":{},"packages/a":{},"node_modules/a":{},"examples/x/node_modules/y":{}}}"#;
        let old = r#"{"lockfileVersion":1,"dependencies":{}}"#;
        let berry = "\"r@workspace:.\":\n  resolution: \"r@workspace:.\"\n\"@s/a@workspace:packages/a\":\n  resolution: \"@s/a@workspace:packages/a\"\n\"t@npm:1\":\n  resolution: \"t@npm:1.0.0\"\n";
        let pnpm = "lockfileVersion: '9.0'\nimporters:\n  .: {}\n  packages/a:\n    dependencies: {}\n  ../out: {}\n";
        for (kind, name, lockfile, expected) in [
            (Kind::Npm, "package-lock.json", places, &["packages/a", "tools"][..]),
            (Kind::Npm, "package-lock.json", old, &["packages/a", "tools"]),
            (Kind::Npm, "package-lock.json", r#"{"packages":{"":{}}}"#, &[]),
            (Kind::Pnpm, "pnpm-lock.yaml", pnpm, &["packages/a"]),
            (Kind::Pnpm, "pnpm-lock.yaml", "lockfileVersion: 5.4\ndependencies: {}\n", &[]),
            (Kind::Pnpm, "pnpm-lock.yaml", "{ nope", &[]),
            (Kind::YarnBerry, "yarn.lock", berry, &["packages/a"]),
            (Kind::YarnClassic, "yarn.lock", "# yarn lockfile v1\n", &["packages/a", "tools"]),
        ] {
            assert_eq!(kept(kind, name, lockfile, ROOT), expected, "{kind:?} {lockfile}");
        }
    }

    #[test]
    fn workspaces_are_globs_in_both_spellings_and_without_them_the_root_is_alone() {
        for (root, expected) in [
            (
                r#"{"workspaces":{"packages":["packages/**"],"nohoist":["**"]}}"#,
                &["packages/a", "packages/a/deep", "packages/old"][..],
            ),
            ("{}", &[]),
            (r#"{"workspaces":["[","examples/*"]}"#, &["examples/x"]),
            ("{ nope", &[]),
        ] {
            assert_eq!(kept(Kind::YarnClassic, "yarn.lock", "", root), expected, "{root}");
        }
    }
}
