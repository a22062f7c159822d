//! (integrity)
