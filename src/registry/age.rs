//! The release-age filter: young versions are left out of a listing.
//!
//! Most malicious releases are found within days; who waits does not get
//! them.

use std::time::Duration;

use deno_semver::npm::parse_npm_version;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::bytes::Bytes;

use super::Refusal;
use super::upstream::Fetched;
use crate::clock::Clock;

/// The listing without the versions that are younger than `age`.
pub(super) fn hide_young(mut fetched: Fetched, age: Duration) -> Result<Fetched, Refusal> {
    let mut listing: Value = serde_json::from_slice(&fetched.body)
        .map_err(|error| Refusal::Refused(format!("the listing is not JSON: {error}")))?;
    hide(&mut listing, Clock.now(), age);
    fetched.body = Bytes::from(listing.to_string());
    Ok(fetched)
}

fn hide(listing: &mut Value, now: Timestamp, age: Duration) {
    let times = listing.get("time").cloned().unwrap_or_default();
    // A version without a date is taken for a young one.
    let old = |version: &str| {
        times
            .get(version)
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<Timestamp>().ok())
            .is_some_and(|at| {
                now.as_second() - at.as_second() >= i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
            })
    };
    let Some(versions) = listing.get_mut("versions").and_then(Value::as_object_mut) else { return };
    versions.retain(|version, _| old(version));
    let newest = versions
        .keys()
        .filter_map(|version| parse_npm_version(version).ok())
        .filter(|version| version.pre.is_empty())
        .max()
        .map(|version| version.to_string());
    let left: Vec<String> = versions.keys().cloned().collect();
    if let Some(tags) = listing.get_mut("dist-tags").and_then(Value::as_object_mut) {
        tags.retain(|_, version| {
            version.as_str().is_some_and(|version| left.iter().any(|left| left == version))
        });
        if let (false, Some(newest)) = (tags.contains_key("latest"), newest) {
            tags.insert("latest".to_owned(), Value::String(newest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_young_release_is_not_the_latest() {
        let mut listing = json!({
            "dist-tags": { "latest": "2.0.0", "next": "1.1.0" },
            "versions": { "1.0.0": {}, "1.1.0": {}, "2.0.0": {}, "2.1.0-rc.1": {} },
            "time": { "1.0.0": "2026-01-01T00:00:00Z", "1.1.0": "2026-01-02T00:00:00Z", "2.0.0": "2026-01-09T00:00:00Z" },
        });
        hide(&mut listing, "2026-01-10T00:00:00Z".parse().unwrap(), Duration::from_secs(3 * 86_400));
        assert_eq!(listing["versions"].as_object().unwrap().keys().collect::<Vec<_>>(), ["1.0.0", "1.1.0"]);
        assert_eq!(listing["dist-tags"], json!({ "next": "1.1.0", "latest": "1.1.0" }));
    }
}
