//! The part of a package's changelog that lies between two versions.
//!
//! It is taken from the package itself, so that nothing is asked of any other
//! host. What it says of breaking changes comes first, because there is
//! seldom room for all of it.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::archive::Files;
use crate::text;

/// Bytes of a changelog that are looked at.
const READ: usize = 2 << 20;
/// Bytes of the part that is shown.
const CAP: usize = 6 * 1024;

/// Words of what can break.
const BREAKING: [&str; 14] = [
    "breaking",
    "removed",
    "remove ",
    "removal",
    "drop ",
    "dropped",
    "migrat",
    "upgrad",
    "renam",
    "no longer",
    "deprecat",
    "es module",
    "esm",
    "instead of",
];

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test compiles them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// Links, and the numbers of issues and commits that stand in brackets.
static LINKS: LazyLock<Regex> = LazyLock::new(|| regex(r"\[([^\[\]]*)\]\([^()]*\)"));
static NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| regex(r",? ?(?:closes )?\(? ?(?:#\d+|\b[0-9a-f]{7,40}\b) ?\)"));

/// Without addresses: they cost much and tell a model nothing.
fn without_links(text: &str) -> String {
    let text = LINKS.replace_all(text, "$1");
    NUMBERS.replace_all(&text, "").into_owned()
}

/// Is this a file that tells what changed?
pub(super) fn is_one(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path).to_lowercase();
    let stem = name.split('.').next().unwrap_or(&name);
    let ending = name.get(stem.len()..).unwrap_or_default();
    let named = ["changelog", "change-log", "changes", "history", "releases", "release-notes", "news"];
    let place = parts.next().map_or("", |dir| dir).to_lowercase();
    let place_ok = matches!(place.as_str(), "" | "docs" | "doc" | "meta-inf" | "changelog");
    place_ok
        && path.matches('/').count() <= 1
        && named.contains(&stem)
        && matches!(ending, "" | ".md" | ".txt")
}

/// The changelog of a package.
pub(super) fn of(files: &Files) -> Option<String> {
    let path = files.paths.iter().find(|path| is_one(path))?;
    files.text(path)
}

/// A version as changelogs write it, for its order only.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: Vec<u64>,
    /// `rc.1` comes before what it leads to; `Final` and `jre` do not.
    before: Option<String>,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['v', 'V', '=']);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at_checked(end)?;
        let mut numbers: Vec<u64> =
            numbers.trim_end_matches('.').split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        let word = rest.trim_start_matches(['-', '.', '_']).split('+').next().unwrap_or_default();
        let word = word.to_lowercase();
        let early = ["alpha", "beta", "rc", "cr", "m", "pre", "next", "canary", "dev", "snapshot", "ea"];
        let lead = word.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
        let lead = lead.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        Some(Self { numbers, before: early.contains(&lead).then_some(word) })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.before, &other.before) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => one.cmp(two),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What the changelog says of the versions after `from`, up to `to`.
///
/// `None` when it names none of them.
pub(super) fn slice(changelog: &str, from: &str, to: &str) -> Option<String> {
    let (from, to) = (Version::parse(from)?, Version::parse(to)?);
    let changelog = text::head(changelog, READ);
    let releases: Vec<Release<'_>> = releases(&changelog)
        .into_iter()
        .filter(|release| release.version > from && release.version <= to)
        .collect();
    if releases.is_empty() {
        return None;
    }
    Some(without_links(&cut(&releases)))
}

/// What is said of one version.
struct Release<'a> {
    version: Version,
    heading: &'a str,
    lines: Vec<&'a str>,
}

fn releases(changelog: &str) -> Vec<Release<'_>> {
    let lines: Vec<&str> = changelog.lines().collect();
    // Headings of versions all have one rank; a deeper one that begins with a
    // number is text.
    let found: Vec<(usize, Version, usize)> = (0..lines.len())
        .filter_map(|at| heading(&lines, at).map(|(version, rank)| (at, version, rank)))
        .collect();
    let mut releases: Vec<Release<'_>> = Vec::new();
    for (number, (at, version, _)) in found.iter().enumerate() {
        let end = found.get(number + 1).map_or(lines.len(), |(next, ..)| *next);
        let Some(body) = lines.get(at + 1..end) else { continue };
        let Some(heading) = lines.get(*at) else { continue };
        let lines = body.iter().filter(|line| !is_rule(line)).copied().collect();
        releases.push(Release { version: version.clone(), heading, lines });
    }
    releases
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && (line.chars().all(|c| c == '=') || line.chars().all(|c| c == '-'))
}

