//! From the container's loopback to the gateway's socket, byte by byte.
//!
//! It knows no protocol and checks nothing: the gateway does.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use toolbox::api::GATEWAY_PORT;

/// Connections at once; npm opens about fifteen.
const MOST: usize = 64;

/// Listens when there is a socket to forward to. Dropping the set ends it.
pub(crate) async fn start(socket: &Path) -> anyhow::Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    if socket.parent().is_some_and(Path::exists) {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, GATEWAY_PORT);
        let listener = TcpListener::bind(address).await.context("could not listen for the gateway")?;
        tasks.spawn(accept(listener, socket.to_owned()));
    }
    Ok(tasks)
}

async fn accept(listener: TcpListener, socket: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= MOST {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _peer)) = listener.accept().await {
            connections.spawn(forward(stream, socket.clone()));
        }
    }
}

/// A closed door shows as a connection that ends at once.
async fn forward(mut stream: TcpStream, socket: PathBuf) {
    if let Ok(mut gateway) = UnixStream::connect(socket).await {
        // Either side may hang up at any time; that is the end, not an error.
        tokio::io::copy_bidirectional(&mut stream, &mut gateway).await.ok();
    }
}
