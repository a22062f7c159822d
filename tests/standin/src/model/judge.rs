//! The scripted model as the judge: good, bad, easily led, and out of order.
//!
//! It reads the request as a model would: lines behind a mark, each with its
//! side and number. Its evidence is copied from there.

use serde_json::{Value, json};

use super::messages;

/// How the model behaves as the judge.
#[derive(Debug, Clone)]
pub enum Judge {
    Accept,
    Veto,
    /// Vetoes a change that adds one of these words.
    Words(Vec<String>),
    /// As before, but does what a line of the change tells it to do.
    Gullible(Vec<String>),
    /// Vetoes, unless these words are in what it is asked.
    Unless(String),
    /// Accepts, with evidence that is in no diff.
    Inventive,
    /// Text instead of the forced tool.
    Garbage,
    /// The provider is overloaded whenever the judge asks.
    Overloaded,
}

/// A line of the change, as shown.
struct Shown {
    file: String,
    side: &'static str,
    text: String,
}

impl Judge {
    pub(super) fn answer(&self, request: &Value) -> Value {
        let lines = lines(request);
        let is_bad = |words: &[String]| {
            lines.iter().any(|line| line.side == "added" && words.iter().any(|word| line.text.contains(word)))
        };
        match self {
            Self::Accept => accept(&lines),
            Self::Veto => veto(&lines),
            Self::Words(words) if is_bad(words) => veto(&lines),
            Self::Words(_) => accept(&lines),
            Self::Gullible(words) if is_bad(words) && !lines.iter().any(tells_to_accept) => veto(&lines),
            Self::Gullible(_) => accept(&lines),
            Self::Unless(words) if request.to_string().contains(words.as_str()) => accept(&lines),
            Self::Unless(_) => veto(&lines),
            Self::Inventive => {
                let invented = Shown {
                    file: "src/invented.js".to_owned(),
                    side: "added",
                    text: "invented();".to_owned(),
                };
                accept(&[invented])
            }
            Self::Garbage | Self::Overloaded => json!([{ "type": "text", "text": "Looks fine to me." }]),
        }
    }
}

/// Whoever is easily led takes any of these words for an order.
fn tells_to_accept(line: &Shown) -> bool {
    let text = line.text.to_lowercase();
    ["approve", "accept", "verdict", "in scope", "instructions"].iter().any(|order| text.contains(order))
}

fn accept(lines: &[Shown]) -> Value {
    verdict("accept", "Only the call sites that the new version changed are edited.", lines)
}

fn veto(lines: &[Shown]) -> Value {
    verdict("veto", "The change does more than the bump asks for.", lines)
}

fn verdict(decision: &str, reason: &str, lines: &[Shown]) -> Value {
    let added = lines.iter().find(|line| line.side == "added" && !line.text.trim().is_empty());
    let evidence: Vec<Value> = added
        .or_else(|| lines.iter().find(|line| !line.text.trim().is_empty()))
        .map(|line| json!({ "file": line.file, "side": line.side, "text": line.text }))
        .into_iter()
        .collect();
    let fine = json!({ "ok": true, "note": "", "evidence": [] });
    json!([{ "type": "tool_use", "id": "toolu_verdict", "name": "verdict", "input": {
        "decision": decision, "reason": reason,
        "in_scope": { "ok": decision == "accept", "note": "See the line.", "evidence": evidence },
        "safe": fine, "complete": fine, "quality": fine,
    }}])
}

/// All lines of the change in the first message, in a call about a part or in
/// the vote on the whole.
fn lines(request: &Value) -> Vec<Shown> {
    let blocks = messages(request).first().map(|message| message["content"].clone()).unwrap_or_default();
    let texts = blocks.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    let text = texts.collect::<Vec<_>>().join("\n");
    let mut file = String::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        let Some((mark, rest)) = line.split_at_checked(8) else { continue };
        if !mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        if let Some(name) = rest.strip_prefix(" = file ") {
            name.split("; ").next().unwrap_or(name).clone_into(&mut file);
        } else if let Some(shown) = of_the_change(rest, &file).or_else(|| of_the_vote(rest)) {
            lines.push(shown);
        }
    }
    lines
}

/// ` +12|text`
fn of_the_change(rest: &str, file: &str) -> Option<Shown> {
    let (place, text) = rest.strip_prefix(' ')?.split_once('|')?;
    let (side, number) = match place.split_at_checked(1)? {
        ("+", number) => ("added", number),
        ("-", number) => ("removed", number),
        (" ", number) => ("context", number),
        _ => return None,
    };
    number.parse::<u32>().ok()?;
    Some(Shown { file: file.to_owned(), side, text: text.to_owned() })
}

/// ` = src/a.js, added, line 12|text`
fn of_the_vote(rest: &str) -> Option<Shown> {
    let (place, text) = rest.strip_prefix(" = ")?.split_once('|')?;
    let (place, _line) = place.rsplit_once(", line ")?;
    let (file, side) = place.rsplit_once(", ")?;
    let side = ["added", "removed", "context"].into_iter().find(|known| *known == side)?;
    Some(Shown { file: file.to_owned(), side, text: text.to_owned() })
}
