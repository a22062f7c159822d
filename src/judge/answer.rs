//! The judge's answer: read, looked up in the diff, and decided upon.
//!
//! Evidence is a line of the diff, word for word. An answer that rests on
//! lines that are not there is not an answer, and neither is an acceptance
//! that points at nothing. One that contradicts itself is a veto.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Opinion;
use super::diff::{FileDiff, Line};
use super::shown::visible;
use crate::evidence::{Criterion, Decision, Quoted, Side};
use crate::model::Reply;
use crate::text;

/// The tool that the judge has to use.
pub(super) const TOOL: &str = "verdict";
/// What is asked, with what a yes means.
const QUESTIONS: [(&str, &str); 4] = [
    ("in_scope", "Every edit is needed for what was asked for, and the versions are the ones asked for."),
    (
        "safe",
        "No edit weakens a check, swallows an error, leaks, connects, runs something or hides what it does.",
    ),
    ("complete", "Nothing that the new version needs is stubbed, faked or left out."),
    ("quality", "A careful reviewer would merge it as it is."),
];
const REASON_CAP: usize = 600;
const NOTE_CAP: usize = 300;
/// Lines that an answer may point at.
const EVIDENCE_CAP: usize = 8;
/// A longer line may be quoted by a part of it …
const LONG: usize = 160;
/// … that has so many bytes.
const PART: usize = 40;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    decision: Word,
    reason: String,
    in_scope: Answer,
    safe: Answer,
    complete: Answer,
    quality: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Accept,
    Veto,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    ok: bool,
    #[serde(default)]
    note: String,
    #[serde(default)]
    evidence: Vec<Pointer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    file: String,
    side: Side,
    line: Option<u32>,
    #[serde(default)]
    text: String,
}

/// The tool's definition.
pub(super) fn tool() -> Value {
    let evidence = json!({
        "type": "array", "maxItems": EVIDENCE_CAP,
        "description": "Lines of the diff that show it, copied word for word.",
        "items": {
            "type": "object",
            "properties": {
                "file": { "type": "string", "description": "The file's path, as shown." },
                "side": { "type": "string", "enum": ["added", "removed", "context"] },
                "line": { "type": "integer", "description": "The line's number, as shown." },
                "text": { "type": "string", "description": "What stands behind the bar." },
            },
            "required": ["file", "side", "text"],
            "additionalProperties": false,
        },
    });
    let mut properties = json!({
        "decision": { "type": "string", "enum": ["accept", "veto"] },
        "reason": { "type": "string", "description": "One plain sentence for the reviewer." },
    });
    let mut required = vec!["decision", "reason"];
    for (name, yes) in QUESTIONS {
        let answer = json!({
            "type": "object",
            "properties": {
                "ok": { "type": "boolean", "description": yes },
                "note": { "type": "string", "description": "One short sentence." },
                "evidence": evidence,
            },
            "required": ["ok", "note", "evidence"],
            "additionalProperties": false,
        });
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(name.to_owned(), answer);
        }
        required.push(name);
    }
    json!({
        "name": TOOL,
        "description": "States the verdict.",
        "input_schema": {
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        },
    })
}

/// Reads a reply and looks its evidence up.
///
/// # Errors
/// Why it cannot be used, without a word of the reply or the diff: it is
/// said to the model.
pub(super) fn read(reply: &Reply, files: &[FileDiff]) -> Result<Opinion, String> {
    let mut calls =
        reply.content.iter().filter(|block| block.get("name").and_then(Value::as_str) == Some(TOOL));
    let input = calls.next().and_then(|call| call.get("input")).ok_or("it does not use the tool")?;
    if calls.next().is_some() {
        return Err("it uses the tool more than once".to_owned());
    }
    let said: Said = serde_json::from_value(input.clone())
        .map_err(|_detail| "the tool's input is not what its schema asks for".to_owned())?;
    let Said { decision, reason, in_scope, safe, complete, quality } = said;
    let mut criteria = Vec::new();
    for ((name, _), answer) in QUESTIONS.into_iter().zip([in_scope, safe, complete, quality]) {
        criteria.push(criterion(name, answer, files)?);
    }
    let points_at_something = criteria.iter().any(|criterion| !criterion.evidence.is_empty());
    let has_lines = files.iter().any(|file| !file.lines.is_empty());
    if decision == Word::Accept && has_lines && !points_at_something {
        return Err("an acceptance has to point at lines of the diff".to_owned());
    }
    Ok(decide(decision, &reason, criteria))
}

