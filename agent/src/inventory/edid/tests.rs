//! Hand-made blocks: the traps that real screens set.

use inventory_schema::device::{Fact, Source, Trust};
use inventory_schema::inventory::{DisplayConnection, Monitor, ScreenKind, SizeBasis};
use proptest::prelude::*;

use super::*;

/// A base block with maker «ABC», 60 × 34 cm and one timing of 1920 × 1080, 598 × 336 mm; closed by its sum.
struct Block([u8; 128]);

impl Block {
    fn new() -> Self {
        let mut bytes = [0; 128];
        bytes[..8].copy_from_slice(&HEADER);
        bytes[8..18].copy_from_slice(&[0x04, 0x43, 0x34, 0x12, 0x8d, 0x9b, 0x78, 0x01, 27, 31]);
        bytes[21..23].copy_from_slice(&[60, 34]);
        let mut block = Self(bytes);
        block.timing(1920, 1080, (598, 336), false);
        block
    }

    fn timing(&mut self, horizontal: u16, vertical: u16, (width, height): (u16, u16), interlaced: bool) {
        let d = &mut self.0[54..72];
        d[0] = 1;
        d[2] = horizontal as u8;
        d[4] = (horizontal >> 8 << 4) as u8;
        d[5] = vertical as u8;
        d[7] = (vertical >> 8 << 4) as u8;
        d[12] = width as u8;
        d[13] = height as u8;
        d[14] = (width >> 8 << 4) as u8 | (height >> 8) as u8;
        d[17] = if interlaced { 0x80 } else { 0 };
    }

    fn text(mut self, place: usize, tag: u8, text: &str) -> Self {
        let d = &mut self.0[54 + 18 * place..72 + 18 * place];
        d[..5].copy_from_slice(&[0, 0, 0, tag, 0]);
        d[5..].fill(b' ');
        d[5..5 + text.len()].copy_from_slice(text.as_bytes());
        if text.len() < 13 {
            d[5 + text.len()] = b'\n';
        }
        self
    }

    fn with(mut self, change: impl FnOnce(&mut [u8; 128])) -> Self {
        change(&mut self.0);
        self
    }

    fn closed(mut self) -> [u8; 128] {
        let sum = self.0[..127].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        self.0[127] = sum.wrapping_neg();
        self.0
    }

    fn monitor(self) -> Monitor {
        monitor_of(&self.closed())
    }
}

fn monitor_of(bytes: &[u8]) -> Monitor {
    let connection = Fact::new(DisplayConnection::Hdmi, Source::SysfsDrm);
    monitor("HDMI-A-1".parse().unwrap(), connection, &Edid::read(bytes).unwrap(), bytes)
}

fn size_of(monitor: &Monitor) -> (u64, u64, Trust) {
    let (width, height) = (monitor.width.as_ref().unwrap(), monitor.height.as_ref().unwrap());
    (width.value.get(), height.value.get(), width.trust)
}

fn serial_of(monitor: &Monitor) -> (String, Trust) {
    let serial = monitor.serial.as_ref().unwrap();
    (serial.value.to_string(), serial.trust)
}

#[test]
fn an_office_screen_is_read_whole() {
    let monitor = Block::new().text(1, 0xfc, "B247Y").text(2, 0xff, "T8AA0012345").monitor();
    assert_eq!(monitor.maker.as_ref().unwrap().value.as_str(), "ABC");
    assert_eq!(monitor.model.as_ref().unwrap().value.as_str(), "B247Y");
    assert_eq!(serial_of(&monitor), ("T8AA0012345".into(), Trust::Plausible));
    assert_eq!(monitor.made_in_week.as_ref().unwrap().value.get(), 27);
    assert_eq!(monitor.made_in_year.as_ref().unwrap().value.get(), 2021);
    assert_eq!(size_of(&monitor), (598, 336, Trust::Plausible));
    assert_eq!(monitor.horizontal.unwrap().value.get(), 1920);
    assert_eq!(monitor.vertical.unwrap().value.get(), 1080);
    assert_eq!((monitor.size_basis, monitor.interlaced), (Some(SizeBasis::Timing), None));
    assert_eq!(monitor.product_code.unwrap().value.as_str(), "1234");
    let taken_for = monitor.taken_for.unwrap();
    assert_eq!(taken_for.kind, ScreenKind::Monitor);
    assert_eq!(monitor.edid_bytes.unwrap().bytes().len(), 128);
    assert!(monitor.edid.is_some());
}

#[test]
fn two_names_are_both_kept_and_the_first_is_the_model() {
    let monitor = Block::new().text(1, 0xfc, "FIRST 24").text(2, 0xfc, "SECOND").monitor();
    assert_eq!(monitor.model.unwrap().value.as_str(), "FIRST 24");
    assert_eq!(monitor.other_names[0].as_str(), "SECOND");
}

