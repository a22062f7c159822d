//! The few read-only commands, without running a program.
//!
//! 43 of 56 attacks on a naive allow-list of real programs ran code or read
//! what they should not. Here a command is a name and a table of exact flags,
//! and this program does the work itself: there is no `-exec`, no `--pre`,
//! no `-f`, no abbreviation and no standard input to find.

use serde::Deserialize;

use super::search::{SearchInput, search};
use super::{Answer, files};
use crate::tree::{Refusal, Relative, Tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunInput {
    command: String,
    args: Vec<String>,
}

pub(crate) fn run(tree: &Tree, input: RunInput) -> Answer {
    let RunInput { command, args } = input;
    match command.as_str() {
        "cat" => cat(tree, &Args::parse(&args, &[], &[])?),
        "head" => ends(tree, &Args::parse(&args, &[], &["-n"])?, End::Head),
        "tail" => ends(tree, &Args::parse(&args, &[], &["-n"])?, End::Tail),
        "wc" => count(tree, &Args::parse(&args, &["-l"], &[])?),
        "ls" => list(tree, &Args::parse(&args, &["-1", "-a"], &[])?),
        "find" => find(tree, &Args::parse(&args, &[], &["-name", "-type"])?),
        "rg" => grep(tree, &Args::parse(&args, &["-n"], &["-g"])?),
        _ => Err(Refusal::new(format!("there is no command {command:?}"))),
    }
}

/// Arguments after the table of flags was applied.
#[derive(Debug)]
struct Args<'a> {
    /// Flags with the value after them.
    values: Vec<(&'a str, &'a str)>,
    rest: Vec<&'a str>,
}

impl<'a> Args<'a> {
    /// Only exact flags pass: no bundles, no `=`, no abbreviation. `--` ends
    /// them.
    fn parse(args: &'a [String], plain: &[&str], valued: &[&str]) -> Result<Self, Refusal> {
        let (mut values, mut rest) = (Vec::new(), Vec::new());
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            if arg == "--" {
                rest.extend(args.by_ref());
            } else if valued.contains(&arg) {
                let value = args.next().ok_or_else(|| Refusal::new(format!("{arg} needs a value")))?;
                values.push((arg, value));
            } else if arg.starts_with('-') {
                if !plain.contains(&arg) {
                    return Err(Refusal::new(format!("the flag {arg:?} is not allowed")));
                }
            } else {
                rest.push(arg);
            }
        }
        Ok(Self { values, rest })
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        self.values.iter().find(|(name, _)| *name == flag).map(|(_, value)| *value)
    }

    fn paths(&self) -> Result<Vec<Relative>, Refusal> {
        if self.rest.is_empty() {
            return Err(Refusal::new("name a file"));
        }
        self.rest.iter().map(|path| Relative::parse(path)).collect()
    }
}

fn cat(tree: &Tree, args: &Args<'_>) -> Answer {
    args.paths()?.iter().map(|path| tree.read_text(path)).collect()
}

enum End {
    Head,
    Tail,
}

fn ends(tree: &Tree, args: &Args<'_>, end: End) -> Answer {
    let count = match args.value("-n") {
        Some(text) => text.parse().map_err(|_not_a_number| Refusal::new("-n needs a number"))?,
        None => 10_usize,
    };
    let mut shown = String::new();
    for path in args.paths()? {
        let text = tree.read_text(&path)?;
        let lines: Vec<&str> = text.lines().collect();
        let lines: Vec<&str> = match end {
            End::Head => lines.into_iter().take(count).collect(),
            End::Tail => lines.iter().skip(lines.len().saturating_sub(count)).copied().collect(),
        };
        shown.push_str(&lines.join("\n"));
        shown.push('\n');
    }
    Ok(shown)
}

fn count(tree: &Tree, args: &Args<'_>) -> Answer {
    let mut lines = Vec::new();
    for path in args.paths()? {
        lines.push(format!("{} {}", tree.read_text(&path)?.lines().count(), path.as_str()));
    }
    Ok(lines.join("\n"))
}

