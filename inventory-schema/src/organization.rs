//! Region, organization, building and room: their identifiers with the checks Russian law gives them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::identifier;
use crate::quantity::BitsPerSecond;
use crate::text::{PRINTABLE_PATTERN, checked_text, printable};

identifier!(/// An organization of the region: a school, a college, an authority.
    OrganizationId);
identifier!(/// One building of an organization: the unit whose line is measured.
    BuildingId);
identifier!(/// One room of a building.
    RoomId);

checked_text!(/// The region a controller serves, by its ISO 3166-2 code: `RU-PER`.
    RegionId, at most 8, r"^[A-Z0-9-]+$" => |c: char| matches!(c, 'A'..='Z' | '0'..='9' | '-'), from "the controller's configuration");
checked_text!(/// The name of an organization, building or room as the register gives it.
    PlaceName, at most 300, PRINTABLE_PATTERN => printable, from "the region's register");

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    #[error("{kind} has {digits} digits, expected {expected}")]
    Length {
        kind: &'static str,
        digits: usize,
        expected: &'static str,
    },
    #[error("{kind} may hold digits only")]
    Digits { kind: &'static str },
    #[error("{kind} {value} fails its check digit: one of its digits is mistyped")]
    CheckDigit { kind: &'static str, value: String },
}

/// Declares an identifier of digits with its check.
macro_rules! digits {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $lengths:expr, $expected:literal, $pattern:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                let digits = parse_digits($kind, text, $lengths, $expected)?;
                let check: fn(&[u32]) -> bool = $check;
                if check(&digits) { Ok(Self(text.to_owned())) } else { Err(IdentifierError::CheckDigit { kind: $kind, value: text.to_owned() }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentifierError;

            fn try_from(text: String) -> Result<Self, IdentifierError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(identifier: $name) -> String {
                identifier.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "maxLength": 15, "x-source": "the region's register" })
            }
        }
    };
}

digits!(/// ИНН of an organization: ten digits, the last a check digit.
    Inn, "ИНН", &[10], "10", "^[0-9]{10}$", |d| inn_check(d));
digits!(/// ОГРН: thirteen digits, the last a check digit.
    Ogrn, "ОГРН", &[13], "13", "^[0-9]{13}$", |d| ogrn_check(d));
digits!(/// ОКТМО: eight digits name a municipality, eleven a settlement in it.
    Oktmo, "ОКТМО", &[8, 11], "8 or 11", "^[0-9]{8}([0-9]{3})?$", |_| true);

impl Oktmo {
    /// The eight digits of the municipality.
    pub fn municipality(&self) -> &str {
        &self.0[..8]
    }
}

checked_text!(/// КПП: four digits, two digits or capital letters, three digits. It has no check digit.
    Kpp, at most 9, r"^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$" => |c: char| matches!(c, '0'..='9' | 'A'..='Z'), shaped is_kpp, from "the region's register");

/// Letters stand only in the fifth and sixth place.
fn is_kpp(text: &str) -> bool {
    text.len() == 9
        && text
            .bytes()
            .enumerate()
            .all(|(place, byte)| byte.is_ascii_digit() || matches!(place, 4 | 5))
}

fn parse_digits(kind: &'static str, text: &str, lengths: &[usize], expected: &'static str) -> Result<Vec<u32>, IdentifierError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(IdentifierError::Digits { kind });
    }
    if !lengths.contains(&text.len()) {
        return Err(IdentifierError::Length {
            kind,
            digits: text.len(),
            expected,
        });
    }
    Ok(text.bytes().map(|byte| u32::from(byte - b'0')).collect())
}

/// Weighted sum mod 11 mod 10 over the first nine digits equals the tenth.
fn inn_check(digits: &[u32]) -> bool {
    const WEIGHTS: [u32; 9] = [2, 4, 10, 3, 5, 9, 4, 6, 8];
    let sum: u32 = WEIGHTS.iter().zip(digits).map(|(weight, digit)| weight * digit).sum();
    sum % 11 % 10 == digits[9]
}

/// The first twelve digits mod 11 mod 10 equal the thirteenth.
fn ogrn_check(digits: &[u32]) -> bool {
    let number = digits[..12].iter().fold(0u64, |number, digit| number * 10 + u64::from(*digit));
    number % 11 % 10 == u64::from(digits[12])
}

/// The class of the settlement a building stands in; it sets the line's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementClass {
    /// ГОРОД
    City,
    /// ПГТ, посёлок городского типа: urban in statistics, rural for the connectivity indicator.
    UrbanSettlement,
    /// СЕЛО
    Village,
}

