//! Temporary manifests and lockfiles that leave a package manager no choice.
//!
//! They never outlive the first of two relocks: the second has the manifests
//! as they are to be, and keeps what the lockfile then holds.

use deno_semver::npm::{parse_npm_version, parse_npm_version_req};
use serde_json::{Map, Value, json};

use crate::bump::npm::Pin;
use crate::manager::addresses::descriptor;

const SECTIONS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];
/// Names that no package of a registry has.
const ALIAS: &str = "chaperone-pin-";

/// May this range be this version?
pub(super) fn admits(range: &str, version: &str) -> bool {
    match (parse_npm_version_req(range), parse_npm_version(version)) {
        (Ok(range), Ok(version)) => range.tag().is_none() && range.matches(&version),
        _ => false,
    }
}

/// The ranges of the pinned package in the manifest that admit the pin.
pub(super) fn declarations(manifest: &str, pin: &Pin) -> Vec<String> {
    let manifest: Value = serde_json::from_str(bare(manifest)).unwrap_or_default();
    SECTIONS
        .iter()
        .filter_map(|section| manifest.get(*section)?.get(&pin.package)?.as_str())
        .filter(|range| admits(range, &pin.version))
        .map(str::to_owned)
        .collect()
}

fn bare(manifest: &str) -> &str {
    manifest.trim_start_matches('\u{feff}')
}

fn parse(manifest: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(bare(manifest)).ok()? {
        Value::Object(manifest) => Some(manifest),
        _ => None,
    }
}

/// The manifest with exact versions wherever a range admits a pin.
pub(super) fn exact(manifest: &str, pins: &[Pin]) -> Option<String> {
    let mut manifest = parse(manifest)?;
    for section in SECTIONS {
        let Some(section) = manifest.get_mut(section).and_then(Value::as_object_mut) else { continue };
        for pin in pins {
            let Some(range) = section.get_mut(&pin.package) else { continue };
            if range.as_str().is_some_and(|range| admits(range, &pin.version)) {
                *range = Value::String(pin.version.clone());
            }
        }
    }
    Some(Value::Object(manifest).to_string())
}

/// The root manifest with an override for every pin that the root does not
/// declare itself. npm applies one only where the range admits the version.
pub(super) fn with_npm_overrides(manifest: &str, pins: &[Pin]) -> Option<String> {
    let mut manifest = parse(manifest)?;
    let direct = |manifest: &Map<String, Value>, pin: &Pin| {
        SECTIONS
            .iter()
            .any(|section| manifest.get(*section).is_some_and(|all| all.get(&pin.package).is_some()))
    };
    let pins: Vec<&Pin> = pins.iter().filter(|pin| !direct(&manifest, pin)).collect();
    let overrides = manifest.entry("overrides").or_insert_with(|| json!({})).as_object_mut()?;
    for Pin { package, version, under, .. } in pins {
        match under {
            Some(parent) => pin_under(overrides, parent, package, version),
            None => {
                overrides.insert(format!("{package}@{version}"), Value::String(version.clone()));
            }
        }
    }
    Some(Value::Object(manifest).to_string())
}

/// Below one parent: an override of the plan's own becomes exact for the first
/// relock, and one that the plan does without is there for it alone.
fn pin_under(overrides: &mut Map<String, Value>, parent: &str, package: &str, version: &str) {
    let of_parent =
        |key: &str| key == parent || key.strip_prefix(parent).is_some_and(|rest| rest.starts_with('@'));
    let exact = Value::String(version.to_owned());
    let mut is_there = false;
    for below in
        overrides.iter_mut().filter(|(key, _)| of_parent(key)).filter_map(|(_, below)| below.as_object_mut())
    {
        if let Some(range) = below.get_mut(package) {
            *range = exact.clone();
            is_there = true;
        }
    }
    if !is_there && let Some(below) = overrides.entry(parent).or_insert_with(|| json!({})).as_object_mut() {
        below.insert(package.to_owned(), exact);
    }
}

/// The root manifest with every pin that it does not declare as a dependency
/// of its own, for an npm that knows no overrides: what it puts at the top is
/// then shared by all whose range admits it.
pub(super) fn with_direct(manifest: &str, pins: &[Pin]) -> Option<String> {
    let mut manifest = parse(manifest)?;
    for Pin { package, version, .. } in pins {
        let declared = SECTIONS
            .iter()
            .any(|section| manifest.get(*section).is_some_and(|all| all.get(package.as_str()).is_some()));
        if !declared {
            let section = manifest.entry("dependencies").or_insert_with(|| json!({})).as_object_mut()?;
            section.insert(package.clone(), Value::String(version.clone()));
        }
    }
    Some(Value::Object(manifest).to_string())
}

