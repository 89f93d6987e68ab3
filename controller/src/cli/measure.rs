//! `cos-controller measure serve|key|lease`: a measuring server alone, its key, and a lease by hand.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use cos_measurement::lease::Lease;
use cos_measurement::probe::Plan;
use inventory_schema::Timestamp;
use inventory_schema::measurement::{Direction, LeaseId, ServerId, ServerPlace, ServerTitle};
use inventory_schema::quantity::KilobitsPerSecond;

use super::{Outcome, asked_to_stop, start_log};
use crate::config::value::Bounded;
use crate::config::{Config, ConfigError, MeasuringServer};
use crate::measure::{self, MeasureServer};
use crate::state::Clock;
use crate::tls::{self, CertificateFiles, Endpoint};

#[derive(Debug, Args)]
#[command(after_help = "Пример:\n  cos-controller measure serve --listen 0.0.0.0:8444 --key-file measurement.key")]
pub struct MeasureArguments {
    #[command(subcommand)]
    command: MeasureCommand,
}

#[derive(Debug, Subcommand)]
enum MeasureCommand {
    /// Сервер измерений сам по себе: стоит там, до чего нужно мерить; база данных не нужна
    #[command(
        after_help = "Примеры:\n  cos-controller measure serve --listen 0.0.0.0:8444 --key-file /etc/cos-controller/measurement.key --id node-1 --place regional-node --port-mbits 1000\n  cos-controller measure serve --listen 0.0.0.0:8444 --key-file measurement.key --anonymous 6\n  cos-controller --config controller.toml measure serve"
    )]
    Serve(ServeArguments),
    /// Создать ключ, общий для контроллера и его серверов измерений
    #[command(after_help = "Пример:\n  cos-controller measure key --out measurement.key")]
    Key {
        /// Куда записать; существующий файл не перезаписывается
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Выдать право на одно измерение вручную: строку для cos-agent check --lease
    #[command(
        after_help = "Пример:\n  cos-controller measure lease --key-file measurement.key --id node-1 --target 100 > lease.txt\n  cos-agent check --server node-1.example:8444 --lease lease.txt"
    )]
    Lease(LeaseArguments),
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// Адрес и порт (UDP и TCP); без него — из раздела [measurement] настроек
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Файл ключа; без него — из настроек
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Короткое имя сервера: его называют права на измерение
    #[arg(long, value_name = "NAME")]
    id: Option<ServerId>,
    /// Название для людей
    #[arg(long, value_name = "TEXT")]
    title: Option<ServerTitle>,
    /// Где стоит сервер: часть каждого результата
    #[arg(long, value_enum)]
    place: Option<Place>,
    /// Скорость его порта, Мбит/с; занимается не больше 80 %
    #[arg(long, value_name = "MBITS")]
    port_mbits: Option<u64>,
    /// Сколько измерений в минуту разрешать без права от контроллера (0 — ни одного)
    #[arg(long, value_name = "N")]
    anonymous: Option<u64>,
    /// Сертификат (PEM, цепочка) для wss; без него — только ws
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// Закрытый ключ сертификата (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Place {
    /// В сети самой школы
    School,
    /// На региональном узле ЕСПД
    RegionalNode,
    /// За пределами сети оператора
    Beyond,
}

#[derive(Debug, Args)]
struct LeaseArguments {
    /// Файл ключа
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Имя сервера, для которого право
    #[arg(long, value_name = "NAME")]
    id: ServerId,
    /// Норма, Мбит/с
    #[arg(long, value_name = "MBITS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=5_000))]
    target: u64,
    /// Направление
    #[arg(long, value_enum, default_value_t = Way::Down)]
    direction: Way,
    /// Сколько минут право действует
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    minutes: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// К школе
    Down,
    /// От школы
    Up,
}

#[derive(Debug, thiserror::Error)]
enum MeasureCommandError {
    #[error(
        "адрес не задан: укажите --listen или раздел [measurement] в настройках / no address: give --listen or [measurement] in the configuration"
    )]
    NoAddress,
    #[error("файл ключа не задан: укажите --key-file / no key: give --key-file")]
    NoKey,
    #[error("{0}")]
    OutOfRange(String),
    #[error("право не записано / the lease cannot be written")]
    Write(#[source] io::Error),
}

pub fn run(arguments: &MeasureArguments, config: &Path, now: Timestamp, out: &mut impl Write) -> Outcome {
    match &arguments.command {
        MeasureCommand::Serve(arguments) => serve(arguments, config),
        MeasureCommand::Key { out: path } => {
            measure::write_new_key(path)?;
            writeln!(out, "{}", path.display()).map_err(MeasureCommandError::Write)?;
            Ok(())
        }
        MeasureCommand::Lease(arguments) => {
            let keys = measure::read_keys(&arguments.key_file)?;
            let token = keys.newest().seal(&lease(arguments, now));
            writeln!(out, "{token}").map_err(MeasureCommandError::Write)?;
            Ok(())
        }
    }
}

fn lease(arguments: &LeaseArguments, now: Timestamp) -> Lease {
    let plan = Plan::for_target(u32::try_from(arguments.target * 1_000).unwrap_or(u32::MAX));
    Lease {
        id: LeaseId::generate(),
        server: arguments.id.clone(),
        building: None,
        device: None,
        direction: match arguments.direction {
            Way::Down => Direction::Down,
            Way::Up => Direction::Up,
        },
        target: KilobitsPerSecond::saturating(plan.target_kbps.into()),
        rate: KilobitsPerSecond::saturating(plan.peak_kbps().into()),
        // Room for the deep measurement.
        window: plan.deep().longest(),
        // The two computers' clocks may differ a little.
        not_before: now - Duration::from_secs(60),
        expires: now + Duration::from_secs(arguments.minutes * 60),
    }
}

