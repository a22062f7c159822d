//! Maven's ranges of versions, and the ranges of GitHub's advisories.
//!
//! A bare version is a wish in Maven: as a range it contains every version,
//! as `VersionRange.containsVersion` has it. A text that Maven calls invalid
//! is no range here either.

use std::cmp::Ordering;
use std::ops;

use super::version::Version;

/// What the `<version>` of a dependency says.
#[derive(Debug, Clone)]
pub struct Range {
    text: String,
    /// Empty for a bare version.
    restrictions: Vec<Restriction>,
}

/// One pair of brackets.
#[derive(Debug, Clone)]
struct Restriction {
    lower: Option<Bound>,
    upper: Option<Bound>,
    /// `[1.0]`: both bounds are one text.
    single: bool,
}

#[derive(Debug, Clone)]
struct Bound {
    version: Version,
    inclusive: bool,
    /// Where its text is in the whole range.
    span: ops::Range<usize>,
}

impl Range {
    /// Reads a range as Maven does; `None` where Maven calls it invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut restrictions: Vec<Restriction> = vec![];
        let mut at = 0;
        while text.get(at..)?.starts_with(['[', '(']) {
            let end = at + text.get(at..)?.find([')', ']'])?;
            let next = Restriction::parse(text, at..end + 1)?;
            if let Some(before) = restrictions.last().and_then(|last| last.upper.as_ref()) {
                let lower = next.lower.as_ref()?;
                if lower.version.compare(&before.version) == Ordering::Less {
                    return None;
                }
            }
            restrictions.push(next);
            at = skip_space(text, end + 1);
            if text.get(at..)?.starts_with(',') {
                at = skip_space(text, at + 1);
            }
        }
        let rest = text.get(at..)?;
        let whole = if restrictions.is_empty() { !rest.is_empty() } else { rest.is_empty() };
        whole.then(|| Self { text: text.to_owned(), restrictions })
    }

    /// The range as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A bare version, which asks for one version and allows every other.
    #[must_use]
    pub fn is_soft(&self) -> bool {
        self.restrictions.is_empty()
    }

    /// The only version that a range such as `[1.2.3]` allows.
    #[must_use]
    pub fn pinned(&self) -> Option<&str> {
        match self.restrictions.as_slice() {
            [Restriction { single: true, lower: Some(bound), .. }] => Some(bound.version.text()),
            _ => None,
        }
    }

    /// Whether Maven would take `version` for it.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.is_soft() || self.restrictions.iter().any(|restriction| restriction.contains(version))
    }

    /// The range in the same style, widened or moved so that it contains
    /// `target`. A range that contains it already stays as it is.
    ///
    /// Only the last upper bound moves: one that is included becomes the
    /// target, one that is not included moves to the next round number at the
    /// place where it was round. `None` if the target lies below the range or
    /// in a gap of it, which someone left there on purpose.
    #[must_use]
    pub fn extended(&self, target: &str) -> Option<String> {
        let Some(last) = self.restrictions.last() else { return Some(target.to_owned()) };
        let version = Version::new(target);
        if self.contains(&version) {
            return Some(self.text.clone());
        }
        let upper = last.upper.as_ref()?;
        let raised =
            if upper.inclusive { target.to_owned() } else { next_round(upper.version.text(), target)? };
        let before = self.text.get(..upper.span.start)?;
        let after = self.text.get(upper.span.end..)?;
        let text = format!("{before}{raised}{after}");
        let above = version.compare(&upper.version) != Ordering::Less;
        (above && Self::parse(&text)?.contains(&version)).then_some(text)
    }
}

impl Restriction {
    fn parse(text: &str, span: ops::Range<usize>) -> Option<Self> {
        let inner = span.start + 1..span.end - 1;
        let from = text.get(span)?.starts_with('[');
        let to = text.get(inner.end..)?.starts_with(']');
        let Some(comma) = text.get(inner.clone())?.find(',') else {
            let bound = Bound::read(text, inner, true);
            return (from && to).then(|| Self {
                lower: Some(bound.clone()),
                upper: Some(bound),
                single: true,
            });
        };
        let comma = inner.start + comma;
        let present = |bound: Bound| (!bound.span.is_empty()).then_some(bound);
        let lower = present(Bound::read(text, inner.start..comma, from));
        let upper = present(Bound::read(text, comma + 1..inner.end, to));
        if let (Some(lower), Some(upper)) = (&lower, &upper) {
            match upper.version.compare(&lower.version) {
                Ordering::Less => return None,
                Ordering::Equal if !(from && to) => return None,
                _ => {}
            }
        }
        Some(Self { lower, upper, single: false })
    }

