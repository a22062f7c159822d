//! The validating reader: what a container hands out becomes edits, or a
//! refusal.
//!
//! Nothing of it is believed. Paths that git would accept but that mean
//! something else to a file system, a reviewer or a CI system are refused
//! here, before a tree is built.

use std::collections::{BTreeMap, HashSet};

use globset::{Glob, GlobSet, GlobSetBuilder};
use toolbox::api::Exported;

use crate::failure::Failure;
use crate::outcome::Outcome;

/// Paths that one change may touch.
const MOST_FILES: usize = 500;
/// Bytes of one file; a large lockfile fits.
const FILE_CAP: u64 = 16 * 1024 * 1024;
const DEPTH_CAP: usize = 64;
const PATH_CAP: usize = 1024;

/// What runs with secrets or decides who reviews: never touched by a bump.
const PROTECTED: [&str; 12] = [
    ".github/",
    ".gitlab-ci.yml",
    ".circleci/",
    ".husky/",
    "azure-pipelines.yml",
    "jenkinsfile",
    ".travis.yml",
    ".npmrc",
    ".gitattributes",
    ".gitmodules",
    "codeowners",
    "docs/codeowners",
];

/// What to do at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    Write(Vec<u8>),
    Delete,
}

/// Edits by path.
pub(super) type Edits = BTreeMap<String, Edit>;

/// Reads an export to its end, checking every record.
pub(super) fn read(export: &[u8], may_touch: &[String]) -> Result<Edits, Failure> {
    let allowed = globs(may_touch)?;
    let mut edits = Edits::new();
    let mut folded = HashSet::new();
    let mut rest = export;
    loop {
        let (record, after) = next_record(rest)?;
        if record.path.is_empty() {
            return if after.is_empty() { Ok(edits) } else { Err(malformed("goes on after its end")) };
        }
        check_path(&record.path).map_err(|why| refused(&record.path, why))?;
        check_policy(&record.path, &allowed)?;
        if !folded.insert(record.path.to_lowercase()) {
            return Err(refused(&record.path, "differs from another path only by its case"));
        }
        let (edit, after) = content(&record, after)?;
        edits.insert(record.path, edit);
        if edits.len() > MOST_FILES {
            return Err(Failure::user(
                Outcome::EditFailed,
                format!("take a change of more than {MOST_FILES} files"),
            ));
        }
        rest = after;
    }
}

fn next_record(bytes: &[u8]) -> Result<(Exported, &[u8]), Failure> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed("ends in the middle"))?;
    let (line, rest) = bytes.split_at_checked(end).ok_or_else(|| malformed("ends in the middle"))?;
    let record =
        serde_json::from_slice(line).map_err(|error| malformed("has a bad record").because(error))?;
    Ok((record, rest.get(1..).unwrap_or_default()))
}

fn content<'a>(record: &Exported, rest: &'a [u8]) -> Result<(Edit, &'a [u8]), Failure> {
    match record.mode {
        None if record.size == 0 => Ok((Edit::Delete, rest)),
        Some(0o100_644 | 0o100_755) if record.size <= FILE_CAP => {
            let size =
                usize::try_from(record.size).map_err(|error| malformed("is too large").because(error))?;
            let (bytes, rest) = rest.split_at_checked(size).ok_or_else(|| malformed("ends in the middle"))?;
            Ok((Edit::Write(bytes.to_vec()), rest))
        }
        Some(0o100_644 | 0o100_755) => Err(refused(&record.path, "is too large")),
        _ => Err(refused(&record.path, "is not a regular file")),
    }
}

/// Rules that hold for every path, whatever a change type allows.
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > PATH_CAP || path.split('/').count() > DEPTH_CAP {
        return Err("is too long");
    }
    if path.chars().any(is_deceptive) {
        return Err("has characters that are not shown as they are");
    }
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err("has empty, . or .. parts");
        }
        if part.ends_with(['.', ' ']) || part.contains([':', '\\']) {
            return Err("means another file to some file systems");
        }
        if is_git(part) {
            return Err("is git's own");
        }
    }
    Ok(())
}

/// Control characters, and those that change what a reviewer sees: joiners,
/// marks of direction, and the blanks that have no width.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `.git` in any case, and the short name that NTFS gives it.
fn is_git(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    part == ".git" || part.starts_with("git~")
}

