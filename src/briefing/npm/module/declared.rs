//! Declarations as items: a name, a signature, members.

use std::ops::Range;

use tree_sitter::Node;

use crate::briefing::api::{Item, Name, Signatures, untyped};
use crate::briefing::syntax::{child_of, children, field, signature, text, walk};

/// What a statement declares.
pub(super) fn items(node: Node<'_>, source: &str, is_typed: bool) -> Vec<(String, Item)> {
    let named = |item: Item| -> Vec<(String, Item)> {
        field(node, "name", source).map(|name| (name.to_owned(), item)).into_iter().collect()
    };
    match node.kind() {
        "function_signature"
        | "function_declaration"
        | "generator_function_declaration"
        | "class_declaration"
        | "abstract_class_declaration"
        | "interface_declaration"
        | "enum_declaration"
        | "type_alias_declaration" => named(value(node, source, is_typed)),
        "lexical_declaration" | "variable_declaration" => {
            let declarators = children(node).into_iter().filter(|part| part.kind() == "variable_declarator");
            declarators
                .filter_map(|part| {
                    let name = field(part, "name", source)?;
                    Some((name.to_owned(), variable(part, name, source, is_typed)))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn item(shown: &str, is_typed: bool) -> Item {
    if is_typed { Item::typed(shown) } else { Item::untyped(shown) }
}

fn variable(node: Node<'_>, name: &str, source: &str, is_typed: bool) -> Item {
    if is_typed {
        let (key, shown) = match node.child_by_field_name("type") {
            Some(kind) => compared(kind, kind.end_byte(), source),
            None => (String::new(), String::new()),
        };
        let signatures = Signatures::from([(format!("const{key}"), format!("const {name}{shown}"))]);
        return Item { signatures, ..Item::default() };
    }
    match node.child_by_field_name("value") {
        Some(assigned) if is_function(assigned) || assigned.kind() == "class" => {
            value(assigned, source, false)
        }
        _ => Item::untyped(&format!("const {name}")),
    }
}

pub(super) fn is_function(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "function" | "function_expression" | "arrow_function" | "generator_function" | "function_declaration"
    )
}

/// A declaration or an expression, without its body.
pub(super) fn value(node: Node<'_>, source: &str, is_typed: bool) -> Item {
    let end = node.child_by_field_name("body").map_or(node.end_byte(), |body| body.start_byte());
    let mut value = match node.kind() {
        _ if is_function(node) && !is_typed => {
            let name = field(node, "name", source).unwrap_or_default();
            let parameters = field(node, "parameters", source).or_else(|| field(node, "parameter", source));
            item(&signature(&format!("function {name}{}", parameters.unwrap_or("()"))), false)
        }
        "class"
        | "class_declaration"
        | "abstract_class_declaration"
        | "interface_declaration"
        | "enum_declaration"
        | "type_alias_declaration"
        | "function_signature"
        | "function_declaration" => {
            let (key, shown) = compared(node, end, source);
            let key = if is_typed { key } else { String::new() };
            Item { signatures: Signatures::from([(key, shown)]), ..Item::default() }
        }
        _ => item("a value", is_typed),
    };
    if let Some(body) = node.child_by_field_name("body").filter(|body| body.kind() != "statement_block") {
        for member in children(body) {
            if let Some((name, key, shown)) = self::member(member, source) {
                let signatures = if is_typed { Signatures::from([(key, shown)]) } else { untyped(&shown) };
                value.members.entry(name).or_default().extend(signatures);
            }
        }
    }
    value.parents = parents(node, source);
    value
}

/// The text up to `end` on one line, and the same without the names of
/// parameters, which nobody who calls depends on.
fn compared(node: Node<'_>, end: usize, source: &str) -> (String, String) {
    let mut names: Vec<Range<usize>> = Vec::new();
    walk(node, |part| {
        let named = matches!(part.kind(), "required_parameter" | "optional_parameter");
        let pattern = part.child_by_field_name("pattern").filter(|_| named);
        if let Some(name) = pattern.filter(|name| name.kind() == "identifier" && name.end_byte() <= end) {
            names.push(name.byte_range());
        }
    });
    let mut key = String::new();
    let mut at = node.start_byte();
    for name in names {
        key.push_str(source.get(at..name.start).unwrap_or_default());
        key.push('_');
        at = name.end;
    }
    key.push_str(source.get(at..end).unwrap_or_default());
    (signature(&key), signature(source.get(node.start_byte()..end).unwrap_or_default()))
}

/// A member that others can use.
fn member(node: Node<'_>, source: &str) -> Option<(String, String, String)> {
    let before_value = ["body", "value"].into_iter().find_map(|field| node.child_by_field_name(field));
    let end = before_value.map_or(node.end_byte(), |part| part.start_byte());
    let (key, shown) = compared(node, end, source);
    let shown = shown.trim_end_matches(['=', ' ']).to_owned();
    let hidden = child_of(node, &["accessibility_modifier"])
        .is_some_and(|modifier| text(modifier, source) != "public");
    let name = match node.kind() {
        "call_signature" => "()".to_owned(),
        "construct_signature" => "new ()".to_owned(),
        "index_signature" => "[]".to_owned(),
        "enum_assignment" => field(node, "name", source)?.to_owned(),
        "property_identifier" => shown.clone(),
        _ => field(node, "name", source)?.trim_matches(['"', '\'']).to_owned(),
    };
    (!hidden && !name.starts_with('#')).then_some((name, key, shown))
}

/// The names after `extends` and `implements`.
fn parents(node: Node<'_>, source: &str) -> Vec<Name> {
    let mut found = Vec::new();
    let mut open: Vec<Node<'_>> = children(node)
        .into_iter()
        .filter(|child| matches!(child.kind(), "class_heritage" | "extends_type_clause"))
        .collect();
    while let Some(part) = open.pop() {
        match part.kind() {
            "identifier" | "type_identifier" => found.push(Name::new("", text(part, source))),
            "class_heritage" | "extends_type_clause" | "extends_clause" => open.extend(children(part)),
            "generic_type" => open.extend(part.child_by_field_name("name")),
            _ => {}
        }
    }
    found
}
