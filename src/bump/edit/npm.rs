//! The edit of npm's manifests: `package.json` and `pnpm-workspace.yaml`.
//!
//! A declaration is found with its place, its range is raised in its own
//! style, and only the bytes that differ are replaced. Addresses, files, tags,
//! the workspace's own packages and references to other declarations are
//! never edited.

mod catalog;
mod entry;
mod json;
mod manifest;
mod overrides;
pub mod range;

use std::ops::Range;

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;

use super::{Change, Refused, Texts};

pub use overrides::{OverrideKind, add_override};
pub use range::raise;

/// Where a declaration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    Dependencies,
    DevDependencies,
    OptionalDependencies,
    /// A promise to others: widened, not bumped.
    PeerDependencies,
    /// npm's `overrides`.
    Overrides,
    /// Yarn's `resolutions`.
    Resolutions,
    /// `pnpm.overrides` in `package.json`, or `overrides` in
    /// `pnpm-workspace.yaml`.
    PnpmOverrides,
    /// A catalog in `pnpm-workspace.yaml` or `.yarnrc.yml`.
    Catalog,
    /// The package manager that `packageManager` names.
    PackageManager,
}

impl Section {
    /// Whether packages are installed because of it; the other sections only
    /// say at which version.
    #[must_use]
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Dependencies | Self::DevDependencies | Self::OptionalDependencies)
    }
}

/// One place where a manifest says which versions of a package it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The manifest's path.
    pub path: String,
    pub section: Section,
    /// The name in the manifest: an alias, `parent>package`, `package@^1`.
    pub key: String,
    /// The package's real name.
    pub package: String,
    /// The range without `npm:` and the package, or the whole value when it
    /// is no range: an address, a tag, `catalog:`.
    pub range: String,
    /// An override's outer packages, outermost first; a named catalog's name.
    pub parents: Vec<String>,
    /// The versions that an override's key is limited to.
    pub versions: Option<String>,
    /// What stands in the value before the range.
    prefix: String,
    place: Range<usize>,
    spelling: Spelling,
}

/// How a value is written in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// A string with its quotes.
    Json,
    /// A scalar's inside, without escapes.
    Yaml,
}

impl Declaration {
    /// Whether only some of the package's copies are meant: those behind an
    /// alias, below a parent, of some versions, of one catalog among several.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let alias = !self.prefix.is_empty() && self.key != self.package;
        !self.parents.is_empty()
            || self.versions.is_some()
            || (alias && self.section != Section::PackageManager)
    }

    fn refused(&self) -> Refused {
        Refused(format!(
            "edit the range {:?} of {} in {}: only versions and ranges of versions are edited",
            self.range, self.package, self.path
        ))
    }

    /// The bytes of the value when it says `range`.
    fn spelled(&self, text: &str, range: &str) -> Option<String> {
        let value = format!("{}{range}", self.prefix);
        match self.spelling {
            Spelling::Json => json::respelled(text.get(self.place.clone())?, &value),
            Spelling::Yaml => Some(value),
        }
    }
}

/// Every declaration in the manifests among `files`, in the order of the
/// paths, and of the text in each.
///
/// # Errors
/// A manifest is not JSON or YAML.
pub fn declarations(files: &Texts) -> Result<Vec<Declaration>, Refused> {
    let mut found = Vec::new();
    for (path, text) in files {
        found.extend(declarations_in(path, text)?);
    }
    Ok(found)
}

fn declarations_in(path: &str, text: &str) -> Result<Vec<Declaration>, Refused> {
    match path.rsplit('/').next() {
        Some("package.json") => manifest::declarations(path, text),
        Some("pnpm-workspace.yaml" | ".yarnrc.yml") => catalog::declarations(path, text),
        _ => Ok(Vec::new()),
    }
}

