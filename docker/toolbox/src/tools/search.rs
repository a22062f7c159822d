//! Search with ripgrep's own libraries: no program, no flags, no config.

use std::fmt::Write as _;

use grep_regex::RegexMatcherBuilder;
use grep_searcher::sinks::UTF8;
use grep_searcher::{BinaryDetection, SearcherBuilder};
use serde::Deserialize;

use super::{Answer, files};
use crate::tree::{Refusal, Relative, Tree};

/// Lines that one search shows.
const MOST_LINES: usize = 200;
/// Characters of a line that are shown.
const LINE_CAP: usize = 300;
/// Memory that a compiled expression may take.
const REGEX_CAP: usize = 10 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchInput {
    pub(super) pattern: String,
    pub(super) path: Option<String>,
    pub(super) glob: Option<String>,
}

pub(crate) fn search(tree: &Tree, input: &SearchInput) -> Answer {
    let matcher = RegexMatcherBuilder::new()
        .size_limit(REGEX_CAP)
        .build(&input.pattern)
        .map_err(|error| Refusal::new(format!("the pattern is not a regular expression: {error}")))?;
    let glob = input.glob.as_deref().map(files::glob).transpose()?;
    let path = Relative::parse(input.path.as_deref().unwrap_or("."))?;
    let mut searcher = SearcherBuilder::new().binary_detection(BinaryDetection::quit(0)).build();
    let (mut shown, mut lines) = (String::new(), 0);
    for found in files::walk(tree, &path)? {
        if lines >= MOST_LINES || glob.as_ref().is_some_and(|glob| !glob.is_match(&found)) {
            continue;
        }
        let Ok(bytes) = Relative::parse(&found).and_then(|relative| tree.read(&relative)) else { continue };
        let sink = UTF8(|number, line| {
            lines += 1;
            let line: String = line.trim_end().chars().take(LINE_CAP).collect();
            // Writing to a String cannot fail.
            writeln!(shown, "{found}:{number}:{line}").ok();
            Ok(lines < MOST_LINES)
        });
        // A file that cannot be searched as text has no lines to show.
        searcher.search_slice(&matcher, &bytes, sink).ok();
    }
    if lines >= MOST_LINES {
        shown.push_str("[… more lines; narrow the search …]\n");
    }
    Ok(if shown.is_empty() { "(no matches)".to_owned() } else { shown })
}
