//! `cos-controller organization import|export`

mod preview;

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use uuid::Uuid;

use super::{Outcome, with_store};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::config::Config;
use crate::register::{Preview, export_csv};
use crate::register_import;
use crate::store::Store;

#[derive(Debug, Args)]
pub struct OrganizationArguments {
    #[command(subcommand)]
    command: OrganizationCommand,
}

#[derive(Debug, Subcommand)]
enum OrganizationCommand {
    /// Сравнить таблицу (CSV или XLSX) с реестром и записать её; без --yes только показать, что изменится
    #[command(
        after_help = "Примеры:\n  cos-controller organization import реестр.xlsx\n  cos-controller organization import реестр.xlsx --yes"
    )]
    Import {
        /// Таблица; формат столбцов описан в docs/register.md
        file: PathBuf,
        /// Записать
        #[arg(long)]
        yes: bool,
        /// Напечатать сравнение как JSON
        #[arg(long)]
        json: bool,
    },
    /// Напечатать реестр как CSV, который можно исправить и импортировать снова
    #[command(after_help = "Пример:\n  cos-controller organization export > реестр.csv")]
    Export,
}

#[derive(Debug, thiserror::Error)]
enum ImportRefused {
    #[error("в таблице есть ошибки ({0}); ничего не записано. Исправьте строки, названные выше, и повторите")]
    Errors(u64),
}

pub fn run(arguments: &OrganizationArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    match &arguments.command {
        OrganizationCommand::Import { file, yes, json } => {
            let bytes = read(file, config.limits.import_bytes.value())?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (preview, written) = with_store(config, async |store| import(&store, &bytes, &name, config, *yes, now).await)?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &preview)?;
                writeln!(out)?;
            } else {
                preview::describe(&preview, out)?;
            }
            if !preview.is_applicable() {
                return Err(ImportRefused::Errors(preview.errors.len() as u64 + preview.errors_left_out).into());
            }
            if *json {
                // Nothing but JSON is printed.
            } else if written {
                writeln!(out, "Записано.")?;
            } else {
                writeln!(out, "Ничего не записано. Чтобы записать, повторите с --yes.")?;
            }
        }
        OrganizationCommand::Export => {
            let csv = with_store(config, async |store| Ok(export_csv(&register_import::current(&store).await?)))?;
            out.write_all(csv.as_bytes())?;
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("файл {path} не читается / the file cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "файл {path} больше {limit} байт; разделите таблицу или увеличьте limits.import_bytes в настройках / the file is larger than {limit} bytes"
    )]
    TooLarge { path: PathBuf, limit: u64 },
}