fn serve(arguments: &ServeArguments, path: &Path) -> Outcome {
    let started = Start::from(arguments, path)?;
    start_log(&started.log_filter);
    let keys = measure::read_keys(&started.key_file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let tls = tls_of(arguments)?;
        let server = MeasureServer::start(started.listen, &started.server, keys, tls, &Clock::system())?;
        asked_to_stop().await;
        drop(server);
        Ok(())
    })
}

/// TLS for wss and streams, where a certificate is given; it is read again when its file changes.
fn tls_of(arguments: &ServeArguments) -> Result<Option<Arc<rustls::ServerConfig>>, Box<dyn std::error::Error>> {
    let (Some(certificate), Some(key)) = (&arguments.certificate, &arguments.certificate_key) else {
        return Ok(None);
    };
    let (files, live) = CertificateFiles::open(certificate.clone(), key.clone())?;
    let tls = Endpoint::people(live.clone())?.tls;
    tokio::spawn(tls::watch_files(Arc::new(files), live));
    Ok(Some(tls))
}

/// What a server alone is started with: the command line first, then the configuration, which is read only where the
/// command line does not suffice.
#[derive(Debug)]
struct Start {
    listen: SocketAddr,
    key_file: PathBuf,
    server: MeasuringServer,
    log_filter: String,
}

impl Start {
    fn from(arguments: &ServeArguments, path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let alone = arguments.listen.is_some() && arguments.key_file.is_some();
        let config = if alone { None } else { Some(configured(path)?) };
        let (mut server, authority, log_filter) = match config {
            Some(config) => (
                config.measurement,
                Some(config.authority.directory),
                config.log.filter.as_str().to_owned(),
            ),
            None => (MeasuringServer::default(), None, "info".to_owned()),
        };
        overrule(&mut server, arguments)?;
        let configured_key = authority.map(|authority| measure::key_path(&server, &authority));
        Ok(Self {
            listen: arguments.listen.or(server.address).ok_or(MeasureCommandError::NoAddress)?,
            key_file: arguments.key_file.clone().or(configured_key).ok_or(MeasureCommandError::NoKey)?,
            server,
            log_filter,
        })
    }
}

fn configured(path: &Path) -> Result<Config, ConfigError> {
    Config::load(path)
}

fn overrule(server: &mut MeasuringServer, arguments: &ServeArguments) -> Result<(), MeasureCommandError> {
    if let Some(id) = &arguments.id {
        server.id = id.clone();
    }
    if let Some(title) = &arguments.title {
        server.title = title.clone();
    }
    if let Some(place) = arguments.place {
        server.place = match place {
            Place::School => ServerPlace::School,
            Place::RegionalNode => ServerPlace::RegionalNode,
            Place::Beyond => ServerPlace::Beyond,
        };
    }
    if let Some(port) = arguments.port_mbits {
        server.port_mbits = Bounded::try_from(port).map_err(|error| MeasureCommandError::OutOfRange(format!("--port-mbits: {error}")))?;
    }
    if let Some(anonymous) = arguments.anonymous {
        server.anonymous_per_minute =
            Bounded::try_from(anonymous).map_err(|error| MeasureCommandError::OutOfRange(format!("--anonymous: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> ServeArguments {
        ServeArguments {
            listen: Some(([127, 0, 0, 1], 0).into()),
            key_file: Some("key".into()),
            id: Some("node-7".parse().unwrap()),
            title: None,
            place: Some(Place::Beyond),
            port_mbits: Some(10_000),
            anonymous: Some(6),
            certificate: None,
            certificate_key: None,
        }
    }

    #[test]
    fn a_server_alone_needs_no_configuration() {
        let start = Start::from(&arguments(), Path::new("/nowhere/controller.toml")).unwrap();
        assert_eq!(start.server.id.as_str(), "node-7");
        assert_eq!(start.server.place, ServerPlace::Beyond);
        assert_eq!(start.server.anonymous_per_minute.value(), 6);
        let from_file = ServeArguments {
            listen: None,
            ..arguments()
        };
        assert!(Start::from(&from_file, Path::new("/nowhere/controller.toml")).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_said() {
        let too_fast = ServeArguments {
            port_mbits: Some(9_999_999),
            ..arguments()
        };
        let error = Start::from(&too_fast, Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("--port-mbits"), "{error}");
    }

    #[test]
    fn a_lease_by_hand_is_one_that_its_key_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let now = "2026-11-25T09:00:00.000000Z".parse().unwrap();
        let command = |command| MeasureArguments { command };
        let mut out = Vec::new();
        let key = command(MeasureCommand::Key { out: path.clone() });
        run(&key, Path::new("/nowhere"), now, &mut out).unwrap();
        out.clear();
        let asked = LeaseArguments {
            key_file: path.clone(),
            id: "node-7".parse().unwrap(),
            target: 50,
            direction: Way::Up,
            minutes: 15,
        };
        run(&command(MeasureCommand::Lease(asked)), Path::new("/nowhere"), now, &mut out).unwrap();
        let token = String::from_utf8(out).unwrap().parse().unwrap();
        let lease = measure::read_keys(&path).unwrap().open(&token).unwrap();
        assert_eq!(lease.rate.get(), 100_000);
        assert_eq!(lease.direction, Direction::Up);
    }
}
