//! The names, schemas and limits of the tools, and the shape of what leaves
//! the container. The service imports this module and nothing else of the
//! toolbox, so the two cannot drift apart.

use serde::{Deserialize, Serialize};

/// Where the static binary is mounted, read-only, in every container.
pub const BINARY: &str = "/opt/chaperone/toolbox";
/// Where the gateway's socket is mounted; the directory is read-only.
pub const GATEWAY_SOCKET: &str = "/run/chaperone/gateway.sock";
/// The port on the container's loopback that leads to the gateway.
pub const GATEWAY_PORT: u16 = 4873;
/// The user of the tool server, which is the container's main process.
pub const SERVER_UID: u32 = 10002;
/// The user of every command; it cannot touch the tool server.
pub const COMMAND_UID: u32 = 10001;
/// The group that both share for the tree.
pub const TREE_GID: u32 = 10010;

/// One changed path as `toolbox export` writes it: this record as one line
/// of JSON, then `size` bytes of content. The last record has `path` empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// Relative to the tree, `/`-separated; not trusted by the reader.
    pub path: String,
    /// `100644` or `100755`; `None` when the path was deleted.
    pub mode: Option<u32>,
    pub size: u64,
}
