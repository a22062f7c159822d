//! npm's ranges as people write them: raised in their own style.
//!
//! A range of a kind that cannot be raised is refused (`None`): tags,
//! addresses, files, the workspace. What a range means is asked of
//! `deno_semver`; only how it is written is read here.

use std::cmp::Ordering;
use std::ops::Range;

use deno_semver::Version;
use deno_semver::npm::{parse_npm_version, parse_npm_version_req};

use super::Section;

/// How npm orders two versions; `None` when one is not a version.
#[must_use]
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(parse_npm_version(a).ok()?.cmp(&parse_npm_version(b).ok()?))
}

/// Whether npm would take `version` for `range`. A tag allows nothing, and
/// neither does a text that is no range.
#[must_use]
pub fn satisfies(version: &str, range: &str) -> bool {
    parse_npm_version(version).is_ok_and(|version| allows(range, &version))
}

fn allows(range: &str, version: &Version) -> bool {
    parse_npm_version_req(range).is_ok_and(|range| range.tag().is_none() && range.matches(version))
}

/// `range`, raised until it allows `to`; `None` for a kind that is not edited.
///
/// - One version, `^`, `~`, `>=`, `1.x`: the mark, and the number of parts,
///   stay; the version becomes `to`.
/// - Several ranges: they stay while they allow `to`; then one more is added
///   in the style of the last.
/// - Bounds from both sides: they stay while they allow `to`; then the upper
///   one is raised.
/// - Peers are widened, because they are a promise to others: they stay while
///   they allow `to`; then one more range is added, from the start of the
///   release line of `to`.
///
/// A range that already begins at `to` or later comes back as it is: nothing
/// here lowers a range.
#[must_use]
pub fn raise(range: &str, to: &str, section: Section) -> Option<String> {
    let target = parse_npm_version(to).ok()?;
    let inner = range.trim();
    if inner.is_empty() {
        return Some(range.to_owned());
    }
    let alternatives = alternatives(inner)?;
    let raised = raise_all(inner, &alternatives, &target, section)?;
    let start = range.find(inner)?;
    let (before, after) = (range.get(..start)?, range.get(start.checked_add(inner.len())?..)?);
    Some(format!("{before}{raised}{after}"))
}

/// Whether `range` is how somebody writes that `version` is in place.
pub(super) fn holds(range: &str, version: &Version) -> bool {
    allows(range, version)
        || alternatives(range.trim())
            .is_some_and(|all| all.iter().any(|alternative| alternative.floor() == *version))
}

fn raise_all(
    range: &str,
    alternatives: &[Alternative<'_>],
    to: &Version,
    section: Section,
) -> Option<String> {
    let widen = section == Section::PeerDependencies;
    let last = alternatives.last()?;
    let one = alternatives.len() == 1;
    if alternatives.iter().map(Alternative::floor).max()? >= *to {
        // Several ranges may still have a gap where `to` is, which nobody
        // meant to close.
        return (one || allows(range, to)).then(|| range.to_owned());
    }
    let raised = match last.simple() {
        Some(simple) if one && !widen && !simple.is_upper() && simple.mark != ">" => simple.rewritten(to),
        _ if allows(range, to) => return Some(range.to_owned()),
        Some(simple) if !simple.is_upper() => {
            if one && simple.is_exact() {
                simple.rewritten(to)
            } else {
                let more =
                    if widen { simple.rewritten(&line_start(simple, to)) } else { simple.rewritten(to) };
                appended(range, &more)
            }
        }
        _ => last.with_upper_raised(range, to)?,
    };
    if allows(&raised, to) {
        return Some(raised);
    }
    // A pre-release is in a range only where a bound names its release.
    let appended = appended(range, &format!("^{to}"));
    (!to.pre.is_empty() && !one && allows(&appended, to)).then_some(appended)
}

/// The first release of the line that `to` is in, as the mark draws it.
fn line_start(simple: &Simple<'_>, to: &Version) -> Version {
    let mut start = to.clone();
    if !to.pre.is_empty() {
        return start;
    }
    match simple.mark {
        "^" if to.major > 0 => (start.minor, start.patch) = (0, 0),
        "^" if to.minor > 0 => start.patch = 0,
        "~" | "~>" => start.patch = 0,
        _ => {}
    }
    start
}

/// One range more, apart from the others as they are from each other.
fn appended(range: &str, more: &str) -> String {
    let separator = range.rfind("||").and_then(|at| {
        let (before, after) = range.split_at_checked(at)?;
        let after = after.strip_prefix("||")?;
        let left = before.len().checked_sub(before.trim_end().len())?;
        let right = after.len().checked_sub(after.trim_start().len())?;
        range.get(at.checked_sub(left)?..at.checked_add(right)?.checked_add(2)?)
    });
    format!("{range}{}{more}", separator.unwrap_or(" || "))
}

/// What stands between two `||`.
struct Alternative<'a> {
    parts: Vec<Simple<'a>>,
    hyphen: bool,
}

