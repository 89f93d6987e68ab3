//! `cos-controller evidence checkpoint|export|verify`. Verifying needs neither configuration nor database.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use inventory_schema::organization::Ogrn;
use inventory_schema::{DeviceId, Digest, Timestamp};
use jiff::tz::TimeZone;

use super::{print_chain, with_store};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::authority::Authority;
use crate::config::Config;
use crate::evidence::archive::Output;
use crate::evidence::checkpoint::CheckpointLine;
use crate::evidence::document::{Organization, Selection};
use crate::evidence::export::{Exported, Source, Wish, export};
use crate::evidence::span::{Span, SpanError};
use crate::evidence::verify::frame::Unreadable;
use crate::evidence::verify::{Known, Verdict, verify, words};
use crate::private_file::{NotMade, PrivateFile};
use crate::store::checkpoint::CheckpointRecord;
use crate::store::{Scope, Store};
use crate::task::checkpoint::Taker;

#[derive(Debug, Args)]
pub struct EvidenceArguments {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Напечатать строку новейшей контрольной точки / Print the newest checkpoint's line
    #[command(after_help = "Пример:\n  cos-controller evidence checkpoint --now")]
    Checkpoint {
        /// Сначала взять точку на этот момент, не дожидаясь полуночи / Take one of this moment first
        #[arg(long)]
        now: bool,
    },
    /// Выгрузить отчёты с подписями в архив, который проверяется без сервера / Export signed reports into an archive
    #[command(
        group = ArgGroup::new("whose").required(true),
        after_help = "Пример:\n  cos-controller evidence export --organization 1205999000019 --from 2026-09-01 --to 2026-11-30 --out школа.tar"
    )]
    Export(ExportArguments),
    /// Проверить архив: без базы данных, настроек и сети / Check an archive: no database, no configuration, no network
    #[command(
        after_help = "Пример:\n  cos-controller evidence verify школа.tar --checkpoint \"cos-checkpoint/1 RU-PER 42 …\"\n\nКод завершения: 0 сходится, 1 не сходится (где и что, напечатано), 2 файл не читается как архив"
    )]
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
struct ExportArguments {
    /// Номер устройства; можно несколько / A device's id; repeatable
    #[arg(long, value_name = "ID", group = "whose", num_args = 1..)]
    device: Vec<DeviceId>,
    /// ОГРН: все устройства организации / All devices of an organization
    #[arg(long, value_name = "ОГРН", group = "whose")]
    organization: Option<Ogrn>,
    /// Первый день, по времени региона / The first day
    #[arg(long, value_name = "ГГГГ-ММ-ДД", default_value = "")]
    from: String,
    /// Последний день, включительно / The last day, included
    #[arg(long, value_name = "ГГГГ-ММ-ДД", default_value = "")]
    to: String,
    /// Новый файл; существующий не перезаписывается / A new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct VerifyArguments {
    /// Архив / The archive
    file: PathBuf,
    /// Строка контрольной точки, полученная раньше / A checkpoint's line that was kept
    #[arg(long, value_name = "LINE")]
    checkpoint: Option<CheckpointLine>,
    /// Отпечаток корневого сертификата региона; можно несколько / SHA-256 of the region's root certificate
    #[arg(long, value_name = "sha256:…")]
    root: Vec<Digest>,
    /// JSON вместо текста / JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum EvidenceError {
    #[error("контрольную точку сейчас берёт другой контроллер; повторите команду / another controller is taking a checkpoint")]
    Busy,
    #[error("в реестре нет организации с ОГРН {0} / there is no organization {0} in the register")]
    Organization(Ogrn),
    #[error("нет устройства {0} / there is no device {0}")]
    Device(DeviceId),
    #[error("{path} уже есть; укажите другое имя / the file exists")]
    Exists { path: PathBuf },
    #[error("{path} не записывается / the file cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Span(#[from] SpanError),
}

