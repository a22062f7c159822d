//! The settings of a `.yarnrc.yml` that decide what a lockfile says.
//!
//! The file can name a program and plugins, which yarn would start, and
//! registries with credentials. Yarn is pointed at a file of ours instead,
//! which holds the harmless settings only.

use serde_yaml_ng::{Mapping, Value};

/// Where the settings lie, outside the tree.
pub(super) const PLACE: &str = "/tmp/home/.yarnrc.yml";

/// How deep below the container's root a directory can be, at most.
const DEPTH: usize = 64;

/// The name by which yarn finds them. It looks for the name in the directory
/// that it works in and in every one above; more steps up than there are
/// levels end at the container's root, so from anywhere this is [`PLACE`] and
/// never a file of the repository.
pub(super) fn name() -> String {
    format!("{}{}", "../".repeat(DEPTH), PLACE.trim_start_matches('/'))
}

/// Settings that are data.
const KEPT: [&str; 20] = [
    "nodeLinker",
    "nmHoistingLimits",
    "nmMode",
    "nmSelfReferences",
    "packageExtensions",
    "pnpMode",
    "pnpFallbackMode",
    "pnpIgnorePatterns",
    "pnpEnableEsmLoader",
    "pnpEnableInlining",
    "supportedArchitectures",
    "compressionLevel",
    "checksumBehavior",
    "defaultProtocol",
    "defaultSemverRangePrefix",
    "defaultLanguageName",
    "catalog",
    "catalogs",
    "enableTransparentWorkspaces",
    "preferDeferredVersions",
];

/// The harmless part, as text; what cannot be read has none.
pub(super) fn harmless(yarnrc: Option<&[u8]>) -> String {
    let settings = yarnrc.and_then(read).unwrap_or_default();
    let kept: Mapping =
        settings.into_iter().filter(|(key, _)| key.as_str().is_some_and(|key| KEPT.contains(&key))).collect();
    if kept.is_empty() {
        return String::new();
    }
    serde_yaml_ng::to_string(&kept).unwrap_or_default()
}

/// The version in the name of the release that `yarnPath` leads to.
pub(super) fn release(yarnrc: &[u8]) -> Option<String> {
    let settings = read(yarnrc)?;
    let path = settings.get("yarnPath")?.as_str()?;
    let name = path.rsplit('/').next()?.strip_prefix("yarn-")?;
    let version = name.strip_suffix(".cjs").or_else(|| name.strip_suffix(".js"))?;
    deno_semver::npm::parse_npm_version(version).ok().map(|version| version.to_string())
}

fn read(yarnrc: &[u8]) -> Option<Mapping> {
    match serde_yaml_ng::from_slice(yarnrc).ok()? {
        Value::Mapping(settings) => Some(settings),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_registries_are_left_out() {
        let yarnrc = b"nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-3.2.1.cjs\nplugins:\n  - path: evil.js\nnpmRegistryServer: \"http://evil\"\npackageExtensions:\n  a@*:\n    dependencies:\n      b: 1\n";
        assert_eq!(
            harmless(Some(yarnrc)),
            "nodeLinker: node-modules\npackageExtensions:\n  a@*:\n    dependencies:\n      b: 1\n"
        );
        assert_eq!(release(yarnrc).as_deref(), Some("3.2.1"));
        for nothing in [None, Some(&b"- a"[..]), Some(b"plugins: []"), Some(b"\xff")] {
            assert_eq!(harmless(nothing), "");
        }
        assert_eq!(release(b"yarnPath: ./yarn.js"), None);
    }
}
