//! The columns of the table: their titles, the other names registers give them, and finding the header.

use serde::{Deserialize, Serialize};

/// A column of the table, in the order an export writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    Ogrn,
    Inn,
    Kpp,
    Kind,
    Name,
    ShortName,
    MunicipalityOktmo,
    Municipality,
    TimeZone,
    Status,
    Contingent,
    BuildingNumber,
    Address,
    Settlement,
    SettlementClass,
    BuildingOktmo,
    Fias,
    RoomNumber,
    RoomName,
    RoomPurpose,
}

impl Column {
    pub const ALL: [Self; 20] = [
        Self::Ogrn,
        Self::Inn,
        Self::Kpp,
        Self::Kind,
        Self::Name,
        Self::ShortName,
        Self::MunicipalityOktmo,
        Self::Municipality,
        Self::TimeZone,
        Self::Status,
        Self::Contingent,
        Self::BuildingNumber,
        Self::Address,
        Self::Settlement,
        Self::SettlementClass,
        Self::BuildingOktmo,
        Self::Fias,
        Self::RoomNumber,
        Self::RoomName,
        Self::RoomPurpose,
    ];
    /// Without these there is no organization.
    pub const REQUIRED: [Self; 6] = [
        Self::Ogrn,
        Self::Inn,
        Self::Kind,
        Self::Name,
        Self::MunicipalityOktmo,
        Self::Municipality,
    ];
    pub(super) const ORGANIZATION: [Self; 8] = [
        Self::Inn,
        Self::Kpp,
        Self::Kind,
        Self::Name,
        Self::ShortName,
        Self::MunicipalityOktmo,
        Self::Status,
        Self::Contingent,
    ];
    pub(super) const MUNICIPALITY: [Self; 2] = [Self::Municipality, Self::TimeZone];
    pub(super) const BUILDING: [Self; 5] = [
        Self::Address,
        Self::Settlement,
        Self::SettlementClass,
        Self::BuildingOktmo,
        Self::Fias,
    ];
    pub(super) const ROOM: [Self; 2] = [Self::RoomName, Self::RoomPurpose];

    /// The title an export writes and messages name.
    pub const fn title(self) -> &'static str {
        self.names()[0]
    }

    /// The title and its synonyms; [`key`] folds both sides of a comparison.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Ogrn => &["ОГРН", "OGRN"],
            Self::Inn => &["ИНН", "INN"],
            Self::Kpp => &["КПП", "KPP"],
            Self::Kind => &["Вид", "Вид организации", "Тип организации", "Тип"],
            Self::Name => &[
                "Полное наименование",
                "Полное название",
                "Наименование",
                "Наименование организации",
                "Полное наименование организации",
            ],
            Self::ShortName => &["Краткое наименование", "Сокращённое наименование", "Краткое название"],
            Self::MunicipalityOktmo => &["ОКТМО муниципалитета", "ОКТМО муниципального образования", "ОКТМО МО"],
            Self::Municipality => &["Муниципалитет", "Муниципальное образование", "Наименование муниципалитета"],
            Self::TimeZone => &["Часовой пояс", "Часовая зона", "Временная зона"],
            Self::Status => &["Статус", "Статус организации", "Состояние"],
            Self::Contingent => &[
                "Контингент",
                "Число обучающихся",
                "Количество обучающихся",
                "Численность обучающихся",
            ],
            Self::BuildingNumber => &["Номер здания", "№ здания", "Здание"],
            Self::Address => &["Адрес", "Адрес здания"],
            Self::Settlement => &["Населённый пункт", "Наименование населённого пункта"],
            Self::SettlementClass => &["Класс населённого пункта", "Тип населённого пункта", "Категория населённого пункта"],
            Self::BuildingOktmo => &["ОКТМО здания", "ОКТМО населённого пункта", "ОКТМО"],
            Self::Fias => &["ФИАС", "Код ФИАС", "ГАР", "ФИАС здания", "GUID ФИАС"],
            Self::RoomNumber => &["Кабинет", "Номер кабинета", "№ кабинета", "Помещение"],
            Self::RoomName => &["Название кабинета", "Наименование кабинета"],
            Self::RoomPurpose => &["Назначение кабинета", "Назначение помещения", "Назначение"],
        }
    }

    fn named(title: &str) -> Option<Self> {
        let wanted = key(title);
        Self::ALL
            .into_iter()
            .find(|column| column.names().iter().any(|name| key(name) == wanted))
    }
}

/// Folds what does not matter in a title: case, ё, white space, line breaks, a closing `*` or `:`.
fn key(title: &str) -> String {
    let words: Vec<&str> = title.trim_end_matches(['*', ':', ' ']).split_whitespace().collect();
    words.join(" ").to_lowercase().replace('ё', "е")
}

/// Which cell of a row belongs to which column; what the header says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// (position from 0, column)
    pub(super) columns: Vec<(usize, Column)>,
    /// A column named twice, by its title.
    pub(super) repeated: Option<Column>,
    /// Titles that mean nothing here.
    pub(super) unknown: Vec<String>,
}

impl Header {
    /// The header that `titles` make; `None` unless ОГРН and one more column are among them.
    pub(super) fn of<'a>(titles: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut header = Self {
            columns: Vec::new(),
            repeated: None,
            unknown: Vec::new(),
        };
        for (position, title) in titles.enumerate() {
            match Column::named(title) {
                Some(column) if header.has(column) => header.repeated = Some(column),
                Some(column) => header.columns.push((position, column)),
                None if title.trim().is_empty() => {}
                None => header.unknown.push(title.trim().to_owned()),
            }
        }
        (header.has(Column::Ogrn) && header.columns.len() > 1).then_some(header)
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|(_, known)| *known == column)
    }

    /// The columns without which this table cannot be read.
    pub(super) fn missing(&self) -> Vec<Column> {
        let mut required = Column::REQUIRED.to_vec();
        let has_rooms = self.has(Column::RoomNumber) || Column::ROOM.iter().any(|column| self.has(*column));
        let has_buildings = has_rooms || self.has(Column::BuildingNumber) || Column::BUILDING.iter().any(|column| self.has(*column));
        if has_buildings {
            required.extend([Column::BuildingNumber, Column::Address, Column::Settlement]);
        }
        if has_rooms {
            required.push(Column::RoomNumber);
        }
        required.retain(|column| !self.has(*column));
        required
    }
}

/// The titles in the order of [`Column::ALL`].
pub(in crate::register) fn header() -> [&'static str; 20] {
    Column::ALL.map(Column::title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_found_in_any_order_and_spelling() {
        let header = Header::of(["Полное\nнаименование *", "огрн", "", "НАСЕЛЁННЫЙ  ПУНКТ:", "Директор"].into_iter()).unwrap();
        assert_eq!(header.columns, [(0, Column::Name), (1, Column::Ogrn), (3, Column::Settlement)]);
        assert_eq!(header.unknown, ["Директор"]);
        assert!(header.missing().contains(&Column::BuildingNumber));
    }

    #[test]
    fn no_two_columns_share_a_name() {
        for column in Column::ALL {
            for name in column.names() {
                assert_eq!(Column::named(name), Some(column), "{name}");
            }
        }
    }

    #[test]
    fn a_row_of_data_is_no_header() {
        assert_eq!(Header::of(["1205999000019", "ШКОЛА"].into_iter()), None);
        assert_eq!(Header::of(["ОГРН"].into_iter()), None);
    }
}
