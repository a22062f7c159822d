//! (judge)
