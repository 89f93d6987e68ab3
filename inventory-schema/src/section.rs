//! A section: one kind of fact about a computer, reported, digested and stored on its own.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::device::Source;
use crate::text::{DeviceName, Diagnosis};

/// The sections of an inventory, in the order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SectionName {
    System,
    Processor,
    Memory,
    Storage,
    Display,
    Network,
    OperatingSystem,
    Battery,
    Peripherals,
    Software,
}

impl SectionName {
    pub const ALL: [Self; 10] = [
        Self::System,
        Self::Processor,
        Self::Memory,
        Self::Storage,
        Self::Display,
        Self::Network,
        Self::OperatingSystem,
        Self::Battery,
        Self::Peripherals,
        Self::Software,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Processor => "processor",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Display => "display",
            Self::Network => "network",
            Self::OperatingSystem => "operating_system",
            Self::Battery => "battery",
            Self::Peripherals => "peripherals",
            Self::Software => "software",
        }
    }
}

impl std::fmt::Display for SectionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not the name of a section")]
pub struct UnknownSection(String);

impl std::str::FromStr for SectionName {
    type Err = UnknownSection;

    fn from_str(text: &str) -> Result<Self, UnknownSection> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownSection(text.chars().take(40).collect()))
    }
}

/// What a section holds. `FORMAT` is its tag and version: `memory/1`.
pub trait SectionContent: Serialize + for<'de> Deserialize<'de> + JsonSchema {
    const NAME: SectionName;
    const FORMAT: &'static str;
}

/// Why a source could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadFailure {
    /// The system has no such source: a virtual machine without SMBIOS, a desktop without a battery.
    NotPresent,
    /// Reading it needs the administrator's rights.
    PermissionDenied,
    /// It was read and makes no sense.
    Malformed,
    /// It was larger than the agent reads.
    TooLarge,
    /// The operating system reported an error.
    SystemError,
    /// It did not answer in time: a network file system that hangs.
    TimedOut,
    /// A reason that a newer agent knows and this program does not.
    #[serde(other)]
    Other,
}

/// A source that could not be read, or only in part (promise 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollectionProblem {
    pub source: Source,
    pub failure: ReadFailure,
    /// The device or entry it concerns, when there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<DeviceName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Diagnosis>,
}

/// A section as reported: what was read, what was not, and never neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section<T> {
    Read(T),
    Partial { content: T, problems: Vec<CollectionProblem> },
    Failed { problems: Vec<CollectionProblem> },
}

impl<T> Section<T> {
    /// `Read` without problems, `Partial` with some.
    pub fn new(content: T, problems: Vec<CollectionProblem>) -> Self {
        if problems.is_empty() {
            Self::Read(content)
        } else {
            Self::Partial { content, problems }
        }
    }

    pub fn content(&self) -> Option<&T> {
        match self {
            Self::Read(content) | Self::Partial { content, .. } => Some(content),
            Self::Failed { .. } => None,
        }
    }

    pub fn problems(&self) -> &[CollectionProblem] {
        match self {
            Self::Read(_) => &[],
            Self::Partial { problems, .. } | Self::Failed { problems } => problems,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct Wire<C> {
    format: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<C>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<CollectionProblem>,
}

impl<T: SectionContent> Serialize for Section<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            format: T::FORMAT.into(),
            content: self.content(),
            problems: self.problems().to_vec(),
        }
        .serialize(serializer)
    }
}

impl<'de, T: SectionContent> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::<T>::deserialize(deserializer)?;
        if wire.format != T::FORMAT {
            return Err(de::Error::custom(format_args!(
                "the section's format is «{}», expected «{}»",
                wire.format,
                T::FORMAT
            )));
        }
        match wire.content {
            Some(content) => Ok(Self::new(content, wire.problems)),
            None if wire.problems.is_empty() => Err(de::Error::custom("the section has neither content nor a problem")),
            None => Ok(Self::Failed { problems: wire.problems }),
        }
    }
}

impl<T: SectionContent> JsonSchema for Section<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Section", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let content = generator.subschema_for::<T>();
        let problems = generator.subschema_for::<Vec<CollectionProblem>>();
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "format": { "const": T::FORMAT },
                "content": content,
                "problems": problems
            },
            "required": ["format"],
            "anyOf": [{ "required": ["content"] }, { "required": ["problems"] }]
        })
    }
}
