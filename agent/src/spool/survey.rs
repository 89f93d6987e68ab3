//! Counting a spool from outside, while another process may be using it.

use std::fs;
use std::io;
use std::path::Path;

use super::entry::EntryName;
use super::{BODIES, DAMAGED, FORGOTTEN, REFUSED, REPORTS};

/// What an onlooker sees of a spool that another process may be using. Changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolSurvey {
    pub reports: u64,
    pub tombstones: u64,
    pub bytes: u64,
    pub damaged: u64,
    pub refused: u64,
    pub forgotten: u64,
}

/// Counts what lies in the spool's folders; a folder that is not there counts nothing.
pub fn survey(folder: &Path) -> io::Result<SpoolSurvey> {
    let mut survey = SpoolSurvey::default();
    for (name, bytes) in names(&folder.join(REPORTS))? {
        survey.bytes += bytes;
        if let Some(entry) = EntryName::parse(&name) {
            survey.reports += 1;
            survey.tombstones += u64::from(entry.tombstone);
        }
    }
    survey.bytes += names(&folder.join(BODIES))?.iter().map(|(_, bytes)| bytes).sum::<u64>();
    survey.damaged = names(&folder.join(DAMAGED))?.len() as u64;
    survey.refused = names(&folder.join(REFUSED))?.len() as u64;
    let forgotten = fs::read_to_string(folder.join(FORGOTTEN)).unwrap_or_default();
    survey.forgotten = forgotten.trim().parse().unwrap_or(0);
    Ok(survey)
}

pub(super) fn names(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items?,
    };
    items
        .map(|item| {
            let item = item?;
            let bytes = item.metadata().map(|metadata| metadata.len()).unwrap_or(0);
            Ok((item.file_name().to_string_lossy().into_owned(), bytes))
        })
        .collect()
}
