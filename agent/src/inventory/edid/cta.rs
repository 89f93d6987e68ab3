//! CTA-861 extension blocks: what televisions and everything on HDMI add to their EDID.
//!
//! Pure. Read are sound, HDMI and, where the base block has none, a detailed timing.

use super::{BLOCK, Edid, Timing};

const BASIC_AUDIO: u8 = 0x40;
const AUDIO: u8 = 1;
const VENDOR: u8 = 3;
/// HDMI Licensing and HDMI Forum, as they are written: lowest byte first.
const HDMI: [[u8; 3]; 2] = [[0x03, 0x0c, 0x00], [0xd8, 0x5d, 0xc4]];

/// Adds what the block says. A block whose ends lie outside of it is read as far as it goes.
pub(super) fn read(block: &[u8], edid: &mut Edid) {
    let Some(block) = block.first_chunk::<BLOCK>() else { return };
    let (revision, timings) = (block[1], usize::from(block[2]));
    if revision >= 2 {
        edid.takes_sound |= block[3] & BASIC_AUDIO != 0;
    }
    if revision >= 3 {
        data_blocks(block.get(4..timings.min(BLOCK - 1)).unwrap_or_default(), edid);
    }
    if edid.native.is_none() && timings >= 4 {
        let descriptors = block.get(timings..BLOCK - 1).unwrap_or_default();
        edid.native = descriptors.chunks_exact(18).find_map(Timing::of_descriptor);
    }
}

/// Each begins with its kind in three bits and its length in five.
pub(super) fn data_blocks(mut rest: &[u8], edid: &mut Edid) {
    while let Some((head, after)) = rest.split_first() {
        let length = usize::from(head & 0x1f);
        let Some((payload, next)) = after.split_at_checked(length) else {
            return;
        };
        match head >> 5 {
            AUDIO => edid.takes_sound = true,
            VENDOR => edid.has_hdmi |= HDMI.iter().any(|maker| payload.starts_with(maker)),
            _ => {}
        }
        rest = next;
    }
}
