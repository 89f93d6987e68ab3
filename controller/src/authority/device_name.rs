//! What a device is called in its certificate: `urn:cos:device:<region>:<uuid>`.

use std::fmt;
use std::str::FromStr;

use inventory_schema::{DeviceId, RegionId};

const PREFIX: &str = "urn:cos:device:";

/// The one name that a device's certificate carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName {
    pub region: RegionId,
    pub device: DeviceId,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not a device's name: expected {PREFIX}REGION:UUID")]
pub struct DeviceNameError(String);

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", self.region, self.device)
    }
}

impl FromStr for DeviceName {
    type Err = DeviceNameError;

    fn from_str(text: &str) -> Result<Self, DeviceNameError> {
        let error = || DeviceNameError(text.chars().take(80).collect());
        let (region, device) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':')).ok_or_else(error)?;
        let name = Self {
            region: region.parse().map_err(|_| error())?,
            device: device.parse().map_err(|_| error())?,
        };
        // A UUID has several spellings; a name has one.
        if name.to_string() == text { Ok(name) } else { Err(error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        let text = "urn:cos:device:RU-PER:01900000-0000-7000-8000-000000000001";
        assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), text);
        for other in [
            "",
            "urn:cos:device:RU-PER",
            "urn:cos:device:ru-per:01900000-0000-7000-8000-000000000001",
            "urn:cos:device:RU-PER:01900000000070008000000000000001",
            "urn:cos:device:RU-PER:01900000-0000-7000-8000-000000000001:x",
            "urn:cos:gateway:RU-PER:01900000-0000-7000-8000-000000000001",
        ] {
            assert!(other.parse::<DeviceName>().is_err(), "{other}");
        }
    }
}
