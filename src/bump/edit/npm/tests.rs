//! Whole edits: what changes is marked `«before→after»` in the texts.

use super::*;

/// The text before, and the text that is to come out.
fn sides(marked: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    for (index, piece) in marked.split(['«', '»']).enumerate() {
        let (old, new) = if index % 2 == 1 { piece.split_once('→').unwrap() } else { (piece, piece) };
        before += old;
        after += new;
    }
    (before, after)
}

fn change(name: &str, from: &str, to: &str) -> Change {
    Change { name: name.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

fn check(files: &[(&str, &str)], change: &Change) {
    let side = |after: bool| -> Texts {
        let text = |marked: &str| if after { sides(marked).1 } else { sides(marked).0 };
        files.iter().map(|(path, marked)| ((*path).to_owned(), text(marked))).collect()
    };
    assert_eq!(edit(&side(false), change).unwrap(), side(true), "{change:?}");
}

fn refused(path: &str, text: &str, change: &Change) -> String {
    edit(&Texts::from([(path.to_owned(), text.to_owned())]), change).unwrap_err().to_string()
}

#[test]
fn every_section_is_edited_in_its_style_and_nothing_else() {
    let text = r#"{
  "name": "a", "version": "1.2.3",
  "description": "\"a\": \"^1.2.3\"",
  "dependencies": { "b": "^1.2.3", "a": "^«1.2.3→4.5.6»" },
  "devDependencies": { "a": "~«1.2→4.5»" },
  "optionalDependencies": { "a": "«1→4».x" },
  "peerDependencies": { "a": "^1.0.0«→ || ^4.0.0»" },
  "peerDependenciesMeta": { "a": { "optional": true } },
  "engines": { "a": "1.2.3" },
  "a": "1.2.3"
}"#;
    check(&[("package.json", text)], &change("a", "1.2.3", "4.5.6"));
}

#[test]
fn odd_spelling_stays() {
    for text in [
        "\u{feff}{\r\n\t\"dependencies\"  :{\"a\"\r\n:\t\"^«1.2.3→4.5.6»\"  ,\r\n\"b\":\"^1.2.3\"}\r\n\r\n}\r\n\r\n",
        "{\"devDependencies\":{\"\\u0061\":\"\\u005e«1\\u002e2.3→4.5.6»\",\"b\\\"\":\"1.2.3\"},\"x\":1e2}",
        "{\"dependencies\":{\"a\":\"1.«2→3».3\"}}   ",
        "\n\n  {\"dependencies\":{\"a\":\" ^«1.2.3→4.5.6» \"}}",
        "{\"dependencies\":{\"a\":\"«1.2.3→4.5.6»\",\"a\":\"^«1.0.0→4.5.6»\"},\"dependencies\":{\"a\":\"~«1.0.0→4.5.6»\"}}",
        "{\"dependencies\":[],\"devDependencies\":{\"a\":\"«1.2.3→4.5.6»\",\"c\":1},\"overrides\":null}",
    ] {
        let to = if text.contains("«2→3»") { "1.3.3" } else { "4.5.6" };
        check(&[("package.json", text)], &change("a", "1.2.3", to));
    }
}

#[test]
fn the_only_declaration_is_edited_when_the_title_was_stale_and_none_is_lowered() {
    check(&[("package.json", r#"{"dependencies":{"a":"^«1.0.2→1.2.2»"}}"#)], &change("a", "1.1.0", "1.2.2"));
    check(&[("package.json", r#"{"dependencies":{"a":"^«1.1.9→1.2.2»"}}"#)], &change("a", "", "v1.2.2"));
    check(&[("package.json", r#"{"dependencies":{"a":"^13.0.11"}}"#)], &change("a", "13.0.9", "13.0.11"));
    check(&[("package.json", r#"{"dependencies":{"a":"^2.0.0"}}"#)], &change("a", "1.0.0", "1.5.0"));
}

#[test]
fn an_alias_is_found_by_the_real_name_and_keeps_its_own() {
    let aliased = r#"{"dependencies":{"b":"npm:a@^«1.2.3→2.0.0»","a":"npm:b@^1.2.3"}}"#;
    check(&[("package.json", aliased)], &change("a", "1.2.3", "2.0.0"));
    let two = r#"{"dependencies":{"a16":"npm:@s/a@^16.0.0","a17":"npm:@s/a@^«17.0.1→17.0.2»"}}"#;
    check(&[("package.json", two)], &change("@s/a", "17.0.1", "17.0.2"));
    let berry = r#"{"dependencies":{"a":"npm:^«1.2.3→2.0.0»"}}"#;
    check(&[("package.json", berry)], &change("a", "1.2.3", "2.0.0"));
}

#[test]
fn overrides_and_resolutions_move_where_they_hold_the_version() {
    let text = r#"{
 "dependencies": { "a": "^«1.2.3→1.3.0»" },
 "overrides": {
  "a": "$a",
  "b": { "a": "1.«2.3→3.0»", ".": "1.2.3" },
  "c": { "d": { "a": "0.9.0" } },
  "a@0": "0.9.1",
  "a@^1": { ".": "1.«2.3→3.0»", "e": "1.2.3" }
 },
 "resolutions": { "x/a": "1.«2.3→3.0»", "**/a": "~1.«2.3→3.0»", "a/x": "1.2.3", "y/a": "0.1.0", "a@npm:^1": "npm:1.«2.3→3.0»" },
 "pnpm": { "overrides": { "p@1>a": "1.«2.3→3.0»", "a>p": "1.2.3", "q>a": "-" }, "patchedDependencies": { "a": "1.2.3" } }
}"#;
    let expected = sides(text);
    let files = Texts::from([("package.json".to_owned(), expected.0)]);
    let out = edit(&files, &change("a", "1.2.3", "1.3.0")).unwrap();
    assert_eq!(out["package.json"], expected.1);
}

#[test]
fn workspaces_and_catalogs_move_together() {
    check(
        &[
            ("package.json", r#"{"workspaces":["packages/*"],"devDependencies":{"a":"catalog:"}}"#),
            ("packages/b/package.json", r#"{"dependencies":{"a":"«1.2.3→2.0.0»","c":"workspace:*"}}"#),
            ("packages/c/package.json", r#"{"peerDependencies":{"a":">=1"}}"#),
            (
                "pnpm-workspace.yaml",
                "catalog:\n  a: ^«1.2.3→2.0.0» # a\ncatalogs:\n  old:\n    'a': '^0.9.0'\n  now:\n    \"a\": \"~«1.2→2.0»\"\n",
            ),
            ("README.md", "a 1.2.3"),
        ],
        &change("a", "1.2.3", "2.0.0"),
    );
}

#[test]
fn a_catalog_that_would_turn_into_a_number_is_refused() {
    let says =
        refused("pnpm-workspace.yaml", "catalog:\n  a: 1.2.x\n  b: 1.x\n", &change("c", "1.0.0", "2.0.0"));
    assert!(says.contains("find c in the dependencies in pnpm-workspace.yaml"), "{says}");
    let files = Texts::from([("pnpm-workspace.yaml".to_owned(), "catalog:\n  a: 1.2.x\n".to_owned())]);
    let found = declarations(&files).unwrap();
    assert_eq!(with_range(&files, &found[0], "1.10"), files);
    assert_eq!(with_range(&files, &found[0], "*"), files);
    assert_eq!(with_range(&files, &found[0], "1.3.x")["pnpm-workspace.yaml"], "catalog:\n  a: 1.3.x\n");
}

#[test]
fn the_package_manager_moves_without_the_sum_of_the_old_one() {
    let text = r#"{"packageManager":"pnpm@«9.1.0+sha512.abc→9.2.0»","engines":{"pnpm":"9.1.0"}}"#;
    check(&[("package.json", text)], &change("pnpm", "9.1.0", "9.2.0"));
    check(
        &[("package.json", r#"{"packageManager":"pnpm@9.2.0+sha512.abc"}"#)],
        &change("pnpm", "9.1.0", "9.2.0"),
    );
}

#[test]
fn what_cannot_be_edited_is_refused_with_the_reason() {
    let bump = change("a", "1.2.3", "2.0.0");
    for (text, says) in [
        ("", "could not read package.json: it is not valid JSON"),
        ("{ nope", "could not read package.json: it is not valid JSON"),
        ("[]", "could not read package.json: it is not valid JSON"),
        ("{}", "could not find a in the dependencies in package.json"),
        (r#"{"name":"a","version":"1.2.3"}"#, "could not find a in the dependencies in package.json"),
        (
            r#"{"dependencies":{"a":"github:o/r"}}"#,
            "could not edit the range \"github:o/r\" of a in package.json",
        ),
        (r#"{"dependencies":{"a":"workspace:^"}}"#, "could not edit the range \"workspace:^\" of a"),
        (r#"{"dependencies":{"a":"latest"}}"#, "could not edit the range \"latest\" of a"),
        (
            r#"{"dependencies":{"x":"npm:a@3","y":"npm:a@4"}}"#,
            "could not tell which of the 2 declarations of a is meant: none holds version 1.2.3",
        ),
    ] {
        let why = refused("package.json", text, &bump);
        assert!(why.starts_with(says), "{why} instead of {says}");
    }
    let odd = refused("package.json", r#"{"dependencies":{"a":"1.2.3"}}"#, &change("a", "1.2.3", "2"));
    assert_eq!(odd, "could not read \"2\" as a version of a");
    assert!(refused("pom.xml", "", &bump).contains("there is no package.json"));
}

#[test]
fn one_declaration_can_be_set_alone() {
    let text = r#"{"dependencies":{"x":"npm:a@^1.0.0"},"overrides":{"a":"1.0.0"}}"#;
    let files = Texts::from([("package.json".to_owned(), text.to_owned())]);
    let found = declarations(&files).unwrap();
    assert_eq!(found.iter().map(Declaration::is_partial).collect::<Vec<_>>(), [true, false]);
    let out = with_range(&files, &found[0], "2.0.0");
    assert_eq!(out["package.json"], r#"{"dependencies":{"x":"npm:a@2.0.0"},"overrides":{"a":"1.0.0"}}"#);
    // Its place has moved since: nothing is written over what is there now.
    let moved = Texts::from([("package.json".to_owned(), format!(" {text}"))]);
    assert_eq!(with_range(&moved, &found[0], "2.0.0"), moved);
}

/// Texts that nobody would write, made from ones that somebody would.
#[test]
fn no_text_upsets_it() {
    let seeds = [
        (
            "package.json",
            r#"{"dependencies":{"a":"^1.2.3 || ~1.0"},"overrides":{"b":{"a":"1 - 2"}},"resolutions":{"@s/x/a@npm:1":"npm:a@1"},"packageManager":"a@1.0.0+x"}"#,
        ),
        ("pnpm-workspace.yaml", "catalog:\n  a: '^1.2.3' # x\ncatalogs:\n  \"b\":\n    a: >=1 <2\n"),
    ];
    let spare = [
        "\"", "\\", "{", "}", "\\ud800", "ü", ":", "@", "/", ">", "|", " ", "\n", "0", "x", "-", "<", "'",
        "#", "🦀",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap() % below
    };
    for round in 0..4_000 {
        let (path, seed) = seeds[round % 2];
        let mut text: Vec<char> = seed.chars().collect();
        for _ in 0..=next(4) {
            let at = next(text.len());
            let piece: Vec<char> = spare[next(spare.len())].chars().collect();
            let end = (at + next(3)).min(text.len());
            text.splice(at..end, piece);
        }
        let text: String = text.into_iter().collect();
        let files = Texts::from([(path.to_owned(), text.clone())]);
        if let Ok(out) = edit(&files, &change("a", "1.2.3", "4.5.6")) {
            let kept = |texts: &Texts| declarations(texts).unwrap().len();
            assert_eq!(kept(&files), kept(&out), "{text:?} became {out:?}");
        }
        for piece in text.split(['"', ',']) {
            drop(raise(piece, "4.5.6", Section::PeerDependencies));
        }
        for kind in [OverrideKind::Npm, OverrideKind::Yarn, OverrideKind::Pnpm] {
            drop(add_override(&text, kind, &["b".to_owned()], "a", "^1.0.0"));
        }
    }
}
