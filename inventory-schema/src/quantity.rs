//! Numbers with a unit. A document holds no bare number.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::MAX_INTEGER;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is above the largest {quantity}, {largest}")]
pub struct QuantityError {
    pub quantity: &'static str,
    pub value: u64,
    pub largest: u64,
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, largest $largest:expr, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(u64);

        impl $name {
            pub const LARGEST: u64 = $largest;

            /// Builds the quantity, or the largest one when `value` is beyond it.
            pub const fn saturating(value: u64) -> Self {
                if value > Self::LARGEST { Self(Self::LARGEST) } else { Self(value) }
            }

            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = QuantityError;

            fn try_from(value: u64) -> Result<Self, QuantityError> {
                if value <= Self::LARGEST {
                    Ok(Self(value))
                } else {
                    Err(QuantityError { quantity: stringify!($name), value, largest: Self::LARGEST })
                }
            }
        }

        impl From<$name> for u64 {
            fn from(quantity: $name) -> u64 {
                quantity.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "integer", "minimum": 0, "maximum": Self::LARGEST, "x-unit": $unit
                })
            }
        }
    };
}

quantity!(/// A size in bytes.
    Bytes, largest MAX_INTEGER, "B");
quantity!(/// A length of time in microseconds.
    Microseconds, largest MAX_INTEGER, "µs");
quantity!(/// A length of time in seconds, at most ten years.
    Seconds, largest 315_360_000, "s");
quantity!(/// A line or link rate in bits per second.
    BitsPerSecond, largest 1_000_000_000_000_000, "bit/s");
quantity!(/// A line's rate in kilobits per second, as norms and contracts give it.
    KilobitsPerSecond, largest 1_000_000_000, "kbit/s");
quantity!(/// A clock rate in megahertz.
    Megahertz, largest 100_000, "MHz");
quantity!(/// A memory transfer rate in million transfers per second, as SMBIOS type 17 gives it.
    Megatransfers, largest 1_000_000, "MT/s");
quantity!(/// A length in millimetres, as EDID gives a screen's sides.
    Millimetres, largest 100_000, "mm");
quantity!(/// A number of picture elements along one side.
    Pixels, largest 100_000, "px");
quantity!(/// A refresh rate in thousandths of a hertz.
    Millihertz, largest 10_000_000, "mHz");
quantity!(/// An energy in milliwatt-hours, as batteries give their capacity.
    MilliwattHours, largest 100_000_000, "mW·h");
quantity!(/// A number of things of one kind: cores, threads, cycles, reports.
    Count, largest 1_000_000_000, "pcs");
quantity!(/// Hundredth parts of a whole; what is worn beyond its life has more than a hundred.
    Percent, largest 1_000, "%");
quantity!(/// A calendar year.
    Year, largest 9_999, "year");
quantity!(/// A week of the year as EDID gives it, 1 to 54.
    Week, largest 54, "week");

impl KilobitsPerSecond {
    pub const fn bits_per_second(self) -> BitsPerSecond {
        BitsPerSecond::saturating(self.0 * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_beyond_its_range_is_refused() {
        assert_eq!(serde_json::from_str::<Bytes>("9007199254740991").unwrap().get(), MAX_INTEGER);
        let error = serde_json::from_str::<Bytes>("9007199254740992").unwrap_err().to_string();
        assert!(error.contains("above the largest Bytes"), "{error}");
        assert!(serde_json::from_str::<Count>("-1").is_err());
        assert!(serde_json::from_str::<Count>("1.0").is_err());
        assert_eq!(Week::saturating(99).get(), 54);
    }
}
