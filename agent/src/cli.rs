//! One command a file; no decisions.

pub mod doctor;
pub mod enroll;