impl<'a> Alternative<'a> {
    fn simple(&self) -> Option<&Simple<'a>> {
        match self.parts.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The lowest version it can allow.
    fn floor(&self) -> Version {
        let lower = self.parts.iter().filter(|part| !part.is_upper());
        let floor = if self.hyphen { self.parts.first() } else { lower.max_by_key(|part| part.floor()) };
        floor.map_or_else(Version::default, Simple::floor)
    }

    /// The whole `range` with this alternative's upper bounds above `to`.
    fn with_upper_raised(&self, range: &str, to: &Version) -> Option<String> {
        let last = self.parts.len().checked_sub(1)?;
        let mut raised = range.to_owned();
        // From the end, so that places before it stay where they are.
        for (index, part) in self.parts.iter().enumerate().rev() {
            let bound = if self.hyphen && index == last {
                part.rewritten(to)
            } else if part.is_upper() && !allows(part.text, to) {
                part.upper_above(to)?
            } else {
                continue;
            };
            raised.replace_range(part.place.clone(), &bound);
        }
        (raised != range).then_some(raised)
    }
}

/// One version with the mark before it.
struct Simple<'a> {
    text: &'a str,
    place: Range<usize>,
    /// `^`, `~`, `>=` and so on, or nothing.
    mark: &'a str,
    /// The mark with everything before the first number.
    lead: &'a str,
    /// Numbers and wildcards, one to three.
    numbers: Vec<&'a str>,
    /// A pre-release with its hyphen.
    pre: &'a str,
}

