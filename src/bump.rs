//! (bump)
