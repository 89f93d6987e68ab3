//! `cos-agent seal`: makes this computer's disk a golden image.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{EnrollmentToken, HardwareEvidence};

use super::settings::ConfigFile;
use crate::inventory;
use crate::language::{Language, moment};
use crate::platform::{self, FileTree};
use crate::sealed::{Removed, Sealed, SealedFormat, seal};

/// Подготовить эталонный образ: убрать с диска всё, что делает агент этим компьютером
///
/// Удаляет ключ, сертификат, регистрацию, журнал и неотправленные отчёты. Сам этот компьютер из своего образа
/// не зарегистрируется: его приметы записываются рядом. С токеном каждая копия зарегистрируется сама при первом
/// запуске с сетью.
#[derive(Debug, Args)]
#[command(after_help = "Примеры:
  sudo systemctl stop cos-agent
  sudo cos-agent seal --token school-7.token   копии зарегистрируются сами
  sudo cos-agent seal                          на каждой копии: sudo cos-agent enroll ТОКЕН

Код завершения: 0 готово, 1 не получилось (причина напечатана)")]
pub(super) struct Arguments {
    /// Файл токена, по которому зарегистрируются копии
    #[arg(long, value_name = "ФАЙЛ")]
    token: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    let config = arguments.config.load()?;
    let token = match &arguments.token {
        Some(file) => Some(EnrollmentToken::from_line(&super::enroll::read_token_file(file)?)?),
        None => None,
    };
    let tree = FileTree::live();
    let sealed = Sealed {
        format: SealedFormat::V1,
        evidence: inventory::evidence(&inventory::collect(&tree)),
        boot: platform::boot_id(&tree).unwrap_or_else(BootId::generate),
        token,
    };
    let removed = seal(&config.state_dir, &sealed)?;
    let words = told(&sealed, &removed, &config.state_dir.display().to_string(), lang);
    writeln!(io::stdout().lock(), "{}", words.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn told(sealed: &Sealed, removed: &Removed, folder: &str, lang: Language) -> Vec<String> {
    let mut words = vec![match lang {
        Language::Ru => format!("Образ подготовлен: в папке {folder} не осталось ни ключа, ни регистрации, ни отчётов."),
        Language::En => format!("The image is ready: no key, enrollment or report is left in {folder}."),
    }];
    if removed.reports > 0 {
        words.push(match lang {
            Language::Ru => format!(
                "Неотправленных отчётов удалено: {}; они описывали только этот компьютер.",
                removed.reports
            ),
            Language::En => format!(
                "Undelivered reports removed: {}; they described this computer only.",
                removed.reports
            ),
        });
    }
    if sealed.evidence == HardwareEvidence::default() {
        words.push(
            lang.choose(
                "Внимание: приметы этого компьютера прочитать не удалось. После перезагрузки он будет считать себя копией.",
                "Note: nothing that this computer is known by could be read. After a restart it will take itself for a copy.",
            )
            .to_owned(),
        );
    }
    words.push(lang.choose("Что дальше:", "What next:").to_owned());
    words.push(
        lang.choose(
            "  1. Выключите компьютер, не запуская агента, и снимите образ диска.",
            "  1. Switch the computer off without starting the agent, and take the image of its disk.",
        )
        .to_owned(),
    );
    words.push(match (&sealed.token, lang) {
        (Some(token), Language::Ru) => format!(
            "  2. Копии зарегистрируются сами при первом запуске с сетью; токен действует до {}.",
            moment(token.expires, lang)
        ),
        (Some(token), Language::En) => format!(
            "  2. The copies enroll by themselves at their first start with a network; the token holds until {}.",
            moment(token.expires, lang)
        ),
        (None, Language::Ru) => "  2. На каждой копии выполните: sudo cos-agent enroll ТОКЕН".to_owned(),
        (None, Language::En) => "  2. On each copy run: sudo cos-agent enroll TOKEN".to_owned(),
    });
    words.push(
        lang.choose(
            "  3. На этом компьютере, когда образ снят, выполните: sudo cos-agent enroll ТОКЕН",
            "  3. On this computer, when the image is taken, run: sudo cos-agent enroll TOKEN",
        )
        .to_owned(),
    );
    if removed.was_enrolled {
        words.push(
            lang.choose(
                "     Он вернётся к своей записи у контроллера, и токен на него не потратится.",
                "     It returns to its record, and no use of the token is spent on it.",
            )
            .to_owned(),
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_and_what_comes_next_is_said() {
        let sealed = Sealed {
            format: SealedFormat::V1,
            evidence: HardwareEvidence::default(),
            boot: BootId::generate(),
            token: None,
        };
        let removed = Removed {
            was_enrolled: true,
            reports: 3,
        };
        let russian = told(&sealed, &removed, "/var/lib/cos-agent", Language::Ru).join("\n");
        for part in ["Образ подготовлен", "удалено: 3", "примет", "enroll ТОКЕН", "не потратится"]
        {
            assert!(russian.contains(part), "{russian}");
        }
        let english = told(&sealed, &removed, "/var/lib/cos-agent", Language::En).join("\n");
        assert!(english.contains("enroll TOKEN") && english.is_ascii(), "{english}");
    }
}
