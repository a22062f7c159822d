//! What an issue's words ask for. Words of strangers: what comes out is a
//! package's name and a version, and nothing else of the text.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::change::Bump;

/// Packages that one issue may ask for.
const MOST: usize = 50;

/// Words after "bump" that stand for a list and are no package's name.
const VAGUE: [&str; 12] = [
    "these",
    "them",
    "those",
    "the",
    "all",
    "some",
    "several",
    "our",
    "following",
    "dependencies",
    "deps",
    "packages",
];

/// `name`, `@scope/name`, `group:artifact`; an artifact begins with a letter,
/// so that "bump ms:2" names no artifact "2".
const PACKAGE: &str = r"(?:@[a-z0-9][\w.~-]*/)?[a-z0-9][\w.~-]*(?::[a-z][\w.~-]*)?";
/// "from 1.0.0".
const FROM: &str = r"(?:\s+from\s+`?[\w.+-]+`?)?";
/// "to v2.0.0", or in backticks also a version that begins with a letter.
const TO: &str = r"(?:\s+(?:to|→|->)\s+(?:`v?(?<quoted_to>\w[\w.+-]*)`|v?(?<to>[0-9][\w.+-]*)))";
/// "@1.3.0".
const AT: &str = r"(?:@(?<at>[\w.+-]+))";

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// "Bump `left-pad` to `1.3.0`", "bump @scope/name from 1.0.0 to v2.0.0",
/// "Bump left-pad@1.3.0", "Bump left-pad".
static FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"(?i)\b(?:bump|upgrade|update)\s+(?:the\s+)?(?<tick>`?)(?<package>{PACKAGE}){AT}?`?{FROM}{TO}?"
    ))
});

/// ", `b` to `2`", " and c to 3". A bare word is a package only with a
/// version: "Bump ms, please" asks for one package.
static NEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"(?i)^\.?\s*(?:,\s*and\s+|,|\band\s+|&|\+)\s*(?<tick>`?)(?<package>{PACKAGE}){AT}?`?{FROM}{TO}?"
    ))
});

/// A line of a list: "- `a` to `1.0.0`", "* [ ] a 1.0.0", "1. `a`".
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"(?i)^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ x]\]\s+)?(?:(?:bump|upgrade|update)\s+)?(?<tick>`?)(?<package>{PACKAGE}){AT}?`?:?{FROM}(?:{TO}|\s+`?v?(?<bare>[0-9][\w.+-]*)`?)?\s*[.,;]?\s*$"
    ))
});

/// "Fix the alerts of `qs`", "security alert for qs".
static ALERTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"(?i)\b(?:alerts?|advisor(?:y|ies)|vulnerabilit(?:y|ies))\s+(?:of|in|for|on|about|with)\s+`?(?<package>{PACKAGE})"
    ))
});

/// A package's name between backticks, and nothing else there.
static QUOTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(&format!(r"(?i)`(?<package>{PACKAGE})(?:@[\w.+-]+)?`")));

fn bump_of(found: &Captures<'_>) -> Option<Bump> {
    let names = ["quoted_to", "to", "at", "bare"];
    let version = names.iter().find_map(|name| found.name(name)).map(|version| version.as_str());
    Some(Bump {
        package: package_of(found)?,
        // A full stop after the version ends the sentence. The newest version
        // is what a request without a version asks for.
        version: version
            .map(|version| version.trim_end_matches('.').to_owned())
            .filter(|version| !version.eq_ignore_ascii_case("latest")),
    })
}

fn package_of(found: &Captures<'_>) -> Option<String> {
    Some(found.name("package")?.as_str().trim_end_matches('.').to_owned())
}

fn is_quoted(found: &Captures<'_>) -> bool {
    found.name("tick").is_some_and(|tick| !tick.is_empty())
}

/// The packages that a sentence names, the first one after a verb.
fn in_sentence(text: &str) -> Vec<Bump> {
    let (Some(first), Some(next)) = (FIRST.as_ref(), NEXT.as_ref()) else { return Vec::new() };
    let Some(found) = first.captures(text) else { return Vec::new() };
    let mut bumps: Vec<Bump> = bump_of(&found).into_iter().collect();
    let mut end = found.get(0).map_or(0, |whole| whole.end());
    while let Some(found) = text.get(end..).and_then(|rest| next.captures(rest)) {
        let Some(bump) = bump_of(&found).filter(|bump| is_quoted(&found) || bump.version.is_some()) else {
            break;
        };
        bumps.push(bump);
        end += found.get(0).map_or(0, |whole| whole.end());
    }
    bumps
}

/// The packages of a list, one a line.
fn in_list(text: &str) -> Vec<Bump> {
    let Some(line) = LINE.as_ref() else { return Vec::new() };
    let found = text.lines().filter_map(|text| line.captures(text));
    // "- tests" is a list of something else.
    let named =
        found.filter_map(|found| bump_of(&found).filter(|bump| is_quoted(&found) || bump.version.is_some()));
    named.collect()
}

