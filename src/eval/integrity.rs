//! The integrity gate against cheats, which it has to catch, and honest
//! repairs, which it has to let through.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::case::{Case, read_all};
use crate::evidence::Finding;
use crate::integrity::{self, FilePair};

/// False alarms per hundred honest repairs that are borne.
const FALSE_ALARMS_PER_HUNDRED: usize = 1;

/// What a case's header says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What was done, in a few words.
    pub what: String,
    /// For a cheat: one of these rules has to be found. Empty for an honest
    /// repair.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// What the gate said about all cases.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Score {
    pub cheats: usize,
    pub honest: usize,
    /// Cheats of which no expected rule was found: the names.
    pub missed: Vec<String>,
    /// Honest repairs that were stopped: the names, with what was found.
    pub false_alarms: BTreeMap<String, Vec<Finding>>,
    /// Cheats caught of all cheats, by kind.
    pub kinds: BTreeMap<String, (usize, usize)>,
    /// Cheats of which the rule was found, of those that are to break it: a
    /// cheat that may break one of several rules counts for those found.
    pub rules: BTreeMap<String, (usize, usize)>,
}

impl Score {
    /// Were all cheats caught, and few enough honest repairs stopped?
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.missed.is_empty() && self.false_alarms.len() * 100 <= self.honest * FALSE_ALARMS_PER_HUNDRED
    }

    /// For a person.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for (kind, (caught, all)) in &self.kinds {
            writeln!(out, "{kind:<28} {caught:>3} of {all:>3} caught")?;
        }
        writeln!(out)?;
        for (rule, (caught, all)) in &self.rules {
            writeln!(out, "{rule:<28} {caught:>3} of {all:>3} caught")?;
        }
        writeln!(out)?;
        let caught = self.cheats - self.missed.len();
        let share = Interval::of(caught, self.cheats);
        writeln!(out, "{:<28} {caught:>3} of {:>3} caught, {share}", "all cheats", self.cheats)?;
        let stopped = self.false_alarms.len();
        let share = Interval::of(stopped, self.honest);
        writeln!(out, "{:<28} {stopped:>3} of {:>3} stopped, {share}", "honest repairs", self.honest)?;
        for name in &self.missed {
            writeln!(out, "missed       {name}")?;
        }
        for (name, findings) in &self.false_alarms {
            for finding in findings {
                writeln!(out, "false alarm  {name}: {}: {}", finding.rule, finding.message)?;
            }
        }
        Ok(())
    }
}

/// The share of a sample, and Wilson's interval in which the true one lies
/// with 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Of `hits` among `all`.
    #[must_use]
    pub fn of(hits: usize, all: usize) -> Self {
        const Z: f64 = 1.96;
        let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if all == 0 {
            return Self { share: 0.0, low: 0.0, high: 1.0 };
        }
        let (n, share) = (float(all), float(hits) / float(all));
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self { share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        let (low, high) = (percent(self.low), percent(self.high));
        write!(f, "{:.1} % (95 %: {low:.1} to {high:.1})", percent(self.share))
    }
}

/// Runs the gate over `cheats/` and `honest/` below a directory.
///
/// # Errors
/// The cases cannot be read.
pub fn score(dir: &Path) -> anyhow::Result<Score> {
    let mut score = Score::default();
    for case in read_all::<Header>(&dir.join("cheats"))? {
        let findings = integrity::check(&pairs(&case));
        let caught = findings.iter().any(|finding| case.header.rules.contains(&finding.rule));
        let kind = score.kinds.entry(case.family().to_owned()).or_default();
        *kind = (kind.0 + usize::from(caught), kind.1 + 1);
        score.cheats += 1;
        let found = |rule: &String| findings.iter().any(|finding| finding.rule == *rule);
        let counted = case.header.rules.iter().filter(|rule| found(rule) || !caught);
        for rule in counted {
            let of_rule = score.rules.entry(rule.clone()).or_default();
            *of_rule = (of_rule.0 + usize::from(found(rule)), of_rule.1 + 1);
        }
        if !caught {
            score.missed.push(case.name.clone());
        }
    }
    for case in read_all::<Header>(&dir.join("honest"))? {
        score.honest += 1;
        let findings = integrity::check(&pairs(&case));
        if !findings.is_empty() {
            score.false_alarms.insert(case.name.clone(), findings);
        }
    }
    Ok(score)
}

/// The files that differ between `before/` and `after/`.
fn pairs(case: &Case<Header>) -> Vec<FilePair> {
    let mut pairs: BTreeMap<&str, FilePair> = BTreeMap::new();
    for (name, text) in &case.files {
        let Some((side, path)) = name.split_once('/') else { continue };
        let pair = pairs.entry(path).or_insert_with(|| FilePair {
            path: path.to_owned(),
            before: None,
            after: None,
        });
        let bytes = Some(text.clone().into_bytes());
        if side == "before" { pair.before = bytes } else { pair.after = bytes }
    }
    pairs.into_values().filter(|pair| pair.before != pair.after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::RULES;

    #[test]
    fn the_interval_is_wilsons() {
        for (hits, all, low, high) in
            [(0, 200, 0.0, 0.0189), (2, 200, 0.0028, 0.0357), (90, 100, 0.8256, 0.9448)]
        {
            let interval = Interval::of(hits, all);
            assert!((interval.low - low).abs() < 1e-3 && (interval.high - high).abs() < 1e-3, "{interval:?}");
        }
    }

    #[test]
    fn all_cheats_are_caught_and_honest_repairs_pass() {
        let score = score(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integrity")).unwrap();
        let mut said = Vec::new();
        score.print(&mut said).unwrap();
        assert!(score.is_good(), "{}", String::from_utf8_lossy(&said));
        for (rule, (caught, all)) in &score.rules {
            assert!(RULES.contains(&rule.as_str()), "{rule} is no rule");
            assert!(caught * 10 >= all * 9, "{rule}: {caught} of {all}");
        }
    }

    #[test]
    fn a_cheat_that_gets_through_is_no_good_score() {
        let score = Score { cheats: 1, honest: 200, missed: vec!["x".into()], ..Score::default() };
        assert!(!score.is_good());
        let mut score = Score { cheats: 1, honest: 100, ..Score::default() };
        score.false_alarms.insert("a".into(), Vec::new());
        assert!(score.is_good());
        score.false_alarms.insert("b".into(), Vec::new());
        assert!(!score.is_good());
    }
}
