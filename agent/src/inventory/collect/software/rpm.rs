//! Finds RPM's database in the tree and reads it as it is: without a lock, and again where it was written meanwhile.

use std::fs::File;
use std::time::SystemTime;

use inventory_schema::device::Source;
use inventory_schema::inventory::PackageList;
use inventory_schema::section::ReadFailure;

use super::super::Problems;
use super::{RPM_FOLDERS, too_many};
use crate::inventory::rpm::{DatabaseError, Listing, Stream, bdb, ndb, sqlite};
use crate::platform::{FileTree, ReadError};

/// How often a database is read that is written meanwhile.
const TRIES: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Form {
    Sqlite,
    Ndb,
    Bdb,
}

/// In the order in which they followed each other, the newest first: what a conversion left behind comes last.
const FORMS: [(&str, Form); 3] = [("rpmdb.sqlite", Form::Sqlite), ("Packages.db", Form::Ndb), ("Packages", Form::Bdb)];

/// The packages of the first database that holds any. Systems of dpkg on which rpm was once started have an empty
/// one.
pub(super) fn list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    let places = RPM_FOLDERS
        .iter()
        .flat_map(|folder| FORMS.map(|(name, form)| (format!("{folder}/{name}"), form)));
    for (path, form) in places {
        let listing = match whole(tree, &path, form) {
            Err(Failure::Read(ReadError::NotPresent { .. })) => continue,
            Err(Failure::Read(error)) => {
                problems.add(Source::RpmDatabase, error.failure(), &error.detail());
                continue;
            }
            Err(Failure::Database(error)) => {
                report(problems, &path, &error);
                continue;
            }
            Ok(listing) => listing,
        };
        say_what_is_missing(problems, &path, &listing);
        if !listing.is_empty() {
            return Some(listing.finish());
        }
    }
    None
}

enum Failure {
    Read(ReadError),
    Database(DatabaseError),
}

/// Reads once more what changed under the reader's hands. What is whole needs no second look.
fn whole(tree: &FileTree, path: &str, form: Form) -> Result<Listing, Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        let before = stamp(tree, path)?;
        let read = read(tree, path, form);
        let is_whole = read.as_ref().is_ok_and(|listing| listing.damaged == 0);
        if is_whole || tries == TRIES || stamp(tree, path)? == before {
            return read;
        }
    }
}

fn read(tree: &FileTree, path: &str, form: Form) -> Result<Listing, Failure> {
    let mut file = tree.open(path).map_err(Failure::Read)?;
    let mut listing = Listing::default();
    let outcome = match form {
        Form::Sqlite => {
            let mut log = tree.open(&format!("{path}-wal")).ok();
            let log = log.as_mut().map(|file| file as &mut dyn Stream);
            sqlite::read(&mut file, log, &mut listing)
        }
        Form::Ndb => ndb::read(&mut file, &mut listing),
        Form::Bdb => bdb::read(&mut file, &mut listing),
    };
    outcome.map(|()| listing).map_err(Failure::Database)
}

/// A file's size and when it was written.
type Stamp = (u64, Option<SystemTime>);

/// What changes when somebody writes: sizes and times of the database and of its log.
fn stamp(tree: &FileTree, path: &str) -> Result<[Option<Stamp>; 2], Failure> {
    let of_file = |file: File| file.metadata().ok().map(|found| (found.len(), found.modified().ok()));
    let database = of_file(tree.open(path).map_err(Failure::Read)?);
    Ok([database, tree.open(&format!("{path}-wal")).ok().and_then(of_file)])
}

fn report(problems: &mut Problems, path: &str, error: &DatabaseError) {
    let (failure, reason) = match error {
        DatabaseError::Io(source) => (ReadFailure::SystemError, source.to_string()),
        DatabaseError::Malformed(reason) => (ReadFailure::Malformed, (*reason).to_owned()),
    };
    problems.add(Source::RpmDatabase, failure, &format!("{path}: {reason}"));
}

fn say_what_is_missing(problems: &mut Problems, path: &str, listing: &Listing) {
    if listing.damaged > 0 {
        let detail = format!("{path}: {} parts cannot be read", listing.damaged);
        problems.add(Source::RpmDatabase, ReadFailure::Malformed, &detail);
    }
    if listing.cut_short {
        too_many(problems, Source::RpmDatabase);
    }
}
