//! jest, vitest, mocha, ava, node's own runner in its long form, and programs
//! that end with an exception: a heading, what is said below it, a trace.

use std::collections::HashSet;

use super::super::gather::Gather;
use super::super::{Category, Cause, trace};
use super::message::{Block, is_weak};

/// Failing tests that are kept, and names of ava's.
const KEPT: usize = 2000;
const TITLES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Runners {
    found: Vec<Block>,
    /// Failures as they happen; they are told again at the end.
    early: Vec<Block>,
    /// Programs that ended with an exception.
    ended: Vec<Block>,
    other: Gather,
    open: Option<(Whose, Block)>,
    /// The file that jest or tap reads.
    file: Option<String>,
    /// mocha has begun to list its failures, or node has.
    listing: Option<Whose>,
    seen: HashSet<String>,
    /// ava's failing tests.
    titles: Vec<String>,
    /// tap names a file first, and below it what failed in it.
    tapping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Jest,
    Vitest,
    Mocha,
    Node,
    Early,
    Ava,
    Tap,
    Program,
}

impl Runners {
    pub(super) fn line(&mut self, line: &str, said: &str) {
        if said.is_empty() {
            return;
        }
        if self.heading(line, said) {
            return;
        }
        self.threshold(said);
        if let Some((whose, block)) = &mut self.open {
            if !ends(*whose, line, said) {
                block.line(line);
                return;
            }
            self.close();
        }
        // A program's exception begins at the line's beginning.
        if line.len() == said.len() && self.ended.len() < KEPT && trace::error(said).is_some() {
            let mut block = Block::default();
            block.line(said);
            self.open = Some((Whose::Program, block));
        }
    }

    /// Opens what a line begins.
    fn heading(&mut self, line: &str, said: &str) -> bool {
        match said.as_bytes().first() {
            Some(b'F') => self.fail(line, said),
            Some(b'0'..=b'9') => self.mocha(said),
            Some(b't') => self.node_at(said),
            Some(b'N' | b'S' | b'T' | b'P') => self.told(line, said),
            Some(byte) if !byte.is_ascii() => self.marked(line, said),
            _ => self.ava_title(said),
        }
    }

    /// `FAIL path` of jest and tap, ` FAIL  path > suite > test` of vitest.
    fn fail(&mut self, line: &str, said: &str) -> bool {
        let Some(rest) = said.strip_prefix("FAIL ") else { return self.ava_title(said) };
        let rest = rest.trim_start();
        if let Some((file, title)) = rest.split_once(" > ") {
            self.vitest(file, title);
        } else if let Some((file, _)) = rest.split_once(" [ ") {
            self.vitest(file, "");
        } else {
            self.close();
            let file = rest.split_whitespace().next().unwrap_or(rest).to_owned();
            self.tapping = rest.contains(" failed of ");
            if self.tapping {
                self.early.push(Block {
                    file: Some(file.clone()),
                    title: rest.to_owned(),
                    ..Block::default()
                });
            }
            self.file = Some(file);
        }
        line.len() >= said.len()
    }

    fn vitest(&mut self, file: &str, title: &str) {
        // Several tests that fail in the same way stand above one error.
        if let Some((Whose::Vitest, block)) = &self.open
            && block.is_empty()
        {
            return;
        }
        self.close();
        let file = file.rsplit("| ").next().unwrap_or(file);
        if self.is_new(file, title) {
            let block = Block { file: Some(file.to_owned()), title: title.to_owned(), ..Block::default() };
            self.open = Some((Whose::Vitest, block));
        }
    }

    fn is_new(&mut self, file: &str, title: &str) -> bool {
        self.found.len() < KEPT && self.seen.insert(format!("{file} {title}"))
    }

