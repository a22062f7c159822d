//! The Test Anything Protocol, as node, tap and tape write it: `not ok`, and
//! below it a block of YAML that is read by its few known keys.

use super::super::gather::Gather;
use super::super::{Category, Cause, trace};
use super::message::is_weak;

/// Failing tests that are kept.
const KEPT: usize = 2000;

#[derive(Debug, Default)]
pub(super) struct Tap {
    failures: Vec<Failure>,
    open: Option<Failure>,
    /// The block has begun.
    inside: bool,
    /// How far its keys are indented, which its first one tells.
    indent: Option<usize>,
    /// The key of a value of several lines.
    key: Key,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Error,
    Stack,
    At,
}

#[derive(Debug, Default)]
struct Failure {
    title: String,
    name: String,
    error: String,
    expected: String,
    actual: String,
    file: Option<String>,
    place: Option<(String, u32)>,
    frame: Option<(String, u32)>,
    only_children: bool,
}

impl Tap {
    /// Whether the line was of the protocol.
    pub(super) fn line(&mut self, line: &str, said: &str) -> bool {
        if let Some(rest) = said.strip_prefix("not ok ") {
            self.close();
            let title = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([' ', '-']);
            let expected = title.contains("# TODO") || title.contains("# SKIP");
            if !expected && self.failures.len() < KEPT {
                let title = title.split(" # ").next().unwrap_or(title).trim_end_matches(" {");
                self.open = Some(Failure { title: title.to_owned(), ..Failure::default() });
            }
            return true;
        }
        if self.open.is_none() {
            return false;
        }
        if !self.inside {
            self.inside = said == "---";
            if !self.inside {
                self.close();
            }
            return self.inside;
        }
        if said == "..." {
            self.close();
        } else if !said.is_empty() {
            let depth = line.len() - said.len();
            let indent = *self.indent.get_or_insert(depth);
            self.yaml(said, depth > indent);
        }
        true
    }

    fn yaml(&mut self, said: &str, nested: bool) {
        let Some(open) = &mut self.open else { return };
        if !nested && let Some((key, value)) = said.split_once(':') {
            let value = value.trim();
            let value = if ["|-", "|", ">-", ">", "|+"].contains(&value) { "" } else { unquoted(value) };
            self.key = Key::Other;
            match key {
                "error" | "message" => {
                    self.key = Key::Error;
                    value.clone_into(&mut open.error);
                }
                "stack" => self.key = Key::Stack,
                "at" | "location" => {
                    self.key = Key::At;
                    open.at(value);
                }
                "file" | "fileName" => open.file = Some(value.to_owned()),
                "name" | "type" if value.ends_with("Error") => value.clone_into(&mut open.name),
                "expected" | "wanted" => value.clone_into(&mut open.expected),
                "actual" | "found" => value.clone_into(&mut open.actual),
                "failureType" => open.only_children = value == "subtestsFailed",
                _ => {}
            }
            return;
        }
        match self.key {
            Key::Error if open.error.len() < 200 && !said.is_empty() => {
                if !open.error.is_empty() {
                    open.error.push(' ');
                }
                open.error.push_str(said);
            }
            Key::Stack if open.frame.is_none() => {
                let frame = if said.starts_with("at ") { said.to_owned() } else { format!("at {said}") };
                open.frame = trace::script_frame(&frame).map(|(file, line)| (file.to_owned(), line));
            }
            Key::At => {
                if let Some((name, value)) = said.split_once(": ") {
                    match name {
                        "fileName" | "file" => open.file = Some(unquoted(value).to_owned()),
                        "lineNumber" | "line" => {
                            let line = trace::number(value);
                            open.place = open.file.clone().zip(line);
                        }
                        _ => {}
                    }
                }
            }
            Key::Error | Key::Stack | Key::Other => {}
        }
    }

    fn close(&mut self) {
        (self.inside, self.indent, self.key) = (false, None, Key::Other);
        self.failures.extend(self.open.take());
    }

    pub(super) fn finish(mut self, gather: &mut Gather, weak: &mut Gather) {
        self.close();
        for failure in self.failures {
            if failure.only_children {
                continue;
            }
            let message = failure.message();
            let weakly = is_weak(&message)
                || failure.error.is_empty() && failure.place().is_none() && failure.actual.is_empty();
            let cause = Cause::new(Category::Test, message);
            let cause = match failure.place() {
                Some((file, line)) => cause.at(file, Some(*line)),
                None => cause,
            };
            if weakly { weak.add(cause) } else { gather.add(cause) }
        }
    }
}

impl Failure {
    fn at(&mut self, value: &str) {
        let inside = value.rsplit_once('(').map_or(value, |(_, inside)| inside);
        self.place = trace::place(inside).map(|(file, line)| (file.to_owned(), line));
    }

    fn place(&self) -> Option<&(String, u32)> {
        self.frame.as_ref().or(self.place.as_ref())
    }

    fn message(&self) -> String {
        let said = if self.error.is_empty() { &self.title } else { &self.error };
        let name = if self.name.is_empty() || said.contains(&self.name) {
            String::new()
        } else {
            format!("{}: ", self.name)
        };
        let told = said.contains(&self.actual) && said.contains(&self.expected);
        let values = if self.actual.is_empty() || told {
            String::new()
        } else {
            format!(" (expected {}, actual {})", self.expected, self.actual)
        };
        format!("{name}{said}{values}")
    }
}

fn unquoted(value: &str) -> &str {
    let inside = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    inside('\'').or_else(|| inside('"')).unwrap_or(value)
}
