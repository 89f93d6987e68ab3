use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::device::Trust;
use inventory_schema::inventory::AnySection;

use super::*;

const MANY: u64 = 8_000;

fn share(counted: usize, of: usize) -> f64 {
    counted as f64 * 1000.0 / of as f64
}

fn is_placeholder(fact: &Option<Fact<HardwareText>>) -> bool {
    fact.as_ref().is_some_and(|fact| fact.trust == Trust::Placeholder)
}

#[test]
fn a_seed_draws_the_same_computers_and_the_same_changes() {
    let images = Images::default();
    let after_changes = |seed, number| {
        let mut hardware = Hardware::draw(seed, number);
        (0..5).for_each(|_| hardware.change());
        hardware.bodies(&images)
    };
    for number in 0..10 {
        assert_eq!(after_changes(1, number), after_changes(1, number));
    }
    assert_ne!(after_changes(1, 0), after_changes(2, 0));
}

#[test]
fn placeholders_come_at_the_counted_rates() {
    let drawn: Vec<Hardware> = (0..MANY).map(|number| Hardware::draw(5, number)).collect();
    let of_kind = |kind| drawn.iter().filter(move |hardware| hardware.kind == kind).collect::<Vec<_>>();
    for (kind, models, makers) in [
        (Kind::Desktop, 425.0, 332.0),
        (Kind::Notebook, 7.0, 7.0),
        (Kind::AllInOne, 14.0, 14.0),
        (Kind::Mini, 115.0, 115.0),
    ] {
        let all = of_kind(kind);
        let model = share(
            all.iter().filter(|hardware| is_placeholder(&hardware.system.model)).count(),
            all.len(),
        );
        let maker = share(
            all.iter().filter(|hardware| is_placeholder(&hardware.system.maker)).count(),
            all.len(),
        );
        assert!(
            (model - models).abs() < 40.0 && (maker - makers).abs() < 40.0,
            "{kind:?}: {model} {maker}"
        );
    }
    let desktops = of_kind(Kind::Desktop);
    let board = |hardware: &&&Hardware| is_placeholder(&hardware.system.baseboard.as_ref().unwrap().model);
    let boards = share(desktops.iter().filter(board).count(), desktops.len());
    let both = desktops
        .iter()
        .filter(board)
        .filter(|hardware| is_placeholder(&hardware.system.model))
        .count();
    assert!((boards - 20.0).abs() < 8.0, "{boards}");
    assert!((share(both, desktops.len()) - 9.0).abs() < 5.0);
    let modules: Vec<_> = drawn.iter().flat_map(|hardware| &hardware.parts.memory.modules).collect();
    let coded = modules.iter().filter(|module| {
        let maker = module.maker.as_ref().unwrap().value.as_str();
        maker == "Unknown" || maker.len() == 4
    });
    assert!((share(coded.count(), modules.len()) - 235.0).abs() < 20.0);
    let unnumbered = modules.iter().filter(|module| is_placeholder(&module.part_number)).count();
    assert!((share(unnumbered, modules.len()) - 176.0).abs() < 20.0);
}

#[test]
fn software_lists_repeat_and_nothing_that_identifies_does() {
    let images = Images::default();
    let drawn: Vec<Hardware> = (0..200).map(|number| Hardware::draw(5, number)).collect();
    let lists: BTreeMap<Digest, usize> = drawn.iter().fold(BTreeMap::new(), |mut lists, hardware| {
        *lists.entry(hardware.bodies(&images)[&SectionName::Software].0).or_default() += 1;
        lists
    });
    assert_eq!(lists.len(), IMAGES_OF_A_REGION, "{lists:?}");
    for hardware in &drawn {
        let list: inventory_schema::section::Section<inventory_schema::inventory::Software> =
            serde_json::from_str(&hardware.bodies(&images)[&SectionName::Software].1).unwrap();
        let packages = list.content().unwrap().lists[0].packages.len();
        assert!((200..=1200).contains(&packages), "{packages}");
    }
    let evidence: BTreeSet<_> = drawn.iter().map(|hardware| hardware.evidence().digest()).collect();
    assert_eq!(evidence.len(), drawn.len());
}

const IMAGES_OF_A_REGION: usize = 5;

#[test]
fn every_section_reads_as_what_it_is_and_every_change_is_a_new_state() {
    let images = Images::default();
    for number in 0..12 {
        let mut hardware = Hardware::draw(11, number);
        let mut seen = BTreeSet::new();
        for _ in 0..20 {
            let bodies = hardware.bodies(&images);
            assert_eq!(bodies.keys().copied().collect::<Vec<_>>(), SectionName::ALL);
            for (name, (digest, text)) in &bodies {
                assert_eq!(Digest::of(text.as_bytes()), *digest);
                AnySection::read(*name, text.as_bytes()).unwrap();
            }
            let state: Vec<Digest> = bodies.values().map(|(digest, _)| *digest).collect();
            assert!(seen.insert(state), "computer {number} is as it was before");
            hardware.change();
        }
    }
}
