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

#[cfg(test)]
mod tests {
    use calamine::{Reader, Xlsx};
    use clap::Parser;

    use super::super::fixture::{Fixture, TOWN, now};
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ReportArguments,
    }

    /// The rows below the heads of the sheet of buildings.
    fn written(fixture: &Fixture, more: &[&str]) -> Result<usize, String> {
        let path = fixture.folder.path().join("lines.xlsx");
        let mut words = vec!["report", "connectivity", "--out", path.to_str().unwrap()];
        words.extend(more);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let said = fixture.printed(|config, out| run(&line.arguments, config, now(), out))?;
        assert!(said.contains("lines.xlsx"), "{said}");
        let mut book: Xlsx<_> = calamine::open_workbook(&path).unwrap();
        assert_eq!(book.sheet_names(), ["Корпуса", "Как считалось"]);
        Ok(book.worksheet_range("Корпуса").unwrap().height() - 1)
    }

    #[test]
    fn a_workbook_has_every_building_or_those_of_one_municipality() {
        let fixture = Fixture::with_region();
        let all = written(&fixture, &[]).unwrap();
        assert_eq!(all, 147);
        let town = written(&fixture, &["--municipality", TOWN]).unwrap();
        assert!(town > 0 && town < all, "{town}");
        let nowhere = written(&fixture, &["--municipality", "99999999"]).unwrap_err();
        assert!(nowhere.contains("99999999"), "{nowhere}");
    }
}