fn list(tree: &Tree, args: &Args<'_>) -> Answer {
    let path = Relative::parse(args.rest.first().copied().unwrap_or("."))?;
    let entries = std::fs::read_dir(tree.start(&path)?)
        .map_err(|error| Refusal::new(format!("could not list {:?}: {error}", path.as_str())))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| {
            let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            format!("{}{}", entry.file_name().to_string_lossy(), if directory { "/" } else { "" })
        })
        .collect();
    names.sort();
    Ok(names.join("\n"))
}

fn find(tree: &Tree, args: &Args<'_>) -> Answer {
    let kind = args.value("-type").unwrap_or("f");
    if kind != "f" {
        return Err(Refusal::new("only -type f is allowed"));
    }
    let path = Relative::parse(args.rest.first().copied().unwrap_or("."))?;
    let name = args.value("-name").map(files::glob).transpose()?;
    let found: Vec<String> = files::walk(tree, &path)?
        .filter(|path| name.as_ref().is_none_or(|name| name.is_match(path)))
        .take(1000)
        .collect();
    Ok(found.join("\n"))
}

fn grep(tree: &Tree, args: &Args<'_>) -> Answer {
    let mut rest = args.rest.iter();
    let pattern = rest.next().ok_or_else(|| Refusal::new("rg needs a pattern"))?;
    let input = SearchInput {
        pattern: (*pattern).to_owned(),
        path: rest.next().map(|path| (*path).to_owned()),
        glob: args.value("-g").map(str::to_owned),
    };
    search(tree, &input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: &str, args: &[&str]) -> bool {
        let dir = std::env::temp_dir();
        let tree = Tree::open(&dir).unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        run(&tree, RunInput { command: command.to_owned(), args }).is_err()
    }

    #[test]
    fn every_known_way_out_is_refused() {
        let attacks: &[(&str, &[&str])] = &[
            ("rg", &["--pre", "sh", "x"]),
            ("rg", &["--pre=sh", "x"]),
            ("rg", &["-z", "x"]),
            ("rg", &["--search-zip", "x"]),
            ("rg", &["--hostname-bin", "sh", "x"]),
            ("rg", &["-f", "/etc/passwd"]),
            ("rg", &["--ignore-file", "/etc/passwd", "x"]),
            ("rg", &["x", "/proc/self"]),
            ("rg", &["-L", "x"]),
            ("rg", &["--follow", "x"]),
            ("cat", &["/proc/self/environ"]),
            ("cat", &["-"]),
            ("cat", &["../etc/passwd"]),
            ("head", &["-c", "999G", "/dev/zero"]),
            ("head", &["/proc/1/cmdline"]),
            ("tail", &["-f", "x"]),
            ("tail", &["-F", "x"]),
            ("tail", &["--follow=name", "--retry", "x"]),
            ("tail", &["--foll", "x"]),
            ("tail", &["-5f", "x"]),
            ("tail", &["-c", "+1", "/dev/zero"]),
            ("find", &[".", "-exec", "sh", ";"]),
            ("find", &[".", "-execdir", "sh", ";"]),
            ("find", &[".", "-ok", "sh", ";"]),
            ("find", &[".", "-okdir", "sh", ";"]),
            ("find", &[".", "-delete"]),
            ("find", &[".", "-fprint", "x"]),
            ("find", &[".", "-fprint0", "x"]),
            ("find", &[".", "-fls", "x"]),
            ("find", &[".", "-fprintf", "x", "y"]),
            ("find", &["-files0-from", "/etc/passwd"]),
            ("find", &["-L", "/"]),
            ("find", &["/"]),
            ("ls", &["/proc/1/fd"]),
            ("ls", &["/proc/1/cwd/"]),
            ("ls", &["-R"]),
            ("ls", &["--hyperlink"]),
            ("wc", &["--files0-from=/etc/passwd"]),
            ("wc", &["/dev/zero"]),
            ("sh", &["-c", "true"]),
            ("git", &["-c", "alias.x=!sh", "x"]),
        ];
        for (command, args) in attacks {
            assert!(refused(command, args), "{command} {args:?}");
        }
    }
}
