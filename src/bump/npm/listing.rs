//! A package's listing (its packument) as values: the versions in order, and
//! what each of them needs.
//!
//! It comes from a registry that anyone can publish to: what does not read
//! as expected is left out.

use std::collections::{BTreeMap, BTreeSet};

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Everything published of one package.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Tags such as `latest`.
    pub tags: BTreeMap<String, Version>,
    /// Ascending.
    pub releases: Vec<Release>,
    /// Versions that were there once.
    pub unpublished: BTreeSet<String>,
    /// It was read from the long form.
    pub long: bool,
}

/// One version.
#[derive(Debug, Clone, Default)]
pub struct Release {
    pub version: Version,
    /// The optional ones too.
    pub dependencies: BTreeMap<String, String>,
    pub peers: BTreeMap<String, String>,
    /// `engines.node`.
    pub engines: Option<String>,
    /// What its authors say instead of using it.
    pub deprecated: Option<String>,
    /// Where its source is, without protocol and ending.
    pub repository: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default, rename = "dist-tags")]
    tags: Value,
    #[serde(default)]
    versions: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    time: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    dependencies: Value,
    #[serde(default)]
    optional_dependencies: Value,
    #[serde(default)]
    peer_dependencies: Value,
    #[serde(default)]
    engines: Value,
    #[serde(default)]
    deprecated: Value,
    #[serde(default)]
    repository: Value,
}

impl Listing {
    /// Reads either form.
    ///
    /// # Errors
    /// It is no listing.
    pub fn read(json: &[u8], long: bool) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(json)?;
        let mut releases: Vec<Release> = document
            .versions
            .iter()
            .filter_map(|(version, raw)| release(parse_npm_version(version).ok()?, raw))
            .collect();
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        let tags = strings(&document.tags)
            .into_iter()
            .filter_map(|(tag, version)| Some((tag, parse_npm_version(&version).ok()?)))
            .collect();
        let times = document.time.as_object().into_iter().flat_map(serde_json::Map::keys);
        let unpublished =
            times.filter(|version| !document.versions.contains_key(*version)).cloned().collect();
        Ok(Self { tags, releases, unpublished, long })
    }

    /// One version of it.
    #[must_use]
    pub fn release(&self, version: &Version) -> Option<&Release> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// What `latest` points to, or else the newest stable one.
    #[must_use]
    pub fn latest(&self) -> Option<&Version> {
        let stable = || self.releases.iter().rev().map(|release| &release.version).find(|v| v.pre.is_empty());
        self.tags.get("latest").or_else(stable)
    }
}

fn release(version: Version, raw: &RawValue) -> Option<Release> {
    let manifest: Manifest = serde_json::from_str(raw.get()).ok()?;
    let mut dependencies = strings(&manifest.dependencies);
    dependencies.extend(strings(&manifest.optional_dependencies));
    let deprecated = match &manifest.deprecated {
        Value::String(why) if !why.is_empty() => Some(why.clone()),
        Value::Bool(true) => Some(String::new()),
        _ => None,
    };
    let repository = manifest.repository.get("url").unwrap_or(&manifest.repository).as_str();
    Some(Release {
        version,
        dependencies,
        peers: strings(&manifest.peer_dependencies),
        engines: manifest.engines.get("node").and_then(Value::as_str).map(str::to_owned),
        deprecated,
        repository: repository.map(plain_address),
    })
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// `git+https://host/o/r.git` and `https://host/o/r` are the same place.
fn plain_address(address: &str) -> String {
    let bare = address.rsplit("://").next().unwrap_or(address);
    let bare = bare.rsplit('@').next().unwrap_or(bare);
    bare.trim_end_matches('/').trim_end_matches(".git").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_in_order_and_what_is_broken_is_left_out() {
        let json = br#"{ "dist-tags": { "latest": "1.10.0", "next": 7 },
            "time": { "1.0.0": "x", "1.1.0": "x" },
            "versions": {
              "1.10.0": { "dependencies": { "a": "^1", "b": 2 }, "engines": ["node >=0.6"], "deprecated": "no" },
              "1.2.0": { "repository": { "url": "git+https://host/O/r.git" }, "deprecated": false, "dist": {} },
              "banana": {}, "1.0.0": 7, "2.0.0-rc.1": { "engines": { "node": ">=18" } } } }"#;
        let listing = Listing::read(json, true).unwrap();
        let versions: Vec<String> =
            listing.releases.iter().map(|release| release.version.to_string()).collect();
        assert_eq!(versions, ["1.2.0", "1.10.0", "2.0.0-rc.1"]);
        assert_eq!(listing.latest().unwrap().to_string(), "1.10.0");
        assert!(listing.unpublished.contains("1.1.0"));
        assert_eq!(listing.releases[1].dependencies.len(), 1);
        assert_eq!(listing.releases[1].deprecated.as_deref(), Some("no"));
        assert_eq!(listing.releases[0].repository.as_deref(), Some("host/o/r"));
        assert_eq!(listing.releases[2].engines.as_deref(), Some(">=18"));
        assert!(Listing::read(b"7", false).is_err());
    }
}
