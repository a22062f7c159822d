//! What compilers and bundlers say: tsc in both of its forms, esbuild and
//! vite, rollup, webpack, babel's and node's errors of syntax.

use super::super::gather::Gather;
use super::super::{Category, Cause, trace};

#[derive(Debug, Default)]
pub(super) struct Compilers {
    found: Gather,
    /// Said already, of which the place follows.
    open: Option<(Whose, Cause)>,
    /// Lines that the open one waits for.
    left: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The place stands on one of the next lines.
    Esbuild,
    /// The file stood first, what is wrong follows.
    Webpack,
}

impl Compilers {
    /// Whether the line was a compiler's.
    pub(super) fn line(&mut self, line: &str, said: &str) -> bool {
        if self.follow(said) {
            return true;
        }
        if self.found.is_full() {
            return false;
        }
        if let Some(cause) = tsc(line) {
            self.found.add(cause);
            return true;
        }
        match said.as_bytes().first() {
            Some(b'E') => self.webpack(said),
            Some(b'M') => self.missing(said),
            Some(b'[' | b'R') => self.rollup(said),
            Some(0xe2) => self.esbuild(said),
            _ => false,
        }
    }

    /// Whether the line was what the open cause waited for.
    fn follow(&mut self, said: &str) -> bool {
        let Some((whose, cause)) = self.open.take() else { return false };
        self.left = self.left.saturating_sub(1);
        match (whose, said) {
            (_, "") => self.open = Some((whose, cause)),
            (Whose::Esbuild, said) => match trace::place(said) {
                Some((file, line)) => self.found.add(cause.at(file, Some(line))),
                None if self.left == 0 => self.found.add(cause),
                None => self.open = Some((whose, cause)),
            },
            (Whose::Webpack, said) => {
                let mut told = Cause::new(cause.kind, said);
                (told.file, told.line) = (cause.file, cause.line);
                self.found.add(told);
                return true;
            }
        }
        false
    }

    /// `ERROR in ./src/a.js 3:10-20`, and below it what is wrong.
    fn webpack(&mut self, said: &str) -> bool {
        let Some(rest) = said.strip_prefix("ERROR in ") else { return false };
        let mut words = rest.split_whitespace();
        let file = words.next().unwrap_or_default();
        let line = words.next().and_then(|place| place.split([':', '-']).next()).and_then(trace::number);
        let cause = match trace::place(file) {
            Some((file, line)) => Cause::new(Category::Compilation, "").at(file, Some(line)),
            None => Cause::new(Category::Compilation, "").at(file, line),
        };
        self.wait(Whose::Webpack, cause);
        true
    }

    /// `Module not found: Error: Can't resolve 'x' in '/path'`
    fn missing(&mut self, said: &str) -> bool {
        let found = said.starts_with("Module not found: ");
        if found {
            self.found.add(Cause::new(Category::Compilation, said));
        }
        found
    }

    /// `[vite]: Rollup failed to resolve import …`, `RollupError: …`.
    fn rollup(&mut self, said: &str) -> bool {
        let known = said.starts_with("[vite]") && said.contains("failed")
            || said.starts_with("[!] ")
            || said.starts_with("RollupError: ");
        if known {
            self.wait(Whose::Esbuild, Cause::new(Category::Compilation, said.trim_start_matches("[!] ")));
        }
        known
    }

    /// `✘ [ERROR] said`, and below it the place.
    fn esbuild(&mut self, said: &str) -> bool {
        let Some(said) = said.strip_prefix("✘ [ERROR] ").or_else(|| said.strip_prefix("✗ [ERROR] "))
        else {
            return false;
        };
        self.wait(Whose::Esbuild, Cause::new(Category::Compilation, said));
        true
    }

    fn wait(&mut self, whose: Whose, cause: Cause) {
        self.close();
        self.left = 4;
        self.open = Some((whose, cause));
    }

    fn close(&mut self) {
        if let Some((_, cause)) = self.open.take()
            && !cause.message.is_empty()
        {
            self.found.add(cause);
        }
    }

    pub(super) fn finish(mut self, gather: &mut Gather) {
        self.close();
        gather.extend(self.found.finish());
    }
}

/// `src/a.ts(1,18): error TS2614: said`, `src/a.ts:1:18 - error TS2614: said`,
/// `error TS18003: said`.
fn tsc(line: &str) -> Option<Cause> {
    let at = line.find("error TS").filter(|_| line.contains(": "))?;
    let (place, said) = line.split_at_checked(at)?;
    let said = said.strip_prefix("error ")?;
    let code = said.split(':').next()?;
    if !code.bytes().skip(2).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A project that cannot be read is a matter of configuration.
    let config = ["TS18003", "TS5023", "TS5083", "TS6053", "TS5107", "TS5101", "TS5102", "TS5095"];
    let kind = if config.contains(&code) { Category::Config } else { Category::Compilation };
    let cause = Cause::new(kind, said);
    let place = place.trim_end_matches([' ', '-', ':']);
    Some(match place.rsplit_once('(') {
        Some((file, place)) => cause.at(file, place.split(',').next().and_then(trace::number)),
        None => match trace::place(place) {
            Some((file, line)) => cause.at(file, Some(line)),
            None => cause,
        },
    })
}
