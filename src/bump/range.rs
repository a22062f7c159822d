//! Ranges as people write them in a manifest.

use deno_semver::Version;
use deno_semver::npm::{parse_npm_version, parse_npm_version_req};

/// The same kind of range, from `target` on; `None` for a kind that is not
/// edited: several ranges, wildcards, tags, addresses, aliases.
pub(super) fn raise(range: &str, target: &Version) -> Option<String> {
    let trimmed = range.trim();
    let (mark, version) =
        ["^", "~", ">=", "=", ""].iter().find_map(|mark| Some((*mark, trimmed.strip_prefix(mark)?)))?;
    let bare = version.trim_start().trim_start_matches('v');
    let whole = parse_npm_version(bare).is_ok();
    let short =
        !bare.is_empty() && bare.split('.').all(|part| part.parse::<u64>().is_ok()) && !mark.is_empty();
    (whole || short).then(|| format!("{mark}{target}"))
}

/// The version that npm takes for `range`.
pub(super) fn newest(range: &str, versions: impl Iterator<Item = Version>) -> Option<Version> {
    let range = parse_npm_version_req(range).ok()?;
    versions.filter(|version| range.matches(version)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_keeps_its_mark() {
        let target = parse_npm_version("4.3.0").unwrap();
        for (range, raised) in [
            ("^3.0.8", Some("^4.3.0")),
            ("~3.0", Some("~4.3.0")),
            ("3.0.8", Some("4.3.0")),
            ("=3.0.8", Some("=4.3.0")),
            (">=3", Some(">=4.3.0")),
            ("v3.0.8", Some("4.3.0")),
            ("3.x", None),
            ("3", None),
            ("*", None),
            ("latest", None),
            ("1 || 2", None),
            (">=1 <4", None),
            ("1 - 2", None),
            ("npm:other@1", None),
            ("workspace:*", None),
            ("file:../a", None),
            ("git+ssh://git@x/y", None),
            ("", None),
        ] {
            assert_eq!(raise(range, &target).as_deref(), raised, "{range}");
        }
    }
}
