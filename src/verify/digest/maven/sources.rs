//! What compilers say about sources: javac, and those for Kotlin, Groovy and
//! Scala. A class file for a newer Java stands before all that, because the
//! symbols that are missing after it are there.

use super::super::gather::Gather;
use super::super::{Category, Cause};
use super::{after, squeezed};

/// Lines below an error that say more about it.
const DETAILS: usize = 6;
/// Errors that are kept, and warnings in case that they are forbidden.
const KEPT: usize = 3000;

/// One error with the lines below it.
#[derive(Debug, Clone)]
pub(super) struct Said {
    file: Option<String>,
    line: Option<u32>,
    message: String,
    details: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Sources {
    errors: Vec<Said>,
    /// Said again below the goal; alone when Maven is quiet before.
    again: Vec<Said>,
    warnings: Vec<Said>,
    strict: bool,
    open: Open,
}

/// Where a detail belongs that follows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Error,
    Again,
}

impl Sources {
    pub(super) fn level(&mut self) {
        self.open = Open::Nothing;
    }

    pub(super) fn error(&mut self, said: &str, ended: bool) {
        if said.starts_with(' ') {
            return self.detail(said);
        }
        self.open = Open::Nothing;
        self.strict |= is_strict(said);
        let (list, open) =
            if ended { (&mut self.again, Open::Again) } else { (&mut self.errors, Open::Error) };
        if list.len() < KEPT
            && let Some(found) = source(said).or_else(|| bare(said))
        {
            list.push(found);
            self.open = open;
        }
    }

    pub(super) fn warning(&mut self, said: &str, running: Option<Category>) {
        self.open = Open::Nothing;
        let compiling = matches!(running, None | Some(Category::Compilation));
        if compiling && self.warnings.len() < KEPT && !said.starts_with(' ') {
            self.warnings.extend(source(said));
        }
        self.strict |= is_strict(said);
    }

    pub(super) fn plain(&mut self, line: &str) {
        if line.starts_with(' ') {
            self.detail(line);
        } else {
            self.open = Open::Nothing;
        }
    }

    fn detail(&mut self, line: &str) {
        let said = match self.open {
            Open::Nothing => None,
            Open::Error => self.errors.last_mut(),
            Open::Again => self.again.last_mut(),
        };
        if let Some(said) = said
            && said.details.len() < DETAILS
            && !line.trim().is_empty()
        {
            said.details.push(squeezed(line).into_owned());
        }
    }

    /// Whether warnings alone made the compiler fail.
    pub(super) fn is_strict(&self) -> bool {
        let own = |said: &Said| !is_strict(&said.message);
        self.strict && !self.errors.iter().any(own) && !self.again.iter().any(own)
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty() || !self.again.is_empty()
    }

    pub(super) fn finish(self, gather: &mut Gather) {
        let strict = self.is_strict();
        let errors = if self.errors.is_empty() { self.again } else { self.errors };
        if strict {
            for said in self.warnings {
                gather.add(said.cause(Category::Werror));
            }
        }
        // A real error says more than that there are warnings, too.
        for said in errors.into_iter().filter(|said| strict || !is_strict(&said.message)) {
            let kind = if strict { Category::Werror } else { Category::Compilation };
            gather.add(said.cause(kind));
        }
    }
}

fn is_strict(said: &str) -> bool {
    said.contains("warnings found and -Werror") || said.contains("warnings treated as errors")
}

