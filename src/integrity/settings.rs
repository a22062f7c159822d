//! A configuration file as a list of settings, whatever it is written in:
//! JSON with or without comments, YAML, or an object in JavaScript.

use serde_yaml_ng::Value;

use super::syntax::{Id, Language, Tree};

/// One value with the keys that lead to it. The elements of a list are
/// settings of their own with the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) keys: Vec<String>,
    pub(super) value: String,
    pub(super) line: u32,
}

impl Setting {
    /// The last key.
    pub(super) fn key(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// Is one of the keys this one?
    pub(super) fn is_below(&self, key: &str) -> bool {
        self.keys.iter().any(|own| own == key)
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.value.replace('_', "").parse().ok()
    }
}

/// The settings of a file; `None` when it cannot be read.
pub(super) fn read(path: &str, text: &str) -> Option<Vec<Setting>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "mocha.opts" {
        return Some(of_options(text));
    }
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "yml" | "yaml" => of_yaml(text),
        "json" | "jsonc" | "json5" => of_json(text),
        "js" | "cjs" | "mjs" | "ts" | "cts" | "mts" | "jsx" | "tsx" => {
            let tree = Tree::parse(Language::of(path)?, text.to_owned()).filter(|tree| !tree.broken)?;
            Some(of_tree(&tree))
        }
        // Such as `.eslintrc` and `.babelrc`: JSON or YAML.
        _ => of_json(text).or_else(|| of_yaml(text)),
    }
}

/// `--key value`, one a line.
fn of_options(text: &str) -> Vec<Setting> {
    let lines = text.lines().zip(1..).filter_map(|(line, number)| {
        let (key, value) = line
            .trim()
            .strip_prefix('-')?
            .trim_start_matches('-')
            .split_once([' ', '='])
            .unwrap_or((line.trim().trim_start_matches('-'), "true"));
        Some(Setting { keys: vec![key.to_owned()], value: value.trim().to_owned(), line: number })
    });
    lines.collect()
}

pub(super) fn of_json(text: &str) -> Option<Vec<Setting>> {
    Tree::parse_json(text).map(|tree| of_tree(&tree))
}

/// Every pair of every object.
fn of_tree(tree: &Tree) -> Vec<Setting> {
    let mut settings = Vec::new();
    // The keys around the current place, with where each one ends.
    let mut open: Vec<(Id, String)> = Vec::new();
    for id in tree.all() {
        while open.last().is_some_and(|(beyond, _)| id >= *beyond) {
            open.pop();
        }
        let keys = || open.iter().map(|(_, key)| key.clone()).collect::<Vec<String>>();
        match tree.kind(id) {
            "pair" => {
                let key = tree
                    .field(id, "key")
                    .map(|key| tree.string(key).unwrap_or_else(|| tree.text(key).to_owned()));
                open.push((tree.beyond(id), key.unwrap_or_default()));
            }
            "array" | "object" | "arguments" | "parenthesized_expression" => {}
            _ if is_value(tree, id) => {
                let value = tree.string(id).unwrap_or_else(|| tree.said(id));
                settings.push(Setting { keys: keys(), value, line: tree.line(id) });
            }
            _ => {}
        }
    }
    settings
}

/// The value of a pair or an element of a list that is no list or object.
fn is_value(tree: &Tree, id: Id) -> bool {
    let kind = tree.kind(id);
    if !kind.starts_with(|c: char| c.is_ascii_alphabetic())
        || super::syntax::is_comment(kind)
        || kind == "pair"
    {
        return false;
    }
    tree.parent(id).is_some_and(|parent| match tree.kind(parent) {
        "pair" => tree.is_field(id, "value"),
        "array" | "arguments" => true,
        "object" => kind == "spread_element",
        _ => false,
    })
}

/// The depth and number of nodes of YAML are what the parser lets through.
fn of_yaml(text: &str) -> Option<Vec<Setting>> {
    let root: Value = serde_yaml_ng::from_str(text).ok()?;
    let mut settings = Vec::new();
    let mut todo: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), &root)];
    while let Some((keys, value)) = todo.pop() {
        let plain = match value {
            Value::Mapping(map) => {
                let mut inner: Vec<(Vec<String>, &Value)> = map
                    .iter()
                    .map(|(key, value)| ([keys.as_slice(), &[plain(key)]].concat(), value))
                    .collect();
                inner.reverse();
                todo.extend(inner);
                continue;
            }
            Value::Sequence(list) => {
                todo.extend(list.iter().rev().map(|value| (keys.clone(), value)));
                continue;
            }
            other => plain(other),
        };
        let key = keys.last().cloned().unwrap_or_default();
        let line = text.lines().position(|line| line.contains(&key) || line.contains(&plain)).unwrap_or(0);
        settings.push(Setting { keys, value: plain, line: u32::try_from(line).unwrap_or(0) + 1 });
    }
    Some(settings)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_settings_are_read_from_every_form() {
        let all = |path: &str, text: &str| -> Vec<(String, String)> {
            let settings = read(path, text).unwrap();
            settings.into_iter().map(|setting| (setting.keys.join("."), setting.value)).collect()
        };
        let wanted = [("rules.semi", "error"), ("rules.semi", "always"), ("env.node", "true")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            all(
                ".eslintrc.json",
                "{ // why\n \"rules\": {\"semi\": [\"error\", \"always\"]}, \"env\": {\"node\": true}}"
            ),
            wanted
        );
        assert_eq!(all(".eslintrc.yml", "rules:\n  semi: [error, always]\nenv:\n  node: true\n"), wanted);
        assert_eq!(
            all(
                "eslint.config.mjs",
                "export default [{ rules: { semi: ['error', \"always\"] }, env: { node: true } }];"
            ),
            wanted
        );
        assert!(read("a.json", "{\"a\": ").is_none());
    }
}
