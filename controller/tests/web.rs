//! What people do on the pages, from signing in to importing a register, against the real store.

#![allow(clippy::unwrap_used)]

mod people;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::http::{StatusCode, header};
use cos_controller::access::Role;
use inventory_schema::{CanonicalBytes, SectionName};
use people::{PASSWORD, World, report};

#[path = "web/signing_in.rs"]
mod signing_in;

#[path = "web/pages.rs"]
mod pages;

#[path = "web/tokens.rs"]
mod tokens;

#[path = "web/operators.rs"]
mod operators;

#[path = "web/importing.rs"]
mod importing;

#[path = "web/device_import.rs"]
mod device_import;

#[path = "web/evidence.rs"]
mod evidence;

#[path = "web/evidence_for_programs.rs"]
mod evidence_for_programs;

#[path = "web/lines.rs"]
mod lines;

#[path = "web/parts.rs"]
mod parts;

#[path = "web/kinds_and_numbers.rs"]
mod kinds_and_numbers;

#[path = "web/locales.rs"]
mod locales;

/// The value of a hidden field of a page.
fn field(page: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let start = page.find(&marker).unwrap() + marker.len();
    page[start..].chars().take_while(|c| *c != '"').collect()
}
