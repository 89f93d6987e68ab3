//! `cos-controller operator create|list`

use std::io::Write;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use inventory_schema::organization::{Ogrn, Oktmo};
use serde_json::json;

use super::{Outcome, with_store};
use crate::access::{Role, ScopeKind};
use crate::activity_log::{Action, Entry, SubjectKind};
use crate::config::Config;
use crate::operator::{NewOperatorWish, create};
use crate::store::operator::OperatorRecord;
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
    /// Перечислить операторов и то, что им видно
    #[command(after_help = "Пример:\n  cos-controller operator list --json")]
    List {
        /// Напечатать JSON, по строке на оператора
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
    #[error("роль {0} не принимает параметр --municipality: {expected}; уберите его или выберите другую роль / the role {0} takes no --municipality", expected = territory(*.0))]
    MunicipalityNotTaken(Role),
    #[error("роль {0} не принимает параметр --organization: {expected}; уберите его или выберите другую роль / the role {0} takes no --organization", expected = territory(*.0))]
    OrganizationNotTaken(Role),
    #[error("того, что видно оператору {0}, нет в реестре / what the operator {0} sees is not in the register")]
    Lost(String),
    #[error("роли {0} нужен параметр --municipality / the role {0} needs --municipality")]
    NoMunicipality(Role),
    #[error("роли {0} нужен параметр --organization / the role {0} needs --organization")]
    NoOrganization(Role),
    #[error("в реестре нет муниципалитета с ОКТМО {0}; сначала импортируйте реестр / there is no municipality {0} in the register")]
    UnknownMunicipality(Oktmo),
    #[error("в реестре нет организации с ОГРН {0}; сначала импортируйте реестр / there is no organization {0} in the register")]
    UnknownOrganization(Ogrn),
}

/// What the role is given over, in words.
const fn territory(role: Role) -> &'static str {
    match role.scope_kind() {
        ScopeKind::Region => "она даётся на весь регион",
        ScopeKind::Municipality => "она даётся на муниципалитет",
        ScopeKind::Organization => "она даётся на одну организацию",
    }
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
                let password = create(&store, wish, now).await?;
                let entry = Entry::by_command_line(
                    now,
                    Action::OperatorCreated,
                    SubjectKind::Operator,
                    arguments.login.trim().to_lowercase(),
                );
                let entry = match scope.organization {
                    Some(organization) => entry.of_organization(organization),
                    None => entry,
                };
                entry.with("role", arguments.role.as_str()).record(&store).await?;
                Ok(password)
            })?;
            writeln!(out, "Оператор {} заведён. Одноразовый пароль: {password}", arguments.login)?;
            writeln!(out, "При первом входе его нужно сменить.")?;
        }
        OperatorCommand::List { json } => {
            let operators = with_store(config, async |store| listed(&store).await)?;
            for (operator, part) in operators {
                print(&operator, &part, *json, out)?;
            }
        }
    }
    Ok(())
}

/// The part of the tree that an operator sees.
enum Part {
    Region,
    Municipality { oktmo: Oktmo, name: String },
    Organization { ogrn: Ogrn, short_name: String },
}

async fn listed(store: &Store) -> Result<Vec<(OperatorRecord, Part)>, Box<dyn std::error::Error>> {
    let municipalities = store.municipalities(Scope::REGION).await?;
    let mut listed = Vec::new();
    for operator in store.operators(Scope::REGION).await? {
        let part = match operator.scope {
            Scope {
                organization: Some(id), ..
            } => {
                let organization = store.organization_by_internal_id(Scope::REGION, id).await?;
                let organization = organization.ok_or_else(|| ScopeError::Lost(operator.login.clone()))?;
                Part::Organization {
                    ogrn: organization.ogrn,
                    short_name: organization.short_name,
                }
            }
            Scope {
                municipality: Some(id), ..
            } => {
                let municipality = municipalities.iter().find(|municipality| municipality.id == id);
                let municipality = municipality.ok_or_else(|| ScopeError::Lost(operator.login.clone()))?;
                Part::Municipality {
                    oktmo: municipality.oktmo.clone(),
                    name: municipality.name.clone(),
                }
            }
            _ => Part::Region,
        };
        listed.push((operator, part));
    }
    Ok(listed)
}