impl SettlementClass {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::UrbanSettlement => "urban_settlement",
            Self::Village => "village",
        }
    }

    /// What registers write in this column.
    pub fn from_register(text: &str) -> Option<Self> {
        match text.trim().to_uppercase().as_str() {
            "ГОРОД" | "Г" | "CITY" => Some(Self::City),
            "ПГТ" | "URBAN_SETTLEMENT" => Some(Self::UrbanSettlement),
            "СЕЛО" | "С" | "VILLAGE" => Some(Self::Village),
            _ => None,
        }
    }

    /// 100 Mb/s in cities, 50 Mb/s in villages and urban-type settlements (national indicator,
    /// docs.cntd.ru/document/554484384).
    pub const fn target(self) -> BitsPerSecond {
        match self {
            Self::City => BitsPerSecond::saturating(100_000_000),
            Self::UrbanSettlement | Self::Village => BitsPerSecond::saturating(50_000_000),
        }
    }
}

/// What kind of organization it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationKind {
    School,
    /// СПО
    College,
    ItCube,
    /// УПРАВЛЕНИЕ
    Authority,
    Supplier,
}

impl OrganizationKind {
    pub const ALL: [Self; 5] = [Self::School, Self::College, Self::ItCube, Self::Authority, Self::Supplier];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::School => "school",
            Self::College => "college",
            Self::ItCube => "it_cube",
            Self::Authority => "authority",
            Self::Supplier => "supplier",
        }
    }

    /// What registers write in this column.
    pub fn from_register(text: &str) -> Option<Self> {
        match text.trim().to_uppercase().as_str() {
            "ШКОЛА" | "SCHOOL" => Some(Self::School),
            "СПО" | "COLLEGE" => Some(Self::College),
            "IT-КУБ" | "ИТ-КУБ" | "IT_CUBE" => Some(Self::ItCube),
            "УПРАВЛЕНИЕ" | "AUTHORITY" => Some(Self::Authority),
            "ПОСТАВЩИК" | "SUPPLIER" => Some(Self::Supplier),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_digits_find_mistyped_identifiers() {
        assert!("5999000016".parse::<Inn>().is_ok());
        assert!("5999000023".parse::<Inn>().is_ok());
        assert!(matches!("5999000017".parse::<Inn>(), Err(IdentifierError::CheckDigit { .. })));
        assert!("7825435608".parse::<Inn>().is_ok());
        assert!("1205999000019".parse::<Ogrn>().is_ok());
        assert!(matches!("1205999000018".parse::<Ogrn>(), Err(IdentifierError::CheckDigit { .. })));
        assert!(matches!("59990000".parse::<Inn>(), Err(IdentifierError::Length { digits: 8, .. })));
        assert!(matches!("599900001б".parse::<Inn>(), Err(IdentifierError::Digits { .. })));
        assert!("590201001".parse::<Kpp>().is_ok());
        assert!("5902AB001".parse::<Kpp>().is_ok());
        assert!("590201".parse::<Kpp>().is_err());
        assert!("A90201001".parse::<Kpp>().is_err());
        assert_eq!("57701000001".parse::<Oktmo>().unwrap().municipality(), "57701000");
    }

    #[test]
    fn only_a_city_has_the_higher_target() {
        assert_eq!(SettlementClass::from_register("город").unwrap().target().get(), 100_000_000);
        assert_eq!(SettlementClass::from_register("ПГТ").unwrap().target().get(), 50_000_000);
        assert_eq!(SettlementClass::from_register("село").unwrap().target().get(), 50_000_000);
    }

    proptest! {
        #[test]
        fn one_changed_digit_of_an_ogrn_is_noticed(body in 100_000_000_000u64..1_000_000_000_000, place in 0usize..12, add in 1u64..10) {
            let check = body % 11 % 10;
            let right = format!("{body}{check}");
            prop_assert!(right.parse::<Ogrn>().is_ok());
            let mut digits: Vec<u8> = right.bytes().collect();
            digits[place] = b'0' + (digits[place] - b'0' + add as u8) % 10;
            let wrong = String::from_utf8(digits).unwrap();
            // mod 11 mod 10 maps 10 and 0 to one check digit, so only those two remainders can collide.
            let remainder = wrong[..12].parse::<u64>().unwrap() % 11;
            let collides = remainder % 10 == check;
            prop_assert_eq!(wrong.parse::<Ogrn>().is_ok(), collides);
        }
    }
}