/// A verdict that contradicts itself is a veto.
fn decide(said: Word, reason: &str, criteria: Vec<Criterion>) -> Opinion {
    let mut reason = one_line(reason, REASON_CAP);
    let against: Vec<&str> =
        criteria.iter().filter(|criterion| !criterion.ok).map(|criterion| criterion.name.as_str()).collect();
    let decision = match said {
        Word::Accept if against.is_empty() && !reason.is_empty() => Decision::Accept,
        Word::Accept | Word::Veto => Decision::Veto,
    };
    if decision == Decision::Veto && said == Word::Accept {
        let why = if against.is_empty() {
            "gives no reason".to_owned()
        } else {
            format!("denies {}", against.join(", "))
        };
        reason = format!("the verdict contradicts itself: it accepts and {why}; {reason}");
    }
    Opinion { decision, reason, criteria }
}

fn criterion(name: &str, answer: Answer, files: &[FileDiff]) -> Result<Criterion, String> {
    let mut evidence = Vec::new();
    for (number, pointer) in answer.evidence.iter().take(EVIDENCE_CAP).enumerate() {
        let found = look_up(pointer, files).map_err(|why| {
            format!("line {} of the evidence of {name} is not in the diff: {why}", number + 1)
        })?;
        evidence.push(found);
    }
    let note = one_line(&answer.note, NOTE_CAP);
    Ok(Criterion { name: name.to_owned(), ok: answer.ok, note, evidence })
}

fn look_up(pointer: &Pointer, files: &[FileDiff]) -> Result<Quoted, &'static str> {
    let mut files = files.iter().filter(|file| visible(&file.path) == pointer.file).peekable();
    if files.peek().is_none() {
        return Err("there is no such file");
    }
    let wanted = normal(&pointer.text);
    let is_it = |line: &&Line| {
        let text = normal(&visible(&line.text));
        // The text decides; a number alone does where there is no text.
        let same = if wanted.is_empty() {
            pointer.line == Some(line.number) && !text.is_empty()
        } else {
            wanted == text || (text.len() > LONG && wanted.len() >= PART && text.contains(&wanted))
        };
        line.side == pointer.side && same
    };
    // Of several equal lines, the one with the number that was named.
    let found: Vec<(&FileDiff, &Line)> =
        files.flat_map(|file| file.lines.iter().filter(is_it).map(move |line| (file, line))).collect();
    let named = found.iter().find(|(_, line)| pointer.line == Some(line.number));
    let (file, line) = named.or(found.first()).ok_or("no line of that side reads so")?;
    Ok(Quoted {
        file: visible(&file.path),
        side: line.side,
        line: line.number,
        text: text::head(&visible(&line.text), NOTE_CAP),
    })
}

/// Without what an editor may have changed.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn one_line(said: &str, cap: usize) -> String {
    text::head(&normal(&text::plain(said)), cap)
}

#[cfg(test)]
mod tests {
    use super::super::diff::parse;
    use super::*;
    use crate::change::Cost;

    const DIFF: &str = "diff --git a/a.js b/a.js\n--- a/a.js\n+++ b/a.js\n@@ -1,3 +1,3 @@\n \tkeep();\n-old();\n+  fresh( x );\n \n";

    fn said(decision: &str, evidence: &Value) -> Value {
        let fine = json!({ "ok": true, "note": "", "evidence": [] });
        json!({ "decision": decision, "reason": "Only the call changed.",
            "in_scope": { "ok": true, "note": "", "evidence": evidence },
            "safe": fine, "complete": fine, "quality": fine })
    }