#[test]
fn a_models_year_is_no_year_of_making() {
    let monitor = Block::new().with(|b| b[16] = 0xff).monitor();
    assert_eq!((monitor.made_in_week, monitor.made_in_year), (None, None));
    assert_eq!(monitor.model_year.unwrap().value.get(), 2021);
}

#[test]
fn an_interlaced_timing_has_half_the_lines() {
    let mut block = Block::new();
    block.timing(1920, 540, (598, 336), true);
    // 74.25 MHz, 2200 columns in all, 22 lines more in each half picture.
    let block = block.with(|b| {
        b[54..56].copy_from_slice(&7425u16.to_le_bytes());
        b[57..59].copy_from_slice(&[24, 0x71]);
        b[60..62].copy_from_slice(&[22, 0x20]);
    });
    let monitor = block.monitor();
    assert_eq!(monitor.vertical.unwrap().value.get(), 1080);
    assert_eq!(monitor.refresh.unwrap().value.get(), 60_000);
    assert!(monitor.interlaced.unwrap().value);
}

#[test]
fn panels_of_notebooks_are_named_by_their_type_number() {
    let named = Block::new().text(1, 0xfe, "BOE CQ").text(2, 0xfe, "NV156FHM-N48").monitor();
    assert_eq!(named.model.unwrap().value.as_str(), "NV156FHM-N48");
    let by_dell = Block::new()
        .text(1, 0xfe, "K026T?B156HW1")
        .with(|b| b[54 + 18 + 10] = 0x80)
        .monitor();
    assert_eq!(by_dell.model.unwrap().value.as_str(), "B156HW1");
    assert_eq!(by_dell.other_names[0].as_str(), "K026T");
    assert_eq!(Block::new().monitor().model.unwrap().value.as_str(), "ABC1234");
}

#[test]
fn fillers_of_serial_numbers_are_marked() {
    let number = |number: u32| serial_of(&Block::new().with(|b| b[12..16].copy_from_slice(&number.to_le_bytes())).monitor());
    assert_eq!(number(0x0101_0101), ("16843009".into(), Trust::Placeholder));
    assert_eq!(number(0), ("0".into(), Trust::Placeholder));
    assert_eq!(number(0x5445).1, Trust::Placeholder);
    assert_eq!(number(7_340_512), ("7340512".into(), Trust::Plausible));
    let whole = Block::new().text(1, 0xff, "0000000000001").monitor();
    assert_eq!(whole.serial_text.unwrap().trust, Trust::Placeholder);
    assert_eq!(whole.serial_number.unwrap().trust, Trust::Plausible);
    let both = |text| serial_of(&Block::new().text(1, 0xff, text).monitor());
    assert_eq!(both("0000000000001"), ("24681357".into(), Trust::Plausible), "the number stands in");
    let neither = Block::new().with(|b| b[12..16].fill(1)).text(1, 0xff, "demoset-1");
    assert_eq!(serial_of(&neither.monitor()), ("demoset-1".into(), Trust::Placeholder));
}

#[test]
fn large_panels_are_measured_in_centimetres() {
    let mut panel = Block::new().with(|b| b[21..23].copy_from_slice(&[143, 80]));
    panel.timing(3840, 2160, (708, 398), false);
    assert_eq!(size_of(&panel.monitor()), (1430, 800, Trust::Plausible));
    let mut scaler = Block::new().with(|b| b[21..23].copy_from_slice(&[115, 65]));
    scaler.timing(3840, 2160, (708, 398), false);
    let scaler = scaler.monitor();
    assert_eq!(size_of(&scaler), (1150, 650, Trust::Placeholder));
    assert_eq!(scaler.size_basis, Some(SizeBasis::ScalerDefault));
    for sides in [[160, 90], [16, 9]] {
        let ratio = Block::new().with(|b| b[21..23].copy_from_slice(&sides)).monitor();
        assert_eq!(size_of(&ratio).2, Trust::Placeholder);
        assert_eq!(ratio.size_basis, Some(SizeBasis::Proportions));
    }
}

/// Panels of 65 to 86 inches that say they have 32; a television of 32 inches is truly as large.
#[test]
fn a_panel_of_32_inches_states_its_scaler() {
    let stated = |name| {
        let mut block = Block::new().text(1, 0xfc, name).with(|b| b[21..23].copy_from_slice(&[71, 40]));
        block.timing(3840, 2160, (708, 398), false);
        block.monitor()
    };
    let panel = stated("ActivPanel V5");
    assert_eq!(
        (panel.size_basis, size_of(&panel).2),
        (Some(SizeBasis::ScalerDefault), Trust::Placeholder)
    );
    let television = stated("TV 32");
    assert_eq!(
        (television.size_basis, size_of(&television).2),
        (Some(SizeBasis::Timing), Trust::Plausible)
    );
}

