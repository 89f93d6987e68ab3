//! `cos-controller backup` and `restore`

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use inventory_schema::Timestamp;

use super::Outcome;
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::authority;
use crate::backup::record::KeyFile;
use crate::backup::write::{Origin, take};
use crate::backup::{BackupError, Header, Manifest, read};
use crate::config::Config;
use crate::store::{EngineKind, Store};

#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Куда записать; существующий файл не перезаписывается
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Взять и ключи удостоверяющего центра. Такой файл — сам по себе право выдавать сертификаты: храните его как ключи
    #[arg(long)]
    with_keys: bool,
    /// Напечатать состав копии как JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// Файл, записанный командой backup
    file: PathBuf,
    /// Восстановить и ключи удостоверяющего центра, если они в копии есть
    #[arg(long)]
    with_keys: bool,
    /// Напечатать состав копии как JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum KeysMissing {
    #[error("в копии нет ключей удостоверяющего центра: её сняли без --with-keys")]
    NotInBackup,
}

pub fn backup(arguments: &BackupArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    let keys = if arguments.with_keys {
        let files = authority::files(&config.authority.directory)?;
        files.into_iter().map(|(name, bytes)| KeyFile { name, bytes }).collect()
    } else {
        Vec::new()
    };
    let manifest = wait(async {
        let store = Store::open_to_read(config.database.url.as_str()).await?;
        let origin = |snapshot: &crate::store::transfer::Snapshot| Origin {
            header: Header {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                migration: snapshot.migration(),
                engine: engine(snapshot.engine_kind()).to_owned(),
                region: config.region.id.clone(),
                taken_at: now,
            },
            keys,
        };
        let manifest = take(&store, origin, &arguments.out, &mut progress()).await;
        store.close().await;
        manifest
    })?;
    if arguments.json {
        return print_json(&manifest, out);
    }
    writeln!(out, "Резервная копия: {}, строк: {}.", arguments.out.display(), manifest.rows())?;
    if manifest.keys.is_empty() {
        writeln!(
            out,
            "Ключей в ней нет: папку {} копируйте отдельно, без неё агенты не узнают контроллер.",
            config.authority.directory.display()
        )?;
    } else {
        writeln!(out, "В ней есть ключи удостоверяющего центра: храните файл как сами ключи.")?;
    }
    Ok(())
}

pub fn restore(arguments: &RestoreArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    let verified = read::verify(&arguments.file)?;
    let directory = &config.authority.directory;
    if arguments.with_keys {
        if verified.keys.is_empty() {
            return Err(KeysMissing::NotInBackup.into());
        }
        // Before anything is written.
        if authority::has_files(directory)? {
            return Err(BackupError::KeysExist { path: directory.clone() }.into());
        }
    }
    let manifest = &verified.manifest;
    wait(async {
        let store = verified
            .restore(config.database.url.as_str(), &config.region.id, &mut progress())
            .await?;
        let entry = Entry::by_command_line(now, Action::Restored, SubjectKind::Database, &config.region.id)
            .with("taken_at", manifest.header.taken_at.to_string())
            .with("rows", manifest.rows());
        let logged = entry.record(&store).await;
        store.close().await;
        Ok::<(), BackupError>(logged?)
    })?;
    if arguments.with_keys {
        let files = verified.keys.iter().map(|key| (key.name.as_str(), key.bytes.as_slice()));
        authority::restore_files(directory, files)?;
    }
    if arguments.json {
        return print_json(manifest, out);
    }
    writeln!(
        out,
        "Восстановлено и сверено: строк {}, по состоянию на {}.",
        manifest.rows(),
        manifest.header.taken_at
    )?;
    said_of_keys(arguments.with_keys, directory, out)?;
    Ok(())
}

fn said_of_keys(restored: bool, directory: &Path, out: &mut impl Write) -> io::Result<()> {
    if restored {
        writeln!(out, "Ключи удостоверяющего центра восстановлены в {}.", directory.display())
    } else {
        writeln!(
            out,
            "Ключи не восстанавливались: {} должна быть папкой прежнего контроллера.",
            directory.display()
        )
    }
}

fn engine(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Sqlite => "sqlite",
        EngineKind::Postgres => "postgres",
    }
}

fn print_json(manifest: &Manifest, out: &mut impl Write) -> Outcome {
    serde_json::to_writer_pretty(&mut *out, manifest)?;
    writeln!(out)?;
    Ok(())
}

fn wait<T>(work: impl Future<Output = Result<T, BackupError>>) -> Result<T, BackupError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(work)
}

/// Tells a terminal which table is at which row; a script is told nothing.
fn progress() -> impl FnMut(&str, u64) + Send {
    let terminal = io::stderr().is_terminal();
    let mut last = String::new();
    move |table: &str, rows: u64| {
        if !terminal {
            return;
        }
        if last != table && !last.is_empty() {
            eprintln!();
        }
        table.clone_into(&mut last);
        eprint!("\r{table}: {rows}");
        // A terminal that went away is no reason to stop.
        let _ = io::stderr().flush();
    }
}
