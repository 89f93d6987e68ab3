//! Evidence that can be checked without us (promise 2).
//!
//! Devices sign and chain their reports. What is left to doubt is the region itself: it holds the certificate
//! authority and could make a device up. So each day a [`checkpoint`] is taken over all chain heads and the
//! authority's log, its one line is shown, printed and mailed out, and what is older than a line that somebody
//! keeps can no longer be changed or added unnoticed, by nobody.
//!
//! Everything here is pure: trees ([`merkle`]), what is hashed into them ([`leaf`]), the
//! checkpoint and its line. Taking a checkpoint is `task/checkpoint.rs`, its rows are `store/checkpoint.rs`.

pub mod archive;
pub mod checkpoint;
pub mod document;
pub mod export;
pub mod leaf;
pub mod merkle;
pub mod span;
pub mod verify;
