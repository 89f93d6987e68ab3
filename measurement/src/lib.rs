//! What both programs need to measure a school's line: wire formats, pacing, receivers, clients and servers.
//!
//! | Question | Module |
//! |---|---|
//!
//! This crate knows the documents of `inventory_schema` and nothing of agents, controllers, schools or databases.
//! It measures and does not judge: what a result means is decided by the verdict over its record. Decisions
//! (plans, statistics, the states of a session) take packets and times and return values; sockets, clocks and
//! threads are touched by the files that say so.

#![cfg_attr(test, allow(clippy::unwrap_used))]
