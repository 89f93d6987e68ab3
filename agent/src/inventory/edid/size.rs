//! How large a screen is, by the rule that 141,883 real screens taught.
//!
//! Pure. Beyond 40 inches the centimetres are right and the millimetres are the scaler's; below, the
//! millimetres refine the centimetres where the two agree. Interactive panels often state the size that
//! their scaler board was delivered with, others proportions: then the size is unknown, and it is said why.

use inventory_schema::device::Trust;
use inventory_schema::inventory::{ScreenKind, SizeBasis};

use super::Edid;

const FORTY_INCHES: u64 = 1016;
const CENTIMETRE: u64 = 10;

/// Sides in centimetres that are proportions.
const PROPORTIONS: [(u64, u64); 6] = [(160, 90), (16, 9), (4, 3), (160, 100), (16, 10), (40, 30)];
/// What one maker's scaler boards state, in centimetres and, as the timing's sides, in millimetres.
const SCALER_CENTIMETRES: (u64, u64) = (115, 65);
const SCALER_MILLIMETRES: (u16, u16) = (708, 398);
/// The same board's other default in centimetres; a television of 32 inches is truly as large.
const SCALER_OR_32_INCHES: [(u64, u64); 3] = [(71, 40), (70, 40), (70, 39)];
/// As Rockchip's HDMI receivers are delivered.
const ROCKCHIP: (&str, (u64, u64)) = ("RKP", (120, 68));

/// The sides, where there are any, and what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// In millimetres.
    pub sides: Option<(u64, u64)>,
    pub basis: SizeBasis,
    pub trust: Trust,
}

impl Size {
    /// In millimetres, where the size can be relied on.
    pub fn diagonal(&self) -> Option<u64> {
        let (width, height) = self.sides.filter(|_| self.basis.is_known())?;
        Some((width * width + height * height).isqrt())
    }

    pub fn is_large(&self) -> bool {
        self.diagonal().is_some_and(|diagonal| diagonal > FORTY_INCHES)
    }

    /// The same once it is known what the screen is: a projector has no size, and a panel that says it has 32
    /// inches states its scaler's.
    pub fn of_kind(self, kind: ScreenKind) -> Self {
        let centimetres = self.sides.map(|(width, height)| rounded((width, height)));
        match kind {
            ScreenKind::Projector => Self {
                sides: None,
                basis: SizeBasis::Projected,
                trust: Trust::Plausible,
            },
            ScreenKind::InteractivePanel if centimetres.is_some_and(|sides| SCALER_OR_32_INCHES.contains(&sides)) => Self {
                basis: SizeBasis::ScalerDefault,
                trust: Trust::Placeholder,
                ..self
            },
            _ => self,
        }
    }
}

fn rounded((width, height): (u64, u64)) -> (u64, u64) {
    ((width + CENTIMETRE / 2) / CENTIMETRE, (height + CENTIMETRE / 2) / CENTIMETRE)
}

/// The size before anything is known of the screen's kind.
pub fn size(edid: &Edid) -> Size {
    let Some((width, height)) = edid.centimetres.map(|(width, height)| (u64::from(width), u64::from(height))) else {
        return without_centimetres(edid);
    };
    let sides = (width * CENTIMETRE, height * CENTIMETRE);
    let unknown = |basis| Size {
        sides: Some(sides),
        basis,
        trust: Trust::Placeholder,
    };
    let is_rockchip = edid.maker.as_deref() == Some(ROCKCHIP.0) && (width, height) == ROCKCHIP.1;
    if PROPORTIONS.contains(&(width, height)) {
        unknown(SizeBasis::Proportions)
    } else if (width, height) == SCALER_CENTIMETRES || is_rockchip {
        unknown(SizeBasis::ScalerDefault)
    } else {
        refined(edid, sides)
    }
}

fn refined(edid: &Edid, sides: (u64, u64)) -> Size {
    let known = |sides, basis| Size {
        sides: Some(sides),
        basis,
        trust: Trust::Plausible,
    };
    let in_centimetres = known(sides, SizeBasis::Centimetres);
    if in_centimetres.is_large() {
        return in_centimetres;
    }
    let agrees = |(width, height): &(u64, u64)| width.abs_diff(sides.0) <= CENTIMETRE && height.abs_diff(sides.1) <= CENTIMETRE;
    let millimetres = edid.native.and_then(|timing| timing.millimetres);
    let timing = millimetres
        .map(|(width, height)| (u64::from(width), u64::from(height)))
        .filter(agrees);
    let display_id = display_id(edid).filter(agrees);
    match (timing, display_id) {
        (Some(timing), _) => known(timing, SizeBasis::Timing),
        (None, Some(sides)) => known(sides, SizeBasis::DisplayId),
        (None, None) => in_centimetres,
    }
}

/// DisplayID's size stands in. The timing's does not: with no centimetres beside it, it is the scaler's.
fn without_centimetres(edid: &Edid) -> Size {
    let size = |sides, basis, trust| Size { sides, basis, trust };
    match display_id(edid) {
        Some(sides) if PROPORTIONS.contains(&rounded(sides)) => size(Some(sides), SizeBasis::Proportions, Trust::Placeholder),
        Some(sides) if rounded(sides) == SCALER_CENTIMETRES => size(Some(sides), SizeBasis::ScalerDefault, Trust::Placeholder),
        Some(sides) => size(Some(sides), SizeBasis::DisplayId, Trust::Plausible),
        None if edid.states_ratio => size(None, SizeBasis::Proportions, Trust::Plausible),
        None => size(None, SizeBasis::NotStated, Trust::Plausible),
    }
}

/// In whole millimetres.
fn display_id(edid: &Edid) -> Option<(u64, u64)> {
    let millimetres = |tenths: u32| (u64::from(tenths) + 5) / 10;
    edid.tenths.map(|(width, height)| (millimetres(width), millimetres(height)))
}

/// The native timing has the sides of one maker's scaler boards, which the centimetres deny.
pub fn has_scaler_timing(edid: &Edid) -> bool {
    let is_scaler = edid.native.and_then(|timing| timing.millimetres) == Some(SCALER_MILLIMETRES);
    let agree = edid
        .centimetres
        .is_some_and(|(width, height)| SCALER_OR_32_INCHES.contains(&(width.into(), height.into())));
    is_scaler && !agree
}