    fn opinion(input: Value) -> Result<Opinion, String> {
        let content = vec![json!({ "type": "tool_use", "id": "1", "name": TOOL, "input": input })];
        let reply = Reply {
            content,
            stop_reason: "tool_use".into(),
            usage: crate::record::Usage::default(),
            cost: Cost(0),
            duration: std::time::Duration::ZERO,
        };
        read(&reply, &parse(DIFF).unwrap())
    }

    fn line(file: &str, side: &str, text: &str) -> Value {
        json!([{ "file": file, "side": side, "text": text }])
    }

    #[test]
    fn evidence_has_to_be_in_the_diff() {
        for (evidence, there) in [
            (line("a.js", "added", "fresh( x );"), true),
            (line("a.js", "added", "\t  fresh(  x );  "), true),
            (line("a.js", "removed", "old();"), true),
            (line("a.js", "context", "keep();"), true),
            (json!([{ "file": "a.js", "side": "added", "line": 2, "text": "" }]), true),
            (line("a.js", "removed", "fresh( x );"), false),
            (line("a.js", "added", "fresh(x);"), false),
            (line("a.js", "added", "fresh"), false),
            (line("b.js", "added", "fresh( x );"), false),
            (line("a.js", "context", ""), false),
            (json!([{ "file": "a.js", "side": "added", "line": 9, "text": "" }]), false),
            (json!([{ "file": "a.js", "side": "context", "line": 3, "text": " " }]), false),
            (json!([]), false),
        ] {
            assert_eq!(opinion(said("accept", &evidence)).is_ok(), there, "{evidence}");
        }
        let found = opinion(said("accept", &line("a.js", "added", "fresh( x );"))).unwrap();
        let quoted = &found.criteria[0].evidence[0];
        assert_eq!((quoted.line, quoted.text.as_str()), (2, "  fresh( x );"));
    }

    #[test]
    fn only_a_consistent_accept_accepts() {
        let here = line("a.js", "added", "fresh( x );");
        let decision = |input: Value| opinion(input).map(|opinion| opinion.decision).ok();
        assert_eq!(decision(said("accept", &here)), Some(Decision::Accept));
        assert_eq!(decision(said("veto", &here)), Some(Decision::Veto));
        assert_eq!(decision(said("veto", &json!([]))), Some(Decision::Veto), "what is missing has no line");
        for name in ["in_scope", "safe", "complete", "quality"] {
            let mut torn = said("accept", &here);
            torn[name]["ok"] = json!(false);
            assert_eq!(decision(torn), Some(Decision::Veto), "{name}");
        }
        let mut silent = said("accept", &here);
        silent["reason"] = json!(" ");
        assert_eq!(decision(silent), Some(Decision::Veto));
    }

    #[test]
    fn what_is_not_the_schema_is_no_answer() {
        let here = line("a.js", "added", "fresh( x );");
        let mut more = said("accept", &here);
        more["also"] = json!(1);
        let mut less = said("accept", &here);
        less.as_object_mut().unwrap().remove("safe");
        for input in [more, less, said("perhaps", &here), json!({}), json!("accept")] {
            assert!(opinion(input.clone()).is_err(), "{input}");
        }
        let two = vec![json!({ "name": TOOL, "input": said("accept", &here) }); 2];
        let reply = Reply {
            content: two,
            stop_reason: String::new(),
            usage: crate::record::Usage::default(),
            cost: Cost(0),
            duration: std::time::Duration::ZERO,
        };
        assert!(read(&reply, &parse(DIFF).unwrap()).is_err());
    }

    #[test]
    fn a_very_long_line_is_quoted_by_a_part_of_it() {
        let long = format!("x({});", "abc, ".repeat(60));
        let diff = format!("diff --git a/a.js b/a.js\n--- a/a.js\n+++ b/a.js\n@@ -0,0 +1 @@\n+{long}\n");
        let files = parse(&diff).unwrap();
        let pointer =
            |text: &str| Pointer { file: "a.js".into(), side: Side::Added, line: None, text: text.into() };
        assert!(look_up(&pointer(text::head(&long, 60).trim_end_matches('…')), &files).is_ok());
        assert!(look_up(&pointer(text::head(&long, 20).trim_end_matches('…')), &files).is_err());
    }
}
