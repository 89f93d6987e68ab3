//! Processors and their packages, cores and caches, in words.

use inventory_schema::inventory::Processors;

use super::{Block, Cell, Facts, Knowing};
use crate::web::format::{memory_size, number};

pub(super) fn processors(section: &Processors, know: &Knowing<'_>) -> Vec<Block> {
    let several = section.processors.len() > 1;
    let mut blocks: Vec<Block> = section
        .processors
        .iter()
        .zip(1i64..)
        .map(|(processor, place)| {
            let clock = |clock: &inventory_schema::quantity::Megahertz| format!("{}\u{a0}{}", whole(clock.get()), know.t("unit-megahertz"));
            Facts::new(know)
                .text(know.t("fact-model"), &processor.model)
                .text(know.t("fact-maker"), &processor.maker)
                .fact(know.t("fact-cores"), &processor.cores, |count| count.get().to_string())
                .fact(know.t("fact-efficient-cores"), &processor.efficient_cores, |count| {
                    count.get().to_string()
                })
                .fact(know.t("fact-threads"), &processor.threads, |count| count.get().to_string())
                .fact(know.t("fact-base-clock"), &processor.base_clock, clock)
                .fact(know.t("fact-max-clock"), &processor.max_clock, clock)
                .fact(know.t("fact-min-clock"), &processor.min_clock, clock)
                .block(several.then(|| know.language.n("block-processor", &place)))
        })
        .collect();
    blocks.push(board(section, know));
    blocks
}

/// What the board has of them: sockets, packages, caches of all together.
fn board(section: &Processors, know: &Knowing<'_>) -> Block {
    let offline = section.offline.as_ref().filter(|offline| offline.value.get() > 0).cloned();
    Facts::new(know)
        .fact(know.t("fact-sockets"), &section.sockets, |count| count.get().to_string())
        .fact(know.t("fact-packages"), &section.packages, |count| count.get().to_string())
        .fact(know.t("fact-offline"), &offline, |count| count.get().to_string())
        .text(know.t("fact-chip"), &section.chip)
        .line(know.t("fact-caches"), Some(caches(section, know)))
        .block(Some(know.t("block-topology")))
}

/// «L1 256 КБ, L2 1 МБ, L3 6 МБ».
fn caches(section: &Processors, know: &Knowing<'_>) -> Cell {
    let said: Vec<String> = section
        .caches
        .iter()
        .map(|cache| format!("L{}\u{a0}{}", cache.level.get(), memory_size(cache.size.value.get(), know.language)))
        .collect();
    let source = section
        .caches
        .first()
        .map(|cache| super::source_name(cache.size.source, know.language));
    Cell {
        source,
        ..Cell::plain(said.join(", "))
    }
}

pub(super) fn whole(value: u64) -> String {
    number(i64::try_from(value).unwrap_or(i64::MAX))
}