/// `files` with another range in one declaration, which [`declarations`]
/// found in them. Files in which it is no longer at its place come back as
/// they are.
#[must_use]
pub fn with_range(files: &Texts, declaration: &Declaration, new_range: &str) -> Texts {
    let mut files = files.clone();
    if let Some(text) = files.get_mut(&declaration.path) {
        let current = declarations_in(&declaration.path, text).unwrap_or_default();
        if current.contains(declaration) {
            replace(text, declaration, new_range);
        }
    }
    files
}

/// False when the value cannot be written.
fn replace(text: &mut String, declaration: &Declaration, range: &str) -> bool {
    let Some(value) = declaration.spelled(text, range) else { return false };
    let mut edited = text.clone();
    edited.replace_range(declaration.place.clone(), &value);
    // In YAML `1.10` without quotes is a number, and `*` is something else
    // again: only a text that reads as meant is taken.
    if declaration.spelling == Spelling::Yaml {
        let expected = Declaration {
            range: range.to_owned(),
            place: declaration.place.start..declaration.place.start.saturating_add(value.len()),
            ..declaration.clone()
        };
        if !declarations_in(&declaration.path, &edited).is_ok_and(|read| read.contains(&expected)) {
            return false;
        }
    }
    *text = edited;
    true
}

/// The manifests with the change made in every declaration that it is about.
///
/// # Errors
/// See [`super::edit`].
pub fn edit(files: &Texts, change: &Change) -> Result<Texts, Refused> {
    let package = change.name.trim();
    let to = parse_npm_version(&change.to)
        .map_err(|_not_a_version| Refused(format!("read {:?} as a version of {package}", change.to)))?;
    let mut named = declarations(files)?;
    named.retain(|declaration| declaration.package == package);
    if named.is_empty() {
        return Err(Refused(format!("find {package} in {}", names(files))));
    }
    let mut meant = meant(named, change)?;
    // From the end of each file, so that places before it stay where they are.
    meant.reverse();
    let mut files = files.clone();
    let (mut done, mut refused) = (false, None);
    for declaration in &meant {
        let raised = raise(&declaration.range, &to.to_string(), declaration.section);
        let edited = match (raised, files.get_mut(&declaration.path)) {
            (Some(raised), _) if raised == declaration.range => true,
            (Some(raised), Some(text)) => replace(text, declaration, &raised),
            _ => false,
        };
        done = done || edited;
        if !edited {
            refused = Some(declaration.refused());
        }
    }
    match refused {
        Some(refused) if !done => Err(refused),
        _ => Ok(files),
    }
}

/// The declarations that hold the version in place. A title may be older than
/// the manifest, so the only one, and those that mean every copy, count even
/// when they hold another version.
fn meant(named: Vec<Declaration>, change: &Change) -> Result<Vec<Declaration>, Refused> {
    let from: Option<Version> = parse_npm_version(&change.from).ok();
    let alone = named.len() == 1;
    let holds =
        |declaration: &Declaration| from.as_ref().is_none_or(|from| range::holds(&declaration.range, from));
    let count = named.len();
    let meant: Vec<Declaration> = named
        .into_iter()
        .filter(|declaration| alone || !declaration.is_partial() || holds(declaration))
        .collect();
    if meant.is_empty() {
        return Err(Refused(format!(
            "tell which of the {count} declarations of {} is meant: none holds version {}",
            change.name, change.from
        )));
    }
    Ok(meant)
}

/// The manifests among the files, for a person.
fn names(files: &Texts) -> String {
    let known = |path: &&String| {
        matches!(path.rsplit('/').next(), Some("package.json" | "pnpm-workspace.yaml" | ".yarnrc.yml"))
    };
    let mut manifests = files.keys().filter(known);
    match (manifests.next(), manifests.count()) {
        (None, _) => "any manifest: there is no package.json".to_owned(),
        (Some(first), 0) => format!("the dependencies in {first}"),
        (Some(first), more) => format!("the dependencies in {first} and {more} other manifests"),
    }
}

#[cfg(test)]
mod tests;
