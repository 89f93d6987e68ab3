//! Network cards in words: medium, the address burnt in, what the link does.

use inventory_schema::device::{Fact, Source};
use inventory_schema::inventory::{Network, NetworkCard};
use inventory_schema::text::Word;

use super::{Block, Cell, Knowing, table, wire_name};
use crate::name::{NameKind, Names};
use crate::web::format::rate;

/// A code with the name it has, or its vendor's.
pub(super) fn with_name(code: &str, kind: NameKind, names: &Names) -> String {
    match names.of(kind, code) {
        Some(named) => format!("{} ({code})", named.name),
        None => code.to_owned(),
    }
}

/// Network cards are on either bus, and only the source says on which.
pub(super) fn hardware_name(id: &Fact<Word>, names: &Names) -> String {
    let kind = if id.source == Source::SysfsUsb {
        NameKind::Usb
    } else {
        NameKind::Pci
    };
    with_name(id.value.as_str(), kind, names)
}

pub(super) fn network(section: &Network, know: &Knowing<'_>) -> Vec<Block> {
    let columns = vec![
        know.t("fact-name"),
        know.t("fact-medium"),
        know.t("fact-permanent-address"),
        know.t("fact-address"),
        know.t("fact-link"),
        know.t("fact-hardware-id"),
        know.t("fact-driver"),
    ];
    let rows = section.cards.iter().map(|card| row(card, know)).collect();
    vec![table(None, columns, rows)]
}

fn row(card: &NetworkCard, know: &Knowing<'_>) -> Vec<Cell> {
    let l = know.language;
    // Cards on a cable use the address that is burnt in.
    let same = card.address.as_ref().map(|address| address.value) == card.permanent_address.as_ref().map(|address| address.value);
    vec![
        Cell::plain(&card.name),
        know.known(&card.medium, |medium| l.family("medium", &wire_name(medium))),
        know.address(&card.permanent_address),
        if same { Cell::default() } else { know.text(&card.address) },
        link(card, know),
        card.hardware_id
            .as_ref()
            .map(|id| know.known(id, |_| hardware_name(id, know.names)))
            .unwrap_or_default(),
        know.text(&card.driver),
    ]
}

fn link(card: &NetworkCard, know: &Knowing<'_>) -> Cell {
    let l = know.language;
    let duplex = card.duplex.as_ref().map(|duplex| l.family("duplex", &wire_name(&duplex.value)));
    match &card.link {
        Some(link) => know.known(link, |link| rate(link.get(), l)).with_note(duplex),
        None => Cell::default(),
    }
}