    fn contains(&self, version: &Version) -> bool {
        let within = |bound: &Option<Bound>, wrong: Ordering| {
            bound.as_ref().is_none_or(|bound| match bound.version.compare(version) {
                Ordering::Equal => bound.inclusive,
                order => order != wrong,
            })
        };
        within(&self.lower, Ordering::Greater) && within(&self.upper, Ordering::Less)
    }
}

impl Bound {
    /// The bound in `span`, without the white space around it.
    fn read(text: &str, span: ops::Range<usize>, inclusive: bool) -> Self {
        let raw = text.get(span.clone()).unwrap_or_default();
        let trimmed = raw.trim_matches(is_space);
        let start = span.start + (raw.len() - raw.trim_start_matches(is_space).len());
        Self { version: Version::new(trimmed), inclusive, span: start..start + trimmed.len() }
    }
}

/// What Java's `trim` takes away.
fn is_space(c: char) -> bool {
    c <= ' '
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    text.len() - rest.trim_start_matches(is_space).len()
}

/// The bound above `target` that is as round as `bound`: `2.0` and `2.3` make
/// `3.0`, `1.5` and `1.7.3` make `1.8`.
fn next_round(bound: &str, target: &str) -> Option<String> {
    let digits = bound.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(bound.len());
    let (numbers, tail) = bound.split_at_checked(digits)?;
    // A separator in front of a qualifier belongs to the qualifier.
    let bare = numbers.trim_end_matches('.');
    let tail = format!("{}{tail}", numbers.get(bare.len()..)?);
    let parts: Vec<u64> = bare.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let place = parts.iter().rposition(|part| *part != 0)?;
    let mut wanted = target.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u64>().ok());
    let mut raised = Vec::with_capacity(parts.len());
    for (index, _) in parts.iter().enumerate() {
        let part = wanted.next().flatten().unwrap_or(0);
        raised.push(match index.cmp(&place) {
            Ordering::Less => part.to_string(),
            Ordering::Equal => part.checked_add(1)?.to_string(),
            Ordering::Greater => "0".to_owned(),
        });
    }
    Some(format!("{}{tail}", raised.join(".")))
}

/// Whether Maven takes `version` for the range `range`.
#[must_use]
pub fn satisfies(version: &str, range: &str) -> bool {
    Range::parse(range).is_some_and(|range| range.contains(&Version::new(version)))
}

