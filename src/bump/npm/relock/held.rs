//! Which packages a lockfile holds, in any of its formats.
//!
//! Read to check what a package manager wrote. Links, workspaces and what
//! does not come from a registry are left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::manager::Kind;
use crate::manager::addresses::descriptor;

/// Versions by package.
pub(in crate::bump) type Held = BTreeMap<String, BTreeSet<String>>;

/// Everything that the lockfile holds.
///
/// # Errors
/// Why the text is no lockfile, for a person.
pub(in crate::bump) fn read(kind: Kind, text: &str) -> Result<Held, String> {
    let mut held = Held::new();
    let mut hold = |package: &str, version: &str| {
        held.entry(package.to_owned()).or_default().insert(version.to_owned());
    };
    match kind {
        Kind::Npm => {
            let lockfile: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            match lockfile.get("packages") {
                Some(packages) => new_npm(packages, &mut hold),
                None => old_npm(&lockfile, &mut hold),
            }
        }
        Kind::YarnClassic | Kind::YarnBerry => {
            for entry in entries(text) {
                let Some((name, version)) = entry.installed() else { continue };
                hold(&name, &version);
            }
        }
        Kind::Pnpm => {
            for key in pnpm_keys(text) {
                let Some((name, version)) = pnpm_key(key) else { continue };
                hold(name, version);
            }
        }
    }
    Ok(held)
}

fn new_npm(packages: &Value, hold: &mut impl FnMut(&str, &str)) {
    for (path, entry) in packages.as_object().into_iter().flatten() {
        let Some((_, name)) = path.rsplit_once("node_modules/") else { continue };
        let name = entry.get("name").and_then(Value::as_str).unwrap_or(name);
        if let Some(version) = entry.get("version").and_then(Value::as_str) {
            hold(name, version);
        }
    }
}

fn old_npm(parent: &Value, hold: &mut impl FnMut(&str, &str)) {
    for (name, entry) in parent.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
        if let Some(version) = entry.get("version").and_then(Value::as_str) {
            let alias = version.strip_prefix("npm:").and_then(descriptor);
            let (name, version) = alias.unwrap_or((name, version));
            hold(name, version);
        }
        old_npm(entry, hold);
    }
}

/// One entry of a `yarn.lock`: its keys, and its lines after the keys'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) keys: Vec<String>,
    pub(super) body: &'a str,
}

/// The entries of a `yarn.lock`, of either format.
pub(super) fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        let bare = line.trim_end();
        if bare.starts_with([' ', '#']) || !bare.ends_with(':') || bare == "__metadata:" {
            continue;
        }
        let mut end = 0;
        for line in after.split_inclusive('\n') {
            if !line.starts_with(' ') {
                break;
            }
            end += line.len();
        }
        let keys = bare.trim_end_matches(':').replace('"', "");
        let keys = keys.split(", ").map(str::to_owned).collect();
        entries.push(Entry { keys, body: after.get(..end).unwrap_or_default() });
    }
    entries
}

impl Entry<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let line = self.body.lines().find_map(|line| line.strip_prefix("  ")?.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim().trim_matches('"'))
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.field("version")
    }

    /// Name and version of what is installed.
    fn installed(&self) -> Option<(String, String)> {
        let version = self.version()?;
        if let Some(resolution) = self.field("resolution") {
            let (name, reference) = descriptor(resolution)?;
            let fetched = reference.starts_with("npm:") || reference.starts_with("patch:");
            return fetched.then(|| (name.to_owned(), version.to_owned()));
        }
        let (name, range) = descriptor(self.keys.first()?)?;
        let alias = range.strip_prefix("npm:").and_then(descriptor);
        Some((alias.map_or(name, |(name, _)| name).to_owned(), version.to_owned()))
    }
}

/// The keys of pnpm's `packages`.
fn pnpm_keys(text: &str) -> impl Iterator<Item = &str> {
    let packages = text.lines().skip_while(|line| line.trim_end() != "packages:").skip(1);
    packages
        .take_while(|line| line.trim().is_empty() || line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.trim_end().trim_end_matches("{}").trim_end().strip_suffix(':'))
        .map(|key| key.trim_matches(['\'', '"']))
}

/// `/a/1.0.0_peers`, `/a@1.0.0(peers)` or `a@1.0.0`.
fn pnpm_key(key: &str) -> Option<(&str, &str)> {
    let key = key.split('(').next()?;
    let Some(old) = key.strip_prefix('/') else { return descriptor(key) };
    let slashes = usize::from(old.starts_with('@'));
    if let Some(found) = descriptor(old).filter(|(name, _)| name.matches('/').count() == slashes) {
        return Some(found);
    }
    let (end, _) = old.match_indices('/').nth(slashes)?;
    Some((old.get(..end)?, old.get(end + 1..)?.split('_').next()?))
}

