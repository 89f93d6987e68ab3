//! `cos-controller report`: papers from the database, without a browser.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::organization::Oktmo;

use super::{Outcome, with_store};
use crate::config::Config;
use crate::store::Scope;
use crate::store::line::LineFilter;
use crate::task::lines;
use crate::workbook;

#[derive(Debug, Args)]
pub struct ReportArguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Скорость интернета по корпусам: книга XLSX
    #[command(after_help = "Пример:\n  cos-controller report connectivity --out интернет.xlsx --municipality 57701000")]
    Connectivity {
        /// Куда записать / the file to write
        #[arg(long, value_name = "FILE.xlsx")]
        out: PathBuf,
        /// Только этот муниципалитет, ОКТМО из восьми цифр / only this municipality
        #[arg(long, value_name = "ОКТМО")]
        municipality: Option<Oktmo>,
    },
}

#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("муниципалитета с ОКТМО {0} в реестре нет / no such municipality")]
    Municipality(Oktmo),
    #[error("не удалось записать {path} / the file could not be written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

pub fn run(arguments: &ReportArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    let Report::Connectivity { out: path, municipality } = &arguments.report;
    let settings = config.line.settings();
    let zone = config.region.time_zone.time_zone();
    let region = config.region.name.to_string();
    let bytes = with_store(config, |store| async move {
        // What was measured since the last look is in the paper too.
        lines::run(&store, &settings, &zone, now).await?;
        let municipality = match municipality {
            None => None,
            Some(oktmo) => {
                let known = store.municipalities(Scope::REGION).await?;
                let found = known.into_iter().find(|known| known.oktmo == *oktmo);
                Some(found.ok_or_else(|| ReportError::Municipality(oktmo.clone()))?.id)
            }
        };
        let filter = LineFilter {
            municipality,
            ..LineFilter::default()
        };
        Ok(workbook::region(&store, Scope::REGION, &settings, &filter, &region, now).await?)
    })?;
    std::fs::write(path, &bytes).map_err(|source| ReportError::Write {
        path: path.clone(),
        source,
    })?;
    writeln!(out, "{}: {} байт", path.display(), bytes.len())?;
    Ok(())
}
