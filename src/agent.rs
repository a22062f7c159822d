//! (agent)
