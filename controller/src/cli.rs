//! The commands of `cos-controller`, one file each. They read arguments, call a module and print; they decide nothing.

pub mod ca;
