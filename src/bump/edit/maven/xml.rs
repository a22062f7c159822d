//! XML read with the place of every byte, as leniently as Maven reads it.
//!
//! Maven's own reader knows nothing of name spaces and lets unknown entities
//! pass (`&oslash;` in a developer's name): both are covered here by parsing a
//! copy of the same length, while every value is taken from the text itself.
//! A document that declares entities is refused, external things are never
//! read.

use std::ops::Range;

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::super::Refused;

/// How often a text is made readable before it is given up.
const REPAIRS: usize = 8;

/// `&#x10FFFF;` without its `&`.
const LONGEST_ENTITY: usize = 10;

/// The text that an element holds, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// Without comments and white space around it, entities resolved.
    pub(super) text: String,
    /// Where its bytes are; `None` when a comment parts them.
    pub(super) span: Option<Range<usize>>,
}

/// A parsed document and the text that it was parsed from.
#[derive(Debug)]
pub(super) struct Source<'t, 'd> {
    text: &'t str,
    /// What precedes the document: a byte order mark, white space.
    offset: usize,
    pub(super) document: Document<'d>,
}

/// Parses `text` and hands it to `reader`.
///
/// # Errors
/// It is no XML, or it declares entities.
pub(super) fn read<T>(
    path: &str,
    text: &str,
    reader: impl FnOnce(&Source<'_, '_>) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let body = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let offset = text.len() - body.len();
    let doctype = has_harmless_doctype(body);
    let mut error = match parse(body, doctype) {
        Ok(document) => return reader(&Source { text, offset, document }),
        Err(error) => error,
    };
    let mut masked = body.to_owned();
    for _ in 0..REPAIRS {
        let Some(next) = mask(&masked, &error) else { break };
        masked = next;
        error = match parse(&masked, doctype) {
            Ok(document) => return reader(&Source { text, offset, document }),
            Err(error) => error,
        };
    }
    let why = match error {
        Error::DtdDetected => "it declares entities, which are not followed".to_owned(),
        other => other.to_string(),
    };
    Err(Refused(format!("read {path}: {why}")))
}

fn parse(body: &str, allow_dtd: bool) -> Result<Document<'_>, Error> {
    Document::parse_with_options(body, ParsingOptions { allow_dtd, ..ParsingOptions::default() })
}

/// A document type without declarations of entities says nothing that is
/// needed, and can be read over.
fn has_harmless_doctype(body: &str) -> bool {
    body.contains("<!DOCTYPE") && !body.contains("<!ENTITY")
}

/// A copy of the same length without what the parser stumbled over.
fn mask(body: &str, error: &Error) -> Option<String> {
    match error {
        Error::UnknownEntityReference(_, _) => Some(without_entities(body)),
        Error::UnknownNamespace(prefix, _) if !prefix.is_empty() => {
            Some(body.replace(&format!("{prefix}:"), &format!("{prefix}_")))
        }
        _ => None,
    }
}

fn without_entities(body: &str) -> String {
    let mut masked = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('&') {
        masked.push_str(before);
        masked.push(if entity(after).is_some() { '&' } else { '_' });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// What the reference whose `&` has just been read stands for, and the text
/// behind it.
fn entity(after: &str) -> Option<(char, &str)> {
    let end = after.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';')?;
    let (name, tail) = after.split_at_checked(end)?;
    Some((decoded(name)?, tail.get(1..)?))
}

/// The character that `&name;` stands for.
fn decoded(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

impl Source<'_, '_> {
    /// The bytes of an element, with its tags.
    pub(super) fn outer(&self, node: Node<'_, '_>) -> Range<usize> {
        let range = node.range();
        range.start + self.offset..range.end + self.offset
    }

    /// The bytes between an element's tags; `None` for `<empty/>`.
    pub(super) fn inner(&self, node: Node<'_, '_>) -> Option<Range<usize>> {
        let outer = self.outer(node);
        let raw = self.text.get(outer.clone())?;
        let open = end_of_tag(raw)?;
        if raw.get(..open)?.ends_with("/>") {
            return None;
        }
        let close = raw.rfind("</")?;
        (open <= close).then(|| outer.start + open..outer.start + close)
    }

    /// The text that an element holds; `None` if it holds elements.
    pub(super) fn value(&self, node: Node<'_, '_>) -> Option<Value> {
        if node.children().any(|child| child.is_element()) {
            return None;
        }
        let Some(inner) = self.inner(node) else {
            return Some(Value { text: String::new(), span: None });
        };
        let raw = self.text.get(inner.clone())?;
        let pieces = pieces(raw);
        let mut text = String::new();
        for piece in &pieces {
            let bytes = raw.get(piece.span.clone())?;
            if piece.literal { text.push_str(bytes) } else { text.push_str(&unescape(bytes)) }
        }
        let at = |span: &Range<usize>| inner.start + span.start..inner.start + span.end;
        let span = match pieces.as_slice() {
            [] if raw.is_empty() => Some(inner),
            [piece] => Some(at(&piece.span)),
            _ => None,
        };
        Some(Value { text: text.trim().to_owned(), span })
    }
}

/// Where the tag at the start of `raw` ends: quotes may hold a `>`.
fn end_of_tag(raw: &str) -> Option<usize> {
    let mut quote = None;
    for (index, byte) in raw.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// A run of text that is not blank.
struct Piece {
    span: Range<usize>,
    /// From a CDATA section: `&` means itself.
    literal: bool,
}

/// The runs of text between comments and the like.
fn pieces(raw: &str) -> Vec<Piece> {
    const MARKS: [(&str, &str, bool); 3] =
        [("<!--", "-->", false), ("<![CDATA[", "]]>", true), ("<?", "?>", false)];
    let mut pieces = vec![];
    let mut at = 0;
    while let Some(rest) = raw.get(at..) {
        let next = rest.find('<').unwrap_or(rest.len());
        push(&mut pieces, raw, at..at + next, false);
        let Some(tail) = rest.get(next..).filter(|tail| !tail.is_empty()) else { break };
        let Some((open, close, literal)) = MARKS.iter().find(|(open, _, _)| tail.starts_with(open)) else {
            break;
        };
        let start = at + next + open.len();
        let Some(length) = raw.get(start..).and_then(|inside| inside.find(close)) else { break };
        if *literal {
            push(&mut pieces, raw, start..start + length, true);
        }
        at = start + length + close.len();
    }
    pieces
}

fn push(pieces: &mut Vec<Piece>, raw: &str, span: Range<usize>, literal: bool) {
    let text = raw.get(span.clone()).unwrap_or_default();
    let trimmed = text.trim();
    if !trimmed.is_empty() {
        let start = span.start + (text.len() - text.trim_start().len());
        pieces.push(Piece { span: start..start + trimmed.len(), literal });
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match entity(after) {
            Some((c, tail)) => {
                plain.push(c);
                rest = tail;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// `text` as it stands between two tags.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The first child element of that name.
pub(super) fn child<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// Goes down by names of elements.
pub(super) fn down<'a, 'd>(node: Node<'a, 'd>, path: &[&str]) -> Option<Node<'a, 'd>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}
