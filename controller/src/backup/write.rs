//! Taking a backup: a file beside its place, flushed, and renamed when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::record::{Cell, KeyFile, Record, Totals, write_row};
use super::{BackupError, Header, MAGIC, Manifest};
use crate::private_file;
use crate::store::Store;
use crate::store::transfer::Snapshot;

/// zstd's own default: bodies come compressed already.
const LEVEL: i32 = 3;

/// What a backup is made from besides the database.
#[derive(Debug, Clone)]
pub struct Origin {
    pub header: Header,
    /// The authority's files; none where they were not asked for.
    pub keys: Vec<KeyFile>,
}

/// Writes a backup of `store` to `path`. `progress` is told a table and how many of its rows are written.
pub async fn take(
    store: &Store,
    origin: impl FnOnce(&Snapshot) -> Origin,
    path: &Path,
    progress: &mut (dyn FnMut(&str, u64) + Send),
) -> Result<Manifest, BackupError> {
    let mut snapshot = store.snapshot().await?;
    let Origin { header, keys } = origin(&snapshot);
    let mut file = BackupFile::create(path)?;
    file.write(&Record::Header(header.clone()))?;
    let mut manifest = Manifest {
        header,
        tables: Default::default(),
        keys: keys.iter().map(|key| key.name.clone()).collect(),
    };
    for head in snapshot.heads().await? {
        file.write(&Record::Table(head.clone()))?;
        let (mut totals, mut rows) = (Totals::default(), 0);
        snapshot
            .read(&head, |cells| {
                file.write_row(cells)?;
                totals.add(cells);
                rows += 1;
                if rows % 10_000 == 0 {
                    progress(&head.name, rows);
                }
                Ok::<(), BackupError>(())
            })
            .await?;
        progress(&head.name, rows);
        manifest.tables.insert(head.name, totals.finish());
    }
    for key in keys {
        file.write(&Record::Key(key))?;
    }
    file.write(&Record::Manifest(manifest.clone()))?;
    file.finish()?;
    Ok(manifest)
}

/// Dropped before it is finished, it leaves nothing behind.
struct BackupFile {
    path: PathBuf,
    partial: PathBuf,
    stream: Option<zstd::stream::write::Encoder<'static, Hashed>>,
}

impl BackupFile {
    fn create(path: &Path) -> Result<Self, BackupError> {
        if path.exists() {
            return Err(BackupError::Exists { path: path.into() });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".partial-{}", std::process::id()));
        let partial = PathBuf::from(partial);
        let failed = |source| BackupError::Write { path: path.into(), source };
        // It holds what the database does: hashes of passwords, of tokens, and maybe keys.
        let file = private_file::create_new(&partial).map_err(failed)?;
        let mut made = Self {
            path: path.into(),
            partial,
            stream: None,
        };
        let mut hashed = Hashed {
            file: BufWriter::new(file),
            context: Context::new(&SHA256),
        };
        hashed.write_all(MAGIC).map_err(failed)?;
        made.stream = Some(zstd::stream::write::Encoder::new(hashed, LEVEL).map_err(failed)?);
        Ok(made)
    }

    fn failed(&self, source: io::Error) -> BackupError {
        BackupError::Write {
            path: self.path.clone(),
            source,
        }
    }

    fn write(&mut self, record: &Record) -> Result<(), BackupError> {
        let stream = self.stream.as_mut().expect("a file is written before it is finished");
        record.write(stream).map_err(|source| self.failed(source))
    }

    fn write_row(&mut self, cells: &[Cell]) -> Result<(), BackupError> {
        let stream = self.stream.as_mut().expect("a file is written before it is finished");
        write_row(stream, cells).map_err(|source| self.failed(source))
    }

    fn finish(mut self) -> Result<(), BackupError> {
        let stream = self.stream.take().expect("a file is finished once");
        finish(stream, &self.partial, &self.path).map_err(|source| self.failed(source))
    }
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        // Renamed when it was finished; what is left is a piece that nobody can use.
        let _ = fs::remove_file(&self.partial);
    }
}

fn finish(stream: zstd::stream::write::Encoder<'static, Hashed>, partial: &Path, path: &Path) -> io::Result<()> {
    let Hashed { mut file, context } = stream.finish()?;
    file.write_all(context.finish().as_ref())?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(partial, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

struct Hashed {
    file: BufWriter<File>,
    context: Context,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.context.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
