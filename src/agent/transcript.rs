//! The conversation as the Messages API wants it.
//!
//! What was sent once is sent again byte for byte: the provider's cache
//! depends on it. Only the marks of the cache move.

use serde_json::{Value, json};
use toolbox::api;

/// One session's conversation. The user's side gathers blocks until the next
/// request, so that roles always alternate.
#[derive(Debug)]
pub(super) struct Transcript {
    system: Value,
    tools: Value,
    max_tokens: u32,
    messages: Vec<Value>,
    /// Results of tools, which must come first, and then text.
    results: Vec<Value>,
    texts: Vec<Value>,
}

fn cached(mut block: Value) -> Value {
    if let Some(object) = block.as_object_mut() {
        object.insert("cache_control".to_owned(), json!({ "type": "ephemeral" }));
    }
    block
}

impl Transcript {
    pub(super) fn new(system: &str, max_tokens: u32, task: String) -> Self {
        let mut tools: Vec<Value> = api::tools()
            .iter()
            .map(|tool| {
                json!({ "name": tool.name, "description": tool.description, "input_schema": tool.input_schema })
            })
            .collect();
        if let Some(last) = tools.pop() {
            tools.push(cached(last));
        }
        Self {
            system: json!([cached(json!({ "type": "text", "text": system }))]),
            tools: Value::Array(tools),
            max_tokens,
            messages: Vec::new(),
            results: Vec::new(),
            texts: vec![json!({ "type": "text", "text": task })],
        }
    }

    /// Text from the engine.
    pub(super) fn say(&mut self, text: &str) {
        self.texts.push(json!({ "type": "text", "text": text }));
    }

    /// The answer to one `tool_use`.
    pub(super) fn result(&mut self, id: &str, output: &str, is_error: bool) {
        self.results.push(json!({
            "type": "tool_result",
            "tool_use_id": id,
            "content": output,
            "is_error": is_error,
        }));
    }

    /// What the model said.
    pub(super) fn heard(&mut self, content: Vec<Value>) {
        // An empty reply cannot be sent back.
        let content =
            if content.is_empty() { vec![json!({ "type": "text", "text": "(nothing)" })] } else { content };
        self.messages.push(json!({ "role": "assistant", "content": content }));
    }

    /// The next request, without the model's name.
    pub(super) fn request(&mut self) -> Value {
        let mut content = std::mem::take(&mut self.results);
        content.append(&mut self.texts);
        if !content.is_empty() {
            self.messages.push(json!({ "role": "user", "content": content }));
        }
        let mut messages = self.messages.clone();
        if let Some(blocks) =
            messages.last_mut().and_then(|last| last.get_mut("content")).and_then(Value::as_array_mut)
            && let Some(last) = blocks.pop()
        {
            blocks.push(cached(last));
        }
        json!({
            "max_tokens": self.max_tokens,
            "system": self.system,
            "tools": self.tools,
            "messages": messages,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request without the cache's marks, as bytes.
    fn bare(mut request: Value) -> String {
        fn strip(value: &mut Value) {
            match value {
                Value::Object(object) => {
                    object.remove("cache_control");
                    object.values_mut().for_each(strip);
                }
                Value::Array(items) => items.iter_mut().for_each(strip),
                _ => {}
            }
        }
        strip(&mut request);
        request.to_string()
    }

    #[test]
    fn what_was_sent_is_sent_again_byte_for_byte() {
        let mut transcript = Transcript::new("system", 10, "task".into());
        transcript.say("feedback");
        let first = bare(transcript.request());
        transcript.heard(vec![
            json!({ "type": "tool_use", "id": "1", "name": "read_file", "input": { "path": "z", "a": 1 } }),
        ]);
        transcript.say("status");
        transcript.result("1", "text", false);
        let second = transcript.request();
        let roles: Vec<&str> =
            second["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        assert_eq!(second["messages"][2]["content"][0]["type"], "tool_result");
        let prefix = first.strip_suffix("]}").unwrap();
        assert!(bare(second).starts_with(prefix));
    }
}
