//! Code that is not read by structure, by its words: languages without a
//! grammar here, and sources that cannot be parsed.
//!
//! Words are counted, the code is not understood: a rewrite that asserts the
//! same with fewer words is stopped too.

/// Beginnings of words that declare a test.
const TESTS: [&str; 8] =
    ["test", "it", "specify", "@Test", "@ParameterizedTest", "@RepeatedTest", "scenario", "should"];
const ASSERTIONS: [&str; 8] =
    ["expect", "assert", "should", "verify", "fail", "then", "shouldBe", "shouldEqual"];
const SKIPS: [&str; 13] = [
    "skip",
    "only",
    "todo",
    "xit",
    "xtest",
    "xdescribe",
    "fit",
    "fdescribe",
    "@Disabled",
    "@Ignore",
    "ignore",
    "@PendingFeature",
    "assumeTrue",
];

/// The number of words of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub(super) tests: usize,
    pub(super) assertions: usize,
    pub(super) skips: usize,
}

/// Counts outside of comments and strings.
pub(super) fn count(source: &str) -> Counted {
    let code = code_only(source);
    let mut counted = Counted::default();
    for word in code.split(|c: char| !c.is_alphanumeric() && c != '@' && c != '_') {
        counted.tests += usize::from(TESTS.contains(&word));
        counted.assertions += usize::from(
            ASSERTIONS.contains(&word)
                || ["assert", "verify", "should"].iter().any(|start| word.starts_with(start)),
        );
        counted.skips += usize::from(SKIPS.contains(&word));
    }
    counted
}

/// The code with the content of comments, strings and templates blanked.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('/', Some('/')) => {
                for skipped in chars.by_ref() {
                    if skipped == '\n' {
                        code.push('\n');
                        break;
                    }
                }
            }
            ('/', Some('*')) => {
                let mut last = ' ';
                chars.next();
                for skipped in chars.by_ref() {
                    if last == '*' && skipped == '/' {
                        break;
                    }
                    last = skipped;
                }
                code.push(' ');
            }
            // A text block of Java. Nowhere else do three quotes follow each other.
            ('"', Some('"')) if chars.clone().nth(1) == Some('"') => {
                let (mut quotes, mut escaped) = (0, false);
                for skipped in chars.by_ref().skip(2) {
                    quotes = if skipped == '"' && !escaped { quotes + 1 } else { 0 };
                    escaped = !escaped && skipped == '\\';
                    if quotes == 3 {
                        break;
                    }
                }
                code.push_str("\"\"");
            }
            ('"' | '\'' | '`', _) => {
                code.push(c);
                let mut escaped = false;
                for skipped in chars.by_ref() {
                    let ends = !escaped && (skipped == c || (skipped == '\n' && c != '`'));
                    escaped = !escaped && skipped == '\\';
                    if ends {
                        break;
                    }
                }
                code.push(c);
            }
            _ => code.push(c),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        let code = code_only("a(); // test('x')\n/* expect(1) */ b('it(\\'y\\')', `expect(${1})`); c");
        assert_eq!(code, "a(); \n  b('', ``); c");
    }
}
