//! Two lines of source below a cause that has a place. Only plain paths
//! inside the tree are read; a name of a class is looked for where Maven
//! keeps sources.

use super::{Cause, Summary, render, with_details};
use crate::exec::Exec;
use crate::failure::Failure;
use crate::text;

/// Causes that get their source, bytes of a file, and bytes of a line.
const QUOTED: usize = 6;
const FILE: usize = 1024 * 1024;
const LINE: usize = 160;
const ROOTS: [&str; 3] = ["", "src/test/java/", "src/main/java/"];

/// The summary with two lines of source below each of its first causes.
///
/// # Errors
/// The container fails. A file that is not there is left out.
pub async fn quote(exec: &dyn Exec, mut summary: Summary) -> Result<Summary, Failure> {
    let mut sources: Vec<(Cause, Vec<String>)> = Vec::new();
    for cause in summary.causes.iter().take(QUOTED) {
        if let Some(lines) = source(exec, cause).await? {
            sources.push((cause.clone(), lines));
        }
    }
    if sources.is_empty() {
        return Ok(summary);
    }
    // What stands around the causes stays: where the build ended.
    let plain = render(&summary.causes);
    let around: Vec<String> = summary.lines.iter().filter(|line| !plain.contains(line)).cloned().collect();
    summary.lines = with_details(&summary.causes, |cause| {
        let mut lines = cause.shown();
        let quoted = sources.iter().find(|(known, _)| known == cause);
        lines.extend(quoted.into_iter().flat_map(|(_, source)| source.iter().cloned()));
        lines
    });
    summary.lines.extend(around);
    Ok(summary)
}

async fn source(exec: &dyn Exec, cause: &Cause) -> Result<Option<Vec<String>>, Failure> {
    let (Some(file), Some(line)) = (&cause.file, cause.line) else { return Ok(None) };
    if !is_plain(file) {
        return Ok(None);
    }
    for root in ROOTS {
        let Some(bytes) = exec.read(&format!("{root}{file}"), FILE).await? else { continue };
        let said = String::from_utf8_lossy(&bytes);
        let first = usize::try_from(line).unwrap_or_default().max(1);
        let lines: Vec<String> = said
            .lines()
            .enumerate()
            .skip(first - 1)
            .take(2)
            .map(|(at, line)| format!("    {} | {}", at + 1, text::head(text::plain(line).trim_end(), LINE)))
            .collect();
        return Ok((!lines.is_empty()).then_some(lines));
    }
    Ok(None)
}

/// A path inside the tree, of ordinary parts.
fn is_plain(file: &str) -> bool {
    !file.is_empty()
        && !file.starts_with('/')
        && !file.contains(['\\', '\0', ':'])
        && file.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part != ".git")
}
