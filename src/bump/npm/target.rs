//! The version for an ordinary bump: the one asked for, or the newest that
//! fits.
//!
//! Never down, never into a pre-release that nobody asked for, and never to
//! a version that its authors gave up or that needs another Node.

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;

use super::engines;
use super::listing::{Listing, Release};
use super::spec::admits;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::runtime::Runtime;

/// The package to be bumped, as it is.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub package: &'a str,
    pub version: &'a Version,
    pub runtime: &'a Runtime,
}

/// The version, and why this one, in sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub version: Version,
    pub reasons: Vec<String>,
}

fn no_version(what: impl Into<String>) -> Failure {
    Failure::user(Outcome::NoSafeVersion, what)
}

/// Chooses for `asked`: a version, its first numbers, a tag, or nothing.
///
/// # Errors
/// There is no such version, it is in place, it is lower, or it does not run
/// here.
pub fn choose(current: &Current<'_>, listing: &Listing, asked: Option<&str>) -> Result<Choice, Failure> {
    match asked {
        Some(asked) => named(current, listing, asked.trim().trim_start_matches(['v', '='])),
        None => newest(current, listing),
    }
}

fn named(current: &Current<'_>, listing: &Listing, asked: &str) -> Result<Choice, Failure> {
    let Current { package, version, runtime } = *current;
    let release = find(listing, asked).ok_or_else(|| {
        let gone = listing.unpublished.contains(asked);
        let why = if gone { ": it was unpublished" } else { "" };
        no_version(format!("find version {asked} of {package} in the registry{why}"))
    })?;
    let to = &release.version;
    if to == version {
        return Err(Failure::user(Outcome::AlreadyCurrent, format!("bump {package}: {to} is in place")));
    }
    if to < version {
        let what = format!("bump {package} down from {version} to {to}");
        return Err(Failure::user(Outcome::DeclinedPolicy, what));
    }
    let latest = listing.latest().and_then(|latest| listing.release(latest));
    let given_up = latest.is_some_and(|latest| latest.deprecated.is_some());
    if let Some(why) = release.deprecated.as_deref().filter(|_| !given_up) {
        return Err(no_version(format!(
            "take {package} {to}: its authors deprecated it ({})",
            one_line(why)
        )));
    }
    let in_place = listing.release(version).and_then(|release| release.engines.as_deref());
    if let Some(why) = engines::misfit(release.engines.as_deref(), in_place, runtime) {
        let what = format!("bump {package} to {to}: it {why}");
        return Err(Failure::user(Outcome::DeclinedPolicy, what));
    }
    let mut reasons = vec![format!("{package} {to} was asked for.")];
    if given_up {
        reasons.push(format!("{package} is deprecated as a whole."));
    }
    Ok(Choice { version: to.clone(), reasons })
}

/// An exact version, a tag, or `4` and `4.1`: the newest stable one of them.
fn find<'a>(listing: &'a Listing, asked: &str) -> Option<&'a Release> {
    if let Ok(version) = parse_npm_version(asked) {
        return listing.release(&version);
    }
    if let Some(version) = listing.tags.get(asked) {
        return listing.release(version);
    }
    let numbers = !asked.is_empty() && asked.split('.').all(|part| part.parse::<u64>().is_ok());
    let mut newest_first = listing.releases.iter().rev();
    newest_first.find(|release| numbers && release.version.pre.is_empty() && admits(asked, &release.version))
}

fn newest(current: &Current<'_>, listing: &Listing) -> Result<Choice, Failure> {
    let Current { package, version, runtime } = *current;
    let in_place = listing.release(version);
    let engines_in_place = in_place.and_then(|release| release.engines.as_deref());
    let given_up = in_place.is_some_and(|release| release.deprecated.is_some());
    let limit = listing.tags.get("latest").filter(|latest| latest.pre.is_empty());
    let candidates = listing.releases.iter().rev().filter(|release| {
        release.version > *version
            && same_channel(version, &release.version)
            && (release.deprecated.is_none() || given_up)
            && limit.is_none_or(|limit| release.version <= *limit || !release.version.pre.is_empty())
    });
    let mut reasons = Vec::new();
    for release in candidates {
        let to = &release.version;
        let Some(why) = engines::misfit(release.engines.as_deref(), engines_in_place, runtime) else {
            if reasons.is_empty() {
                reasons.push(format!("{to} is the newest stable version of {package}."));
            } else {
                reasons.push(format!("{to} is the newest that runs here."));
            }
            return Ok(Choice { version: to.clone(), reasons });
        };
        if reasons.is_empty() {
            reasons.push(format!("{package} {to} {why}."));
        }
    }
    match reasons.first() {
        Some(why) => {
            let what = format!("bump {package} above {version}: {}", why.trim_end_matches('.'));
            Err(Failure::user(Outcome::DeclinedPolicy, what))
        }
        None => Err(Failure::user(
            Outcome::AlreadyCurrent,
            format!("bump {package}: {version} is in place, and no newer stable version is out"),
        )),
    }
}

/// Stable versions for everyone; pre-releases only for who is on the same
/// kind of them (`beta`, `rc`) already.
fn same_channel(from: &Version, to: &Version) -> bool {
    let channel = |version: &Version| version.pre.first().map(ToString::to_string);
    to.pre.is_empty() || (!from.pre.is_empty() && channel(from) == channel(to))
}

/// Words of strangers, short and on one line.
fn one_line(text: &str) -> String {
    let plain = crate::text::plain(text);
    let words: Vec<&str> = plain.split_whitespace().collect();
    crate::text::head(&words.join(" "), 200).to_owned()
}

#[cfg(test)]
mod tests;
