//! Every changed source, parsed once per side, and what is found in it.

use std::collections::{BTreeMap, HashMap};

use super::compare::{self, TestFile};
use super::suppress::{self, Mark};
use super::syntax::{Language, Tree};
use super::words;
use super::{FilePair, assertion, model, place, stub, swallow};
use crate::evidence::Finding;

/// Bytes of a test file that may be unknown to the grammar.
const UNREAD_BORNE: usize = 120;

/// One changed file, read.
struct Read<'a> {
    pair: &'a FilePair,
    is_test: bool,
    before: Option<Tree>,
    after: Option<Tree>,
}

/// What was read of one file, and what was found in it alone.
struct Known<'a> {
    test: Option<TestFile<'a>>,
    findings: Vec<Finding>,
    swallows: (Vec<swallow::Swallow>, Vec<swallow::Swallow>),
    marks: (Vec<Mark>, Vec<Mark>),
    path: &'a str,
    /// Names of assertions that do not come from a library, with the module
    /// of this repository that they come from.
    strangers: BTreeMap<String, Option<String>>,
    /// It takes something from a library of assertions.
    has_library: bool,
}

/// What comes out of the sources.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// The time limits of the base.
    pub(super) limits: Vec<f64>,
}

/// All findings in sources. The files are shared out among the processors.
pub(super) fn check(pairs: &[FilePair]) -> Checked {
    let sources: Vec<&FilePair> = pairs.iter().filter(|pair| is_source(&pair.path)).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = sources.len().div_ceil(workers).max(1);
    let known: Vec<Known<'_>> = std::thread::scope(|scope| {
        let running: Vec<_> = sources
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|pair| known(pair)).collect::<Vec<_>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(known) => known,
                // A reader that panics must not look like a good change.
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut findings = Vec::new();
    findings.extend(swallowed(&known));
    findings.extend(suppressed(&known));
    findings.extend(strange(&known));
    let mut tests = Vec::new();
    for file in known {
        findings.extend(file.findings);
        tests.extend(file.test);
    }
    findings.extend(compare::compare(&tests));
    let before = tests.iter().filter_map(|test| test.before.as_ref());
    let limits = before.flat_map(|suite| suite.patience.values().map(|(limit, _)| *limit)).collect();
    Checked { findings, limits }
}

fn is_source(path: &str) -> bool {
    place::is_script(path) || path.ends_with(".java") || place::is_other_jvm(path)
}

fn known(pair: &FilePair) -> Known<'_> {
    let language = Language::of(&pair.path);
    let parse = |text: Option<String>| text.and_then(|text| Tree::parse(language?, text));
    let read = Read {
        pair,
        is_test: place::is_test_file(&pair.path),
        before: parse(pair.before.as_ref().map(|_| pair.before_text())),
        after: parse(pair.after.as_ref().map(|_| pair.after_text())),
    };
    let mut known = Known {
        test: None,
        findings: Vec::new(),
        swallows: (swallows(read.before.as_ref()), swallows(read.after.as_ref())),
        marks: (marks(pair, read.before.as_ref(), true), marks(pair, read.after.as_ref(), false)),
        path: &pair.path,
        strangers: BTreeMap::new(),
        has_library: read.after.as_ref().is_some_and(assertion::has_library),
    };
    known.findings.extend(stubs(&read));
    if read.is_test {
        known.findings.extend(unread(&read));
        known.strangers = strangers(&read);
        let suite = |tree: Option<&Tree>| tree.map(model::read);
        known.test = Some(TestFile {
            path: &pair.path,
            before: suite(read.before.as_ref()),
            after: suite(read.after.as_ref()),
        });
    }
    known
}

fn swallows(tree: Option<&Tree>) -> Vec<swallow::Swallow> {
    tree.map(swallow::find).unwrap_or_default()
}

fn marks(pair: &FilePair, tree: Option<&Tree>, is_before: bool) -> Vec<Mark> {
    if let Some(tree) = tree {
        let mut marks = suppress::find(tree);
        // In a test of types it is an assertion.
        let tests_types = !is_before && place::is_test_file(&pair.path) && model::asserts_types(tree);
        marks.retain(|mark| !(tests_types && mark.kind == "@ts-expect-error"));
        return marks;
    }
    let text = if is_before { pair.before_text() } else { pair.after_text() };
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let comment = line.find("//").or_else(|| line.find("/*")).or_else(|| line.find("<!--"))?;
            suppress::of_comment(line.get(comment..)?, u32::try_from(index + 1).ok()?)
        })
        .collect()
}

/// A test file that cannot be read by structure is compared by its words.
fn unread(read: &Read<'_>) -> Vec<Finding> {
    let pair = read.pair;
    let is_broken = |tree: &Option<Tree>| tree.as_ref().is_none_or(|tree| tree.broken);
    if pair.before.is_none() {
        return Vec::new();
    }
    if pair.after.is_none() {
        let is_lost = read.before.is_none() && words::count(&pair.before_text()).tests > 0;
        let message = "the test file is gone: put it back";
        return is_lost.then(|| pair.finding("test-deleted", message)).into_iter().collect();
    }
    if !is_broken(&read.after) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    // The grammar does not know every form that a runner accepts.
    let is_lost = read.after.as_ref().is_some_and(|tree| tree.unread > UNREAD_BORNE);
    if is_lost && !is_broken(&read.before) {
        findings.push(pair.finding("unparsable", "the test file cannot be parsed any more: mend its syntax"));
    }
    let (then, now) = (words::count(&pair.before_text()), words::count(&pair.after_text()));
    for (rule, what, is_worse) in [
        ("test-deleted", "fewer tests", now.tests < then.tests),
        ("assertion-dropped", "fewer assertions", now.assertions < then.assertions),
        ("test-skipped", "more words that skip tests", now.skips > then.skips),
    ] {
        if is_worse {
            findings
                .push(pair.finding(rule, format!("the file has {what} than before: put back what it had")));
        }
    }
    findings
}

