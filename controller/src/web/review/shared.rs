//! What several computers have though only one can: numbers that live devices share, and disks that were copied.

use crate::state::AppState;
use crate::store::identifier::{SharedKind, SharedValue};
use crate::store::{Scope, StoreError};
use crate::web::device::identity::link;
use crate::web::language::Language;
use crate::web::link::with_query;
use crate::web::section::Link;

/// The most copied disks that are listed, and copies that are named of each.
const MOST_COPIED: i64 = 50;
const MOST_COPIES: i64 = 20;

/// Numbers that the same devices share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLine {
    pub numbers: Vec<SharedNumber>,
    pub devices: Vec<Link>,
    /// How many there are beside those that are named.
    pub more: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedNumber {
    pub kind: String,
    pub shown: String,
    /// Where a part is followed; empty of what names a whole computer.
    pub search: String,
}

/// A disk from which several computers came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClonedLine {
    pub original: Link,
    pub copies: Vec<Link>,
    pub more: i64,
}

pub async fn shared(state: &AppState, scope: Scope, l: Language) -> Result<Vec<SharedLine>, StoreError> {
    Ok(lines(state.store.shared_values(scope).await?, l))
}

/// A copied firmware carries all its numbers along: they are one line.
fn lines(values: Vec<SharedValue>, l: Language) -> Vec<SharedLine> {
    let mut lines: Vec<(SharedValue, SharedLine)> = Vec::new();
    for value in values {
        let number = number(&value, l);
        match lines.iter_mut().find(|(first, _)| is_of_the_same(first, &value)) {
            Some((_, line)) => line.numbers.push(number),
            None => {
                let devices: Vec<Link> = value.carriers.iter().map(|carrier| link(carrier, l)).collect();
                let more = value.total - i64::try_from(devices.len()).unwrap_or(0);
                let line = SharedLine {
                    numbers: vec![number],
                    devices,
                    more: more.max(0),
                };
                lines.push((value, line));
            }
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn is_of_the_same(one: &SharedValue, other: &SharedValue) -> bool {
    let devices = |value: &SharedValue| -> Vec<_> { value.carriers.iter().map(|carrier| carrier.device).collect() };
    one.total == other.total && devices(one) == devices(other)
}

fn number(value: &SharedValue, l: Language) -> SharedNumber {
    let (kind, search) = match value.kind {
        SharedKind::Identifier(kind) => (l.family("identifier", kind.as_str()), String::new()),
        SharedKind::Part(kind) => (l.family("part", kind.as_str()), with_query("/parts", &[("q", &value.shown)])),
    };
    SharedNumber {
        kind,
        shown: value.shown.clone(),
        search,
    }
}

pub async fn cloned(state: &AppState, scope: Scope, l: Language) -> Result<Vec<ClonedLine>, StoreError> {
    let mut lines = Vec::new();
    for copied in state.store.copied_devices(scope, MOST_COPIED).await? {
        let named = |relative: &crate::store::identity::Relative| Link {
            href: format!("/devices/{}", relative.external_id),
            label: relative.host_name.clone().unwrap_or_else(|| l.t("device-unnamed")),
        };
        let copies: Vec<Link> = state
            .store
            .copies(copied.original.id, MOST_COPIES)
            .await?
            .iter()
            .map(named)
            .collect();
        lines.push(ClonedLine {
            original: Link {
                label: format!("{}, {}", named(&copied.original).label, copied.organization_short_name),
                ..named(&copied.original)
            },
            more: (copied.copies - i64::try_from(copies.len()).unwrap_or(0)).max(0),
            copies,
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::IdentifierKind;
    use crate::part::PartKind;
    use crate::store::identifier::Carrier;
    use inventory_schema::DeviceId;

    fn carrier(number: u128) -> Carrier {
        Carrier {
            device: DeviceId::from_uuid(uuid::Uuid::from_u128(number)),
            name: Some(format!("kab-{number}")),
            organization_short_name: "Школа № 59".into(),
            in_scope: true,
        }
    }

    fn value(kind: SharedKind, shown: &str, total: i64, devices: &[u128]) -> SharedValue {
        SharedValue {
            kind,
            shown: shown.into(),
            total,
            carriers: devices.iter().map(|number| carrier(*number)).collect(),
        }
    }

    #[test]
    fn numbers_of_the_same_devices_are_one_line() {
        let told = lines(
            vec![
                value(SharedKind::Identifier(IdentifierKind::SystemUuid), "uuid", 2, &[1, 2]),
                value(SharedKind::Identifier(IdentifierKind::BoardSerial), "MB1", 2, &[1, 2]),
                value(SharedKind::Part(PartKind::Disk), "S4EW", 30, &[1, 2]),
                value(SharedKind::Identifier(IdentifierKind::SystemSerial), "PF1", 2, &[1, 3]),
            ],
            Language::Russian,
        );
        assert_eq!(told.len(), 3);
        assert_eq!(told[0].numbers.len(), 2);
        assert_eq!((told[0].more, told[1].more), (0, 28));
        assert_eq!(told[1].numbers[0].search, "/parts?q=S4EW");
        assert_eq!(told[2].devices[1].label, "kab-3, Школа № 59");
    }
}
