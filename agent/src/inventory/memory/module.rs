//! One socket for a module: SMBIOS type 17.

use inventory_schema::device::{Fact, SerialNumber, Source};
use inventory_schema::inventory::MemoryModule;
use inventory_schema::jedec::JedecCode;
use inventory_schema::quantity::{Bytes, Count, Megatransfers};
use inventory_schema::text::{DeviceName, Word};

use super::MEBIBYTE;
use crate::inventory::smbios::Structure;
use crate::inventory::system::name_fact;

/// A populated socket, `None` for an empty one.
pub(super) fn module(device: &Structure<'_>) -> Option<MemoryModule> {
    let size = size(device)?;
    let text = |offset| device.string(offset).and_then(|raw| name_fact(&raw, Source::Smbios));
    let word = |code: Option<&'static str>| code.and_then(Word::observed).map(|word| Fact::new(word, Source::Smbios));
    let rate = |offset, extended| rate(device, offset, extended).map(|rate| Fact::new(Megatransfers::saturating(rate), Source::Smbios));
    Some(MemoryModule {
        slot: slot_name(device),
        bank: device
            .string(0x10)
            .and_then(|_| device.string(0x11))
            .and_then(|raw| DeviceName::observed(&raw)),
        size: size.map(|bytes| Fact::new(Bytes::saturating(bytes), Source::Smbios)),
        form: word(device.byte(0x0e).and_then(form)),
        technology: word(device.byte(0x12).and_then(technology)),
        speed: rate(0x15, 0x54),
        configured_speed: rate(0x20, 0x58),
        ranks: ranks(device).map(|ranks| Fact::new(ranks, Source::Smbios)),
        maker: text(0x17),
        maker_code: maker_code(device).map(|code| Fact::new(code, Source::Smbios)),
        part_number: text(0x1a),
        serial: device
            .string_bytes(0x18)
            .and_then(|raw| SerialNumber::fact_of_bytes(raw, Source::Smbios)),
    })
}

/// The socket's own name, or that of its bank on boards that leave it out.
pub(super) fn slot_name(device: &Structure<'_>) -> Option<DeviceName> {
    device
        .string(0x10)
        .or_else(|| device.string(0x11))
        .and_then(|raw| DeviceName::observed(&raw))
}

/// `None`: the socket is empty. `Some(None)`: a module of unknown size. Sizes in bytes. A structure too short to
/// have a size says nothing of a module.
fn size(device: &Structure<'_>) -> Option<Option<u64>> {
    const UNKNOWN: u16 = 0xffff;
    const EXTENDED: u16 = 0x7fff;
    const KIBIBYTES: u16 = 0x8000;
    match device.word(0x0c)? {
        0 => None,
        UNKNOWN => Some(None),
        EXTENDED => {
            let mebibytes = device
                .double_word(0x1c)
                .map(|size| u64::from(size & 0x7fff_ffff))
                .filter(|size| *size > 0);
            Some(mebibytes.map(|size| size * MEBIBYTE))
        }
        size if size & KIBIBYTES != 0 => Some(Some(u64::from(size & !KIBIBYTES) * 1024)),
        size => Some(Some(u64::from(size) * MEBIBYTE)),
    }
}

/// A rate in MT/s; the extended field serves those beyond 65,535.
fn rate(device: &Structure<'_>, offset: usize, extended: usize) -> Option<u64> {
    match device.word(offset)? {
        0 => None,
        0xffff => device
            .double_word(extended)
            .map(|rate| u64::from(rate & 0x7fff_ffff))
            .filter(|rate| *rate > 0),
        rate => Some(u64::from(rate)),
    }
}

/// The lower half of the attributes.
fn ranks(device: &Structure<'_>) -> Option<Count> {
    let ranks = device.byte(0x1b)? & 0x0f;
    (ranks > 0).then(|| Count::saturating(u64::from(ranks)))
}

/// Since version 3.2 a number of its own; before, some boards write it where the name should stand.
fn maker_code(device: &Structure<'_>) -> Option<JedecCode> {
    let numbered = device
        .array::<2>(0x2c)
        .and_then(|[continuations, number]| JedecCode::of(continuations, number));
    numbered.or_else(|| JedecCode::from_text(&device.string(0x17)?))
}

/// DSP0134 table 76. What says nothing (other, unknown) is left out.
fn form(code: u8) -> Option<&'static str> {
    Some(match code {
        0x03 => "SIMM",
        0x04 => "SIP",
        0x05 => "Chip",
        0x06 => "DIP",
        0x07 => "ZIP",
        0x08 => "Proprietary-Card",
        0x09 => "DIMM",
        0x0a => "TSOP",
        0x0b => "Row-Of-Chips",
        0x0c => "RIMM",
        0x0d => "SODIMM",
        0x0e => "SRIMM",
        0x0f => "FB-DIMM",
        0x10 => "Die",
        0x11 => "CAMM",
        _ => return None,
    })
}

/// DSP0134 table 78. What says nothing (other, unknown) is left out.
fn technology(code: u8) -> Option<&'static str> {
    Some(match code {
        0x03 => "DRAM",
        0x04 => "EDRAM",
        0x06 => "SRAM",
        0x07 => "RAM",
        0x0d => "CDRAM",
        0x0e => "3DRAM",
        0x0f => "SDRAM",
        0x10 => "SGRAM",
        0x11 => "RDRAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x14 => "DDR2-FB-DIMM",
        0x18 => "DDR3",
        0x19 => "FBD2",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x24 => "HBM3",
        _ => return None,
    })
}
