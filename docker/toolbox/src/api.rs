//! The names, schemas and limits of the tools, and the shape of what leaves
//! the container. The service imports this module and nothing else of the
//! toolbox, so the two cannot drift apart.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where the static binary is mounted, read-only, in every container.
pub const BINARY: &str = "/opt/chaperone/toolbox";
/// Where the gateway's socket is mounted; the directory is read-only.
pub const GATEWAY_SOCKET: &str = "/run/chaperone/gateway.sock";
/// The port on the container's loopback that leads to the gateway.
pub const GATEWAY_PORT: u16 = 4873;
/// The repository's tree.
pub const TREE: &str = "/work";
/// The tool server's own git directory, out of the command user's reach.
pub const GIT_DIR: &str = "/state/git";
/// The user of the tool server, which is the container's main process.
pub const SERVER_UID: u32 = 10002;
/// The user of every command; it cannot touch the tool server.
pub const COMMAND_UID: u32 = 10001;
/// The group that both share for the tree.
pub const TREE_GID: u32 = 10010;

/// Bytes of text that one tool result may have.
pub const RESULT_CAP: usize = 24 * 1024;
/// Bytes of a file that is read, written or exported; a large lockfile fits.
pub const FILE_CAP: usize = 16 * 1024 * 1024;
/// Seconds that one tool call may take.
pub const CALL_SECONDS: u64 = 30;

/// Answered by the engine, not by the server: the checks, in a fresh
/// container.
pub const VERIFY: &str = "verify";
/// Answered by the engine: the model says that it is done.
pub const FINISH: &str = "finish";
/// Answered by the engine: the model says that it cannot be done.
pub const ABSTAIN: &str = "abstain";

/// Is this tool answered by the engine?
#[must_use]
pub fn is_engine_tool(name: &str) -> bool {
    [VERIFY, FINISH, ABSTAIN].contains(&name)
}

/// One tool as the model sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tool {
    pub name: &'static str,
    pub description: &'static str,
    pub input_schema: Value,
}

/// The whole manifest, the same bytes in every session.
#[must_use]
pub fn tools() -> Vec<Tool> {
    let mut tools = reading_tools();
    tools.extend(writing_tools());
    tools.extend(engine_tools());
    tools
}

fn tool(name: &'static str, description: &'static str, properties: Value, required: &[&str]) -> Tool {
    let input_schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    Tool { name, description, input_schema }
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 1, "description": description })
}

fn reading_tools() -> Vec<Tool> {
    let path = || text("Relative to the repository's root.");
    vec![
        tool(
            "read_file",
            "Reads a text file; every line is shown with its number.",
            json!({ "path": path(), "start_line": number("First line, 1 is the top."), "end_line": number("Last line.") }),
            &["path"],
        ),
        tool(
            "list_files",
            "Lists the files below a directory, without those that .gitignore names.",
            json!({ "path": path(), "pattern": text("A glob such as **/*.js.") }),
            &[],
        ),
        tool(
            "search",
            "Searches the files for a regular expression; gives path, line number and line.",
            json!({ "pattern": text("A regular expression in Rust's syntax."), "path": path(), "glob": text("Only files that match, such as *.ts.") }),
            &["pattern"],
        ),
        tool(
            "run",
            "Runs one read-only command: cat, head, tail, ls, find, wc or rg, with a few exact flags.",
            json!({
                "command": { "type": "string", "enum": ["cat", "head", "tail", "ls", "find", "wc", "rg"] },
                "args": { "type": "array", "items": { "type": "string" }, "maxItems": 16 },
            }),
            &["command", "args"],
        ),
        tool("git_status", "Lists the paths that differ from the base.", json!({}), &[]),
        tool("git_diff", "Shows the change against the base.", json!({ "path": path() }), &[]),
    ]
}

fn writing_tools() -> Vec<Tool> {
    let path = || text("Relative to the repository's root.");
    vec![
        tool(
            "edit_file",
            "Replaces a piece of a file. The old text must occur exactly once.",
            json!({ "path": path(), "old_string": text("The exact text to replace, without line numbers."), "new_string": text("The text to put there.") }),
            &["path", "old_string", "new_string"],
        ),
        tool(
            "write_file",
            "Writes a whole file, and makes it when there is none.",
            json!({ "path": path(), "content": text("The file's whole text.") }),
            &["path", "content"],
        ),
        tool(
            "git_add",
            "Stages paths in a private index; the engine takes the whole tree in any case.",
            json!({ "paths": { "type": "array", "items": path(), "minItems": 1, "maxItems": 100 } }),
            &["paths"],
        ),
        tool(
            "git_commit",
            "Commits what is staged, in the container only; the engine makes the real commit.",
            json!({ "message": text("One line.") }),
            &["message"],
        ),
    ]
}

fn engine_tools() -> Vec<Tool> {
    vec![
        tool(
            VERIFY,
            "Runs the repository's build, type check, lint and tests on the tree as it is now, in a fresh container. Costs no turn.",
            json!({}),
            &[],
        ),
        tool(
            FINISH,
            "Says that the end state is reached. The engine verifies again.",
            json!({ "summary": text("One or two sentences for the reviewer.") }),
            &["summary"],
        ),
        tool(
            ABSTAIN,
            "Says that the end state cannot be reached honestly.",
            json!({ "reason": text("Why not, for the person who asked.") }),
            &["reason"],
        ),
    ]
}

/// One changed path as `toolbox export` writes it: this record as one line
/// of JSON, then `size` bytes of content. The last record has `path` empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// Relative to the tree, `/`-separated; not trusted by the reader.
    pub path: String,
    /// `0o100644` or `0o100755`; another mode is one that the reader refuses;
    /// `None` when the path was deleted.
    pub mode: Option<u32>,
    pub size: u64,
}

/// What `toolbox exec` is asked, as one line of JSON on its standard input;
/// the rest of the input is the command's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    pub argv: Vec<String>,
    /// Relative to the tree.
    pub dir: String,
    pub env: Vec<(String, String)>,
    pub timeout_ms: u64,
    /// Bytes kept of each stream.
    pub output_cap: usize,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecExit {
    Code(i32),
    Signal(i32),
    TimedOut,
    NotStarted,
}

/// What `toolbox exec` answers: one line of JSON, then `stdout` and `stderr`
/// bytes of the two streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecReport {
    pub exit: ExecExit,
    pub stdout: usize,
    pub stderr: usize,
    pub truncated: bool,
    pub duration_ms: u64,
}
