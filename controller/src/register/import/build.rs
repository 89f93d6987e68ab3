//! Drafts checked and joined into a register: identifiers, vocabularies, and what must hold between them.

use std::collections::HashMap;
use std::str::FromStr;

use inventory_schema::organization::{IdentifierError, Kpp, Ogrn, Oktmo, PlaceName, SettlementClass};
use inventory_schema::text::TextError;

use super::message::{LineError, Messages};
use super::rows::{Draft, Drafts};
use super::words::{Word, time_zone};
use super::{Column, Defaults};
use crate::register::{Building, Municipality, Organization, OrganizationStatus, Room, RoomPurpose, Snapshot};

/// More pupils than any organization has.
const MAX_CONTINGENT: u32 = 100_000;

/// The register that `drafts` describe. Entities with errors are left out of it; the errors are in `messages`.
pub(super) fn register(drafts: Drafts, defaults: &Defaults, messages: &mut Messages) -> Snapshot {
    if messages.is_clean() && !drafts.has_header() {
        let message = "Не найдена строка заголовка со столбцами «ОГРН», «ИНН», «Вид», «Полное наименование», «ОКТМО муниципалитета», \
                       «Муниципалитет». Проверьте названия столбцов и кодировку файла (UTF-8 или Windows-1251).";
        messages.file_error(message);
    } else if messages.is_clean() && drafts.rows() == 0 {
        messages.file_error("Под заголовком нет ни одной строки. Заполните таблицу.");
    }
    let mut check = Check {
        drafts: &drafts,
        defaults,
        messages,
    };
    let mut register = Snapshot::default();
    for (oktmo, draft) in &drafts.municipalities {
        register.municipalities.extend(check.municipality(oktmo, draft));
    }
    for (ogrn, draft) in &drafts.organizations {
        register.organizations.extend(check.organization(ogrn, draft));
    }
    check.no_shared_inn(&register.organizations);
    for ((ogrn, number), draft) in &drafts.buildings {
        register.buildings.extend(check.building(ogrn, *number, draft));
    }
    for ((ogrn, building, number), draft) in &drafts.rooms {
        register.rooms.extend(check.room(ogrn, *building, number, draft));
    }
    register.sorted()
}

struct Check<'a> {
    drafts: &'a Drafts,
    defaults: &'a Defaults,
    messages: &'a mut Messages,
}

