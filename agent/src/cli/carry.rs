//! `cos-agent carry DIR`: one visit of the stick to this computer, where there is no network.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use inventory_schema::enrollment::EnrollmentToken;
use inventory_schema::problem::ProblemCode;
use serde::Serialize;

use super::enroll::read_token_file;
use super::settings::{ConfigFile, system_clock};
use crate::carry::{Carried, News, Unbelieved, Visit, Visited, visit};
use crate::doctor::words::of_problem;
use crate::language::{Language, moment};
use crate::ledger::Ledger;
use crate::privileged::Collector;

/// Обменяться с контроллером через флешку, когда сети нет
///
/// Первый обход записывает на флешку запрос на регистрацию, следующие — обращение и отчёты. Между обходами
/// флешку относят к контроллеру (cos-controller carry import), и он записывает на неё ответы. Одна флешка служит
/// многим компьютерам; секрет токена на неё не попадает. Служба агента на время обхода должна быть остановлена.
#[derive(Debug, Args)]
#[command(after_help = "Примеры:
  sudo cos-agent carry /media/usb --token /media/usb/school-7.token
  sudo cos-agent carry /media/usb

Код завершения: 0 флешку можно нести дальше, 1 контроллер отказал (причина напечатана, новый запрос записан),
2 ответу на флешке верить нельзя (новый запрос записан), 4 не удалось прочитать или записать файлы")]
pub(super) struct Arguments {
    /// Папка, в которую подключена флешка
    #[arg(value_name = "ПАПКА")]
    stick: PathBuf,
    /// Файл токена; нужен один раз, пока компьютер не зарегистрирован
    #[arg(long, value_name = "ФАЙЛ")]
    token: Option<PathBuf>,
    /// Напечатать JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// How the command ended; the numbers are promised in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Carried = 0,
    Refused = 1,
    Unbelieved = 2,
    LocalFault = 4,
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let outcome = match visited(arguments) {
        Ok(visited) if arguments.json => {
            serde_json::to_writer_pretty(&mut out, &Summary::of(&visited))?;
            writeln!(out)?;
            outcome(&visited)
        }
        Ok(visited) => {
            tell(&visited, lang, &mut out)?;
            outcome(&visited)
        }
        Err(error) => {
            super::print_chain(error.as_ref(), lang);
            Outcome::LocalFault
        }
    };
    Ok(ExitCode::from(outcome as u8))
}

fn visited(arguments: &Arguments) -> Result<Visited, Box<dyn Error>> {
    let config = arguments.config.load()?;
    let token = match &arguments.token {
        Some(path) => Some(EnrollmentToken::from_line(&read_token_file(path)?)?),
        None => None,
    };
    let collector = Collector::of(&config);
    let clock = system_clock(Ledger::load(&config.state_dir)?.trusted_time);
    Ok(visit(Visit {
        config: &config,
        stick: &arguments.stick,
        token,
        collector: &collector,
        clock,
    })?)
}

fn news(visited: &Visited) -> &News {
    match visited {
        Visited::Requested { news } => news,
        Visited::Carried(carried) => &carried.news,
    }
}

fn outcome(visited: &Visited) -> Outcome {
    match news(visited) {
        News::Refused(_) => Outcome::Refused,
        News::Unbelieved(_) => Outcome::Unbelieved,
        News::None | News::Old { .. } | News::Taken { .. } | News::Pending => Outcome::Carried,
    }
}

/// As a script reads it.
#[derive(Debug, Serialize)]
struct Summary {
    outcome: Outcome,
    enrolled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<ProblemCode>,
    acknowledged: usize,
    carried: usize,
    left_behind: u64,
}