#[test]
fn millimetres_that_contradict_are_passed_over_and_projectors_have_no_size() {
    let mut contradicts = Block::new();
    contradicts.timing(1920, 1080, (708, 398), false);
    assert_eq!(size_of(&contradicts.monitor()), (600, 340, Trust::Plausible));
    let projector = Block::new().with(|b| b[21..23].fill(0)).monitor();
    assert_eq!((projector.width, projector.height), (None, None));
    assert_eq!(projector.size_basis, Some(SizeBasis::Projected));
    let ratio = Block::new().with(|b| b[21..23].copy_from_slice(&[79, 0])).monitor();
    assert_eq!(ratio.width, None, "one side alone is an aspect ratio");
    assert_eq!(ratio.size_basis, Some(SizeBasis::Proportions));
    let named = Block::new().text(1, 0xfc, "EPSON PJ").monitor();
    assert_eq!((named.width, named.size_basis), (None, Some(SizeBasis::Projected)));
}

#[test]
fn a_garbled_block_is_marked_and_broken_ones_refused() {
    let mut garbled = Block::new().closed();
    garbled[21] ^= 1;
    assert_eq!(monitor_of(&garbled).maker.unwrap().trust, Trust::Implausible);
    assert_eq!(Edid::read(&garbled[..127]), Err(EdidError::TooShort(127)));
    assert_eq!(Edid::read(&[0; 128]), Err(EdidError::Header));
}

#[test]
fn what_follows_the_base_block_may_be_broken() {
    let with = |announced: u8, length: usize| {
        let mut bytes = Block::new().with(|b| b[126] = announced).closed().to_vec();
        bytes.resize(length, 0xee);
        Edid::read(&bytes).unwrap()
    };
    let usual = with(0, 128);
    assert_eq!(usual.complaints, []);
    assert_eq!(with(0, 129).complaints, [Complaint::LooseBytes(1)]);
    assert_eq!(with(0, 300).complaints, [Complaint::LooseBytes(44)]);
    assert_eq!(with(1, 128).complaints, [Complaint::MissingBlocks { announced: 1, present: 0 }]);
    assert_eq!(with(2, 384).complaints, [], "0xee × 128 sums to zero");
    assert_eq!(
        Edid {
            complaints: vec![],
            ..with(255, 200)
        },
        usual
    );
}

#[test]
fn a_repeated_half_changes_nothing() {
    let half = [&Block::new().with(|b| b[126] = 1).closed()[..], &cta(0x40, true)].concat();
    let (once, twice) = (Edid::read(&half).unwrap(), Edid::read(&[half.clone(), half].concat()).unwrap());
    assert_eq!(once, twice);
    assert_eq!((once.takes_sound, once.has_hdmi), (true, true));
}

#[test]
fn a_wrong_sum_of_an_extension_is_said_and_not_fatal() {
    let mut extension = cta(0x40, true);
    extension[127] ^= 1;
    let bytes = [&Block::new().with(|b| b[126] = 1).closed()[..], &extension].concat();
    let edid = Edid::read(&bytes).unwrap();
    assert_eq!(edid.complaints, [Complaint::BlockSums { first: 1, count: 1 }]);
    assert_eq!(monitor_of(&bytes).maker.unwrap().trust, Trust::Plausible);
    assert!(edid.takes_sound);
}

/// A CTA-861 block of revision 3 with HDMI's mark and a timing of 1280 × 720.
fn cta(flags: u8, hdmi: bool) -> [u8; 128] {
    let mut block = [0; 128];
    block[..4].copy_from_slice(&[2, 3, 4 + 6, flags]);
    block[4..10].copy_from_slice(&[3 << 5 | 5, 0x03, 0x0c, 0x00, 0x10, 0x00]);
    if !hdmi {
        block[5] = 0xff;
    }
    block[10..28].copy_from_slice(&[
        0x01, 0x1d, 0, 0x72, 0x51, 0xd0, 0x1e, 0x20, 0x6e, 0x28, 0x55, 0, 0x20, 0xc2, 0x31, 0, 0, 0x1e,
    ]);
    closed(block)
}

fn closed<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    let sum = bytes[..N - 1].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[N - 1] = sum.wrapping_neg();
    bytes
}

#[test]
fn an_extensions_timing_stands_in_where_the_base_block_has_none() {
    let base = Block::new().with(|b| {
        b[54..72].fill(0);
        b[126] = 1;
    });
    let monitor = monitor_of(&[&base.closed()[..], &cta(0, false)].concat());
    assert_eq!(
        (monitor.horizontal.unwrap().value.get(), monitor.vertical.unwrap().value.get()),
        (1280, 720)
    );
    assert_eq!(monitor.refresh.unwrap().value.get(), 60_000);
}

