//! What this computer is: facts and collection problems in, [`Inventory`] out.
//!
//! [`collect()`] asks the tree of files and shapes nothing; the readers beside it (`smbios`, `edid`,
//! `processor`, …) are given bytes and texts and know no path. A source that cannot be read is a
//! [`CollectionProblem`] in its section and never hides what other sources said (promise 4). No program is
//! started and no packet sent; the running kernel is asked for the cards' own addresses. Values that change from
//! hour to hour are left out, so that an unchanged
//! computer has unchanged digests.
//!
//! Called by `cos-agent inventory`, by enrollment for [`evidence()`] and by the event loop for reports.
//!
//! [`CollectionProblem`]: inventory_schema::section::CollectionProblem

pub mod ask_printers;
pub mod battery;
mod collect;
pub mod device_kind;
pub mod display;
pub mod dpkg;
pub mod edid;
pub mod flatpak;
pub mod hypervisor_cards;
pub mod memory;
pub mod network;
pub mod os_release;
pub mod peripherals;
pub mod processor;
#[cfg(feature = "rpm")]
pub mod rpm;
pub mod smbios;
pub mod snap;
pub mod storage;
pub mod system;
pub mod text_view;
pub mod udev;

use inventory_schema::Inventory;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::text::Word;

pub use collect::{Limits, collect, collect_within, printer_hosts};

/// What the computer is known by besides its key: readings that nothing speaks against, of parts that stay
/// in the computer.
pub fn evidence(inventory: &Inventory) -> HardwareEvidence {
    inventory_schema::inventory::evidence::of(&inventory.sections)
}

/// `8086:5917` from two numbers of four hexadecimal digits, with or without `0x`.
pub fn hardware_id(vendor: &str, device: &str) -> Option<Word> {
    let digits = |number: &str| {
        let number = number.trim();
        let digits = number.strip_prefix("0x").unwrap_or(number).to_lowercase();
        (digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit())).then_some(digits)
    };
    Word::observed(&format!("{}:{}", digits(vendor)?, digits(device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_ids_have_one_spelling() {
        assert_eq!(hardware_id("0x8086", "15B8\n").unwrap().as_str(), "8086:15b8");
        assert_eq!(hardware_id("0x8086", ""), None);
        assert_eq!(hardware_id("8086", "zzzz"), None);
    }
}
