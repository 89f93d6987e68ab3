//! The hypervisor by the cards that it gives its computers, where neither firmware nor clock name it.
//!
//! Pure: the text of `/proc/bus/pci/devices` in, a name out. Called by the collector of the system's section.

use inventory_schema::device::{Fact, Source};
use inventory_schema::text::HardwareText;

/// Cards that no maker sells: graphics, and the channel to the host.
const CARDS: [(&str, &str); 7] = [
    ("80eebeef", "Oracle VirtualBox"),
    ("80eecafe", "Oracle VirtualBox"),
    ("15ad0405", "VMware"),
    ("15ad0710", "VMware"),
    ("58530001", "Xen"),
    ("14145353", "Microsoft Hyper-V"),
    ("12341111", "QEMU"),
];

/// Each line is a card: its place, then vendor and device in eight hexadecimal digits.
pub fn hypervisor(cards: &str) -> Option<Fact<HardwareText>> {
    let ids = cards.lines().filter_map(|line| line.split_whitespace().nth(1));
    let vendor = ids.into_iter().find_map(|id| CARDS.iter().find(|(card, _)| *card == id))?.1;
    Some(Fact::new(HardwareText::observed(vendor)?, Source::SysfsPci))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hypervisor_is_known_by_its_cards() {
        let of = |cards: &str| hypervisor(cards).map(|fact| fact.value.to_string());
        assert_eq!(
            of("0000\t80861237\t0\t0\n0010\t80eebeef\t12\te0000008\n").as_deref(),
            Some("Oracle VirtualBox")
        );
        assert_eq!(of("0000\t80861237\t0\n"), None);
        assert_eq!(of("80eebeef"), None, "a place is no card");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>()) {
            let _ = hypervisor(&text);
        }
    }
}
