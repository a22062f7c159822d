//! A Maven build's log: which goals failed decides what kind of failure it
//! is, and the lines of those goals say why. What another goal warned about
//! is not a cause.

pub(in crate::verify) mod goal;
mod policy;
mod sources;
mod tests;

use std::borrow::Cow;

use super::gather::Gather;
use super::{Category, Cause, Summary, lines, no_cause, render};
use goal::Goal;

/// Failed goals that are named, and lines kept of what one goal says.
const GOALS: usize = 3;
const SAID: usize = 60;

/// Everything that may be a cause, while it is not known yet what failed.
#[derive(Debug, Default)]
struct Reader {
    sources: sources::Sources,
    policy: policy::Policy,
    tests: tests::Tests,
    goals: Vec<Goal>,
    /// What the failed goal says, below its line.
    below: Vec<String>,
    unresolved: Gather,
    /// Poms that Maven cannot read.
    poms: Gather,
    pom: Option<String>,
    unreadable: bool,
    crash: Gather,
    /// Errors that nobody else knows, of the goal that runs.
    said: Vec<String>,
    /// The goal that runs; none is known when Maven is quiet.
    running: Option<Category>,
    ended: bool,
    /// A module's dependencies cannot be had.
    module_missing: bool,
    succeeded: bool,
    counted: Option<String>,
}

pub(super) fn summarize(log: &str) -> Summary {
    let mut reader = Reader::default();
    for line in lines(log) {
        reader.line(&line);
    }
    reader.finish()
}

/// The level of a line, and what it says.
fn level(line: &str) -> Option<(&str, &str)> {
    let (level, rest) = line.strip_prefix('[')?.split_once(']')?;
    let known = ["INFO", "ERROR", "WARNING", "WARN", "DEBUG", "FATAL"].contains(&level);
    known.then(|| (level, rest.strip_prefix(' ').unwrap_or(rest)))
}

impl Reader {
    fn line(&mut self, line: &str) {
        match level(line) {
            Some(("INFO", said)) => self.info(line, said),
            Some(("ERROR" | "FATAL", said)) => self.error(line, said),
            Some(("WARNING" | "WARN", said)) => {
                self.sources.warning(said, self.running);
                self.policy.warning(said, self.running);
                self.tests.level();
            }
            Some(_) => self.tests.level(),
            None => self.plain(line),
        }
    }

    fn info(&mut self, line: &str, said: &str) {
        self.sources.level();
        self.tests.level();
        if said.starts_with("---") {
            if let Some(goal) = goal::started(line) {
                let policed = matches!(self.running, Some(Category::Enforcer | Category::DependencyLock));
                if !policed {
                    self.said.clear();
                }
                self.running = Some(goal.category());
                self.policy.level();
            }
        } else if said.starts_with("BUILD SUCCESS") {
            self.succeeded = true;
        } else if said.starts_with("Tests run:") && !said.contains("Time elapsed") {
            self.counted = Some(said.to_owned());
        } else if !said.is_empty() {
            self.policy.info(said, self.running);
            self.tests.info(said);
        }
    }

    fn error(&mut self, line: &str, said: &str) {
        if let Some(goal) = goal::failed(line) {
            if goal::is_unresolved(&goal.said) {
                self.missing(&goal.said);
            }
            self.goals.push(goal);
            self.end();
            return;
        }
        if said.starts_with("Failed to execute goal on project") || goal::is_unresolved(said) {
            self.missing(said);
            if said.starts_with("Failed to execute goal on project") {
                self.module_missing = true;
                self.end();
            }
        } else if said.starts_with("The build could not read ") {
            // All is said again, with the files.
            self.poms = Gather::default();
            self.unreadable = true;
        } else if let Some(file) = policy::pom_file(said) {
            self.pom = Some(file.to_owned());
        } else if policy::is_pom(said) {
            self.poms.add(policy::pom(said, self.pom.as_deref()));
        } else if self.ended {
            let help = said.starts_with("-> [Help") || said.starts_with("To see the full stack");
            if !help && !said.trim().is_empty() && self.below.len() < SAID && !is_advice(said) {
                self.below.push(said.to_owned());
            }
        } else if self.said.len() < SAID && !is_advice(said) && !said.trim().is_empty() {
            self.said.push(said.to_owned());
        }
        if self.running != Some(Category::Enforcer) {
            self.sources.error(said, self.ended);
        }
        self.policy.error(said, self.running);
        self.tests.error(said, self.ended);
    }

    /// What follows is said a second time, below the goals.
    fn end(&mut self) {
        self.ended = true;
        self.running = None;
        self.sources.level();
        self.tests.level();
        self.policy.level();
    }

    fn plain(&mut self, line: &str) {
        if line.starts_with("# A fatal error has been detected by the Java Runtime")
            || line.starts_with("java.lang.OutOfMemoryError")
            || line.starts_with("Exception in thread \"main\" java.lang.UnsupportedClassVersionError")
        {
            let kind =
                if line.contains("UnsupportedClass") { Category::ClassVersion } else { Category::Crash };
            self.crash.add(Cause::new(kind, line.trim_start_matches("# ")));
        }
        self.sources.plain(line);
        self.policy.plain(line);
        self.tests.plain(line);
    }

