//! The bump without a model: which version, which bytes of the manifest,
//! which lockfile.
//!
//! Choosing and editing are pure. The lockfile is written by the real npm in
//! the container, and what it wrote is checked here: a lockfile that holds
//! another version than the one chosen does not leave this room.

mod manifest;
mod npm;
mod range;

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;
use serde_json::Value;

use crate::change::{Bump, Resolved};
use crate::failure::Failure;
use crate::outcome::Outcome;
use manifest::Manifest;

pub use npm::apply;

/// The files that a bump reads.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// `package.json`.
    pub manifest: Option<Vec<u8>>,
    /// `package-lock.json`.
    pub lockfile: Option<Vec<u8>>,
    /// Lockfiles of other package managers that are there.
    pub foreign_lockfiles: Vec<String>,
}

/// Where and how the package is declared now.
#[derive(Debug, Clone)]
pub struct Declared {
    manifest: Manifest,
    package: String,
    range: String,
    /// The version in the lockfile.
    locked: Version,
    /// The lockfile names no addresses, and is to stay so.
    without_addresses: bool,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub resolved: Resolved,
    /// The new `package.json`.
    manifest: Vec<u8>,
    /// A `package.json` that pins the exact version, for a first relock, when
    /// the new range alone would take a newer one.
    pinned: Option<Vec<u8>>,
    without_addresses: bool,
}

fn edit_failed(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::EditFailed, what)
}

fn declined(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::DeclinedPolicy, what)
}

/// Finds the package in the manifest and in the lockfile.
///
/// # Errors
/// A file is missing or broken, another package manager is in charge, or the
/// package is not a direct dependency.
pub fn inspect(inputs: &Inputs, bump: &Bump) -> Result<Declared, Failure> {
    let Some(manifest) = &inputs.manifest else {
        return Err(edit_failed("find a package.json at the root of the repository"));
    };
    let manifest =
        Manifest::parse(manifest).map_err(|why| edit_failed(format!("read package.json: {why}")))?;
    let Some(lockfile) = &inputs.lockfile else {
        return Err(match inputs.foreign_lockfiles.first() {
            Some(foreign) => {
                declined(format!("bump with {foreign}: only npm's package-lock.json is driven yet"))
            }
            None => declined("bump without a package-lock.json: nothing would hold the version"),
        });
    };
    let lockfile: Value = serde_json::from_slice(lockfile)
        .map_err(|error| edit_failed("read package-lock.json").because(error))?;
    let Some(range) = manifest.range(&bump.package) else {
        return Err(declined(format!("find {} among the direct dependencies in package.json", bump.package)));
    };
    let locked = npm::locked_version(&lockfile, &bump.package).ok_or_else(|| {
        edit_failed(format!("find {} in package-lock.json: it does not fit package.json", bump.package))
    })?;
    Ok(Declared {
        range: range.to_owned(),
        package: bump.package.clone(),
        without_addresses: !npm::has_addresses(&lockfile),
        manifest,
        locked,
    })
}

/// Chooses the version and edits the manifest.
///
/// # Errors
/// There is no such version, it is the one in place or an older one, or the
/// declared range is of a kind that is not edited.
pub fn resolve(declared: &Declared, bump: &Bump, packument: &Value) -> Result<Plan, Failure> {
    let package = &declared.package;
    let target = target(bump, packument)?;
    if target == declared.locked {
        return Err(Failure::user(Outcome::AlreadyCurrent, format!("bump {package}: {target} is in place")));
    }
    if target < declared.locked {
        return Err(declined(format!("bump {package} down from {} to {target}", declared.locked)));
    }
    let range = range::raise(&declared.range, &target).ok_or_else(|| {
        declined(format!(
            "edit the range {:?} of {package}: only exact, ^, ~ and >= versions are edited",
            declared.range
        ))
    })?;
    let alone = range::newest(&range, versions(packument)) == Some(target.clone());
    let edit = |range: &str| declared.manifest.with_range(package, range);
    let failed = || edit_failed("edit package.json");
    Ok(Plan {
        resolved: Resolved {
            package: package.clone(),
            from: declared.locked.to_string(),
            to: target.to_string(),
        },
        manifest: edit(&range).ok_or_else(failed)?,
        pinned: if alone { None } else { Some(edit(&target.to_string()).ok_or_else(failed)?) },
        without_addresses: declared.without_addresses,
    })
}

