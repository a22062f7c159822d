//! A package's `package.json`: which file answers an import, and in what
//! form.
//!
//! The rules are Node's and TypeScript's own: `exports` with its conditions
//! and patterns first, then `types`, `main` and `index`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::briefing::archive::Files;

const DEPTH: usize = 16;

/// Conditions for each way to ask.
pub(super) const REQUIRE: [&str; 4] = ["node", "require", "module-sync", "default"];
pub(super) const IMPORT: [&str; 4] = ["node", "import", "module-sync", "default"];

#[derive(Debug, Clone, Default)]
pub(super) struct Manifest(Value);

impl Manifest {
    pub(super) fn read(files: &Files) -> Self {
        let bytes = files.bytes("package.json").unwrap_or_default();
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// The programs that it brings.
    pub(super) fn programs(&self) -> BTreeSet<String> {
        match self.0.get("bin") {
            Some(Value::Object(programs)) => programs.keys().cloned().collect(),
            Some(Value::String(_)) => {
                let name = self.text("name").unwrap_or_default();
                BTreeSet::from([name.rsplit('/').next().unwrap_or(name).to_owned()])
            }
            _ => BTreeSet::new(),
        }
    }

    /// What else is asked of whoever uses it: Node, other packages.
    pub(super) fn needs(&self) -> BTreeMap<String, String> {
        let mut needs = BTreeMap::new();
        for (key, what) in [("engines", "engine"), ("peerDependencies", "peer dependency")] {
            let entries = self.0.get(key).and_then(Value::as_object).into_iter().flatten();
            for (name, range) in entries {
                needs.insert(format!("{what} {name}"), range.as_str().unwrap_or_default().to_owned());
            }
        }
        needs
    }

    /// The file that answers, by `exports` or by the older rules; `at` is `.`
    /// or `./sub`.
    pub(super) fn file(&self, files: &Files, at: &str, conditions: &[&str]) -> Option<String> {
        if let Some(exports) = self.0.get("exports").filter(|exports| !exports.is_null()) {
            return exported(exports, at, conditions).and_then(|path| found(files, &path, &[""]));
        }
        if at != "." {
            return found(files, at, &ENDINGS);
        }
        let main = self.text("main").filter(|main| !main.is_empty()).unwrap_or("index.js");
        let module = self.text("module").filter(|_| conditions.contains(&"import"));
        // What a bundler would take says more than what Node would.
        module.into_iter().chain([main, "index.js"]).find_map(|path| found(files, path, &ENDINGS))
    }

    /// The declarations for `at`, for whoever loads it so.
    pub(super) fn typings(&self, files: &Files, at: &str, conditions: &[&str]) -> Option<String> {
        let conditions = [&["types"], conditions].concat();
        if let Some(exports) = self.0.get("exports").filter(|exports| !exports.is_null())
            && let Some(path) = exported(exports, at, &conditions)
        {
            let declared = [path.clone(), beside(&path)].into_iter();
            if let Some(path) = declared.filter_map(|path| found(files, &path, &[""])).find(|p| is_typed(p)) {
                return Some(path);
            }
        }
        if at != "." {
            return found(files, at, &TYPED).filter(|path| is_typed(path));
        }
        let stated = self.text("types").or_else(|| self.text("typings"));
        let main = self.text("main").map_or_else(|| "index".to_owned(), beside);
        let mut places = stated.into_iter().chain([&*main, "index.d.ts"]);
        places.find_map(|path| found(files, path, &TYPED).filter(|path| is_typed(path)))
    }

    /// Can `require()` be answered with a CommonJS file? `None` when there is
    /// no file at all.
    pub(super) fn is_required(&self, files: &Files) -> Option<bool> {
        let required = self.file(files, ".", &REQUIRE);
        match required {
            Some(path) => Some(!self.is_module(files, &path)),
            None => self.file(files, ".", &IMPORT).map(|_| false),
        }
    }

    /// Is the file an ES module? The nearest `package.json` says so.
    fn is_module(&self, files: &Files, path: &str) -> bool {
        if path.ends_with(".mjs") || path.ends_with(".cjs") {
            return path.ends_with(".mjs");
        }
        let mut dir = path;
        while let Some((above, _)) = dir.rsplit_once('/') {
            let nearest = files.bytes(&format!("{above}/package.json"));
            if let Some(nearest) = nearest.and_then(|json| serde_json::from_slice::<Value>(json).ok()) {
                return nearest.get("type").and_then(Value::as_str) == Some("module");
            }
            dir = above;
        }
        path.ends_with(".js") && self.text("type") == Some("module")
    }
}

/// Endings that `require()` tries, and those of declarations.
pub(super) const ENDINGS: [&str; 6] = ["", ".js", ".cjs", ".mjs", ".json", "/index.js"];
pub(super) const TYPED: [&str; 7] =
    ["", ".d.ts", ".d.mts", ".d.cts", "/index.d.ts", "/index.d.mts", "/index.d.cts"];

pub(super) fn is_typed(path: &str) -> bool {
    [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| path.ends_with(end))
}

/// Where the declarations of a script lie: `a.js` has `a.d.ts`.
pub(super) fn beside(path: impl AsRef<str>) -> String {
    let path = path.as_ref();
    for (script, declared) in [(".mjs", ".d.mts"), (".cjs", ".d.cts"), (".js", ".d.ts")] {
        if let Some(stem) = path.strip_suffix(script) {
            return format!("{stem}{declared}");
        }
    }
    path.to_owned()
}

/// A file of the package under one of the endings.
pub(super) fn found(files: &Files, path: &str, endings: &[&str]) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    endings.iter().map(|end| format!("{path}{end}")).find(|path| files.paths.contains(path)).or_else(|| {
        // A directory can have a `package.json` of its own.
        let inner = files.bytes(&format!("{path}/package.json"))?;
        let inner: Value = serde_json::from_slice(inner).ok()?;
        let main = inner.get("main").and_then(Value::as_str)?;
        let main = format!("{path}/{}", main.trim_start_matches("./"));
        ENDINGS.iter().map(|end| format!("{main}{end}")).find(|path| files.paths.contains(path))
    })
}