impl Check<'_> {
    fn municipality(&mut self, oktmo: &str, draft: &Draft) -> Option<Municipality> {
        // A wrong code is reported where the organization states it.
        let oktmo = oktmo.parse().ok();
        let name = self.required(draft, Column::Municipality, identifier);
        let time_zone = if self.drafts.has(Column::TimeZone) {
            self.required(draft, Column::TimeZone, zone)
        } else {
            Some(self.defaults.time_zone.clone())
        };
        Some(Municipality {
            oktmo: oktmo?,
            name: name?,
            time_zone: time_zone?,
        })
    }

    fn organization(&mut self, ogrn: &str, draft: &Draft) -> Option<Organization> {
        let ogrn = self.parsed(draft.line, Column::Ogrn, ogrn, identifier);
        let inn = self.required(draft, Column::Inn, identifier);
        let kpp = self.optional(draft, Column::Kpp, kpp);
        let kind = self.required(draft, Column::Kind, word);
        let name: Option<PlaceName> = self.required(draft, Column::Name, identifier);
        let short_name = self.optional(draft, Column::ShortName, identifier);
        let municipality = self.required(draft, Column::MunicipalityOktmo, municipality_code);
        let status = if self.drafts.has(Column::Status) {
            self.required(draft, Column::Status, word)
        } else {
            Some(OrganizationStatus::Active)
        };
        let contingent = self.optional(draft, Column::Contingent, contingent);
        let name = name?;
        Some(Organization {
            ogrn: ogrn?,
            inn: inn?,
            kpp: kpp?,
            kind: kind?,
            short_name: short_name?.unwrap_or_else(|| name.clone()),
            name,
            municipality: municipality?,
            status: status?,
            contingent: contingent?,
        })
    }

    fn building(&mut self, ogrn: &str, number: u32, draft: &Draft) -> Option<Building> {
        let municipality = self.municipality_of(ogrn);
        let address = self.required(draft, Column::Address, identifier);
        let settlement = self.required(draft, Column::Settlement, identifier);
        let oktmo: Option<Option<Oktmo>> = self.optional(draft, Column::BuildingOktmo, identifier);
        let oktmo = oktmo.and_then(|stated| stated.or(municipality.clone()));
        let settlement_class = self.settlement_class(draft, oktmo.as_ref());
        let fias = self.optional(draft, Column::Fias, fias);
        if let (Some(oktmo), Some(municipality)) = (&oktmo, &municipality) {
            self.lies_in(draft, oktmo, municipality);
        }
        Some(Building {
            organization: ogrn.parse().ok()?,
            number,
            address: address?,
            settlement: settlement?,
            settlement_class: settlement_class?,
            oktmo: oktmo?,
            fias: fias?,
        })
    }

    fn room(&mut self, ogrn: &str, building: u32, number: &str, draft: &Draft) -> Option<Room> {
        let number: Option<PlaceName> = self.parsed(draft.line, Column::RoomNumber, number, identifier);
        let name = self.optional(draft, Column::RoomName, identifier);
        let purpose = self.optional(draft, Column::RoomPurpose, word);
        let number = number?;
        Some(Room {
            organization: ogrn.parse().ok()?,
            building,
            name: name?.unwrap_or_else(|| number.clone()),
            number,
            purpose: purpose?.unwrap_or(RoomPurpose::Classroom),
        })
    }

    /// The code of an organization's municipality, if it is a good one.
    fn municipality_of(&self, ogrn: &str) -> Option<Oktmo> {
        let (text, _) = self.drafts.organizations.get(ogrn)?.value(Column::MunicipalityOktmo)?;
        municipality_code(text).ok()
    }

    /// The class a table states, else the one the code of the settlement implies.
    fn settlement_class(&mut self, draft: &Draft, oktmo: Option<&Oktmo>) -> Option<SettlementClass> {
        let implied = oktmo.and_then(class_of_code);
        let Some((text, line)) = draft.value(Column::SettlementClass) else {
            if implied.is_none() && oktmo.is_some() {
                let message = format!(
                    "Укажите класс населённого пункта ({}) или ОКТМО здания из 11 цифр.",
                    SettlementClass::CHOICE
                );
                self.messages.error(LineError::at(draft.line, Column::SettlementClass, "", message));
            }
            return implied;
        };
        let stated = self.parsed(line, Column::SettlementClass, text, word)?;
        if let Some(implied) = implied.filter(|implied| *implied != stated) {
            let message = format!(
                "Указано «{}», а три последние цифры ОКТМО здания означают «{}». Норматив скорости считается по указанному: {} Мбит/с. Проверьте.",
                stated.word(),
                implied.word(),
                stated.target().get() / 1_000_000
            );
            self.messages.warning(LineError::at(line, Column::SettlementClass, text, message));
        }
        Some(stated)
    }

    fn lies_in(&mut self, draft: &Draft, oktmo: &Oktmo, municipality: &Oktmo) {
        let code = municipality.municipality();
        let own = code.strip_suffix("000").unwrap_or(code);
        if !oktmo.as_str().starts_with(own) {
            let line = draft.value(Column::BuildingOktmo).map_or(draft.line, |(_, line)| line);
            let message = format!(
                "ОКТМО здания должен начинаться с цифр {own}, как у муниципалитета {code}. Исправьте ОКТМО здания или муниципалитета."
            );
            self.messages
                .error(LineError::at(line, Column::BuildingOktmo, oktmo.as_str(), message));
        }
    }

    /// ИНН and КПП together belong to one organization.
    fn no_shared_inn(&mut self, organizations: &[Organization]) {
        let mut owners: HashMap<_, &Ogrn> = HashMap::new();
        for organization in organizations {
            let Some(owner) = owners.insert((&organization.inn, &organization.kpp), &organization.ogrn) else {
                continue;
            };
            let line_of = |ogrn: &Ogrn| self.drafts.organizations.get(ogrn.as_str()).map_or(0, |draft| draft.line);
            let (line, other) = (line_of(&organization.ogrn), line_of(owner));
            let message = format!(
                "Тот же ИНН{} в строке {other} у организации с ОГРН {owner}. У двух организаций он совпадать не может.",
                if organization.kpp.is_some() { " и КПП" } else { "" }
            );
            self.messages
                .error(LineError::at(line, Column::Inn, organization.inn.as_str(), message));
        }
    }

    fn required<T>(&mut self, draft: &Draft, column: Column, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match draft.value(column) {
            Some((text, line)) => self.parsed(line, column, text, parse),
            None => {
                let message = format!("Заполните «{}».", column.title());
                self.messages.error(LineError::at(draft.line, column, "", message));
                None
            }
        }
    }

    /// The outer `None` is an error, the inner one an empty cell.
    fn optional<T>(&mut self, draft: &Draft, column: Column, parse: fn(&str) -> Result<T, String>) -> Option<Option<T>> {
        match draft.value(column) {
            Some((text, line)) => self.parsed(line, column, text, parse).map(Some),
            None => Some(None),
        }
    }

    fn parsed<T>(&mut self, line: u64, column: Column, text: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        parse(text)
            .map_err(|message| self.messages.error(LineError::at(line, column, text, message)))
            .ok()
    }
}

