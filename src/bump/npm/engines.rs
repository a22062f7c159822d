//! Does the new version run on the repository's Node?
//!
//! On the image that runs its checks, and on the oldest Node that the
//! repository promises its own users.

use deno_semver::npm::parse_npm_version_req;
use deno_semver::{RangeBound, RangeSetOrTag, Version};

use super::spec;
use crate::runtime::Runtime;
use crate::text::head;

/// Bytes of a range that are shown.
const SHOWN: usize = 80;

/// Why a release with these `engines` does not run: `needs Node >=22, this
/// repository runs on 18`. `None` when it does, or says nothing that can be
/// read: npm itself only warns.
///
/// What the version `in_place` breaks already is no reason against a new one.
#[must_use]
pub fn misfit(engines: Option<&str>, in_place: Option<&str>, runtime: &Runtime) -> Option<String> {
    let Runtime::Node { major, engines: own } = runtime else { return None };
    let needs = engines.filter(|needs| is_range(needs) && in_place != Some(needs))?;
    // An image holds the last release of its major.
    if !spec::admits(needs, &last_of(*major)) {
        return Some(format!("needs Node {}, this repository runs on {major}", head(needs, SHOWN)));
    }
    let own = own.as_deref()?;
    let breaks = |needs: &str| is_range(needs) && minimum(own).is_some_and(|min| !spec::admits(needs, &min));
    (breaks(needs) && !in_place.is_some_and(breaks)).then(|| {
        format!("needs Node {}, this repository promises to run on {}", head(needs, SHOWN), head(own, SHOWN))
    })
}

fn last_of(major: u64) -> Version {
    Version { major, minor: 99, patch: 99, ..Version::default() }
}

fn is_range(text: &str) -> bool {
    matches!(parse_npm_version_req(text).map(|parsed| parsed.inner().clone()), Ok(RangeSetOrTag::RangeSet(_)))
}

/// The oldest Node of a range. `>=18` means "Node 18", not its very first
/// release.
fn minimum(range: &str) -> Option<Version> {
    let parsed = parse_npm_version_req(range).ok()?;
    let RangeSetOrTag::RangeSet(set) = parsed.inner() else { return None };
    let starts = set.0.iter().map(|one| match &one.start {
        RangeBound::Version(bound) => Some(bound.version.clone()),
        RangeBound::Unbounded => None,
    });
    let lowest = starts.collect::<Option<Vec<Version>>>()?.into_iter().min()?;
    Some(if lowest.minor == 0 && lowest.patch == 0 { last_of(lowest.major) } else { lowest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_must_run_on_the_image_and_on_what_the_repository_promises() {
        for (needs, major, own, fits) in [
            (Some(">=22"), 18, None, false),
            (Some(">=18.17"), 18, None, true),
            (Some("^18.17.0 || >=20"), 18, None, true),
            (Some("^18.17.0 || >=20"), 19, None, false),
            (Some(">=18"), 20, Some(">=14"), false),
            (Some(">=18.12"), 20, Some(">=18"), true),
            (Some(">=18.12"), 20, Some(">=18.4.0"), false),
            (Some(">=18"), 20, Some("18 || 20"), true),
            (Some(">=18"), 20, Some("*"), true),
            (Some("nonsense:"), 20, Some(">=14"), true),
            (None, 20, Some(">=14"), true),
        ] {
            let runtime = Runtime::Node { major, engines: own.map(str::to_owned) };
            assert_eq!(misfit(needs, None, &runtime).is_none(), fits, "{needs:?} {major} {own:?}");
        }
        let runtime = Runtime::Node { major: 18, engines: Some(">=14".into()) };
        let why = |needs, in_place| misfit(Some(needs), in_place, &runtime).unwrap_or_default();
        assert_eq!(why(">=22", None), "needs Node >=22, this repository runs on 18");
        assert_eq!(why(">=16", Some(">=14")), "needs Node >=16, this repository promises to run on >=14");
        assert_eq!(why(">=18", Some(">=16")), "", "it breaks the promise already");
        assert_eq!(why(">=22", Some(">=22")), "", "nothing gets worse");
        assert!(misfit(Some(">=22"), None, &Runtime::Jdk { major: 17, release: None }).is_none());
    }
}
