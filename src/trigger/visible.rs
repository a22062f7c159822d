//! Which lines of a comment a person said, and which they quoted, showed as
//! code or hid: read as GitHub reads them.
//!
//! A line that merely looks like the start of one's own text may lie in a
//! block that began far above, so the whole text is read by a parser of
//! Markdown and nothing is guessed from single lines.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// HTML whose content is somebody else's words, or code.
const SET_APART: [&str; 7] = ["blockquote", "pre", "code", "samp", "kbd", "q", "details"];

/// A text whose lines end in `\n` only, with what is known of its parts.
#[derive(Debug)]
pub(super) struct Visible {
    text: String,
    /// Starts of the lines that the writer says in their own words, in the
    /// first column.
    own: Vec<usize>,
    /// HTML comments: nobody sees them.
    hidden: Vec<Range<usize>>,
}

impl Visible {
    pub(super) fn read(text: &str) -> Self {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut own, mut hidden) = (Vec::new(), Vec::new());
        // Blocks and spans around the current place in which nothing counts.
        let mut apart = 0_usize;
        let mut html = Html::default();
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        for (event, range) in Parser::new_ext(&text, options).into_offset_iter() {
            match event {
                Event::Start(tag) => apart += usize::from(!is_own(&tag)),
                Event::End(tag) => apart = apart.saturating_sub(usize::from(!ends_own(tag))),
                Event::Html(_) | Event::InlineHtml(_) => {
                    html.read(text.get(range.clone()).unwrap_or_default(), range.start, &mut hidden);
                }
                Event::Text(_) if apart == 0 && html.is_clear() && starts_line(&text, range.start) => {
                    own.push(range.start);
                }
                _ => {}
            }
        }
        Self { text, own, hidden }
    }

    /// The lines of the writer's own words, with where they begin.
    pub(super) fn own_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.own.iter().filter_map(|start| {
            let rest = self.text.get(*start..)?;
            Some((*start, rest.split('\n').next().unwrap_or(rest)))
        })
    }

    /// The text between two places, without what nobody sees.
    pub(super) fn between(&self, start: usize, end: Option<usize>) -> String {
        let end = end.unwrap_or(self.text.len());
        let (mut shown, mut from) = (String::new(), start);
        for hidden in self.hidden.iter().filter(|hidden| hidden.start < end && hidden.end > start) {
            shown.push_str(self.text.get(from..hidden.start.max(from)).unwrap_or_default());
            from = from.max(hidden.end);
        }
        shown.push_str(self.text.get(from..end).unwrap_or_default());
        shown
    }
}

fn starts_line(text: &str, at: usize) -> bool {
    text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n'))
}

/// A heading is one's own words: a line of dashes below a paragraph makes one.
fn is_own(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::Paragraph | Tag::Heading { .. } | Tag::List(_) | Tag::Item | Tag::HtmlBlock)
}

fn ends_own(tag: TagEnd) -> bool {
    matches!(tag, TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::HtmlBlock)
}

/// What the HTML so far has opened.
#[derive(Default)]
struct Html {
    in_comment: bool,
    depth: usize,
}

impl Html {
    fn is_clear(&self) -> bool {
        !self.in_comment && self.depth == 0
    }

    fn read(&mut self, piece: &str, at: usize, hidden: &mut Vec<Range<usize>>) {
        let mut from = 0;
        while let Some(rest) = piece.get(from..).filter(|rest| !rest.is_empty()) {
            if self.in_comment {
                let end = rest.find("-->").map_or(piece.len(), |end| from + end + 3);
                self.in_comment = !rest.contains("-->");
                hidden.push(at + from..at + end);
                from = end;
            } else {
                let Some(open) = rest.find('<') else { return };
                let tag = rest.get(open..).unwrap_or_default();
                self.in_comment = tag.starts_with("<!--");
                self.tag(tag);
                // The mark of a comment is hidden with what follows it.
                from += open + usize::from(!self.in_comment);
            }
        }
    }

    fn tag(&mut self, tag: &str) {
        let (closes, tag) = match tag.strip_prefix("</") {
            Some(tag) => (true, tag),
            None => (false, tag.trim_start_matches('<')),
        };
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if SET_APART.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            self.depth = if closes { self.depth.saturating_sub(1) } else { self.depth + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Vec<String> {
        Visible::read(text).own_lines().map(|(_start, line)| line.to_owned()).collect()
    }

    #[test]
    fn only_what_the_writer_says_in_the_first_column_counts() {
        for (text, expected) in [
            ("a\r\nb\rc", vec!["a", "b", "c"]),
            ("> a\n\nb", vec!["b"]),
            ("> a\nb goes on with the quote", vec![]),
            ("```\na\n```\nb", vec!["b"]),
            ("~~~ js\na\n```\nb\n~~~\nc", vec!["c"]),
            ("````\n```\na\n````\nb", vec!["b"]),
            ("```\na", vec![]),
            // The list ends its fence; the next line of backticks begins one.
            ("- ```\n  a\n\nb\n```\nc", vec!["b"]),
            ("- x\n  ```\nb\n  ```\nc", vec!["b"]),
            ("    a\n\nb", vec!["b"]),
            (" a\n\n  b", vec![]),
            ("<!-- \na\n\nb\n-->\nc", vec!["c"]),
            ("x <!-- \na\n--> y\nb", vec!["x <!-- ", "b"]),
            ("<pre>\na\n\nb\n</pre>\n\nc", vec!["c"]),
            ("<blockquote>\n\na\n\n</blockquote>\n\nb", vec!["b"]),
            ("<details><summary>x</summary>\n\na\n\n</details>\n\nb", vec!["b"]),
            ("<!-- <details> -->\n\nb", vec!["b"]),
            ("`x\na\ny`\nb", vec!["b"]),
            ("a\n---\nb", vec!["a", "b"]),
            ("- x\nb", vec!["b"]),
            ("a | b\n--|--\nc | d", vec![]),
        ] {
            assert_eq!(own(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_not_between() {
        let visible = Visible::read("a <!-- x --> b\n<!-- y\nz -->\nc `<!-- d -->`");
        assert_eq!(visible.between(0, None), "a  b\n\nc `<!-- d -->`");
        assert_eq!(visible.between(2, Some(14)), " b");
        assert_eq!(visible.between(5, Some(7)), "");
    }
}