fn check_policy(path: &str, allowed: &GlobSet) -> Result<(), Failure> {
    let lower = path.to_lowercase();
    let protected = PROTECTED.iter().any(|rule| match rule.strip_suffix('/') {
        Some(dir) => lower.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/')),
        None => lower == *rule || lower.rsplit('/').next() == Some(*rule),
    });
    if protected {
        return Err(Failure::user(
            Outcome::IntegrityFailed,
            format!("take a change of {path:?}, which is protected"),
        ));
    }
    if !allowed.is_match(path) {
        return Err(Failure::user(
            Outcome::EditFailed,
            format!("take a change of {path:?}, which this change type may not touch"),
        ));
    }
    Ok(())
}

fn globs(patterns: &[String]) -> Result<GlobSet, Failure> {
    let bad = |error: globset::Error| Failure::bug("understand the paths of the change type").because(error);
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(bad)?);
    }
    set.build().map_err(bad)
}

fn refused(path: &str, why: &str) -> Failure {
    let shown: String = path.escape_debug().take(200).collect();
    Failure::user(Outcome::EditFailed, format!("take the change: the path \"{shown}\" {why}"))
}

fn malformed(what: &str) -> Failure {
    Failure::transient(Outcome::InternalError, format!("read the change: the container's export {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(records: &[(&str, Option<u32>, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let end: (&str, Option<u32>, &[u8]) = ("", None, b"");
        for (path, mode, content) in records.iter().chain([&end]) {
            let record = Exported { path: (*path).into(), mode: *mode, size: content.len() as u64 };
            bytes.extend(serde_json::to_vec(&record).unwrap());
            bytes.push(b'\n');
            bytes.extend_from_slice(content);
        }
        bytes
    }

    fn outcome(path: &str) -> Option<Outcome> {
        read(&export(&[(path, Some(0o100_644), b"x")]), &["**".into()]).err().map(|failure| failure.outcome())
    }

    #[test]
    fn plain_changes_are_taken() {
        let bytes = export(&[
            ("a.js", Some(0o100_644), b"one\ntwo"),
            ("b/c.bin", None, b""),
            ("é.txt", Some(0o100_755), b""),
        ]);
        let edits = read(&bytes, &["**".into()]).unwrap();
        assert_eq!(edits["a.js"], Edit::Write(b"one\ntwo".to_vec()));
        assert_eq!(edits["b/c.bin"], Edit::Delete);
        assert_eq!(edits.len(), 3);
    }

    #[test]
    fn a_path_that_means_something_else_is_refused() {
        for bad in [
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            ".git/config",
            "a/.GIT/hooks/x",
            "git~1/x",
            ".git ",
            ".git.",
            "a\nb",
            "a\u{202e}b",
            ".g\u{200c}it/config",
            "a:b",
            "a\\b",
            "..\\x",
            "b\u{1b}[31m",
        ] {
            assert_eq!(outcome(bad), Some(Outcome::EditFailed), "{bad:?}");
        }
    }

    #[test]
    fn what_runs_elsewhere_with_rights_is_protected() {
        for bad in [
            ".github/workflows/ci.yml",
            ".GitHub/agent.yml",
            "CODEOWNERS",
            "packages/a/.npmrc",
            ".husky/pre-commit",
        ] {
            assert_eq!(outcome(bad), Some(Outcome::IntegrityFailed), "{bad:?}");
        }
        assert_eq!(outcome("src/.githubx"), None);
    }

    #[test]
    fn links_and_collisions_are_refused() {
        for records in [
            vec![("l", Some(0o120_000), &b"x"[..])],
            vec![("m", Some(0o160_000), &b""[..])],
            vec![("A", Some(0o100_644), &b"x"[..]), ("a", Some(0o100_644), &b"x"[..])],
        ] {
            assert!(read(&export(&records), &["**".into()]).is_err());
        }
    }

    #[test]
    fn a_change_type_keeps_to_its_paths() {
        let bytes = export(&[("src/a.js", Some(0o100_644), b"x")]);
        assert!(read(&bytes, &["src/**".into()]).is_ok());
        assert!(read(&bytes, &["docs/**".into()]).is_err());
    }

    #[test]
    fn an_export_that_was_cut_is_not_taken_for_a_whole_one() {
        let whole = export(&[("a", Some(0o100_644), b"12345")]);
        for end in 0..whole.len() {
            assert!(read(&whole[..end], &["**".into()]).is_err(), "{end}");
        }
        let mut longer = whole.clone();
        longer.push(b'x');
        assert!(read(&longer, &["**".into()]).is_err());
    }
}
