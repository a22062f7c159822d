//! The registries as the bump room reads them: the same cache, the same
//! filters and the same shapes of path as behind a door.

use std::time::Duration;

use base64::Engine as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Url;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio_util::bytes::Bytes;

use super::route::Route;
use super::{Ages, Gateway, Refusal, Registry};
use crate::change::Ecosystem;
use crate::failure::Failure;
use crate::packages::{Document, Packages};

impl Packages for Registry {
    fn fetch<'a>(
        &'a self,
        document: &'a Document,
        fixing: bool,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Failure>> {
        let min_age = self.least_age(if fixing { Ages::All } else { Ages::Settled });
        async move {
            let (route, short, what) = match document {
                Document::NpmArchive { name, version } => {
                    return match self.gateway.npm_archive(name, version, min_age).await {
                        Ok(body) => Ok(Some(body)),
                        Err(Refusal::NotFound) => Ok(None),
                        Err(refusal) => Err(refusal.failure(&format!("the archive of {name}@{version}"))),
                    };
                }
                Document::NpmListing { name, times } => {
                    (Route::listing(name), !times, format!("the listing of {name}"))
                }
                Document::MavenFile { path } => (Route::maven(path), false, path.clone()),
            };
            let Some(route) = route else { return Ok(None) };
            match self.gateway.get(&route, short, min_age).await {
                Ok(fetched) => Ok(Some(fetched.body)),
                Err(Refusal::NotFound) => Ok(None),
                Err(refusal) => Err(refusal.failure(&what)),
            }
        }
        .boxed()
    }

    fn address(&self, ecosystem: Ecosystem) -> Option<String> {
        let upstream = self.gateway.remote(ecosystem).get().ok()?;
        Some(upstream.root().to_owned())
    }
}

impl Gateway {
    /// The archive of one version. The listing may name another host for it,
    /// which is not asked: the path is looked up at the registry itself, as
    /// npm does it.
    async fn npm_archive(
        &self,
        name: &str,
        version: &str,
        min_age: Option<Duration>,
    ) -> Result<Bytes, Refusal> {
        let listing = Route::listing(name).ok_or(Refusal::NotFound)?;
        let listing = self.get(&listing, true, min_age).await?;
        let listing: Value = serde_json::from_slice(&listing.body)
            .map_err(|error| Refusal::Refused(format!("the listing is not JSON: {error}")))?;
        let dist = listing.get("versions").and_then(|versions| versions.get(version)?.get("dist"));
        let dist = dist.ok_or(Refusal::NotFound)?;
        let said = |key: &str| dist.get(key).and_then(Value::as_str).unwrap_or_default();
        let url = Url::parse(said("tarball")).ok();
        let route = url.and_then(|url| Route::parse(url.path()));
        let Some(route @ Route::Tarball(_)) = route else {
            return Err(Refusal::Refused("the listing names no archive".to_owned()));
        };
        let fetched = self.get(&route, true, min_age).await?;
        if !is_stated(&fetched.body, said("integrity"), said("shasum")) {
            self.cache.forget(fetched.url.as_str()).await;
            return Err(Refusal::Refused("the archive is not what the listing says".to_owned()));
        }
        Ok(fetched.body)
    }
}

/// How a hash is made of a body.
type Digest = fn(&[u8]) -> Vec<u8>;

/// Does the body have the strongest hash that the listing states? A listing
/// without any is an old one, and is taken as npm takes it.
fn is_stated(body: &[u8], integrity: &str, shasum: &str) -> bool {
    let base64 = |digest: &[u8]| base64::engine::general_purpose::STANDARD.encode(digest);
    let of = |kind: &str| -> Vec<&str> {
        let hashes = integrity.split_whitespace().filter_map(|hash| hash.strip_prefix(kind));
        // Options may follow a question mark.
        hashes.filter_map(|hash| hash.split('?').next()).collect()
    };
    let hashes: [(&str, Digest); 4] = [
        ("sha512-", |body| Sha512::digest(body).to_vec()),
        ("sha384-", |body| Sha384::digest(body).to_vec()),
        ("sha256-", |body| Sha256::digest(body).to_vec()),
        ("sha1-", |body| Sha1::digest(body).to_vec()),
    ];
    for (kind, digest) in hashes {
        let stated = of(kind);
        if !stated.is_empty() {
            return stated.contains(&&*base64(&digest(body)));
        }
    }
    // A hash that cannot be read cannot be right.
    integrity.is_empty()
        && (shasum.is_empty() || shasum.eq_ignore_ascii_case(&hex::encode(Sha1::digest(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_stated_hash_decides() {
        let sha1_hex = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let sha1 = "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
        let sha256 = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        for (integrity, shasum, right) in [
            ("", "", true),
            ("", sha1_hex, true),
            ("", "00", false),
            (sha1, "", true),
            (sha256, "00", true),
            (&*format!("{sha256}?x"), "", true),
            (&*format!("{sha1} sha256-AAAA"), "", false),
            ("sha512-AAAA", sha1_hex, false),
            ("md5-AAAA", sha1_hex, false),
        ] {
            assert_eq!(is_stated(b"abc", integrity, shasum), right, "{integrity} {shasum}");
        }
    }
}
