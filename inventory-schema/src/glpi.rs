//! GLPI's inventory format: what other programs call a computer, written and read.
//!
//! One set of types serves both ways ([`content`]): [`export()`] fills it from an inventory of ours, [`import()`]
//! reads it from a file of another system. Written, a document keeps the format's rules: no key that the format
//! does not know but below `content.cos`, numbers where it wants numbers, words of its closed lists only. Read, it is
//! forgiven what does not matter ([`lenient`]): a number as text, one object where a list is meant, unknown keys.
//!
//! Persons' data has no place in these types (promise 8). Users, processes, environments, owners are known by
//! their key alone ([`lenient::Present`]), so that people can be told what was left behind; their contents are passed
//! over while the file is read and are never in memory. Free text that people type passes the person-name filter.
//!
//! Called by `cos-agent inventory --glpi` and by the controller's import of devices, which also brings XML of the
//! older agents into this shape. Knows no file and no database.

pub mod content;
mod export;
mod import;
pub mod lenient;

pub use content::Document;
pub use export::export;
pub use import::{MAX_DISKS, NotImportable, Origin, Stated, StatedSections, import};

#[cfg(test)]
mod tests;
