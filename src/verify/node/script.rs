//! What a script runs in the end, so that it can be asked for a report.
//!
//! Words that stand behind a script's name reach the last command of its
//! body only, so that is the one that is recognised. A body with anything
//! that a shell must work out, or with options that contradict ours, is not
//! recognised: then its output is read as text, as it is.

use std::collections::BTreeMap;

use super::runner::{Own, Runner};
use crate::manager::{Kind, Manager};

/// Scripts that call scripts, at most.
const DEPTH: usize = 3;

/// How a command is made to write a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify) struct Teller {
    pub(in crate::verify) runner: Runner,
    /// Words that lead further words through to the runner.
    pub(in crate::verify) front: Vec<String>,
}

/// The scripts of one manifest, and what runs them.
#[derive(Clone, Copy)]
pub(super) struct Scripts<'a> {
    pub(super) scripts: &'a BTreeMap<String, String>,
    pub(super) manager: &'a Manager,
}

impl Scripts<'_> {
    /// The runner behind `npm run <name>`.
    pub(super) fn recognise(&self, name: &str) -> Option<Teller> {
        self.through(name, false, DEPTH)
    }

    /// Through a script that is called with or without a `--`.
    fn through(&self, name: &str, is_open: bool, depth: usize) -> Option<Teller> {
        let body = self.scripts.get(name)?;
        let words = shlex::split(last_command(body)?)?;
        let mut teller = self.command(&words, depth.checked_sub(1)?)?;
        if self.manager.kind == Kind::Npm && !is_open {
            teller.front.insert(0, "--".to_owned());
        }
        Some(teller)
    }

    fn command(&self, words: &[String], depth: usize) -> Option<Teller> {
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = after;
            match name_of(word) {
                _ if is_assignment(word) => {}
                "cross-env" | "env" | "dotenv" | "time" => {}
                // Their own options may have values: the runner is the next
                // word that is one.
                "c8" | "nyc" => {
                    let at = rest.iter().position(|word| is_runner(name_of(word)))?;
                    rest = rest.get(at..)?;
                }
                "npx" | "pnpx" => rest = after_flags(rest, &["-y", "--yes", "--no", "--no-install"]),
                "npm" | "yarn" | "pnpm" => return self.manager_call(name_of(word), rest, depth),
                "node" | "tsx" if word == name_of(word) => return node(rest),
                name => return Runner::of(name, rest).map(|runner| Teller { runner, front: Vec::new() }),
            }
        }
        None
    }

    /// A script called by a package manager, or a program that it starts.
    fn manager_call(&self, manager: &str, words: &[String], depth: usize) -> Option<Teller> {
        let words = after_flags(words, &["-s", "--silent", "--if-present"]);
        let (first, rest) = words.split_first()?;
        match (manager, first.as_str()) {
            ("npm", "exec" | "x") => {
                let at = rest.iter().position(|word| word == "--")?;
                self.command(rest.get(at + 1..)?, depth)
            }
            ("pnpm", "exec") | ("yarn", "exec") => self.command(rest, depth),
            (_, "run" | "run-script") => self.call(manager, rest, depth),
            ("npm", "test" | "t") => self.call_named("test", manager, rest, depth),
            ("npm", _) => None,
            // The other two take a script's or a program's name at once.
            _ => self.call(manager, words, depth),
        }
    }

    fn call(&self, manager: &str, words: &[String], depth: usize) -> Option<Teller> {
        let words = after_flags(words, &["-s", "--silent", "--if-present"]);
        let (name, rest) = words.split_first()?;
        if self.scripts.contains_key(name) {
            return self.call_named(name, manager, rest, depth);
        }
        if manager == "npm" { None } else { self.command(words, depth) }
    }

    fn call_named(&self, name: &str, manager: &str, rest: &[String], depth: usize) -> Option<Teller> {
        // With options of the manager's it may run elsewhere, as for
        // `--workspaces`.
        let is_open = match rest {
            [] => false,
            [first, ..] if first == "--" => true,
            _ if manager == "npm" => return None,
            _ => false,
        };
        let mut teller = self.through(name, true, depth)?;
        if manager == "npm" && !is_open {
            teller.front.insert(0, "--".to_owned());
        }
        Some(teller)
    }
}

/// The runner that words start without a script.
pub(super) fn recognise_words(words: &[String], scripts: &Scripts<'_>) -> Option<Teller> {
    scripts.command(words, DEPTH)
}

/// The last command of a chain that goes on only when all went well; `None`
/// when a shell does more than that.
fn last_command(body: &str) -> Option<&str> {
    let (mut quote, mut start) = (None, 0);
    let mut chars = body.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            // A double quote does not keep the shell from these.
            (Some('"') | None, '`') => return None,
            (Some('"') | None, '$') if chars.peek().is_some_and(|(_, next)| *next == '(') => return None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '&') => {
                let (second, _) = chars.next_if(|(_, next)| *next == '&')?;
                start = second + 1;
            }
            (None, '|' | ';' | '<' | '>' | '(' | ')' | '\n' | '#' | '\\') => return None,
            (None, _) => {}
        }
    }
    if quote.is_some() { None } else { body.get(start..) }
}

/// `node --test`, or a runner's own file.
fn node(words: &[String]) -> Option<Teller> {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    if has("--test") {
        let count = |flag: &str| words.iter().filter(|word| word.split('=').next() == Some(flag)).count();
        let own =
            Own { reporters: count("--test-reporter"), destinations: count("--test-reporter-destination") };
        if has("--watch") || own.destinations > own.reporters {
            return None;
        }
        return Some(Teller { runner: Runner::NodeTest(own), front: Vec::new() });
    }
    let at = words.iter().position(|word| word.contains("node_modules/") && is_runner(name_of(word)))?;
    let rest = words.get(at + 1..)?;
    Runner::of(name_of(words.get(at)?), rest).map(|runner| Teller { runner, front: Vec::new() })
}

