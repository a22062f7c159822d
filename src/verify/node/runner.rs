//! The runners that write a report when they are asked to: with which words,
//! and where it lies then.
//!
//! Reports lie outside the tree under a name that nobody can guess before
//! the run, because code of the repository runs there too. What is in one is
//! as little to be trusted as what is printed: an exit code decides.

use base64::Engine as _;

/// A program that tests or checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) enum Runner {
    Jest,
    Vitest,
    Mocha,
    Ava,
    Tap,
    NodeTest(Own),
    Eslint,
    Biome,
    Tsc,
}

/// The reporters of node:test that a script names itself: each needs a
/// destination as soon as one has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::verify) struct Own {
    pub(super) reporters: usize,
    pub(super) destinations: usize,
}

/// What is added to a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::verify) struct Added {
    pub(in crate::verify) words: Vec<String>,
    pub(in crate::verify) env: Option<(&'static str, String)>,
    /// Where the report lies; `None` when it is what is printed.
    pub(in crate::verify) file: Option<String>,
}

/// One line of JSON per test. Written as a program because the reporters
/// that Node brings along differ between its versions; a test that failed
/// only because one in it did says so.
const NODE_REPORTER: &str = "export default async function*(source){for await(const{type,data}of source){\
if(type!=='test:pass'&&type!=='test:fail')continue;const e=data.details?.error,c=e?.cause??e;\
yield JSON.stringify({ok:type==='test:pass',name:data.name,nesting:data.nesting,file:data.file,line:data.line,\
skip:!!data.skip||data.skip===''||!!data.todo||data.todo==='',suite:data.details?.type==='suite',\
inner:e?.failureType==='subtestsFailed',message:c?String(c.message??c).slice(0,2000):'',\
stack:String(c?.stack??'').slice(0,4000)})+'\\n'}}";

impl Runner {
    /// The runner of this name, with these words behind it.
    pub(super) fn of(name: &str, words: &[String]) -> Option<Self> {
        let first = words.first().map_or("", String::as_str);
        let has = |flags: &[&str]| {
            words.iter().any(|word| {
                let flag = word.split('=').next().unwrap_or(word);
                // What stands behind it is no option.
                flag == "--" || flags.contains(&flag)
            })
        };
        let watches = has(&["-w", "--watch", "--watchAll", "--help", "--version"]);
        let jest = !watches && !has(&["--json", "--outputFile", "--listTests", "--showConfig"]);
        match name {
            "jest" if jest => Some(Self::Jest),
            "react-scripts" | "craco" | "react-app-rewired" if jest && first == "test" => Some(Self::Jest),
            // `--run` wins over watching.
            "vitest" if !has(&["--help", "--outputFile"]) && !["bench", "list", "init"].contains(&first) => {
                Some(Self::Vitest)
            }
            "mocha" | "_mocha" | "ts-mocha" if !watches => Some(Self::Mocha),
            "ava" if !watches => Some(Self::Ava),
            "tap" if !watches && !has(&["-o", "--output-file"]) => {
                let other =
                    ["plugin", "report", "replay", "repl", "dump-config", "list", "versions", "config"];
                (!other.contains(&first)).then_some(Self::Tap)
            }
            "eslint" if !has(&["-f", "--format", "-o", "--output-file", "--init", "--print-config"]) => {
                Some(Self::Eslint)
            }
            "biome"
                if ["lint", "check", "ci"].contains(&first) && !has(&["--reporter", "--reporter-file"]) =>
            {
                Some(Self::Biome)
            }
            "tsc" | "vue-tsc" if !watches && !has(&["--init", "--showConfig"]) => Some(Self::Tsc),
            _ => None,
        }
    }

