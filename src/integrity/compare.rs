//! The tests of the base against those of the head.
//!
//! Tests are matched by their names, then by what they do, also from one
//! file to another; then each pair is compared, assertion by assertion.

mod checks;
mod matching;

use std::collections::{HashMap, HashSet};

use super::assertion::Check;
use super::model::{Case, Suite};
use super::strength::Level;
use crate::evidence::Finding;
use checks::checks;
use matching::{by_name, is_in_table, match_rest};

/// Bodies that are compared word by word.
const ALIKE_CAP: usize = 120;
/// From here on two bodies are the same test under another name.
const ALIKE: f64 = 0.6;
/// Assertions of one test that are compared word by word.
const PAIRS_CAP: usize = 400;

/// One changed test file.
#[derive(Debug)]
pub(super) struct TestFile<'a> {
    pub(super) path: &'a str,
    pub(super) before: Option<Suite>,
    pub(super) after: Option<Suite>,
}

/// The place of a test: which file, which test in it.
type Place = (usize, usize);

/// All findings of all files.
pub(super) fn compare(files: &[TestFile<'_>]) -> Vec<Finding> {
    let mut pairs: Vec<(Place, Place)> = Vec::new();
    let (mut lost, mut new) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        by_name(index, file, &mut pairs, &mut lost, &mut new);
    }
    match_rest(files, &mut pairs, &mut lost, &mut new);
    let mut findings = Vec::new();
    // What no test of the base has used up: assertions may have moved there.
    let mut spare: Vec<Check> = Vec::new();
    for place in &new {
        spare.extend(head(files, *place).map(|case| case.checks.clone()).unwrap_or_default());
    }
    let mut dropped: Vec<(Place, Place, Check)> = Vec::new();
    for (from, to) in &pairs {
        let (Some(before), Some(after)) = (base(files, *from), head(files, *to)) else { continue };
        let path = files.get(to.0).map_or("", |file| file.path);
        findings.extend(of_case(path, before, after));
        let mut compared = checks(path, &before.checks, &after.checks, after.awaits > before.awaits);
        compared.dropped.retain(|check| !is_in_table(check, before, after));
        findings.extend(compared.findings);
        spare.extend(compared.spare);
        dropped.extend(compared.dropped.into_iter().map(|check| (*from, *to, check)));
    }
    findings.extend(missing(files, dropped, &spare));
    findings.extend(deleted(files, &lost));
    for file in files {
        findings.extend(of_file(file, &spare));
    }
    once(findings)
}

