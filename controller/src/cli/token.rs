//! `cos-controller token create|list|revoke`

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::enrollment::{ProxyUrl, TokenId};
use inventory_schema::organization::Ogrn;
use serde_json::json;

use super::{Outcome, with_store};
use crate::authority::Authority;
use crate::config::Config;
use crate::store::building::Place;
use crate::store::{Page, Scope, Store};
use crate::token::{TokenOrigin, TokenWish, issue};

#[derive(Debug, Args)]
pub struct TokenArguments {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Создать токен; его строка печатается один раз
    #[command(after_help = "Пример:\n  cos-controller token create --organization 1205999000019 --building 1 --uses 30 --days 14")]
    Create(CreateArguments),
    /// Перечислить токены
    List {
        /// Напечатать JSON, по строке на токен
        #[arg(long)]
        json: bool,
    },
    /// Отозвать токен
    Revoke {
        /// Номер токена
        id: TokenId,
    },
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// ОГРН организации
    #[arg(long, value_name = "ОГРН")]
    organization: Ogrn,
    /// Номер здания организации
    #[arg(long, default_value_t = 1)]
    building: i64,
    /// Номер кабинета
    #[arg(long)]
    room: Option<String>,
    /// Сколько компьютеров можно зарегистрировать
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: u32,
    /// Сколько дней токен действует
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Прокси школы: http://адрес:порт
    #[arg(long)]
    proxy: Option<ProxyUrl>,
    /// Заметка для людей
    #[arg(long, default_value = "")]
    note: String,
    /// Записать строку токена в файл
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum PlaceError {
    #[error("в реестре нет организации с ОГРН {0} / there is no organization {0} in the register")]
    Organization(Ogrn),
    #[error("у этой организации нет здания № {0} / this organization has no building {0}")]
    Building(i64),
    #[error("в этом здании нет кабинета «{0}» / this building has no room {0}")]
    Room(String),
    #[error("такого действующего токена нет / there is no such token in force")]
    NoToken,
}

pub fn run(arguments: &TokenArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    match &arguments.command {
        TokenCommand::Create(arguments) => {
            let authority = Authority::load(&config.authority.directory)?;
            let urls = config.device_listener.urls(config.device_listener.address.port());
            let controllers = urls.iter().map(|url| url.parse()).collect::<Result<_, _>>()?;
            let origin = TokenOrigin {
                region: config.region.id.clone(),
                controllers,
                ca: authority.pin(),
            };
            let token = with_store(config, async |store| {
                let place = place(&store, arguments).await?;
                let wish = TokenWish {
                    place,
                    uses: arguments.uses,
                    days: arguments.days,
                    proxy: arguments.proxy.clone(),
                    note: arguments.note.clone(),
                };
                Ok(issue(&store, origin, wish, None, now).await?)
            })?;
            let line = token.to_line();
            match &arguments.file {
                Some(path) => {
                    std::fs::write(path, format!("{line}\n"))?;
                    writeln!(
                        out,
                        "Токен {} записан в {}; действует до {}",
                        token.id,
                        path.display(),
                        token.expires
                    )?;
                }
                None => writeln!(out, "{line}")?,
            }
        }
        TokenCommand::List { json } => {
            let everything = Page {
                offset: 0,
                limit: i64::from(u32::MAX),
            };
            let tokens = with_store(config, async |store| Ok(store.tokens(Scope::REGION, None, everything).await?))?;
            for token in tokens.rows {
                let revoked = token.revoked_at.is_some();
                if *json {
                    let line = json!({
                        "id": token.external_id, "organization": token.organization, "uses": token.uses, "uses_limit": token.uses_limit,
                        "expires": token.expires_at, "revoked": revoked, "note": token.note
                    });
                    writeln!(out, "{line}")?;
                } else {
                    let state = if revoked {
                        "отозван"
                    } else if token.expires_at <= now {
                        "истёк"
                    } else {
                        "действует"
                    };
                    let short = &token.organization_short_name;
                    writeln!(
                        out,
                        "{}  {}/{}  до {}  {state}  {short}",
                        token.external_id, token.uses, token.uses_limit, token.expires_at
                    )?;
                }
            }
        }
        TokenCommand::Revoke { id } => {
            let revoked = with_store(config, async |store| Ok(store.revoke_token(Scope::REGION, *id, now).await?))?;
            if !revoked {
                return Err(PlaceError::NoToken.into());
            }
            writeln!(out, "Токен {id} отозван.")?;
        }
    }
    Ok(())
}

async fn place(store: &Store, wish: &CreateArguments) -> Result<Place, Box<dyn Error>> {
    let organization = store
        .organization_by_ogrn(Scope::REGION, &wish.organization)
        .await?
        .ok_or_else(|| PlaceError::Organization(wish.organization.clone()))?
        .external_id;
    let buildings = store.buildings(Scope::REGION, organization).await?;
    let building = buildings
        .into_iter()
        .find(|building| building.number == wish.building)
        .ok_or(PlaceError::Building(wish.building))?;
    let room = match &wish.room {
        None => None,
        Some(number) => {
            let rooms = store.rooms(Scope::REGION, organization).await?;
            let room = rooms
                .into_iter()
                .find(|room| room.building_id == building.id && room.number == *number);
            Some(room.ok_or_else(|| PlaceError::Room(number.clone()))?.external_id)
        }
    };
    let place = store.place(Scope::REGION, organization, building.external_id, room).await?;
    Ok(place.ok_or(PlaceError::Building(wish.building))?)
}
