//! What both programs need to measure a school's line: wire formats, pacing, receivers, clients and servers.
//!
//! | Question | Module |
//! |---|---|
//! | who may measure, against which server, how fast, until when? | [`lease`] |
//! | does the line carry its target? paced datagrams, counted where they arrive | [`probe`] |
//! | when did a datagram arrive, and how many were dropped here? | [`socket`] |
//! | what time is it, whatever somebody sets the clock to? | [`clock`] |
//! | is the computer's own interface what was measured? | [`interface`] |
//! | had the computer time to measure? | [`processor`] |
//! | how fast is one TCP connection, as any ndt7 client and server see it? | [`ndt7`] |
//! | what do eight TCP streams carry, where datagrams do not pass? | [`tcp`] |
//! | all that a server does over TCP, as one part | [`over_tcp`] |
//! | how fast is a LibreSpeed server that a region already has? | [`librespeed`] |
//! | how is a server reached, and what is in the way? | [`reach`] |
//! | who may load a server over TCP? | [`admission`] |
//! | what does the kernel know of a connection? | [`tcp_info`] |
//! | what did a method over TCP find? | [`streamed`] |
//!
//! This crate knows the documents of `inventory_schema` and nothing of agents, controllers, schools or databases.
//! It measures and does not judge: what a result means is decided by the verdict over its record. Decisions
//! (plans, statistics, the states of a session) take packets and times and return values; sockets, clocks and
//! threads are touched by the files that say so.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admission;
mod bytes;
pub mod clock;
pub mod interface;
pub mod lease;
pub mod librespeed;
pub mod load;
pub mod ndt7;
pub mod over_tcp;
pub mod probe;
pub mod processor;
pub mod reach;
pub mod socket;
pub mod streamed;
pub mod tcp;
pub mod tcp_info;
pub mod websocket;