/// What an issue's words ask for: the title first, then the body. Each
/// package once.
#[must_use]
pub fn read_bumps(title: &str, body: &str) -> Vec<Bump> {
    let (in_title, list) = (in_sentence(title), in_list(body));
    let bumps = match in_title.as_slice() {
        // The title may name the package only, or be "Bump these".
        [only] if only.version.is_none() => {
            let said = in_sentence(body);
            let listed = list.iter().any(|bump| bump.package == only.package);
            if said.first().is_some_and(|first| first.package == only.package) && !listed {
                said
            } else if listed {
                list
            } else if is_vague(&only.package) && !title.contains('`') {
                if list.is_empty() { in_sentence(body) } else { list }
            } else {
                in_title
            }
        }
        [] if list.len() > 1 => list,
        [] => in_sentence(body),
        _ => in_title,
    };
    let mut each: Vec<Bump> = Vec::new();
    for bump in bumps {
        if each.len() < MOST && !each.iter().any(|known| known.package == bump.package) {
            each.push(bump);
        }
    }
    each
}

pub(super) fn is_vague(word: &str) -> bool {
    VAGUE.iter().any(|vague| vague.eq_ignore_ascii_case(word))
}

/// The first package that an issue's words ask for.
#[must_use]
pub fn read_bump(title: &str, body: &str) -> Option<Bump> {
    read_bumps(title, body).into_iter().next()
}

/// The package whose alerts an issue is about. No version: the advisories
/// decide that.
#[must_use]
pub fn read_package(title: &str, body: &str) -> Option<Bump> {
    [title, body].into_iter().find_map(|text| {
        let found = [&QUOTED, &ALERTS].into_iter().find_map(|regex| regex.as_ref()?.captures(text));
        let package = match found {
            Some(found) => package_of(&found)?,
            None => in_sentence(text).into_iter().next()?.package,
        };
        Some(Bump { package, version: None })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(title: &str, body: &str) -> String {
        read_bumps(title, body).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn people_ask_in_many_ways() {
        for (title, expected) in [
            ("Bump `marked` to `4.3.0`", "marked@4.3.0"),
            ("bump marked to 4.3.0.", "marked@4.3.0"),
            ("Please upgrade @scope/name from 1.0.0 to v2.0.0-rc.1", "@scope/name@2.0.0-rc.1"),
            ("Bump left-pad@1.3.0", "left-pad@1.3.0"),
            ("Bump `@scope/name@1.3.0` soon", "@scope/name@1.3.0"),
            ("Bump lodash", "lodash"),
            ("Bump `lodash` to `latest`", "lodash"),
            ("Dependencies are old", ""),
            ("Bump `com.google.guava:guava` to `33.0.0-jre`", "com.google.guava:guava@33.0.0-jre"),
            ("Bump org.slf4j:slf4j-api from 1.7.36 to 2.0.9", "org.slf4j:slf4j-api@2.0.9"),
            ("Bump `com.google.code.findbugs:jsr305` to `r09`", "com.google.code.findbugs:jsr305@r09"),
            ("Bump ms: it is old", "ms"),
        ] {
            assert_eq!(read(title, ""), expected, "{title}");
        }
        assert_eq!(read("Old dependency", "Please bump `ms` to `2.1.3`"), "ms@2.1.3");
        assert_eq!(read("Bump ms", "Bump `ms` to `2.1.3`"), "ms@2.1.3");
    }

    #[test]
    fn one_issue_may_ask_for_several_packages() {
        let list = "Together, please:\n\n- `a` to `1.0.0`\n* b 2.0.0\n- [ ] c@3.0.0\n1. `g:d` from `1` to `4`\n- tests\n";
        let listed = "a@1.0.0 b@2.0.0 c@3.0.0 g:d@4";
        for (title, body, expected) in [
            ("Bump `a` to `1`, `b` to `2`", "", "a@1 b@2"),
            ("Bump a to 1.0.0, b to 2.0.0 and @s/c to 3.0.0.", "", "a@1.0.0 b@2.0.0 @s/c@3.0.0"),
            ("Bump `a`, `b` and `c`", "", "a b c"),
            ("Bump a and run the tests", "", "a"),
            ("Bump ms, please", "", "ms"),
            ("Bump `a` to `1`, `a` to `2`", "", "a@1"),
            ("Bump these", list, listed),
            ("Update dependencies", list, listed),
            ("Bump lodash", list, "lodash"),
            ("Bump the packages", "", ""),
            ("Bump the `ms` package to `2.1.3`", "", "ms"),
            ("Dependencies are old", list, listed),
            ("Bump `a`", list, listed),
            ("Bump `other` to `1.0.0`", list, "other@1.0.0"),
            ("Bump `other`", list, "other"),
        ] {
            assert_eq!(read(title, body), expected, "{title}");
        }
        let many: String = (0..200).map(|n| format!("- p{n}@1.0.0\n")).collect();
        assert_eq!(read_bumps("Bump these", &many).len(), MOST);
    }

    #[test]
    fn a_security_issue_names_a_package_and_no_version() {
        for (title, body, expected) in [
            ("Fix the alerts of `qs`", "", Some("qs")),
            ("Security alerts for org.yaml:snakeyaml", "", Some("org.yaml:snakeyaml")),
            ("Bump `qs@6.5.3`", "", Some("qs")),
            ("Vulnerable", "There is an advisory about @scope/name here", Some("@scope/name")),
            ("We are vulnerable", "help", None),
        ] {
            let read = read_package(title, body);
            assert_eq!(read.as_ref().map(|bump| bump.package.as_str()), expected, "{title}");
            assert!(read.is_none_or(|bump| bump.version.is_none()));
        }
    }
}
