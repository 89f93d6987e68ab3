//! `cos-agent doctor`: names each thing that is wrong and what to do.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::enroll::read_token;
use super::settings::{ConfigFile, system_clock};
use crate::doctor::probe::observe;
use crate::doctor::{Finding, Verdict, is_well, judge};
use crate::language::Language;
use crate::ledger::Ledger;

/// Проверить агент и связь с контроллером
///
/// Называет всё, что не так, и что с этим делать. Ничего не меняет; токен не расходуется.
#[derive(Debug, Args)]
#[command(after_help = "Примеры:
  sudo cos-agent doctor
  cos-agent doctor /media/usb/school-7.token

Код завершения: 0 всё в порядке, 1 что-то не так")]
pub(super) struct Arguments {
    /// Токен или путь к его файлу: проверить ещё до регистрации
    #[arg(value_name = "ТОКЕН")]
    token: Option<String>,
    /// Напечатать JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Serialize)]
struct Report<'a> {
    well: bool,
    findings: &'a [Finding],
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    let token = arguments.token.as_deref().map(read_token).transpose()?;
    let config = arguments.config.load();
    let trusted = config
        .as_ref()
        .ok()
        .and_then(|config| Ledger::load(&config.state_dir).ok())
        .and_then(|ledger| ledger.trusted_time);
    let clock = system_clock(trusted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(observe(config, token.as_deref(), &clock));
    let findings = judge(&seen, lang);
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = Report {
            well: is_well(&findings),
            findings: &findings,
        };
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write_text(&findings, lang, &mut out)?;
    }
    Ok(if is_well(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_text(findings: &[Finding], lang: Language, out: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Well => "✓",
            Verdict::Notice => "•",
            Verdict::Wrong => "✗",
        };
        writeln!(out, "{mark} {}", finding.sentence)?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "    → {advice}")?;
        }
    }
    let end = if is_well(findings) {
        lang.choose("Всё в порядке.", "All is well.")
    } else {
        lang.choose("Есть неполадки: см. строки с ✗.", "Something is wrong: see the lines with ✗.")
    };
    writeln!(out, "\n{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Check;

    #[test]
    fn advice_stands_below_what_is_wrong() {
        let finding = Finding {
            check: Check::Clock,
            verdict: Verdict::Wrong,
            sentence: "Часы отстают.".to_owned(),
            advice: Some("Установите время.".to_owned()),
        };
        let mut out = Vec::new();
        write_text(&[finding], Language::Ru, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "✗ Часы отстают.\n    → Установите время.\n\nЕсть неполадки: см. строки с ✗.\n"
        );
    }
}
