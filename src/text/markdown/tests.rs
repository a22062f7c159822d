use super::*;

/// What attacks are made of.
const PIECES: [&str; 58] = [
    "@ann",
    "@org/team",
    "#1",
    "fixes #1",
    "Closes: o/r#1",
    "fix ",
    "https://h.test/o/r/issues/1",
    "GH-1",
    "gh-",
    "![x](https://e.test/p.png)",
    "[a](b)",
    "[x]: http://e.test",
    "![x][y]",
    "<img src=x>",
    "<!-- agent:job=1 -->",
    "<!--",
    "-->",
    "</details>",
    "```",
    "````",
    "~~~",
    "`",
    "``",
    "\n",
    "\r\n",
    "\t",
    "    ",
    "> ",
    "# ",
    "## x",
    "---",
    "===",
    "| a | b |",
    "|---|",
    ":-",
    "&#64;ann",
    "&commat;ann",
    "&lt",
    "\\",
    "\\\\",
    "\u{202e}",
    "\u{200b}",
    "\u{1b}[31m",
    "\u{e0041}",
    "*",
    "**",
    "_",
    "$",
    "1. ",
    "2) ",
    "www.e.test",
    "WWW.",
    "a@b.c",
    "é",
    "日本",
    "🎉",
    "/lgtm",
    " ",
];

/// Texts made of the pieces and of any characters, the same in every run.
fn texts(count: usize) -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let mut text = |_| {
        let mut text = String::new();
        for _piece in 0..next(9) {
            match next(4) {
                0 => text.extend(char::from_u32(u32::try_from(next(0x11_0000)).unwrap())),
                1 => text.extend(char::from_u32(u32::try_from(next(0x80)).unwrap())),
                _ => text.push_str(PIECES[next(PIECES.len())]),
            }
        }
        text
    };
    (0..count).map(&mut text).collect()
}

#[test]
fn nothing_of_a_strangers_text_is_live() {
    for text in texts(20_000) {
        for cap in [7, 200] {
            for (form, made) in [
                ("inline", inline(&text, cap)),
                ("code", code(&text, cap)),
                ("quote", quote(&text, cap)),
                ("block", block(&text, cap)),
                ("in a sentence", format!("It says {} and {}.", inline(&text, cap), code(&text, cap))),
            ] {
                assert_eq!(scan::live(&made), None, "{form} of {text:?} is {made:?}");
            }
            assert!(inline(&text, cap).lines().count() < 2 && code(&text, cap).lines().count() < 2);
            assert!(quote(&text, cap).lines().all(|line| line.starts_with("> ")), "{text:?}");
        }
    }
}

#[test]
fn one_line_reads_as_it_was_written() {
    for (text, made) in [
        ("412 passed, 0 newly failing", "412 passed, 0 newly failing"),
        ("ms@2.1.3 >= 2, snake_case", "ms@\u{200b}2.1.3 >= 2, snake_case"),
        ("a | b\n `c` <d> & e", "a \\| b 'c' &lt;d> &amp; e"),
        ("- no list, 1. none", "\\- no list, 1. none"),
        ("4.17.21 stays", "4.17.21 stays"),
        ("3. at the start", "3\\. at the start"),
        ("__init__ *x* GH-12", "\\_\\_init\\_\\_ \\*x\\* GH-\u{200b}12"),
        ("see http://e.test or www.e.test", "see http:\u{200b}//e.test or www\u{200b}.e.test"),
    ] {
        assert_eq!(inline(text, 200), made);
    }
    assert_eq!(inline("éé", 3), "é…");
}

#[test]
fn code_is_exact_and_closes_nothing() {
    assert_eq!(code("@types/qs|a#1", 200), "`@types/qs|a#1`");
    assert_eq!(code("a `b` c", 200), "``a `b` c``");
    assert_eq!(code("`b", 200), "`` `b ``");
    assert_eq!(code(" \u{200b}\n", 200), "(empty)");
    assert_eq!(code("fixes #1", 200), "`fixes #\u{200b}1`");
    assert_eq!(block("```\n/lgtm\nx", 200), "````\n```\n /lgtm\nx\n````");
}
