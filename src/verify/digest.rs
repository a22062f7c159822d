//! What a failing log says, in a few lines: the distinct causes, the deepest
//! first, each with its place and how often it was said.
//!
//! Pure, but for [`quote`], which looks up two lines of source for a place.
//! It refuses to decide whether anything failed: exit codes and reports do.
//! A log that holds no cause is called that, and nothing is guessed.

mod failures;
mod gather;
mod mask;
mod maven;
mod npm;
mod quoted;
mod reports;
mod trace;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text;

pub use failures::of_check;
pub use gather::distinct;
pub(super) use maven::goal;
pub use quoted::quote;
pub use reports::report;

/// Lines of a summary, causes in it, and bytes of a line.
const LINES: usize = 60;
const CAUSES: usize = 12;
const LINE: usize = 400;
/// Bytes of a summary in one text: it is shown whole, to people and to the
/// model.
const TEXT: usize = 3400;
/// Lines below a cause: the paths that an enforcer's rule names.
const DETAILS: usize = 4;
/// Bytes of one line of a log that are looked at. What is longer is a bundle
/// or a report, and a report is read another way.
const SEEN: usize = 16 * 1024;

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// A Maven build.
    Maven,
    /// npm, yarn or pnpm, and whatever their scripts start.
    Npm,
}

/// What kind of failure it is. The order is that of the causes in a summary:
/// what comes first explains most of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Class files for a newer Java than the one that runs.
    ClassVersion,
    /// A package for another Node than the one that runs.
    Engine,
    /// A package or an artifact that cannot be had.
    DependencyResolution,
    /// Packages that refuse each other.
    PeerConflict,
    /// A policy of the build: the enforcer's rules and their like.
    Enforcer,
    /// A lockfile that does not say what the manifest says.
    DependencyLock,
    /// The program or the machine gave up: out of memory, killed.
    Crash,
    /// A script or a program that is not there.
    MissingScript,
    /// A tool's configuration that it does not understand.
    Config,
    /// Sources that do not compile.
    Compilation,
    /// Warnings that are forbidden.
    Werror,
    /// Tests that fail.
    Test,
    /// Style and static analysis.
    Lint,
    /// Something took too long.
    Timeout,
    /// There are no tests.
    NoTests,
    /// The log names no cause.
    Unknown,
    /// The log tells of success.
    None,
}

/// One cause, however often it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What kind of failure it is.
    pub kind: Category,
    /// As the log names it; relative to the tree where it lies in the tree.
    pub file: Option<String>,
    /// Counted from one.
    pub line: Option<u32>,
    /// The first line says it; others are details.
    pub message: String,
    /// How often it was said.
    pub times: u32,
}

impl Cause {
    /// A cause without a place, said once.
    pub fn new(kind: Category, message: impl AsRef<str>) -> Self {
        let message = mask::tidy(&plain(message.as_ref()));
        Self { kind, file: None, line: None, message, times: 1 }
    }

    /// The same at a place. A place inside a package is none.
    #[must_use]
    pub fn at(mut self, file: &str, line: Option<u32>) -> Self {
        let file = plain(file);
        if !mask::is_foreign(&file) {
            self.file = Some(mask::relative(&file).to_owned());
            self.line = line;
        }
        self
    }

    /// `file:line message (×N)`, and the details below it.
    fn shown(&self) -> Vec<String> {
        let mut lines = self.message.lines();
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line} "),
            (Some(file), None) => format!("{file} "),
            (None, _) => String::new(),
        };
        let times = if self.times > 1 { format!(" (×{})", self.times) } else { String::new() };
        let room = LINE.saturating_sub(times.len());
        let first = text::head(&format!("{place}{}", lines.next().unwrap_or_default()), room);
        let details = lines.take(DETAILS).map(|line| text::head(&format!("    {line}"), LINE));
        std::iter::once(first + &times).chain(details).collect()
    }
}

/// A log in a few lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What failed first of all.
    pub category: Category,
    /// The distinct causes, the deepest first.
    pub causes: Vec<Cause>,
    /// The same for people and for the model.
    pub lines: Vec<String>,
}

impl Summary {
    /// The lines in one text that fits wherever a digest is shown.
    #[must_use]
    pub fn text(&self) -> String {
        text::head(&self.lines.join("\n"), TEXT)
    }
}

/// Reads a log: its kind, its causes, and the lines that say them.
#[must_use]
pub fn summarize(tool: Tool, log: &str) -> Summary {
    match tool {
        Tool::Maven => maven::summarize(log),
        Tool::Npm => npm::summarize(log),
    }
}

/// The lines that say the causes; the caller may have them from a report.
#[must_use]
pub fn render(causes: &[Cause]) -> Vec<String> {
    with_details(causes, Cause::shown)
}

fn with_details(causes: &[Cause], shown: impl Fn(&Cause) -> Vec<String>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut said = 0;
    for cause in causes.iter().take(CAUSES) {
        let shown = shown(cause);
        // Room is kept for the sentences at the end.
        if lines.len() + shown.len() + 4 > LINES {
            break;
        }
        lines.extend(shown);
        said += 1;
    }
    if causes.len() > said {
        lines.push(format!("and {} more distinct causes", causes.len() - said));
    }
    lines
}

/// What a summary says when nothing in the log explains the failure.
fn no_cause(command: &str) -> String {
    format!("the log names no cause; run `{}`", text::head(command, 120))
}

/// The lines of a log, made plain; almost all are that already.
fn lines(log: &str) -> impl Iterator<Item = Cow<'_, str>> {
    log.lines().map(|line| {
        let line = line.get(..line.floor_char_boundary(SEEN)).unwrap_or(line);
        match plain(line) {
            Cow::Borrowed(line) => Cow::Borrowed(line.trim_end()),
            Cow::Owned(line) => Cow::Owned(line.trim_end().to_owned()),
        }
    })
}

/// The text made plain, without a copy when it is that already.
fn plain(said: &str) -> Cow<'_, str> {
    let is_plain = said.bytes().all(|byte| (b' '..0x7f).contains(&byte) || byte == b'\t' || byte == b'\n');
    if is_plain { Cow::Borrowed(said) } else { Cow::Owned(text::plain(said)) }
}

#[cfg(test)]
mod tests;