/// The version that a line is the heading of, with the heading's rank.
fn heading(lines: &[&str], at: usize) -> Option<(Version, usize)> {
    let line = lines.get(at)?;
    if line.len() > 200 {
        return None;
    }
    let marks = line.chars().take_while(|c| *c == '#').count();
    let underlined = lines.get(at + 1).is_some_and(|next| is_rule(next));
    let bare = line.trim_start_matches(['#', ' ']).trim_end_matches('#').trim();
    let rank = match marks {
        1..=4 => marks,
        0 if underlined => 1,
        // History files often have `2.0.0 / 2020-01-01` alone on a line.
        0 if line.starts_with(|c: char| c.is_ascii_digit() || c == 'v') && is_dated(bare) => 1,
        0 if bare.starts_with("**") => 3,
        _ => return None,
    };
    // `[2.0.0](link) (date)`, `Version 2.0.0`, `name@2.0.0`, `Release v2 - date`.
    let words = bare.split(|c: char| c.is_whitespace() || "[](),*`/@<>\"".contains(c));
    let mut words = words.filter(|word| !word.is_empty()).take(4).enumerate();
    let version = words.find_map(|(place, word)| {
        let word = word.trim_end_matches(':');
        let number = word.trim_start_matches(['v', 'V']);
        let numbered = number.starts_with(|c: char| c.is_ascii_digit()) && !is_date(number);
        let whole = number.contains('.') || word.len() > number.len() || (marks > 0 && place < 2);
        (numbered && whole).then(|| Version::parse(number)).flatten()
    })?;
    (!version.numbers.is_empty()).then_some((version, rank))
}

fn is_date(word: &str) -> bool {
    word.len() >= 8 && word.matches('-').count() == 2 && word.chars().all(|c| c.is_ascii_digit() || c == '-')
}

/// A version with nothing but a date behind it.
fn is_dated(line: &str) -> bool {
    let rest = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    rest.len() < 40 && line.contains('.') && line.split_whitespace().count() <= 5
}

/// What can break first, from the oldest version to the newest, then the rest
/// from the newest on.
fn cut(releases: &[Release<'_>]) -> String {
    let mut ordered: Vec<&Release<'_>> = releases.iter().collect();
    ordered.sort_by(|one, two| one.version.cmp(&two.version));
    let mut shown = String::new();
    let mut left_out = false;
    for (breaking, order) in [(true, ordered.clone()), (false, ordered.into_iter().rev().collect())] {
        for release in order {
            let told = told(&release.lines, breaking);
            if told.is_empty() {
                continue;
            }
            let part = format!("{}\n{told}\n", release.heading.trim());
            if shown.len() + part.len() <= CAP {
                shown.push_str(&part);
            } else if shown.len() + 400 < CAP {
                shown.push_str(&text::head(&part, CAP - shown.len()));
                shown.push('\n');
                left_out = true;
            } else {
                left_out = true;
            }
        }
    }
    if left_out {
        shown.push_str("(more is left out)\n");
    }
    shown
}

/// Entries of a list and paragraphs that say something of what breaks, or all
/// the others, under their headings.
fn told(lines: &[&str], breaking: bool) -> String {
    let mut told = String::new();
    let mut last = "";
    let blocks = blocks(lines);
    // Where a release has a part for it, nothing else of it breaks.
    let declared = blocks.iter().any(|(heading, _)| heading.to_lowercase().contains("breaking"));
    for (heading, block) in blocks {
        let is = if declared {
            heading.to_lowercase().contains("breaking")
        } else {
            is_breaking(heading) || is_breaking(&block)
        };
        if is != breaking || heading.to_lowercase().contains("contributor") {
            continue;
        }
        if heading != last {
            told.push_str(heading);
            told.push('\n');
            last = heading;
        }
        told.push_str(&block);
        told.push('\n');
    }
    told
}

/// Each entry with the heading that it stands under.
fn blocks<'l>(lines: &[&'l str]) -> Vec<(&'l str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut heading = "";
    let mut in_block = false;
    for line in lines {
        let begins = line.starts_with(['-', '*', '+', '•']) || !in_block;
        if line.trim().is_empty() {
            in_block = false;
        } else if line.starts_with('#') {
            (heading, in_block) = (line, false);
        } else if let (false, Some((_, block))) = (begins, blocks.last_mut()) {
            block.push('\n');
            block.push_str(line);
        } else {
            blocks.push((heading, (*line).to_owned()));
            in_block = true;
        }
    }
    blocks
}