/// The whole file, unless it is larger than `limit` bytes. What says no size (a pipe, a device) is read no further either.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let too_large = || FileError::TooLarge {
        path: path.to_owned(),
        limit,
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Compares the table with the register, and writes it and who did where that is wished and possible.
async fn import(
    store: &Store,
    table: &[u8],
    file: &str,
    config: &Config,
    write: bool,
    now: Timestamp,
) -> Result<(Preview, bool), Box<dyn Error>> {
    let preview = register_import::preview(store, table, &config.region.time_zone.to_string()).await?;
    if !write || !preview.is_applicable() {
        return Ok((preview, false));
    }
    register_import::apply(store, &preview, format!("import {file}"), now).await?;
    Entry::by_command_line(now, Action::RegisterImported, SubjectKind::Register, Uuid::now_v7())
        .with("file", file)
        .with("new_organizations", preview.new.organizations.len())
        .with("changed_organizations", preview.changed.organizations.len())
        .with("new_rooms", preview.new.rooms.len())
        .record(store)
        .await?;
    Ok((preview, true))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::fixture::{Fixture, SCHOOL, now};
    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: OrganizationArguments,
    }

    fn organization(fixture: &Fixture, line: &[&str]) -> Result<(String, Option<String>), String> {
        let program = Program::try_parse_from(["organization"].iter().chain(line)).unwrap();
        // What is printed before a failure counts too.
        let mut printed = Vec::new();
        let said = fixture.printed(|config, _| run(&program.arguments, config, now(), &mut printed));
        Ok((String::from_utf8(printed).unwrap(), said.err()))
    }

    /// The exported register with `edit` done to it, as a file.
    fn table(fixture: &Fixture, edit: impl FnOnce(String) -> String) -> String {
        let (csv, _) = organization(fixture, &["export"]).unwrap();
        let path = fixture.folder.path().join("реестр.csv");
        std::fs::write(&path, edit(csv)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn an_import_names_what_changes_and_is_logged_once_written() {
        let fixture = Fixture::with_region();
        let school = fixture.school();
        let file = table(&fixture, |csv| csv.replace(&school, "Гимназия имени опыта"));
        let (shown, failure) = organization(&fixture, &["import", &file]).unwrap();
        assert_eq!(failure, None);
        let change = format!("«{school}» → «Гимназия имени опыта»");
        assert!(shown.contains(SCHOOL) && shown.contains(&change), "{shown}");
        assert!(shown.contains("Ничего не записано"), "{shown}");
        assert_eq!(fixture.activities(), Vec::<String>::new());

        let (_, failure) = organization(&fixture, &["import", &file, "--yes"]).unwrap();
        assert_eq!(failure, None);
        let logged = fixture.activities();
        assert!(logged.len() == 1 && logged[0].starts_with("cli register_imported "), "{logged:?}");
        assert_eq!(fixture.school(), "Гимназия имени опыта");
    }

    #[test]
    fn vanished_organizations_are_named_and_the_many_counted() {
        let fixture = Fixture::with_region();
        let school = fixture.school();
        let only = |csv: String| {
            let kept = csv
                .lines()
                .enumerate()
                .filter(|(number, line)| *number == 0 || line.contains(SCHOOL));
            kept.map(|(_, line)| format!("{line}\r\n")).collect()
        };
        let (shown, failure) = organization(&fixture, &["import", &table(&fixture, only)]).unwrap();
        assert_eq!(failure, None, "{shown}");
        // 101 organizations, one in the table, twenty named.
        assert!(shown.contains("и ещё 80"), "{shown}");
        assert!(!shown.contains(&school), "{shown}");
    }

    #[test]
    fn a_fault_is_named_with_its_line_and_column() {
        let fixture = Fixture::with_region();
        let file = table(&fixture, |csv| csv.replacen(SCHOOL, "120599900001X", 1));
        let (shown, failure) = organization(&fixture, &["import", &file, "--yes"]).unwrap();
        assert!(shown.contains("строка 2, столбец «ОГРН»: "), "{shown}");
        assert!(failure.unwrap().contains("ничего не записано"));

        std::fs::write(&file, "").unwrap();
        let (shown, _) = organization(&fixture, &["import", &file]).unwrap();
        assert!(shown.starts_with("весь файл: "), "{shown}");
    }

    #[test]
    fn a_file_beyond_the_limit_or_not_there_is_named() {
        let mut fixture = Fixture::with_region();
        let file = table(&fixture, |csv| csv);
        fixture.config.limits.import_bytes = crate::config::value::Bounded::of(1024);
        let refused = |file: &str| organization(&fixture, &["import", file]).unwrap().1.unwrap();
        let said = refused(&file);
        assert!(said.contains(&file) && said.contains("больше 1024 байт"), "{said}");
        let said = refused("/nowhere/register.csv");
        assert!(said.contains("/nowhere/register.csv не читается"), "{said}");
    }

    #[test]
    #[cfg(unix)]
    fn what_never_ends_is_read_no_further_than_the_limit() {
        assert!(matches!(
            read(Path::new("/dev/zero"), 4096),
            Err(FileError::TooLarge { limit: 4096, .. })
        ));
    }
}