/// The version that the root's declaration of `package` with `range` has.
pub(in crate::bump) fn declared(kind: Kind, text: &str, package: &str, range: &str) -> Option<String> {
    match kind {
        Kind::Npm => {
            let lockfile: Value = serde_json::from_str(text).ok()?;
            let of = |section: &str, key: &str| {
                lockfile.get(section)?.get(key)?.get("version")?.as_str().map(str::to_owned)
            };
            of("packages", &format!("node_modules/{package}")).or_else(|| of("dependencies", package))
        }
        Kind::YarnClassic | Kind::YarnBerry => {
            let keys = [format!("{package}@{range}"), format!("{package}@npm:{range}")];
            let entries = entries(text);
            let entry = entries.iter().find(|entry| entry.keys.iter().any(|key| keys.contains(key)))?;
            entry.version().map(str::to_owned)
        }
        Kind::Pnpm => {
            let lockfile: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).ok()?;
            let root = lockfile.get("importers").and_then(|all| all.get(".")).unwrap_or(&lockfile);
            let sections = ["dependencies", "devDependencies", "optionalDependencies"];
            let found = sections.iter().find_map(|section| root.get(section)?.get(package))?;
            let version = found.as_str().or_else(|| found.get("version")?.as_str())?;
            version.split(['(', '_']).next().map(str::to_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: &str = "# yarn lockfile v1\n\n\n\"@s/a@^1.0.0\", \"@s/a@^1.0.1\":\n  version \"1.0.1\"\n  resolved \"x\"\n  dependencies:\n    version \"^9.9.9\"\n\nb@npm:c@2:\n  version \"2.0.0\"\n";
    const BERRY: &str = "__metadata:\n  version: 8\n\n\"@s/a@npm:^1.0.0, @s/a@npm:^1.0.1\":\n  version: 1.0.1\n  resolution: \"@s/a@npm:1.0.1\"\n\n\"b@npm:c@2\":\n  version: 2.0.0\n  resolution: \"c@npm:2.0.0\"\n\n\"x@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"x@workspace:.\"\n";
    const NEW_NPM: &str = r#"{"lockfileVersion":3,"packages":{"":{"version":"9.9.9"},"w":{"version":"0.0.1"},"node_modules/w":{"link":true},"node_modules/@s/a":{"version":"1.0.1"},"node_modules/b":{"name":"c","version":"2.0.0"}}}"#;
    const OLD_NPM: &str = r#"{"lockfileVersion":1,"dependencies":{"@s/a":{"version":"1.0.1","dependencies":{"b":{"version":"npm:c@2.0.0"}}}}}"#;
    const PNPM_5: &str = "lockfileVersion: 5.4\n\ndependencies:\n  '@s/a': 1.0.1_c@2.0.0\n\npackages:\n\n  /@s/a/1.0.1_c@2.0.0:\n    resolution: {integrity: x}\n    dependencies:\n      c: 2.0.0\n\n  /c/2.0.0:\n    resolution: {integrity: x}\n";
    const PNPM_9: &str = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      '@s/a':\n        specifier: ^1.0.0\n        version: 1.0.1(c@2.0.0)\n\npackages:\n\n  '@s/a@1.0.1':\n    resolution: {integrity: x}\n\n  c@2.0.0:\n    resolution: {integrity: x}\n\nsnapshots:\n\n  '@s/a@1.0.1(c@2.0.0)': {}\n\n  c@2.0.0: {}\n";

    #[test]
    fn every_format_tells_the_same() {
        for (kind, text) in [
            (Kind::YarnClassic, CLASSIC),
            (Kind::YarnBerry, BERRY),
            (Kind::Npm, NEW_NPM),
            (Kind::Npm, OLD_NPM),
            (Kind::Pnpm, PNPM_5),
            (Kind::Pnpm, &PNPM_9.replace("'@s/a@1.0.1'", "/@s/a@1.0.1(c@2.0.0)")),
            (Kind::Pnpm, PNPM_9),
        ] {
            let held = read(kind, text).unwrap();
            let told: Vec<String> =
                held.iter().map(|(name, versions)| format!("{name} {versions:?}")).collect();
            assert_eq!(told, ["@s/a {\"1.0.1\"}", "c {\"2.0.0\"}"], "{text}");
            assert_eq!(declared(kind, text, "@s/a", "^1.0.0").as_deref(), Some("1.0.1"), "{text}");
            assert_eq!(declared(kind, text, "zzz", "^1.0.0"), None);
        }
    }
}
