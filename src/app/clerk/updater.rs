//! What another bot's pull request bumps, as the bot itself says it.
//!
//! Dependabot writes it into the message of its first commit, which GitHub
//! signs for it; Renovate into the title. Both are read as data: a name or a
//! version that is none is left out, and nothing else of the text is used.

use std::collections::HashSet;

use serde::Deserialize;

use crate::change::Bump;

/// Dependabot's number on GitHub.
const DEPENDABOT: u64 = 49_699_333;
/// Renovate's.
const RENOVATE: u64 = 29_139_614;
/// Packages of one pull request that are taken over.
const MOST: usize = 20;

/// A bot whose pull requests bump dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Updater {
    Dependabot,
    Renovate,
}

impl Updater {
    /// By number: a name can be taken by anybody.
    pub(super) fn of(author: u64) -> Option<Self> {
        match author {
            DEPENDABOT => Some(Self::Dependabot),
            RENOVATE => Some(Self::Renovate),
            _ => None,
        }
    }

    pub(super) fn id(self) -> u64 {
        match self {
            Self::Dependabot => DEPENDABOT,
            Self::Renovate => RENOVATE,
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "updated-dependencies", default)]
    updated: Vec<Updated>,
}

#[derive(Deserialize)]
struct Updated {
    #[serde(rename = "dependency-name")]
    name: String,
    #[serde(rename = "dependency-version")]
    version: Option<serde_yaml_ng::Value>,
}

/// From the YAML block of Dependabot's commit message: between a line `---`
/// and a line `...`.
pub(super) fn of_message(message: &str) -> Vec<Bump> {
    let block: Vec<&str> = message
        .lines()
        .map(str::trim_end)
        .skip_while(|line| *line != "---")
        .skip(1)
        .take_while(|line| *line != "...")
        .collect();
    let Ok(metadata) = serde_yaml_ng::from_str::<Metadata>(&block.join("\n")) else { return Vec::new() };
    let bumps = metadata.updated.into_iter().filter_map(|updated| {
        let version = match updated.version {
            // YAML reads `1.10` as a number: that is no version any more.
            Some(serde_yaml_ng::Value::String(version)) => Some(version),
            _ => None,
        };
        bump(&updated.name, version.as_deref())
    });
    once(bumps)
}

/// From Renovate's title: "Update dependency foo to v1.2.3", with or without
/// a prefix such as "chore(deps):".
pub(super) fn of_title(title: &str) -> Vec<Bump> {
    let lower = title.to_ascii_lowercase();
    let Some(start) = lower.find("update dependency ") else { return Vec::new() };
    let rest = title.get(start + "update dependency ".len()..).unwrap_or_default();
    let mut words = rest.split_whitespace();
    let (name, to, version) = (words.next(), words.next(), words.next());
    let (Some(name), Some("to")) = (name, to) else { return Vec::new() };
    let version = version.map(|version| version.trim_start_matches('v'));
    // "v2" is a major and no version: the newest one is taken.
    let version = version.filter(|version| version.split('.').count() >= 3);
    once(bump(name.trim_matches('`'), version).into_iter())
}

/// A name and a version as npm and Maven write them, or nothing.
fn bump(name: &str, version: Option<&str>) -> Option<Bump> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@/._-:+~".contains(c);
    let fits = |text: &str| (1..=200).contains(&text.len()) && text.chars().all(plain);
    if !fits(name) || name.contains("..") {
        return None;
    }
    let version = version.filter(|version| fits(version)).map(str::to_owned);
    Some(Bump { package: name.to_owned(), version })
}

/// Each package once: a monorepo's pull request names it per directory.
fn once(bumps: impl Iterator<Item = Bump>) -> Vec<Bump> {
    let mut seen = HashSet::new();
    bumps.filter(|bump| seen.insert(bump.package.clone())).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bumps: &[Bump]) -> Vec<String> {
        bumps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn dependabots_commit_says_what_it_bumps() {
        let message = "Bump the group across 1 directory with 2 updates\n\nBumps the group.\n\n---\n\
            updated-dependencies:\n- dependency-name: lodash\n  dependency-version: 4.17.21\n  \
            dependency-type: direct:production\n  update-type: version-update:semver-patch\n\
            - dependency-name: \"@types/node\"\n  dependency-version: 22.1.0\n  \
            dependency-type: direct:development\n- dependency-name: lodash\n  dependency-version: 4.17.21\n\
            ...\n\nSigned-off-by: dependabot[bot] <support@github.com>";
        assert_eq!(said(&of_message(message)), ["lodash@4.17.21", "@types/node@22.1.0"]);
        assert_eq!(
            said(&of_message(&message.replace('\n', "\r\n"))),
            ["lodash@4.17.21", "@types/node@22.1.0"]
        );
        // An older Dependabot names no version, and one with two parts is a
        // number to YAML.
        let old = "---\nupdated-dependencies:\n- dependency-name: org.slf4j:slf4j-api\n\
                   - dependency-name: ms\n  dependency-version: 2.1\n...";
        assert_eq!(said(&of_message(old)), ["org.slf4j:slf4j-api", "ms"]);
    }

    #[test]
    fn what_is_no_metadata_names_nothing() {
        for message in [
            "",
            "Bump lodash",
            "---\n...",
            "---\nupdated-dependencies: 5\n...",
            "---\nupdated-dependencies:\n- dependency-name: \"a; rm\"\n...",
            "---\nupdated-dependencies:\n- dependency-name: ../../x\n...",
            "---\n- &a [*a, *a]\n",
        ] {
            assert!(of_message(message).is_empty(), "{message}");
        }
    }

    #[test]
    fn renovates_title_says_what_it_bumps() {
        for (title, says) in [
            ("Update dependency lodash to v4.17.21", "lodash@4.17.21"),
            ("chore(deps): update dependency @types/node to v22.1.0", "@types/node@22.1.0"),
            ("fix(deps): update dependency org.slf4j:slf4j-api to v2", "org.slf4j:slf4j-api"),
            ("Update dependency `ms` to 2.1.3 [SECURITY]", "ms@2.1.3"),
        ] {
            assert_eq!(said(&of_title(title)), [says], "{title}");
        }
        for title in
            ["Update all non-major dependencies", "update dependency", "Update dependency a b c", "é"]
        {
            assert!(of_title(title).is_empty(), "{title}");
        }
    }

    #[test]
    fn only_two_bots_are_updaters() {
        assert_eq!(Updater::of(DEPENDABOT).map(Updater::id), Some(DEPENDABOT));
        assert_eq!(Updater::of(RENOVATE), Some(Updater::Renovate));
        assert_eq!(Updater::of(1), None);
    }
}
