//! The tools: JSON in, text out. A refusal is a result for the model.

mod files;
mod run;
mod search;

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toolbox::api::RESULT_CAP;

use crate::git;
use crate::tree::{Refusal, Relative, Tree};

/// What a tool says.
pub(crate) type Answer = Result<String, Refusal>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoInput {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffInput {
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddInput {
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitInput {
    message: String,
}

/// Calls one tool; anything that is not in the manifest is refused.
pub(crate) async fn call(tree: Arc<Tree>, name: String, input: Value) -> Answer {
    let answer = match name.as_str() {
        "git_status" => status(parse(input)?).await,
        "git_diff" => diff(parse(input)?).await,
        "git_add" => add(parse(input)?).await,
        "git_commit" => commit(parse(input)?).await,
        // A long walk over the tree must not hold up the deadline.
        _ => tokio::task::spawn_blocking(move || call_blocking(&tree, &name, input))
            .await
            .unwrap_or_else(|_panic| Err(Refusal::new("the tool failed"))),
    };
    answer.map(|text| cap(&visible(&text)))
}

fn call_blocking(tree: &Tree, name: &str, input: Value) -> Answer {
    match name {
        "read_file" => files::read(tree, &parse(input)?),
        "list_files" => files::list(tree, parse(input)?),
        "edit_file" => files::edit(tree, parse(input)?),
        "write_file" => files::write(tree, parse(input)?),
        "search" => search::search(tree, &parse(input)?),
        "run" => run::run(tree, parse(input)?),
        _ => Err(Refusal::new(format!("there is no tool {name:?}"))),
    }
}

fn parse<T: DeserializeOwned>(input: Value) -> Result<T, Refusal> {
    serde_json::from_value(input)
        .map_err(|error| Refusal::new(format!("the input is not as the schema says: {error}")))
}

async fn status(NoInput {}: NoInput) -> Answer {
    let paths = git::changed_paths().await.map_err(|error| Refusal::new(format!("{error:#}")))?;
    let paths = String::from_utf8_lossy(&paths).replace('\0', "\n");
    Ok(if paths.is_empty() { "nothing differs from the base".to_owned() } else { paths })
}

async fn diff(input: DiffInput) -> Answer {
    let path = Relative::parse(input.path.as_deref().unwrap_or("."))?;
    said(git::diff(path.as_str()).await, "nothing differs from the base")
}

async fn add(input: AddInput) -> Answer {
    let paths: Result<Vec<String>, Refusal> =
        input.paths.iter().map(|path| Ok(Relative::parse(path)?.as_str().to_owned())).collect();
    said(git::add(&paths?).await, "staged")
}

async fn commit(input: CommitInput) -> Answer {
    said(git::commit(&input.message).await, "committed in the container")
}

fn said(output: anyhow::Result<Vec<u8>>, otherwise: &str) -> Answer {
    match output {
        Ok(bytes) if bytes.is_empty() => Ok(otherwise.to_owned()),
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(Refusal::new(format!("{error:#}"))),
    }
}

/// Control characters are shown as escapes: what the model reads and what a
/// person reads in the log is the same text.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The first [`RESULT_CAP`] bytes, with a note when there was more.
fn cap(text: &str) -> String {
    if text.len() <= RESULT_CAP {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(RESULT_CAP);
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept}\n[… {} of {} bytes shown; ask for less …]", end, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_result_is_cut_at_a_character() {
        let text = "é".repeat(RESULT_CAP);
        let cut = cap(&text);
        assert!(cut.len() < RESULT_CAP + 100);
        assert!(cut.ends_with("ask for less …]"));
    }

    #[test]
    fn escapes_cannot_reach_a_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\tc\n"), "a\\u{1b}[31mb\tc\n");
    }
}