    fn missing(&mut self, said: &str) {
        self.unresolved.add(Cause::new(Category::DependencyResolution, policy::missing(said)));
    }

    /// What failed first of all.
    fn category(&self) -> Category {
        let kind = |goal: &Goal| match goal.category() {
            _ if goal::is_unresolved(&goal.said) => Category::DependencyResolution,
            Category::Compilation if self.sources.is_strict() => Category::Werror,
            Category::Unknown if sources::level(&goal.said).is_some() => Category::ClassVersion,
            category => category,
        };
        let kinds = self.goals.iter().map(kind).filter(|kind| *kind != Category::Unknown);
        let missing = self.unreadable
            || self.module_missing
            || self.goals.is_empty() && !(self.unresolved.is_empty() && self.poms.is_empty());
        let missing = missing.then_some(Category::DependencyResolution);
        let first = kinds.chain(missing).min();
        match first {
            Some(kind) => kind,
            None if self.succeeded && self.goals.is_empty() => Category::None,
            None => self.guess(),
        }
    }

    /// A goal that nobody knows, or a log that does not reach its end: what
    /// was said before.
    fn guess(&self) -> Category {
        [
            (!self.crash.is_empty(), Category::Crash),
            (self.policy.has_rules(), Category::Enforcer),
            (self.sources.has_errors(), Category::Compilation),
            (self.tests.has_failures(), Category::Test),
        ]
        .into_iter()
        .find_map(|(said, kind)| said.then_some(kind))
        .unwrap_or(Category::Unknown)
    }

    fn finish(mut self) -> Summary {
        let category = self.category();
        if category == Category::None {
            let counted = self.counted.take().unwrap_or_else(|| "no test was run".to_owned());
            let lines = vec![format!("BUILD SUCCESS; {counted}")];
            return Summary { category, causes: Vec::new(), lines };
        }
        let goals = std::mem::take(&mut self.goals);
        let causes = self.causes(category, &goals);
        let mut lines = render(&causes);
        if causes.iter().all(|cause| cause.message.starts_with(tests::NAMED)) {
            lines.insert(0, no_cause("mvn -B -e verify"));
        }
        let last = goals.iter().rev().take(GOALS).rev();
        lines.extend(last.map(|goal| format!("failed: {}", goal.shown)));
        Summary { category, causes, lines }
    }

    fn causes(self, category: Category, goals: &[Goal]) -> Vec<Cause> {
        let failed = |kind: Category| goals.iter().any(|goal| goal.category() == kind) || category == kind;
        let mut gather = Gather::default();
        let resolution = category == Category::DependencyResolution;
        if resolution || goals.is_empty() {
            gather.extend(self.unresolved.finish());
            gather.extend(self.poms.finish());
        }
        gather.extend(self.crash.finish());
        if failed(Category::Compilation) || failed(Category::Werror) {
            self.sources.finish(&mut gather);
        }
        if failed(Category::Enforcer) || failed(Category::DependencyLock) {
            self.policy.finish(&mut gather);
        }
        if failed(Category::Test) {
            self.tests.finish(&mut gather);
        }
        for kind in [Category::DependencyLock, Category::Enforcer] {
            if failed(kind) && !gather.has(kind) && !gather.has(Category::Lint) {
                gather.extend(
                    self.said.iter().filter(|said| !is_listing(said)).map(|said| Cause::new(kind, said)),
                );
            }
        }
        for goal in goals {
            let kind = goal.category();
            let told = gather.has(kind) || gather.has(Category::ClassVersion) && kind != Category::Enforcer;
            let told = told || kind == Category::Compilation && gather.has(Category::Werror);
            let told = told || kind == Category::Enforcer && gather.has(Category::Lint);
            if told || (resolution && goal::is_unresolved(&goal.said)) {
                continue;
            }
            if let Some(said) = policy::goal_says(goal, &self.below, &self.said) {
                let kind = if sources::level(&said).is_some() { Category::ClassVersion } else { kind };
                gather.add(Cause::new(kind, said));
            }
        }
        if gather.is_empty() {
            gather.extend(self.said.iter().map(|said| Cause::new(category, said)));
        }
        gather.finish()
    }
}

/// Lines that a failure of a plugin lists about itself.
fn is_listing(said: &str) -> bool {
    said.starts_with("urls[")
        || said.starts_with("----")
        || said.starts_with("realm ")
        || said.starts_with("import: ")
}

/// What Maven advises after every failure.
fn is_advice(said: &str) -> bool {
    const ADVICE: [&str; 10] = [
        "Re-run Maven",
        "For more information about",
        "[Help ",
        "After correcting the problems",
        "  mvn <args>",
        "Please refer to",
        "COMPILATION ERROR",
        "-> [Help",
        "To see the full stack",
        "Some problems were encountered",
    ];
    let said = said.strip_prefix("[ERROR] ").unwrap_or(said);
    ADVICE.iter().any(|advice| said.starts_with(advice))
}

/// The end of a line of which the beginning is known.
fn after<'l>(line: &'l str, words: &str) -> Option<&'l str> {
    line.find(words).and_then(|at| line.get(at + words.len()..))
}

/// Words with single blanks between them.
fn squeezed(text: &str) -> Cow<'_, str> {
    if text.contains("  ") || text.contains('\t') {
        Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(text.trim())
    }
}
