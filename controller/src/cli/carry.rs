//! `cos-controller carry import DIR`: answers the computers of a stick, one by one.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Outcome, with_store};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::authority::Authority;
use crate::carry::stick::{self, ComputerFolder, FileFault};
use crate::carry::{FolderFault, ImportOutcome, Imported, Importer, Unanswerable};
use crate::config::Config;
use crate::pace::Pace;
use crate::server;
use crate::state::{AppState, Clock};
use crate::store::Store;

#[derive(Debug, Args)]
pub struct CarryArguments {
    #[command(subcommand)]
    command: CarryCommand,
}

#[derive(Debug, Subcommand)]
enum CarryCommand {
    /// Принять с флешки запросы и отчёты компьютеров и записать на неё ответы; повторять можно сколько угодно
    #[command(
        after_help = "Примеры:\n  cos-controller carry import /media/usb\n  cos-controller carry import /media/usb --out /media/usb2 --json\n\nКод завершения: 0 принято всё, 1 какие-то папки не приняты (названы в таблице)"
    )]
    Import {
        /// Папка, в которую подключена флешка
        directory: PathBuf,
        /// Записать ответы в другую папку: если флешка защищена от записи
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Напечатать JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, thiserror::Error)]
enum CarryRefused {
    #[error("папок не принято: {0}; причины названы выше, остальные приняты / folders were not taken")]
    Folders(usize),
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Row {
    folder: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    imported: Option<Imported>,
    /// Why the folder was not taken, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

pub fn run(arguments: &CarryArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    let CarryCommand::Import {
        directory,
        out: elsewhere,
        json,
    } = &arguments.command;
    let found = stick::find(directory).map_err(|error| Told(stick_fault(&error), error))?;
    let mut rows: Vec<Row> = found
        .not_plain
        .iter()
        .map(|name| Row::faulty(name, "это ссылка или файл, а не папка".to_owned()))
        .collect();
    let taken = with_store(config, async |store| {
        import(store, config, &found.folders, elsewhere.as_deref(), now).await
    })?;
    rows.extend(taken);
    if *json {
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)?;
    } else {
        print(&rows, out)?;
    }
    if found.left_out > 0 {
        rows.push(Row::faulty(
            "…",
            format!("папок больше {}; ещё {} не просмотрено", stick::MAX_FOLDERS, found.left_out),
        ));
    }
    match rows.iter().filter(|row| row.fault.is_some()).count() {
        0 => Ok(()),
        faulty => Err(CarryRefused::Folders(faulty).into()),
    }
}

/// An error with the sentence that people read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String, #[source] stick::StickError);

fn stick_fault(error: &stick::StickError) -> String {
    match error {
        stick::StickError::Unreadable(path, _) => format!("{} не читается как папка; подключена ли флешка?", path.display()),
        stick::StickError::Empty(path) => format!(
            "в {} нет папки cos-carry: с этой флешкой ещё не обходили компьютеры (cos-agent carry)",
            path.display()
        ),
    }
}

async fn import(
    store: Store,
    config: &Config,
    folders: &[ComputerFolder],
    out: Option<&Path>,
    now: Timestamp,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let authority = Arc::new(Authority::load(&config.authority.directory)?);
    let region = server::region(config, config.device_listener.address.port())?;
    let state = AppState::new(store, authority, region, Clock::system(), Pace::of(config), &config.limits);
    let importer = Importer::new(state.clone())?;
    let mut rows = Vec::with_capacity(folders.len());
    let mut progress = Progress::of(folders.len());
    for folder in folders {
        rows.push(match importer.import_folder(folder, out).await {
            Ok(imported) => Row::taken(folder.name(), imported),
            Err(FolderFault::File(fault)) => Row::faulty(folder.name(), in_russian(&fault)),
            Err(FolderFault::Unanswerable(why)) => Row::faulty(folder.name(), unanswerable(&why)),
        });
        progress.step();
    }
    progress.end();
    log(&state.store, &rows, now).await?;
    Ok(rows)
}

fn in_russian(fault: &FileFault) -> String {
    match fault {
        FileFault::Missing(name) => format!("нет файла {name}: флешку вынули раньше времени, обойдите компьютер ещё раз"),
        FileFault::NotPlain(name) => format!("{name} — ссылка или не файл; папка не тронута"),
        FileFault::TooLarge(name) => format!("{name} больше, чем бывает; папка не тронута"),
        FileFault::Read(name, error) => format!("{name} не читается: {error}"),
        FileFault::Damaged(name) => format!("{name} повреждён; обойдите компьютер ещё раз"),
        FileFault::Write(name, error) => format!("{name} не записывается на флешку: {error}; повторите импорт"),
    }
}

fn unanswerable(why: &Unanswerable) -> String {
    match why {
        Unanswerable::Unsigned(_) => "подпись запроса не сходится: он изменён или повреждён; обойдите компьютер ещё раз".to_owned(),
        Unanswerable::OtherRegion(region) => format!("запрос для региона {region}; отнесите флешку его контроллеру"),
        Unanswerable::WrongFolder => "запрос лежит в папке другого компьютера; папка не тронута".to_owned(),
        Unanswerable::Foreign => "сертификат выдан не этим регионом; зарегистрируйте компьютер токеном этого региона".to_owned(),
        Unanswerable::Later(code) => code.sentence().to_owned(),
    }
}

async fn log(store: &Store, rows: &[Row], now: Timestamp) -> Result<(), Box<dyn Error>> {
    let sum = |count: fn(&Imported) -> usize| rows.iter().filter_map(|row| row.imported.as_ref()).map(count).sum::<usize>();
    Entry::by_command_line(now, Action::StickImported, SubjectKind::Register, Uuid::now_v7())
        .with("computers", rows.len())
        .with("enrolled", sum(|imported| usize::from(imported.outcome == ImportOutcome::Enrolled)))
        .with("reports", sum(|imported| imported.stored))
        .with("not_taken", rows.iter().filter(|row| row.fault.is_some()).count())
        .record(store)
        .await?;
    Ok(())
}

impl Row {
    fn taken(folder: &str, imported: Imported) -> Self {
        Self {
            folder: folder.to_owned(),
            imported: Some(imported),
            fault: None,
        }
    }

