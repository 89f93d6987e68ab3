//! `cos-agent check`: measures this computer's line and says what that proves. Needs no enrollment.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use cos_measurement::interface::Interfaces;
use cos_measurement::lease::{LeaseTextError, LeaseToken};
use cos_measurement::probe::DrainMode;
use cos_measurement::probe::client::address_towards;
use inventory_schema::device::BootId;
use inventory_schema::measurement::verdict::{Judgement, Reason, Rule, Verdict, judge};
use inventory_schema::measurement::{Direction, Measurement};
use serde::Serialize;

use super::settings::ConfigFile;
use crate::clock::{Moment, SharedClock};
use crate::enrollment::Enrollment;
use crate::language::Language;
use crate::line::streams::{self, Streams, StreamsCheck};
use crate::line::{self, Check, Checked, Target, USUAL_PORT, words};
use crate::platform;

/// Измерить линию и сказать, соответствует ли она норме
///
/// Регистрация не нужна. Измерение занимает около двух секунд и 20–40 МБ на каждое направление.
#[derive(Debug, Args)]
#[command(after_help = "Примеры:
  cos-agent check --server node-1.example
  cos-agent check --server 203.0.113.7:8444 --target rural --direction both
  cos-agent check --server node-1.example --lease lease.txt --alone --json
  cos-agent check --method ndt7 --server wss://node-1.example:8444 --direction both
  cos-agent check --method librespeed --server https://speed.example

Код завершения: 0 соответствует, 1 не соответствует, 2 недостоверно, 3 измерить не удалось")]
pub(super) struct Arguments {
    /// Сервер измерений: имя или адрес, порт 8444, если не указан другой (без ключа — контроллер этого компьютера); для
    /// tcp, ndt7 и librespeed также URL, например wss://сервер:8444
    #[arg(long, value_name = "АДРЕС[:ПОРТ]")]
    server: Option<String>,
    /// Норма: urban (город, 100 Мбит/с), rural (село и пгт, 50 Мбит/с) или число Мбит/с; без ключа — та, на которую
    /// выдано право, иначе urban
    #[arg(long, value_name = "urban|rural|МБИТ")]
    target: Option<Target>,
    /// Способ измерения
    #[arg(long, value_enum, default_value_t = Method::Probe)]
    method: Method,
    /// Направление: к компьютеру, от него или оба
    #[arg(long, value_enum, default_value_t = Ways::Down)]
    direction: Ways,
    /// Файл с правом на измерение (строка cosm1.…); без него право запрашивается у сервера
    #[arg(long, value_name = "ФАЙЛ")]
    lease: Option<PathBuf>,
    /// Другие компьютеры сейчас не пользуются линией: я проверил
    #[arg(long)]
    alone: bool,
    /// Долгое измерение (11 с, до 170 МБ): находит запас скорости любого обычного размера; нужно право на него
    #[arg(long, requires = "lease")]
    deep: bool,
    /// Напечатать JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Пакеты UDP в заданном темпе: ответ на вопрос «пропускает ли линия норму»
    Probe,
    /// Восемь соединений TCP, где UDP не проходит: доказывает только соответствие
    Tcp,
    /// Протокол ndt7, одно соединение: справочно
    Ndt7,
    /// Сервер LibreSpeed: справочно
    Librespeed,
}

