//! The integrity gate against cheats, which it has to catch, and honest
//! repairs, which it has to let through.

use std::collections::BTreeMap;
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
        let caught = self.cheats - self.missed.len();
        writeln!(out, "{:<28} {caught:>3} of {:>3} caught", "all cheats", self.cheats)?;
        writeln!(
            out,
            "{:<28} {:>3} of {:>3} stopped",
            "honest repairs",
            self.false_alarms.len(),
            self.honest
        )?;
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
