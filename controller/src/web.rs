//! Pages for people: a handler fills a named struct, a template checked at build time shows it.
//!
//! Russian first, English by a switch. Every page works without scripts; nothing comes from another server.
//! Who may see what was decided before a handler runs ([`gate`], `access.rs`) and in the store's scopes; here
//! things are only found, named and arranged.

pub mod account;
pub mod activity;
pub mod asset;
pub mod changes;
mod cookie;
mod csrf;
pub mod device;
pub mod device_import;
pub mod devices;
pub mod download;
pub mod error;
pub mod evidence;
pub mod format;
pub mod gate;
pub mod language;
pub mod line;
pub mod line_view;
pub mod lines;
mod link;
pub mod names;
pub mod operators;
pub mod organization;
pub mod organizations;
pub mod overview;
mod page;
mod pager;
mod part;
pub mod part_search;
mod place;
pub mod register_import;
pub mod review;
pub mod section;
pub mod service;
pub mod session;
pub mod tokens;
pub mod trust;

pub use page::{Page, Visit, html};
pub use pager::Pager;
