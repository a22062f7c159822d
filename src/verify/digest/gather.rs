//! Collects causes, and says each kind of message once: a message that only
//! differs in its names is the same cause, said again of something else.

use std::collections::HashMap;

use super::{Category, Cause, mask};

/// Distinct causes that are kept; a log without an end has no more to tell.
const KEPT: usize = 400;
/// Causes after which no more are read: their number says enough.
const ADDED: u32 = 20_000;
/// Other names and places that a cause mentions.
const ALSO: usize = 6;
const PLACES: usize = 4;

/// Causes in the order in which they are found.
#[derive(Debug, Default)]
pub(super) struct Gather {
    found: Vec<Found>,
    index: HashMap<(Category, String), usize>,
    added: u32,
}

#[derive(Debug)]
struct Found {
    cause: Cause,
    follows: bool,
    also: Vec<String>,
    places: Vec<String>,
}

impl Gather {
    /// One more cause; what it says decides whether it is a new one.
    pub(super) fn add(&mut self, cause: Cause) {
        let first = cause.message.lines().next().unwrap_or_default();
        // A rule of a policy is about one artifact: each needs its own answer.
        let key = if cause.kind == Category::Enforcer { first.to_owned() } else { mask::mask(first) };
        self.add_as(cause, key);
    }

    /// The same with the caller's own idea of what is the same.
    pub(super) fn add_as(&mut self, cause: Cause, key: String) {
        self.added = self.added.saturating_add(1);
        let key = (cause.kind, key);
        if let Some(found) = self.index.get(&key).and_then(|index| self.found.get_mut(*index)) {
            found.again(&cause);
        } else if self.found.len() < KEPT {
            self.index.insert(key, self.found.len());
            let follows = follows(&cause.message);
            self.found.push(Found { cause, follows, also: Vec::new(), places: Vec::new() });
        }
    }

    /// Whether it has seen enough.
    pub(super) fn is_full(&self) -> bool {
        self.added >= ADDED
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn has(&self, kind: Category) -> bool {
        self.found.iter().any(|found| found.cause.kind == kind)
    }

    /// Takes everything of another one.
    pub(super) fn extend(&mut self, causes: impl IntoIterator<Item = Cause>) {
        for cause in causes {
            self.add(cause);
        }
    }

    /// The causes, the deepest first.
    pub(super) fn finish(mut self) -> Vec<Cause> {
        self.found.sort_by_key(|found| (found.cause.kind, found.follows));
        self.found.into_iter().map(Found::finish).collect()
    }
}

impl Found {
    fn again(&mut self, cause: &Cause) {
        self.cause.times = self.cause.times.saturating_add(cause.times);
        let (first, other) = (self.cause.message.lines().next(), cause.message.lines().next());
        let (first, other) = (first.unwrap_or_default(), other.unwrap_or_default());
        if first != other && self.also.len() <= ALSO {
            for name in mask::differing(first, other) {
                if !self.also.contains(&name) && self.also.len() <= ALSO {
                    self.also.push(name);
                }
            }
        }
        let Some(file) = &cause.file else { return };
        let place = cause.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let same = self.cause.file == cause.file && self.cause.line == cause.line;
        if self.cause.file.is_none() {
            (self.cause.file, self.cause.line) = (cause.file.clone(), cause.line);
        } else if !same && self.places.len() <= PLACES && !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    fn finish(self) -> Cause {
        let Self { mut cause, also, places, .. } = self;
        let mut more = Vec::new();
        if !also.is_empty() {
            more.push(format!("also {}", list(&also, ALSO)));
        }
        if !places.is_empty() {
            more.push(format!("also at {}", list(&places, PLACES)));
        }
        if !more.is_empty() {
            let (first, rest) = cause.message.split_once('\n').unwrap_or((&cause.message, ""));
            let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
            cause.message = format!("{first}; {}{rest}", more.join("; "));
        }
        cause
    }
}

fn list(names: &[String], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
    let more = if names.len() > most { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Messages that follow from another failure: a class that was not loaded
/// before, a symbol of a package that is missing.
fn follows(message: &str) -> bool {
    ["Could not initialize class", "cannot find symbol", "mportError: Could not"]
        .iter()
        .any(|part| message.contains(part))
}

/// Causes of a report made distinct, the deepest first.
#[must_use]
pub fn distinct(causes: impl IntoIterator<Item = Cause>) -> Vec<Cause> {
    let mut gather = Gather::default();
    gather.extend(causes);
    gather.finish()
}
