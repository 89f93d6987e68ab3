//! Hand-made base blocks: the traps that real screens set.

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
    assert!(monitor.edid.is_some());
}

#[test]
fn an_interlaced_timing_has_half_the_lines() {
    let mut block = Block::new();
    block.timing(1920, 540, (598, 336), true);
    assert_eq!(block.monitor().vertical.unwrap().value.get(), 1080);
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
    assert_eq!(Block::new().monitor().model.unwrap().value.as_str(), "ABC1234");
}

#[test]
fn fillers_of_serial_numbers_are_marked() {
    let number = |number: u32| serial_of(&Block::new().with(|b| b[12..16].copy_from_slice(&number.to_le_bytes())).monitor());
    assert_eq!(number(0x0101_0101), ("16843009".into(), Trust::Placeholder));
    assert_eq!(number(0), ("0".into(), Trust::Placeholder));
    assert_eq!(number(0x5445).1, Trust::Placeholder);
    assert_eq!(number(7_340_512), ("7340512".into(), Trust::Plausible));
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
    assert_eq!(size_of(&scaler.monitor()), (1150, 650, Trust::Placeholder));
    let ratio = Block::new().with(|b| b[21..23].copy_from_slice(&[160, 90]));
    assert_eq!(size_of(&ratio.monitor()), (1600, 900, Trust::Placeholder));
}

#[test]
fn millimetres_that_contradict_are_passed_over_and_projectors_have_no_size() {
    let mut contradicts = Block::new();
    contradicts.timing(1920, 1080, (708, 398), false);
    assert_eq!(size_of(&contradicts.monitor()), (600, 340, Trust::Plausible));
    let projector = Block::new().with(|b| b[21..23].fill(0)).monitor();
    assert_eq!((projector.width, projector.height), (None, None));
    let ratio = Block::new().with(|b| b[21..23].copy_from_slice(&[79, 0])).monitor();
    assert_eq!(ratio.width, None, "one side alone is an aspect ratio");
}

#[test]
fn a_garbled_block_is_marked_and_broken_ones_refused() {
    let mut garbled = Block::new().closed();
    garbled[21] ^= 1;
    assert_eq!(monitor_of(&garbled).maker.unwrap().trust, Trust::Implausible);
    assert_eq!(Edid::read(&garbled[..127]), Err(EdidError::TooShort(127)));
    assert_eq!(Edid::read(&[0; 128]), Err(EdidError::Header));
    let block = Block::new().closed();
    for length in [128, 129, 256, 300] {
        let mut extended = block.to_vec();
        extended.resize(length, 0xee);
        assert_eq!(Edid::read(&extended), Edid::read(&block));
    }
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
}
