//! Work between requests, a file each: periodic, and of a kind that may be repeated at will.
//!
//! A task decides by what the store holds whether it has anything to do, and runs alone, whichever controller
//! begins it. Called by `server.rs` on its beat and by the command line.

pub mod checkpoint;
pub mod lines;
pub mod parts;
pub mod retention;
