//! `cos-agent enroll TOKEN`: brings this computer into its school, or says exactly why not.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use inventory_schema::enrollment::Receipt;
use inventory_schema::problem::ProblemCode;

use super::settings::{ConfigFile, system_clock};
use crate::doctor::words::{Said, of_failure, of_problem};
use crate::enrollment::{EnrollError, Enrolled, Enrolling, Progress, enroll};
use crate::inventory;
use crate::language::Language;
use crate::platform::FileTree;

/// The longest token file that is read; a token has some 700 characters.
const MAX_TOKEN_FILE_BYTES: u64 = 64 << 10;

/// Зарегистрировать этот компьютер по токену
///
/// Токен выдаёт региональный оператор: строкой, QR-кодом или файлом. Повторная регистрация в той же школе
/// токен не расходует, если у компьютера остался прежний ключ или если его оборудование уже зарегистрировано в
/// этой школе и надёжно узнаётся по серийным номерам.
#[derive(Debug, Args)]
#[command(after_help = "Примеры:
  sudo cos-agent enroll cos1.eyJ…
  sudo cos-agent enroll --file /media/usb/school-7.token

Код завершения: 0 зарегистрирован (или был зарегистрирован раньше), 1 токен или запрос отклонён,
2 контроллер недоступен, 3 ждёт подтверждения оператора, 4 не удалось прочитать или записать файлы")]
pub(super) struct Arguments {
    /// Токен одной строкой или путь к его файлу
    #[arg(value_name = "ТОКЕН", required_unless_present = "file", conflicts_with = "file")]
    token: Option<String>,
    /// Файл токена
    #[arg(long, value_name = "ФАЙЛ")]
    file: Option<PathBuf>,
    /// Зарегистрировать заново, с новым ключом: после отзыва сертификата
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// How the command ended; the numbers are promised in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Enrolled = 0,
    Refused = 1,
    NotReached = 2,
    Pending = 3,
    LocalFault = 4,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TokenFileError {
    #[error("cannot read the token's file {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} is not a regular file: no token can be read from it")]
    NotAFile(PathBuf),
    #[error("{0} is too large to be a token's file")]
    TooLarge(PathBuf),
}

impl TokenFileError {
    /// Without its cause.
    pub(super) fn in_russian(&self) -> String {
        match self {
            Self::Read(path, _) => format!("не удалось прочитать файл токена {}", path.display()),
            Self::NotAFile(path) => format!("{} — не обычный файл: токен из него не прочитать", path.display()),
            Self::TooLarge(path) => format!("{} слишком велик для файла токена", path.display()),
        }
    }
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let mut progress = io::stderr();
    let outcome = match prepared(arguments, lang, &mut progress) {
        Ok(result) => tell(&result, lang, &mut out)?,
        Err(error) => {
            super::print_chain(error.as_ref(), lang);
            Outcome::LocalFault
        }
    };
    Ok(ExitCode::from(outcome as u8))
}

/// Reads what is needed and enrolls.
fn prepared(arguments: &Arguments, lang: Language, progress: &mut io::Stderr) -> Result<Result<Enrolled, EnrollError>, Box<dyn Error>> {
    let line = token_line(arguments)?;
    let config = arguments.config.load()?;
    let enrolling = Enrolling {
        config: &config,
        evidence: inventory::evidence(&inventory::collect(&FileTree::live())),
        clock: system_clock(None),
        again: arguments.again,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress = std::cell::RefCell::new(progress);
    let said = |step: Progress| {
        // A step that cannot be shown is no reason to stop.
        let _ = writeln!(progress.borrow_mut(), "{}", step_text(&step, lang));
    };
    Ok(runtime.block_on(enroll(&line, enrolling, said)))
}

/// The line itself, or what stands in the file that was named.
fn token_line(arguments: &Arguments) -> Result<String, TokenFileError> {
    if let Some(file) = &arguments.file {
        return read_token_file(file);
    }
    let given = arguments.token.clone().unwrap_or_default();
    if !given.trim_start().starts_with("cos1.") && Path::new(&given).exists() {
        return read_token_file(Path::new(&given));
    }
    Ok(given)
}

pub(super) fn read_token(given: &str) -> Result<String, Box<dyn Error>> {
    let arguments = Arguments {
        token: Some(given.to_owned()),
        file: None,
        again: false,
        config: ConfigFile::default(),
    };
    Ok(token_line(&arguments)?)
}

pub(super) fn read_token_file(path: &Path) -> Result<String, TokenFileError> {
    let failed = |error| TokenFileError::Read(path.to_owned(), error);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        // A pipe would be waited for without end.
        return Err(TokenFileError::NotAFile(path.to_owned()));
    }
    if metadata.len() > MAX_TOKEN_FILE_BYTES {
        return Err(TokenFileError::TooLarge(path.to_owned()));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn step_text(step: &Progress, lang: Language) -> String {
    match step {
        Progress::MakingKey => lang
            .choose("Готовится ключ этого компьютера…", "Making this computer's key…")
            .to_owned(),
        Progress::Calling { controllers } => {
            let names: Vec<&str> = controllers.iter().map(|controller| controller.as_str()).collect();
            format!(
                "{} {}…",
                lang.choose("Обращение к контроллеру", "Calling the controller"),
                names.join(", ")
            )
        }
        Progress::AskingTime => lang
            .choose(
                "Часы компьютера расходятся с контроллером; агент спрашивает у него время…",
                "The computer's clock differs from the controller's; asking it for the time…",
            )
            .to_owned(),
    }
}

fn tell(result: &Result<Enrolled, EnrollError>, lang: Language, out: &mut impl Write) -> io::Result<Outcome> {
    match result {
        Ok(Enrolled::New { receipt, .. }) => {
            writeln!(
                out,
                "{}",
                place(lang.choose("Компьютер зарегистрирован", "The computer is enrolled"), receipt, lang)
            )?;
            Ok(Outcome::Enrolled)
        }
        Ok(Enrolled::Already { receipt, .. }) => {
            let text = lang.choose("Компьютер уже был зарегистрирован", "The computer was enrolled before");
            writeln!(out, "{}", place(text, receipt, lang))?;
            Ok(Outcome::Enrolled)
        }
        Ok(Enrolled::Pending { retry_after }) => {
            writeln!(
                out,
                "{} {} {}",
                lang.choose(
                    "Оператор должен подтвердить регистрацию. Повторите эту команду через",
                    "An operator must approve the enrollment. Run this command again in"
                ),
                retry_after.get().div_ceil(60),
                lang.choose("мин.", "min.")
            )?;
            Ok(Outcome::Pending)
        }
        Err(error) => tell_error(error, lang, out),
    }
}

fn place(what: &str, receipt: &Receipt, lang: Language) -> String {
    format!(
        "{what}: {}.\n{} {}, {} {}.",
        receipt.organization_name,
        lang.choose("Регион", "Region"),
        receipt.region,
        lang.choose("номер устройства", "device"),
        receipt.device
    )
}

fn tell_error(error: &EnrollError, lang: Language, out: &mut impl Write) -> io::Result<Outcome> {
    let (said, outcome) = match error {
        EnrollError::Token(_) => (of_problem(ProblemCode::TokenMalformed, lang), Outcome::Refused),
        EnrollError::Refused(code) => (of_problem(*code, lang), Outcome::Refused),
        EnrollError::OtherRegion { current, token } => (other_region(current.as_str(), token.as_str(), lang), Outcome::Refused),
        EnrollError::NotReached(failure) => (of_failure(failure, lang), Outcome::NotReached),
        other => {
            super::print_chain(other, lang);
            return Ok(Outcome::LocalFault);
        }
    };
    writeln!(out, "{}\n{}", said.what, said.advice)?;
    Ok(outcome)
}

fn other_region(current: &str, token: &str, lang: Language) -> Said {
    match lang {
        Language::Ru => Said {
            what: format!("Компьютер зарегистрирован в регионе {current}, а токен выдан регионом {token}."),
            advice: format!(
                "Возьмите токен региона {current}. Если компьютер передан в другой регион, сначала снимите его с учёта и удалите папку состояния агента."
            ),
        },
        Language::En => Said {
            what: format!("The computer is enrolled in {current}, and the token is of {token}."),
            advice: format!(
                "Take a token of {current}. If the computer moved to another region, deregister it first and delete the agent's state folder."
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::quantity::Seconds;

    fn told(result: Result<Enrolled, EnrollError>, lang: Language) -> (Outcome, String) {
        let mut out = Vec::new();
        let outcome = tell(&result, lang, &mut out).unwrap();
        (outcome, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_end_has_its_code_and_its_sentence() {
        let (outcome, text) = told(Err(EnrollError::Refused(ProblemCode::TokenExhausted)), Language::Ru);
        assert_eq!(outcome, Outcome::Refused);
        assert!(text.starts_with("Токен использован разрешённое число раз.\nПопросите"), "{text}");
        let other = EnrollError::OtherRegion {
            current: "RU-PER".parse().unwrap(),
            token: "RU-SVE".parse().unwrap(),
        };
        let (outcome, text) = told(Err(other), Language::En);
        assert_eq!(outcome, Outcome::Refused);
        assert!(text.contains("RU-PER") && text.contains("RU-SVE"), "{text}");
        let dns = crate::transport::TransportFailure::Dns { host: "c.example".into() };
        assert_eq!(told(Err(EnrollError::NotReached(dns)), Language::Ru).0, Outcome::NotReached);
        let pending = Enrolled::Pending {
            retry_after: Seconds::saturating(90),
        };
        let (outcome, text) = told(Ok(pending), Language::Ru);
        assert_eq!(outcome, Outcome::Pending);
        assert!(text.contains("через 2 мин."), "{text}");
    }

    #[test]
    fn a_token_may_be_a_line_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.token");
        std::fs::write(&file, "cos1.abc.12345678\n").unwrap();
        assert_eq!(read_token(file.to_str().unwrap()).unwrap(), "cos1.abc.12345678\n");
        let folder_named = read_token(folder.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(folder_named.contains("is not a regular file"), "{folder_named}");
        assert_eq!(read_token("cos1.abc.12345678").unwrap(), "cos1.abc.12345678");
        assert_eq!(read_token("typed wrongly").unwrap(), "typed wrongly");
    }
}
