//! Source code as a flat syntax tree.
//!
//! The nodes lie in the order in which they begin, and each knows where its
//! last descendant ends. A subtree is therefore a range, and nothing here or
//! above recurses: code that nests ten thousand levels deep cannot overflow
//! the stack. What is larger than the cap is not parsed.

use std::collections::HashMap;
use std::sync::OnceLock;

use tree_sitter::Parser;

/// A node's place in the tree.
pub(super) type Id = usize;

/// Sources above this are compared by their words only.
const BYTES_CAP: usize = 512 << 10;
/// How far up is looked from one node.
const CLIMB_CAP: usize = 400;

/// What is read by structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    JavaScript,
    TypeScript,
    Tsx,
    Java,
}

impl Language {
    /// By the ending of the file's name.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (_, end) = name.rsplit_once('.')?;
        match end.to_ascii_lowercase().as_str() {
            "js" | "cjs" | "mjs" | "jsx" => Some(Self::JavaScript),
            "ts" | "cts" | "mts" => Some(Self::TypeScript),
            "tsx" => Some(Self::Tsx),
            "java" => Some(Self::Java),
            _ => None,
        }
    }

    fn names(self) -> &'static Names {
        static ALL: [OnceLock<Names>; 4] =
            [OnceLock::new(), OnceLock::new(), OnceLock::new(), OnceLock::new()];
        let [javascript, typescript, tsx, java] = &ALL;
        let known = match self {
            Self::JavaScript => javascript,
            Self::TypeScript => typescript,
            Self::Tsx => tsx,
            Self::Java => java,
        };
        known.get_or_init(|| Names::of(&self.grammar()))
    }

    fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
        }
    }
}

/// The names of a grammar's nodes and fields: a parsed tree only lends them.
#[derive(Debug)]
struct Names {
    kinds: Vec<String>,
    fields: Vec<String>,
}

impl Names {
    fn of(grammar: &tree_sitter::Language) -> Self {
        let kinds = 0..u16::try_from(grammar.node_kind_count()).unwrap_or(u16::MAX);
        let fields = 0..=u16::try_from(grammar.field_count()).unwrap_or(u16::MAX - 1);
        Self {
            kinds: kinds.map(|id| grammar.node_kind_for_id(id).unwrap_or_default().to_owned()).collect(),
            fields: fields.map(|id| grammar.field_name_for_id(id).unwrap_or_default().to_owned()).collect(),
        }
    }

    fn kind(&self, id: u16) -> &str {
        self.kinds.get(usize::from(id)).map_or("ERROR", String::as_str)
    }

    fn field(&self, id: u16) -> Option<&str> {
        self.fields.get(usize::from(id)).map(String::as_str)
    }
}

#[derive(Debug)]
struct Node {
    kind: &'static str,
    field: Option<&'static str>,
    start: usize,
    end: usize,
    line: u32,
    parent: Id,
    /// One past the last descendant.
    beyond: Id,
}

/// One parsed source.
#[derive(Debug)]
pub(super) struct Tree {
    text: String,
    nodes: Vec<Node>,
    pub(super) language: Language,
    /// How many bytes could not be parsed.
    pub(super) unread: usize,
    /// Parts of the source could not be parsed.
    pub(super) broken: bool,
    /// Its `assert` is node's strict one.
    pub(super) strict: bool,
    /// Where each variable is declared first.
    declared: HashMap<String, Id>,
}

impl Tree {
    /// `None` when the source is too large.
    pub(super) fn parse(language: Language, text: String) -> Option<Self> {
        if text.len() > BYTES_CAP {
            return None;
        }
        let mut parser = Parser::new();
        parser.set_language(&language.grammar()).ok()?;
        let parsed = parser.parse(&text, None)?;
        let broken = parsed.root_node().has_error();
        let nodes = flatten(&parsed, language.names());
        let strict = nodes.iter().any(|node| {
            let said = text.get(node.start..node.end).unwrap_or_default();
            match node.kind {
                "string_fragment" => matches!(said, "assert/strict" | "node:assert/strict"),
                "property_identifier" => said == "strict",
                _ => false,
            }
        });
        let errors = nodes.iter().filter(|node| node.kind == "ERROR");
        let unread = errors.map(|node| node.end.saturating_sub(node.start)).sum();
        let mut tree = Self { text, nodes, language, unread, broken, strict, declared: HashMap::new() };
        for id in tree.all().filter(|id| tree.kind(*id) == "variable_declarator").collect::<Vec<_>>() {
            let name = tree.field(id, "name").map(|name| tree.text(name).to_owned());
            if let Some(name) = name {
                tree.declared.entry(name).or_insert(id);
            }
        }
        Some(tree)
    }

