//! What linters and formatters say: eslint's long form and its complaints
//! about its own configuration, biome, prettier, standard.

use super::super::gather::Gather;
use super::super::{Category, Cause, trace};

/// Lines of eslint's own words that are looked at.
const OWN: u8 = 12;

#[derive(Debug, Default)]
pub(super) struct Linters {
    found: Gather,
    /// The file that the next findings are in.
    file: String,
    /// eslint gave up, and says why within so many lines.
    gave_up: u8,
    /// biome names the place and the rule first.
    biome: Option<(String, Option<u32>, String)>,
}

impl Linters {
    /// Whether the line was a linter's.
    pub(super) fn line(&mut self, line: &str, said: &str) -> bool {
        if said.is_empty() || self.found.is_full() {
            return false;
        }
        if self.gave_up > 0 {
            return self.own(said);
        }
        let indented = line.len() > said.len();
        match said.as_bytes().first() {
            Some(b'O') if said.starts_with("Oops! Something went wrong") => {
                self.gave_up = OWN;
                true
            }
            Some(b'E' | b'I' | b'C') if !indented => self.config(said),
            Some(b'[') => self.prettier(said),
            Some(0xc3) => self.biome_says(said),
            Some(byte) if indented && byte.is_ascii_digit() => self.finding(said),
            Some(0xe2) if indented && said.starts_with("✖  ") => {
                self.finding(said.trim_start_matches(['✖', ' ']))
            }
            _ => self.place(said, indented),
        }
    }

    /// What eslint says about itself: the first line that is not its name.
    fn own(&mut self, said: &str) -> bool {
        self.gave_up -= 1;
        if said.starts_with("ESLint: ") && said.len() < 24 {
            return true;
        }
        self.gave_up = 0;
        self.found.add(Cause::new(Category::Config, format!("eslint: {said}")));
        true
    }

    fn config(&mut self, said: &str) -> bool {
        let known = [
            "ESLint couldn't find",
            "Invalid option '--",
            "Error: Failed to load config",
            "Error: Cannot read config file",
            "Error: ESLint configuration",
            "Cannot read config file",
        ];
        let known = known.iter().any(|known| said.starts_with(known));
        if known {
            self.found.add(Cause::new(Category::Config, said));
        }
        known
    }

    /// `3:10  error  said  rule`; a warning does not fail.
    fn finding(&mut self, said: &str) -> bool {
        let Some((place, rest)) = said.split_once("  ") else { return false };
        let Some((line, column)) = place.split_once(':') else { return false };
        let (Some(line), Some(_)) = (trace::number(line), trace::number(column)) else { return false };
        let rest = rest.trim_start();
        if rest.starts_with("warning ") {
            return true;
        }
        let rest = rest.strip_prefix("error ").unwrap_or(rest).trim();
        let said = match rest.rsplit_once("  ") {
            Some((said, rule)) if !rule.contains(' ') => format!("{} ({rule})", said.trim()),
            _ => rest.to_owned(),
        };
        self.found.add(Cause::new(Category::Lint, said).at(&self.file, Some(line)));
        true
    }

    /// `[warn] src/a.js`, `[error] src/a.js: SyntaxError: …`
    fn prettier(&mut self, said: &str) -> bool {
        if let Some(said) = said.strip_prefix("[error] ")
            && let Some((file, said)) = said.split_once(": ")
        {
            let line = said.rsplit_once('(').and_then(|(_, place)| trace::number(place.split(':').next()?));
            self.found.add(Cause::new(Category::Lint, said).at(file, line));
            return true;
        }
        let Some(said) = said.strip_prefix("[warn] ") else { return false };
        if said.contains(' ') {
            return said.starts_with("Code style issues");
        }
        self.found.add(Cause::new(Category::Lint, "is not formatted (prettier)").at(said, None));
        true
    }

    /// `src/a.ts:3:10 lint/style/useConst ━━━━`, then `× said`.
    fn biome_says(&mut self, said: &str) -> bool {
        let Some(said) = said.strip_prefix("× ") else { return false };
        let Some((file, line, rule)) = self.biome.take() else { return false };
        self.found.add(Cause::new(Category::Lint, format!("{said} ({rule})")).at(&file, line));
        true
    }

    /// A line that says in which file the next findings are.
    fn place(&mut self, said: &str, indented: bool) -> bool {
        if said.ends_with('━') {
            return self.biome_place(said);
        }
        if indented {
            return self.standard(said);
        }
        // Windows paths and paths with blanks are no names of files here.
        let path = !said.contains(' ') && said.contains('.') && !said.ends_with('.') && said.len() < 400;
        if path {
            said.clone_into(&mut self.file);
        }
        false
    }

    fn biome_place(&mut self, said: &str) -> bool {
        let mut words = said.split_whitespace();
        let (Some(place), Some(rule)) = (words.next(), words.next()) else { return false };
        let known = ["lint/", "format", "organizeImports", "parse", "assist/", "suppressions/"];
        if !known.iter().any(|known| rule.starts_with(known)) {
            return false;
        }
        let (file, line) = trace::place(place).map_or((place, None), |(file, line)| (file, Some(line)));
        self.biome = Some((file.to_owned(), line, rule.to_owned()));
        true
    }

    /// `  /path/a.js:3:1: Extra semicolon. (semi)`
    fn standard(&mut self, said: &str) -> bool {
        let Some((place, text)) = said.split_once(": ") else { return false };
        if !said.ends_with(')') || place.contains(' ') || text.split_once(" (").is_none() {
            return false;
        }
        let Some((file, line)) = trace::place(place).filter(|(file, _)| file.contains('.')) else {
            return false;
        };
        self.found.add(Cause::new(Category::Lint, text).at(file, Some(line)));
        true
    }

    pub(super) fn finish(self, gather: &mut Gather) {
        gather.extend(self.found.finish());
    }
}
