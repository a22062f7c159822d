//! What a manifest writes behind a package's name: a range, an alias, a tag,
//! or something that does not come from the registry.

use deno_semver::npm::parse_npm_version_req;
use deno_semver::{RangeSetOrTag, Version};

/// Starts of specifiers that are not looked up in a registry.
const ELSEWHERE: [&str; 16] = [
    "git:",
    "git+",
    "git@",
    "github:",
    "gitlab:",
    "bitbucket:",
    "gist:",
    "http:",
    "https:",
    "file:",
    "link:",
    "portal:",
    "workspace:",
    "patch:",
    "exec:",
    "./",
];

/// A repository, a directory, an address, a package of the same repository.
pub fn is_elsewhere(spec: &str) -> bool {
    let spec = spec.trim();
    let registry = spec.starts_with("npm:") || spec.starts_with("catalog:");
    ELSEWHERE.iter().any(|start| spec.starts_with(start))
        // `owner/repository`.
        || (!registry && spec.contains('/'))
}

/// The package that an alias such as `npm:other@^1` stands for.
pub fn alias(spec: &str) -> Option<&str> {
    let rest = spec.trim().strip_prefix("npm:")?;
    let at = rest.get(1..).and_then(|tail| tail.find('@')).and_then(|at| at.checked_add(1));
    match at {
        Some(at) => rest.get(..at),
        None => rest.starts_with('@').then_some(rest).filter(|rest| rest.contains('/')),
    }
}

/// The range alone.
fn range(spec: &str) -> &str {
    let spec = spec.trim();
    match (spec.strip_prefix("npm:"), alias(spec)) {
        (Some(rest), Some(name)) => {
            rest.strip_prefix(name).and_then(|tail| tail.strip_prefix('@')).unwrap_or("*")
        }
        (Some(rest), None) => rest,
        (None, _) => spec,
    }
}

/// Does the range allow this version? A tag allows what it is moved to, and
/// what does not come from the registry allows nothing.
pub fn admits(spec: &str, version: &Version) -> bool {
    if is_elsewhere(spec) {
        return false;
    }
    match parse_npm_version_req(range(spec)) {
        Ok(parsed) => match parsed.inner() {
            RangeSetOrTag::RangeSet(set) => set.satisfies(version),
            RangeSetOrTag::Tag(tag) => !tag.contains(':'),
        },
        Err(_not_a_range) => false,
    }
}

/// Versions that a caret range of `from` would allow: the same major, and
/// below 1.0.0 the same minor.
pub fn same_line(from: &Version, to: &Version) -> bool {
    from.major == to.major && (from.major > 0 || from.minor == to.minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deno_semver::npm::parse_npm_version;

    #[test]
    fn a_specifier_says_what_it_allows() {
        for (spec, version, allowed) in [
            ("^1.2.0", "1.9.0", true),
            ("npm:^1.2.0", "1.9.0", true),
            ("npm:other@^1.2.0", "1.9.0", true),
            ("npm:@s/other@^1.2.0", "2.0.0", false),
            ("npm:other", "2.0.0", true),
            ("", "2.0.0", true),
            ("latest", "2.0.0", true),
            ("catalog:", "2.0.0", false),
            ("workspace:*", "2.0.0", false),
            ("owner/repository", "2.0.0", false),
            ("git+ssh://git@host/x", "2.0.0", false),
            ("~2.5.0", "4.1.3", false),
            ("1 || 2", "2.0.0", true),
        ] {
            assert_eq!(admits(spec, &parse_npm_version(version).unwrap()), allowed, "{spec} {version}");
        }
        assert_eq!(alias("npm:@s/other@^1"), Some("@s/other"));
        assert_eq!(alias("npm:^1"), None);
    }
}
