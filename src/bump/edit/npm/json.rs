//! JSON with the place of everything, for edits that keep all other bytes.
//!
//! `serde_json` decides what is JSON; places come from the pieces it borrows.
//! Nothing is written here but one string's middle or one member more.

use std::ops::Range;

use serde::Deserializer;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's member.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    pub key: String,
    /// The value's text, as it is in the file.
    pub raw: &'a str,
    /// Where the value's text is in the file.
    pub place: Range<usize>,
}

impl Member<'_> {
    /// The value, when it is a string.
    pub(super) fn string(&self) -> Option<String> {
        self.raw.starts_with('"').then(|| serde_json::from_str(self.raw).ok())?
    }
}

/// The members of the whole text, which has to be one object.
///
/// # Errors
/// Why it is not, for a person.
pub(super) fn root(text: &str) -> Result<Vec<Member<'_>>, String> {
    // Some editors put a mark in front, which npm accepts.
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.len().saturating_sub(json.len());
    members(json, start).map_err(|error| format!("it is not valid JSON: {error}"))
}

/// The members of an object below the root; `None` when it is no object.
pub(super) fn object<'a>(member: &Member<'a>) -> Option<Vec<Member<'a>>> {
    members(member.raw, member.place.start).ok()
}

fn members(raw: &str, start: usize) -> Result<Vec<Member<'_>>, serde_json::Error> {
    let object: Object<'_> = serde_json::from_str(raw)?;
    let located = object.0.into_iter().filter_map(|(key, value)| {
        let value = value.get();
        let at = (value.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?.checked_add(start)?;
        Some(Member { key, raw: value, place: at..at.checked_add(value.len())? })
    });
    Ok(located.collect())
}

struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The JSON string `raw` (with its quotes), saying `new`: what both have in
/// common at the start and at the end keeps its bytes, escapes and all.
pub(super) fn respelled(raw: &str, new: &str) -> Option<String> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    let units = units(inner)?;
    let new: Vec<char> = new.chars().collect();
    let head = units.iter().zip(&new).take_while(|(unit, new)| unit.0 == **new).count();
    let most = units.len().min(new.len()).saturating_sub(head);
    let tail =
        units.iter().rev().zip(new.iter().rev()).take(most).take_while(|(unit, new)| unit.0 == **new).count();
    let middle: String = new.get(head..new.len().checked_sub(tail)?)?.iter().collect();
    let place = |at: usize| units.get(at).map_or(inner.len(), |unit| unit.1);
    let (start, end) = (place(head), place(units.len().checked_sub(tail)?));
    let middle = quoted(&middle);
    let middle = middle.strip_prefix('"')?.strip_suffix('"')?;
    Some(format!("\"{}{middle}{}\"", inner.get(..start)?, inner.get(end..)?))
}

/// Each character that a JSON string's inside stands for, and where its
/// spelling starts.
fn units(inner: &str) -> Option<Vec<(char, usize)>> {
    let mut units = Vec::with_capacity(inner.len());
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            units.push((c, at));
            continue;
        }
        let spelled = match chars.next()?.1 {
            'u' => {
                let mut code = [four_digits(&mut chars)?, 0];
                let pair = (0xd800..0xdc00).contains(&code[0]);
                if pair {
                    chars.nth(1)?;
                    code[1] = four_digits(&mut chars)?;
                }
                let used = code.get(..if pair { 2 } else { 1 })?;
                char::decode_utf16(used.iter().copied()).next()?.ok()?
            }
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            same => same,
        };
        units.push((spelled, at));
    }
    Some(units)
}

fn four_digits(chars: &mut std::str::CharIndices<'_>) -> Option<u16> {
    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
    u16::from_str_radix(&digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_keeps_the_spelling_of_what_it_keeps() {
        for (raw, new, respelt) in [
            (r#""^1.2.3""#, "^1.3.0", r#""^1.3.0""#),
            (r#""\u005e1\u002e2.3""#, "^1.9.3", r#""\u005e1\u002e9.3""#),
            (r#""npm:\ud83d\ude00@1.0.0""#, "npm:😀@2.0.0", r#""npm:\ud83d\ude00@2.0.0""#),
            (r#""""#, "a\"b", r#""a\"b""#),
            (r#""1.1.1""#, "1.1", r#""1.1""#),
            (r#""1.1""#, "1.1.1", r#""1.1.1""#),
            (r#""a\n\t\/1""#, "a\n\t/2", r#""a\n\t\/2""#),
        ] {
            assert_eq!(respelled(raw, new).as_deref(), Some(respelt), "{raw} {new}");
            assert_eq!(serde_json::from_str::<String>(respelt).unwrap(), new);
        }
    }

    #[test]
    fn members_know_their_place() {
        let text = "\u{feff}{ \"a\" : {\"b\":\"c\"} , \"\\u0061\": 1e2 }\r\n";
        let root = root(text).unwrap();
        assert_eq!(root.iter().map(|member| member.key.as_str()).collect::<Vec<_>>(), ["a", "a"]);
        let below = object(&root[0]).unwrap();
        assert_eq!(text.get(below[0].place.clone()), Some("\"c\""));
        assert_eq!(text.get(root[1].place.clone()), Some("1e2"));
        assert!(object(&root[1]).is_none());
    }
}