/// A section of DisplayID: maker or number of the maker, product 1, number 7, week 9 of 2024, a name; 1439.0 ×
/// 809.5 mm with 3840 × 2160; a serial number; a timing of 3840 × 2160 at 60 Hz.
fn section(version: u8, usage: u8) -> Vec<u8> {
    let is_first = version < 0x20;
    let mut data = Vec::new();
    let mut block = |kind: u8, payload: &[u8]| data.extend([&[kind, 0, payload.len() as u8], payload].concat());
    let product = [b"QQQ\x01\x00\x07\x00\x00\x00\x09\x18\x08".as_slice(), b"PANEL 65"].concat();
    block(if is_first { 0x00 } else { 0x20 }, &product);
    let sides = [14390u16, 8095, 3840, 2160].map(u16::to_le_bytes).concat();
    block(if is_first { 0x01 } else { 0x21 }, &[sides, vec![0; 4]].concat());
    block(0x0a, b"SN-DISPLAYID-1");
    let clock: u32 = if is_first { 59_400 - 1 } else { 594_000 - 1 };
    let lines = [3839u16, 559, 175, 87, 2159, 89, 7, 9].map(u16::to_le_bytes).concat();
    block(
        if is_first { 0x03 } else { 0x22 },
        &[&clock.to_le_bytes()[..3], &[0x84], &lines].concat(),
    );
    let mut bytes = [&[version, data.len() as u8, usage, 0], &data[..], &[0]].concat();
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    *bytes.last_mut().unwrap() = sum.wrapping_neg();
    bytes
}

#[test]
fn a_display_id_stands_alone_in_both_versions() {
    for (version, television) in [(0x12, 4), (0x20, 3)] {
        let bytes = section(version, television);
        let monitor = monitor_of(&bytes);
        assert_eq!(monitor.model.as_ref().unwrap().value.as_str(), "PANEL 65");
        assert_eq!(serial_of(&monitor), ("SN-DISPLAYID-1".into(), Trust::Plausible));
        assert_eq!(monitor.serial_number.as_ref().unwrap().value.as_str(), "7");
        assert_eq!(size_of(&monitor), (1439, 810, Trust::Plausible));
        assert_eq!(monitor.size_basis, Some(SizeBasis::DisplayId));
        assert_eq!(monitor.taken_for.as_ref().unwrap().kind, ScreenKind::Television);
        let made = (monitor.made_in_week.unwrap().value.get(), monitor.made_in_year.unwrap().value.get());
        assert_eq!(made, (9, 2024));
        let mode = (monitor.horizontal.unwrap().value.get(), monitor.vertical.unwrap().value.get());
        assert_eq!((mode, monitor.refresh.unwrap().value.get()), ((3840, 2160), 60_000));
        assert_eq!(
            monitor.maker.map(|fact| fact.value.to_string()),
            (version == 0x12).then(|| "QQQ".to_owned())
        );
        let mut garbled = bytes.clone();
        garbled[9] ^= 1;
        assert_eq!(Edid::read(&garbled), Err(EdidError::TooShort(bytes.len())));
    }
}

#[test]
fn a_display_id_in_an_extension_fills_what_is_open() {
    let mut extension = [0; 128];
    extension[0] = 0x70;
    let section = section(0x20, 6);
    extension[1..=section.len()].copy_from_slice(&section);
    let base = Block::new().with(|b| {
        b[21..23].fill(0);
        b[126] = 1;
    });
    let bytes = [&base.closed()[..], &closed(extension)].concat();
    let monitor = monitor_of(&bytes);
    assert_eq!(monitor.maker.as_ref().unwrap().value.as_str(), "ABC", "the base block comes first");
    assert_eq!(size_of(&monitor), (1439, 810, Trust::Plausible));
    assert_eq!(monitor.horizontal.as_ref().unwrap().value.get(), 1920);
    assert_eq!(
        monitor.taken_for.unwrap().kind,
        ScreenKind::InteractivePanel,
        "its use is presentation"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300), marked in any::<bool>()) {
        let mut bytes = bytes;
        if marked && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&HEADER);
        }
        if Edid::read(&bytes).is_ok() {
            let _ = monitor_of(&bytes);
        }
    }

    #[test]
    fn no_extensions_make_the_reader_fail(tag in prop_oneof![Just(0x02), Just(0x70), any::<u8>()], bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let mut whole = Block::new().closed().to_vec();
        whole.push(tag);
        whole.extend(bytes);
        if let Some(block) = whole.get_mut(128..256) {
            let block: &mut [u8; 128] = block.try_into().unwrap();
            *block = closed(*block);
        }
        let edid = Edid::read(&whole).unwrap();
        prop_assert!(edid.is_whole() && edid.names.len() + edid.serials.len() <= 20);
        let _ = monitor_of(&whole);
    }
}