/// Does what `arguments` ask; the configuration lies at `path` for those that need one.
pub fn run(arguments: &EvidenceArguments, path: &Path, now: Timestamp, out: &mut impl Write) -> Result<ExitCode, Box<dyn Error>> {
    match &arguments.command {
        EvidenceCommand::Checkpoint { now: at_once } => {
            let record = checkpoint(&Config::load(path)?, *at_once, now)?;
            writeln!(out, "{}", record.line())?;
        }
        EvidenceCommand::Export(arguments) => {
            let exported = write_archive(arguments, &Config::load(path)?, now)?;
            let file = arguments.out.display();
            writeln!(
                out,
                "{file}: устройств {}, отчётов {}, байт {}. Проверить: cos-controller evidence verify {file}",
                exported.devices, exported.reports, exported.bytes
            )?;
        }
        EvidenceCommand::Verify(arguments) => return check(arguments, out),
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest checkpoint, after one was taken where one is due or asked for.
fn checkpoint(config: &Config, at_once: bool, now: Timestamp) -> Result<CheckpointRecord, Box<dyn Error>> {
    let authority = Authority::load(&config.authority.directory)?;
    let zone = zone(config)?;
    with_store(config, async |store| {
        let taker = Taker {
            store: &store,
            authority: &authority,
            region: &config.region.id,
        };
        if !at_once {
            taker.take_if_due(now, &zone).await?;
            return Ok(store.newest_checkpoint().await?.ok_or(EvidenceError::Busy)?);
        }
        let record = taker.take_now(now).await?.ok_or(EvidenceError::Busy)?;
        Entry::by_command_line(now, Action::CheckpointTaken, SubjectKind::Checkpoint, record.checkpoint.number)
            .record(&store)
            .await?;
        Ok(record)
    })
}

fn zone(config: &Config) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(&config.region.time_zone.to_string())
}

fn write_archive(arguments: &ExportArguments, config: &Config, now: Timestamp) -> Result<Exported, Box<dyn Error>> {
    let span = Span::of(&arguments.from, &arguments.to, &zone(config)?).map_err(EvidenceError::Span)?;
    let authority = Authority::load(&config.authority.directory)?;
    with_store(config, async |store| {
        let (wish, entries) = wish(&store, arguments, span, now).await?;
        let file = ArchiveFile::create(&arguments.out)?;
        let source = Source {
            store: &store,
            authority: &authority,
            region: &config.region.id,
        };
        let bar = Bar::new(wish.devices.len() as u64, "устройств");
        let written = export(source, &wish, now, &file, |done| bar.show(done)).await;
        bar.end();
        let exported = match written {
            Ok((_, exported)) => exported,
            Err(error) => {
                file.0.discard();
                return Err(error.into());
            }
        };
        file.flush()?;
        for entry in entries {
            entry.with("reports", exported.reports).record(&store).await?;
        }
        Ok(exported)
    })
}

/// What is asked for, and what the log will say of it.
async fn wish(store: &Store, arguments: &ExportArguments, span: Span, now: Timestamp) -> Result<(Wish, Vec<Entry>), Box<dyn Error>> {
    let entry =
        |kind, id: String, organization| Entry::by_command_line(now, Action::EvidenceExported, kind, id).of_organization(organization);
    let (selection, devices, entries) = if let Some(ogrn) = &arguments.organization {
        let found = store.organization_by_ogrn(Scope::REGION, ogrn).await?;
        let found = found.ok_or_else(|| EvidenceError::Organization(ogrn.clone()))?;
        let devices = store.device_ids_of(Scope::REGION, found.external_id).await?;
        let named = Organization {
            ogrn: ogrn.to_string(),
            name: found.short_name,
        };
        let entries = vec![entry(SubjectKind::Organization, found.external_id.to_string(), found.id)];
        (Selection::Organization(named), devices, entries)
    } else {
        let mut entries = Vec::new();
        for id in &arguments.device {
            let device = store.device(Scope::REGION, *id).await?.ok_or(EvidenceError::Device(*id))?;
            entries.push(entry(SubjectKind::Device, id.to_string(), device.place.organization_id));
        }
        (Selection::Devices(arguments.device.clone()), arguments.device.clone(), entries)
    };
    let wish = Wish {
        selection,
        devices,
        from: span.from,
        to: span.to,
    };
    Ok((wish, entries))
}

/// Where the archive is written.
struct ArchiveFile(PrivateFile);

impl ArchiveFile {
    fn create(path: &Path) -> Result<Self, EvidenceError> {
        PrivateFile::create(path).map(Self).map_err(|error| match error {
            NotMade::Exists(path) => EvidenceError::Exists { path },
            NotMade::Failed { path, source } => EvidenceError::Write { path, source },
        })
    }

    fn flush(&self) -> Result<(), EvidenceError> {
        self.0.sync().map_err(|source| EvidenceError::Write {
            path: self.0.path().to_owned(),
            source,
        })
    }
}

impl Output for &ArchiveFile {
    async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.0.append(&bytes)
    }
}

/// Progress on a terminal, silence elsewhere.
struct Bar {
    total: u64,
    unit: &'static str,
    is_shown: bool,
}

impl Bar {
    fn new(total: u64, unit: &'static str) -> Self {
        Self {
            total,
            unit,
            is_shown: io::stderr().is_terminal(),
        }
    }

