//! `cos-controller organization import|export`

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;

use super::{Outcome, with_store};
use crate::config::Config;
use crate::register::{Preview, export_csv};
use crate::register_import;

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
            let bytes = std::fs::read(file)?;
            let zone = config.region.time_zone.to_string();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (preview, written) = with_store(config, async |store| {
                let preview = register_import::preview(&store, &bytes, &zone).await?;
                let written = *yes && preview.is_applicable();
                if written {
                    register_import::apply(&store, &preview, format!("import {name}"), now).await?;
                }
                Ok((preview, written))
            })?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &preview)?;
                writeln!(out)?;
            } else {
                describe(&preview, out)?;
            }
            if !preview.is_applicable() {
                return Err(ImportRefused::Errors(preview.errors.len() as u64 + preview.errors_left_out).into());
            }
            if written {
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

fn describe(preview: &Preview, out: &mut impl Write) -> std::io::Result<()> {
    for error in &preview.errors {
        writeln!(out, "строка {}: {}", error.line, error.message)?;
    }
    for warning in &preview.warnings {
        writeln!(out, "строка {}: предупреждение: {}", warning.line, warning.message)?;
    }
    let (new, changed, vanished) = (&preview.new, &preview.changed, &preview.vanished);
    writeln!(out, "Строк в таблице: {}", preview.rows)?;
    writeln!(
        out,
        "Новых: организаций {}, зданий {}, кабинетов {}",
        new.organizations.len(),
        new.buildings.len(),
        new.rooms.len()
    )?;
    writeln!(
        out,
        "Изменённых: организаций {}, зданий {}, кабинетов {}",
        changed.organizations.len(),
        changed.buildings.len(),
        changed.rooms.len()
    )?;
    writeln!(
        out,
        "Есть в реестре, нет в таблице (остаются): организаций {}, зданий {}, кабинетов {}",
        vanished.organizations.len(),
        vanished.buildings.len(),
        vanished.rooms.len()
    )
}
