//! Which image a repository's commands run in.

use deno_semver::npm::{parse_npm_version, parse_npm_version_req};
use serde_json::Value;

/// The images that exist, as the operator configured them.
#[derive(Debug, Clone)]
pub struct Images {
    /// `{major}` stands for the Node major.
    pub pattern: String,
    pub majors: Vec<u64>,
    pub default: u64,
}

impl Images {
    /// The image for a repository with this `.nvmrc` and `package.json`. The
    /// pinned major wins; then the default, when `engines.node` allows it;
    /// then the newest major that it allows.
    #[must_use]
    pub fn choose(&self, nvmrc: Option<&[u8]>, manifest: Option<&[u8]>) -> String {
        let major = nvmrc
            .and_then(pinned_major)
            .filter(|major| self.majors.contains(major))
            .or_else(|| self.by_engines(manifest?))
            .unwrap_or(self.default);
        self.pattern.replace("{major}", &major.to_string())
    }

    fn by_engines(&self, manifest: &[u8]) -> Option<u64> {
        let manifest: Value = serde_json::from_slice(manifest).ok()?;
        let range = manifest.get("engines")?.get("node")?.as_str()?;
        let range = parse_npm_version_req(range).ok()?;
        // An image carries the newest release of its major, so a range is
        // asked about a late one.
        let allowed = |major: &u64| {
            parse_npm_version(&format!("{major}.999.0")).is_ok_and(|version| range.matches(&version))
        };
        if allowed(&self.default) {
            return Some(self.default);
        }
        self.majors.iter().copied().filter(|major| allowed(major)).max()
    }
}

/// `v20.11.1`, `20`, `20.x`; names such as `lts/iron` are not looked up.
fn pinned_major(nvmrc: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(nvmrc).ok()?.trim();
    text.trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(nvmrc: Option<&str>, manifest: &str) -> String {
        let images = Images { pattern: "node{major}".into(), majors: vec![18, 20, 22, 24], default: 22 };
        images.choose(nvmrc.map(str::as_bytes), Some(manifest.as_bytes()))
    }

    #[test]
    fn the_pinned_major_wins_then_engines_then_the_default() {
        let engines = |range: &str| format!(r#"{{"engines":{{"node":"{range}"}}}}"#);
        assert_eq!(choose(Some("v20.11.1\n"), &engines(">=18")), "node20");
        assert_eq!(choose(Some("lts/iron"), &engines("^18.0.0 || ^20.0.0")), "node20");
        assert_eq!(choose(Some("16"), "{}"), "node22");
        assert_eq!(choose(None, &engines(">=18")), "node22");
        assert_eq!(choose(None, &engines("^18.17")), "node18");
        assert_eq!(choose(None, "not json"), "node22");
    }
}
