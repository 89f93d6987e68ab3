//! `cos-controller token create|list|revoke`

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::enrollment::{EnrollmentToken, ProxyUrl, TokenId};
use inventory_schema::organization::Ogrn;
use serde_json::json;

use super::{Outcome, with_store};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::authority::Authority;
use crate::config::Config;
use crate::private_file::{NotMade, PrivateFile};
use crate::store::building::Place;
use crate::store::{Page, Scope, Store};
use crate::token::{TokenOrigin, TokenWish, issue};
use crate::web::tokens::{MAX_DAYS, MAX_USES};

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
    #[command(after_help = "Пример:\n  cos-controller token list --json")]
    List {
        /// Напечатать JSON, по строке на токен
        #[arg(long)]
        json: bool,
    },
    /// Отозвать токен; номер показывает token list
    #[command(after_help = "Пример:\n  cos-controller token revoke 01990b2e-7c51-7d9a-8f57-0c7f4f2d9b11")]
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
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_USES)))]
    uses: u32,
    /// Сколько дней токен действует
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DAYS)))]
    days: u32,
    /// Прокси школы: http://адрес:порт
    #[arg(long)]
    proxy: Option<ProxyUrl>,
    /// Заметка для людей
    #[arg(long, default_value = "")]
    note: String,
    /// Записать строку токена в новый файл, который прочтёт только его владелец
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
            // The file comes first: a token whose line cannot be kept must not be made.
            let file = arguments.file.as_deref().map(TokenFile::create).transpose()?;
            let made = with_store(config, async |store| make(&store, origin, arguments, now).await);
            match (made, file) {
                (Ok(token), Some(file)) => {
                    file.write(&token)?;
                    let path = file.0.path().display();
                    writeln!(out, "Токен {} записан в {path}; действует до {}", token.id, token.expires)?;
                }
                (Ok(token), None) => writeln!(out, "{}", token.to_line())?,
                (Err(error), file) => {
                    if let Some(file) = file {
                        file.0.discard();
                    }
                    return Err(error);
                }
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
            with_store(config, async |store| {
                let token = store.token(Scope::REGION, *id).await?.ok_or(PlaceError::NoToken)?;
                if !store.revoke_token(Scope::REGION, *id, now).await? {
                    return Err(PlaceError::NoToken.into());
                }
                let entry = Entry::by_command_line(now, Action::TokenRevoked, SubjectKind::Token, id);
                Ok(entry.of_organization(token.organization_id).record(&store).await?)
            })?;
            writeln!(out, "Токен {id} отозван.")?;
        }
    }
    Ok(())
}

/// Makes the token and records that the command line did.
async fn make(store: &Store, origin: TokenOrigin, arguments: &CreateArguments, now: Timestamp) -> Result<EnrollmentToken, Box<dyn Error>> {
    let named = NamedPlace {
        organization: &arguments.organization,
        building: arguments.building,
        room: arguments.room.as_deref(),
    };
    let place = place(store, &named).await?;
    let organization = place.organization_id;
    let address = match &place.room_name {
        Some(room) => format!("{}, {room}", place.address),
        None => place.address.clone(),
    };
    let wish = TokenWish {
        place,
        uses: arguments.uses,
        days: arguments.days,
        proxy: arguments.proxy.clone(),
        note: arguments.note.clone(),
    };
    let token = issue(store, origin, wish, None, now).await?;
    Entry::by_command_line(now, Action::TokenCreated, SubjectKind::Token, token.id)
        .of_organization(organization)
        .with("place", address)
        .with("uses", arguments.uses)
        .with("days", arguments.days)
        .with("note", arguments.note.as_str())
        .record(store)
        .await?;
    Ok(token)
}

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("файл {0} уже есть, токен не создан; укажите другое имя или уберите этот файл / the file exists, no token was made")]
    Exists(PathBuf),
    #[error("не удалось создать файл {path}, токен не создан / the file could not be made, no token was made")]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("токен {id} создан, но не записан в {path}; отзовите его и создайте другой / the token was made but not written")]
    Write {
        id: TokenId,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A new file for a token's line.
struct TokenFile(PrivateFile);

impl TokenFile {
    fn create(path: &Path) -> Result<Self, FileError> {
        PrivateFile::create(path).map(Self).map_err(|error| match error {
            NotMade::Exists(path) => FileError::Exists(path),
            NotMade::Failed { path, source } => FileError::Create { path, source },
        })
    }

    fn write(&self, token: &EnrollmentToken) -> Result<(), FileError> {
        let line = format!("{}\n", token.to_line());
        let written = self.0.append(line.as_bytes()).and_then(|()| self.0.sync());
        written.map_err(|source| FileError::Write {
            id: token.id,
            path: self.0.path().to_owned(),
            source,
        })
    }
}

/// A place as the command line names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedPlace<'a> {
    pub organization: &'a Ogrn,
    pub building: i64,
    pub room: Option<&'a str>,
}

