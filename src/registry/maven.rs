//! The Maven repository behind the gateway: files of releases, which never
//! change, and metadata, which does.
//!
//! A file is compared with the SHA-1 that the repository states for it, once,
//! when it comes in. Metadata is handed on without versions that are too
//! young; its checksum is our own, of what was handed on.

use std::time::Duration;

use sha1::{Digest as _, Sha1};
use tokio_util::bytes::Bytes;

use super::upstream::{Fetched, Stated};
use super::{Gateway, Refusal};
use crate::clock::Clock;

/// Endings of files that say something about another file.
const CHECKSUMS: [&str; 4] = [".sha1", ".md5", ".sha256", ".sha512"];
/// Versions that are looked at, from the newest on, to find young ones.
const LOOKED_AT: usize = 12;

/// Is the file one that a build takes in, and not a statement about one?
pub(super) fn is_artefact(path: &str) -> bool {
    !path.ends_with(".asc") && !CHECKSUMS.iter().any(|ending| path.ends_with(ending))
}

/// The SHA-1 of a body, as Maven's own files state it.
pub(super) fn sha1(body: &[u8]) -> String {
    hex::encode(Sha1::digest(body))
}

impl Gateway {
    /// A file of a release.
    pub(super) async fn maven_file(&self, path: &str) -> Result<Fetched, Refusal> {
        let upstream = self.maven.get()?;
        let fetched = self.artefact(upstream, upstream.at(path)).await?;
        if fetched.from_cache || fetched.stated.sha1.is_some() || !is_artefact(path) {
            return Ok(fetched);
        }
        // The answer said nothing about itself, so its checksum's file does.
        let stated = match self.artefact(upstream, upstream.at(&format!("{path}.sha1"))).await {
            Ok(stated) => stated,
            Err(Refusal::NotFound) => return Ok(fetched),
            Err(refusal) => return Err(refusal),
        };
        let text = String::from_utf8_lossy(&stated.body);
        let stated = text.split_whitespace().next().unwrap_or_default();
        if stated.len() == 40 && !stated.eq_ignore_ascii_case(&sha1(&fetched.body)) {
            self.cache.forget(fetched.url.as_str()).await;
            return Err(Refusal::Refused("the answer is not what its checksum says".to_owned()));
        }
        Ok(fetched)
    }

    /// Metadata, or a file of a snapshot.
    pub(super) async fn maven_listing(
        &self,
        path: &str,
        min_age: Option<Duration>,
    ) -> Result<Fetched, Refusal> {
        let upstream = self.maven.get()?;
        let is_metadata = path.contains("/maven-metadata.xml");
        if is_metadata && let Some(metadata) = path.strip_suffix(".sha1") {
            let mut fetched = Box::pin(self.maven_listing(metadata, min_age)).await?;
            fetched.body = Bytes::from(sha1(&fetched.body));
            return Ok(fetched);
        }
        if is_metadata && !path.ends_with(".xml") {
            return Err(Refusal::NotFound);
        }
        let mut fetched = self.listing(upstream, upstream.at(path), None).await?;
        if let (true, Some(min_age)) = (is_metadata, min_age) {
            let young = self.young(path, &fetched, min_age).await?;
            if !young.is_empty() {
                fetched.body = hide(&fetched.body, &young);
                fetched.stated = Stated::default();
            }
        }
        Ok(fetched)
    }

    /// The versions in a piece of metadata that are younger than `min_age`:
    /// the time of a version is the one of its pom.
    async fn young(&self, path: &str, metadata: &Fetched, min_age: Duration) -> Result<Vec<String>, Refusal> {
        let Some(dir) = path.strip_suffix("/maven-metadata.xml") else { return Ok(Vec::new()) };
        let artifact = dir.rsplit('/').next().unwrap_or_default();
        let limit =
            Clock.now().as_second().saturating_sub(i64::try_from(min_age.as_secs()).unwrap_or(i64::MAX));
        let mut young = Vec::new();
        // Metadata lists versions as they were published, the newest last.
        for version in versions(&metadata.body).into_iter().rev().take(LOOKED_AT) {
            if version.ends_with("-SNAPSHOT") {
                continue;
            }
            let pom = format!("{dir}/{version}/{artifact}-{version}.pom");
            let modified = match self.maven_file(&pom).await {
                Ok(pom) => pom.stated.modified,
                Err(Refusal::NotFound) => None,
                Err(refusal) => return Err(refusal),
            };
            // A version without a date is taken for a young one.
            if modified.is_some_and(|at| at <= limit) {
                break;
            }
            young.push(version);
        }
        Ok(young)
    }
}

fn versions(metadata: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(metadata);
    let Ok(document) = roxmltree::Document::parse(&text) else { return Vec::new() };
    let found = document.descendants().filter(|node| node.has_tag_name("version"));
    let listed = found.filter(|node| node.parent().is_some_and(|parent| parent.has_tag_name("versions")));
    listed.filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
}

/// The metadata without the lines of these versions; `latest` and `release`
/// name the last one that is left.
fn hide(metadata: &[u8], young: &[String]) -> Bytes {
    let text = String::from_utf8_lossy(metadata);
    let left = versions(metadata).into_iter().rev().find(|version| !young.contains(version));
    let mut shown = text.into_owned();
    for version in young {
        shown = shown.replace(&format!("<version>{version}</version>"), "");
        for tag in ["latest", "release"] {
            let replacement = left.as_ref().map(|left| format!("<{tag}>{left}</{tag}>")).unwrap_or_default();
            shown = shown.replace(&format!("<{tag}>{version}</{tag}>"), &replacement);
        }
    }
    Bytes::from(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_loses_what_is_young() {
        let metadata = "<metadata><versioning><latest>3.0</latest><release>3.0</release><versions>\
            <version>1.0</version><version>2.0</version><version>3.0</version></versions></versioning></metadata>";
        let shown = hide(metadata.as_bytes(), &["3.0".to_owned()]);
        let shown = String::from_utf8(shown.to_vec()).unwrap();
        assert_eq!(versions(shown.as_bytes()), ["1.0", "2.0"]);
        assert!(shown.contains("<latest>2.0</latest><release>2.0</release>"), "{shown}");
    }
}
