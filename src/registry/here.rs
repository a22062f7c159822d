//! Listings whose tarballs are fetched from here.
//!
//! A listing says at which address of the registry a tarball lies, and a
//! container reaches no registry. npm puts its own registry's host in place of
//! that one; other package managers take the address as it is. For them a
//! second root stands beside the plain one: what is asked below [`ROOT`] has
//! the gateway's addresses in it. npm is not led there, because it would write
//! them into the lockfile.

use reqwest::Url;
use serde_json::Value;
use tokio_util::bytes::Bytes;

use super::Refusal;
use super::upstream::Fetched;

/// No package has such a name: registries keep `/-/` for themselves.
const ROOT: &str = "/-/here";

/// The path below [`ROOT`], when it is one.
pub(super) fn asked(path: &str) -> Option<&str> {
    path.strip_prefix(ROOT).filter(|rest| rest.starts_with('/'))
}

/// Points every version's tarball here.
pub(super) fn point(mut fetched: Fetched) -> Result<Fetched, Refusal> {
    let mut listing: Value = serde_json::from_slice(&fetched.body)
        .map_err(|error| Refusal::Refused(format!("the listing is not JSON: {error}")))?;
    let root = root_path(&listing, &fetched.url);
    let versions = listing.get_mut("versions").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, version) in versions {
        let Some(tarball) = version.get_mut("dist").and_then(|dist| dist.get_mut("tarball")) else {
            continue;
        };
        let path = tarball.as_str().and_then(|text| Url::parse(text).ok()).map(|url| url.path().to_owned());
        // What is no address stays, and cannot be fetched.
        let Some(path) = path else { continue };
        let path = path.strip_prefix(&root).unwrap_or(&path).trim_start_matches('/');
        *tarball = Value::String(format!("http://127.0.0.1:{}{ROOT}/{path}", toolbox::api::GATEWAY_PORT));
    }
    fetched.body = Bytes::from(listing.to_string());
    Ok(fetched)
}

/// The registry's own path, which its tarballs have in front: the listing's
/// address without the package's name.
fn root_path(listing: &Value, url: &Url) -> String {
    let name = listing.get("name").and_then(Value::as_str).unwrap_or_default();
    let path = url.path();
    path.strip_suffix(&name.replace('/', "%2f")).or_else(|| path.strip_suffix(name)).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointed(url: &str, name: &str, tarball: &str) -> String {
        let listing = json!({ "name": name, "versions": { "1.0.0": { "dist": { "tarball": tarball } } } });
        let body = Bytes::from(listing.to_string());
        let fetched = point(Fetched::from_cache(
            Url::parse(url).unwrap(),
            body,
            crate::registry::upstream::Stated::default(),
        ))
        .unwrap();
        let listing: Value = serde_json::from_slice(&fetched.body).unwrap();
        listing["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap().to_owned()
    }

    #[test]
    fn only_the_second_root_is_one() {
        assert_eq!(asked("/-/here/@s%2fms"), Some("/@s%2fms"));
        for plain in ["/ms", "/-/hereabouts", "/-/here", "/x/-/here/ms"] {
            assert_eq!(asked(plain), None, "{plain}");
        }
    }

    #[test]
    fn tarballs_lie_where_the_package_manager_expects_them() {
        for (url, name, tarball, path) in [
            ("https://r.test/ms", "ms", "https://r.test/ms/-/ms-1.0.0.tgz", "ms/-/ms-1.0.0.tgz"),
            ("https://r.test/@s%2fa", "@s/a", "https://r.test/@s/a/-/a-1.0.0.tgz", "@s/a/-/a-1.0.0.tgz"),
            ("https://r.test/npm/x/ms", "ms", "https://r.test/npm/x/ms/-/ms-1.tgz", "ms/-/ms-1.tgz"),
            ("https://r.test/ms", "ms", "http://cdn.test/deep/ms/-/ms-1.tgz", "deep/ms/-/ms-1.tgz"),
        ] {
            assert_eq!(pointed(url, name, tarball), format!("http://127.0.0.1:4873/-/here/{path}"), "{url}");
        }
        assert_eq!(pointed("https://r.test/ms", "ms", "not an address"), "not an address");
    }
}
