//! `cos-controller device import FILE…`: inventories of other systems, as devices of a lower level of evidence.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::organization::Ogrn;
use serde::Serialize;

use super::organization::{FileError, read as read_file};
use super::token::{NamedPlace, place};
use super::{Outcome as CommandOutcome, with_store};
use crate::activity_log::Entry;
use crate::config::Config;
use crate::device_import::{self, Fault, Outcome, kept_file_name, title};
use crate::store::Store;
use crate::store::building::Place;

#[derive(Debug, Args)]
pub struct DeviceArguments {
    #[command(subcommand)]
    command: DeviceCommand,
}

#[derive(Debug, Subcommand)]
enum DeviceCommand {
    /// Загрузить инвентаризации других систем (GLPI JSON; XML FusionInventory и OCS) как устройства «со слов другой системы»
    ///
    /// Сведения о людях отбрасываются до записи. Каждый файл записывается целиком или никак; тот же файл во второй раз
    /// ничего не меняет.
    #[command(
        after_help = "Примеры:\n  cos-controller device import --organization 1205999000019 --dry-run *.json\n  cos-controller device import --organization 1205999000019 --building 1 --room 201 kab201/*.xml --json\n\nКод завершения: 0 приняты все файлы, 1 какие-то не приняты (названы в списке)"
    )]
    Import(ImportArguments),
}

#[derive(Debug, Args)]
struct ImportArguments {
    /// Файлы, по одному компьютеру в каждом
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// ОГРН организации
    #[arg(long, value_name = "ОГРН")]
    organization: Ogrn,
    /// Номер здания организации
    #[arg(long, default_value_t = 1)]
    building: i64,
    /// Номер кабинета
    #[arg(long)]
    room: Option<String>,
    /// Только показать, что изменится
    #[arg(long)]
    dry_run: bool,
    /// Напечатать JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum ImportRefused {
    #[error("файлов не принято: {0}; причины названы выше / files were not taken")]
    Files(usize),
}

/// What became of a file, or would.
#[derive(Debug, Serialize)]
struct Row {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    /// New, or another than before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sections: Vec<String>,
    /// Keys with persons' data that were not kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stripped: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    same_name_other_hardware: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RowError>,
}

#[derive(Debug, Serialize)]
struct RowError {
    #[serde(flatten)]
    fault: Fault,
    message: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Row {
    fn refused(file: String, fault: Fault) -> Self {
        Self {
            file,
            outcome: None,
            device: None,
            title: String::new(),
            sections: Vec::new(),
            stripped: Vec::new(),
            left_out: 0,
            same_name_other_hardware: false,
            error: Some(RowError {
                message: fault.to_string(),
                fault,
            }),
        }
    }
}

pub fn run(arguments: &DeviceArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> CommandOutcome {
    let DeviceCommand::Import(arguments) = &arguments.command;
    let rows = with_store(config, async |store| import(&store, config, arguments, now).await)?;
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)?;
    } else {
        for row in &rows {
            describe(row, out)?;
        }
        if arguments.dry_run {
            writeln!(out, "Ничего не записано (--dry-run).")?;
        }
    }
    match rows.iter().filter(|row| row.error.is_some()).count() {
        0 => Ok(()),
        refused => Err(ImportRefused::Files(refused).into()),
    }
}

async fn import(store: &Store, config: &Config, arguments: &ImportArguments, now: Timestamp) -> Result<Vec<Row>, Box<dyn Error>> {
    let named = NamedPlace {
        organization: &arguments.organization,
        building: arguments.building,
        room: arguments.room.as_deref(),
    };
    let place = place(store, &named).await?;
    let mut rows = Vec::new();
    for path in &arguments.files {
        let shown = path.display().to_string();
        let row = match read_file(path, config.limits.import_bytes.value()) {
            Ok(bytes) => one(store, &place, &shown, path, &bytes, arguments.dry_run, now).await?,
            Err(error) => Row::refused(shown, unreadable(&error)),
        };
        rows.push(row);
    }
    Ok(rows)
}

fn unreadable(error: &FileError) -> Fault {
    match error {
        FileError::TooLarge { limit, .. } => Fault::TooLarge { limit: *limit },
        FileError::Read { source, .. } => Fault::Unreadable { why: source.to_string() },
    }
}

/// Takes one file.
async fn one(
    store: &Store,
    place: &Place,
    shown: &str,
    path: &std::path::Path,
    bytes: &[u8],
    dry_run: bool,
    now: Timestamp,
) -> Result<Row, Box<dyn Error>> {
    let stated = match device_import::read::read(bytes) {
        Ok(stated) => stated,
        Err(fault) => return Ok(Row::refused(shown.to_owned(), fault)),
    };
    let name = kept_file_name(&path.file_name().unwrap_or_default().to_string_lossy());
    let plan = match device_import::plan(store, place, &name, &stated).await? {
        Ok(plan) => plan,
        Err(fault) => return Ok(Row::refused(shown.to_owned(), fault)),
    };
    let mut device = plan.known;
    if !dry_run {
        let entry = |action, kind, subject: String| Entry::by_command_line(now, action, kind, subject);
        match device_import::apply(store, place, &plan, &entry, now).await? {
            Ok(id) => device = Some(id),
            Err(fault) => return Ok(Row::refused(shown.to_owned(), fault)),
        }
    }
    Ok(Row {
        file: shown.to_owned(),
        outcome: Some(plan.outcome),
        device: device.map(|device| device.to_string()),
        title: title(&plan.device.summary),
        sections: plan.device.sections.iter().map(|(name, _)| name.to_string()).collect(),
        stripped: stated.stripped,
        left_out: stated.left_out,
        same_name_other_hardware: plan.same_name_other_hardware,
        error: None,
    })
}

fn describe(row: &Row, out: &mut impl Write) -> std::io::Result<()> {
    if let Some(error) = &row.error {
        return writeln!(out, "{}: не принят: {}", row.file, error.message);
    }
    let outcome = match row.outcome {
        Some(Outcome::New) => "новое устройство",
        Some(Outcome::Changed) => "изменилось",
        Some(Outcome::Unchanged) | None => "без изменений",
        Some(Outcome::Older) => "файл старее того, что уже загружено; пропущен",
    };
    writeln!(out, "{}: {outcome}: {}", row.file, row.title)?;
    if row.outcome.is_some_and(Outcome::writes) {
        writeln!(out, "    разделы: {}", row.sections.join(", "))?;
    }
    if row.same_name_other_hardware {
        writeln!(
            out,
            "    такое же имя другой системы (deviceid) уже есть у другого компьютера: это отдельное устройство"
        )?;
    }
    if !row.stripped.is_empty() {
        writeln!(out, "    не сохранено (сведения о людях): {}", row.stripped.join(", "))?;
    }
    if row.left_out > 0 {
        writeln!(out, "    не сохранено записей сверх предела: {}", row.left_out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
