//! `cos-controller ca init|show|rotate`: makes the certificate authority, shows it, renews it.
//!
//! Works on the authority's files alone, so that it also runs on a computer without the database, as an offline
//! root asks for. Controllers that are running take changed files over by themselves.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use inventory_schema::{RegionId, Timestamp};
use serde::Serialize;

use crate::authority::certificate::CertificateInfo;
use crate::authority::{self, Authority, DirectoryError, NewRoot};
use crate::config::Config;

/// Удостоверяющий центр региона: создать, показать, обновить / The region's certificate authority
#[derive(Debug, Args)]
#[command(after_help = "Пример / Example:\n  cos-controller ca show --json")]
pub struct CaArguments {
    #[command(subcommand)]
    pub command: CaCommand,
}

#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Создать корень, выпускающий центр и ключ подписи / Create root, issuing CA and signing key
    #[command(after_help = "Пример / Example:\n  cos-controller ca init --config /etc/cos-controller/controller.toml")]
    Init,
    /// Показать сертификаты, отпечатки и сроки / Show certificates, fingerprints and validity
    #[command(after_help = "Пример / Example:\n  cos-controller ca show --json")]
    Show {
        /// JSON вместо текста / JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Обновить выпускающий центр (раз в год) или добавить новый корень / Renew the issuing CA, or add a root
    #[command(
        group = ArgGroup::new("what").required(true),
        after_help = "Пример / Example:\n  cos-controller ca rotate --root-key /media/root/root-0123.key"
    )]
    Rotate {
        /// Закрытый ключ корня: выпустить новый выпускающий центр. Повторите для каждого корня, который ещё знают
        /// какие-нибудь агенты; первый станет главным / The root's private key: make a new issuing CA. Repeat it for
        /// every root that some agents still know; the first one leads
        #[arg(long, value_name = "FILE", group = "what")]
        root_key: Vec<PathBuf>,
        /// Создать ещё один корень рядом с нынешним / Create one more root beside the present one
        #[arg(long, group = "what")]
        new_root: bool,
    },
    /// Больше не сообщать агентам о корне; тех, кто знает только его, обслуживать дальше / Stop telling agents of a root
    #[command(after_help = "Пример / Example:\n  cos-controller ca retire-root 5f0c6a1e9b7d")]
    RetireRoot {
        /// Серийный номер или начало SHA-256 из ca show / Serial number or beginning of the SHA-256 in ca show
        root: String,
    },
    /// Не признавать устройства прежнего выпускающего центра: его ключ украден / Make strangers of an earlier issuing CA's devices
    #[command(after_help = "Пример / Example:\n  cos-controller ca distrust 5f0c6a1e9b7d")]
    Distrust {
        /// Серийный номер или начало SHA-256 из ca show / Serial number or beginning of the SHA-256 in ca show
        issuing: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("удостоверяющий центр: действие не выполнено / the authority's files")]
    Directory(#[from] DirectoryError),
    #[error("не удалось вывести результат / the result could not be printed")]
    Print(#[from] io::Error),
    #[error("не удалось составить JSON / the result could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Does what `arguments` ask and prints to `out`.
pub fn run(arguments: &CaArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Result<(), CaError> {
    let directory = &config.authority.directory;
    match &arguments.command {
        CaCommand::Init => init(directory, &config.region.id, now, out),
        CaCommand::Show { json } => show(directory, *json, now, out),
        CaCommand::Rotate { root_key, .. } => match root_key.split_first() {
            Some((key, also)) => rotate(directory, &config.region.id, key, also, now, out),
            None => add_root(directory, &config.region.id, now, out),
        },
        CaCommand::RetireRoot { root } => retire_root(directory, root, out),
        CaCommand::Distrust { issuing } => distrust(directory, issuing, out),
    }
}

fn init(directory: &Path, region: &RegionId, now: Timestamp, out: &mut impl Write) -> Result<(), CaError> {
    let root = authority::create(directory, region, now)?;
    writeln!(out, "Создан удостоверяющий центр в {}", directory.display())?;
    move_away(&root, out)?;
    show(directory, false, now, out)
}

fn retire_root(directory: &Path, root: &str, out: &mut impl Write) -> Result<(), CaError> {
    let root = authority::retire_root(directory, root)?;
    writeln!(out, "Агентам больше не сообщается о корне {}.", root.subject)?;
    writeln!(
        out,
        "Тех, кто знает только его, контроллер обслуживает, пока при каждом ca rotate указан и его ключ."
    )?;
    Ok(())
}

fn distrust(directory: &Path, issuing: &str, out: &mut impl Write) -> Result<(), CaError> {
    let issuing = authority::distrust(directory, issuing)?;
    writeln!(out, "Устройства с сертификатами центра {} больше не признаются.", issuing.subject)?;
    writeln!(out, "Зарегистрируйте их заново, по токену: cos-agent enroll --again ТОКЕН")?;
    Ok(())
}

fn rotate(
    directory: &Path,
    region: &RegionId,
    root_key: &Path,
    also: &[PathBuf],
    now: Timestamp,
    out: &mut impl Write,
) -> Result<(), CaError> {
    let issuing = authority::rotate_issuing(directory, region, root_key, also, now)?;
    writeln!(out, "Новый выпускающий центр действует до {}.", day(issuing.validity.not_after))?;
    writeln!(
        out,
        "Выданные ранее сертификаты устройств остаются в силе. Работающие контроллеры подхватят его сами."
    )?;
    Ok(())
}

fn add_root(directory: &Path, region: &RegionId, now: Timestamp, out: &mut impl Write) -> Result<(), CaError> {
    let root = authority::add_root(directory, region, now)?;
    writeln!(
        out,
        "Создан ещё один корень, действует до {}.",
        day(root.certificate.validity.not_after)
    )?;
    move_away(&root, out)?;
    writeln!(out, "Агенты узнают о нём при обращении. Не раньше чем через два года")?;
    writeln!(
        out,
        "выпустите им новый выпускающий центр: cos-controller ca rotate --root-key НОВЫЙ --root-key ПРЕЖНИЙ"
    )?;
    Ok(())
}

fn move_away(root: &NewRoot, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Перенесите ключ корня на носитель без сети и удалите его отсюда:")?;
    writeln!(out, "  {}", root.key_path.display())
}

#[derive(Debug, Serialize)]
struct Summary {
    roots: Vec<CertificateSummary>,
    issuing: CertificateSummary,
    /// A year has passed since the issuing CA began.
    issuing_renewal_due: bool,
    previous: Vec<CertificateSummary>,
    /// Roots that agents are no longer told of.
    retired_roots: Vec<CertificateSummary>,
    /// Issuing CAs whose devices are strangers.
    distrusted: Vec<CertificateSummary>,
    /// SHA-256 of the key (SubjectPublicKeyInfo) that signs receipts, times and assignments.
    signing_key: String,
    /// What tokens pin: SHA-256 of the first root.
    pin: String,
}

#[derive(Debug, Serialize)]
struct CertificateSummary {
    subject: String,
    serial: String,
    sha256: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Summary {
    fn of(authority: &Authority, now: Timestamp) -> Self {
        Self {
            roots: authority.roots().iter().map(CertificateSummary::of).collect(),
            issuing: CertificateSummary::of(authority.issuing()),
            issuing_renewal_due: authority.issuing_renewal_due(now),
            previous: authority.previous_issuing().iter().map(CertificateSummary::of).collect(),
            retired_roots: authority.retired_roots().iter().map(CertificateSummary::of).collect(),
            distrusted: authority.distrusted().iter().map(CertificateSummary::of).collect(),
            signing_key: authority.signing_key().fingerprint().to_string(),
            pin: authority.pin().to_string(),
        }
    }
}

impl CertificateSummary {
    fn of(info: &CertificateInfo) -> Self {
        Self {
            subject: info.subject.clone(),
            serial: info.serial.clone(),
            sha256: info.fingerprint().to_string(),
            not_before: info.validity.not_before,
            not_after: info.validity.not_after,
        }
    }
}

fn show(directory: &Path, json: bool, now: Timestamp, out: &mut impl Write) -> Result<(), CaError> {
    let summary = Summary::of(&Authority::load(directory)?, now);
    if json {
        serde_json::to_writer_pretty(&mut *out, &summary)?;
        writeln!(out)?;
    } else {
        print(&summary, out)?;
    }
    Ok(())
}

fn print(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    for root in &summary.roots {
        line("Корень", root, out)?;
    }
    line("Выпускающий центр", &summary.issuing, out)?;
    for previous in &summary.previous {
        line("Прежний выпускающий центр", previous, out)?;
    }
    for root in &summary.retired_roots {
        line("Корень на покое", root, out)?;
    }
    for issuing in &summary.distrusted {
        line("Не признаётся", issuing, out)?;
    }
    writeln!(out, "Ключ подписи: {}", summary.signing_key)?;
    if summary.issuing_renewal_due {
        writeln!(
            out,
            "Выпускающему центру больше года: обновите его, cos-controller ca rotate --root-key ФАЙЛ"
        )?;
    }
    Ok(())
}

fn line(kind: &str, certificate: &CertificateSummary, out: &mut impl Write) -> io::Result<()> {
    let (from, to) = (day(certificate.not_before), day(certificate.not_after));
    writeln!(
        out,
        "{kind}: {}, действует с {from} по {to}\n  {}",
        certificate.subject, certificate.sha256
    )
}

/// The date of a moment, as ISO 8601 writes it.
fn day(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: CaArguments,
    }

    struct Fixture {
        _folder: tempfile::TempDir,
        config: Config,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::parse(crate::config::SAMPLE, Path::new("controller.toml")).unwrap();
        config.authority.directory = folder.path().join("authority");
        Fixture { _folder: folder, config }
    }

    fn ca(fixture: &Fixture, line: &[&str], now: &str) -> Result<String, CaError> {
        let program = Program::try_parse_from(["ca"].iter().chain(line)).unwrap();
        let mut out = Vec::new();
        run(
            &program.arguments,
            &fixture.config,
            format!("{now}T00:00:00.000000Z").parse().unwrap(),
            &mut out,
        )?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_authority_is_made_shown_and_renewed() {
        let fixture = fixture();
        let made = ca(&fixture, &["init"], "2026-09-01").unwrap();
        let key = made.lines().find(|line| line.ends_with(".key")).unwrap().trim().to_owned();
        assert!(made.contains("действует с 2026-08-31 по 2036-08-31"), "{made}");

        assert!(!ca(&fixture, &["show"], "2026-10-01").unwrap().contains("больше года"));
        assert!(ca(&fixture, &["show"], "2027-10-01").unwrap().contains("больше года"));
        let renewed = ca(&fixture, &["rotate", "--root-key", &key], "2027-10-01").unwrap();
        assert!(renewed.contains("до 2030-09-30"), "{renewed}");

        ca(&fixture, &["rotate", "--new-root"], "2027-10-01").unwrap();
        let shown: serde_json::Value = serde_json::from_str(&ca(&fixture, &["show", "--json"], "2027-10-02").unwrap()).unwrap();
        assert_eq!(shown["roots"].as_array().unwrap().len(), 2);
        assert_eq!(shown["previous"].as_array().unwrap().len(), 1);
        assert_eq!(shown["pin"], shown["roots"][0]["sha256"]);
        assert_eq!(shown["issuing_renewal_due"], false);
    }

    #[test]
    fn nothing_is_overwritten_and_what_to_renew_must_be_said() {
        let fixture = fixture();
        assert!(ca(&fixture, &["show"], "2026-09-01").is_err());
        ca(&fixture, &["init"], "2026-09-01").unwrap();
        let again = ca(&fixture, &["init"], "2026-09-01").unwrap_err();
        assert!(matches!(again, CaError::Directory(DirectoryError::NotEmpty { .. })));
        assert!(Program::try_parse_from(["ca", "rotate"]).is_err());
        assert!(Program::try_parse_from(["ca", "rotate", "--new-root", "--root-key", "x"]).is_err());
    }
}