fn is_runner(name: &str) -> bool {
    Runner::of(name, &["run".to_owned()]).is_some()
        || ["biome", "react-scripts", "craco", "react-app-rewired", "node", "tsx", "npx"].contains(&name)
}

/// `./node_modules/.bin/jest`, `node_modules/mocha/bin/mocha.js`.
fn name_of(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    [".js", ".mjs", ".cjs"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}

fn after_flags<'w>(words: &'w [String], flags: &[&str]) -> &'w [String] {
    let at = words.iter().position(|word| !flags.contains(&word.as_str())).unwrap_or(words.len());
    words.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(kind: Kind, scripts: &[(&str, &str)], name: &str) -> Option<(Runner, String)> {
        let scripts = scripts.iter().map(|(name, body)| ((*name).to_owned(), (*body).to_owned())).collect();
        let manager = Manager { kind, ..Manager::default() };
        let teller = Scripts { scripts: &scripts, manager: &manager }.recognise(name)?;
        Some((teller.runner, teller.front.join(" ")))
    }

    fn runner(body: &str) -> Option<Runner> {
        recognised(Kind::Npm, &[("test", body)], "test").map(|(runner, _)| runner)
    }

    const NODE: Runner = Runner::NodeTest(Own { reporters: 0, destinations: 0 });

    #[test]
    fn the_last_command_of_a_chain_is_recognised() {
        for (body, expected) in [
            ("jest", Runner::Jest),
            ("jest --ci src", Runner::Jest),
            ("npm run build && NODE_ENV=test jest", Runner::Jest),
            ("cross-env NODE_ENV=test TZ=UTC npx jest --coverage", Runner::Jest),
            ("NODE_OPTIONS='--max-old-space-size=4096 --x' jest", Runner::Jest),
            ("node --experimental-vm-modules node_modules/jest/bin/jest.js", Runner::Jest),
            ("node --experimental-vm-modules ./node_modules/.bin/jest", Runner::Jest),
            ("react-scripts test", Runner::Jest),
            ("craco test", Runner::Jest),
            ("vitest", Runner::Vitest),
            ("vitest run --coverage", Runner::Vitest),
            ("vitest watch", Runner::Vitest),
            ("mocha --require x 'test/**/*.js'", Runner::Mocha),
            ("c8 --reporter text mocha", Runner::Mocha),
            ("nyc --reporter=lcov _mocha test", Runner::Mocha),
            ("eslint . && tsc && ava", Runner::Ava),
            ("tap --no-coverage", Runner::Tap),
            ("node --test", NODE),
            ("node --import tsx --test test/*.ts", NODE),
            ("tsx --test", NODE),
            ("c8 node --test", NODE),
            ("node --test --test-reporter spec", Runner::NodeTest(Own { reporters: 1, destinations: 0 })),
            ("eslint --max-warnings 0 .", Runner::Eslint),
            ("biome check .", Runner::Biome),
            ("npx @biomejs/biome ci", Runner::Biome),
            ("tsc -p . --noEmit", Runner::Tsc),
            ("vue-tsc --noEmit", Runner::Tsc),
        ] {
            assert_eq!(runner(body), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_a_shell_must_work_out_or_what_contradicts_us_is_not_recognised() {
        for body in [
            "jest || true",
            "jest; exit 0",
            "jest | tee log",
            "jest > log",
            "jest & wait",
            "jest $(cat files)",
            "jest \"`cat files`\"",
            "(cd x && jest)",
            "jest 'open",
            "jest # comment",
            "jest --json",
            "jest --outputFile=x",
            "jest --watch",
            "jest -- src",
            "jest && echo done",
            "vitest bench",
            "mocha -w",
            "ava --watch",
            "eslint -f unix .",
            "eslint --format=json .",
            "eslint -o x .",
            "biome format .",
            "biome check --reporter=github",
            "tsc -w",
            "node test.js",
            "node --test --watch",
            "run-s lint unit",
            "turbo run test",
            "npm run missing",
            "npm run test",
            "npm test --workspaces",
            "",
        ] {
            assert_eq!(runner(body), None, "{body}");
        }
    }

    #[test]
    fn words_are_led_through_scripts_that_call_scripts() {
        let scripts = [
            ("test", "npm run lint && npm run unit"),
            ("lint", "eslint ."),
            ("unit", "jest"),
            ("silent", "npm run --silent unit"),
            ("open", "npm run unit -- --ci"),
            ("yarn", "yarn unit"),
            ("exec", "npm exec -- jest"),
            ("pnpm", "pnpm run unit"),
            ("program", "yarn jest --ci"),
        ];
        for (kind, name, front) in [
            (Kind::Npm, "unit", "--"),
            (Kind::Npm, "test", "-- --"),
            (Kind::Npm, "silent", "-- --"),
            (Kind::Npm, "open", "--"),
            (Kind::Npm, "exec", "--"),
            (Kind::Npm, "yarn", "--"),
            (Kind::YarnClassic, "unit", ""),
            (Kind::YarnBerry, "yarn", ""),
            (Kind::YarnClassic, "program", ""),
            (Kind::Pnpm, "pnpm", ""),
            (Kind::Pnpm, "test", "--"),
        ] {
            let found = recognised(kind, &scripts, name);
            assert_eq!(found, Some((Runner::Jest, front.to_owned())), "{kind:?} {name}");
        }
    }
}
