//! `cos-agent status`: what the agent knows of itself, from its own files; asks nobody.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use inventory_schema::enrollment::Receipt;
use inventory_schema::{DeviceId, Timestamp};
use serde::Serialize;

use super::settings::ConfigFile;
use crate::config::AgentConfig;
use crate::doctor::words::of_problem;
use crate::enrollment::Enrollment;
use crate::identity::Identity;
use crate::language::{Language, moment};
use crate::ledger::{LastRefusal, Ledger};
use crate::spool::survey;

/// Показать состояние агента на этом компьютере; сети не касается
#[derive(Debug, Args)]
#[command(after_help = "Примеры:\n  sudo cos-agent status\n  sudo cos-agent status --json\n\nКод завершения: 0 зарегистрирован, 1 нет")]
pub(super) struct Arguments {
    /// Напечатать JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// The state as a script reads it.
#[derive(Debug, Serialize)]
struct Status {
    enrolled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Receipt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_ends: Option<Timestamp>,
    /// The controller's time when it was last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_contact: Option<Timestamp>,
    /// Place of the newest report that the controller holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<u64>,
    /// What the controller refused the running agent for, and has not taken back since.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_refusal: Option<LastRefusal>,
    /// Nothing is signed until the controller has said whose key this is.
    quarantined: bool,
    waiting_reports: u64,
    tombstones: u64,
    spool_bytes: u64,
    damaged: u64,
    refused: u64,
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    let config = arguments.config.load()?;
    let status = read(&config)?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &status)?;
        writeln!(out)?;
    } else {
        print(&status, &config, lang, &mut out)?;
    }
    Ok(if status.enrolled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(config: &AgentConfig) -> Result<Status, Box<dyn Error>> {
    let folder = &config.state_dir;
    let enrollment = Enrollment::load(folder)?;
    let identity = Identity::load(folder)?;
    let ledger = Ledger::load(folder)?;
    let spool = survey(&folder.join("spool")).unwrap_or_default();
    Ok(Status {
        enrolled: enrollment.is_some(),
        device: enrollment.as_ref().map(|enrollment| enrollment.device),
        place: enrollment.as_ref().and_then(|enrollment| enrollment.receipt().ok()),
        certificate_ends: identity
            .and_then(|identity| identity.certificate_validity())
            .map(|validity| validity.not_after),
        last_contact: ledger.trusted_time.map(|trusted| trusted.told()),
        acknowledged: ledger.acknowledged.map(|head| head.place.sequence),
        last_refusal: ledger.last_refusal,
        quarantined: ledger.doubt.is_some(),
        waiting_reports: spool.reports,
        tombstones: spool.tombstones,
        spool_bytes: spool.bytes,
        damaged: spool.damaged,
        refused: spool.refused,
    })
}

fn print(status: &Status, config: &AgentConfig, lang: Language, out: &mut impl Write) -> io::Result<()> {
    let Some(device) = status.device else {
        let advice = lang.choose(
            "Компьютер не зарегистрирован. Выполните: cos-agent enroll ТОКЕН",
            "This computer is not enrolled. Run: cos-agent enroll TOKEN",
        );
        return writeln!(out, "{advice} ({})", config.state_dir.display());
    };
    let mut line = |russian: &'static str, english: &'static str, value: String| {
        let title = lang.choose(russian, english);
        let gap = 26usize.saturating_sub(title.chars().count());
        writeln!(out, "{title}{:gap$}{value}", "")
    };
    let never = || lang.choose("ещё не было", "never").to_owned();
    line("Устройство", "Device", device.to_string())?;
    if let Some(place) = &status.place {
        line("Организация", "Organization", place.organization_name.to_string())?;
    }
    line(
        "Сертификат до",
        "Certificate until",
        status.certificate_ends.map_or_else(never, |ends| moment(ends, lang)),
    )?;
    line(
        "Последняя связь",
        "Last contact",
        status.last_contact.map_or_else(never, |at| moment(at, lang)),
    )?;
    if status.quarantined {
        let waits = "ключ похож на ключ другого компьютера; ждём ответа контроллера";
        let text = lang.choose(waits, "the key seems to be another computer's; waiting for the controller");
        line("Карантин", "Quarantine", text.to_owned())?;
    }
    if let Some(refusal) = status.last_refusal {
        let said = of_problem(refusal.code, lang);
        let when = moment(refusal.at, lang);
        line(
            "Контроллер отказал",
            "The controller refused",
            format!("{when}, {}: {} {}", refusal.code, said.what, said.advice),
        )?;
    }
    line(
        "Принято отчётов",
        "Reports accepted",
        status.acknowledged.map_or_else(|| "0".to_owned(), |place| place.to_string()),
    )?;
    line(
        "Ждёт отправки",
        "Waiting",
        format!("{} ({} {})", status.waiting_reports, status.spool_bytes, lang.choose("Б", "B")),
    )?;
    if status.tombstones > 0 {
        line("Из них без содержимого", "Of these without bodies", status.tombstones.to_string())?;
    }
    if status.damaged + status.refused > 0 {
        line(
            "Повреждено / отклонено",
            "Damaged / refused",
            format!("{} / {}", status.damaged, status.refused),
        )?;
    }
    Ok(())
}
