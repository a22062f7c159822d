//! A labelled case: one text file with a header and the files that it is
//! about.
//!
//! The header is YAML. After it, a line `-- name --` begins each file, which
//! goes on to the next such line or to the end. A file that is meant to hold
//! such a line cannot be a case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// The end of a case's file name.
const SUFFIX: &str = "txtar";

/// One case with a header of type `H`.
#[derive(Debug, Clone)]
pub struct Case<H> {
    /// The path below the set's directory, without its ending.
    pub name: String,
    pub header: H,
    /// The texts by their names.
    pub files: BTreeMap<String, String>,
}

impl<H> Case<H> {
    /// The directory that the case lies in: what kind of case it is.
    #[must_use]
    pub fn family(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(family, _)| family)
    }
}

/// Reads all cases below a directory, sorted by name.
///
/// # Errors
/// The directory or a file cannot be read, or a header is not what is
/// expected; or there is no case at all.
pub fn read_all<H: DeserializeOwned>(dir: &Path) -> anyhow::Result<Vec<Case<H>>> {
    let mut paths = Vec::new();
    collect(dir, &mut paths)?;
    paths.sort();
    anyhow::ensure!(!paths.is_empty(), "could not find a .{SUFFIX} file below {}", dir.display());
    paths.iter().map(|path| read(dir, path)).collect()
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("could not list {}", dir.display());
    for entry in std::fs::read_dir(dir).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|end| end == SUFFIX) {
            paths.push(path);
        }
    }
    Ok(())
}

fn read<H: DeserializeOwned>(dir: &Path, path: &Path) -> anyhow::Result<Case<H>> {
    let failed = || format!("could not read the case {}", path.display());
    let text = std::fs::read_to_string(path).with_context(failed)?;
    let name = path.strip_prefix(dir).unwrap_or(path).with_extension("");
    parse(&name.to_string_lossy(), &text).with_context(failed)
}

/// Takes one case apart.
///
/// # Errors
/// The header is not what is expected.
pub fn parse<H: DeserializeOwned>(name: &str, text: &str) -> anyhow::Result<Case<H>> {
    let mut header = String::new();
    let mut files = BTreeMap::new();
    let mut current: Option<(String, String)> = None;
    for line in text.split_inclusive('\n') {
        if let Some(file) = marker(line) {
            files.extend(current.replace((file.to_owned(), String::new())));
        } else {
            current.as_mut().map_or(&mut header, |(_, body)| body).push_str(line);
        }
    }
    files.extend(current);
    let header = serde_yaml_ng::from_str(&header)?;
    Ok(Case { name: name.to_owned(), header, files })
}

fn marker(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("-- ")?.strip_suffix(" --")?;
    (!name.trim().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_header_and_its_files() {
        let case: Case<BTreeMap<String, String>> =
            parse("skip/jest", "what: a test\n-- before/a.js --\nit();\n\n-- after/a.js --\n").unwrap();
        assert_eq!((case.family(), case.header["what"].as_str()), ("skip", "a test"));
        assert_eq!(case.files["before/a.js"], "it();\n\n");
        assert_eq!(case.files["after/a.js"], "");
        assert!(parse::<BTreeMap<String, String>>("x", "- a list\n").is_err());
    }
}
