//! What the service and the tool server agree on.

pub mod api;
