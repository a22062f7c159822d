//! Everything that an entry of a package exports, followed through its files.
//!
//! What comes from another package is known by name only. Files are read
//! once; a circle of re-exports ends where it began.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{self, beside, found, is_typed};
use super::module::{DEFAULT, Export, Module, WHOLE};
use crate::briefing::api::Item;
use crate::briefing::archive::Files;
use crate::briefing::syntax::Patience;

/// Files that are read for one entry.
const FILES: usize = 600;

/// Names with what they stand for.
pub(super) type Exports = BTreeMap<String, Item>;

/// The files of a package as modules.
pub(super) struct Reader<'a> {
    files: &'a Files,
    modules: BTreeMap<String, Module>,
    /// What files that names are taken from export.
    taken: BTreeMap<String, Exports>,
    patience: Patience,
    /// Not everything could be told.
    pub(super) opaque: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a Files) -> Self {
        Self {
            files,
            modules: BTreeMap::new(),
            taken: BTreeMap::new(),
            patience: Patience::new(),
            opaque: false,
        }
    }

    /// What the file exports.
    pub(super) fn exports(&mut self, path: &str) -> Exports {
        let mut found = Exports::new();
        self.collect(path, &mut BTreeSet::new(), &mut found);
        found
    }

    fn collect(&mut self, path: &str, seen: &mut BTreeSet<String>, found: &mut Exports) {
        if !seen.insert(path.to_owned()) {
            return;
        }
        if self.patience.is_over() || !self.load(path) {
            self.opaque = true;
            return;
        }
        let Some(module) = self.modules.get(path) else { return };
        self.opaque |= module.opaque;
        for export in module.exports.clone() {
            match export {
                Export::Item { name, item } => add(found, name, item),
                Export::Local { name, local } => self.local(path, (&name, &local), seen, found),
                Export::From { name, imported, source } => {
                    self.from(path, (&name, &imported, &source), seen, found);
                }
                Export::All { source, name: Some(name) } => {
                    add(found, name, Item::untyped(&format!("everything of {source}")));
                }
                Export::All { source, name: None } => self.all(path, &source, seen, found),
                Export::Same { source } => match self.resolve(path, &source) {
                    Some(next) => self.collect(&next, seen, found),
                    None => {
                        self.opaque = true;
                        add(found, WHOLE.to_owned(), Item::untyped(&format!("everything of {source}")));
                    }
                },
            }
        }
    }

    /// `export *` leaves the default out.
    fn all(&mut self, path: &str, source: &str, seen: &mut BTreeSet<String>, found: &mut Exports) {
        let Some(next) = self.resolve(path, source) else {
            self.opaque = true;
            return;
        };
        let mut more = Exports::new();
        self.collect(&next, seen, &mut more);
        more.remove(DEFAULT);
        for (name, item) in more {
            found.entry(name).or_insert(item);
        }
    }

    fn from(
        &mut self,
        path: &str,
        (name, imported, source): (&str, &str, &str),
        seen: &BTreeSet<String>,
        found: &mut Exports,
    ) {
        let item = match self.resolve(path, source) {
            Some(next) => {
                if !self.taken.contains_key(&next) {
                    let mut more = Exports::new();
                    // Another name of the same file may be asked for again.
                    self.collect(&next, &mut seen.clone(), &mut more);
                    self.taken.insert(next.clone(), more);
                }
                let all = self.taken.get(&next);
                // A default import of CommonJS is all of it.
                let whole = |all: &Exports| all.get(WHOLE).filter(|_| imported == DEFAULT).cloned();
                all.and_then(|all| all.get(imported).cloned().or_else(|| whole(all)))
            }
            None => None,
        };
        add(found, name.to_owned(), item.unwrap_or_else(|| Item::untyped(&format!("from {source}"))));
    }

    /// Something declared or imported in the file itself.
    fn local(
        &mut self,
        path: &str,
        (name, local): (&str, &str),
        seen: &BTreeSet<String>,
        found: &mut Exports,
    ) {
        let Some(module) = self.modules.get(path) else { return };
        // The members of a namespace follow its name.
        let prefix = format!("{local}.");
        let inner: Vec<(String, Item)> = module
            .locals
            .range(prefix.clone()..)
            .map_while(|(key, item)| Some((key.strip_prefix(&prefix)?.to_owned(), item.clone())))
            .collect();
        let item = module.locals.get(local).cloned();
        let import = module.imports.get(local).cloned();
        match (item, import) {
            (Some(item), _) => add(found, name.to_owned(), item),
            (None, Some((source, imported))) if imported != "*" => {
                self.from(path, (name, &imported, &source), seen, found);
            }
            _ => add(found, name.to_owned(), Item::untyped("a value")),
        }
        for (key, item) in inner {
            // What belongs to the module itself is reached by its own name.
            let full = if name == WHOLE { key } else { format!("{name}.{key}") };
            add(found, full, item);
        }
    }

    fn load(&mut self, path: &str) -> bool {
        if self.modules.contains_key(path) {
            return true;
        }
        if self.modules.len() >= FILES || self.patience.is_over() {
            return false;
        }
        let Some(text) = self.files.text(path) else { return false };
        self.modules.insert(path.to_owned(), Module::read(path, &text));
        true
    }

    /// A file of this package; another package has none here.
    fn resolve(&self, from: &str, source: &str) -> Option<String> {
        if !source.starts_with('.') {
            return None;
        }
        let dir = from.rsplit_once('/').map_or("", |(dir, _)| dir);
        let path = format!("{dir}/{source}");
        if !is_typed(from) {
            return found(self.files, &path, &manifest::ENDINGS);
        }
        // Declarations name the script that they stand for.
        found(self.files, &beside(&path), &manifest::TYPED).filter(|path| is_typed(path))
    }
}