/// Whether `version` is in a range of a GitHub advisory, such as
/// `>= 4.0.0, < 4.1.3`. A range that cannot be read contains every version:
/// nothing is called safe for want of understanding.
#[must_use]
pub fn in_advisory(version: &str, range: &str) -> bool {
    let version = Version::new(version.trim());
    range.split(',').map(str::trim).all(|constraint| {
        let end = constraint.find(|c| !"<>=".contains(c)).unwrap_or(constraint.len());
        let (operator, bound) = constraint.split_at_checked(end).unwrap_or_default();
        let bound = bound.trim();
        let order = version.compare(&Version::new(bound));
        match operator {
            _ if bound.is_empty() || bound.contains(char::is_whitespace) => true,
            ">=" => order != Ordering::Less,
            ">" => order == Ordering::Greater,
            "<=" => order != Ordering::Greater,
            "<" => order == Ordering::Less,
            "=" | "==" | "" => order == Ordering::Equal,
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_maven_says() {
        for (range, inside, outside) in [
            ("[1.0,2.0)", "1.0 1.9 2.0-alpha 1.0.1", "2.0 0.9 2.0.1 1.0-rc1"),
            ("(,1.0]", "1.0 0.1 1.0.0", "1.0.1"),
            ("[1.2.3]", "1.2.3 1.2.3.0", "1.2.4"),
            ("[1,2),[3,4)", "1 3.5", "2 2.5 4"),
            ("[1,2] , [3,4]", "2 3", "2.5"),
            ("[1,3],[3,4]", "3", "5"),
            ("(,1.1),(1.1,)", "1.0 9", "1.1"),
            ("( , 3 ]", "3", "4"),
            ("1.0", "1.0 2.0 0.1", ""),
            ("[,]", "1", ""),
            ("[1,2],", "2", "3"),
            (" [3", "1", ""),
        ] {
            for version in inside.split_whitespace() {
                assert!(satisfies(version, range), "{version} {range}");
            }
            for version in outside.split_whitespace() {
                assert!(!satisfies(version, range), "{version} {range}");
            }
        }
        for invalid in
            ["", "(1)", "[1.0)", "[2,1]", "(1,1)", "[1,1)", "[1,2],3", "[3,4],[1,2]", "[1", "[1,3],[2,4]"]
        {
            assert!(Range::parse(invalid).is_none(), "{invalid}");
            assert!(!satisfies("1", invalid), "{invalid}");
        }
    }

    #[test]
    fn a_range_that_must_give_way_keeps_its_style() {
        for (range, target, extended) in [
            ("[4.5.3]", "4.6.1", Some("[4.6.1]")),
            ("[ 4.5.3 ]", "4.6.1", Some("[ 4.6.1 ]")),
            ("[1.0,2.0)", "2.3", Some("[1.0,3.0)")),
            ("[1.0,2.0)", "2.0", Some("[1.0,3.0)")),
            ("[1.0,2)", "2.3.1", Some("[1.0,3)")),
            ("[1.0, 1.5)", "1.7.3", Some("[1.0, 1.8)")),
            ("[1.0,1.5.0)", "1.7.3", Some("[1.0,1.8.0)")),
            ("[1.0,2.0.0-alpha)", "2.3", Some("[1.0,3.0.0-alpha)")),
            ("[1.0,2.0]", "2.3", Some("[1.0,2.3]")),
            ("(,1.0]", "1.2", Some("(,1.2]")),
            ("[1.0,)", "2.3", Some("[1.0,)")),
            ("[1.0,3.0)", "2.3", Some("[1.0,3.0)")),
            ("[1,2),[3,4)", "4.2", Some("[1,2),[3,5)")),
            ("[1.0],[2.0]", "3.0", Some("[1.0],[3.0]")),
            ("1.0", "2.3", Some("2.3")),
            ("[1,2),[3,4)", "2.5", None),
            ("[2.0,3.0)", "1.0", None),
            ("(,1.1),(1.1,)", "1.1", None),
            ("(,x)", "z", None),
        ] {
            let actual = Range::parse(range).unwrap().extended(target);
            assert_eq!(actual.as_deref(), extended, "{range} {target}");
        }
        assert_eq!(Range::parse("[ 1.2 ]").unwrap().pinned(), Some("1.2"));
        assert_eq!(Range::parse("[1.2,1.3]").unwrap().pinned(), None);
    }

    #[test]
    fn an_advisory_counts_in_mavens_order_and_fails_closed() {
        for (version, range, inside) in [
            ("4.1.2", ">= 4.0.0, < 4.1.3", true),
            ("4.1.3", ">= 4.0.0, < 4.1.3", false),
            ("4.1.3-rc1", ">= 4.0.0, < 4.1.3", true),
            ("3.9", ">= 4.0.0, < 4.1.3", false),
            ("1.2.0", "= 1.2", true),
            ("1.2.1", "= 1.2", false),
            ("7.5.1", "< 7.5.2", true),
            ("7.5.2", "<= 7.5.2", true),
            ("7.5.2", "> 7.5.2", false),
            ("1.2", "1.2", true),
            ("9.0", "<>1", true),
            ("9.0", "", true),
            ("9.0", "before 3", true),
            ("9.0", ">= 1.0, ?", false),
        ] {
            assert_eq!(in_advisory(version, range), inside, "{version} {range}");
        }
    }
}
