//! What an EDID means: the facts of a report, each with its verdict.
//!
//! Pure. One in three screens has a filler for its number, panels of notebooks have no name, and a base block
//! whose sum is wrong was garbled on its way.

use inventory_schema::device::{Fact, SerialNumber, Source, Trust};
use inventory_schema::inventory::{DisplayConnection, EdidBytes, Monitor};
use inventory_schema::quantity::{Millihertz, Millimetres, Pixels, Week, Year};
use inventory_schema::text::{DeviceName, HardwareText, Word};
use inventory_schema::{Digest, placeholder};

use super::size::{Size, has_scaler_timing, size};
use super::{Edid, Timing};
use crate::inventory::display::kind::{Clues, taken_for};
use crate::inventory::system::name_fact;

/// The screen on a port. All facts of a base block whose sum is wrong are marked implausible.
pub fn monitor(port: DeviceName, connection: Fact<DisplayConnection>, edid: &Edid, bytes: &[u8]) -> Monitor {
    let stated_size = size(edid);
    let taken_for = taken_for(&clues(edid, connection.value, &stated_size));
    let size = stated_size.of_kind(taken_for.kind);
    let judge = Judge::of(edid);
    let year = |wanted: bool| {
        let year = edid.year.filter(|_| edid.is_model_year == wanted)?;
        Some(judge.fact(Year::saturating(year.into())))
    };
    let native = edid.native.as_ref();
    let pixels = |count: fn(&Timing) -> u16| native.map(|timing| judge.fact(Pixels::saturating(count(timing).into())));
    let side = |side: fn((u64, u64)) -> u64| {
        let fact = judge.fact(Millimetres::saturating(side(size.sides?)));
        Some(judge.at_best(size.trust, fact))
    };
    let (serial_text, serial_number) = (serial_text(edid), edid.number.and_then(serial_number));
    Monitor {
        port,
        connection,
        maker: edid.maker.as_deref().and_then(Word::observed).map(|word| judge.fact(word)),
        model: model(edid).map(|fact| judge.judged(fact)),
        other_names: other_names(edid),
        product_code: edid
            .product
            .and_then(|code| Word::observed(&format!("{code:04X}")))
            .map(|word| judge.fact(word)),
        serial: better(serial_text.as_ref(), serial_number.as_ref()).map(|fact| judge.judged(fact)),
        serial_text: serial_text.map(|fact| judge.judged(fact)),
        serial_number: serial_number.map(|fact| judge.judged(fact)),
        made_in_week: edid.week.map(|week| judge.fact(Week::saturating(week.into()))),
        made_in_year: year(false),
        model_year: year(true),
        width: side(|(width, _)| width),
        height: side(|(_, height)| height),
        size_basis: Some(size.basis),
        horizontal: pixels(|timing| timing.horizontal),
        vertical: pixels(|timing| timing.vertical),
        refresh: native
            .and_then(|timing| timing.millihertz)
            .map(|rate| judge.fact(Millihertz::saturating(rate.into()))),
        interlaced: native.filter(|timing| timing.interlaced).map(|_| judge.fact(true)),
        taken_for: Some(taken_for),
        edid: Some(Digest::of(bytes)),
        edid_bytes: EdidBytes::of(bytes),
    }
}

/// What the block as a whole lets its facts be worth.
struct Judge(Trust);

impl Judge {
    fn of(edid: &Edid) -> Self {
        Self(if edid.is_whole() { Trust::Plausible } else { Trust::Implausible })
    }

    fn fact<T>(&self, value: T) -> Fact<T> {
        Fact::with_trust(value, Source::Edid, self.0)
    }

    fn at_best<T>(&self, trust: Trust, fact: Fact<T>) -> Fact<T> {
        Fact {
            trust: trust.max(fact.trust),
            ..fact
        }
    }

    fn judged<T>(&self, fact: Fact<T>) -> Fact<T> {
        self.at_best(self.0, fact)
    }
}

fn clues<'a>(edid: &'a Edid, connection: DisplayConnection, size: &Size) -> Clues<'a> {
    Clues {
        connection,
        maker: edid.maker.as_deref(),
        names: &edid.names,
        basis: size.basis,
        diagonal: size.diagonal(),
        has_scaler_timing: has_scaler_timing(edid),
        takes_sound: edid.takes_sound,
        has_hdmi: edid.has_hdmi,
        stated_use: edid.stated_use,
    }
}

/// The product name; else, as on panels of notebooks, the free text that holds a type number; else the
/// maker's letters and the product code, which every screen has.
fn model(edid: &Edid) -> Option<Fact<HardwareText>> {
    let name = || {
        edid.names
            .first()
            .map(String::as_str)
            .or_else(|| type_number(edid))
            .map(str::to_owned)
    };
    let code = || Some(format!("{}{:04X}", edid.maker.as_ref()?, edid.product?));
    name_fact(&name().or_else(code)?, Source::Edid)
}

/// Further names; of a screen without one, the texts that were not taken for its name.
fn other_names(edid: &Edid) -> Vec<HardwareText> {
    let taken = type_number(edid);
    let texts = text_parts(edid).filter(|part| edid.names.is_empty() && Some(*part) != taken);
    let names = edid.names.iter().skip(1).map(String::as_str);
    names.chain(texts).filter_map(HardwareText::observed).collect()
}

/// Dell writes its own part number before the panel's, and between them a byte that is no letter: the last
/// part that may be a type number is meant.
fn type_number(edid: &Edid) -> Option<&str> {
    let is_number = |text: &&str| text.chars().any(|c| c.is_ascii_digit()) && text.chars().count() > 3;
    text_parts(edid).filter(is_number).last()
}

fn text_parts(edid: &Edid) -> impl Iterator<Item = &str> {
    let parts = edid.texts.iter().flat_map(|text| text.split(|c: char| !matches!(c, ' '..='~')));
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The first that nothing speaks against; else the first filler with its verdict.
fn better(text: Option<&Fact<SerialNumber>>, number: Option<&Fact<SerialNumber>>) -> Option<Fact<SerialNumber>> {
    let both = || text.into_iter().chain(number);
    both().find(|fact| fact.trust.is_plausible()).or_else(|| both().next()).cloned()
}

/// Of several texts the first that is no filler.
fn serial_text(edid: &Edid) -> Option<Fact<SerialNumber>> {
    let texts = || {
        edid.serials.iter().filter_map(|raw| {
            let fact = SerialNumber::fact(raw, Source::Edid)?;
            // Makers count demonstration batches as 0000000000001.
            let is_counted = raw.chars().all(|c| matches!(c, '0' | '1'));
            Some(if is_counted {
                Fact {
                    trust: Trust::Placeholder,
                    ..fact
                }
            } else {
                fact
            })
        })
    };
    texts().find(|fact| fact.trust.is_plausible()).or_else(|| texts().next())
}

/// A third of all screens carry one of these numbers: 1 and 0, four bytes of 1, «ET».
fn serial_number(number: u32) -> Option<Fact<SerialNumber>> {
    const FILLERS: [u32; 5] = [0, 1, 0x0101_0101, 0x5445, u32::MAX];
    let text = number.to_string();
    let trust = if FILLERS.contains(&number) {
        Trust::Placeholder
    } else {
        placeholder::trust_of_serial(&text)
    };
    Some(Fact::with_trust(SerialNumber::observed(&text)?, Source::Edid, trust))
}
