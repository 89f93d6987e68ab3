//! Names for the codes by which hardware calls itself: PCI and USB ids, makers of memory by JEDEC, sizes of panels by model.
//!
//! Agents report codes as they read them and know no names; they are looked up here, when a page is shown, so that a name
//! taught today serves what was reported last year. A small list is shipped (`name/shipped-1.txt`, with its sources);
//! what people teach on `/names` goes before it and says who taught it and from where. Pure: the taught names are given.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// `vendor:device`, or the vendor alone.
    Pci,
    /// `vendor:product`, or the vendor alone.
    Usb,
    /// The two bytes of a memory maker.
    Jedec,
    /// The model of a panel; its name is the diagonal in inches.
    Panel,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("«{0}» is no code of this kind")]
    Code(String),
    #[error("«{0}» is no name: between 1 and 80 printable characters")]
    Name(String),
    #[error("«{0}» is no diagonal in inches, such as 15.6")]
    Inches(String),
}

/// The longest name.
const MAX_NAME_CHARS: usize = 80;
/// The longest code: a panel's model.
const MAX_CODE_CHARS: usize = 64;

impl NameKind {
    pub const ALL: [Self; 4] = [Self::Pci, Self::Usb, Self::Jedec, Self::Panel];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pci => "pci",
            Self::Usb => "usb",
            Self::Jedec => "jedec",
            Self::Panel => "panel",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// A code in its one spelling.
    pub fn code(self, typed: &str) -> Result<String, NameError> {
        let typed = typed.trim();
        let error = || NameError::Code(typed.chars().take(40).collect());
        let hexadecimal = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Self::Pci | Self::Usb => {
                let code = typed.to_ascii_lowercase();
                let is_code = match code.split_once(':') {
                    Some((vendor, device)) => hexadecimal(vendor, 4) && hexadecimal(device, 4),
                    None => hexadecimal(&code, 4),
                };
                if is_code { Ok(code) } else { Err(error()) }
            }
            Self::Jedec => jedec_code(typed).ok_or_else(error),
            Self::Panel => {
                let code = typed.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
                let fits = !code.is_empty() && code.chars().count() <= MAX_CODE_CHARS && !code.chars().any(char::is_control);
                if fits { Ok(code) } else { Err(error()) }
            }
        }
    }

    /// A name as it is kept; of a panel its inches, with a point.
    pub fn name(self, typed: &str) -> Result<String, NameError> {
        let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
        let length = name.chars().count();
        if length == 0 || length > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(NameError::Name(name.chars().take(40).collect()));
        }
        if self == Self::Panel {
            return inches(&name)
                .map(|tenths| format!("{}.{}", tenths / 10, tenths % 10))
                .ok_or(NameError::Inches(name));
        }
        Ok(name)
    }
}

/// `80CE` of `80CE`, `0x80CE`, `80CE000080CE` and `80ce`: the code may be followed by what firmware fills the field with.
fn jedec_code(text: &str) -> Option<String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    let is_code = (4..=16).contains(&digits.len()) && digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_code.then(|| digits[..4].to_ascii_uppercase())
}

/// Tenths of an inch: `15,6`, `15.6″`, `86`.
fn inches(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(['"', '″', ' ']).replace(',', ".");
    let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
    let number = |digits: &str| {
        digits
            .parse::<u64>()
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let tenths = number(whole)?.checked_mul(10)? + number(tenth).filter(|_| tenth.len() == 1)?;
    (50..=1200).contains(&tenths).then_some(tenths)
}

/// Where a name is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Taught,
    Shipped,
}

/// A name and how much of the code it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'n> {
    pub name: &'n str,
    pub origin: Origin,
    /// The name is the vendor's alone: the device of it is unknown.
    pub is_vendor: bool,
}

/// A line of the shipped list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedName {
    pub kind: NameKind,
    pub code: String,
    pub name: String,
}

/// One line a name: kind, code, name. A `#` begins a comment.
const SHIPPED: &str = include_str!("name/shipped-1.txt");

static SHIPPED_NAMES: LazyLock<Vec<ShippedName>> = LazyLock::new(|| SHIPPED.lines().filter_map(shipped_line).collect());
static SHIPPED_BY_CODE: LazyLock<HashMap<(NameKind, &'static str), &'static str>> = LazyLock::new(|| {
    let names = SHIPPED_NAMES.iter();
    names.map(|line| ((line.kind, line.code.as_str()), line.name.as_str())).collect()
});

fn shipped_line(line: &str) -> Option<ShippedName> {
    let mut words = line.split('#').next()?.splitn(3, '\t');
    let kind = NameKind::from_name(words.next()?.trim())?;
    Some(ShippedName {
        kind,
        code: words.next()?.trim().to_owned(),
        name: words.next()?.trim().to_owned(),
    })
}

pub fn shipped() -> &'static [ShippedName] {
    &SHIPPED_NAMES
}

/// The shipped name of a memory maker that firmware gives by its code.
pub fn shipped_maker(maker: &str) -> Option<&'static str> {
    let code = jedec_code(maker)?;
    SHIPPED_BY_CODE.get(&(NameKind::Jedec, code.as_str())).copied()
}

/// The shipped name of a network card by its PCI id.
pub fn shipped_card(code: &str) -> Option<&'static str> {
    SHIPPED_BY_CODE.get(&(NameKind::Pci, code)).copied()
}