/// The root manifest with pnpm's overrides in it.
pub(super) fn with_pnpm_overrides(manifest: &str, pins: &[Pin]) -> Option<String> {
    let mut manifest = parse(manifest)?;
    let pnpm = manifest.entry("pnpm").or_insert_with(|| json!({})).as_object_mut()?;
    let overrides = pnpm.entry("overrides").or_insert_with(|| json!({})).as_object_mut()?;
    for pin in pins {
        overrides.insert(pnpm_key(pin), Value::String(pin.version.clone()));
    }
    Some(Value::Object(manifest).to_string())
}

/// What pnpm calls the copies of a pin: those below one parent, or those in
/// the version's own line.
fn pnpm_key(pin: &Pin) -> String {
    match (&pin.under, &pin.replaces) {
        (Some(parent), _) => format!("{parent}>{}", pin.package),
        // Only declarations that admit the version, and none of another line.
        (None, _) => format!("{}@{}", pin.package, pin.version),
    }
}

/// `pnpm-workspace.yaml` with overrides in it.
pub(super) fn with_workspace_overrides(yaml: &str, pins: &[Pin]) -> String {
    let lines: String = pins.iter().map(|pin| format!("  '{}': {}\n", pnpm_key(pin), pin.version)).collect();
    let head = "overrides:";
    let at = yaml.lines().position(|line| line.trim_end() == head);
    let Some(at) = at else {
        let gap = if yaml.is_empty() || yaml.ends_with('\n') { "" } else { "\n" };
        return format!("{yaml}{gap}{head}\n{lines}");
    };
    let before: String = yaml.split_inclusive('\n').take(at + 1).collect();
    let after: String = yaml.split_inclusive('\n').skip(at + 1).collect();
    format!("{}\n{lines}{after}", before.trim_end())
}

/// The root manifest with every pin as an alias: a yarn of the first line then
/// writes an entry of exactly that version, and nothing else moves.
pub(super) fn with_aliases(manifest: &str, pins: &[Pin]) -> Option<String> {
    let mut manifest = parse(manifest)?;
    let section = manifest.entry("devDependencies").or_insert_with(|| json!({})).as_object_mut()?;
    for (number, Pin { package, version, .. }) in pins.iter().enumerate() {
        section.insert(format!("{ALIAS}{number}"), Value::String(format!("npm:{package}@{version}")));
    }
    Some(Value::Object(manifest).to_string())
}

/// The pinned package and version behind an alias's key.
pub(super) fn alias(key: &str) -> Option<(&str, &str)> {
    let (name, range) = descriptor(key)?;
    name.strip_prefix(ALIAS)?;
    descriptor(range.strip_prefix("npm:")?)
}

/// npm's lockfile without the entries that the pins replace: npm keeps what
/// is there, whatever the overrides say. Other copies of a pinned package
/// stay, or npm would choose for them afresh.
pub(super) fn without(lockfile: &str, pins: &[Pin]) -> Option<String> {
    let mut lockfile: Value = serde_json::from_str(lockfile).ok()?;
    if let Some(packages) = lockfile.get_mut("packages").and_then(Value::as_object_mut) {
        packages.retain(|path, entry| match path.rsplit_once("node_modules/") {
            Some((above, name)) => !replaced(pins, name, entry, !above.contains("node_modules/")),
            None => true,
        });
    }
    forget(&mut lockfile, pins, true);
    serde_json::to_string_pretty(&lockfile).ok()
}

fn forget(parent: &mut Value, pins: &[Pin], own: bool) {
    let Some(dependencies) = parent.get_mut("dependencies").and_then(Value::as_object_mut) else { return };
    dependencies.retain(|name, entry| !replaced(pins, name, entry, own));
    for (_, entry) in dependencies.iter_mut() {
        forget(entry, pins, false);
    }
}