fn is_breaking(block: &str) -> bool {
    let block = block.to_lowercase();
    BREAKING.iter().any(|word| block.contains(word)) || block.contains('💥')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_usual_headings() {
        for (heading, version) in [
            ("## 2.0.0", Some("2.0.0")),
            ("# v2.0.0 (2020-01-02)", Some("2.0.0")),
            ("## [2.0.0] - 2020-01-02", Some("2.0.0")),
            ("### [2.0.0](https://host/compare/1.0.0...2.0.0) (2020-01-02)", Some("2.0.0")),
            ("# [2.0.0](https://host/x)", Some("2.0.0")),
            ("## Version 2.0.0", Some("2.0.0")),
            ("## marked@2.0.0", Some("2.0.0")),
            ("2.0.0 / 2020-01-02", Some("2.0.0")),
            ("v2.0.0 - January 2, 2020", Some("2.0.0")),
            ("**2.0.0**", Some("2.0.0")),
            ("## 2.0.0-rc.1", Some("2.0.0-rc.1")),
            ("## 2", Some("2")),
            ("## 2020-01-02", None),
            ("## Unreleased", None),
            ("## Fixed in 7 places of the parser", None),
            ("2 bugs were fixed in 3.4", None),
            ("- 2.0.0 is out", None),
            ("see 2.0.0", None),
        ] {
            let found = super::heading(&[heading], 0).map(|(version, _)| version);
            assert_eq!(found, version.and_then(Version::parse), "{heading}");
        }
        assert!(heading(&["2.0.0", "-----"], 0).is_some());
    }

    #[test]
    fn a_slice_has_what_came_after_the_old_version_up_to_the_new_one() {
        let changelog = "# Changelog\n\n## 3.0.0\nthree\n## 2.1.0\n- two one\n\n## 2.0.0\n### Features\n- nice\n\
            ### Breaking changes\n- gone: f\n  see g\n- gone: h\n## 2.0.0-rc.1\n- early\n## 1.0.0\n- one\n";
        let slice = slice(changelog, "1.0.0", "2.1.0").unwrap();
        assert!(!slice.contains("three") && !slice.contains("- one\n"), "{slice}");
        assert!(
            slice.starts_with("## 2.0.0\n### Breaking changes\n- gone: f\n  see g\n- gone: h\n"),
            "{slice}"
        );
        let at = |text: &str| slice.find(text).unwrap_or_else(|| panic!("{text} in {slice}"));
        assert!(at("two one") < at("nice") && at("nice") < at("early"), "{slice}");
        assert_eq!(super::slice(changelog, "3.0.0", "4.0.0"), None);
        assert_eq!(super::slice(changelog, "", "4.0.0"), None);
    }

    #[test]
    fn versions_are_in_order() {
        let version = |text: &str| Version::parse(text).unwrap();
        for (lower, higher) in [
            ("1.9.0", "1.10.0"),
            ("2.0.0-rc.1", "2.0.0"),
            ("2.0.0-M1", "2.0.0.Final"),
            ("31.1-jre", "32.0.0-jre"),
            ("1.0", "1.0.1"),
        ] {
            assert!(version(lower) < version(higher), "{lower} {higher}");
        }
        assert_eq!(version("2"), version("v2.0.0"));
    }

    #[test]
    fn addresses_are_left_out() {
        for (text, plain) in [
            ("* fix it ([#12](https://h/12)) ([0a1b2c3](https://h/c))", "* fix it"),
            ("- see [the guide](https://h/g), closes [#5](https://h/5)", "- see the guide, closes #5"),
            ("- `a(#b)` (x) [y]", "- `a(#b)` (x) [y]"),
        ] {
            assert_eq!(without_links(text), plain, "{text}");
        }
    }

    #[test]
    fn a_part_for_what_breaks_stands_for_all_of_it() {
        let changelog = "## 2.0.0\n### Fixes\n- removed a blank\n### Breaking\n- f is g\n### Contributors\n- me\n## 1.0.0\n";
        let slice = slice(changelog, "1.0.0", "2.0.0").unwrap();
        assert!(slice.starts_with("## 2.0.0\n### Breaking\n- f is g\n"), "{slice}");
        assert!(slice.contains("removed a blank") && !slice.contains("- me"), "{slice}");
    }

    #[test]
    fn a_long_changelog_keeps_what_breaks() {
        let mut changelog = String::new();
        for minor in (1..200).rev() {
            changelog.push_str("## 1.");
            changelog.push_str(&minor.to_string());
            changelog.push_str(".0\n- something small that nobody has to know of\n");
        }
        changelog.push_str("## 1.0.1\n- **BREAKING**: `parse` was removed\n");
        let slice = slice(&changelog, "1.0.0", "1.199.0").unwrap();
        assert!(slice.starts_with("## 1.0.1\n- **BREAKING**"), "{slice}");
        assert!(slice.len() < CAP + 100 && slice.ends_with("(more is left out)\n"));
    }

    #[test]
    fn a_changelog_is_known_by_its_name() {
        for (path, known) in [
            ("CHANGELOG.md", true),
            ("History.md", true),
            ("docs/CHANGELOG.md", true),
            ("CHANGES", true),
            ("META-INF/CHANGES.txt", true),
            ("lib/history.js", false),
            ("node_modules/x/CHANGELOG.md", false),
            ("README.md", false),
        ] {
            assert_eq!(is_one(path), known, "{path}");
        }
    }
}
