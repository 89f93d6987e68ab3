//! Reading a backup: its checksum first, then every record against the manifest, and only then into a database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use inventory_schema::RegionId;

use super::record::{Cell, KeyFile, Record, RecordError, TableHead, Totals};
use super::{BackupError, Header, MAGIC, Manifest};
use crate::store::Store;
use crate::store::month::ReceivedMonth;
use crate::store::transfer::{Loading, ROWS};

const MONTH: &str = "received_month";

/// A backup that was found whole.
#[derive(Debug, Clone)]
pub struct Verified {
    path: PathBuf,
    pub manifest: Manifest,
    pub keys: Vec<KeyFile>,
    /// The months its reports are of.
    months: BTreeSet<ReceivedMonth>,
}

/// Reads a backup once through, and believes none of it before its checksum holds.
pub fn verify(path: &Path) -> Result<Verified, BackupError> {
    check_whole(path)?;
    let mut records = Records::open(path)?;
    let malformed = |source| BackupError::Malformed { path: path.into(), source };
    let (mut tables, mut keys, mut months) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    let mut table: Option<(TableHead, Totals)> = None;
    let header = match records.next().map_err(malformed)? {
        Record::Header(header) => header,
        _ => return Err(malformed(RecordError::Order("the first says nothing of the backup"))),
    };
    let mut close = |table: &mut Option<(TableHead, Totals)>| {
        if let Some((head, totals)) = table.take() {
            tables.insert(head.name, totals.finish());
        }
    };
    let manifest = loop {
        match records.next().map_err(malformed)? {
            Record::Header(_) => return Err(malformed(RecordError::Order("a second beginning"))),
            Record::Table(head) => {
                close(&mut table);
                table = Some((head, Totals::default()));
            }
            Record::Row(cells) => {
                let (head, totals) = table
                    .as_mut()
                    .filter(|(head, _)| head.columns.len() == cells.len())
                    .ok_or_else(|| malformed(RecordError::Order("a row of no table")))?;
                totals.add(&cells);
                months.extend(month_of(head, &cells));
            }
            Record::Key(key) => keys.push(key),
            Record::Manifest(manifest) => {
                close(&mut table);
                break manifest;
            }
        }
    };
    if manifest.header != header || manifest.tables != tables || !names(&keys).eq(&manifest.keys) {
        return Err(malformed(RecordError::Order("the manifest does not say what the file holds")));
    }
    Ok(Verified {
        path: path.into(),
        manifest,
        keys,
        months,
    })
}

fn names(keys: &[KeyFile]) -> impl Iterator<Item = &String> {
    keys.iter().map(|key| &key.name)
}

fn month_of(head: &TableHead, cells: &[Cell]) -> Option<ReceivedMonth> {
    let column = head.columns.iter().position(|name| name == MONTH)?;
    match cells.get(column)? {
        Cell::Int(number) => ReceivedMonth::from_number(*number),
        _ => None,
    }
}

impl Verified {
    /// Writes the backup into an empty database, in one transaction, and brings its tables up to date. `progress`
    /// is told a table and how many of its rows are written.
    pub async fn restore(&self, url: &str, region: &RegionId, progress: &mut (dyn FnMut(&str, u64) + Send)) -> Result<Store, BackupError> {
        let header = &self.manifest.header;
        if header.region != *region {
            return Err(BackupError::Region {
                theirs: header.region.clone(),
                ours: region.clone(),
            });
        }
        let store = Store::open_to_restore(url).await?;
        let outcome = self.restore_into(&store, header, progress).await;
        if let Err(error) = outcome {
            store.close().await;
            return Err(error);
        }
        Ok(store)
    }

    async fn restore_into(&self, store: &Store, header: &Header, progress: &mut (dyn FnMut(&str, u64) + Send)) -> Result<(), BackupError> {
        if header.migration > store.newest_migration() {
            return Err(BackupError::Newer {
                program: header.program.clone(),
                migration: header.migration,
            });
        }
        match store.migration().await? {
            // The tables are made as they were when the backup was taken, and brought forward with their rows.
            0 => store.migrate_to(header.migration).await?,
            found if !store.is_empty().await? => {
                let _ = found;
                return Err(BackupError::NotEmpty);
            }
            found if found != header.migration => {
                return Err(BackupError::Prepared {
                    found,
                    wanted: header.migration,
                });
            }
            _ => {}
        }
        let mut loading = store.begin_loading(self.months.clone()).await?;
        let heads = self.load(&mut loading, progress).await?;
        for head in &heads {
            let restored = loading.totals(head).await?;
            if self.manifest.tables.get(&head.name) != Some(&restored) {
                return Err(BackupError::Differs { table: head.name.clone() });
            }
        }
        loading.finish().await?;
        Ok(store.migrate().await?)
    }

    async fn load(&self, loading: &mut Loading, progress: &mut (dyn FnMut(&str, u64) + Send)) -> Result<Vec<TableHead>, BackupError> {
        let mut records = Records::open(&self.path)?;
        let malformed = |source| BackupError::Malformed {
            path: self.path.clone(),
            source,
        };
        let mut heads: Vec<TableHead> = Vec::new();
        let (mut waiting, mut written) = (Vec::with_capacity(ROWS), 0);
        loop {
            let record = records.next().map_err(malformed)?;
            let is_row = matches!(record, Record::Row(_));
            if let Some(head) = heads.last() {
                if !waiting.is_empty() && (!is_row || waiting.len() == ROWS) {
                    written += waiting.len() as u64;
                    loading.insert(head, std::mem::take(&mut waiting)).await?;
                    progress(&head.name, written);
                }
                if matches!(record, Record::Table(_) | Record::Manifest(_)) {
                    loading.go_on_after(head).await?;
                }
            }
            match record {
                Record::Table(head) => {
                    written = 0;
                    heads.push(head);
                }
                Record::Row(cells) => waiting.push(cells),
                Record::Manifest(_) => return Ok(heads),
                Record::Header(_) | Record::Key(_) => {}
            }
        }
    }
}

/// Whether the checksum at the end is that of all before it.
fn check_whole(path: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Read { path: path.into(), source };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut magic = vec![0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Ok(()) if magic == MAGIC => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(failed(error)),
        _ => return Err(BackupError::Foreign { path: path.into() }),
    }
    let damaged = || BackupError::Damaged { path: path.into() };
    let hashed = length.checked_sub(SHA256_OUTPUT_LEN as u64).ok_or_else(damaged)?;
    let mut context = Context::new(&SHA256);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut rest = (&mut file).take(hashed);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match rest.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => context.update(&buffer[..read]),
        }
    }
    let mut stated = [0; SHA256_OUTPUT_LEN];
    file.read_exact(&mut stated).map_err(failed)?;
    if context.finish().as_ref() == stated {
        Ok(())
    } else {
        Err(damaged())
    }
}

/// The records of a file whose checksum held.
struct Records {
    stream: BufReader<zstd::stream::read::Decoder<'static, BufReader<Take<File>>>>,
}

impl Records {
    fn open(path: &Path) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Read { path: path.into(), source };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        file.seek(SeekFrom::Start(MAGIC.len() as u64)).map_err(failed)?;
        let stream = file.take(length.saturating_sub((MAGIC.len() + SHA256_OUTPUT_LEN) as u64));
        let stream = zstd::stream::read::Decoder::new(stream).map_err(failed)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    fn next(&mut self) -> Result<Record, RecordError> {
        Record::read(&mut self.stream)
    }
}
