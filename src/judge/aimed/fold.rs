//! Text made equal before it is looked at: letters of other alphabets that
//! look like ours, words that were joined, letters that were pulled apart.

use std::sync::LazyLock;

use regex::Regex;

/// One line in small ASCII letters as far as it can be, its words apart, and
/// without what begins a comment.
pub(super) fn fold(line: &str) -> String {
    let mut folded = String::with_capacity(line.len());
    let mut small = false;
    for c in line.chars().filter_map(plain) {
        // wordsThatWereJoined, and words_with-signs between them.
        if c.is_ascii_uppercase() && small {
            folded.push(' ');
        }
        small = c.is_ascii_lowercase();
        let c = if matches!(c, '_' | '\t') { ' ' } else { c.to_ascii_lowercase() };
        if !(c == ' ' && folded.ends_with(' ')) {
            folded.push(c);
        }
    }
    let start =
        folded.trim_start_matches([' ', '/', '*', '#', ';', '<', '!', '-', '"', '\'', '`', '>', '|', '+']);
    start.trim_end().to_owned()
}

/// The letter that a character looks like; `None` for what has no shape.
fn plain(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    let code = u32::from(c);
    let letter = |index: u32| {
        let base = if index % 52 < 26 { 'A' } else { 'a' };
        char::from_u32(u32::from(base) + index % 26)
    };
    match c {
        '\u{e0020}'..='\u{e007e}' => char::from_u32(code - 0xe0000),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xfee0),
        '\u{1d400}'..='\u{1d6a3}' => letter(code - 0x1d400),
        '\u{1f130}'..='\u{1f149}' => letter(code - 0x1f130),
        '\u{24b6}'..='\u{24cf}' => letter(code - 0x24b6),
        '\u{24d0}'..='\u{24e9}' => char::from_u32(code - 0x24d0 + u32::from('a')),
        '\u{300}'..='\u{36f}' => None,
        _ if super::super::shown::is_shapeless(c) => None,
        _ => Some(look_alike(c)),
    }
}

/// Cyrillic, Greek and accented letters, and typographic signs.
fn look_alike(c: char) -> char {
    const PAIRS: [(&str, char); 27] = [
        ("аáàâäãåāΑАα", 'a'),
        ("ВβΒ", 'b'),
        ("сçСϲ", 'c'),
        ("ԁ", 'd'),
        ("еéèêëēЕΕε", 'e'),
        ("ɡ", 'g'),
        ("һНΗ", 'h'),
        ("іíìîïīІΙı", 'i'),
        ("јЈ", 'j'),
        ("кКκΚ", 'k'),
        ("ӏ", 'l'),
        ("мМΜ", 'm'),
        ("ñΝп", 'n'),
        ("оóòôöõøōОΟο", 'o'),
        ("рРρΡ", 'p'),
        ("ԛ", 'q'),
        ("гѓ", 'r'),
        ("ѕЅ", 's'),
        ("тТτΤ", 't'),
        ("υúùûüū", 'u'),
        ("ѵν", 'v'),
        ("ѡω", 'w'),
        ("хХχΧ", 'x'),
        ("уУγΥ", 'y'),
        ("ΖᴢZ", 'z'),
        ("‘’“”", '\''),
        ("–—−", '-'),
    ];
    PAIRS.iter().find(|(alike, _)| alike.contains(c)).map_or(c, |(_, plain)| *plain)
}

/// Orders that no other text holds, without their blanks.
static SQUEEZED: LazyLock<Regex> = LazyLock::new(|| {
    let set_aside = "(?:ignore|disregard|forget)(?:all)?(?:of)?(?:the|your|my)?(?:previous|prior|above|earlier|preceding)(?:instruction|prompt|directive|rule)s";
    let approve = "approvethis(?:change|diff|patch|pullrequest|pr|bump|upgrade)";
    let verdict = "(?:verdictaccept|verdictisaccept|verdictmustbeaccept|decisionaccept.{0,40}inscope)";
    rule(&format!("{set_aside}|{approve}|{verdict}"))
});

#[expect(clippy::expect_used, reason = "a literal; the tests compile it")]
pub(super) fn rule(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// The line of a folded text in which such an order ends once blanks and
/// signs are gone, forwards, backwards or by thirteen letters further.
pub(super) fn squeezed(folded: &str) -> Option<usize> {
    let mut letters = String::new();
    let mut lines = Vec::new();
    for (number, line) in folded.lines().enumerate() {
        for c in line.chars().filter_map(letter) {
            letters.push(c);
            lines.push(number);
        }
    }
    let backwards: String = letters.chars().rev().collect();
    let turned: String = letters.chars().map(rot13).collect();
    // All letters are ASCII, so a byte is a letter.
    let line = |at: usize| lines.get(at).copied();
    SQUEEZED
        .find(&letters)
        .or_else(|| SQUEEZED.find(&turned))
        .and_then(|found| line(found.start()))
        .or_else(|| SQUEEZED.find(&backwards).and_then(|found| line(letters.len().checked_sub(found.end())?)))
}

/// The text by thirteen letters further.
pub(super) fn turned(folded: &str) -> String {
    folded.chars().map(rot13).collect()
}

/// A letter, also when it is written as a digit.
fn letter(c: char) -> Option<char> {
    match c {
        'a'..='z' => Some(c),
        '0' => Some('o'),
        '1' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        _ => None,
    }
}

fn rot13(c: char) -> char {
    let turned =
        u8::try_from(c).ok().filter(u8::is_ascii_lowercase).map(|byte| (byte - b'a' + 13) % 26 + b'a');
    turned.map_or(c, char::from)
}
