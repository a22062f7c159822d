//! `module.exports` and `exports.x`, as people write them and as TypeScript,
//! Babel, esbuild and rollup generate them.

use tree_sitter::Node;

use super::{Export, Module, WHOLE, declared};
use crate::briefing::api::Item;
use crate::briefing::syntax::{children, field, literal, text, walk};

/// Adds what the whole file assigns, at any depth: a wrapper around it all is
/// usual.
pub(super) fn read(root: Node<'_>, source: &str, module: &mut Module) {
    walk(root, |node| bind(node, source, module));
    walk(root, |node| match node.kind() {
        "assignment_expression" => assignment(node, source, module),
        "call_expression" => call(node, source, module),
        _ => {}
    });
}

/// `const x = require('y')`.
fn bind(node: Node<'_>, source: &str, module: &mut Module) {
    if node.kind() != "variable_declarator" {
        return;
    }
    let required = node.child_by_field_name("value").and_then(|value| required(value, source));
    if let (Some(name), Some(from)) = (field(node, "name", source), required) {
        module.imports.insert(name.to_owned(), (from, "*".to_owned()));
    }
}

/// The source of `require('…')`, also inside of one call more.
fn required(node: Node<'_>, source: &str) -> Option<String> {
    if node.kind() != "call_expression" {
        return None;
    }
    let first = children(node.child_by_field_name("arguments")?).into_iter().next()?;
    if field(node, "function", source)? == "require" {
        return literal(first, source).map(str::to_owned);
    }
    (first.kind() == "call_expression" && field(first, "function", source)? == "require")
        .then(|| required(first, source))
        .flatten()
}

/// What an expression on the left stands for.
enum Left {
    Whole,
    Name(String),
    /// A property of something declared here.
    Static(String, String),
    Computed,
}

fn left(node: Node<'_>, source: &str) -> Option<Left> {
    let is_exports = |text: &str| matches!(text, "exports" | "module.exports");
    match node.kind() {
        "identifier" | "member_expression" if is_exports(text(node, source)) => Some(Left::Whole),
        "member_expression" => {
            let (object, name) = (field(node, "object", source)?, field(node, "property", source)?);
            if is_exports(object) {
                return (name != "__esModule").then(|| Left::Name(name.to_owned()));
            }
            let plain = node.child_by_field_name("object")?.kind() == "identifier";
            plain.then(|| Left::Static(object.to_owned(), name.to_owned()))
        }
        "subscript_expression" if is_exports(field(node, "object", source)?) => {
            let index = node.child_by_field_name("index")?;
            Some(literal(index, source).map_or(Left::Computed, |name| Left::Name(name.to_owned())))
        }
        _ => None,
    }
}

fn assignment(node: Node<'_>, source: &str, module: &mut Module) {
    let Some(target) = node.child_by_field_name("left").and_then(|node| left(node, source)) else { return };
    let mut value = node.child_by_field_name("right");
    // `exports = module.exports = x` gives the same value to both.
    while let Some(inner) = value.filter(|inner| inner.kind() == "assignment_expression") {
        value = inner.child_by_field_name("right");
    }
    let Some(value) = value else { return };
    match target {
        Left::Computed => module.opaque = true,
        Left::Name(name) => {
            let export = exported(&name, value, source);
            module.exports.push(export);
        }
        // What is set on something that is no export is not looked at later.
        Left::Static(object, name) => {
            let item = declared::value(value, source, false);
            module.locals.entry(format!("{object}.{name}")).or_insert(item);
        }
        Left::Whole => whole(value, source, module),
    }
}

fn exported(name: &str, value: Node<'_>, source: &str) -> Export {
    let name = name.to_owned();
    match value.kind() {
        "identifier" if text(value, source) != "undefined" => {
            Export::Local { name, local: text(value, source).to_owned() }
        }
        // A getter, as esbuild writes them.
        "arrow_function" if getter(value, source).is_some() => {
            Export::Local { name, local: getter(value, source).unwrap_or_default() }
        }
        "call_expression" if required(value, source).is_some() => {
            Export::All { source: required(value, source).unwrap_or_default(), name: Some(name) }
        }
        _ => Export::Item { name, item: declared::value(value, source, false) },
    }
}

/// The name that `() => name` returns.
fn getter(node: Node<'_>, source: &str) -> Option<String> {
    let body = node.child_by_field_name("body").filter(|body| body.kind() == "identifier")?;
    (field(node, "parameters", source)? == "()").then(|| text(body, source).to_owned())
}