impl Method {
    fn streams(self) -> Option<Streams> {
        match self {
            Self::Probe => None,
            Self::Tcp => Some(Streams::Tcp),
            Self::Ndt7 => Some(Streams::Ndt7),
            Self::Librespeed => Some(Streams::LibreSpeed),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ways {
    /// К компьютеру
    Down,
    /// От компьютера
    Up,
    /// Оба
    Both,
}

impl Ways {
    fn each(self) -> &'static [Direction] {
        match self {
            Self::Down => &[Direction::Down],
            Self::Up => &[Direction::Up],
            Self::Both => &[Direction::Down, Direction::Up],
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("{}", .0.choose("сервер измерений не задан: укажите --server", "no measuring server is known: give --server"))]
    NoServer(Language),
    #[error("{} {name}", .lang.choose("адрес сервера измерений не найден:", "the measuring server's address cannot be found:"))]
    Address {
        name: String,
        lang: Language,
        #[source]
        source: io::Error,
    },
    #[error("{} {}", .lang.choose("право на измерение не читается:", "the lease cannot be read:"), .path.display())]
    ReadLease {
        path: PathBuf,
        lang: Language,
        #[source]
        source: io::Error,
    },
    #[error("{} {}", .lang.choose("в файле нет права на измерение:", "this file holds no lease:"), .path.display())]
    Lease {
        path: PathBuf,
        lang: Language,
        #[source]
        source: LeaseTextError,
    },
    #[error("{}", .0.choose("право на измерение выдано на одно направление: не указывайте --direction both", "a lease is for one direction: do not give --direction both"))]
    OneWay(Language),
}

/// Meets, below, inconclusive, could not.
const MEETS: u8 = 0;
const BELOW: u8 = 1;
const INCONCLUSIVE: u8 = 2;
const NOT_MEASURED: u8 = 3;

/// One direction in JSON.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    verdict: Verdict,
    reasons: Vec<Reason>,
    /// What would have kept a shortfall from being proven, for a pass.
    one_sided: Vec<Reason>,
    rule: &'static str,
    carried_bits_per_second: u64,
    target_bits_per_second: u64,
    /// Why nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    measurement: &'a Measurement,
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    match checked(arguments, lang) {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => {
            // What cannot be asked cannot be measured: the code says so, and the sentence why.
            super::print_chain(error.as_ref(), lang);
            Ok(ExitCode::from(NOT_MEASURED))
        }
    }
}

fn checked(arguments: &Arguments, lang: Language) -> Result<u8, Box<dyn Error>> {
    let token = arguments.lease.as_ref().map(|path| read_lease(path, lang)).transpose()?;
    if token.is_some() && arguments.direction == Ways::Both {
        return Err(CheckError::OneWay(lang).into());
    }
    let mut found = Vec::new();
    for direction in arguments.direction.each() {
        let direction = token.as_ref().map_or(*direction, |token| token.lease().direction);
        let mut progress = Progress::new(direction, lang);
        let checked = match arguments.method.streams() {
            None => by_datagrams(arguments, direction, token.clone(), &mut progress, lang),
            Some(method) => over_tcp(arguments, method, direction, token.clone(), &mut progress, lang),
        };
        progress.clear();
        let checked = checked?;
        let judgement = judge(&checked.measurement, &Rule::default());
        found.push((checked, judgement));
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let outcomes: Vec<Outcome<'_>> = found.iter().map(|(checked, judgement)| outcome(checked, judgement)).collect();
        serde_json::to_writer_pretty(&mut out, &outcomes)?;
        writeln!(out)?;
    } else {
        for (checked, judgement) in &found {
            write!(out, "{}", words::answer(checked, judgement, lang))?;
        }
    }
    Ok(worst(found.iter().map(|(checked, judgement)| code(checked, judgement))))
}

/// As asked; else what the lease is for; else what a town should have.
fn target(asked: Option<Target>, token: Option<&LeaseToken>) -> Target {
    let of_lease = || {
        let kbps = u32::try_from(token?.lease().target.get()).ok()?;
        Some(Target { kbps, settlement: None })
    };
    asked.or_else(of_lease).unwrap_or(Target::URBAN)
}

fn by_datagrams(
    arguments: &Arguments,
    direction: Direction,
    token: Option<LeaseToken>,
    progress: &mut Progress,
    lang: Language,
) -> Result<Checked, Box<dyn Error>> {
    let check = Check {
        server: server(arguments, lang)?,
        direction,
        target: target(arguments.target, token.as_ref()),
        drain: DrainMode::Auto,
        deep: arguments.deep,
        token,
        alone: arguments.alone,
    };
    Ok(line::check(&check, &Interfaces::default(), &mut |percent| progress.show(percent))?)
}

fn over_tcp(
    arguments: &Arguments,
    method: Streams,
    direction: Direction,
    token: Option<LeaseToken>,
    progress: &mut Progress,
    lang: Language,
) -> Result<Checked, Box<dyn Error>> {
    let config = arguments.config.load()?;
    let enrollment = Enrollment::load(&config.state_dir)?;
    let check = StreamsCheck {
        streams: method,
        server: url(arguments, lang)?.parse()?,
        direction,
        target: target(arguments.target, token.as_ref()),
        token,
        alone: arguments.alone,
    };
    let clock = SharedClock::new(None, || Moment {
        device: platform::wall_clock(),
        boot: BootId::generate(),
        uptime: platform::boot_clock(),
    });
    let reach = streams::reach(&config, enrollment.as_ref(), &check.server, clock)?;
    Ok(streams::check(&check, &reach, &Interfaces::default(), &mut |percent| {
        progress.show(percent)
    })?)
}

/// The server's URL; a bare name is one of our measuring servers, a name of the own controller's is asked with TLS.
fn url(arguments: &Arguments, lang: Language) -> Result<String, Box<dyn Error>> {
    let (name, scheme) = match &arguments.server {
        Some(name) if name.contains("://") => return Ok(name.clone()),
        Some(name) => (name.clone(), "http"),
        None => (own_controller(arguments)?.ok_or(CheckError::NoServer(lang))?, "https"),
    };
    let bracketed = if name.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{name}]")
    } else {
        name
    };
    let after = bracketed.rsplit(']').next().unwrap_or_default();
    let port = if after.contains(':') {
        String::new()
    } else {
        format!(":{USUAL_PORT}")
    };
    Ok(format!("{scheme}://{bracketed}{port}"))
}

