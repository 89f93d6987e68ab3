//! What differs by operating system: default paths, the tree of files that facts are read from, clocks.
//!
//! Everything above this module asks here and never names an operating system itself. It decides nothing:
//! what a reading means is said in [`crate::inventory`], what a clock is worth where trusted time is kept.

mod file_tree;
#[cfg(target_os = "linux")]
mod link_addresses;
#[cfg(target_os = "linux")]
mod linux;
pub mod local_socket;
pub mod private_file;
mod regular_file;
#[cfg(target_os = "windows")]
mod windows;

pub use file_tree::{FileTree, ReadError};
#[cfg(target_os = "linux")]
pub use link_addresses::own_addresses;
#[cfg(target_os = "linux")]
pub use linux::{
    CONFIG_FILE, STATE_DIRECTORY, UNREAD, asked_to_stop, boot_clock, boot_id, machine_architecture, usable_memory, wall_clock,
};
#[cfg(target_os = "windows")]
pub use windows::{
    CONFIG_FILE, STATE_DIRECTORY, UNREAD, asked_to_stop, boot_clock, boot_id, machine_architecture, own_addresses, usable_memory,
    wall_clock,
};
