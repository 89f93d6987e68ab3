//! The methods over TCP between real sockets on loopback: our clients against our servers, and each against peers
//! that do not keep to the rules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod streams {
    pub mod harness;
    mod hostile;
    mod librespeed;
    mod ndt7;
    mod tcp;
}
