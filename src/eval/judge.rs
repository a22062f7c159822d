//! The judge against labelled changes: what it lets through, what it stops.
//!
//! The set is a directory of cases, each a diff with the verdict that a person
//! gave it. The judge is the one of a session, word for word: the same
//! requests, the same look-up of evidence, the same scan for text that is
//! aimed at it. Whatever Messages API is configured answers, and its answers
//! can be kept and scored again without a key.
//!
//! No kept answers come with the sources. The tests run this harness against a
//! scripted stand-in, which proves the harness and says nothing about a model:
//! figures of a model need a run with a key, `--record` keeps it. A request
//! that changed since (another prompt, another diff) has no kept answer, and
//! that is said and fails; it is never scored as something else.

mod recording;
mod score;

use std::path::Path;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::case::{Case, read_all};
use crate::change::{ChangeType, Cost, Ecosystem, Moved, Resolved};
use crate::evidence::Decision;
use crate::judge::{self, Matter, Opinion};
use crate::trigger::Catalog;

pub use recording::{Answers, Kept};
pub use score::Score;

/// The name of the one file of a case.
const DIFF: &str = "diff";

/// What a case's header says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What was done, in a few words.
    pub what: String,
    pub expect: Expect,
    /// `honest`, or what is wrong with it: `scope-creep`, `secret` and so on.
    pub kind: String,
    pub package: String,
    pub from: String,
    pub to: String,
    pub ecosystem: Ecosystem,
    /// What the engine checked, a line each.
    pub checks: Vec<String>,
    /// The case that is the same without the text aimed at the judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// The change type; a bump where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What moved along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Moved>,
}

/// The right verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Accept,
    Veto,
}

/// How the set is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Not more cases than this, spread over the set.
    pub limit: Option<usize>,
    /// Cases at once.
    pub concurrency: usize,
    /// For each case.
    pub money: Cost,
    /// Text that is aimed at the judge is looked for first, as in a session.
    /// Without it, the model alone is measured.
    pub scan: bool,
}

/// What became of one case.
#[derive(Debug, Clone)]
struct Ran {
    name: String,
    header: Header,
    /// `None` when an answer to a request was not kept.
    opinion: Option<Opinion>,
    calls: u32,
    cost: Cost,
}

/// Runs the judge over the cases below a directory.
///
/// # Errors
/// A case cannot be read; an answer cannot be kept; the money cap does not
/// allow a call.
pub async fn run(
    dir: &Path,
    catalog: &Catalog,
    answers: &Answers,
    options: Options,
) -> anyhow::Result<Score> {
    let mut cases = read_all::<Header>(dir)?;
    if let Some(limit) = options.limit {
        cases = spread(cases, limit);
    }
    let mut running = futures_util::stream::iter(cases)
        .map(|case| one(case, catalog, answers, options))
        .buffered(options.concurrency.max(1));
    let mut ran = Vec::new();
    while let Some(result) = running.next().await {
        ran.push(result?);
    }
    Ok(Score::new(answers.model(), options.scan, &ran))
}

/// Every so many of a sorted list, so that each kind is there.
fn spread<T>(all: Vec<T>, limit: usize) -> Vec<T> {
    let count = all.len();
    let picked = |index: usize| (index + 1) * limit / count > index * limit / count;
    all.into_iter()
        .enumerate()
        .filter(|(index, _)| limit >= count || picked(*index))
        .map(|(_, one)| one)
        .collect()
}

async fn one(
    case: Case<Header>,
    catalog: &Catalog,
    answers: &Answers,
    options: Options,
) -> anyhow::Result<Ran> {
    let failed = || format!("could not judge the case {}", case.name);
    let change = change(&case.header, catalog).with_context(failed)?;
    let diff = case.files.get(DIFF).context("it has no file named diff").with_context(failed)?;
    let resolved = resolved(&case.header);
    let matter = Matter {
        change,
        resolved: &resolved,
        checks: case.header.checks.clone(),
        findings: &[],
        words: None,
        diff,
        first_call: 1,
        money_left: options.money,
    };
    let oracle = answers.oracle();
    let considered = if options.scan {
        judge::consider(&oracle, &matter).await
    } else {
        judge::deliberate(&oracle, &matter).await
    };
    let opinion = match considered {
        _ if oracle.is_missing() => None,
        considered => Some(considered.with_context(failed)?),
    };
    // A diff that nobody can read is a mistake in the case.
    if let Some(Opinion { decision: Decision::Unavailable, reason, .. }) = &opinion
        && oracle.calls() == 0
    {
        anyhow::bail!("could not judge the case {}: {reason}", case.name);
    }
    Ok(Ran { name: case.name, header: case.header, opinion, calls: oracle.calls(), cost: oracle.cost() })
}

fn change<'a>(header: &Header, catalog: &'a Catalog) -> anyhow::Result<&'a ChangeType> {
    let name = header.change.as_deref().unwrap_or("bump");
    catalog.get(name).with_context(|| format!("there is no change type {name:?}"))
}

fn resolved(header: &Header) -> Resolved {
    Resolved {
        ecosystem: header.ecosystem,
        package: header.package.clone(),
        from: header.from.clone(),
        to: header.to.clone(),
        others: header.others.clone(),
        ..Resolved::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::parse;
    use super::*;

    #[test]
    fn a_header_is_read_as_it_is_written() {
        let text = "what: a bump\nexpect: veto\nkind: secret\npackage: ms\nfrom: 1.0\nto: 2.1.3\necosystem: npm\n\
                    checks:\n  - \"npm run test: 41 passed\"\npair: plain\n-- diff --\ndiff --git a/a b/a\n";
        let case: Case<Header> = parse("secret/a", text).unwrap();
        assert_eq!((case.header.expect, case.header.from.as_str()), (Expect::Veto, "1.0"));
        assert_eq!(case.files[DIFF], "diff --git a/a b/a\n");
        assert!(parse::<Header>("x", &text.replace("kind", "sort")).is_err());
        let written = serde_yaml_ng::to_string(&case.header).unwrap();
        assert!(!written.contains("others") && written.contains("expect: veto"), "{written}");
    }

    #[test]
    fn a_limited_run_takes_from_the_whole_set() {
        assert_eq!(spread((0..10).collect(), 3), [3, 6, 9]);
        assert_eq!(spread((0..4).collect(), 9), [0, 1, 2, 3]);
        assert_eq!(spread((0..7).collect::<Vec<i32>>(), 5).len(), 5);
    }
}
