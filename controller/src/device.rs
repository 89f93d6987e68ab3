//! Which computer is which: hardware compared with what is recorded, and what follows from it (promise 3).
//!
//! [`which`] answers whose hardware some evidence is of. Who asks decides what to do about it: enrollment spends
//! or does not spend a token. Nobody else relies on how the answer is found.

pub mod cases;
pub mod which;