/// Does a pin replace this entry? `own` is where the repository's manifests
/// find it.
fn replaced(pins: &[Pin], name: &str, entry: &Value, own: bool) -> bool {
    let version = entry.get("version").and_then(Value::as_str);
    pins.iter().filter(|pin| pin.package == name && version != Some(pin.version.as_str())).any(|pin| {
        match &pin.replaces {
            Some(from) => version == Some(from.as_str()),
            None => own,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> Vec<Pin> {
        vec![
            Pin { package: "a".into(), version: "1.2.0".into(), ..Pin::default() },
            Pin { package: "@s/b".into(), version: "2.0.0".into(), ..Pin::default() },
        ]
    }

    #[test]
    fn only_ranges_that_admit_the_version_become_exact() {
        let manifest = r#"{"dependencies":{"a":"^1.0.0","c":"^1.0.0"},"devDependencies":{"@s/b":"^1.0.0"}}"#;
        assert_eq!(
            exact(manifest, &pins()).unwrap(),
            r#"{"dependencies":{"a":"1.2.0","c":"^1.0.0"},"devDependencies":{"@s/b":"^1.0.0"}}"#
        );
        for (range, yes) in [
            ("^1.0.0", true),
            ("1.x", true),
            ("~1.1.0", false),
            ("latest", false),
            ("npm:a@1", false),
            ("file:.", false),
        ] {
            assert_eq!(admits(range, "1.2.0"), yes, "{range}");
        }
    }

    #[test]
    fn npm_overrides_only_what_the_root_does_not_declare() {
        let manifest = r#"{"dependencies":{"a":"1.2.0"},"overrides":{"x":"1.0.0"}}"#;
        assert_eq!(
            with_npm_overrides(manifest, &pins()).unwrap(),
            r#"{"dependencies":{"a":"1.2.0"},"overrides":{"x":"1.0.0","@s/b@2.0.0":"2.0.0"}}"#
        );
    }

    #[test]
    fn pnpms_overrides_go_where_its_version_reads_them() {
        assert_eq!(
            with_pnpm_overrides("{}", &pins()).unwrap(),
            r#"{"pnpm":{"overrides":{"a@1.2.0":"1.2.0","@s/b@2.0.0":"2.0.0"}}}"#
        );
        let added = "overrides:\n  'a@1.2.0': 1.2.0\n  '@s/b@2.0.0': 2.0.0\n";
        assert_eq!(with_workspace_overrides("", &pins()), added);
        assert_eq!(
            with_workspace_overrides("packages:\n  - p", &pins()),
            format!("packages:\n  - p\n{added}")
        );
        assert_eq!(
            with_workspace_overrides("overrides:\n  c: 1.0.0\n", &pins()),
            format!("{added}  c: 1.0.0\n")
        );
    }

    #[test]
    fn an_alias_is_known_again() {
        let manifest = with_aliases("{}", &pins()).unwrap();
        assert!(manifest.contains(r#""chaperone-pin-1":"npm:@s/b@2.0.0""#), "{manifest}");
        assert_eq!(alias("chaperone-pin-1@npm:@s/b@2.0.0"), Some(("@s/b", "2.0.0")));
        assert_eq!(alias("b@npm:@s/b@2.0.0"), None);
    }

    #[test]
    fn a_pin_below_one_parent_overrides_there_alone() {
        let pins = [Pin {
            package: "a".into(),
            version: "1.2.6".into(),
            replaces: Some("1.2.5".into()),
            under: Some("p".into()),
        }];
        for (before, after) in [
            ("{}", r#"{"overrides":{"p":{"a":"1.2.6"}}}"#),
            (r#"{"overrides":{"p":{"a":"^1.2.6"}}}"#, r#"{"overrides":{"p":{"a":"1.2.6"}}}"#),
            (r#"{"overrides":{"p@1":{"a":"^1.2.6"}}}"#, r#"{"overrides":{"p@1":{"a":"1.2.6"}}}"#),
            (r#"{"overrides":{"p":"1.0.0"}}"#, r#"{"overrides":{"p":"1.0.0"}}"#),
        ] {
            assert_eq!(with_npm_overrides(before, &pins).unwrap(), after);
        }
    }

    #[test]
    fn npms_lockfile_forgets_only_what_a_pin_replaces() {
        let lockfile = r#"{"packages":{"":{},"node_modules/a":{"version":"1.0.0"},"node_modules/c/node_modules/a":{"version":"0.9.0"},"w/node_modules/a":{"version":"1.1.0"}},"dependencies":{"a":{"version":"1.0.0"},"c":{"version":"1.0.0","dependencies":{"a":{"version":"0.9.0"}}}}}"#;
        let left = |replaces: Option<&str>| {
            let replaces = replaces.map(str::to_owned);
            let pin = Pin { package: "a".into(), version: "1.2.0".into(), replaces, under: None };
            let left: Value = serde_json::from_str(&without(lockfile, &[pin]).unwrap()).unwrap();
            let paths: Vec<String> = left["packages"].as_object().unwrap().keys().cloned().collect();
            (paths.join(" "), left["dependencies"].to_string())
        };
        // What the repository asks for itself.
        assert_eq!(
            left(None),
            (
                " node_modules/c/node_modules/a".to_owned(),
                r#"{"c":{"version":"1.0.0","dependencies":{"a":{"version":"0.9.0"}}}}"#.to_owned()
            )
        );
        assert_eq!(
            left(Some("0.9.0")),
            (
                " node_modules/a w/node_modules/a".to_owned(),
                r#"{"a":{"version":"1.0.0"},"c":{"version":"1.0.0","dependencies":{}}}"#.to_owned()
            )
        );
    }
}
