//! Untrusted text made plain: what a repository, a model or a program says
//! passes here before it reaches a log, a prompt, a comment or a terminal.

/// The text without terminal escapes and other control characters; lines and
/// tabs stay.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || is_deceptive(c) => {}
            c => shown.push(c),
        }
    }
    shown
}

/// A control sequence ends with a letter, an operating system command with a
/// bell or another escape.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    return;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        _ => {}
    }
}

/// Marks of direction and blanks without a width.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The first `cap` bytes at most, cut at a character, with a mark.
#[must_use]
pub fn head(text: &str, cap: usize) -> String {
    if text.len() <= cap {
        return text.to_owned();
    }
    format!("{}…", text.get(..text.floor_char_boundary(cap)).unwrap_or_default())
}

/// The last `cap` bytes at most, cut at a character, with a mark.
#[must_use]
pub fn tail(text: &str, cap: usize) -> String {
    if text.len() <= cap {
        return text.to_owned();
    }
    let start = text.ceil_char_boundary(text.len() - cap);
    format!("…{}", text.get(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_controls_are_gone() {
        assert_eq!(
            plain("\u{1b}[31mred\u{1b}[0m\r\n\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}\u{202e}!"),
            "red\nlink!"
        );
    }

    #[test]
    fn text_is_cut_at_characters() {
        assert_eq!(head("éé", 3), "é…");
        assert_eq!(tail("éé", 3), "…é");
        assert_eq!(head("ab", 2), "ab");
    }
}
