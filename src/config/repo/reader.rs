//! Reads the parts of a document one by one, and goes on after a fault: a
//! person sees all faults of a file at once.

use std::ops::RangeInclusive;

use super::yaml::{Node, Trail};
use crate::text;

/// Faults that are kept.
const MOST_FAULTS: usize = 50;
/// Bytes of a file's own words in a reason.
const QUOTED: usize = 80;

/// What is wrong with one part: completes "could not …".
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) trail: Trail,
    pub(super) reason: String,
}

/// The faults so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

/// One part with its name, such as `limits.turns`, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    pub(super) name: String,
    pub(super) trail: Trail,
}

impl Faults {
    pub(super) fn add(&mut self, trail: &Trail, reason: String) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(Fault { trail: trail.clone(), reason });
        }
    }

    pub(super) fn all(self) -> Vec<Fault> {
        self.0
    }

    /// The part is not of the kind that is expected.
    fn wrong(&mut self, at: &At<'_>, expected: &str) {
        let (name, kind) = (&at.name, at.node.kind());
        self.add(&at.trail, format!("use {kind} for `{name}`: it takes {expected}"));
    }
}

/// A file's own words, short and plain.
pub(super) fn quoted(words: &str) -> String {
    format!("{:?}", text::head(&text::plain(words), QUOTED))
}

/// What a parser says about a file, which can have the file's words in it.
pub(super) fn plain(said: &str) -> String {
    text::head(&text::plain(said), 3 * QUOTED)
}

impl<'n> At<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self { node, name: String::new(), trail: Trail::default() }
    }

    fn child(&self, node: &'n Node, key: &str, entry: usize) -> Self {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        Self { node, name, trail: self.trail.step(entry) }
    }

    /// Every key with its value, once; nothing for a part that is left empty.
    pub(super) fn entries(&self, faults: &mut Faults) -> Vec<(&'n str, Self)> {
        let map = match self.node {
            Node::Null => return Vec::new(),
            Node::Map(map) => map,
            _ if self.name.is_empty() => {
                let kind = self.node.kind();
                faults.add(&self.trail, format!("use {kind} as the file: it is a map of keys"));
                return Vec::new();
            }
            _ => {
                faults.wrong(self, "a map of keys");
                return Vec::new();
            }
        };
        let mut entries: Vec<(&str, Self)> = Vec::new();
        for (index, (key, value)) in map.iter().enumerate() {
            let Node::Text(key) = key else {
                faults.add(&self.trail.key(index), format!("use {} as a key: keys are text", key.kind()));
                continue;
            };
            if entries.iter().any(|(known, _)| known == key) {
                let twice = format!("use the key {} twice", quoted(key));
                faults.add(&self.trail.key(index), twice);
                continue;
            }
            entries.push((key, self.child(value, key, index)));
        }
        entries
    }

    /// As [`Self::entries`], of these keys only.
    pub(super) fn fields(&self, known: &[&str], faults: &mut Faults) -> Vec<(&'n str, Self)> {
        let mut fields = self.entries(faults);
        fields.retain(|(key, at)| {
            let is_known = known.contains(key);
            if !is_known {
                faults.add(&at.trail.as_key(), unknown(key, &self.name, known));
            }
            is_known
        });
        fields
    }

    /// The parts of a list.
    pub(super) fn list(&self, most: usize, what: &str, faults: &mut Faults) -> Option<Vec<Self>> {
        let Node::List(list) = self.node else {
            faults.wrong(self, what);
            return None;
        };
        if list.len() > most {
            faults.add(
                &self.trail,
                format!("use {} entries for `{}`: {most} are allowed", list.len(), self.name),
            );
            return None;
        }
        let entry = |(index, node)| Self { node, name: self.name.clone(), trail: self.trail.step(index) };
        Some(list.iter().enumerate().map(entry).collect())
    }

    pub(super) fn bool(&self, faults: &mut Faults) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            _ => {
                faults.wrong(self, "true or false");
                None
            }
        }
    }

    pub(super) fn whole(&self, allowed: &RangeInclusive<u64>, faults: &mut Faults) -> Option<u64> {
        match self.node {
            Node::Whole(value) if allowed.contains(value) => Some(*value),
            node => {
                let (least, most) = (allowed.start(), allowed.end());
                let used = match node {
                    Node::Whole(value) => value.to_string(),
                    node => node.kind().to_owned(),
                };
                let name = &self.name;
                faults.add(
                    &self.trail,
                    format!(
                        "use {used} for `{name}`: it takes a whole number, and {least} to {most} are allowed"
                    ),
                );
                None
            }
        }
    }

    pub(super) fn text(&self, expected: &str, faults: &mut Faults) -> Option<&'n str> {
        match self.node {
            Node::Text(text) => Some(text),
            _ => {
                faults.wrong(self, expected);
                None
            }
        }
    }

    /// Text that `is_good`; else what is expected is said.
    pub(super) fn good(
        &self,
        expected: &str,
        is_good: impl Fn(&str) -> bool,
        faults: &mut Faults,
    ) -> Option<String> {
        let text = self.text(expected, faults)?;
        if is_good(text) {
            return Some(text.to_owned());
        }
        self.refuse(&format!("it takes {expected}"), faults);
        None
    }

    /// Text with this fault.
    pub(super) fn refuse(&self, why: &str, faults: &mut Faults) {
        let used = match self.node {
            Node::Text(text) => quoted(text),
            Node::Whole(number) => number.to_string(),
            node => node.kind().to_owned(),
        };
        faults.add(&self.trail, format!("use {used} for `{}`: {why}", self.name));
    }
}

fn unknown(key: &str, section: &str, known: &[&str]) -> String {
    let place = if section.is_empty() { "the file".to_owned() } else { format!("`{section}`") };
    let close = known.iter().filter(|name| distance(name, key) <= 2).min_by_key(|name| distance(name, key));
    let hint = match close {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    format!("use the key {} in {place}: {hint}", quoted(key))
}

/// How many letters differ.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(QUOTED).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().take(QUOTED).enumerate() {
        let mut next = vec![index + 1];
        for ((theirs, above), corner) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            let same = corner + usize::from(letter != *theirs);
            next.push(same.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(distance("turns", "turns"), 0);
        assert_eq!(distance("turns", "trns"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert!(
            unknown("severty", "security", &["enabled", "severity"]).contains("did you mean `severity`?")
        );
        assert!(unknown("x", "", &["enabled"]).contains("the file: there are enabled"));
    }
}
