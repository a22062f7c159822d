//! The log of a package manager of npm's kind and of what its scripts start:
//! installers, compilers, linters, test runners. Each has a reader of its
//! own, and every line goes to those that may know it.

mod compilers;
mod linters;
mod manager;
mod message;
mod runners;
mod tap;

use super::gather::Gather;
use super::{Category, Cause, Summary, lines, no_cause, render, reports};

/// All readers.
#[derive(Debug, Default)]
struct Reader {
    manager: manager::Manager,
    compilers: compilers::Compilers,
    linters: linters::Linters,
    runners: runners::Runners,
    tap: tap::Tap,
}

pub(super) fn summarize(log: &str) -> Summary {
    let mut reader = Reader::default();
    for line in lines(log) {
        reader.line(&line);
    }
    let embedded = reports::embedded(log);
    reader.finish(embedded)
}

impl Reader {
    fn line(&mut self, line: &str) {
        let said = line.trim_start();
        if self.tap.line(line, said) || self.manager.line(line, said) {
            return;
        }
        if self.compilers.line(line, said) || self.linters.line(line, said) {
            return;
        }
        self.runners.line(line, said);
    }

    fn finish(self, embedded: Option<Vec<Cause>>) -> Summary {
        let step = self.manager.step().map(str::to_owned);
        let command = self.runners.command().or_else(|| self.manager.command());
        let command = command.unwrap_or_else(|| "npm test".to_owned());
        let clean = embedded.as_ref().is_some_and(Vec::is_empty);
        let mut gather = Gather::default();
        let mut weak = Gather::default();
        let reported = embedded.iter().flatten().any(|cause| cause.kind == Category::Test);
        gather.extend(embedded.into_iter().flatten());
        let mut last = Gather::default();
        self.manager.finish(&mut gather, &mut last);
        self.compilers.finish(&mut gather);
        self.linters.finish(&mut gather);
        if !reported {
            self.tap.finish(&mut gather, &mut weak);
            self.runners.finish(step.as_deref(), &mut gather, &mut weak);
        }
        let told = !gather.is_empty();
        let mut causes = gather.finish();
        if !told || causes.iter().all(|cause| cause.kind == Category::NoTests) {
            causes.splice(0..0, weak.finish());
        }
        let mut lines = Vec::new();
        let warned = !last.is_empty();
        if !told && clean {
            lines.push("the report names no failure".to_owned());
        } else if !told && !warned {
            lines.push(no_cause(&command));
        }
        causes.extend(last.finish());
        lines.extend(render(&causes));
        let category = match causes.first() {
            Some(first) => first.kind,
            None if clean => Category::None,
            None => Category::Unknown,
        };
        Summary { category, causes, lines }
    }
}

/// An error with its trace, as a report keeps it.
pub(super) fn thrown(said: &str, file: &str) -> Cause {
    let file = (!file.is_empty()).then(|| file.to_owned());
    let mut block = message::Block { file, ..message::Block::default() };
    let title = said.starts_with("  ● ");
    for line in said.lines().skip(usize::from(title)) {
        block.line(line);
    }
    block.cause(Category::Test)
}