impl Summary {
    fn of(visited: &Visited) -> Self {
        let carried = match visited {
            Visited::Requested { .. } => None,
            Visited::Carried(carried) => Some(carried),
        };
        Self {
            outcome: outcome(visited),
            enrolled: carried.is_some(),
            code: match news(visited) {
                News::Refused(code) => Some(*code),
                _ => None,
            },
            acknowledged: carried.map_or(0, |carried| carried.acknowledged),
            carried: carried.map_or(0, |carried| carried.carried),
            left_behind: carried.map_or(0, |carried| carried.left_behind),
        }
    }
}

fn tell(visited: &Visited, lang: Language, out: &mut impl Write) -> io::Result<()> {
    tell_news(news(visited), lang, out)?;
    match visited {
        Visited::Requested { .. } => writeln!(
            out,
            "{}",
            lang.choose(
                "Запрос на регистрацию записан. Отнесите флешку к контроллеру и вернитесь с ней к этому компьютеру.",
                "The request for enrollment is written. Take the stick to the controller and come back to this computer with it."
            )
        ),
        Visited::Carried(carried) => tell_carried(carried, lang, out),
    }
}

fn tell_carried(carried: &Carried, lang: Language, out: &mut impl Write) -> io::Result<()> {
    let place = &carried.receipt.organization_name;
    if carried.enrolled {
        writeln!(
            out,
            "{}: {place}.",
            lang.choose("Компьютер зарегистрирован", "The computer is enrolled")
        )?;
    }
    if carried.renewed {
        writeln!(out, "{}", lang.choose("Сертификат обновлён.", "The certificate was renewed."))?;
    }
    if carried.acknowledged > 0 {
        let what = lang.choose("Контроллер принял отчётов", "Reports that the controller holds");
        writeln!(out, "{what}: {}.", carried.acknowledged)?;
    }
    let what = lang.choose("Записано на флешку отчётов", "Reports on the stick");
    writeln!(out, "{what}: {} ({}).", carried.carried, carried.folder.display())?;
    if carried.left_behind > 0 {
        let what = lang.choose(
            "Не поместилось и ждёт следующего обхода",
            "Found no place and wait for the next visit",
        );
        writeln!(out, "{what}: {}.", carried.left_behind)?;
    }
    Ok(())
}

fn tell_news(news: &News, lang: Language, out: &mut impl Write) -> io::Result<()> {
    match news {
        News::None => Ok(()),
        News::Taken { written } => {
            let what = lang.choose("Принят ответ контроллера от", "Took the controller's answer of");
            writeln!(out, "{what} {}.", moment(*written, lang))
        }
        News::Old { written } => {
            let what = lang.choose(
                "Ответ на флешке уже прочитан; он от",
                "The answer on the stick was read before; it is of",
            );
            writeln!(out, "{what} {}.", moment(*written, lang))
        }
        News::Pending => writeln!(
            out,
            "{}",
            lang.choose(
                "Оператор должен подтвердить регистрацию.",
                "An operator must approve the enrollment."
            )
        ),
        News::Refused(code) => {
            let said = of_problem(*code, lang);
            writeln!(
                out,
                "{} {}\n{}",
                lang.choose("Контроллер отказал:", "The controller refused:"),
                said.what,
                said.advice
            )
        }
        News::Unbelieved(why) => writeln!(out, "{}", unbelieved(why, lang)),
    }
}

fn unbelieved(why: &Unbelieved, lang: Language) -> String {
    match (lang, why) {
        (Language::En, why) => format!("The answer on the stick counts for nothing: {why}."),
        (_, Unbelieved::Unreadable(reason)) => format!("Ответ на флешке повреждён и ничего не изменил ({reason})."),
        (_, Unbelieved::Signer(reason)) => {
            format!("Ответ на флешке подписан не контроллером этого региона и ничего не изменил ({reason}).")
        }
        (_, Unbelieved::Changed) => "Ответ на флешке изменён после подписания и ничего не изменил.".to_owned(),
        (_, Unbelieved::Foreign) => "Ответ на флешке предназначен другому компьютеру или региону и ничего не изменил.".to_owned(),
    }
}