fn exported(exports: &Value, at: &str, conditions: &[&str]) -> Option<String> {
    let by_path =
        exports.as_object().filter(|entries| entries.keys().next().is_some_and(|key| key.starts_with('.')));
    let Some(entries) = by_path else {
        return (at == ".").then(|| target(exports, conditions, DEPTH)).flatten();
    };
    if let Some(entry) = entries.get(at) {
        return target(entry, conditions, DEPTH);
    }
    // The pattern with the longest beginning wins.
    let mut patterns: Vec<(&str, &str, &Value)> = entries
        .iter()
        .filter_map(|(key, value)| key.split_once('*').map(|(before, after)| (before, after, value)))
        .collect();
    patterns.sort_by_key(|(before, ..)| std::cmp::Reverse(before.len()));
    patterns.into_iter().find_map(|(before, after, value)| {
        let star = at.strip_prefix(before)?.strip_suffix(after)?;
        Some(target(value, conditions, DEPTH)?.replace('*', star))
    })
}

fn target(value: &Value, conditions: &[&str], depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(path) => Some(path.clone()),
        Value::Array(ways) => ways.iter().find_map(|way| target(way, conditions, depth)),
        Value::Object(ways) => ways
            .iter()
            .filter(|(condition, _)| conditions.contains(&condition.as_str()))
            .find_map(|(_, way)| target(way, conditions, depth)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(manifest: &str, rest: &[&str]) -> Files {
        let mut all = vec![("package.json", manifest)];
        all.extend(rest.iter().map(|path| (*path, "")));
        Files::of(&all)
    }

    #[test]
    fn an_import_is_answered_as_node_answers_it() {
        let dual =
            r#"{"exports":{".":{"import":"./m.mjs","require":"./c.cjs"},"./x/*":"./lib/*.js","./p":null}}"#;
        let all = ["m.mjs", "c.cjs", "lib/y.js", "index.js", "v4.js", "d/package.json", "lib/i.js"];
        for (manifest, at, conditions, expected) in [
            (dual, ".", &REQUIRE, Some("c.cjs")),
            (dual, ".", &IMPORT, Some("m.mjs")),
            (dual, "./x/y", &REQUIRE, Some("lib/y.js")),
            (dual, "./p", &REQUIRE, None),
            (dual, "./v4", &REQUIRE, None),
            (r#"{"exports":"./m.mjs"}"#, ".", &REQUIRE, Some("m.mjs")),
            (r#"{"exports":{"node":{"default":"./c.cjs"}}}"#, ".", &REQUIRE, Some("c.cjs")),
            (r#"{"exports":{".":["./no.js","./m.mjs"]}}"#, ".", &REQUIRE, None),
            ("{}", ".", &REQUIRE, Some("index.js")),
            ("{}", "./v4", &REQUIRE, Some("v4.js")),
            (r#"{"main":"lib/y"}"#, ".", &REQUIRE, Some("lib/y.js")),
            (r#"{"main":"./c.cjs","module":"m.mjs"}"#, ".", &IMPORT, Some("m.mjs")),
            (r#"{"main":"../../etc/passwd"}"#, ".", &REQUIRE, Some("index.js")),
            ("nonsense", ".", &REQUIRE, Some("index.js")),
        ] {
            let files = files(manifest, &all);
            let answer = Manifest::read(&files).file(&files, at, conditions);
            assert_eq!(answer.as_deref(), expected, "{manifest} {at}");
        }
    }

    #[test]
    fn a_module_cannot_be_required() {
        for (manifest, required) in [
            (r#"{"main":"index.js"}"#, Some(true)),
            (r#"{"type":"module"}"#, Some(false)),
            (r#"{"type":"module","main":"c.cjs"}"#, Some(true)),
            (r#"{"exports":{"import":"./m.mjs"}}"#, Some(false)),
            (r#"{"exports":{"import":"./m.mjs","default":"./index.js"}}"#, Some(true)),
            (r#"{"type":"module","exports":{"require":"./cjs/i.js"}}"#, Some(true)),
            (r#"{"exports":{"deno":"./m.mjs"}}"#, None),
        ] {
            let inner = r#"{"type":"commonjs"}"#;
            let files = Files::of(&[
                ("package.json", manifest),
                ("index.js", ""),
                ("m.mjs", ""),
                ("c.cjs", ""),
                ("cjs/package.json", inner),
                ("cjs/i.js", ""),
            ]);
            assert_eq!(Manifest::read(&files).is_required(&files), required, "{manifest}");
        }
    }

    #[test]
    fn declarations_lie_where_they_are_named_or_beside_the_script() {
        for (manifest, at, expected) in [
            (r#"{"types":"./t/x.d.ts"}"#, ".", Some("t/x.d.ts")),
            (r#"{"typings":"t/x"}"#, ".", Some("t/x.d.ts")),
            (r#"{"main":"lib/y.js"}"#, ".", Some("lib/y.d.ts")),
            (r#"{"exports":{".":{"types":"./t/x.d.ts","default":"./lib/y.js"}}}"#, ".", Some("t/x.d.ts")),
            (r#"{"exports":{".":"./lib/y.js"}}"#, ".", Some("lib/y.d.ts")),
            ("{}", "./lib/y", Some("lib/y.d.ts")),
            ("{}", ".", None),
        ] {
            let files = files(manifest, &["t/x.d.ts", "lib/y.js", "lib/y.d.ts"]);
            assert_eq!(
                Manifest::read(&files).typings(&files, at, &IMPORT).as_deref(),
                expected,
                "{manifest}"
            );
        }
    }

    #[test]
    fn who_requires_has_other_declarations_than_who_imports() {
        let manifest =
            r#"{"exports":{".":{"types":{"require":"./c.d.cts","default":"./m.d.ts"},"default":"./m.js"}}}"#;
        let files = files(manifest, &["c.d.cts", "m.d.ts", "m.js"]);
        let typings = |conditions: &[&str]| Manifest::read(&files).typings(&files, ".", conditions);
        assert_eq!(typings(&REQUIRE).as_deref(), Some("c.d.cts"));
        assert_eq!(typings(&IMPORT).as_deref(), Some("m.d.ts"));
    }

    #[test]
    fn programs_and_needs_are_read() {
        let needs =
            r#"{"name":"@s/tool","bin":"x.js","engines":{"node":">=18"},"peerDependencies":{"react":"^18"}}"#;
        let manifest = Manifest::read(&files(needs, &[]));
        assert_eq!(manifest.programs(), BTreeSet::from(["tool".to_owned()]));
        assert_eq!(manifest.needs().get("engine node").map(String::as_str), Some(">=18"));
        assert_eq!(manifest.needs().get("peer dependency react").map(String::as_str), Some("^18"));
    }
}
