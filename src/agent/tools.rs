//! The tool server in the container, spoken to over MCP.

use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ContentBlock};
use rmcp::service::{RoleClient, RunningService, ServiceError, ServiceExt as _};
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::Value;
use toolbox::api;

use crate::exec::Stdio;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::text;

/// Bytes of one line of the protocol; a longer one is dropped unread.
const LINE_CAP: usize = 1024 * 1024;
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A connection to the tool server.
#[derive(Debug)]
pub struct Tools {
    service: RunningService<RoleClient, ()>,
}

fn lost(error: impl Into<anyhow::Error>) -> Failure {
    Failure::transient(Outcome::InternalError, "speak to the tool server").because(error)
}

/// Shakes hands and compares the server's manifest with the one that the
/// model is shown.
///
/// # Errors
/// The server does not answer, or has other tools.
pub async fn connect(stdio: Stdio) -> Result<Tools, Failure> {
    let transport = AsyncRwTransport::new_client(stdio.reader, stdio.writer).with_max_line_length(LINE_CAP);
    let service = tokio::time::timeout(HANDSHAKE, ().serve(transport)).await.map_err(lost)?.map_err(lost)?;
    let listed =
        tokio::time::timeout(HANDSHAKE, service.list_all_tools()).await.map_err(lost)?.map_err(lost)?;
    let expected: Vec<(String, Value)> = api::tools()
        .into_iter()
        .filter(|tool| !api::is_engine_tool(tool.name))
        .map(|tool| (tool.name.to_owned(), tool.input_schema))
        .collect();
    let found: Vec<(String, Value)> = listed
        .into_iter()
        .map(|tool| (tool.name.into_owned(), Value::Object((*tool.input_schema).clone())))
        .collect();
    if found != expected {
        return Err(Failure::bug("find the expected tools in the tool server: it is of another version"));
    }
    Ok(Tools { service })
}

impl Tools {
    /// Calls one tool. The answer is text, and whether it is an error for the
    /// model.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn call(&self, name: &str, input: &Value, limit: Duration) -> Result<(String, bool), Failure> {
        if api::is_engine_tool(name) || !api::tools().iter().any(|tool| tool.name == name) {
            return Ok((format!("there is no tool {name:?}"), true));
        }
        let Some(arguments) = input.as_object() else {
            return Ok(("the input is not an object".to_owned(), true));
        };
        let request = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments.clone());
        let limit = limit.min(Duration::from_secs(api::CALL_SECONDS + 5));
        match tokio::time::timeout(limit, self.service.call_tool(request)).await {
            Err(_elapsed) => Ok(("the tool took too long".to_owned(), true)),
            Ok(Ok(result)) => {
                let said: Vec<&str> = result
                    .content
                    .iter()
                    .filter_map(ContentBlock::as_text)
                    .map(|text| text.text.as_str())
                    .collect();
                Ok((text::plain(&said.join("\n")), result.is_error.unwrap_or(false)))
            }
            Ok(Err(ServiceError::McpError(error))) => Ok((text::plain(&error.message), true)),
            Ok(Err(error)) => Err(lost(error)),
        }
    }
}
