//! The gates measured: what integrity and the judge say about cases whose
//! right answer is known.
//!
//! Cases are files of the checkout, never part of the program. Nothing here
//! decides anything about a session.

pub mod case;
pub mod export;
pub mod integrity;
pub mod judge;
