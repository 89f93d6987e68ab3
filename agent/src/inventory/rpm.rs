//! Installed packages of RPM, read from its database without starting rpm (Alt, RED OS, CentOS, Fedora).
//!
//! The database has three forms: [`sqlite`] (`rpmdb.sqlite`), [`ndb`] (`Packages.db`) and [`bdb`] (`Packages`). Each
//! holds one [`header`] per package, often of hundreds of kilobytes, most of it lists of files. So no reader holds
//! a whole one: it hands out each as a [`Value`] of which the few wanted bytes are taken, and one page of the
//! database is in memory at a time. Nothing is locked: what another process is writing meanwhile may be torn, is
//! counted as damaged, and the rest is listed.
//!
//! Readers are given streams and know no path. Called by `collect/software.rs`.

pub mod bdb;
mod chain;
pub mod header;
pub mod ndb;
pub mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use inventory_schema::Timestamp;
use inventory_schema::inventory::{PackageList, PackageManager, SoftwarePackage};
use inventory_schema::quantity::Bytes;
use inventory_schema::text::{SoftwareName, SoftwareVersion, Word};

use header::Header;

/// The most packages that are listed; a full workstation has 4,000.
const PACKAGE_LIMIT: usize = 20_000;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database cannot be read")]
    Io(#[source] io::Error),
    #[error("{0}")]
    Malformed(&'static str),
}

impl From<io::Error> for DatabaseError {
    /// A file that ends too early is no fault of the system.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Malformed("the database ends too early"),
            _ => Self::Io(error),
        }
    }
}

/// What stands under a key of the database, possibly in pieces. Asked at ascending offsets only, so that
/// pieces need not be kept.
pub trait Value {
    fn length(&self) -> u64;
    /// Fills `into` from `offset` on.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), DatabaseError>;
}

/// A database as its reader sees it.
pub trait Stream: Read + Seek {}
impl<S: Read + Seek> Stream for S {}

fn read_exact_at(stream: &mut dyn Stream, offset: u64, into: &mut [u8]) -> Result<(), DatabaseError> {
    stream.seek(SeekFrom::Start(offset))?;
    Ok(stream.read_exact(into)?)
}

fn length_of(stream: &mut dyn Stream) -> Result<u64, DatabaseError> {
    Ok(stream.seek(SeekFrom::End(0))?)
}

/// The packages of one database, as its records arrive.
#[derive(Debug, Default)]
pub struct Listing {
    packages: Vec<SoftwarePackage>,
    installed_size: u64,
    newest: u32,
    /// Records and pages that could not be read.
    pub damaged: usize,
    /// There were more packages than the agent lists.
    pub cut_short: bool,
}

impl Listing {
    /// Reads a record's header and keeps what is reported of it.
    pub fn take(&mut self, record: &mut dyn Value) {
        match header::read(record) {
            Ok(header) => self.keep(header),
            Err(_) => self.damaged += 1,
        }
    }

    fn keep(&mut self, header: Header) {
        if self.packages.len() == PACKAGE_LIMIT {
            self.cut_short = true;
            return;
        }
        self.installed_size = self.installed_size.saturating_add(header.size.unwrap_or(0));
        self.newest = self.newest.max(header.installed.unwrap_or(0));
        self.packages
            .extend(SoftwareName::observed(&header.name).map(|name| SoftwarePackage {
                name,
                version: SoftwareVersion::observed(&header.full_version()),
                architecture: header.architecture.as_deref().and_then(Word::observed),
            }));
    }

    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// The list as it is reported: sorted, the system's own architecture left out.
    pub fn finish(mut self) -> PackageList {
        leave_out_native(&mut self.packages);
        self.packages.sort_unstable();
        self.packages.shrink_to_fit();
        PackageList {
            installed_size: Some(Bytes::saturating(self.installed_size)),
            last_change: (self.newest > 0).then(|| Timestamp::from_unix_micros(i64::from(self.newest) * 1_000_000)),
            ..PackageList::new(PackageManager::Rpm, self.packages)
        }
    }
}

/// The system's own architecture is the one that most packages are for.
fn leave_out_native(packages: &mut [SoftwarePackage]) {
    let mut counts: BTreeMap<Word, usize> = BTreeMap::new();
    for architecture in packages.iter().filter_map(|package| package.architecture.as_ref()) {
        if architecture.as_str() != "noarch" {
            *counts.entry(architecture.clone()).or_default() += 1;
        }
    }
    let native = counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(architecture, _)| architecture);
    for package in packages {
        package
            .architecture
            .take_if(|architecture| architecture.as_str() == "noarch" || Some(&*architecture) == native.as_ref());
    }
}
