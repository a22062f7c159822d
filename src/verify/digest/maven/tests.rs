//! What test runners say under Maven: a failing test with its exception, the
//! deepest cause of it, and the first frame in the repository's own code.
//! Where a runner prints no traces, its list of results is read instead.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::gather::Gather;
use super::super::{Category, Cause, mask};
use super::{sources, squeezed};

/// How a cause begins that only names a test.
pub(super) const NAMED: &str = "failing without a reason: ";
/// Failing tests that are kept.
const KEPT: usize = 2000;

#[derive(Debug, Default)]
pub(super) struct Tests {
    traces: Vec<Trace>,
    open: Option<Trace>,
    /// The lines of the list of results.
    results: Vec<String>,
    listing: bool,
    /// What the fork says that runs the tests.
    fork: Vec<String>,
}

#[derive(Debug, Default, Clone)]
struct Trace {
    /// The class that is tested, when the heading names it.
    class: String,
    exception: String,
    cause: String,
    /// What the cause says begins on the next line.
    continued: bool,
    /// Below the cause that is read.
    frames: Vec<(String, String, u32)>,
}

impl Tests {
    /// A line of Maven's own ends a trace.
    pub(super) fn level(&mut self) {
        self.close();
    }

    pub(super) fn info(&mut self, said: &str) {
        self.listing &= !said.starts_with("Running ");
    }

    pub(super) fn error(&mut self, said: &str, ended: bool) {
        self.close();
        if ended {
            if self.fork.len() < KEPT && is_fork(said) {
                self.fork.push(said.to_owned());
            }
            return;
        }
        let heading = ["Failures:", "Errors:", "Failed tests:", "Tests in error:"];
        if heading.iter().any(|heading| said.trim_start().starts_with(heading)) {
            self.listing = true;
            let rest = said.split_once(':').map(|(_, rest)| rest.trim()).unwrap_or_default();
            if !rest.is_empty() {
                self.results.push(rest.to_owned());
            }
        } else if said.contains("<<< ") {
            self.heading(said);
        } else if said.starts_with("Tests run:") {
            self.listing = false;
        } else if said.starts_with("  ") && self.results.len() < KEPT {
            self.results.push(said.trim().to_owned());
        } else if self.fork.len() < KEPT && is_fork(said) {
            self.fork.push(said.to_owned());
        }
    }

    /// `hi(app.AppTest)  Time elapsed: 0.026 s  <<< FAILURE!`
    fn heading(&mut self, said: &str) {
        if said.starts_with("Tests run:") || self.traces.len() >= KEPT {
            return;
        }
        let name = said.split("Time elapsed").next().unwrap_or(said).trim_end_matches([' ', '-']);
        let named = match name.rsplit_once('(') {
            Some((_, class)) if class.contains('.') && class.ends_with(')') => class.trim_end_matches(')'),
            _ => name.split(['(', '[']).next().unwrap_or(name),
        };
        let class = outer(named);
        self.open = Some(Trace { class: class.to_owned(), ..Trace::default() });
    }

    pub(super) fn plain(&mut self, line: &str) {
        if self.open.is_none() {
            // Old runners print no levels.
            if line.contains("<<< ") && line.contains("Time elapsed") {
                self.heading(line);
            } else if self.listing && line.starts_with("  ") && self.results.len() < KEPT {
                self.results.push(line.trim().to_owned());
            } else if line.starts_with("Failed tests:") || line.starts_with("Tests in error:") {
                self.error(line, false);
            }
            return;
        }
        let over = ["Results", "Running ", "Tests run:", "Tests in error:", "Failed tests:"];
        if over.iter().any(|over| line.starts_with(over)) {
            self.close();
            return self.plain(line);
        }
        if line.is_empty() {
            if self.open.as_ref().is_some_and(|trace| !trace.frames.is_empty()) {
                self.close();
            }
            return;
        }
        if let Some(trace) = &mut self.open {
            trace.line(line);
        }
    }

    fn close(&mut self) {
        if let Some(trace) = self.open.take()
            && !trace.exception.is_empty()
        {
            self.traces.push(trace);
        }
    }

    pub(super) fn has_failures(&self) -> bool {
        !self.traces.is_empty() || !self.results.is_empty()
    }

    pub(super) fn finish(mut self, gather: &mut Gather) {
        self.close();
        for trace in &self.traces {
            trace.gather(gather);
        }
        if self.traces.is_empty() {
            let mut seen = HashSet::new();
            for result in self.results.iter().filter(|result| seen.insert(*result)) {
                gather.add(listed(result));
            }
        }
        if !gather.has(Category::Test) {
            gather.extend(self.fork.iter().map(|said| {
                let kind =
                    if sources::level(said).is_some() { Category::ClassVersion } else { Category::Test };
                Cause::new(kind, simple(said.trim_start_matches("Caused by: ")))
            }));
        }
    }
}

impl Trace {
    fn line(&mut self, line: &str) {
        let said = line.trim_start();
        if let Some(frame) = said.strip_prefix("at ") {
            if self.frames.len() < 80
                && let Some(frame) = java_frame(frame)
            {
                self.frames.push(frame);
            }
        } else if let Some(cause) = said.strip_prefix("Caused by: ") {
            if !is_vacuous(cause) || self.cause.is_empty() {
                squeezed(cause).as_ref().clone_into(&mut self.cause);
                self.continued = self.cause.ends_with(':');
            }
        } else if std::mem::take(&mut self.continued) {
            self.cause.push(' ');
            self.cause.push_str(&squeezed(said));
            self.continued = self.cause.ends_with(':');
        } else if self.exception.is_empty() {
            squeezed(said).as_ref().clone_into(&mut self.exception);
        } else if self.frames.is_empty() && self.exception.len() < 240 && !said.starts_with("Suppressed:") {
            self.exception.push(' ');
            self.exception.push_str(&squeezed(said));
        }
    }

