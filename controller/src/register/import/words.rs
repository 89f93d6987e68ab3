//! The closed vocabularies of the table, as registrars write them, and the words an export uses.

use inventory_schema::organization::{OrganizationKind, SettlementClass};

use crate::register::{OrganizationStatus, RoomPurpose};

/// A value with a Russian word in the table.
pub(in crate::register) trait Word: Sized + Copy {
    /// What an error offers: `ГОРОД, ПГТ или СЕЛО`.
    const CHOICE: &'static str;

    /// The word an export writes.
    fn word(self) -> &'static str;

    /// The value of a word in capitals with Е for Ё.
    fn of_capitals(capitals: &str) -> Option<Self>;

    fn of_word(word: &str) -> Option<Self> {
        Self::of_capitals(&word.trim().to_uppercase().replace('Ё', "Е"))
    }
}

impl Word for OrganizationKind {
    const CHOICE: &'static str = "ШКОЛА, СПО, IT-КУБ, УПРАВЛЕНИЕ или ПОСТАВЩИК";

    fn word(self) -> &'static str {
        match self {
            Self::School => "ШКОЛА",
            Self::College => "СПО",
            Self::ItCube => "IT-КУБ",
            Self::Authority => "УПРАВЛЕНИЕ",
            Self::Supplier => "ПОСТАВЩИК",
        }
    }

    fn of_capitals(capitals: &str) -> Option<Self> {
        Self::from_register(capitals)
    }
}

impl Word for OrganizationStatus {
    const CHOICE: &'static str = "ДЕЙСТВУЕТ, РЕОРГАНИЗОВАНА или ЛИКВИДИРОВАНА";

    fn word(self) -> &'static str {
        match self {
            Self::Active => "ДЕЙСТВУЕТ",
            Self::Reorganized => "РЕОРГАНИЗОВАНА",
            Self::Liquidated => "ЛИКВИДИРОВАНА",
        }
    }

    fn of_capitals(capitals: &str) -> Option<Self> {
        match capitals {
            "ДЕЙСТВУЕТ" | "ДЕЙСТВУЮЩАЯ" | "ACTIVE" => Some(Self::Active),
            "РЕОРГАНИЗОВАНА" | "REORGANIZED" => Some(Self::Reorganized),
            "ЛИКВИДИРОВАНА" | "LIQUIDATED" => Some(Self::Liquidated),
            _ => None,
        }
    }
}

impl Word for SettlementClass {
    const CHOICE: &'static str = "ГОРОД, ПГТ или СЕЛО";

    fn word(self) -> &'static str {
        match self {
            Self::City => "ГОРОД",
            Self::UrbanSettlement => "ПГТ",
            Self::Village => "СЕЛО",
        }
    }

    fn of_capitals(capitals: &str) -> Option<Self> {
        match capitals {
            "ПОСЕЛОК ГОРОДСКОГО ТИПА" => Some(Self::UrbanSettlement),
            other => Self::from_register(other),
        }
    }
}

impl Word for RoomPurpose {
    const CHOICE: &'static str = "КАБИНЕТ, МОБИЛЬНЫЙ КЛАСС, СКЛАД, АДМИНИСТРАЦИЯ или IT-КЛАСС";

    fn word(self) -> &'static str {
        match self {
            Self::Classroom => "КАБИНЕТ",
            Self::MobileClass => "МОБИЛЬНЫЙ КЛАСС",
            Self::Store => "СКЛАД",
            Self::Administration => "АДМИНИСТРАЦИЯ",
            Self::ItClass => "IT-КЛАСС",
        }
    }

    fn of_capitals(capitals: &str) -> Option<Self> {
        match capitals {
            "КАБИНЕТ" | "УЧЕБНЫЙ КАБИНЕТ" | "КЛАСС" => Some(Self::Classroom),
            "МОБИЛЬНЫЙ КЛАСС" => Some(Self::MobileClass),
            "СКЛАД" => Some(Self::Store),
            "АДМИНИСТРАЦИЯ" => Some(Self::Administration),
            "IT-КЛАСС" | "ИТ-КЛАСС" => Some(Self::ItClass),
            _ => None,
        }
    }
}

/// The IANA name of a zone given by that name or as Russian law counts it, from Moscow: `МСК+2`.
pub(super) fn time_zone(text: &str) -> Option<String> {
    let from_moscow = text.to_uppercase().replace(' ', "").replace("MSK", "МСК").replace(['−', '–'], "-");
    let name = match from_moscow.as_str() {
        "МСК-1" => "Europe/Kaliningrad",
        "МСК" | "МСК+0" => "Europe/Moscow",
        "МСК+1" => "Europe/Samara",
        "МСК+2" => "Asia/Yekaterinburg",
        "МСК+3" => "Asia/Omsk",
        "МСК+4" => "Asia/Krasnoyarsk",
        "МСК+5" => "Asia/Irkutsk",
        "МСК+6" => "Asia/Yakutsk",
        "МСК+7" => "Asia/Vladivostok",
        "МСК+8" => "Asia/Magadan",
        "МСК+9" => "Asia/Kamchatka",
        _ => text,
    };
    let zone = jiff::tz::TimeZone::get(name).ok()?;
    zone.iana_name().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_export_writes_can_be_read() {
        for kind in OrganizationKind::ALL {
            assert_eq!(OrganizationKind::of_word(kind.word()), Some(kind));
        }
        for purpose in RoomPurpose::ALL {
            assert_eq!(RoomPurpose::of_word(purpose.word()), Some(purpose));
        }
        for status in [
            OrganizationStatus::Active,
            OrganizationStatus::Reorganized,
            OrganizationStatus::Liquidated,
        ] {
            assert_eq!(OrganizationStatus::of_word(status.word()), Some(status));
        }
        for class in [SettlementClass::City, SettlementClass::UrbanSettlement, SettlementClass::Village] {
            assert_eq!(SettlementClass::of_word(class.word()), Some(class));
        }
    }

    #[test]
    fn words_forgive_case_and_yo() {
        assert_eq!(
            SettlementClass::of_word(" посёлок городского типа "),
            Some(SettlementClass::UrbanSettlement)
        );
        assert_eq!(OrganizationKind::of_word("детский сад"), None);
    }

    #[test]
    fn a_zone_is_named_or_counted_from_moscow() {
        assert_eq!(time_zone("МСК + 2").as_deref(), Some("Asia/Yekaterinburg"));
        assert_eq!(time_zone("asia/yekaterinburg").as_deref(), Some("Asia/Yekaterinburg"));
        assert_eq!(time_zone("МСК+20"), None);
        assert_eq!(time_zone("Пермь"), None);
    }
}
