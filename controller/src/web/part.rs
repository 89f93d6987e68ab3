//! A part in words: what it is, of whose making, how large, by which number. Pure: the names are given.

use serde_json::Value;

use super::format::{disk_size, memory_size};
use super::language::Language;
use crate::name::{NameKind, Names};
use crate::part::ledger::Standing;
use crate::part::{PartKind, StatedPart};

/// What names a part wherever it is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartWords {
    pub kind: String,
    /// Maker and model.
    pub title: String,
    pub size: String,
    pub serial: String,
}

impl PartWords {
    pub fn of(part: &StatedPart, names: &Names, l: Language) -> Self {
        let kind = part.identity.kind;
        Self {
            kind: l.family("part", kind.as_str()),
            title: title(kind, part.maker.as_deref(), part.model.as_deref(), names),
            size: size(kind, part.size_bytes, l),
            serial: part.serial.clone(),
        }
    }

    /// The same from what an event keeps of the part.
    pub fn of_detail(kind: PartKind, detail: &Value, names: &Names, l: Language) -> Self {
        let text = |name: &str| detail.get(name).and_then(Value::as_str);
        Self {
            kind: l.family("part", kind.as_str()),
            title: title(kind, text("maker"), text("model"), names),
            size: size(kind, detail.get("size").and_then(Value::as_i64), l),
            serial: text("serial").unwrap_or_default().to_owned(),
        }
    }

    /// «Модуль памяти Samsung M471A5244CB0-CTD, 4 ГБ».
    pub fn in_line(&self) -> String {
        let named = format!("{} {}", self.kind, self.title);
        let parts = [named.trim_end(), self.size.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// The maker by its name where its code stands, not repeated where the model begins with it.
fn title(kind: PartKind, maker: Option<&str>, model: Option<&str>, names: &Names) -> String {
    if kind == PartKind::NetworkCard {
        let code = model.unwrap_or_default();
        return match names.of(NameKind::Pci, code) {
            Some(named) if named.is_vendor => format!("{} {code}", named.name),
            Some(named) => named.name.to_owned(),
            None => code.to_owned(),
        };
    }
    let maker = maker.unwrap_or_default();
    let maker = match kind {
        PartKind::MemoryModule => names.of(NameKind::Jedec, maker).map_or(maker, |named| named.name),
        _ => maker,
    };
    let model = model.unwrap_or_default();
    if model.to_lowercase().starts_with(&maker.to_lowercase()) {
        model.to_owned()
    } else {
        format!("{maker} {model}").trim().to_owned()
    }
}

fn size(kind: PartKind, bytes: Option<i64>, l: Language) -> String {
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
    bytes
        .map(|bytes| match kind {
            PartKind::MemoryModule => memory_size(bytes, l),
            _ => disk_size(bytes, l),
        })
        .unwrap_or_default()
}

pub fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Contested => "contested",
        Standing::Left => "left",
        Standing::Duplicate => "duplicate",
        Standing::Common => "common",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartIdentity;

    fn part(kind: PartKind, maker: Option<&str>, model: &str, size_bytes: Option<i64>) -> StatedPart {
        StatedPart {
            identity: PartIdentity::new(kind, "1A2B3C4D", Some(model)),
            serial: "1A2B3C4D".into(),
            maker: maker.map(ToOwned::to_owned),
            model: Some(model.into()),
            size_bytes,
            slot: None,
        }
    }

    #[test]
    fn a_part_is_said_with_the_makers_name() {
        let names = Names::default();
        let line = |part| PartWords::of(&part, &names, Language::Russian).in_line();
        let module = part(PartKind::MemoryModule, Some("80CE"), "M471A5244CB0-CTD", Some(4 << 30));
        assert_eq!(line(module), "Модуль памяти Samsung M471A5244CB0-CTD, 4\u{a0}ГБ");
        let disk = part(PartKind::Disk, Some("KINGSTON"), "KINGSTON SA400S37", Some(240_057_409_536));
        assert_eq!(line(disk), "Диск KINGSTON SA400S37, 240,1\u{a0}ГБ");
        let card = part(PartKind::NetworkCard, None, "8086:15b8", None);
        assert_eq!(line(card), "Сетевая карта Intel I219-V");
    }
}
