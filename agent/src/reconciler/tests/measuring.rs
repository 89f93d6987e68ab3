//! Measurements in the chain of reports, beside inventories.

use inventory_schema::envelope::ReportKind;

use super::*;

fn measured(number: u8) -> Event {
    Event::DocumentMade {
        kind: ReportKind::Measurement,
        body: Digest::of(&[number]),
    }
}

fn kinds(world: &World) -> Vec<ReportKind> {
    world.stored.iter().map(|envelope| envelope.kind).collect()
}

#[test]
fn a_measurement_is_signed_into_the_chain_and_states_nothing() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.tell(measured(1));
    world.tell(measured(2));
    world.pass(MINUTE);
    assert_eq!(
        kinds(&world),
        [ReportKind::Inventory, ReportKind::Measurement, ReportKind::Measurement]
    );
    for (envelope, number) in world.stored[1..].iter().zip(1..) {
        assert_eq!(envelope.body, Some(Digest::of(&[number])));
        assert!(envelope.sections.is_empty());
    }
    assert_eq!(world.stored[2].previous, Some(head_of(&world.stored[1]).digest));
    // The inventory goes on after it, and nothing is stated twice.
    world.hardware.insert(SectionName::Memory, 1);
    world.pass(DAY);
    assert_eq!(world.stored.len(), 4);
    assert_eq!(world.stored[3].previous, Some(head_of(&world.stored[2]).digest));
    assert!(world.is_whole());
    assert_eq!((world.breaks, world.refused_gaps), (0, 0));
}

#[test]
fn a_controller_of_before_is_sent_no_measurement_and_its_chain_is_whole() {
    let mut world = World::new();
    world.speaks_second = false;
    world.pass(MINUTE);
    (1..=100).for_each(|number| world.tell(measured(number)));
    world.hardware.insert(SectionName::Memory, 1);
    world.pass(DAY);
    assert_eq!(kinds(&world), [ReportKind::Inventory; 2]);
    assert_eq!((world.breaks, world.refused_gaps), (0, 0));
    // It is brought up to date: the newest that were kept come.
    world.speaks_second = true;
    world.pass(5 * MINUTE);
    assert_eq!(world.stored.len(), 2 + MADE_MOST);
    assert_eq!(world.stored.last().unwrap().body, Some(Digest::of(&[100])));
    assert_eq!((world.breaks, world.refused_gaps), (0, 0));
}

#[test]
fn a_full_disk_keeps_a_measurement_for_later() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.disk_full = true;
    world.tell(measured(1));
    world.pass(MINUTE);
    assert_eq!(world.stored.len(), 1);
    world.disk_full = false;
    world.pass(DAY);
    assert_eq!(kinds(&world), [ReportKind::Inventory, ReportKind::Measurement]);
    assert!(world.is_whole());
}

#[test]
fn what_was_measured_away_from_the_controller_waits_on_disk() {
    let mut world = World::new();
    world.pass(MINUTE);
    world.reachable = false;
    world.pass(MINUTE);
    world.tell(measured(1));
    world.cut_power();
    world.pass(MINUTE);
    world.reachable = true;
    world.pass(DAY);
    assert_eq!(kinds(&world), [ReportKind::Inventory, ReportKind::Measurement]);
}