impl Simple<'_> {
    fn is_upper(&self) -> bool {
        self.mark.starts_with('<')
    }

    fn is_exact(&self) -> bool {
        matches!(self.mark, "" | "=") && self.numbers.len() == 3 && self.open_from() == 3
    }

    /// The place of the first wildcard, or the number of parts.
    fn open_from(&self) -> usize {
        self.numbers.iter().position(|part| is_wildcard(part)).unwrap_or(self.numbers.len())
    }

    fn floor(&self) -> Version {
        let number = |at: usize| {
            let known = if at < self.open_from() { self.numbers.get(at) } else { None };
            known.and_then(|part| part.parse().ok()).unwrap_or(0)
        };
        let (major, minor, patch) = (number(0), number(1), number(2));
        let whole = format!("{major}.{minor}.{patch}{}", self.pre);
        parse_npm_version(&whole).unwrap_or_else(|_odd| Version { major, minor, patch, ..Version::default() })
    }

    /// The same with `to` for the version: as many parts as before, and the
    /// wildcards where they were.
    fn rewritten(&self, to: &Version) -> String {
        let open = self.open_from();
        if open == 0 {
            return self.text.to_owned();
        }
        if !self.pre.is_empty() || !to.pre.is_empty() {
            // Fewer parts than all cannot name a pre-release, so the mark has
            // to say what the missing ones said.
            let mark = match (self.mark, open) {
                ("" | "=", 1) => "^",
                ("" | "=", 2) => "~",
                _ => self.lead,
            };
            return format!("{mark}{to}");
        }
        let target = [to.major, to.minor, to.patch];
        let numbers: Vec<String> = self
            .numbers
            .iter()
            .zip(target)
            .map(|(old, new)| if is_wildcard(old) { (*old).to_owned() } else { new.to_string() })
            .collect();
        let build = if self.numbers.len() == 3 && open == 3 { build_of(to) } else { String::new() };
        format!("{}{}{build}", self.lead, numbers.join("."))
    }

    /// The same upper bound, just above `to`: the last number that is not
    /// zero is the one that people count up.
    fn upper_above(&self, to: &Version) -> Option<String> {
        if self.mark == "<=" {
            return Some(self.rewritten(to));
        }
        let open = self.open_from();
        let counted = self.numbers.iter().take(open).rposition(|part| part.parse() != Ok(0_u64)).unwrap_or(0);
        let target = [to.major, to.minor, to.patch];
        let mut bound = Vec::new();
        for (at, (old, new)) in self.numbers.iter().zip(target).enumerate() {
            bound.push(match at.cmp(&counted) {
                _ if is_wildcard(old) => (*old).to_owned(),
                Ordering::Less => new.to_string(),
                Ordering::Equal => new.checked_add(1)?.to_string(),
                Ordering::Greater => "0".to_owned(),
            });
        }
        // `<2.0.0-0` keeps out the pre-releases of the bound itself.
        let pre = if self.pre == "-0" { "-0" } else { "" };
        Some(format!("{}{}{pre}", self.lead, bound.join(".")))
    }
}

fn is_wildcard(part: &str) -> bool {
    matches!(part, "x" | "X" | "*")
}

fn build_of(version: &Version) -> String {
    let text = version.to_string();
    text.split_once('+').map_or_else(String::new, |(_, build)| format!("+{build}"))
}

/// Takes a range apart; `None` when it is not one.
fn alternatives(range: &str) -> Option<Vec<Alternative<'_>>> {
    let mut found = Vec::new();
    let mut start = 0_usize;
    for text in range.split("||") {
        found.push(alternative(text, start)?);
        start = start.checked_add(text.len())?.checked_add(2)?;
    }
    Some(found)
}

fn alternative(text: &str, start: usize) -> Option<Alternative<'_>> {
    let mut parts: Vec<Simple<'_>> = Vec::new();
    let mut hyphen = false;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(second) = rest.strip_prefix("- ") {
            if hyphen || parts.len() != 1 {
                return None;
            }
            (hyphen, rest) = (true, second.trim_start());
            continue;
        }
        let at = start.checked_add(text.len().checked_sub(rest.len())?)?;
        let (part, after) = simple(rest, at)?;
        parts.push(part);
        rest = after;
    }
    let whole = if hyphen {
        parts.len() == 2 && parts.iter().all(|part| part.mark.is_empty())
    } else {
        !parts.is_empty()
    };
    whole.then_some(Alternative { parts, hyphen })
}