    fn faulty(folder: &str, fault: String) -> Self {
        Self {
            folder: folder.to_owned(),
            imported: None,
            fault: Some(fault),
        }
    }
}

fn print(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    for row in rows {
        let said = match (&row.fault, &row.imported) {
            (Some(fault), _) => format!("НЕ ПРИНЯТО: {fault}"),
            (None, Some(imported)) => describe(imported),
            (None, None) => String::new(),
        };
        writeln!(out, "{}  {said}", row.folder)?;
    }
    let taken = rows.iter().filter(|row| row.fault.is_none()).count();
    writeln!(out, "Компьютеров: {}, принято: {taken}.", rows.len())
}

fn describe(imported: &Imported) -> String {
    let mut text = match imported.outcome {
        ImportOutcome::Enrolled => "зарегистрирован".to_owned(),
        ImportOutcome::Pending => "ждёт подтверждения оператора".to_owned(),
        ImportOutcome::TakenIn => "принят".to_owned(),
        ImportOutcome::Repeated => "принят раньше".to_owned(),
        ImportOutcome::Refused => format!("отказано: {}", imported.code.map_or("", |code| code.sentence())),
    };
    if let Some(organization) = &imported.organization {
        let _ = write!(text, ", {organization}");
    }
    let counts = [
        ("новых отчётов", imported.stored),
        ("повторов", imported.duplicates),
        ("развилок", imported.forked),
        ("разрывов", imported.gaps),
        ("отклонено", imported.refused),
        ("не сейчас", imported.later),
        ("повреждено файлов с отчётами", imported.damaged_parts),
    ];
    for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        let _ = write!(text, ", {what}: {count}");
    }
    if imported.renewed {
        text.push_str(", сертификат обновлён");
    }
    text
}

/// How far it is, where somebody looks.
struct Progress {
    done: usize,
    all: usize,
    shown: bool,
}

impl Progress {
    fn of(all: usize) -> Self {
        Self {
            done: 0,
            all,
            shown: io::stderr().is_terminal(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        if self.shown {
            // What cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r{} / {}", self.done, self.all);
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = writeln!(io::stderr());
        }
    }
}