/// The version asked for, or the one that the registry calls the latest.
fn target(bump: &Bump, packument: &Value) -> Result<Version, Failure> {
    let missing = |version: &str| {
        Failure::user(
            Outcome::NoSafeVersion,
            format!("find version {version} of {} in the registry", bump.package),
        )
    };
    let asked = match &bump.version {
        Some(version) => version.trim_start_matches(['v', '=']).to_owned(),
        None => packument
            .get("dist-tags")
            .and_then(|tags| tags.get("latest"))
            .and_then(Value::as_str)
            .ok_or_else(|| missing("\"latest\""))?
            .to_owned(),
    };
    let version = parse_npm_version(&asked).map_err(|_not_a_version| missing(&asked))?;
    if versions(packument).any(|published| published == version) { Ok(version) } else { Err(missing(&asked)) }
}

fn versions(packument: &Value) -> impl Iterator<Item = Version> {
    packument
        .get("versions")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|versions| versions.keys())
        .filter_map(|version| parse_npm_version(version).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inputs(range: &str, locked: &str) -> Inputs {
        let manifest = json!({ "name": "x", "dependencies": { "a": range } });
        let lockfile =
            json!({ "lockfileVersion": 3, "packages": { "": {}, "node_modules/a": { "version": locked } } });
        Inputs {
            manifest: Some(manifest.to_string().into_bytes()),
            lockfile: Some(lockfile.to_string().into_bytes()),
            foreign_lockfiles: vec![],
        }
    }

    fn bump(version: Option<&str>) -> Bump {
        Bump { package: "a".into(), version: version.map(str::to_owned) }
    }

    fn plan(range: &str, version: Option<&str>) -> Result<Plan, Failure> {
        let packument = json!({
            "dist-tags": { "latest": "2.1.0" },
            "versions": { "1.0.0": {}, "1.5.0": {}, "2.0.0": {}, "2.1.0": {}, "3.0.0-rc.1": {} },
        });
        let bump = bump(version);
        resolve(&inspect(&inputs(range, "1.5.0"), &bump)?, &bump, &packument)
    }

    #[test]
    fn the_range_keeps_its_style_and_the_version_is_the_one_asked_for() {
        let plan = plan("^1.0.0", Some("2.0.0")).unwrap();
        assert_eq!(plan.manifest, br#"{"name":"x","dependencies":{"a":"^2.0.0"}}"#);
        assert_eq!(plan.pinned.unwrap(), br#"{"name":"x","dependencies":{"a":"2.0.0"}}"#);
        assert_eq!((plan.resolved.from, plan.resolved.to), ("1.5.0".to_owned(), "2.0.0".to_owned()));
    }

    #[test]
    fn without_a_version_the_latest_is_taken_and_needs_no_pin() {
        let plan = plan("~1.5.0", None).unwrap();
        assert_eq!(plan.resolved.to, "2.1.0");
        assert!(plan.pinned.is_none());
    }

    #[test]
    fn every_other_request_has_its_outcome() {
        for (range, version, outcome) in [
            ("^1.0.0", "1.5.0", Outcome::AlreadyCurrent),
            ("^1.0.0", "1.0.0", Outcome::DeclinedPolicy),
            ("^1.0.0", "9.9.9", Outcome::NoSafeVersion),
            ("^1.0.0", "banana", Outcome::NoSafeVersion),
            ("github:o/r", "2.0.0", Outcome::DeclinedPolicy),
            ("1 || 2", "2.0.0", Outcome::DeclinedPolicy),
        ] {
            assert_eq!(plan(range, Some(version)).unwrap_err().outcome(), outcome, "{range} {version}");
        }
    }

    #[test]
    fn a_repository_that_cannot_be_bumped_is_told_why() {
        let whole = inputs("^1.0.0", "1.5.0");
        let outcome = |inputs: Inputs| inspect(&inputs, &bump(None)).unwrap_err().outcome();
        assert_eq!(outcome(Inputs { manifest: None, ..whole.clone() }), Outcome::EditFailed);
        assert_eq!(
            outcome(Inputs { manifest: Some(b"{ nope".to_vec()), ..whole.clone() }),
            Outcome::EditFailed
        );
        assert_eq!(outcome(Inputs { lockfile: Some(b"{".to_vec()), ..whole.clone() }), Outcome::EditFailed);
        let yarn = Inputs { lockfile: None, foreign_lockfiles: vec!["yarn.lock".into()], ..whole.clone() };
        assert_eq!(outcome(yarn), Outcome::DeclinedPolicy);
        let other = Bump { package: "b".into(), version: None };
        assert_eq!(inspect(&whole, &other).unwrap_err().outcome(), Outcome::DeclinedPolicy);
    }
}
