//! Lines of known rates in network namespaces, and the table of what measuring them must show.
//!
//! Used by the tests of the crate and by its benchmark; needs root, `ip`, `tc` and `chrt`.

pub mod namespaces;
pub mod relay;
pub mod rows;
pub mod school;
