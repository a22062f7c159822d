//! What a version says beside its number: whether it is a release, and which
//! flavour of the artifact it is.
//!
//! `33.0-jre` and `33.0-android`, or `12.4.0.jre8` and `12.4.0.jre11`, are not
//! newer and older: they are different artifacts under one name, and a bump
//! stays within one of them.

/// Words of versions that are not meant for everybody. A commit alone or a
/// snapshot is not stable either.
const UNSTABLE: [&str; 29] = [
    "alpha",
    "beta",
    "milestone",
    "rc",
    "cr",
    "snapshot",
    "preview",
    "pre",
    "prerelease",
    "candidate",
    "ea",
    "eap",
    "pr",
    "edr",
    "pfd",
    "dev",
    "develop",
    "development",
    "nightly",
    "canary",
    "experimental",
    "unstable",
    "test",
    "wip",
    "next",
    "alfa",
    "early",
    "incremental",
    "master",
];

/// Letters that stand for alpha, beta and milestone right before a digit.
const SHORT: [&str; 3] = ["a", "b", "m"];

/// Words that count releases, or say that it is one: no flavour of their own.
const NEUTRAL: [&str; 23] = [
    "final",
    "release",
    "ga",
    "stable",
    "sp",
    "sr",
    "sec",
    "p",
    "u",
    "r",
    "v",
    "b",
    "build",
    "patch",
    "rev",
    "update",
    "fix",
    "hotfix",
    "incubating",
    "f",
    "h",
    "post",
    "mr",
];

/// Words that belong together with the number after them.
const PLATFORMS: [&str; 15] = [
    "jre", "jdk", "java", "j", "jvm", "groovy", "scala", "spark", "hadoop", "hbase", "flink", "kafka",
    "android", "netty", "es",
];

/// The line of versions within which newer and older mean something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    scheme: Scheme,
    /// `jre`, `android`, `jre8`, `redhat`; empty for most.
    suffix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Number,
    /// The version is a day or a moment: `20030203.000550`.
    Date,
    /// The version names a commit.
    Commit,
}

/// A run of letters or of digits, and whether it touches the run before it.
#[derive(Debug)]
struct Run {
    text: String,
    numeric: bool,
    touches: bool,
}

impl Run {
    fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.text.as_str())
    }
}

/// Whether a version is a release for everybody: no pre-release, snapshot,
/// draft or bare commit.
#[must_use]
pub fn is_stable(version: &str) -> bool {
    let runs = runs(version);
    let short = |index: usize| runs.get(index + 1).is_some_and(|next| next.numeric && next.touches);
    !is_snapshot(version)
        && scheme(version) != Scheme::Commit
        && !runs.iter().enumerate().any(|(index, run)| run.is(&UNSTABLE) || (run.is(&SHORT) && short(index)))
}

/// Whether a version is a snapshot, by name or by the time stamp that a
/// repository gives it (`1.0-20230101.123456-7`).
#[must_use]
pub fn is_snapshot(version: &str) -> bool {
    let lower = version.to_lowercase();
    let mut parts = lower.rsplitn(3, '-');
    let (build, stamp) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let stamped = stamp.split_once('.').is_some_and(|(day, time)| {
        (day.len(), time.len()) == (8, 6) && is_number(day) && is_number(time) && is_number(build)
    });
    stamped || lower == "snapshot" || lower.ends_with("-snapshot") || lower.ends_with(".snapshot")
}

/// The flavour that a version belongs to.
#[must_use]
pub fn suffix_family(version: &str) -> Family {
    let runs = runs(version);
    // A name in front of the first number is a release train, no flavour.
    let after = runs.iter().position(|run| run.numeric).unwrap_or(runs.len());
    let mut suffix = String::new();
    let mut platform = false;
    for run in runs.iter().skip(after + 1) {
        if run.numeric {
            if platform {
                join(&mut suffix, run);
            }
            continue;
        }
        let joins_a_platform = platform && run.touches;
        let neutral = run.is(&UNSTABLE) || run.is(&NEUTRAL) || (run.is(&SHORT) && !joins_a_platform);
        platform = !neutral && (run.is(&PLATFORMS) || joins_a_platform);
        if !neutral {
            join(&mut suffix, run);
        }
    }
    Family { scheme: scheme(version), suffix }
}

fn join(suffix: &mut String, run: &Run) {
    if !suffix.is_empty() && !run.touches {
        suffix.push('-');
    }
    suffix.push_str(&run.text);
}

/// Whether a bump may go from one of these versions to the other.
#[must_use]
pub fn same_family(from: &str, to: &str) -> bool {
    suffix_family(from) == suffix_family(to)
}