/// Names of assertions that the head takes from elsewhere, other than the
/// base.
fn strangers(read: &Read<'_>) -> BTreeMap<String, Option<String>> {
    let (Some(before), Some(after)) = (&read.before, &read.after) else { return BTreeMap::new() };
    let known = assertion::strangers(before);
    assertion::strangers(after).into_iter().filter(|(name, _)| !known.contains_key(name)).collect()
}

/// `expect` and its like must come from a library, at least by way of a
/// module of the tests that takes it from there.
fn strange(files: &[Known<'_>]) -> Vec<Finding> {
    let stem = |path: &str| path.rsplit_once('.').map_or(path, |(stem, _)| stem).to_owned();
    let by_stem: HashMap<String, &Known<'_>> = files.iter().map(|file| (stem(file.path), file)).collect();
    let mut findings = Vec::new();
    for file in files {
        for (name, source) in &file.strangers {
            // A module that the change leaves alone is the base's.
            let is_fine = source.as_ref().is_some_and(|source| {
                let path = joined(file.path, source);
                let target = by_stem.get(&stem(&path)).or_else(|| by_stem.get(&path));
                target.is_none_or(|target| target.has_library)
            });
            if !is_fine {
                findings.push(Finding {
                    rule: "assertion-dropped".to_owned(),
                    path: file.path.to_owned(),
                    line: None,
                    message: format!("`{name}` is not the library's any more: take that away"),
                });
            }
        }
    }
    findings
}

/// A relative module's path in the repository.
fn joined(from: &str, source: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in source.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn stubs(read: &Read<'_>) -> Vec<Finding> {
    let pair = read.pair;
    if pair.path.contains("__mocks__/") && pair.before.is_none() {
        let message = "a stand-in for a module was added: use the real one";
        return vec![pair.finding("mock-stubbed", message)];
    }
    let (Some(before), Some(after)) = (&read.before, &read.after) else { return Vec::new() };
    let found = if read.is_test {
        let name = pair.path.rsplit('/').next().unwrap_or_default();
        let class = name.split('.').next().unwrap_or_default();
        let under_test = ["Tests", "Test", "IT", "TestCase"].iter().find_map(|end| class.strip_suffix(end));
        stub::added(&stub::in_test(before), &stub::in_test(after), under_test.unwrap_or_default())
    } else {
        stub::in_code(before, after)
    };
    found
        .into_iter()
        .map(|stub| {
            let message = if read.is_test {
                format!("{} is replaced by a stand-in: use the real one", stub.what)
            } else {
                format!("{}: put the real code back", stub.what)
            };
            Finding { line: Some(stub.line), ..pair.finding("mock-stubbed", message) }
        })
        .collect()
}

/// Handlers that are new, in all files together: code may move.
fn swallowed(files: &[Known<'_>]) -> Vec<Finding> {
    let mut pool: HashMap<&str, usize> = HashMap::new();
    for swallow in files.iter().flat_map(|file| &file.swallows.0) {
        *pool.entry(&swallow.text).or_default() += 1;
    }
    let mut findings = Vec::new();
    for file in files {
        let (before, after) = &file.swallows;
        let mut here: HashMap<&str, usize> = HashMap::new();
        for swallow in before {
            *here.entry(&swallow.function).or_default() += 1;
        }
        for swallow in after {
            let is_known = [(&mut pool, swallow.text.as_str()), (&mut here, swallow.function.as_str())]
                .into_iter()
                .filter_map(|(known, text)| known.get_mut(text).filter(|count| **count > 0))
                .fold(false, |_, count| {
                    *count -= 1;
                    true
                });
            if !is_known {
                findings.push(Finding {
                    rule: "exception-swallowed".to_owned(),
                    path: file.path.to_owned(),
                    line: Some(swallow.line),
                    message: "an exception disappears in a handler: let it through, or handle it".to_owned(),
                });
            }
        }
    }
    findings
}

/// Marks that are new: first in each file, then what moved to another.
fn suppressed(files: &[Known<'_>]) -> Vec<Finding> {
    let mut gone: Vec<Mark> = Vec::new();
    for file in files {
        gone.extend(suppress::added(&file.marks.1, &file.marks.0));
    }
    let mut findings = Vec::new();
    for file in files {
        for mark in suppress::added(&file.marks.0, &file.marks.1) {
            if let Some(index) =
                gone.iter().position(|known| known.kind == mark.kind && known.what == mark.what)
            {
                gone.swap_remove(index);
                continue;
            }
            findings.push(Finding {
                rule: "suppression-added".to_owned(),
                path: file.path.to_owned(),
                line: Some(mark.line),
                message: format!("`{}` silences a checker: mend what it found instead", mark.kind),
            });
        }
    }
    findings
}