/// The class that the last three digits of a settlement's code stand for: 001–049 cities, 051–099 urban-type
/// settlements, from 101 villages. The rule is customary, not written, hence only a warning when it disagrees.
fn class_of_code(oktmo: &Oktmo) -> Option<SettlementClass> {
    let settlement: u32 = oktmo.as_str().get(8..)?.parse().ok()?;
    match settlement {
        1..=49 => Some(SettlementClass::City),
        51..=99 => Some(SettlementClass::UrbanSettlement),
        101..=999 => Some(SettlementClass::Village),
        _ => None,
    }
}

/// Says in Russian why a schema type refuses a text.
trait Explain {
    fn explain(&self) -> String;
}

impl Explain for IdentifierError {
    fn explain(&self) -> String {
        match self {
            Self::Length { kind, digits, expected } => {
                let expected = expected.replace("or", "или");
                format!("{kind}: нужно цифр: {expected}, а здесь {digits}. Проверьте, не потерян ли ноль в начале.")
            }
            Self::Digits { kind } => format!("{kind} состоит только из цифр. Уберите другие знаки."),
            Self::CheckDigit { kind, .. } => {
                format!("{kind} не проходит проверку по контрольной цифре: одна из цифр введена с ошибкой. Сверьте с выпиской из ЕГРЮЛ.")
            }
        }
    }
}

impl Explain for TextError {
    fn explain(&self) -> String {
        match self {
            Self::Empty { .. } => "Значение пустое. Заполните ячейку.".to_owned(),
            Self::TooLong { chars, max, .. } => format!("Знаков {chars}, а допускается не больше {max}. Сократите."),
            Self::Character { character, .. } => format!(
                "Недопустимый знак с кодом U+{:04X}. Введите значение заново.",
                u32::from(*character)
            ),
            Self::Shape { .. } => "Значение записано не по форме. Сверьте с документом и введите заново.".to_owned(),
        }
    }
}

fn identifier<T: FromStr<Err: Explain>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.explain())
}

fn word<T: Word>(text: &str) -> Result<T, String> {
    T::of_word(text).ok_or_else(|| format!("Такого значения нет. Выберите: {}.", T::CHOICE))
}

fn municipality_code(text: &str) -> Result<Oktmo, String> {
    let oktmo: Oktmo = identifier(text)?;
    if oktmo.as_str().len() == 8 {
        Ok(oktmo)
    } else {
        Err("ОКТМО муниципалитета состоит из 8 цифр. Код из 11 цифр укажите в столбце «ОКТМО здания».".to_owned())
    }
}

fn kpp(text: &str) -> Result<Kpp, String> {
    text.parse()
        .map_err(|_| "КПП — девять знаков: четыре цифры, две цифры или заглавные латинские буквы, три цифры.".to_owned())
}

fn contingent(text: &str) -> Result<u32, String> {
    let digits: String = text.split(' ').collect();
    digits
        .parse()
        .ok()
        .filter(|pupils| *pupils <= MAX_CONTINGENT)
        .ok_or_else(|| format!("Контингент — целое число обучающихся от 0 до {MAX_CONTINGENT}."))
}

fn fias(text: &str) -> Result<uuid::Uuid, String> {
    if text.len() != 36 {
        return Err(FIAS_FORM.to_owned());
    }
    text.parse().map_err(|_| FIAS_FORM.to_owned())
}

const FIAS_FORM: &str =
    "Код ФИАС — 32 шестнадцатеричные цифры с дефисами, например a309e4ce-2f36-4106-b1ca-53e0f48a6d95. Исправьте или оставьте пустым.";

fn zone(text: &str) -> Result<String, String> {
    time_zone(text).ok_or_else(|| "Такого часового пояса нет. Укажите, например, МСК+2 или Asia/Yekaterinburg.".to_owned())
}