fn outcome<'a>(checked: &'a Checked, judgement: &Judgement) -> Outcome<'a> {
    Outcome {
        verdict: judgement.verdict,
        reasons: judgement.reasons.iter().copied().collect(),
        one_sided: judgement.one_sided.iter().copied().collect(),
        rule: judgement.rule.as_str(),
        carried_bits_per_second: judgement.carried.get(),
        target_bits_per_second: judgement.target.get(),
        failure: checked.failure.map(|failure| failure.to_string()),
        measurement: &checked.measurement,
    }
}

fn code(checked: &Checked, judgement: &Judgement) -> u8 {
    if checked.measurement.rates.is_none() {
        return NOT_MEASURED;
    }
    match judgement.verdict {
        Verdict::Meets => MEETS,
        Verdict::Below => BELOW,
        Verdict::Inconclusive => INCONCLUSIVE,
        Verdict::NoData => NOT_MEASURED,
    }
}

/// A direction that is proven to be below decides; then one that could not be measured, then one that proves nothing.
fn worst(codes: impl Iterator<Item = u8>) -> u8 {
    const ORDER: [u8; 4] = [BELOW, NOT_MEASURED, INCONCLUSIVE, MEETS];
    let codes: Vec<u8> = codes.collect();
    ORDER.into_iter().find(|code| codes.contains(code)).unwrap_or(NOT_MEASURED)
}

fn read_lease(path: &PathBuf, lang: Language) -> Result<LeaseToken, CheckError> {
    let text = std::fs::read_to_string(path).map_err(|source| CheckError::ReadLease {
        path: path.clone(),
        lang,
        source,
    })?;
    text.parse().map_err(|source| CheckError::Lease {
        path: path.clone(),
        lang,
        source,
    })
}

/// The address that was given, or the one of the controller that this computer belongs to.
fn server(arguments: &Arguments, lang: Language) -> Result<SocketAddr, Box<dyn Error>> {
    let name = match &arguments.server {
        Some(name) => name.clone(),
        None => own_controller(arguments)?.ok_or(CheckError::NoServer(lang))?,
    };
    let address = |source| CheckError::Address {
        name: name.clone(),
        lang,
        source,
    };
    let found: Vec<SocketAddr> = resolve(&name).map_err(address)?;
    // The first that this computer has a way to.
    let reachable = found.iter().find(|address| address_towards(**address).is_ok()).or(found.first());
    Ok(*reachable.ok_or_else(|| address(io::ErrorKind::NotFound.into()))?)
}

fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = name.parse::<SocketAddr>() {
        return Ok(vec![address]);
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        return Ok(vec![(address, USUAL_PORT).into()]);
    }
    let has_port = name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port {
        Ok(name.to_socket_addrs()?.collect())
    } else {
        Ok((name, USUAL_PORT).to_socket_addrs()?.collect())
    }
}

fn own_controller(arguments: &Arguments) -> Result<Option<String>, Box<dyn Error>> {
    let config = arguments.config.load()?;
    let enrollment = Enrollment::load(&config.state_dir)?;
    Ok(enrollment.and_then(|enrollment| host_of(enrollment.controllers.first()?.as_str())))
}

/// `https://host:port` → `host`.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?.split('/').next()?;
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => rest,
    };
    Some(host.to_owned())
}

/// One line that is written over, where somebody looks.
struct Progress {
    way: &'static str,
    shown: bool,
}

impl Progress {
    fn new(direction: Direction, lang: Language) -> Self {
        Self {
            way: match direction {
                Direction::Down => lang.choose("Измерение к компьютеру", "Measuring the download"),
                Direction::Up => lang.choose("Измерение от компьютера", "Measuring the upload"),
            },
            shown: io::stderr().is_terminal(),
        }
    }

    fn show(&mut self, percent: u8) {
        if self.shown {
            // What cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r{}: {percent} %  ", self.way);
        }
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r{:60}\r", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_its_port() {
        assert_eq!(resolve("203.0.113.7").unwrap(), ["203.0.113.7:8444".parse().unwrap()]);
        assert_eq!(resolve("203.0.113.7:99").unwrap(), ["203.0.113.7:99".parse().unwrap()]);
        assert_eq!(resolve("[2001:db8::1]").unwrap(), ["[2001:db8::1]:8444".parse().unwrap()]);
        assert_eq!(resolve("2001:db8::1").unwrap(), ["[2001:db8::1]:8444".parse().unwrap()]);
        assert!(resolve("localhost").unwrap().iter().all(|address| address.port() == 8_444));
        assert_eq!(host_of("https://controller.example:8443").as_deref(), Some("controller.example"));
        assert_eq!(host_of("https://[fd00::1]:8443").as_deref(), Some("[fd00::1]"));
    }

    #[test]
    fn what_is_proven_decides_over_what_is_not() {
        assert_eq!(worst([MEETS, BELOW].into_iter()), BELOW);
        assert_eq!(worst([INCONCLUSIVE, NOT_MEASURED].into_iter()), NOT_MEASURED);
        assert_eq!(worst([MEETS, INCONCLUSIVE].into_iter()), INCONCLUSIVE);
        assert_eq!(worst([MEETS, MEETS].into_iter()), MEETS);
    }
}
