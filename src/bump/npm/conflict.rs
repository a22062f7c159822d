//! What package managers say about peers that do not fit, as values.
//!
//! The texts are those of npm 6 to 11, yarn 1 to 4 and pnpm 7 to 10. What is
//! not understood gives no conflict, never a wrong one.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One peer that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The peer.
    pub package: String,
    /// The range that is asked for; empty when the manager does not say it.
    pub wanted: String,
    /// Who asks: `name@version`, or the name alone when the version is not
    /// told.
    pub required_by: String,
    /// The version that is there instead.
    pub found: Option<String>,
}

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// npm 7 and newer: `peer react@"^18" from react-dom@18.2.0`.
static NPM: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?m)^npm (?:error|ERR!|WARN|warn)(?: ERESOLVE)?\s+(?:peer|peerOptional) (?<p>\S+)@"(?<w>[^"]*)" from (?<r>\S+@\S+)"#,
    )
});
static NPM_FOUND: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^npm (?:error|ERR!|WARN|warn)(?: ERESOLVE)?\s+Found: (?<p>\S+)@(?<v>\S+)"));
static NPM_6: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?m)^npm WARN (?<r>\S+@\S+) requires a peer of (?<p>@?[^@\s]+)@(?<w>.+?) but none is installed")
});
static YARN_1: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?m)^warning "(?:.* > )?(?<r>[^">\s]+@[^">\s]+)" has (?:incorrect|unmet) peer dependency "(?<p>@?[^@"]+)@(?<w>[^"]+)""#,
    )
});
static YARN_3: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)YN0060: │ \S+ provides (?<p>\S+) \(p\w+\) with version (?<v>\S+), which doesn't satisfy what (?<r>\S+) (?:and .*? )?requests?\s*$",
    )
});
static YARN_4: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)YN0060: │ (?<p>\S+) is listed by .+? with version (?<v>\S+) \(p\w+\), which doesn't satisfy what (?<r>\S+) (?:.*?)requests? \((?<w>[^)]*)\)",
    )
});
static PNPM_PEER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^(?<tree>[│├└─┬\s]*)✕ (?:unmet|missing) peer (?<p>@?[^@\s]+)@(?<w>.+?)(?:: found (?<v>\S+).*)?$")
});
static PNPM_OWNER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?<tree>[│├└─┬\s]*[─┬] )(?<n>@?[^@\s✕]+) (?<v>\d\S*)$"));

/// Every conflict in what a manager said, each once.
#[must_use]
pub fn parse(said: &str) -> Vec<Conflict> {
    let found = NPM_FOUND.captures(said);
    let mut conflicts: Vec<Conflict> = Vec::new();
    for pattern in [&*NPM, &*NPM_6, &*YARN_1, &*YARN_3, &*YARN_4] {
        conflicts.extend(pattern.captures_iter(said).map(|words| conflict(&words)));
    }
    for conflict in &mut conflicts {
        let found = found.as_ref().filter(|found| part(found, "p") == conflict.package);
        if let (None, Some(found)) = (&conflict.found, found) {
            conflict.found = Some(part(found, "v"));
        }
    }
    conflicts.extend(pnpm(said));
    let mut once: Vec<Conflict> = Vec::new();
    for conflict in conflicts {
        if !once.contains(&conflict) {
            once.push(conflict);
        }
    }
    once
}

fn part(words: &Captures<'_>, name: &str) -> String {
    words.name(name).map_or_else(String::new, |part| part.as_str().trim().to_owned())
}

fn conflict(words: &Captures<'_>) -> Conflict {
    Conflict {
        package: part(words, "p"),
        wanted: part(words, "w"),
        required_by: part(words, "r"),
        found: words.name("v").map(|version| version.as_str().to_owned()),
    }
}

/// pnpm draws a tree: who asks stands above, less far to the right.
fn pnpm(said: &str) -> Vec<Conflict> {
    let mut owners: Vec<(usize, String)> = Vec::new();
    let mut conflicts = Vec::new();
    for line in said.lines() {
        if let Some(words) = PNPM_PEER.captures(line) {
            let depth = part_width(&words);
            let owner = owners.iter().rev().find(|(of, _)| *of < depth);
            if let Some((_, owner)) = owner {
                conflicts.push(Conflict { required_by: owner.clone(), ..conflict(&words) });
            }
        } else if let Some(words) = PNPM_OWNER.captures(line) {
            let depth = part_width(&words);
            owners.retain(|(of, _)| *of < depth);
            owners.push((depth, format!("{}@{}", part(&words, "n"), part(&words, "v"))));
        }
    }
    conflicts
}

fn part_width(words: &Captures<'_>) -> usize {
    words.name("tree").map_or(0, |tree| tree.as_str().chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn react(wanted: &str, required_by: &str, found: Option<&str>) -> Vec<Conflict> {
        vec![Conflict {
            package: "react".into(),
            wanted: wanted.into(),
            required_by: required_by.into(),
            found: found.map(str::to_owned),
        }]
    }

    #[test]
    fn each_manager_is_understood() {
        let npm = "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\nnpm error\nnpm error While resolving: x@1.0.0\nnpm error Found: react@19.0.0\nnpm error node_modules/react\nnpm error   react@\"19.0.0\" from the root project\nnpm error\nnpm error Could not resolve dependency:\nnpm error peer react@\"^18.2.0\" from react-dom@18.2.0\nnpm error node_modules/react-dom\n";
        let known = react("^18.2.0", "react-dom@18.2.0", Some("19.0.0"));
        for (said, conflicts) in [
            (npm.to_owned(), known.clone()),
            (npm.replace("npm error", "npm ERR!"), known.clone()),
            (
                "npm WARN react-dom@18.2.0 requires a peer of react@^18.2.0 but none is installed. You must install peer dependencies yourself.".to_owned(),
                react("^18.2.0", "react-dom@18.2.0", None),
            ),
            (
                "warning \" > react-dom@18.2.0\" has incorrect peer dependency \"react@^18.2.0\".".to_owned(),
                react("^18.2.0", "react-dom@18.2.0", None),
            ),
            (
                "warning \"a > b > react-dom@18.2.0\" has unmet peer dependency \"react@>=16 <19\".".to_owned(),
                react(">=16 <19", "react-dom@18.2.0", None),
            ),
            (
                "➤ YN0060: │ x@workspace:. provides react (p5b05a) with version 19.0.0, which doesn't satisfy what react-dom requests".to_owned() + " \n",
                react("", "react-dom", Some("19.0.0")),
            ),
            (
                "➤ YN0060: │ react is listed by your project with version 19.0.0 (pc8504), which doesn't satisfy what react-dom requests (^18.2.0).".to_owned(),
                react("^18.2.0", "react-dom", Some("19.0.0")),
            ),
            (
                " WARN  Issues with peer dependencies found\n.\n├─┬ other 1.0.0\n│ └── fine 1.0.0\n└─┬ react-dom 18.2.0\n  └── ✕ unmet peer react@^18.2.0: found 19.0.0\n".to_owned(),
                known,
            ),
            ("npm error code E404\nDone in 2s".to_owned(), vec![]),
        ] {
            assert_eq!(parse(&said), conflicts, "{said}");
        }
    }
}