/// One version at the start of `text`, which lies `at` in the range, and what
/// comes after it and the white space.
fn simple(text: &str, at: usize) -> Option<(Simple<'_>, &str)> {
    let mark = ["^", "~>", "~", ">=", "<=", ">", "<", "="].into_iter().find(|mark| text.starts_with(mark));
    let mark = text.get(..mark.unwrap_or("").len())?;
    let bare = text.get(mark.len()..)?.trim_start();
    let bare = bare.strip_prefix(['v', '=']).unwrap_or(bare);
    let lead = text.get(..text.len().checked_sub(bare.len())?)?;
    let (word, rest) = match bare.find(char::is_whitespace) {
        Some(end) => bare.split_at_checked(end)?,
        None => (bare, ""),
    };
    let (release, build) =
        word.split_once('+').map_or((word, None), |(release, build)| (release, Some(build)));
    let (numbers, pre) = match release.find('-') {
        Some(hyphen) => release.split_at_checked(hyphen)?,
        None => (release, ""),
    };
    let numbers: Vec<&str> = numbers.split('.').collect();
    let known = |part: &&str| is_wildcard(part) || (part.parse::<u64>().is_ok() && !part.starts_with('+'));
    let detailed = !pre.is_empty() || build.is_some();
    if numbers.len() > 3 || !numbers.iter().all(known) || (detailed && numbers.len() != 3) {
        return None;
    }
    let end = lead.len().checked_add(word.len())?;
    let place = at..at.checked_add(end)?;
    let simple = Simple { text: text.get(..end)?, place, mark, lead, numbers, pre };
    Some((simple, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(section: Section, to: &str, rows: &[(&str, Option<&str>)]) {
        for (range, raised) in rows {
            assert_eq!(raise(range, to, section).as_deref(), *raised, "{range:?} to {to}");
            if let Some(raised) = raised {
                let again = raise(raised, to, section);
                assert_eq!(again.as_deref(), Some(*raised), "{range:?} twice");
                let past = alternatives(raised.trim())
                    .is_some_and(|all| all.iter().any(|one| one.floor() > parse_npm_version(to).unwrap()));
                assert!(past || satisfies(to, raised), "{raised} does not allow {to}");
            }
        }
    }

    #[test]
    fn one_version_keeps_its_mark_and_its_number_of_parts() {
        check(
            Section::Dependencies,
            "4.5.6",
            &[
                ("^1.2.3", Some("^4.5.6")),
                ("^1.2", Some("^4.5")),
                ("^1", Some("^4")),
                ("~1.2.3", Some("~4.5.6")),
                ("~1.2", Some("~4.5")),
                ("~> 1.2", Some("~> 4.5")),
                ("1.2.3", Some("4.5.6")),
                ("=1.2.3", Some("=4.5.6")),
                ("v1.2.3", Some("v4.5.6")),
                ("^v1.2.3", Some("^v4.5.6")),
                (">=1.2.3", Some(">=4.5.6")),
                (">= 1.2", Some(">= 4.5")),
                (">1.2.3", Some(">1.2.3")),
                ("1", Some("4")),
                ("1.2", Some("4.5")),
                ("1.x", Some("4.x")),
                ("1.2.x", Some("4.5.x")),
                ("1.2.*", Some("4.5.*")),
                ("^1.X.X", Some("^4.X.X")),
                ("1.2.3-rc.1", Some("4.5.6")),
                ("^1.2.3-rc.1+build", Some("^4.5.6")),
                ("1.2.3+build", Some("4.5.6")),
                ("  ^1.2.3 ", Some("  ^4.5.6 ")),
                ("^4.0.0", Some("^4.5.6")),
                ("4.x", Some("4.x")),
            ],
        );
    }

    #[test]
    fn a_pre_release_needs_all_its_parts() {
        check(
            Section::Dependencies,
            "4.0.0-rc.1",
            &[
                ("^1", Some("^4.0.0-rc.1")),
                ("1.x", Some("^4.0.0-rc.1")),
                ("1.2", Some("~4.0.0-rc.1")),
                ("4.0.0-beta.2", Some("4.0.0-rc.1")),
                ("^1 || ^2", Some("^1 || ^2 || ^4.0.0-rc.1")),
                (">=1 <2", None),
            ],
        );
    }

    #[test]
    fn what_is_there_or_past_stays() {
        check(
            Section::Dependencies,
            "4.5.6",
            &[
                ("^4.5.6", Some("^4.5.6")),
                ("^5.0.0", Some("^5.0.0")),
                ("5.x", Some("5.x")),
                ("*", Some("*")),
                ("x", Some("x")),
                ("", Some("")),
                ("^1 || ^4", Some("^1 || ^4")),
                ("^1 || ^5", None),
                (">=5 <6", Some(">=5 <6")),
            ],
        );
    }

    #[test]
    fn several_ranges_get_one_more_and_bounds_are_raised_when_they_must() {
        check(
            Section::Dependencies,
            "4.5.6",
            &[
                ("^1.0.0 || ^2.0.0", Some("^1.0.0 || ^2.0.0 || ^4.5.6")),
                ("1||2", Some("1||2||4")),
                ("1.x|| 2.x", Some("1.x|| 2.x|| 4.x")),
                ("1 || >=2 <3", Some("1 || >=2 <5")),
                (">=1 <2", Some(">=1 <5")),
                (">=1.0.0 <2.0.0", Some(">=1.0.0 <5.0.0")),
                (">=1.0.0 <2.0.0-0", Some(">=1.0.0 <5.0.0-0")),
                (">= 1.2 < 1.9.0", Some(">= 1.2 < 4.6.0")),
                (">=1 <=2.3", Some(">=1 <=4.5")),
                (">=1 <9", Some(">=1 <9")),
                ("<2", Some("<5")),
                ("<= 2.0.0", Some("<= 4.5.6")),
                ("1.0.0 - 2.0.0", Some("1.0.0 - 4.5.6")),
                ("1 - 2", Some("1 - 4")),
            ],
        );
    }

    #[test]
    fn peers_are_widened_and_never_narrowed() {
        check(
            Section::PeerDependencies,
            "18.2.1",
            &[
                ("^17.0.2", Some("^17.0.2 || ^18.0.0")),
                ("^17", Some("^17 || ^18")),
                ("^16 || ^17", Some("^16 || ^17 || ^18")),
                ("^16.8||^17.0", Some("^16.8||^17.0||^18.0")),
                ("~17.0.2", Some("~17.0.2 || ~18.2.0")),
                ("17.x", Some("17.x || 18.x")),
                ("17", Some("17 || 18")),
                ("17.0.2", Some("18.2.1")),
                (">=16.8", Some(">=16.8")),
                ("^18.0.0", Some("^18.0.0")),
                (">=16 <18", Some(">=16 <19")),
                ("*", Some("*")),
            ],
        );
        check(Section::PeerDependencies, "0.4.2", &[("^0.3.1", Some("^0.3.1 || ^0.4.0"))]);
        check(Section::PeerDependencies, "0.0.5", &[("^0.0.3", Some("^0.0.3 || ^0.0.5"))]);
    }

    #[test]
    fn other_kinds_are_not_edited() {
        for range in [
            "latest",
            "next",
            "workspace:*",
            "workspace:^1.0.0",
            "file:../a",
            "link:../a",
            "git+ssh://git@host/a/b.git#v1.0.0",
            "github:o/r#semver:^1.0.0",
            "o/r",
            "https://host/a-1.0.0.tgz",
            "catalog:",
            "$a",
            "-",
            "npm:a",
            "^",
            "^1 ||",
            "1.2.3.4",
            "1.2-rc",
            "1 - 2 - 3",
            "- 2",
            "99999999999999999999",
            "^1.2.3pre",
        ] {
            assert_eq!(raise(range, "2.0.0", Section::Dependencies), None, "{range}");
        }
        assert_eq!(raise("^1.0.0", "2", Section::Dependencies), None);
        assert_eq!(raise("^1.0.0", "latest", Section::Dependencies), None);
    }

    #[test]
    fn versions_are_ordered_and_ranges_tried_as_npm_does() {
        assert_eq!(compare("1.0.0-rc.2", "1.0.0-rc.10"), Some(Ordering::Less));
        assert_eq!(compare("v1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
        assert_eq!(compare("1.0", "1.0.0"), None);
        for (version, range, satisfied) in [
            ("1.4.2", "^1.2.3", true),
            ("1.0.0", "", true),
            ("2.0.0-rc.1", "*", false),
            ("1.0.0", "latest", false),
            ("latest", "*", false),
            ("1.0.0", ">>", false),
        ] {
            assert_eq!(satisfies(version, range), satisfied, "{version} {range}");
        }
    }
}