    /// Asks for a report at `place`, a path without an end.
    pub(in crate::verify) fn ask(self, place: &str) -> Added {
        let json = format!("{place}.json");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        let filed = |all: &[&str]| Added { words: words(all), env: None, file: Some(json.clone()) };
        let printed = |all: &[&str]| Added { words: words(all), env: None, file: None };
        match self {
            Self::Jest => filed(&["--json", &format!("--outputFile={json}")]),
            Self::Vitest => filed(&[
                "--run",
                "--reporter=default",
                "--reporter=json",
                &format!("--outputFile.json={json}"),
            ]),
            Self::Mocha => filed(&["--reporter", "json", "--reporter-option", &format!("output={json}")]),
            Self::Ava => printed(&["--tap"]),
            Self::Tap => filed(&[&format!("--output-file={json}")]),
            Self::NodeTest(own) => {
                Added { words: Vec::new(), env: Some(("NODE_OPTIONS", own.options(&json))), file: Some(json) }
            }
            Self::Eslint => filed(&["-f", "json", "-o", &json]),
            Self::Biome => printed(&["--reporter=json"]),
            Self::Tsc => printed(&["--pretty", "false"]),
        }
    }

    /// Words that run a part of the tests only: those that failed, or a few
    /// more. Names are as the reports have them, the test's file in front.
    /// `None` when there is no such thing.
    pub(in crate::verify) fn only(self, failing: &[String]) -> Option<Vec<String>> {
        let mut files: Vec<&str> = failing.iter().filter_map(|name| name.split(" > ").next()).collect();
        files.dedup();
        let owned = |files: Vec<&str>| files.into_iter().map(str::to_owned).collect();
        match self {
            // jest takes expressions.
            Self::Jest => Some(files.into_iter().map(regex::escape).collect()),
            Self::Vitest | Self::NodeTest(_) | Self::Tap => Some(owned(files)),
            // A script mostly names its files, which are then all run: mocha
            // can be told the tests instead.
            Self::Mocha => {
                let titles: Option<Vec<String>> =
                    failing.iter().map(|name| Some(regex::escape(name.split_once(" > ")?.1))).collect();
                Some(vec!["--grep".to_owned(), format!("^(?:{})$", titles?.join("|"))])
            }
            Self::Ava | Self::Eslint | Self::Biome | Self::Tsc => None,
        }
    }
}

impl Own {
    /// Reporters and destinations belong together in their order, and those
    /// of the environment come before the script's.
    fn options(self, file: &str) -> String {
        let module = base64::engine::general_purpose::STANDARD.encode(NODE_REPORTER);
        let ours = format!(
            "--test-reporter=data:text/javascript;base64,{module} --test-reporter-destination={file}"
        );
        match self.reporters.saturating_sub(self.destinations) {
            0 if self.reporters == 0 => {
                format!("--test-reporter=spec --test-reporter-destination=stdout {ours}")
            }
            0 => ours,
            _ => format!("{ours} --test-reporter-destination=stdout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reporter_of_node_gets_a_destination() {
        for (reporters, destinations, expected) in [(0, 0, 2), (1, 0, 2), (1, 1, 1), (2, 2, 1)] {
            let added = Runner::NodeTest(Own { reporters, destinations }).ask("/tmp/x");
            let options = added.env.unwrap().1;
            assert_eq!(options.matches("--test-reporter-destination=").count(), expected, "{options}");
            let all = options.matches("--test-reporter=").count() + reporters;
            assert_eq!(all, expected + destinations, "{options}");
            assert_eq!(added.file.as_deref(), Some("/tmp/x.json"));
        }
    }

    #[test]
    fn only_what_failed_is_run_again() {
        let failing = ["a.test.js > math > adds (1+1)", "a.test.js > math > fails"].map(str::to_owned);
        for (runner, expected) in [
            (Runner::Jest, Some(vec!["a\\.test\\.js"])),
            (Runner::Vitest, Some(vec!["a.test.js"])),
            (Runner::Mocha, Some(vec!["--grep", "^(?:math > adds \\(1\\+1\\)|math > fails)$"])),
            (Runner::Ava, None),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(runner.only(&failing), expected, "{runner:?}");
        }
    }
}