/// The first number of a version; `None` when it does not begin with one.
#[must_use]
pub fn major(version: &str) -> Option<u64> {
    let trimmed = version.trim();
    let bare = trimmed.strip_prefix(['v', 'V']).unwrap_or(trimmed);
    if scheme(version) == Scheme::Commit {
        return None;
    }
    let digits: String = bare.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn scheme(version: &str) -> Scheme {
    let version = version.trim();
    let mut parts = version.split(['.', '-', '+']);
    let first = parts.next().unwrap_or_default();
    if is_date(first) {
        return Scheme::Date;
    }
    // `950.v396cb834de1e` is a number, the commit behind it is only added.
    let commit = is_commit(first) || parts.any(|part| is_commit(part) && !part.starts_with('v'));
    if commit { Scheme::Commit } else { Scheme::Number }
}

/// Eight digits that are a day of our time, or a day and an hour.
fn is_date(part: &str) -> bool {
    let number = |range| part.get(range).and_then(|digits: &str| digits.parse::<u32>().ok()).unwrap_or(0);
    is_number(part)
        && matches!(part.len(), 8 | 10 | 12 | 14)
        && (1970..=2199).contains(&number(0..4))
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
}

/// Seven hexadecimal digits or more, of both kinds. `v` may stand in front,
/// and `_` between them.
fn is_commit(part: &str) -> bool {
    let part = part.strip_prefix('v').unwrap_or(part).replace('_', "");
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (7..=40).contains(&part.len())
        && part.chars().all(hex)
        && part.chars().any(|c| c.is_ascii_digit())
        && part.chars().any(|c| c.is_ascii_lowercase())
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// The runs of letters and digits, in lower case, without those of a commit.
fn runs(version: &str) -> Vec<Run> {
    let lower = version.trim().to_lowercase();
    let mut runs: Vec<Run> = vec![];
    for part in lower.split(['.', '-', '+']).filter(|part| !is_commit(part)) {
        let mut touches = false;
        for c in part.chars() {
            let numeric = c.is_ascii_digit();
            if !c.is_alphanumeric() {
                touches = false;
                continue;
            }
            match runs.last_mut() {
                Some(last) if touches && last.numeric == numeric => last.text.push(c),
                _ => runs.push(Run { text: c.to_string(), numeric, touches }),
            }
            touches = true;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_told_from_what_comes_before_it() {
        for stable in [
            "1.0",
            "1.0.RELEASE",
            "4.1.100.Final",
            "1.0-GA",
            "33.0-jre",
            "Hoxton.SR12",
            "Greenwich.RELEASE",
            "9.4.43.v20210629",
            "950.v396cb834de1e",
            "1384.vf0202c8a2b_4",
            "20230227",
            "0.9.0-incubating",
            "12.4.0.jre8",
            "5.0.0.201806131550-r",
            "1.1a",
            "1.0-SP1",
            "2.3-groovy-4.0",
            "42.2.5.p1",
            "",
        ] {
            assert!(is_stable(stable), "{stable}");
        }
        for unstable in [
            "1.0-alpha",
            "1.0a1",
            "1.0-b01",
            "2.3.0-b170127.1453",
            "5.0.0-M1",
            "5.0.0.M1",
            "1.0-RC2",
            "1.0.CR1",
            "1.0-SNAPSHOT",
            "1.0-20230101.123456-7",
            "9.2.0.jre8-preview",
            "17-ea+11",
            "2.10.0.pr1",
            "1.0-beta-2",
            "1.0.0-alpha.1",
            "3.0-dev",
            "1.0.0.Alpha3",
            "a1b2c3d4e5",
            "1.0-a1b2c3d",
            "2.0-milestone-1",
        ] {
            assert!(!is_stable(unstable), "{unstable}");
        }
    }

    #[test]
    fn a_bump_stays_within_its_flavour() {
        for (from, to) in [
            ("31.0-jre", "33.3.1-jre"),
            ("9.2.1.jre8", "12.4.0.jre8"),
            ("4.1.1.Final", "4.2.0"),
            ("5.3.0.RELEASE", "6.0.0"),
            ("Hoxton.SR1", "Hoxton.SR12"),
            ("Hoxton.SR12", "2020.0.1"),
            ("1.7.1", "950.v396cb834de1e"),
            ("950.v396cb834de1e", "1384.vf0202c8a2b_4"),
            ("9.4.1.v20180101", "9.4.43.v20210629"),
            ("20220320", "20230227"),
            ("1.0", "2.0-rc1"),
            ("0.9-incubating", "1.0"),
            ("1.0-b1", "1.0"),
            ("2.3-groovy-4.0", "2.4-groovy-4.0"),
            ("1.0.redhat-00001", "1.1.redhat-00007"),
            ("1.68-jdk15on", "1.70-jdk15on"),
            ("r03", "r09"),
        ] {
            assert!(same_family(from, to), "{from} {to}");
        }
        for (from, to) in [
            ("31.0-jre", "33.3.1-android"),
            ("9.2.1.jre8", "12.4.0.jre11"),
            ("9.2.1.jre8", "12.4.0"),
            ("31.0-jre", "33.3.1"),
            ("2.11.0", "20030203.000550"),
            ("1.0", "a1b2c3d4e5"),
            ("2.3-groovy-3.0", "2.4-groovy-4.0"),
            ("1.70-jdk15on", "1.71-jdk18on"),
            ("1.0", "1.0.redhat-1"),
        ] {
            assert!(!same_family(from, to), "{from} {to}");
        }
    }

    #[test]
    fn the_major_is_the_first_number() {
        for (version, first) in [
            ("4.1.2", Some(4)),
            ("v2.0", Some(2)),
            ("33-jre", Some(33)),
            ("Hoxton.SR1", None),
            ("", None),
            ("a1b2c3d4", None),
            ("99999999999999999999.1", None),
            ("950.v396cb834de1e", Some(950)),
        ] {
            assert_eq!(major(version), first, "{version}");
        }
    }
}