    fn gather(&self, gather: &mut Gather) {
        let thrown = simple(&self.exception);
        let root = simple(&self.cause);
        if let Some(level) = sources::level(&self.exception).or_else(|| sources::level(&self.cause)) {
            let cause = self.placed(Cause::new(Category::ClassVersion, level));
            return gather.add(cause);
        }
        let key = mask::mask(if root.is_empty() { &thrown } else { &root });
        let message = match (root.as_str(), thrown.contains(&root)) {
            ("", _) | (_, true) => thrown,
            (_, false) => format!("{root} (through {})", crate::text::head(&thrown, 160)),
        };
        gather.add_as(self.placed(Cause::new(Category::Test, message)), key);
    }

    /// At the first frame of the tested class, or of its package.
    fn placed(&self, cause: Cause) -> Cause {
        let class = self.class.split('$').next().unwrap_or_default();
        let own = |frame: &&(String, String, u32)| frame.0 == class;
        let package: Vec<&str> = class.split('.').take(2).collect();
        let near = |frame: &&(String, String, u32)| {
            package.len() == 2 && frame.0.split('.').take(2).eq(package.iter().copied())
        };
        let frame = self.frames.iter().find(near).or_else(|| self.frames.iter().find(own));
        match frame {
            Some((class, file, line)) => {
                let dir = class.rsplit_once('.').map(|(dir, _)| dir.replace('.', "/") + "/");
                cause.at(&(dir.unwrap_or_default() + file), Some(*line))
            }
            None if class.contains('.') => cause.at(&format!("{}.java", class.replace('.', "/")), None),
            None => cause,
        }
    }
}

/// The outer class in `app.AppTest.hi`: packages begin with a small letter.
fn outer(name: &str) -> &str {
    let mut end = 0;
    for part in name.split('.') {
        end += part.len();
        if part.starts_with(char::is_uppercase) {
            let class = name.get(..end).unwrap_or(name);
            return class.split('$').next().unwrap_or(class);
        }
        end += 1;
    }
    name
}

/// `app.AppTest.n(AppTest.java:1)`: the outer class, the file, the line.
fn java_frame(frame: &str) -> Option<(String, String, u32)> {
    let (method, place) = frame.split_once('(')?;
    let method = method.rsplit_once('/').map_or(method, |(_, method)| method);
    let (class, _) = method.rsplit_once('.')?;
    let (file, line) = place.split_once(':')?;
    let line = line.split(')').next()?.parse().ok()?;
    Some((class.split('$').next()?.to_owned(), file.to_owned(), line))
}

/// An exception that only says that there is another.
fn is_vacuous(exception: &str) -> bool {
    exception.contains("Could not initialize class")
        || !exception.contains(": ") && exception.contains("Invocation")
}

/// The exception without its package.
fn simple(exception: &str) -> String {
    let (name, said) = exception.split_once(':').map_or((exception, ""), |(name, said)| (name, said));
    let known = !name.contains(' ') && name.contains('.');
    if !known {
        return exception.to_owned();
    }
    let name = name.rsplit(['.', '$']).next().unwrap_or(name);
    if said.trim().is_empty() { name.to_owned() } else { format!("{name}:{said}") }
}

/// A line of the results: `AppTest.hi:1 said`, `AppTest.hi:1 » Exception said`,
/// `hi(app.AppTest): said`.
fn listed(result: &str) -> Cause {
    let result = squeezed(result);
    let (name, said) = match result.split_once(" » ") {
        Some((name, said)) => (name, said),
        None => result.split_once(' ').unwrap_or((&result, "")),
    };
    let first = name.split("->").last().unwrap_or(name).trim_end_matches(':');
    let (first, line) = match first.rsplit_once(':') {
        Some((first, line)) => (first, line.parse().ok()),
        None => (first, None),
    };
    let kind = if said.contains("UnsupportedClassVersion") { Category::ClassVersion } else { Category::Test };
    let cause =
        if said.is_empty() { Cause::new(kind, format!("{NAMED}{name}")) } else { Cause::new(kind, said) };
    let class = match name.split_once('(') {
        Some((_, class)) => class.trim_end_matches([')', ':']).replace('.', "/"),
        None if name.contains("->") => return cause,
        None => first.split('.').next().unwrap_or_default().to_owned(),
    };
    let plain = class.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/$".contains(&byte));
    if plain && !class.is_empty() { cause.at(&format!("{class}.java"), line) } else { cause }
}

/// What says that the tests could not be run at all.
#[expect(clippy::expect_used, reason = "the expression is a literal, and a test uses it")]
static FORK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "The forked VM terminated|There was a timeout or other error in the fork|Process Exit Code|\
         Error occurred in starting fork|Crashed tests|failed to discover tests|\
         There was an error in the forked process|No tests were executed|\
         UnsupportedClassVersionError|Caused by: ",
    )
    .expect("a literal expression compiles")
});

fn is_fork(said: &str) -> bool {
    let frame = said.contains("\\tat ") || said.contains("\tat ");
    !said.starts_with("[Help") && FORK.is_match(said) && !frame
}
