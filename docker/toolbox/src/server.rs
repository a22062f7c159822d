//! The tools over MCP. The manifest is fixed; nothing is added at run time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rmcp::ErrorData;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt as _};
use serde_json::Value;
use toolbox::api::{self, CALL_SECONDS};

use crate::tools;
use crate::tree::{Refusal, Tree};

struct Server {
    tree: Arc<Tree>,
}

/// Serves until the host closes standard input.
pub(crate) async fn serve(tree: &Path) -> anyhow::Result<()> {
    let tree = Arc::new(Tree::open(tree).context("could not open the tree")?);
    let service =
        Server { tree }.serve(rmcp::transport::stdio()).await.context("could not start the tool server")?;
    service.waiting().await.context("could not go on serving")?;
    Ok(())
}

fn manifest() -> Vec<Tool> {
    api::tools()
        .into_iter()
        .filter(|tool| !api::is_engine_tool(tool.name))
        .map(|tool| {
            let schema = tool.input_schema.as_object().cloned().unwrap_or_default();
            Tool::new(tool.name, tool.description, schema)
        })
        .collect()
}

impl Server {
    async fn answer(&self, request: CallToolRequestParams) -> tools::Answer {
        let input = Value::Object(request.arguments.unwrap_or_default());
        let call = tools::call(Arc::clone(&self.tree), request.name.into_owned(), input);
        tokio::time::timeout(Duration::from_secs(CALL_SECONDS), call)
            .await
            .unwrap_or_else(|_late| Err(Refusal::new("the tool took too long")))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(manifest()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let result = match self.answer(request).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(refusal) => CallToolResult::error(vec![ContentBlock::text(refusal.0)]),
        };
        Ok(result.into())
    }
}