    /// `3 failing`, and below it `1) suite`.
    fn mocha(&mut self, said: &str) -> bool {
        if let Some((count, rest)) = said.split_once(' ')
            && rest == "failing"
            && count.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.close();
            self.listing = Some(Whose::Mocha);
            return true;
        }
        let digits = said.trim_start_matches(|c: char| c.is_ascii_digit());
        if self.listing == Some(Whose::Mocha) && digits.starts_with(") ") && self.found.len() < KEPT {
            self.close();
            let title = digits.trim_start_matches(") ").to_owned();
            self.open = Some((Whose::Mocha, Block { title, ..Block::default() }));
            return true;
        }
        self.ava_title(said)
    }

    /// `test at path:line:column`, in node's list of failing tests.
    fn node_at(&mut self, said: &str) -> bool {
        let Some(place) = said.strip_prefix("test at ") else { return self.ava_title(said) };
        self.close();
        let place = trace::place(place).map(|(file, line)| (file.to_owned(), line));
        self.open = Some((Whose::Node, Block { place, ..Block::default() }));
        true
    }

    /// What ends a list, and what says that there are no tests.
    fn told(&mut self, line: &str, said: &str) -> bool {
        let none = ["No tests found", "No test files found", "No test suite found"];
        if none.iter().any(|none| said.starts_with(none)) {
            self.other.add(Cause::new(Category::NoTests, said));
            return true;
        }
        let ends = ["Test Suites:", "Test Files ", "Tests ", "Snapshots:", "PASS "];
        if line.len() - said.len() < 8 && ends.iter().any(|end| said.starts_with(end)) {
            self.close();
            return true;
        }
        if said.starts_with("Summary of all failing tests") {
            self.close();
            return true;
        }
        self.ava_title(said)
    }

    /// Headings that begin with a mark: `●`, `✖`, `✘`, `✗`, `⎯`.
    fn marked(&mut self, line: &str, said: &str) -> bool {
        let indent = line.len() - said.len();
        if let Some(title) = said.strip_prefix("● ") {
            self.close();
            let file = self.file.clone().unwrap_or_default();
            if title != "Console" && indent <= 4 && self.is_new(&file, title) {
                let block = Block { file: self.file.clone(), title: title.to_owned(), ..Block::default() };
                self.open = Some((Whose::Jest, block));
            }
            return true;
        }
        if said.starts_with("✖ failing tests:") {
            self.close();
            self.listing = Some(Whose::Node);
            return true;
        }
        if let Some(title) = said.strip_prefix("✘ [fail]: ").or_else(|| said.strip_prefix("✖ [fail]: ")) {
            self.close();
            if self.titles.len() < TITLES {
                self.titles.push(title.trim().to_owned());
            }
            return true;
        }
        if let Some(title) = said.strip_prefix("✖ ").or_else(|| said.strip_prefix("✗ ")) {
            return self.failed(title, self.tapping || said.starts_with('✗'));
        }
        let ends = said.starts_with('🌈')
            || said.starts_with("⎯⎯")
            || said.starts_with("✔ ")
            || said.starts_with("▶ ")
            || said.starts_with("ℹ ");
        if ends {
            self.close();
        }
        ends
    }

    fn failed(&mut self, title: &str, tap: bool) -> bool {
        if let Some((Whose::Node, block)) = &mut self.open
            && block.title.is_empty()
        {
            title.clone_into(&mut block.title);
            return true;
        }
        self.close();
        if self.early.len() < KEPT {
            let mut block = Block { title: title.to_owned(), file: self.file.clone(), ..Block::default() };
            if tap {
                block.line(title);
            }
            self.open = Some((if tap { Whose::Tap } else { Whose::Early }, block));
        }
        true
    }

    /// ava says a failing test's name again, above what went wrong.
    fn ava_title(&mut self, said: &str) -> bool {
        // What was thrown may stand behind the name in the list.
        let named = |title: &String| {
            title.strip_prefix(said).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if !self.titles.iter().any(named) || !self.is_new("", said) {
            return false;
        }
        self.close();
        self.open = Some((Whose::Ava, Block { title: said.to_owned(), ..Block::default() }));
        true
    }

    /// A coverage that is too low fails a run whose tests all pass.
    fn threshold(&mut self, said: &str) {
        let low = said.contains("threshold") && (said.contains("not met") || said.contains("does not meet"));
        if low && said.contains('%') {
            self.other.add(Cause::new(Category::Test, said));
        }
    }

    fn close(&mut self) {
        let Some((whose, mut block)) = self.open.take() else { return };
        if whose == Whose::Ava {
            block.settle_place();
        }
        if block.is_empty() {
            return;
        }
        match whose {
            Whose::Early | Whose::Tap => self.early.push(block),
            Whose::Program => self.ended.push(block),
            Whose::Mocha => {
                block.drop_title();
                self.found.push(block);
            }
            Whose::Jest | Whose::Vitest | Whose::Node | Whose::Ava => self.found.push(block),
        }
    }

    /// What shows more of the first file that failed without a reason.
    pub(super) fn command(&self) -> Option<String> {
        let file = self.early.iter().find(|block| block.is_empty())?.file.as_ref()?;
        Some(format!("node {file}"))
    }

    pub(super) fn finish(mut self, step: Option<&str>, gather: &mut Gather, weak: &mut Gather) {
        self.close();
        let tested = !self.found.is_empty() || !self.early.is_empty();
        let failing = if self.found.is_empty() { self.early } else { self.found };
        for block in failing {
            let weakly = block.is_empty() || is_weak(&block.message());
            if block.is_empty() {
                let cause = Cause::new(Category::Test, &block.title);
                weak.add(cause);
            } else if weakly {
                weak.add(block.cause(Category::Test));
            } else {
                gather.add(block.cause(Category::Test));
            }
        }
        let other = gather.is_empty();
        for block in self.ended {
            // An installer or a linter that ends has said why before.
            if other {
                let kind = if tested { Category::Test } else { of_step(step) };
                gather.add(block.cause(kind));
            }
        }
        gather.extend(self.other.finish());
    }
}

/// Whether a line ends the block that is open.
fn ends(whose: Whose, line: &str, said: &str) -> bool {
    let outside = line.len() == said.len();
    match whose {
        Whose::Jest => outside && !said.starts_with("Error") && trace::error(said).is_none(),
        Whose::Program => {
            outside
                && !said.starts_with("Require stack")
                && !said.starts_with("- ")
                && !said.starts_with("at ")
        }
        Whose::Early => outside,
        Whose::Vitest | Whose::Mocha | Whose::Node | Whose::Ava | Whose::Tap => false,
    }
}

/// What kind of failure it is when a script of this name ends.
fn of_step(step: Option<&str>) -> Category {
    let step = step.unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| step.contains(word));
    if has(&["test", "spec", "coverage"]) {
        Category::Test
    } else if has(&["lint", "format"]) {
        Category::Lint
    } else if has(&["build", "compile", "type", "tsc", "prepare", "bundle"]) {
        Category::Compilation
    } else {
        Category::Crash
    }
}