fn add(found: &mut Exports, name: String, item: Item) {
    found.entry(name).or_default().merge(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports(path: &str, files: &[(&str, &str)]) -> (Vec<String>, bool) {
        let files = Files::of(files);
        let mut reader = Reader::new(&files);
        let exports = reader.exports(path);
        let shown = exports
            .iter()
            .map(|(name, item)| {
                let mut signatures: Vec<&str> = item.signatures.values().map(String::as_str).collect();
                signatures.sort_unstable();
                let members: Vec<&str> = item.members.keys().map(String::as_str).collect();
                let members =
                    if members.is_empty() { String::new() } else { format!(" {{{}}}", members.join(",")) };
                format!("{name}: {}{members}", signatures.join(" | "))
            })
            .collect();
        (shown, reader.opaque)
    }

    #[test]
    fn declarations_are_read() {
        let index = "import { Opt as O } from './opt.js';\nexport { O };\nexport * from './more';\n\
            export declare function parse(src: string, /* c */ opt?: O): string;\n\
            export declare function parse(src: Buffer): string;\n\
            export declare const one: number, two: string;\n\
            export default class Main extends Base { private x; run(a: number): void; readonly y: 1; #z; }\n\
            export declare enum Kind { A, B = 2 }\nexport type T<X> = X | null;\nexport { z as q } from 'other';\n";
        let (shown, opaque) = exports(
            "index.d.ts",
            &[
                ("index.d.ts", index),
                (
                    "opt.d.ts",
                    "export interface Opt { a: string; b?(c: number): void; new (x: 1): Opt; (): void }",
                ),
                (
                    "more.d.ts",
                    "export * from './index';\ndeclare const hidden: 1;\nexport const more: 2;\nexport default hidden;",
                ),
            ],
        );
        assert_eq!(
            shown,
            [
                "Kind: enum Kind {A,B}",
                "O: interface Opt {(),a,b,new ()}",
                "T: type T<X> = X | null",
                "default: class Main extends Base {run,y}",
                "more: const more: 2",
                "one: const one: number",
                "parse: function parse(src: Buffer): string | function parse(src: string, opt?: O): string",
                "q: from other",
                "two: const two: string",
            ]
        );
        assert!(!opaque);
    }

    #[test]
    fn an_export_assignment_is_the_module_itself() {
        let chalk = "declare const chalk: chalk.Chalk & { x: 1 };\ndeclare namespace chalk {\n  interface Chalk { red: this }\n  type Level = 0 | 1;\n  namespace inner { const deep: 1 }\n}\nexport = chalk;\n";
        let (shown, _) = exports("index.d.ts", &[("index.d.ts", chalk)]);
        assert_eq!(
            shown,
            [
                "Chalk: interface Chalk {red}",
                "Level: type Level = 0 | 1",
                "export =: const chalk: chalk.Chalk & { x: 1 }",
                "inner: namespace inner",
                "inner.deep: const deep: 1",
            ]
        );
        let ambient = "declare module 'thing' { export function f(): void; }\n";
        assert_eq!(exports("i.d.ts", &[("i.d.ts", ambient)]).0, ["f: function f(): void"]);
        assert!(exports("i.d.ts", &[("i.d.ts", "declare const x: 1; export {};")]).0.is_empty());
    }

    #[test]
    fn scripts_are_read_however_they_were_written_or_generated() {
        let name = |name: &str, kind: &str| format!("{name}: {kind}");
        for (script, expected) in [
            // By hand.
            (
                "module.exports = { a, 'b-c': 1, d() {} };",
                vec![name("a", "a value"), name("b-c", "a value"), name("d", "function")],
            ),
            (
                "function f(a, b) { return 1 }\nf.x = f.y = 1;\nmodule.exports = f;",
                vec![name("export =", "function f(a, b)"), name("x", "a value"), name("y", "a value")],
            ),
            (
                "exports = module.exports = function (req) {};\nexports.p = 1;",
                vec![name("export =", "function (req)"), name("p", "a value")],
            ),
            ("module.exports = require('./b');", vec![name("y", "a value")]),
            (
                "const b = require('./b');\nmodule.exports = { ...b, z: class Z {} };",
                vec![name("y", "a value"), name("z", "class Z")],
            ),
            // TypeScript and Babel.
            (
                "Object.defineProperty(exports, '__esModule', { value: true });\nexports.v1 = exports.default = void 0;\n__exportStar(require('./b'), exports);",
                vec![name("default", "a value"), name("v1", "a value"), name("y", "a value")],
            ),
            (
                "var _b = _i(require('./b'));\nObject.keys(_b).forEach(function (key) { exports[key] = _b[key]; });\nObject.defineProperty(exports, 'NIL', { enumerable: true, get: g });",
                vec![name("NIL", "a value"), name("y", "a value")],
            ),
            // esbuild.
            (
                "var m = {};\n__export(m, { go: () => go });\nmodule.exports = __toCommonJS(m);\nfunction go(a) {}",
                vec![name("go", "function go(a)")],
            ),
            // rollup.
            (
                "(function (global, factory) { factory(global.x = {}); })(this, (function (exports) { exports.L = 1; exports.p = p; }));",
                vec![name("L", "a value"), name("p", "a value")],
            ),
            // ES modules.
            (
                "export const a = () => 1, b = 2;\nexport default function g(x) {}\nexport { y as w } from './b.js';\nexport * as all from './b.js';",
                vec![
                    name("a", "function ()"),
                    name("all", "everything of ./b.js"),
                    name("b", "const b"),
                    name("default", "function g(x)"),
                    name("w", "a value"),
                ],
            ),
            (
                "class K { m(a) {} static s() {} }\nexport { K as default };",
                vec![name("default", "class K {m,s}")],
            ),
        ] {
            let (shown, _) = exports("a.js", &[("a.js", script), ("b.js", "exports.y = 1;")]);
            assert_eq!(shown, expected, "{script}");
        }
    }

    #[test]
    fn what_is_computed_is_opaque() {
        for (script, opaque) in [
            ("module.exports = make();", true),
            ("for (const k of all) exports[k] = 1;", true),
            ("module.exports = { ...rest };", true),
            ("module.exports = require('other');", true),
            ("Object.assign(exports, lib);", true),
            ("exports.a = 1; exports['b'] = 2;", false),
            ("exports.__esModule = true; exports.default = f;", false),
        ] {
            assert_eq!(exports("a.js", &[("a.js", script)]).1, opaque, "{script}");
        }
    }
}