fn base<'a>(files: &'a [TestFile<'_>], place: Place) -> Option<&'a Case> {
    files.get(place.0)?.before.as_ref()?.cases.get(place.1)
}

fn head<'a>(files: &'a [TestFile<'_>], place: Place) -> Option<&'a Case> {
    files.get(place.0)?.after.as_ref()?.cases.get(place.1)
}

/// The same finding from two tests that share a helper is one.
fn once(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    findings
        .into_iter()
        .filter(|finding| {
            seen.insert((finding.rule.clone(), finding.path.clone(), finding.line, finding.message.clone()))
        })
        .collect()
}

fn finding(rule: &str, path: &str, line: Option<u32>, message: String) -> Finding {
    Finding { rule: rule.to_owned(), path: path.to_owned(), line, message }
}

/// Tests of the base that are nowhere in the head.
fn deleted(files: &[TestFile<'_>], lost: &[Place]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if file.after.is_none() && file.before.is_some() {
            let of_file: Vec<&Place> = lost.iter().filter(|place| place.0 == index).collect();
            let had_none = file.before.as_ref().is_some_and(|suite| suite.cases.is_empty());
            let held = file.before.as_ref().is_some_and(|suite| !suite.outside.is_empty());
            if !of_file.is_empty() || (had_none && held) {
                let message =
                    "the test file is gone, or is where its runner does not look: put it back".to_owned();
                findings.push(finding("test-deleted", file.path, None, message));
            }
        }
    }
    for place in lost {
        let Some(file) = files.get(place.0).filter(|file| file.after.is_some()) else { continue };
        // Nothing is lost with a test that did not run.
        let Some(case) = base(files, *place).filter(|case| !case.is_skipped()) else { continue };
        let message =
            format!("the test {:?} is gone (line {} of the base): put it back", case.name, case.line);
        findings.push(finding("test-deleted", file.path, Some(case.line), message));
    }
    findings
}

/// Does the test still run, and with all its data?
fn of_case(path: &str, before: &Case, after: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known: Vec<&str> = before.skips.iter().map(|skip| skip.how.as_str()).collect();
    let mut added = Vec::new();
    for skip in &after.skips {
        match known.iter().position(|how| *how == skip.how) {
            Some(index) => drop(known.swap_remove(index)),
            None => added.push(skip),
        }
    }
    // One way to skip may take another's place.
    for skip in added.iter().skip(known.len()) {
        let message = format!(
            "the test {:?} does not run to its end any more ({}): take that away",
            after.name, skip.how
        );
        findings.push(finding("test-skipped", path, Some(skip.line), message));
    }
    if after.only && !before.only {
        let message =
            format!("only the test {:?} runs and silences the others: take `only` away", after.name);
        findings.push(finding("test-skipped", path, Some(after.line), message));
    }
    if let (Some(then), Some(now)) = (before.rows, after.rows)
        && now < then
    {
        let message = format!(
            "the test {:?} runs with {now} rows of data instead of {then}: put them back",
            after.name
        );
        findings.push(finding("test-deleted", path, Some(after.line), message));
    }
    findings
}

/// Assertions that are in no other test either.
fn missing(files: &[TestFile<'_>], dropped: Vec<(Place, Place, Check)>, spare: &[Check]) -> Vec<Finding> {
    let mut by_text: HashMap<&str, usize> = HashMap::new();
    let mut by_subject: HashMap<&str, Vec<Level>> = HashMap::new();
    for check in spare {
        *by_text.entry(tail(&check.text)).or_default() += 1;
        by_subject.entry(&check.subject).or_default().push(check.level);
    }
    let mut findings = Vec::new();
    for (_, to, check) in dropped {
        if let Some(count) = by_text.get_mut(tail(&check.text)).filter(|count| **count > 0) {
            *count -= 1;
            continue;
        }
        let levels = by_subject.get_mut(check.subject.as_str()).filter(|_| !check.subject.is_empty());
        if let Some(levels) = levels
            && let Some(index) = levels.iter().position(|level| *level >= check.level)
        {
            levels.swap_remove(index);
            continue;
        }
        let path = files.get(to.0).map_or("", |file| file.path);
        let message = format!(
            "the assertion {} is gone (line {} of the base): put it back",
            short(&check.text),
            check.line
        );
        findings.push(finding("assertion-dropped", path, Some(check.line), message));
    }
    findings
}

/// Without the calls of helpers that led to an assertion.
fn tail(text: &str) -> &str {
    text.rsplit(" > ").next().unwrap_or(text)
}

/// What a file says outside of its tests.
fn of_file(file: &TestFile<'_>, spare: &[Check]) -> Vec<Finding> {
    let (Some(before), Some(after)) = (&file.before, &file.after) else { return Vec::new() };
    let mut findings = Vec::new();
    for (key, (now, line)) in &after.patience {
        let then = before.patience.get(key).map(|(then, _)| *then);
        let is_new = then.is_none() && !key.starts_with("limit of") && *now > 0.0 && before_has(before, key);
        if is_new || then.is_some_and(|then| then > 0.0 && (*now > then || *now == 0.0)) {
            let message = format!("{key} is {now} now: put back what it was");
            findings.push(finding("assertion-loosened", file.path, Some(*line), message));
        }
    }
    let compared = checks(file.path, &before.outside, &after.outside, false);
    findings.extend(compared.findings);
    let inside: HashSet<&str> = spare.iter().map(|check| tail(&check.text)).collect();
    for check in compared.dropped.iter().filter(|check| !inside.contains(tail(&check.text))) {
        let message = format!(
            "the assertion {} is gone (line {} of the base): put it back",
            short(&check.text),
            check.line
        );
        findings.push(finding("assertion-dropped", file.path, Some(check.line), message));
    }
    findings
}

/// A limit of a test that is new itself is no looser than before.
fn before_has(before: &Suite, key: &str) -> bool {
    key.split_once(" of ").is_none_or(|(_, title)| before.cases.iter().any(|case| case.title() == title))
}

/// For a message.
fn short(text: &str) -> String {
    let tail = tail(text);
    let cut: String = tail.chars().take(90).collect();
    if cut.len() < tail.len() { format!("`{cut}…`") } else { format!("`{cut}`") }
}
