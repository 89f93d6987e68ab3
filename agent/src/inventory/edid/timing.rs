//! Detailed timings: a mode in 18 bytes (EDID, CTA-861) or 20 (DisplayID types I and VII).
//!
//! Pure. Called by the base block and by both kinds of extension.

/// A mode, with the height of the whole picture where it is interlaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub horizontal: u16,
    pub vertical: u16,
    pub interlaced: bool,
    /// Pictures, or half pictures, in a thousand seconds.
    pub millihertz: Option<u32>,
    /// The sides that the timing states; DisplayID's timings state none.
    pub millimetres: Option<(u16, u16)>,
}

impl Timing {
    /// `None` for a descriptor that is no timing, and for one without picture elements.
    pub(super) fn of_descriptor(d: &[u8]) -> Option<Self> {
        let d: &[u8; 18] = d.try_into().ok()?;
        let twelve_bits = |low: u8, high: u8| u16::from(low) | u16::from(high & 0x0f) << 8;
        let clock = u64::from(u16::from_le_bytes([d[0], d[1]])) * 10_000;
        let (horizontal, lines) = (twelve_bits(d[2], d[4] >> 4), twelve_bits(d[5], d[7] >> 4));
        if clock == 0 || horizontal == 0 || lines == 0 {
            return None;
        }
        let interlaced = d[17] & 0x80 != 0;
        let columns = horizontal + twelve_bits(d[3], d[4]);
        // Two half pictures of an interlaced mode share one line.
        let rows = 2 * (u64::from(lines) + u64::from(twelve_bits(d[6], d[7]))) + u64::from(interlaced);
        let sides = (twelve_bits(d[12], d[14] >> 4), twelve_bits(d[13], d[14]));
        Some(Self {
            horizontal,
            vertical: if interlaced { lines * 2 } else { lines },
            interlaced,
            millihertz: millihertz(clock, columns.into(), rows),
            millimetres: (sides.0 > 0 && sides.1 > 0).then_some(sides),
        })
    }

    /// `unit` is what the pixel clock counts, in hertz. The flag says that the screen prefers this mode.
    pub(super) fn of_display_id(t: &[u8; 20], unit: u64) -> Option<(Self, bool)> {
        let number = |at: usize| u64::from(u16::from_le_bytes([t[at], t[at + 1]])) + 1;
        let clock = (u64::from(u32::from_le_bytes([t[0], t[1], t[2], 0])) + 1) * unit;
        let interlaced = t[3] & 0x10 != 0;
        let (horizontal, vertical) = (u16::try_from(number(4)).ok()?, u16::try_from(number(12)).ok()?);
        let rows = if interlaced {
            number(12) + number(14)
        } else {
            2 * (number(12) + number(14))
        };
        let timing = Self {
            horizontal,
            vertical,
            interlaced,
            millihertz: millihertz(clock, number(4) + number(6), rows),
            millimetres: None,
        };
        Some((timing, t[3] & 0x80 != 0))
    }
}

/// Rounded to the nearest; `half_rows` counts each line of a picture twice.
fn millihertz(clock: u64, columns: u64, half_rows: u64) -> Option<u32> {
    let picture = columns * half_rows;
    let rate = (clock * 2000 + picture / 2).checked_div(picture)?;
    u32::try_from(rate).ok()
}
