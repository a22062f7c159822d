//! YAML as a small tree, and the line of any part of it.
//!
//! The tree keeps what a map would lose: the order of keys, and keys that
//! are there twice. A document that its aliases blow up is refused before it
//! fills the memory.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Parts of one document.
const MOST_PARTS: usize = 10_000;

/// One part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Whole(u64),
    /// Any other number.
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Node {
    /// What it is, for a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map of keys",
        }
    }
}

/// The way to a part: which entry of the document, which entry of that, …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trail {
    steps: Vec<usize>,
    /// The key of the last step is meant, not its value.
    at_key: bool,
}

impl Trail {
    pub(super) fn step(&self, entry: usize) -> Self {
        Self { steps: self.steps.iter().copied().chain([entry]).collect(), at_key: false }
    }

    /// The key of this entry.
    pub(super) fn key(&self, entry: usize) -> Self {
        self.step(entry).as_key()
    }

    /// The same entry's key.
    pub(super) fn as_key(&self) -> Self {
        Self { at_key: true, ..self.clone() }
    }
}

/// Why a text is no document, with its line when there is one.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) line: Option<u64>,
    pub(super) reason: String,
}

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, Malformed> {
    let left = Cell::new(MOST_PARTS);
    let parsed = Part { left: &left }.deserialize(serde_yaml_ng::Deserializer::from_str(text));
    parsed.map_err(|error| {
        // The message of most errors ends with the place, and some begin
        // with it.
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or_default();
        Malformed { line: line_of(&error), reason: reason.to_owned() }
    })
}

/// The line of a part of a document that was read.
pub(super) fn line(text: &str, trail: &Trail) -> Option<u64> {
    let seek = Seek { steps: &trail.steps, at_key: trail.at_key };
    seek.deserialize(serde_yaml_ng::Deserializer::from_str(text)).err().as_ref().and_then(line_of)
}

fn line_of(error: &serde_yaml_ng::Error) -> Option<u64> {
    u64::try_from(error.location()?.line()).ok()
}

/// Makes a [`Node`], as long as there are parts left.
#[derive(Clone, Copy)]
struct Part<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(de::Error::custom(format!("it has more than {MOST_PARTS} parts"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Whole(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        // Only its being no whole number from 0 on matters.
        Ok(u64::try_from(value).map_or(Node::Number(-1.0), Node::Whole))
    }

    fn visit_u128<E: de::Error>(self, _value: u128) -> Result<Node, E> {
        Ok(Node::Number(f64::MAX))
    }

    fn visit_i128<E: de::Error>(self, _value: i128) -> Result<Node, E> {
        Ok(Node::Number(f64::MIN))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(self)? {
            list.push(entry);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(self)? {
            map.push((key, entries.next_value_seed(self)?));
        }
        Ok(Node::Map(map))
    }
}

/// Follows a trail and fails at its end: the error has the place.
#[derive(Clone, Copy)]
struct Seek<'t> {
    steps: &'t [usize],
    at_key: bool,
}

impl Seek<'_> {
    fn found<E: de::Error>() -> E {
        E::custom("here")
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the trail")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else { return Err(Self::found()) };
        for _ in 0..*first {
            entries.next_element::<IgnoredAny>()?;
        }
        entries.next_element_seed(Seek { steps: rest, ..self })?;
        Err(Self::found())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else { return Err(Self::found()) };
        for _ in 0..*first {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if rest.is_empty() && self.at_key {
            // A key is a scalar, where the trail ends.
            entries.next_key_seed(Seek { steps: &[], at_key: false })?;
        }
        entries.next_key::<IgnoredAny>()?;
        entries.next_value_seed(Seek { steps: rest, ..self })?;
        Err(Self::found())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_part_has_its_line() {
        let text = "# head\na:\n  b: [x,\n    y]\n  c: &here\n    d: 1\ne: *here\nb: 2\n";
        let root = Trail::default();
        for (trail, expected) in [
            (root.key(0), 2),
            (root.step(0), 3),
            (root.step(0).key(0), 3),
            (root.step(0).step(0).step(1), 4),
            (root.step(0).step(1).step(0), 6),
            (root.key(1), 7),
            (root.step(2), 8),
        ] {
            assert_eq!(line(text, &trail), Some(expected), "{trail:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_and_so_is_what_is_no_document() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..9 {
            let before = format!("*a{}, ", n - 1).repeat(9);
            writeln!(bomb, "a{n}: &a{n} [{}]", before.trim_end_matches(", ")).unwrap();
        }
        assert!(parse(&bomb).is_err());
        for (text, at) in
            [("a: [\n", None), ("a: 1\n b: 2\n", Some(2)), ("a: !!binary x\nb: !t x\n", Some(2))]
        {
            let malformed = parse(text).unwrap_err();
            assert!(
                malformed.line.is_some() && at.is_none_or(|at| malformed.line == Some(at)),
                "{malformed:?}"
            );
        }
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        assert_eq!(parse("").unwrap(), Node::Null);
        assert_eq!(parse("# nothing\n").unwrap(), Node::Null);
        assert!(matches!(parse("a: 1\na: 2\n").unwrap(), Node::Map(entries) if entries.len() == 2));
    }
}
