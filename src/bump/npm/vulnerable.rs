//! Which versions an advisory names, in GitHub's grammar: comparisons that
//! must all hold, such as `>= 4.0.0, < 4.1.3`.
//!
//! A range that cannot be read is refused: guessing would call a vulnerable
//! version safe.

use std::cmp::Ordering;

use deno_semver::Version;
use deno_semver::npm::parse_npm_version;

use crate::advisory::Advisory;

/// The versions that must not be installed.
#[derive(Debug, Clone, Default)]
pub struct Vulnerable {
    ranges: Vec<Vec<(Comparison, Version)>>,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
        }
    }
}

impl Vulnerable {
    /// Every range of every advisory.
    ///
    /// # Errors
    /// The range that cannot be read.
    pub fn read<'a>(advisories: impl IntoIterator<Item = &'a Advisory>) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for range in advisories.into_iter().flat_map(|advisory| &advisory.vulnerable) {
            ranges.push(parse(range).ok_or_else(|| range.clone())?);
        }
        Ok(Self { ranges })
    }

    /// Is this version named?
    #[must_use]
    pub fn names(&self, version: &Version) -> bool {
        self.ranges.iter().any(|range| range.iter().all(|(is, bound)| is.holds(version.cmp(bound))))
    }
}

fn parse(range: &str) -> Option<Vec<(Comparison, Version)>> {
    range.split(',').map(|part| comparison(part.trim())).collect()
}

fn comparison(text: &str) -> Option<(Comparison, Version)> {
    let (comparison, version) = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("=", Comparison::Equal),
        ("", Comparison::Equal),
    ]
    .into_iter()
    .find_map(|(mark, comparison)| Some((comparison, text.strip_prefix(mark)?.trim())))?;
    let (numbers, rest) = match version.find(['-', '+']) {
        Some(at) => (version.get(..at)?, version.get(at..)?),
        None => (version, ""),
    };
    // Advisories write `< 5` and `< 5.1` too.
    let padded = match numbers.matches('.').count() {
        0 if !numbers.is_empty() => format!("{numbers}.0.0{rest}"),
        1 => format!("{numbers}.0{rest}"),
        _ => version.to_owned(),
    };
    Some((comparison, parse_npm_version(&padded).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_by_all_parts_of_one_range() {
        for (range, version, named) in [
            (">= 4.0.0, < 4.1.3", "4.1.2", true),
            (">= 4.0.0, < 4.1.3", "4.1.3", false),
            (">= 4.0.0, < 4.1.3", "3.9.9", false),
            ("< 4.1.3", "4.1.3-rc.1", true),
            ("<= 1.2", "1.2.0", true),
            ("< 5", "4.99.0", true),
            ("= 1.0.0", "1.0.0", true),
            ("= 1.0.0", "1.0.1", false),
            ("> 1.0.0", "1.0.0", false),
        ] {
            let vulnerable = Vulnerable { ranges: vec![parse(range).unwrap()] };
            assert_eq!(vulnerable.names(&parse_npm_version(version).unwrap()), named, "{range} {version}");
        }
        for broken in ["", "< ", "banana", ">= 1.0.0,", "< x.y.z"] {
            assert!(parse(broken).is_none(), "{broken}");
        }
    }
}
