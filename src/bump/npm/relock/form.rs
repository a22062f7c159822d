//! The form of a file: line ends, indentation, and how it ends.
//!
//! A package manager writes its own form; a person who reviews the change is
//! to see what changed, and not a new form.

/// `written` in the form of `before`.
pub(super) fn keep(before: &str, written: &str, json: bool) -> String {
    let mut text = written.replace("\r\n", "\n");
    if json
        && let (Some(old), Some(new)) = (indent(before), indent(&text))
        && old != new
    {
        text = reindent(&text, new, old);
    }
    let ends = before.len() - before.trim_end_matches(['\r', '\n']).len();
    let newlines = before.get(before.len() - ends..).unwrap_or_default().matches('\n').count();
    let mut text = format!("{}{}", text.trim_end_matches('\n'), "\n".repeat(newlines));
    if before.contains("\r\n") {
        text = text.replace('\n', "\r\n");
    }
    text
}

/// The white space before the first indented line.
fn indent(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let rest = line.trim_start_matches([' ', '\t']);
        let width = line.len() - rest.len();
        (width > 0 && !rest.is_empty()).then(|| line.get(..width)).flatten()
    })
}

fn reindent(text: &str, old: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(after) = rest.strip_prefix(old) {
            out.push_str(new);
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_is_kept() {
        let written = "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n";
        for (before, expected) in [
            ("{\n  \"x\": 1\n}\n", written.to_owned()),
            ("{\n  \"x\": 1\n}", written.trim_end().to_owned()),
            ("{\r\n\t\"x\": 1\r\n}\r\n", "{\r\n\t\"a\": {\r\n\t\t\"b\": 1\r\n\t}\r\n}\r\n".to_owned()),
            ("{\n    \"x\": 1\n}\n\n", "{\n    \"a\": {\n        \"b\": 1\n    }\n}\n\n".to_owned()),
            ("", written.trim_end().to_owned()),
        ] {
            assert_eq!(keep(before, written, true), expected, "{before:?}");
        }
        assert_eq!(keep("a:\n    b\n", "a:\n  b\n", false), "a:\n  b\n");
    }
}