    /// JSON, with comments or without, as an expression.
    pub(super) fn parse_json(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}');
        Self::parse(Language::JavaScript, format!("({text}\n)")).filter(|tree| !tree.broken)
    }

    pub(super) fn is_java(&self) -> bool {
        self.language == Language::Java
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Id> + use<> {
        0..self.nodes.len()
    }

    /// The node itself and everything below it.
    pub(super) fn within(&self, id: Id) -> std::ops::Range<Id> {
        id..self.beyond(id)
    }

    pub(super) fn beyond(&self, id: Id) -> Id {
        self.nodes.get(id).map_or(id + 1, |node| node.beyond)
    }

    pub(super) fn kind(&self, id: Id) -> &'static str {
        self.nodes.get(id).map_or("", |node| node.kind)
    }

    pub(super) fn line(&self, id: Id) -> u32 {
        self.nodes.get(id).map_or(1, |node| node.line)
    }

    pub(super) fn text(&self, id: Id) -> &str {
        self.nodes.get(id).and_then(|node| self.text.get(node.start..node.end)).unwrap_or_default()
    }

    pub(super) fn parent(&self, id: Id) -> Option<Id> {
        self.nodes.get(id).map(|node| node.parent).filter(|parent| *parent != id)
    }

    /// From the parent upwards, at most so far as the cap.
    pub(super) fn above(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        std::iter::successors(self.parent(id), |id| self.parent(*id)).take(CLIMB_CAP)
    }

    pub(super) fn children(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        let end = self.beyond(id);
        let first = Some(id + 1).filter(|first| *first < end);
        std::iter::successors(first, move |child| Some(self.beyond(*child)).filter(|next| *next < end))
    }

    /// The children that say something: no punctuation, no comment.
    pub(super) fn parts(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.children(id).filter(|child| {
            let kind = self.kind(*child);
            !is_comment(kind) && kind.starts_with(|c: char| c.is_ascii_alphabetic())
        })
    }

    pub(super) fn field(&self, id: Id, field: &str) -> Option<Id> {
        self.children(id).find(|child| self.is_field(*child, field))
    }

    pub(super) fn is_field(&self, id: Id, field: &str) -> bool {
        self.nodes.get(id).is_some_and(|node| node.field == Some(field))
    }

    pub(super) fn is_leaf(&self, id: Id) -> bool {
        self.beyond(id) == id + 1
    }

    /// A string literal's content.
    pub(super) fn string(&self, id: Id) -> Option<String> {
        let plain = match self.kind(id) {
            "string" | "string_literal" | "character_literal" => true,
            "template_string" => self.within(id).all(|inner| self.kind(inner) != "template_substitution"),
            _ => false,
        };
        let text = self.text(id);
        let text = text.strip_prefix("\"\"\"").and_then(|text| text.strip_suffix("\"\"\"")).unwrap_or(text);
        plain.then(|| text.trim_matches(['"', '\'', '`']).to_owned())
    }

    /// The code in one spelling: no comments, no line breaks, one kind of
    /// quote, no trailing commas, semicolons or brackets around parameters.
    pub(super) fn said(&self, id: Id) -> String {
        let mut said: Vec<String> = Vec::new();
        let mut at = id;
        while at < self.beyond(id) {
            if let Some(content) = self.string(at) {
                said.push(format!("\"{content}\""));
                at = self.beyond(at);
                continue;
            }
            if self.is_leaf(at) && !is_comment(self.kind(at)) && !self.is_noise(at) {
                let text = self.text(at);
                if matches!(text, ")" | "]" | "}") && said.last().is_some_and(|last| last == ",") {
                    said.pop();
                }
                if !text.is_empty() {
                    said.push(text.to_owned());
                }
            }
            at += 1;
        }
        said.join(" ")
    }

    fn is_noise(&self, id: Id) -> bool {
        match self.kind(id) {
            ";" => true,
            "(" | ")" => self.parent(id).is_some_and(|parent| {
                matches!(
                    self.kind(parent),
                    "formal_parameters" | "parenthesized_expression" | "inferred_parameters"
                )
            }),
            _ => false,
        }
    }

    /// What a call calls: the last name, whatever it hangs on.
    pub(super) fn called(&self, call: Id) -> Option<&str> {
        match self.kind(call) {
            "call_expression" => {
                let function = self.field(call, "function")?;
                match self.kind(function) {
                    "identifier" => Some(self.text(function)),
                    "member_expression" => Some(self.text(self.field(function, "property")?)),
                    _ => None,
                }
            }
            "method_invocation" => Some(self.text(self.field(call, "name")?)),
            _ => None,
        }
    }

    /// What a call hangs on: `a.b` of `a.b.c()`.
    pub(super) fn receiver(&self, call: Id) -> Option<Id> {
        match self.kind(call) {
            "call_expression" => {
                let function = self.field(call, "function")?;
                self.field(function, "object").filter(|_| self.kind(function) == "member_expression")
            }
            "method_invocation" => self.field(call, "object"),
            _ => None,
        }
    }

    /// The arguments of a call.
    pub(super) fn arguments(&self, call: Id) -> Vec<Id> {
        let list = self.field(call, "arguments");
        list.map(|list| self.parts(list).collect()).unwrap_or_default()
    }

    pub(super) fn is_call(&self, id: Id) -> bool {
        matches!(self.kind(id), "call_expression" | "method_invocation")
    }

    pub(super) fn is_function(&self, id: Id) -> bool {
        matches!(
            self.kind(id),
            "arrow_function"
                | "function_expression"
                | "function"
                | "function_declaration"
                | "generator_function"
                | "generator_function_declaration"
                | "method_definition"
                | "lambda_expression"
                | "method_declaration"
                | "constructor_declaration"
        )
    }

    /// A value written down: a string, a number, `true`, `null`.
    pub(super) fn is_literal(&self, id: Id) -> bool {
        let kind = self.kind(id);
        self.string(id).is_some()
            || matches!(kind, "number" | "true" | "false" | "null" | "undefined" | "null_literal" | "regex")
            || kind.ends_with("_integer_literal")
            || kind.ends_with("_floating_point_literal")
            || (kind == "identifier" && self.text(id) == "undefined")
            || (kind == "unary_expression"
                && self.parts(id).last().is_some_and(|inner| self.kind(inner) == "number"))
    }

    pub(super) fn number(&self, id: Id) -> Option<f64> {
        let text: String = self.text(id).chars().filter(|c| !matches!(c, '_' | ' ')).collect();
        text.trim_end_matches(['n', 'L', 'l', 'f', 'F', 'd', 'D']).parse().ok()
    }

    /// What a name of this file stands for: the value that it is declared with.
    pub(super) fn resolve(&self, id: Id) -> Id {
        if self.kind(id) != "identifier" {
            return id;
        }
        let declarator = self.declared.get(self.text(id)).copied();
        declarator.and_then(|at| self.field(at, "value")).map_or(id, |value| self.bare(value))
    }

    pub(super) fn bare_of_brackets(&self, mut id: Id) -> Id {
        while self.kind(id) == "parenthesized_expression" {
            match self.parts(id).next() {
                Some(inner) => id = inner,
                None => break,
            }
        }
        id
    }

    /// Without brackets, `await`, casts and `!` around it.
    pub(super) fn bare(&self, mut id: Id) -> Id {
        while matches!(
            self.kind(id),
            "parenthesized_expression"
                | "await_expression"
                | "non_null_expression"
                | "as_expression"
                | "satisfies_expression"
        ) {
            match self.parts(id).find(|part| self.kind(*part) != "await") {
                Some(inner) => id = inner,
                None => break,
            }
        }
        id
    }
}

