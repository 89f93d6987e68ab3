//! `cos-controller operator create|list`

use std::io::Write;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::organization::{Ogrn, Oktmo};
use serde_json::json;

use super::{Outcome, with_store};
use crate::access::{Role, ScopeKind};
use crate::config::Config;
use crate::operator::{NewOperatorWish, create};
use crate::store::{Scope, Store};

#[derive(Debug, Args)]
pub struct OperatorArguments {
    #[command(subcommand)]
    command: OperatorCommand,
}

#[derive(Debug, Subcommand)]
enum OperatorCommand {
    /// Завести оператора; одноразовый пароль печатается один раз
    #[command(
        after_help = "Примеры:\n  cos-controller operator create --login admin --role region_administrator\n  \
                            cos-controller operator create --login tehnik59 --role school_technician --organization 1205999000019"
    )]
    Create(CreateArguments),
    /// Перечислить операторов
    List {
        /// Напечатать JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// Имя для входа
    #[arg(long)]
    login: String,
    /// Как показывать на страницах; без него — имя для входа
    #[arg(long)]
    name: Option<String>,
    /// region_administrator, region_viewer, municipality_operator, school_technician, registrar или auditor
    #[arg(long)]
    role: Role,
    /// ОКТМО муниципалитета (8 цифр), для роли municipality_operator
    #[arg(long, value_name = "ОКТМО")]
    municipality: Option<Oktmo>,
    /// ОГРН организации, для роли school_technician
    #[arg(long, value_name = "ОГРН")]
    organization: Option<Ogrn>,
}

#[derive(Debug, thiserror::Error)]
enum ScopeError {
    #[error("роли {0} нужен параметр --municipality / the role {0} needs --municipality")]
    NoMunicipality(Role),
    #[error("роли {0} нужен параметр --organization / the role {0} needs --organization")]
    NoOrganization(Role),
    #[error("в реестре нет муниципалитета с ОКТМО {0}; сначала импортируйте реестр / there is no municipality {0} in the register")]
    UnknownMunicipality(Oktmo),
    #[error("в реестре нет организации с ОГРН {0}; сначала импортируйте реестр / there is no organization {0} in the register")]
    UnknownOrganization(Ogrn),
}

pub fn run(arguments: &OperatorArguments, config: &Config, now: Timestamp, out: &mut impl Write) -> Outcome {
    match &arguments.command {
        OperatorCommand::Create(arguments) => {
            let password = with_store(config, async |store| {
                let scope = scope(&store, arguments).await?;
                let wish = NewOperatorWish {
                    login: arguments.login.clone(),
                    display_name: arguments.name.clone().unwrap_or_else(|| arguments.login.clone()),
                    role: arguments.role,
                    scope,
                };
                Ok(create(&store, wish, now).await?)
            })?;
            writeln!(out, "Оператор {} заведён. Одноразовый пароль: {password}", arguments.login)?;
            writeln!(out, "При первом входе его нужно сменить.")?;
        }
        OperatorCommand::List { json } => {
            let operators = with_store(config, async |store| Ok(store.operators(Scope::REGION).await?))?;
            for operator in operators {
                let state = if operator.disabled_at.is_some() {
                    "отключён"
                } else {
                    "действует"
                };
                if *json {
                    writeln!(
                        out,
                        "{}",
                        json!({ "login": operator.login, "role": operator.role, "disabled": operator.disabled_at.is_some() })
                    )?;
                } else {
                    writeln!(out, "{:<24} {:<24} {state}", operator.login, operator.role)?;
                }
            }
        }
    }
    Ok(())
}

async fn scope(store: &Store, arguments: &CreateArguments) -> Result<Scope, Box<dyn std::error::Error>> {
    Ok(match arguments.role.scope_kind() {
        ScopeKind::Region => Scope::REGION,
        ScopeKind::Municipality => {
            let oktmo = arguments.municipality.clone().ok_or(ScopeError::NoMunicipality(arguments.role))?;
            let municipalities = store.municipalities(Scope::REGION).await?;
            let found = municipalities
                .into_iter()
                .find(|municipality| municipality.oktmo.municipality() == oktmo.municipality());
            Scope {
                municipality: Some(found.ok_or(ScopeError::UnknownMunicipality(oktmo))?.id),
                organization: None,
            }
        }
        ScopeKind::Organization => {
            let ogrn = arguments.organization.clone().ok_or(ScopeError::NoOrganization(arguments.role))?;
            let found = store.organization_by_ogrn(Scope::REGION, &ogrn).await?;
            Scope {
                municipality: None,
                organization: Some(found.ok_or(ScopeError::UnknownOrganization(ogrn))?.id),
            }
        }
    })
}