fn whole(value: Node<'_>, source: &str, module: &mut Module) {
    if let Some(from) = required(value, source) {
        return module.exports.push(Export::Same { source: from });
    }
    match value.kind() {
        "object" => object(value, source, module),
        "identifier" => {
            let local = text(value, source).to_owned();
            module.exports.push(match module.imports.get(&local) {
                Some((from, all)) if all == "*" => Export::Same { source: from.clone() },
                _ => Export::Local { name: WHOLE.to_owned(), local },
            });
        }
        "call_expression" => {
            // esbuild names the exports in a call of its own.
            let generated = field(value, "function", source).is_some_and(|f| f.ends_with("toCommonJS"));
            if !generated {
                module.opaque = true;
                let item = Item::untyped("a value");
                module.exports.push(Export::Item { name: WHOLE.to_owned(), item });
            }
        }
        _ => {
            let item = declared::value(value, source, false);
            module.exports.push(Export::Item { name: WHOLE.to_owned(), item });
        }
    }
}

fn object(node: Node<'_>, source: &str, module: &mut Module) {
    for part in children(node) {
        match part.kind() {
            "pair" => {
                let key = part.child_by_field_name("key");
                let name = key.map(|key| literal(key, source).unwrap_or_else(|| text(key, source)));
                if let (Some(name), Some(value)) = (name, part.child_by_field_name("value")) {
                    let export = exported(name, value, source);
                    module.exports.push(export);
                }
            }
            "shorthand_property_identifier" => {
                let name = text(part, source).to_owned();
                module.exports.push(Export::Local { name: name.clone(), local: name });
            }
            "method_definition" => {
                if let Some(name) = field(part, "name", source) {
                    let item = Item::untyped("function");
                    module.exports.push(Export::Item { name: name.to_owned(), item });
                }
            }
            "spread_element" => spread(part, source, module),
            _ => {}
        }
    }
}

fn spread(node: Node<'_>, source: &str, module: &mut Module) {
    let Some(value) = children(node).pop() else { return };
    let from = required(value, source).or_else(|| {
        let (from, all) = module.imports.get(text(value, source))?;
        (all == "*").then(|| from.clone())
    });
    match from {
        Some(source) => module.exports.push(Export::All { source, name: None }),
        None => module.opaque = true,
    }
}

fn call(node: Node<'_>, source: &str, module: &mut Module) {
    let Some(function) = field(node, "function", source) else { return };
    let arguments = node.child_by_field_name("arguments").map(children).unwrap_or_default();
    let is_exports = |at: usize| {
        arguments.get(at).is_some_and(|node| matches!(text(*node, source), "exports" | "module.exports"))
    };
    let name = function.rsplit('.').next().unwrap_or(function);
    match name {
        "defineProperty" if is_exports(0) => {
            let named = arguments.get(1).and_then(|node| literal(*node, source));
            match named {
                Some("__esModule") => {}
                Some(name) => {
                    let item = Item::untyped("a value");
                    module.exports.push(Export::Item { name: name.to_owned(), item });
                }
                // Babel's `export *` goes through the keys, which `forEach` tells.
                None => {}
            }
        }
        "__exportStar" | "__export" | "_export_star" | "__reExport" => {
            for argument in &arguments {
                star(*argument, source, module);
            }
        }
        "_export" if is_exports(0) => {
            if let Some(names) = arguments.get(1) {
                object(*names, source, module);
            }
        }
        "forEach" if function.starts_with("Object.keys(") && text(node, source).contains("exports") => {
            let from = function.trim_start_matches("Object.keys(").split(')').next().unwrap_or_default();
            match module.imports.get(from) {
                Some((source, _)) => {
                    module.exports.push(Export::All { source: source.clone(), name: None });
                }
                None => module.opaque = true,
            }
        }
        "assign" if function == "Object.assign" && is_exports(0) => {
            for argument in arguments.iter().skip(1) {
                match argument.kind() {
                    "object" => object(*argument, source, module),
                    _ => module.opaque = true,
                }
            }
        }
        _ => {}
    }
}

/// One argument of a generated helper: where everything comes from, or names
/// with their getters.
fn star(argument: Node<'_>, source: &str, module: &mut Module) {
    if let Some(source) = required(argument, source) {
        module.exports.push(Export::All { source, name: None });
    } else if argument.kind() == "object" {
        object(argument, source, module);
    }
}