/// All names there are.
#[derive(Debug, Clone, Default)]
pub struct Names {
    taught: HashMap<(NameKind, String), String>,
}

impl Names {
    /// Codes in their one spelling.
    pub fn with_taught(taught: impl IntoIterator<Item = (NameKind, String, String)>) -> Self {
        let taught = taught.into_iter().map(|(kind, code, name)| ((kind, code), name));
        Self { taught: taught.collect() }
    }

    fn exactly(&self, kind: NameKind, code: &str) -> Option<Named<'_>> {
        let taught = self
            .taught
            .get(&(kind, code.to_owned()))
            .map(|name| (name.as_str(), Origin::Taught));
        let shipped = || SHIPPED_BY_CODE.get(&(kind, code)).map(|name| (*name, Origin::Shipped));
        let (name, origin) = taught.or_else(shipped)?;
        Some(Named {
            name,
            origin,
            is_vendor: false,
        })
    }

    /// The name of what calls itself so; of a PCI or USB id at least the vendor's.
    pub fn of(&self, kind: NameKind, said: &str) -> Option<Named<'_>> {
        let code = kind.code(said).ok()?;
        if let Some(named) = self.exactly(kind, &code) {
            return Some(named);
        }
        match kind {
            NameKind::Pci | NameKind::Usb => {
                let named = self.exactly(kind, code.split_once(':')?.0)?;
                Some(Named { is_vendor: true, ..named })
            }
            NameKind::Panel => shorter(&code).find_map(|code| self.exactly(kind, code)),
            NameKind::Jedec => None,
        }
    }

    /// The diagonal of a panel in tenths of an inch.
    pub fn panel_tenths(&self, model: &str) -> Option<(u64, Origin)> {
        let named = self.of(NameKind::Panel, model)?;
        Some((inches(named.name)?, named.origin))
    }
}

/// A panel's model without its revisions: `LP156WF6-SPB1`, then `LP156WF6`.
fn shorter(model: &str) -> impl Iterator<Item = &str> {
    let ends: Vec<usize> = model
        .char_indices()
        .filter(|(_, c)| matches!(c, '-' | ' ' | '.'))
        .map(|(at, _)| at)
        .collect();
    ends.into_iter().rev().map(|end| &model[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_shipped_line_is_read_and_stands_once() {
        let lines = SHIPPED
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .count();
        assert_eq!(shipped().len(), lines, "a line is not of the form kind, tab, code, tab, name");
        let mut codes = HashSet::new();
        for line in shipped() {
            assert_eq!(line.kind.code(&line.code).as_ref(), Ok(&line.code), "{line:?}");
            assert_eq!(line.kind.name(&line.name).as_ref(), Ok(&line.name), "{line:?}");
            assert!(codes.insert((line.kind, &line.code)), "{line:?} stands twice");
        }
    }

    #[test]
    fn both_bytes_of_a_memory_maker_have_their_parity() {
        for line in shipped().iter().filter(|line| line.kind == NameKind::Jedec) {
            let code = u16::from_str_radix(&line.code, 16).unwrap();
            let odd = code.to_be_bytes().map(|byte| byte.count_ones() % 2);
            assert_eq!(odd, [1, 1], "{line:?}");
        }
    }

    #[test]
    fn makers_of_memory_are_known_by_their_codes() {
        let names = Names::default();
        let maker = |said: &str| names.of(NameKind::Jedec, said).map(|named| named.name);
        assert_eq!(maker("80CE"), Some("Samsung"));
        assert_eq!(maker("80ce000080ce"), Some("Samsung"));
        assert_eq!(maker("0x80AD"), Some("SK Hynix"));
        assert_eq!(maker("Samsung"), None, "a name needs no name");
        assert_eq!(maker("ABCDE"), None);
    }

    #[test]
    fn what_is_taught_goes_before_what_is_shipped() {
        let taught = [
            (NameKind::Jedec, "80CE".to_owned(), "Самсунг".to_owned()),
            (NameKind::Panel, "XYZ156".to_owned(), "15.4".to_owned()),
        ];
        let names = Names::with_taught(taught);
        let named = names.of(NameKind::Jedec, "80CE").unwrap();
        assert_eq!((named.name, named.origin), ("Самсунг", Origin::Taught));
        assert_eq!(names.panel_tenths("xyz156-B2.1"), Some((154, Origin::Taught)));
    }

    #[test]
    fn an_unknown_device_of_a_known_vendor_has_the_vendors_name() {
        let names = Names::default();
        let named = names.of(NameKind::Pci, "8086:fffe").unwrap();
        assert_eq!((named.name, named.is_vendor), ("Intel", true));
        assert_eq!(names.of(NameKind::Pci, "fffe:0001"), None);
        assert!(!names.of(NameKind::Pci, "8086:5916").unwrap().is_vendor);
    }

    #[test]
    fn typed_codes_and_names_have_one_spelling() {
        assert_eq!(NameKind::Pci.code(" 8086:15B8 ").as_deref(), Ok("8086:15b8"));
        assert!(NameKind::Pci.code("8086:15").is_err());
        assert!(NameKind::Jedec.code("80").is_err());
        assert_eq!(NameKind::Panel.name("15,6″").as_deref(), Ok("15.6"));
        assert_eq!(NameKind::Panel.name("86").as_deref(), Ok("86.0"));
        for wrong in ["", "0", "15.65", "пятнадцать", "999"] {
            assert!(NameKind::Panel.name(wrong).is_err(), "{wrong}");
        }
    }
}
