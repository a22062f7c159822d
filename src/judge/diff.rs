//! A unified diff taken apart: its files, and their lines with numbers.
//!
//! Hunks are read by the counts in their headings, because a line of a file
//! can look like a heading. A diff whose counts do not add up is refused: what
//! cannot be read exactly cannot be judged.

use std::iter::Peekable;
use std::str::Lines;

use crate::evidence::Side;

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDiff {
    pub(super) path: String,
    /// What git says besides the lines: added, deleted, renamed, a mode.
    pub(super) notes: Vec<String>,
    pub(super) lines: Vec<Line>,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) side: Side,
    /// In the changed file; in the old one for a removed line.
    pub(super) number: u32,
    /// 0, 1, 2 … within the file.
    pub(super) hunk: usize,
    pub(super) text: String,
}

impl FileDiff {
    /// How many lines of a side there are.
    pub(super) fn count(&self, side: Side) -> usize {
        self.lines.iter().filter(|line| line.side == side).count()
    }
}

/// Takes a diff in git's format apart.
///
/// # Errors
/// Why it cannot be read, without a word of the diff.
pub(super) fn parse(diff: &str) -> Result<Vec<FileDiff>, String> {
    let mut lines = diff.lines().peekable();
    let mut files = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            files.push(file(names, &mut lines)?);
        } else if !line.trim().is_empty() {
            return Err(format!("something stands outside of a file, after {} files", files.len()));
        }
    }
    Ok(files)
}

fn file(names: &str, lines: &mut Peekable<Lines<'_>>) -> Result<FileDiff, String> {
    let mut file = FileDiff { path: same_name(names).unwrap_or_default(), notes: vec![], lines: vec![] };
    while let Some(line) = lines.next_if(|line| !line.starts_with("diff --git ") && !line.starts_with("@@ "))
    {
        header(line, &mut file)?;
    }
    if file.path.is_empty() {
        return Err("a file has no name".to_owned());
    }
    let mut number = 0;
    while let Some(heading) = lines.next_if(|line| line.starts_with("@@ ")) {
        hunk(heading, number, lines, &mut file)
            .ok_or_else(|| format!("hunk {} of a file does not add up", number + 1))?;
        number += 1;
    }
    Ok(file)
}

/// One of the lines between `diff --git` and the first hunk.
fn header(line: &str, file: &mut FileDiff) -> Result<(), String> {
    if let Some(path) = line.strip_prefix("--- ").or_else(|| line.strip_prefix("+++ ")) {
        // The new name is the later one; a deleted file has only an old one.
        if path != "/dev/null" {
            file.path = unprefixed(path);
        }
    } else if line.starts_with("new file mode ") {
        file.notes.push(line.replace("new file mode ", "added, mode "));
    } else if line.starts_with("deleted file mode ") {
        file.notes.push("deleted".to_owned());
    } else if let Some(path) = line.strip_prefix("rename to ").or_else(|| line.strip_prefix("copy to ")) {
        file.path = unquoted(path);
    } else if line.starts_with("rename from ") || line.starts_with("copy from ") {
        file.notes.push(unquoted(line));
    } else if line.starts_with("old mode ") || line.starts_with("new mode ") {
        file.notes.push(line.to_owned());
    } else if line.starts_with("Binary files ") {
        file.notes.push("binary, its content is not shown".to_owned());
    } else if !["index ", "similarity index ", "dissimilarity index "]
        .iter()
        .any(|known| line.starts_with(known))
        && !line.is_empty()
    {
        return Err("a file has a heading of an unknown kind".to_owned());
    }
    Ok(())
}

fn hunk(heading: &str, hunk: usize, lines: &mut Peekable<Lines<'_>>, file: &mut FileDiff) -> Option<()> {
    let (ranges, _section) = heading.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let ((mut old_at, mut old_left), (mut new_at, mut new_left)) = (range(old)?, range(new)?);
    while old_left > 0 || new_left > 0 {
        let line = lines.next()?;
        let (side, number) = match line.chars().next() {
            Some('+') => (Side::Added, new_at),
            Some('-') => (Side::Removed, old_at),
            // An editor may have taken the blank of an empty line away.
            Some(' ') | None => (Side::Context, new_at),
            Some('\\') => continue,
            Some(_) => return None,
        };
        if side != Side::Added {
            (old_at, old_left) = (old_at.checked_add(1)?, old_left.checked_sub(1)?);
        }
        if side != Side::Removed {
            (new_at, new_left) = (new_at.checked_add(1)?, new_left.checked_sub(1)?);
        }
        let text = line.get(1..).unwrap_or_default().to_owned();
        file.lines.push(Line { side, number, hunk, text });
    }
    while lines.next_if(|line| line.starts_with('\\')).is_some() {}
    Some(())
}