fn print(operator: &OperatorRecord, part: &Part, json: bool, out: &mut impl Write) -> std::io::Result<()> {
    let disabled = operator.disabled_at.is_some();
    if json {
        let scope = match part {
            Part::Region => json!({ "kind": "region" }),
            Part::Municipality { oktmo, name } => json!({ "kind": "municipality", "oktmo": oktmo, "name": name }),
            Part::Organization { ogrn, short_name } => json!({ "kind": "organization", "ogrn": ogrn, "short_name": short_name }),
        };
        let line = json!({ "login": operator.login, "role": operator.role, "scope": scope, "disabled": disabled });
        return writeln!(out, "{line}");
    }
    let state = if disabled { "отключён" } else { "действует" };
    let part = match part {
        Part::Region => "весь регион",
        Part::Municipality { name, .. } => name,
        Part::Organization { short_name, .. } => short_name,
    };
    writeln!(out, "{:<24} {:<24} {state:<10} {part}", operator.login, operator.role)
}

async fn scope(store: &Store, arguments: &CreateArguments) -> Result<Scope, Box<dyn std::error::Error>> {
    let kind = arguments.role.scope_kind();
    // Never left out in silence: the operator would see more than was wished.
    if arguments.municipality.is_some() && kind != ScopeKind::Municipality {
        return Err(ScopeError::MunicipalityNotTaken(arguments.role).into());
    }
    if arguments.organization.is_some() && kind != ScopeKind::Organization {
        return Err(ScopeError::OrganizationNotTaken(arguments.role).into());
    }
    Ok(match kind {
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::fixture::{Fixture, SCHOOL, TOWN, now};
    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: OperatorArguments,
    }

    fn operator(fixture: &Fixture, line: &[&str]) -> Result<String, String> {
        let program = Program::try_parse_from(["operator"].iter().chain(line)).unwrap();
        fixture.printed(|config, out| run(&program.arguments, config, now(), out))
    }

    #[test]
    fn a_part_that_the_role_does_not_take_is_refused() {
        let fixture = Fixture::with_region();
        let create = |role: &str, parameters: &[&str]| {
            let line = ["create", "--login", "anna", "--role", role];
            operator(&fixture, &[&line, parameters].concat()).unwrap_err()
        };
        for role in [
            "region_administrator",
            "region_viewer",
            "registrar",
            "auditor",
            "municipality_operator",
        ] {
            let said = create(role, &["--municipality", TOWN, "--organization", SCHOOL]);
            assert!(said.contains("не принимает параметр"), "{said}");
        }
        let said = create("school_technician", &["--organization", SCHOOL, "--municipality", TOWN]);
        assert!(said.contains("school_technician не принимает параметр --municipality"), "{said}");
        let said = create("auditor", &["--organization", SCHOOL]);
        assert!(
            said.contains("auditor не принимает параметр --organization: она даётся на весь регион"),
            "{said}"
        );
        assert_eq!(operator(&fixture, &["list"]).unwrap(), "");
        assert_eq!(fixture.activities(), Vec::<String>::new());
    }

    #[test]
    fn operators_are_listed_with_what_they_see_and_their_making_is_logged() {
        let fixture = Fixture::with_region();
        for line in [
            "create --login anna --role auditor".to_owned(),
            format!("create --login boris --role municipality_operator --municipality {TOWN}"),
            format!("create --login vera --role school_technician --organization {SCHOOL}"),
        ] {
            operator(&fixture, &line.split(' ').collect::<Vec<_>>()).unwrap();
        }
        let list = operator(&fixture, &["list"]).unwrap();
        let ends: Vec<bool> = list
            .lines()
            .zip(["весь регион", fixture.town().as_str(), fixture.school().as_str()])
            .map(|(line, part)| line.ends_with(part))
            .collect();
        assert_eq!(ends, [true, true, true], "{list}");
        let json = operator(&fixture, &["list", "--json"]).unwrap();
        let scopes: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(scopes[0]["scope"], json!({ "kind": "region" }));
        assert_eq!(scopes[1]["scope"]["oktmo"], TOWN);
        assert_eq!(scopes[2]["scope"]["short_name"], fixture.school());
        assert_eq!(
            fixture.activities(),
            [
                "cli operator_created anna".to_owned(),
                "cli operator_created boris".to_owned(),
                "cli operator_created vera".to_owned()
            ]
        );
    }

    #[test]
    fn nobody_may_be_called_as_the_log_calls_the_command_line() {
        let fixture = Fixture::with_region();
        let said = operator(&fixture, &["create", "--login", "CLI", "--role", "auditor"]).unwrap_err();
        assert!(said.contains("уже занят"), "{said}");
    }
}
