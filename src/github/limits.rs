//! How much GitHub takes, and what becomes of more: it is cut, and says so.

use serde_json::{Value, json};

/// Characters of a comment, a body, a check run's summary or text. Counted
/// as UTF-16 does, which is never less than any other count of GitHub's.
const BODY: usize = 65_535;
/// Characters of a title.
const TITLE: usize = 255;
/// Characters of an annotation's message; GitHub counts 64 KiB.
const MESSAGE: usize = 16_000;
/// Annotations of one call.
pub(super) const ANNOTATIONS: usize = 50;
/// Buttons of a check run.
const ACTIONS: usize = 3;

const CUT: &str = "\n\n*The rest was too long for GitHub and is left out.*";

/// How grave an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Notice,
    Warning,
    Failure,
}

/// A remark on lines of a file, in a check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// From the repository's root.
    pub path: String,
    /// From 1.
    pub start_line: u64,
    /// Not before the first one.
    pub end_line: u64,
    pub level: Level,
    pub title: String,
    pub message: String,
}

/// A button of a check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAction {
    /// On the button; 20 characters.
    pub label: String,
    /// 40 characters.
    pub description: String,
    /// What comes back when it is pressed; 20 characters.
    pub identifier: String,
}

/// The first `most` characters.
fn first(text: &str, most: usize) -> &str {
    let mut room = most;
    for (at, character) in text.char_indices() {
        match room.checked_sub(character.len_utf16()) {
            Some(left) => room = left,
            None => return text.get(..at).unwrap_or_default(),
        }
    }
    text
}

/// A body that fits: its start, with a code block closed that the cut left
/// open, and the notice.
pub(super) fn body(text: &str) -> String {
    let whole = first(text, BODY);
    if whole.len() == text.len() {
        return text.to_owned();
    }
    let close = ["\n````", "\n```", "\n</details>"];
    let spare = CUT.len() + close.iter().map(|end| end.len()).sum::<usize>();
    let mut kept = first(text, BODY - spare).to_owned();
    for fence in ["````", "```"] {
        let marks = kept.lines().filter(|line| line.trim_start_matches([' ', '>']).starts_with(fence));
        // A longer fence counts once, as itself.
        let marks = marks.filter(|line| fence == "````" || !line.contains("````")).count();
        if marks % 2 == 1 {
            kept = format!("{kept}\n{fence}");
        }
    }
    if kept.matches("<details").count() > kept.matches("</details>").count() {
        kept.push_str("\n</details>");
    }
    format!("{kept}{CUT}")
}

/// A title that fits.
pub(super) fn title(text: &str) -> String {
    ending(text, TITLE)
}

fn ending(text: &str, most: usize) -> String {
    if first(text, most).len() == text.len() {
        return text.to_owned();
    }
    format!("{}…", first(text, most - 1).trim_end())
}

/// An annotation as GitHub takes it.
pub(super) fn annotation(annotation: &Annotation) -> Value {
    let level = match annotation.level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Failure => "failure",
    };
    let start = annotation.start_line.max(1);
    // An empty message is refused.
    let message = if annotation.message.trim().is_empty() { &annotation.title } else { &annotation.message };
    json!({
        "path": annotation.path,
        "start_line": start,
        "end_line": annotation.end_line.max(start),
        "annotation_level": level,
        "title": title(&annotation.title),
        "message": ending(message, MESSAGE),
    })
}

/// Buttons as GitHub takes them.
pub(super) fn actions(actions: &[CheckAction]) -> Vec<Value> {
    let one = |action: &CheckAction| {
        json!({
            "label": ending(&action.label, 20),
            "description": ending(&action.description, 40),
            "identifier": first(&action.identifier, 20),
        })
    };
    actions.iter().take(ACTIONS).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn a_body_is_cut_at_githubs_limit_and_says_so() {
        let fits = "x".repeat(BODY);
        assert_eq!(body(&fits), fits);
        for text in
            ["x".repeat(BODY + 1), "😀".repeat(BODY), format!("<!-- key -->\n```\n{}", "é".repeat(BODY))]
        {
            let cut = body(&text);
            assert!(long(&cut) <= BODY, "{}", long(&cut));
            assert!(cut.ends_with(CUT));
        }
    }

    #[test]
    fn a_cut_leaves_no_code_block_and_no_fold_open() {
        let open = format!(
            "<details><summary>s</summary>\n\n````\n```\n{}\n```\n````\n</details>",
            "x\n".repeat(BODY)
        );
        let cut = body(&open);
        assert!(cut.contains("\n```\n````") || cut.contains("\n````\n```"), "both fences are closed");
        assert!(cut.ends_with(&format!("\n</details>{CUT}")));
        assert!(cut.starts_with("<details>"));
    }

    #[test]
    fn titles_and_buttons_fit() {
        assert_eq!(title("short"), "short");
        assert_eq!(long(&title(&"é".repeat(300))), TITLE);
        let button =
            CheckAction { label: "l".repeat(30), description: "d".repeat(50), identifier: "i".repeat(30) };
        let made = actions(&vec![button; 5]);
        assert_eq!(made.len(), 3);
        let length = |key: &str| made.first().and_then(|one| one.get(key)?.as_str()).map(long);
        assert_eq!(
            (length("label"), length("description"), length("identifier")),
            (Some(20), Some(40), Some(20))
        );
    }

    #[test]
    fn an_annotation_is_on_lines_that_are_there_and_says_something() {
        let made = annotation(&Annotation {
            path: "a.js".to_owned(),
            start_line: 0,
            end_line: 0,
            level: Level::Failure,
            title: "Deleted test".to_owned(),
            message: String::new(),
        });
        assert_eq!(made["start_line"], 1);
        assert_eq!(made["end_line"], 1);
        assert_eq!(made["message"], "Deleted test");
        assert_eq!(made["annotation_level"], "failure");
    }
}