impl Said {
    /// With what the lines below it tell.
    pub(super) fn cause(self, kind: Category) -> Cause {
        let wrong = self.details.iter().find_map(|detail| level(detail)).or_else(|| level(&self.message));
        let place = |cause: Cause| match &self.file {
            Some(file) => cause.at(file, self.line),
            None => cause,
        };
        if let Some(wrong) = wrong {
            let class = self.details.iter().find_map(|detail| after(detail, "bad class file: "));
            let class = class.map(|class| format!(" in {class}")).unwrap_or_default();
            return place(Cause::new(Category::ClassVersion, format!("{wrong}{class}")));
        }
        let detail = |name: &str| self.details.iter().find_map(|detail| detail.strip_prefix(name));
        let message = self.message.strip_prefix("error: ").unwrap_or(&self.message).to_owned();
        let message = match (detail("symbol:"), detail("location:")) {
            (Some(symbol), Some(place)) => {
                let place = place.trim().replace(" of type ", " of ");
                format!("{message}: {} in {place}", symbol.trim())
            }
            (Some(symbol), None) => format!("{message}: {}", symbol.trim()),
            _ if self.details.is_empty() => message,
            _ => format!("{message} | {}", self.details.join(" | ")),
        };
        place(Cause::new(kind, message))
    }
}

/// `path.java:[3,12] said`, `path.kt: (3, 12) said`, `path.kt:3:12 said`,
/// `path.scala:3: error: said`.
pub(super) fn source(said: &str) -> Option<Said> {
    let said = said.strip_prefix("file://").unwrap_or(said);
    let end = [".java", ".kt", ".kts", ".groovy", ".scala"]
        .iter()
        .filter_map(|ending| said.find(ending).map(|at| at + ending.len()))
        .filter(|end| said.get(*end..).is_some_and(|rest| rest.starts_with([':', ' '])))
        .min()?;
    let (file, rest) = said.split_at_checked(end)?;
    if file.contains(['(', '"', '\'']) || file.contains(": ") {
        return None;
    }
    let rest = rest.trim_start_matches([':', ' ']);
    let (line, message) = match rest.chars().next() {
        Some('[' | '(') => {
            let (place, message) = rest.split_once([']', ')'])?;
            let line = place.trim_start_matches(['[', '(']).split([',', ':']).next()?;
            (super::super::trace::number(line), message)
        }
        Some(digit) if digit.is_ascii_digit() => {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':')?;
            let (place, message) = rest.split_at_checked(end)?;
            (place.split(':').next().and_then(super::super::trace::number), message)
        }
        _ => (None, rest),
    };
    let message = message.trim_start_matches([':', ' ']).trim();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    (!message.is_empty()).then(|| Said {
        file: Some(file.to_owned()),
        line,
        message: message.to_owned(),
        details: Vec::new(),
    })
}

/// What a compiler says without a place.
fn bare(said: &str) -> Option<Said> {
    let known = is_strict(said)
        || said.starts_with("Fatal error compiling")
        || said.starts_with("error: ")
        || said.starts_with("An exception has occurred in the compiler")
        || said.starts_with("Unable to locate the Javac Compiler")
        || said.starts_with("No compiler is provided in this environment");
    known.then(|| Said { file: None, line: None, message: said.to_owned(), details: Vec::new() })
}

/// What a text says about a class file, a release or a Java that does not
/// fit, with the names of the Javas behind the numbers.
pub(super) fn level(text: &str) -> Option<String> {
    if let Some(rest) = after(text, "class file has wrong version ") {
        let said = format!("class file has wrong version {}", squeezed(rest));
        let (is, should) = rest.split_once(", should be ").unwrap_or((rest, ""));
        return Some(match (java(is), java(should)) {
            (Some(is), Some(should)) => format!("{said} (it needs Java {is}, Java {should} is used)"),
            _ => said,
        });
    }
    if let Some(at) = text.find("UnsupportedClassVersionError") {
        return text.get(at..).map(str::to_owned);
    }
    let words = [
        "more recent version of the Java Runtime",
        "Unsupported class file major version",
        "invalid target release",
        "invalid source release",
        "invalid flag: --release",
        "Unsupported class file version",
    ];
    let release = text.contains("release version ") && text.contains(" not supported");
    (release || words.iter().any(|word| text.contains(word))).then(|| squeezed(text).into_owned())
}

/// The Java of a class file's major version.
fn java(major: &str) -> Option<u32> {
    let digits = major.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<u32>().ok()?.checked_sub(44)
}
