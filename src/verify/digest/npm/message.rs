//! What a block of a test runner's output says: the error, what was expected,
//! and the first place that is the repository's own.

use super::super::{Category, Cause, mask, trace};

/// Lines kept of one block.
const KEPT: usize = 60;

/// The lines below a failing test's name.
#[derive(Debug, Default, Clone)]
pub(super) struct Block {
    /// The file of the test, when it is known.
    pub(super) file: Option<String>,
    /// Where the test stands, which is worse than where it failed.
    pub(super) place: Option<(String, u32)>,
    /// The test's name.
    pub(super) title: String,
    /// The frames that are the repository's own, the first ones.
    pub(super) frames: Vec<(String, u32)>,
    pub(super) said: Vec<String>,
}

impl Block {
    /// One more line.
    pub(super) fn line(&mut self, line: &str) {
        let said = line.trim();
        if said.is_empty() || is_excerpt(said) {
            return;
        }
        if said.starts_with("at ") || said.starts_with("❯ ") || said.starts_with("› ") {
            if self.frames.len() < 8 {
                let said = said.replacen("› ", "at ", 1);
                self.frames.extend(trace::script_frame(&said).map(|(file, line)| (file.to_owned(), line)));
            }
        } else if self.said.len() < KEPT {
            self.said.push(said.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// What it says in one line.
    pub(super) fn message(&self) -> String {
        let details = self.said.iter().position(|line| line == "Details:").map_or(0, |at| at + 1);
        let said = self.said.get(details..).unwrap_or_default();
        let (at, head) = said
            .iter()
            .enumerate()
            .find_map(|(at, line)| trace::error(line).map(|head| (at, head)))
            .or_else(|| said.first().map(|line| (0, line.clone())))
            .unwrap_or_default();
        let rest = said.get(at + 1..).unwrap_or_default();
        // The place inside a package that cannot be read stands before.
        let inside = said.first().filter(|line| at > 0 && mask::is_foreign(line));
        let inside = inside.map(|line| format!(" (in {})", line.split(".js:").next().unwrap_or(line)));
        let more = expected(&head, rest);
        let head = head.split(" // ").next().unwrap_or_default();
        format!("{head}{}{more}", inside.unwrap_or_default())
    }

    /// The cause, at the best place there is.
    pub(super) fn cause(self, kind: Category) -> Cause {
        let cause = Cause::new(kind, self.message());
        let base = self.base().to_owned();
        let frame = self.frames.into_iter().next().map(|(file, line)| (joined(&base, &file), line));
        match (frame.or(self.place), self.file) {
            (Some((file, line)), _) => cause.at(&file, Some(line)),
            (None, Some(file)) => cause.at(&file, None),
            (None, None) => cause,
        }
    }
}

impl Block {
    /// jest names files from its own root: where that is tells the frame in
    /// the test's file.
    fn base(&self) -> &str {
        let Some(file) = &self.file else { return "" };
        self.frames
            .iter()
            .filter_map(|(frame, _)| file.strip_suffix(frame.as_str()))
            .find(|base| base.ends_with('/'))
            .unwrap_or_default()
    }
}

/// A path from a directory, with the steps up taken.
fn joined(base: &str, file: &str) -> String {
    if base.is_empty() || file.starts_with('/') {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.trim_end_matches('/').split('/').chain(file.split('/')) {
        match part {
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What was expected and what came instead, when the error does not say it.
fn expected(head: &str, rest: &[String]) -> String {
    let mut more: Vec<&str> = Vec::new();
    if head.ends_with(':') {
        more.extend(rest.first().map(String::as_str));
    }
    if head.contains("expect(") {
        let tells = ["Expected", "Received", "expected", "received", "Number of", "Unable to find"];
        let told = rest.iter().filter(|line| tells.iter().any(|tells| line.starts_with(tells)));
        more.extend(told.filter(|line| line.contains(':')).take(2).map(String::as_str));
    }
    if head.starts_with("Difference") {
        more.extend(rest.iter().skip(usize::from(head.ends_with(':'))).take(1).map(String::as_str));
    }
    if head.contains("Cannot find module") && !head.contains("imported from") {
        let by = rest.iter().find_map(|line| line.strip_prefix("- "));
        return by.map(|by| format!(" (required by {by})")).unwrap_or_default();
    }
    if more.is_empty() { String::new() } else { format!(" {}", more.join(", ")) }
}

/// A line of source that a runner shows, or the mark below one.
fn is_excerpt(said: &str) -> bool {
    let said = said.trim_start_matches(['>', ' ']);
    let digits = said.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = digits.len() < said.len() && digits.trim_start().starts_with(['|', ':']);
    numbered || said.starts_with('|') || said.bytes().all(|byte| byte == b'^' || byte == b'~')
}

/// What only says that something failed, not why.
pub(super) fn is_weak(message: &str) -> bool {
    const WEAK: [&str; 9] = [
        "!= plan(",
        "test unfinished",
        "subtests failed",
        "subtest failed",
        "without ending",
        " failed of ",
        "test failed",
        "Test failed",
        "exit code",
    ];
    WEAK.iter().any(|weak| message.contains(weak))
}

impl Block {
    /// mocha writes the suites and the test above the error; the last of
    /// these lines ends with a colon.
    pub(super) fn drop_title(&mut self) {
        let title =
            self.said.iter().take(8).position(|line| line.ends_with(':') && trace::error(line).is_none());
        let title = title.filter(|at| self.said.len() > at + 1);
        if let Some(at) = title {
            self.said.drain(..=at);
        }
    }

    /// ava writes the place on a line of its own.
    pub(super) fn settle_place(&mut self) {
        let at =
            self.said.iter().take(3).position(|line| !line.contains(' ') && trace::place(line).is_some());
        if let Some(at) = at {
            let place = self.said.remove(at);
            self.place = trace::place(&place).map(|(file, line)| (file.to_owned(), line));
        }
        self.said.retain(|line| line != "─");
    }
}
