//! Reading, listing and editing files.

use std::fmt::Write as _;

use globset::Glob;
use ignore::WalkBuilder;
use serde::Deserialize;

use super::Answer;
use crate::tree::{Refusal, Relative, Tree};

/// Paths that one listing shows.
const MOST_PATHS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadInput {
    path: String,
    start_line: Option<usize>,
    end_line: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListInput {
    path: Option<String>,
    pattern: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditInput {
    path: String,
    old_string: String,
    new_string: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteInput {
    path: String,
    content: String,
}

pub(crate) fn read(tree: &Tree, input: &ReadInput) -> Answer {
    let text = tree.read_text(&Relative::parse(&input.path)?)?;
    let first = input.start_line.unwrap_or(1).max(1);
    let last = input.end_line.unwrap_or(usize::MAX);
    let mut shown = String::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if (first..=last).contains(&number) {
            // Writing to a String cannot fail.
            writeln!(shown, "{number:>5}\t{line}").ok();
        }
    }
    Ok(if shown.is_empty() { "(no such lines)".to_owned() } else { shown })
}

pub(crate) fn list(tree: &Tree, input: ListInput) -> Answer {
    let path = Relative::parse(input.path.as_deref().unwrap_or("."))?;
    let matcher = input.pattern.as_deref().map(glob).transpose()?;
    let mut paths: Vec<String> = walk(tree, &path)?
        .filter(|found| matcher.as_ref().is_none_or(|matcher| matcher.is_match(found)))
        .take(MOST_PATHS + 1)
        .collect();
    paths.sort();
    let more = paths.len() > MOST_PATHS;
    paths.truncate(MOST_PATHS);
    if more {
        paths.push(format!("[… more than {MOST_PATHS} files; name a directory or a pattern …]"));
    }
    Ok(if paths.is_empty() { "(no files)".to_owned() } else { paths.join("\n") })
}

/// A pattern without a slash matches the name anywhere.
pub(super) fn glob(pattern: &str) -> Result<globset::GlobMatcher, Refusal> {
    let anywhere = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    Glob::new(&anywhere)
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Refusal::new(format!("the pattern is not a glob: {error}")))
}

/// Regular files below `path`, without ignored ones and without git's own.
pub(super) fn walk(tree: &Tree, path: &Relative) -> Result<impl Iterator<Item = String>, Refusal> {
    let start = tree.start(path)?;
    let root = tree.path().to_owned();
    let walk = WalkBuilder::new(start)
        .hidden(false)
        .follow_links(false)
        .parents(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != "node_modules")
        .sort_by_file_name(Ord::cmp)
        .build();
    Ok(walk
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .filter_map(move |entry| Some(entry.path().strip_prefix(&root).ok()?.to_str()?.to_owned())))
}

pub(crate) fn edit(tree: &Tree, input: EditInput) -> Answer {
    let path = Relative::parse(&input.path)?.writable()?;
    let text = tree.read_text(&path)?;
    if input.old_string.is_empty() {
        return Err(Refusal::new("old_string is empty; write_file makes a new file"));
    }
    match text.matches(&input.old_string).count() {
        1 => {
            tree.write(&path, text.replacen(&input.old_string, &input.new_string, 1).as_bytes())?;
            Ok(format!("edited {}", path.as_str()))
        }
        0 => Err(Refusal::new(format!("old_string does not occur in {}", path.as_str()))),
        many => Err(Refusal::new(format!(
            "old_string occurs {many} times in {}; add lines around it",
            path.as_str()
        ))),
    }
}

pub(crate) fn write(tree: &Tree, input: WriteInput) -> Answer {
    let path = Relative::parse(&input.path)?.writable()?;
    tree.write(&path, input.content.as_bytes())?;
    Ok(format!("wrote {} bytes to {}", input.content.len(), path.as_str()))
}
