//! The engine's framed output as a plain stream of bytes.

use std::io;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::{Stream, StreamExt as _};
use tokio::io::AsyncRead;
use tokio_util::bytes::Bytes;
use tokio_util::io::StreamReader;

/// What the engine hands out for an attached process.
pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// Standard output alone, as bytes.
pub(super) fn stdout_of(output: Output) -> impl AsyncRead + Send {
    let bytes = output.filter_map(|item| {
        std::future::ready(match item {
            Ok(LogOutput::StdOut { message }) => Some(Ok::<Bytes, io::Error>(message)),
            Ok(_other) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        })
    });
    StreamReader::new(Box::pin(bytes))
}
