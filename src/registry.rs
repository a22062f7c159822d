//! (registry)