    fn show(&self, done: u64) {
        const WIDTH: u64 = 30;
        if self.is_shown && self.total > 0 {
            let filled = usize::try_from(WIDTH * done.min(self.total) / self.total).unwrap_or(0);
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(WIDTH as usize - filled));
            eprint!("\r{bar} {done} из {} {}", self.total, self.unit);
        }
    }

    fn end(&self) {
        if self.is_shown {
            eprintln!();
        }
    }
}

fn check(arguments: &VerifyArguments, out: &mut impl Write) -> Result<ExitCode, Box<dyn Error>> {
    let known = Known {
        line: arguments.checkpoint.clone(),
        roots: arguments.root.clone(),
    };
    match read(&arguments.file, &known) {
        Ok(verdict) => {
            if arguments.json {
                serde_json::to_writer_pretty(&mut *out, &verdict)?;
                writeln!(out)?;
            } else {
                write!(out, "{}", words::verdict(&verdict))?;
            }
            Ok(if verdict.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            print_chain(&error, &mut io::stderr().lock())?;
            Ok(ExitCode::from(2))
        }
    }
}

fn read(path: &Path, known: &Known) -> Result<Verdict, Unreadable> {
    const BUFFER: usize = 1 << 20;
    const MEBIBYTE: u64 = 1 << 20;
    let file = File::open(path)?;
    let bar = Bar::new(file.metadata()?.len() / MEBIBYTE, "МиБ");
    let verdict = verify(BufReader::with_capacity(BUFFER, file), known, |done| bar.show(done / MEBIBYTE));
    bar.end();
    verdict
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::fixture::{Fixture, SCHOOL, now};
    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: EvidenceArguments,
    }

    /// What the command prints, or why it failed.
    fn evidence(fixture: &Fixture, line: &[&str]) -> Result<String, String> {
        let path = fixture.folder.path().join("controller.toml");
        std::fs::write(&path, toml::to_string(&fixture.config).unwrap()).unwrap();
        let program = Program::try_parse_from(["evidence"].iter().chain(line)).unwrap();
        let mut out = Vec::new();
        match run(&program.arguments, &path, now(), &mut out) {
            Ok(_) => Ok(String::from_utf8(out).unwrap()),
            Err(error) => {
                let mut said = Vec::new();
                print_chain(error.as_ref(), &mut said).unwrap();
                Err(String::from_utf8(said).unwrap())
            }
        }
    }

    #[test]
    fn a_line_is_printed_and_one_that_was_asked_for_is_logged() {
        let fixture = Fixture::with_region();
        let first: CheckpointLine = evidence(&fixture, &["checkpoint"]).unwrap().parse().unwrap();
        assert_eq!(evidence(&fixture, &["checkpoint"]).unwrap().parse(), Ok(first.clone()));
        assert_eq!(fixture.activities(), Vec::<String>::new());
        let second: CheckpointLine = evidence(&fixture, &["checkpoint", "--now"]).unwrap().parse().unwrap();
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(fixture.activities(), ["cli checkpoint_taken 2"]);
    }

    #[test]
    fn an_export_goes_into_a_new_file_and_into_the_log() {
        let fixture = Fixture::with_region();
        let path = fixture.folder.path().join("школа.tar");
        let name = path.to_str().unwrap();
        let export = |whose: &[&str]| evidence(&fixture, &[["export", "--out", name].as_slice(), whose].concat());
        assert!(
            export(&["--organization", "1027700132195"])
                .unwrap_err()
                .contains("нет организации с ОГРН")
        );
        let nobody = DeviceId::generate().to_string();
        assert!(export(&["--device", &nobody]).unwrap_err().contains("нет устройства"));
        assert!(
            export(&["--organization", SCHOOL, "--from", "1.9.2026"])
                .unwrap_err()
                .contains("не дата")
        );
        assert!(!path.exists(), "an empty file stayed");

        let said = export(&["--organization", SCHOOL]).unwrap();
        assert!(said.contains("evidence verify"), "{said}");
        assert!(fixture.activities()[0].starts_with("cli evidence_exported "));
        assert!(evidence(&fixture, &["verify", name]).unwrap().starts_with("СХОДИТСЯ."));
        assert!(export(&["--organization", SCHOOL]).unwrap_err().contains("уже есть"));
    }

    #[test]
    fn whose_evidence_must_be_said() {
        assert!(Program::try_parse_from(["evidence", "export", "--out", "a.tar"]).is_err());
        let mistyped = "cos-checkpoint/1 RU-PER 1 2026-08-31T19:00:00Z sha256:00 00000000";
        assert!(Program::try_parse_from(["evidence", "verify", "a.tar", "--checkpoint", mistyped]).is_err());
    }
}