pub(super) fn is_comment(kind: &str) -> bool {
    matches!(kind, "comment" | "line_comment" | "block_comment" | "html_comment")
}

/// The nodes in the order in which they begin.
fn flatten(parsed: &tree_sitter::Tree, names: &'static Names) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut cursor = parsed.walk();
    let mut open: Vec<Id> = Vec::new();
    loop {
        let node = cursor.node();
        let id = nodes.len();
        nodes.push(Node {
            kind: names.kind(node.kind_id()),
            field: cursor.field_id().and_then(|field| names.field(field.get())),
            start: node.start_byte(),
            end: node.end_byte(),
            line: u32::try_from(node.start_position().row).unwrap_or(u32::MAX - 1) + 1,
            parent: open.last().copied().unwrap_or(id),
            beyond: id + 1,
        });
        if cursor.goto_first_child() {
            open.push(id);
            continue;
        }
        while !cursor.goto_next_sibling() {
            let beyond = nodes.len();
            let closed = open.pop().and_then(|id| nodes.get_mut(id));
            let Some(closed) = closed else { return nodes };
            closed.beyond = beyond;
            if !cursor.goto_parent() {
                return nodes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::parse(Language::TypeScript, text.to_owned()).unwrap()
    }

    #[test]
    fn the_same_code_in_another_layout_says_the_same() {
        let said = |text: &str| tree(text).said(0);
        assert_eq!(said("f('a', // why\n  (x) => g(x),\n);"), said("f(\"a\", x => g(x))"));
        assert_ne!(said("f('a')"), said("f('b')"));
    }

    #[test]
    fn a_subtree_is_a_range() {
        let tree = tree("f(a, g(b)); h();");
        let calls: Vec<Id> = tree.all().filter(|id| tree.is_call(*id)).collect();
        let texts: Vec<&str> = calls.iter().map(|call| tree.text(*call)).collect();
        assert_eq!(texts, ["f(a, g(b))", "g(b)", "h()"]);
        assert!(tree.within(calls[0]).contains(&calls[1]) && !tree.within(calls[0]).contains(&calls[2]));
        assert_eq!(tree.called(calls[1]), Some("g"));
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
        assert!(!tree(&deep).said(0).is_empty());
    }
}
