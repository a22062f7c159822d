//! What a runner's own report says: counts, and what failed with its place.
//!
//! Pure, and without trust: a report that cannot be read is none, and
//! whether a check passed is never decided here. Names are the same from run
//! to run: they hold no duration and no path of the machine.

mod complaints;
mod json;
mod points;
pub(super) mod printed;

pub(super) use complaints::complaint;

use super::node::runner::Runner;
use crate::evidence::TestFailure;
use crate::exec::TREE;
use crate::text;

/// Bytes of one failure's message.
const MESSAGE: usize = 600;
/// Bytes of one name.
const NAME: usize = 400;
/// Failures that are named. Of more than that a change is seen by the number
/// of tests that pass.
const FAILURES: usize = 5000;

/// What a report says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Tests that ran and passed; `None` when it is not about tests.
    pub(super) passed: Option<u32>,
    pub(super) skipped: Option<u32>,
    /// Sorted by name, each name once.
    pub(super) failures: Vec<TestFailure>,
}

/// Reads a runner's report.
pub(super) fn read(runner: Runner, text: &str, place: &Place<'_>) -> Option<Report> {
    let mut report = match runner {
        Runner::Jest | Runner::Vitest => json::jest(text, place),
        Runner::Mocha => json::mocha(text, place),
        Runner::NodeTest(_) => points::node(text, place),
        Runner::Ava | Runner::Tap => points::tap(text, place),
        Runner::Eslint => complaints::eslint(text, place),
        Runner::Biome => complaints::biome(text, place),
        Runner::Tsc => Some(complaints::tsc(text, place)),
    }?;
    report.tidy();
    Some(report)
}

impl Report {
    fn tidy(&mut self) {
        for failure in &mut self.failures {
            failure.name = text::head(&one_line(&failure.name), NAME);
            failure.message = text::head(text::plain(&failure.message).trim(), MESSAGE);
            failure.file = failure.file.take().map(|file| text::head(&one_line(&file), NAME));
        }
        self.failures.sort();
        let mut kept: Vec<(TestFailure, u32)> = Vec::new();
        for failure in self.failures.drain(..) {
            match kept.last_mut() {
                Some((last, many)) if last.name == failure.name => *many = many.saturating_add(1),
                _ => kept.push((failure, 1)),
            }
        }
        kept.truncate(FAILURES);
        for (mut failure, many) in kept {
            // The same complaint in two places of a file is more than one of
            // it: the number belongs to the name.
            if many > 1 && self.passed.is_none() {
                failure.name = format!("{} (×{many})", failure.name);
            }
            self.failures.push(failure);
        }
    }
}

/// Untrusted text as one line.
pub(super) fn one_line(said: &str) -> String {
    text::plain(said).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a command ran: what it says about files is relative to that, or has
/// the container's tree in front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The project in the tree.
    pub(super) root: &'a str,
    /// The command's directory in the project.
    pub(super) dir: &'a str,
}

impl Place<'_> {
    /// A path as the project knows it; `None` for one outside of it.
    pub(super) fn path(&self, said: &str) -> Option<String> {
        let said = said.trim().trim_start_matches("file://");
        let mut parts: Vec<&str> = match said.strip_prefix('/') {
            Some(_) => {
                let inside = said.strip_prefix(TREE)?.strip_prefix('/')?;
                let inside = match self.root {
                    "" => inside,
                    root => inside.strip_prefix(root)?.strip_prefix('/')?,
                };
                return (!is_foreign(inside)).then(|| inside.to_owned());
            }
            None if said.is_empty() => return None,
            None => self.dir.split('/').filter(|part| !part.is_empty()).collect(),
        };
        for part in said.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        let path = parts.join("/");
        (!path.is_empty() && !is_foreign(&path)).then_some(path)
    }

    /// The same, or what was said.
    pub(super) fn name(&self, said: &str) -> String {
        self.path(said).unwrap_or_else(|| said.to_owned())
    }

    /// The first place in a stack that lies in the project.
    pub(super) fn frame(&self, stack: &str) -> Option<(String, u32)> {
        stack.lines().map(str::trim).filter_map(|line| line.strip_prefix("at ")).find_map(|frame| {
            let place = frame.rsplit_once('(').map_or(frame, |(_, place)| place.trim_end_matches(')'));
            self.position(place.trim_start_matches("async "))
        })
    }

    /// `src/a.js:3:10`.
    pub(super) fn position(&self, said: &str) -> Option<(String, u32)> {
        let mut parts = said.rsplitn(3, ':');
        let (column, line, path) = (parts.next()?, parts.next()?, parts.next()?);
        column.parse::<u32>().ok()?;
        // `node:internal/x` and the like are no files.
        if path.contains(':') && !path.starts_with("file://") {
            return None;
        }
        Some((self.path(path)?, line.parse().ok()?))
    }
}

fn is_foreign(path: &str) -> bool {
    path.split('/').any(|part| part == "node_modules")
}

/// A failure with the place that its stack names, or else the test's own.
fn failed(
    name: String,
    message: &str,
    stack: &str,
    own: (Option<String>, Option<u32>),
    place: &Place<'_>,
) -> TestFailure {
    let (file, line) = match place.frame(stack) {
        Some((file, line)) => (Some(file), Some(line)),
        None => own,
    };
    TestFailure { name, file, line, message: message.to_owned() }
}

/// The message in front of a stack.
fn message_of(stack: &str) -> &str {
    match stack.find("\n    at ") {
        Some(end) => stack.get(..end).unwrap_or(stack),
        None => stack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const AT: Place<'static> = Place { root: "app", dir: "packages/a" };

    #[test]
    fn paths_are_those_of_the_project() {
        for (said, expected) in [
            ("/work/app/src/a.js", Some("src/a.js")),
            ("file:///work/app/src/a.js", Some("src/a.js")),
            ("src/a.js", Some("packages/a/src/a.js")),
            ("./../b/a.js", Some("packages/b/a.js")),
            ("../../../x.js", None),
            ("/work/other/a.js", None),
            ("/usr/lib/a.js", None),
            ("/work/app/node_modules/x/a.js", None),
            ("", None),
        ] {
            assert_eq!(AT.path(said).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn the_first_frame_in_the_project_is_where_it_failed() {
        let stack = "Error: no\n    at node:internal/x:1:2\n    at f (/work/app/node_modules/x/i.js:3:4)\n    at async g (file:///work/app/src/a.js:7:8)\n    at /work/app/src/b.js:9:1";
        assert_eq!(AT.frame(stack), Some(("src/a.js".to_owned(), 7)));
        assert_eq!(AT.frame("at /work/app/src/b.js:9:1"), Some(("src/b.js".to_owned(), 9)));
        assert_eq!(AT.frame("Error: at least"), None);
        assert_eq!(message_of(stack), "Error: no");
    }
}
