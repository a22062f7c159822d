//! Places in stack traces: which frame is the repository's own.

use super::mask;

/// `path:line` or `path:line:column`, wherever the text ends after it.
pub(super) fn place(text: &str) -> Option<(&str, u32)> {
    let text = text.trim().trim_end_matches([')', ':', ',', '\'', '"']);
    let (rest, last) = text.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    let (file, line) = match rest.rsplit_once(':') {
        Some((file, line)) if !file.is_empty() => match line.parse() {
            Ok(line) => (file, line),
            Err(_) => (rest, last),
        },
        _ => (rest, last),
    };
    (!file.is_empty() && !file.contains(['(', ' ', '<'])).then_some((file, line))
}

/// The place in a frame of a JavaScript trace that is the repository's own:
/// `at name (path:line:column)`, `at path:line:column`, `❯ path:line:column`.
pub(super) fn script_frame(line: &str) -> Option<(&str, u32)> {
    let line = line.trim_start();
    let frame = line.strip_prefix("at ").or_else(|| line.strip_prefix("❯ "))?;
    let frame = frame.strip_prefix("async ").unwrap_or(frame).trim_end_matches(" {");
    let inside = match frame.rsplit_once('(') {
        Some((_, inside)) => inside,
        None => frame.rsplit(' ').next().unwrap_or(frame),
    };
    let (file, line) = place(inside)?;
    let own = !mask::is_foreign(file) && (file.contains('/') || file.contains('.'));
    own.then_some((file, line))
}

/// `Error: said` and its relatives, with or without a code: the simple name
/// and what it says.
pub(super) fn error(line: &str) -> Option<String> {
    let line = line.trim();
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let (name, said) = line.split_once(": ").or_else(|| line.strip_suffix(':').map(|name| (name, "")))?;
    let (name, code) = match name.split_once(" [") {
        Some((name, code)) => (name, code.trim_end_matches(']')),
        None => (name, ""),
    };
    let simple = name.rsplit('.').next()?;
    let named = (simple.ends_with("Error") || simple.ends_with("Exception"))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte));
    if !named {
        return None;
    }
    Some(if code.starts_with("ERR_") && code != "ERR_ASSERTION" {
        format!("{simple} [{code}]: {said}")
    } else {
        format!("{simple}: {said}")
    })
}

/// A line or column, counted from one.
pub(super) fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}