/// `12,3` or `12`: where it starts, how many lines.
fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// `a/NAME b/NAME`, both the same: all that there is for a binary file.
fn same_name(names: &str) -> Option<String> {
    if names.starts_with('"') {
        let (before, after) = names.split_once("\" \"")?;
        let (before, after) = (unprefixed(&format!("{before}\"")), unprefixed(&format!("\"{after}")));
        return (before == after).then_some(after);
    }
    let half = names.get(..names.len().checked_sub(1)? / 2)?;
    let (before, after) = (unprefixed(half), unprefixed(names.get(half.len() + 1..)?));
    (before == after).then_some(after)
}

fn unprefixed(path: &str) -> String {
    let path = unquoted(path.split('\t').next().unwrap_or(path));
    path.strip_prefix("a/").or_else(|| path.strip_prefix("b/")).map(str::to_owned).unwrap_or(path)
}

/// git quotes a name with other than plain characters as C does.
fn unquoted(path: &str) -> String {
    let Some(quoted) = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) else {
        return path.to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(digit @ b'0'..=b'7') => {
                // Always three digits: a fourth one is a character of the name.
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let next = rest.next_if(|byte| (b'0'..=b'7').contains(byte));
                    value = value * 8 + next.map_or(0, |digit| u32::from(digit - b'0'));
                }
                bytes.extend(u8::try_from(value));
            }
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(side: Side, number: u32, hunk: usize, text: &str) -> Line {
        Line { side, number, hunk, text: text.into() }
    }

    #[test]
    fn lines_have_their_sides_and_numbers_and_a_line_that_looks_like_a_heading_is_a_line() {
        let diff = "diff --git a/a.sql b/a.sql\nindex 1..2 100644\n--- a/a.sql\n+++ b/a.sql\n\
                    @@ -1,3 +1,3 @@\n select\n--- b/evil\n+++ b/evil\n\n@@ -10 +10 @@ fn\n-x\n\\ No newline\n+y\n";
        let files = parse(diff).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(
            files[0].lines,
            [
                line(Side::Context, 1, 0, "select"),
                line(Side::Removed, 2, 0, "-- b/evil"),
                line(Side::Added, 2, 0, "++ b/evil"),
                line(Side::Context, 3, 0, ""),
                line(Side::Removed, 10, 1, "x"),
                line(Side::Added, 10, 1, "y"),
            ]
        );
        assert_eq!(files[0].count(Side::Added), 2);
    }

    #[test]
    fn files_without_lines_have_names_and_notes() {
        for (diff, path, note) in [
            (
                "diff --git a/x y.png b/x y.png\nindex 1..2\nBinary files a/x y.png and b/x y.png differ\n",
                "x y.png",
                "binary",
            ),
            ("diff --git a/run b/run\nold mode 100644\nnew mode 100755\n", "run", "old mode 100644"),
            ("diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n", "b", "rename from a"),
            (
                "diff --git \"a/\\303\\2447\\t\" \"b/\\303\\2447\\t\"\nnew file mode 100644\nindex 0..1\n",
                "ä7\t",
                "added",
            ),
            (
                "diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
                "d",
                "deleted",
            ),
        ] {
            let files = parse(diff).unwrap();
            assert_eq!(files[0].path, path);
            assert!(files[0].notes[0].starts_with(note), "{:?}", files[0].notes);
        }
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let heading = "diff --git a/a b/a\n--- a/a\n+++ b/a\n";
        for rest in
            ["@@ -1,2 +1,2 @@\n x\n", "@@ -1 +1 @@\n-x\n+y\n+z\n", "@@ nonsense @@\n", "@@ -1 +1 @@\n?x\n"]
        {
            assert!(parse(&format!("{heading}{rest}")).is_err(), "{rest}");
        }
        assert!(parse("+++ b/a\n").is_err());
        assert!(parse(&format!("{heading}@@ -1 +1 @@\n-x\n+y\n\n[diff cut here]\n")).is_err());
        assert_eq!(parse("\n"), Ok(vec![]));
    }
}