pub(super) async fn place(store: &Store, wish: &NamedPlace<'_>) -> Result<Place, Box<dyn Error>> {
    let organization = store
        .organization_by_ogrn(Scope::REGION, wish.organization)
        .await?
        .ok_or_else(|| PlaceError::Organization(wish.organization.clone()))?
        .external_id;
    let buildings = store.buildings(Scope::REGION, organization).await?;
    let building = buildings
        .into_iter()
        .find(|building| building.number == wish.building)
        .ok_or(PlaceError::Building(wish.building))?;
    let room = match wish.room {
        None => None,
        Some(number) => {
            let rooms = store.rooms(Scope::REGION, organization).await?;
            let room = rooms
                .into_iter()
                .find(|room| room.building_id == building.id && room.number == number);
            Some(room.ok_or_else(|| PlaceError::Room(number.to_owned()))?.external_id)
        }
    };
    let place = store.place(Scope::REGION, organization, building.external_id, room).await?;
    Ok(place.ok_or(PlaceError::Building(wish.building))?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::fixture::{Fixture, SCHOOL, now};
    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: TokenArguments,
    }

    fn token(fixture: &Fixture, line: &[&str]) -> Result<String, String> {
        let program = Program::try_parse_from(["token"].iter().chain(line)).unwrap();
        fixture.printed(|config, out| run(&program.arguments, config, now(), out))
    }

    #[test]
    fn a_token_that_is_made_and_revoked_is_in_the_log() {
        let fixture = Fixture::with_region();
        let line = token(&fixture, &["create", "--organization", SCHOOL, "--uses", "3"]).unwrap();
        let made = EnrollmentToken::from_line(line.trim()).unwrap();
        let id = made.id.to_string();
        token(&fixture, &["revoke", &id]).unwrap();
        assert!(
            token(&fixture, &["revoke", &id])
                .unwrap_err()
                .contains("такого действующего токена нет")
        );
        let logged = fixture.activities();
        assert_eq!(logged, [format!("cli token_created {id}"), format!("cli token_revoked {id}")]);
    }

    #[test]
    fn a_tokens_file_is_new_and_private_and_no_token_is_made_without_it() {
        let fixture = Fixture::with_region();
        let path = fixture.folder.path().join("token.txt");
        let name = path.to_str().unwrap();
        let create = |organization: &str| token(&fixture, &["create", "--organization", organization, "--file", name]);

        assert!(create("1027700132195").unwrap_err().contains("нет организации с ОГРН"));
        assert!(!path.exists(), "an empty file stayed");

        create(SCHOOL).unwrap();
        let line = std::fs::read_to_string(&path).unwrap();
        let made = EnrollmentToken::from_line(line.trim()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }

        let said = create(SCHOOL).unwrap_err();
        assert!(said.contains(name) && said.contains("уже есть"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
        assert_eq!(fixture.activities(), [format!("cli token_created {}", made.id)]);
    }

    #[test]
    fn as_many_uses_as_on_the_page_and_no_more() {
        let parse = |uses: &str| Program::try_parse_from(["token", "create", "--organization", SCHOOL, "--uses", uses]);
        assert!(parse("1000").is_ok());
        assert!(parse("1001").is_err());
    }
}
