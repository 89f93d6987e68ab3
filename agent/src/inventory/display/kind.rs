//! What a screen is: monitor, interactive panel, projector, television, or part of the computer.
//!
//! One pure function, [`taken_for`]. EDID has no field for it, so the answer is a judgement with its
//! confidence and its reasons: a name or a maker that makes nothing else is certain when the rest does not
//! contradict, size and sound alone only make one thing likelier than another. A technician who stands before
//! the screen knows better; the controller lets him say so.

use inventory_schema::inventory::{Confidence, DisplayConnection, ScreenClue, ScreenKind, SizeBasis, TakenFor};

use super::models;
use crate::inventory::edid::StatedUse;

/// What the judgement rests on.
#[derive(Debug, Clone, Copy)]
pub struct Clues<'a> {
    pub connection: DisplayConnection,
    pub maker: Option<&'a str>,
    pub names: &'a [String],
    pub basis: SizeBasis,
    /// In millimetres, where the size can be relied on.
    pub diagonal: Option<u64>,
    /// The native timing has a scaler board's size.
    pub has_scaler_timing: bool,
    pub takes_sound: bool,
    pub has_hdmi: bool,
    pub stated_use: Option<StatedUse>,
}

const FORTY_INCHES: u64 = 1016;

/// The first rule that applies; the strongest come first.
pub fn taken_for(clues: &Clues<'_>) -> TakenFor {
    let names: Vec<String> = clues.names.iter().map(|name| name.to_lowercase()).collect();
    let seen = Seen { clues, names };
    seen.virtual_screen()
        .or_else(|| seen.built_in())
        .or_else(|| seen.projector())
        .or_else(|| seen.panel())
        .or_else(|| seen.television())
        .or_else(|| seen.by_size())
        .unwrap_or_else(|| judged(ScreenKind::Unknown, Confidence::Possible, []))
}

fn judged<const N: usize>(kind: ScreenKind, confidence: Confidence, clues: [ScreenClue; N]) -> TakenFor {
    TakenFor {
        kind,
        confidence,
        clues: clues.into(),
    }
}

struct Seen<'a> {
    clues: &'a Clues<'a>,
    /// In lower case.
    names: Vec<String>,
}

impl Seen<'_> {
    fn virtual_screen(&self) -> Option<TakenFor> {
        let is_virtual = self.is_of(&models::VIRTUAL_MAKERS);
        is_virtual.then(|| judged(ScreenKind::Virtual, Confidence::Certain, [ScreenClue::VirtualHardware]))
    }

    /// A panel's own computer may drive its glass as a notebook does its lid.
    fn built_in(&self) -> Option<TakenFor> {
        if self.clues.connection != DisplayConnection::BuiltIn {
            return None;
        }
        Some(if self.is_large() {
            let clues = [ScreenClue::LargeSize, ScreenClue::InternalPort];
            judged(ScreenKind::InteractivePanel, Confidence::Likely, clues)
        } else {
            judged(ScreenKind::BuiltIn, Confidence::Certain, [ScreenClue::InternalPort])
        })
    }

    fn projector(&self) -> Option<TakenFor> {
        let is_named = self.has_word(&models::PROJECTOR_WORDS) || self.has_code(&models::PROJECTOR_CODES);
        let is_made = self.is_of(&models::PROJECTOR_MAKERS) && !self.has_word(&models::PANEL_WORDS);
        let has_no_size = matches!(self.clues.basis, SizeBasis::NotStated | SizeBasis::Proportions);
        let projector = |confidence, clues: &[ScreenClue]| {
            Some(TakenFor {
                kind: ScreenKind::Projector,
                confidence,
                clues: clues.to_vec(),
            })
        };
        match (is_named, is_made, has_no_size) {
            (true, _, true) => projector(Confidence::Certain, &[ScreenClue::ModelName, ScreenClue::NoSize]),
            (true, _, false) if !self.is_large() => projector(Confidence::Likely, &[ScreenClue::ModelName]),
            (false, true, true) => projector(Confidence::Certain, &[ScreenClue::Maker, ScreenClue::NoSize]),
            // With a large size, or a size and no such name, it is one of their panels or monitors.
            _ => None,
        }
    }

    fn panel(&self) -> Option<TakenFor> {
        let (maker, codes) = models::PANEL_CODES_OF;
        let is_coded = self.has_code(&models::PANEL_CODES) || self.is_of(&[maker]) && self.has_code(&codes);
        let is_named = self.has_word(&models::PANEL_WORDS) || is_coded;
        // A board maker's television says what it is by its name.
        let is_board = self.is_of(&models::PANEL_BOARDS);
        let is_made = (self.is_of(&models::PANEL_MAKERS) || is_board) && !self.is_named_television();
        let states_use = self.clues.stated_use == Some(StatedUse::Presentation);
        let has_scaler_size = self.clues.basis == SizeBasis::ScalerDefault || self.clues.has_scaler_timing;
        let is_desk_size = self.clues.diagonal.is_some_and(|diagonal| diagonal < 800);
        let panel = |confidence, clues: Vec<ScreenClue>| {
            Some(TakenFor {
                kind: ScreenKind::InteractivePanel,
                confidence,
                clues,
            })
        };
        let mut clues = Vec::new();
        clues.extend(is_named.then_some(ScreenClue::ModelName));
        clues.extend(is_made.then_some(ScreenClue::Maker));
        clues.extend(states_use.then_some(ScreenClue::StatedUse));
        let is_known = !clues.is_empty();
        clues.extend(self.is_large().then_some(ScreenClue::LargeSize));
        clues.extend(has_scaler_size.then_some(ScreenClue::ScalerSize));
        if is_known {
            // They also make small monitors for desks.
            let confidence = match (is_desk_size, is_board && !is_named) {
                (true, _) => Confidence::Possible,
                (false, true) => Confidence::Likely,
                (false, false) => Confidence::Certain,
            };
            return panel(confidence, clues);
        }
        let is_unnamed_panel =
            has_scaler_size && !self.is_named_television() && (self.is_large() || self.clues.basis == SizeBasis::ScalerDefault);
        if is_unnamed_panel {
            panel(Confidence::Possible, clues)
        } else {
            None
        }
    }

    fn television(&self) -> Option<TakenFor> {
        let sound = self.clues.takes_sound && self.clues.has_hdmi;
        let television = |confidence, clue: ScreenClue| {
            let clues = std::iter::once(clue).chain(sound.then_some(ScreenClue::SoundOverHdmi)).collect();
            Some(TakenFor {
                kind: ScreenKind::Television,
                confidence,
                clues,
            })
        };
        let surely = if sound { Confidence::Certain } else { Confidence::Likely };
        if self.clues.stated_use == Some(StatedUse::Television) {
            television(Confidence::Certain, ScreenClue::StatedUse)
        } else if self.is_named_television() {
            television(surely, ScreenClue::ModelName)
        } else if sound && self.is_of(&models::TELEVISION_MAKERS) {
            television(Confidence::Likely, ScreenClue::Maker)
        } else if sound && self.is_large() {
            television(Confidence::Possible, ScreenClue::LargeSize)
        } else if sound && self.clues.basis == SizeBasis::Proportions {
            television(Confidence::Possible, ScreenClue::ProportionsForSize)
        } else {
            None
        }
    }

    fn by_size(&self) -> Option<TakenFor> {
        match (self.clues.diagonal, self.clues.basis) {
            (Some(_), _) if self.is_large() => Some(judged(ScreenKind::Monitor, Confidence::Possible, [ScreenClue::LargeSize])),
            (Some(_), _) => Some(judged(ScreenKind::Monitor, Confidence::Certain, [ScreenClue::DeskSize])),
            (None, SizeBasis::NotStated) => Some(judged(ScreenKind::Projector, Confidence::Possible, [ScreenClue::NoSize])),
            _ => None,
        }
    }

    fn is_large(&self) -> bool {
        self.clues.diagonal.is_some_and(|diagonal| diagonal > FORTY_INCHES)
    }

    fn is_of(&self, makers: &[&str]) -> bool {
        self.clues.maker.is_some_and(|maker| makers.contains(&maker))
    }

    fn has_word(&self, words: &[&str]) -> bool {
        self.names.iter().any(|name| words.iter().any(|word| name.contains(word)))
    }

    /// A code stands at the beginning of a name or of a word in it, directly before a digit or a letter of the
    /// model.
    fn has_code(&self, codes: &[&str]) -> bool {
        let continues = |rest: &str| rest.chars().next().is_some_and(|c| c.is_ascii_digit());
        let begins = |text: &str| {
            let with_number = |code: &&&str| text.strip_prefix(**code).is_some_and(|rest| code.ends_with('-') || continues(rest));
            codes.iter().any(|code| with_number(&code))
        };
        self.names
            .iter()
            .any(|name| begins(name) || name.match_indices(' ').any(|(at, _)| begins(&name[at + 1..])))
    }

    fn is_named_television(&self) -> bool {
        let is_word = |name: &String| {
            name.split(|c: char| !c.is_alphanumeric())
                .any(|word| word == "tv" || word == "hdtv")
        };
        self.names
            .iter()
            .any(|name| is_word(name) || models::TELEVISION_NAMES.contains(&name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clues<'a>(maker: &'a str, names: &'a [String]) -> Clues<'a> {
        Clues {
            connection: DisplayConnection::Hdmi,
            maker: Some(maker),
            names,
            basis: SizeBasis::Centimetres,
            diagonal: Some(600),
            has_scaler_timing: false,
            takes_sound: true,
            has_hdmi: true,
            stated_use: None,
        }
    }

    fn named(maker: &str, name: &str, basis: SizeBasis, diagonal: Option<u64>) -> (ScreenKind, Confidence) {
        let names = [name.to_owned()];
        let verdict = taken_for(&Clues {
            basis,
            diagonal,
            ..clues(maker, &names)
        });
        assert!(
            !verdict.clues.is_empty() || verdict.kind == ScreenKind::Unknown,
            "{name}: no reason is given"
        );
        (verdict.kind, verdict.confidence)
    }

    #[test]
    fn a_name_or_a_maker_of_panels_is_certain() {
        let (panel, certain) = (ScreenKind::InteractivePanel, Confidence::Certain);
        let large = Some(1650);
        assert_eq!(
            named("XXX", "ActvPanel V5", SizeBasis::ScalerDefault, None),
            (panel, Confidence::Possible)
        );
        assert_eq!(named("XXX", "ActviPanel V5", SizeBasis::ScalerDefault, None), (panel, certain));
        assert_eq!(named("BNQ", "BenQ RP750K", SizeBasis::Centimetres, large), (panel, certain));
        assert_eq!(named("VSC", "IFP6550-3", SizeBasis::Centimetres, large), (panel, certain));
        assert_eq!(named("IWB", "SMART MONITOR", SizeBasis::Centimetres, large), (panel, certain));
        assert_eq!(
            named("SBI", "SMART Board", SizeBasis::Centimetres, Some(600)).1,
            Confidence::Possible
        );
        assert_eq!(named("BNQ", "BenQ GW2480", SizeBasis::Timing, Some(605)).0, ScreenKind::Monitor);
        assert_eq!(named("DEL", "CORP 24", SizeBasis::Timing, Some(605)).0, ScreenKind::Monitor);
    }

    #[test]
    fn projectors_have_no_size_and_televisions_say_so() {
        let (projector, certain) = (ScreenKind::Projector, Confidence::Certain);
        assert_eq!(named("SEC", "EPSON PJ", SizeBasis::NotStated, None), (projector, certain));
        assert_eq!(named("SBI", "SMART UX80", SizeBasis::NotStated, None), (projector, certain));
        assert_eq!(named("OTM", "WXGA", SizeBasis::NotStated, None), (projector, certain));
        assert_eq!(named("ABC", "X", SizeBasis::NotStated, None), (projector, Confidence::Possible));
        let television = ScreenKind::Television;
        assert_eq!(named("XYZ", "SMART TV", SizeBasis::Proportions, None), (television, certain));
        assert_eq!(named("XYZ", "XYZ-TV", SizeBasis::NotStated, None), (television, certain));
        assert_eq!(named("SAM", "SAMSUNG", SizeBasis::Centimetres, Some(1010)), (television, certain));
        assert_eq!(named("SAM", "S24F350", SizeBasis::Timing, Some(600)).0, ScreenKind::Monitor);
        assert_eq!(
            named("VES", "32W LCD", SizeBasis::Centimetres, Some(800)),
            (television, Confidence::Likely)
        );
        assert_eq!(
            named("XYZ", "LCD", SizeBasis::Centimetres, Some(1400)),
            (television, Confidence::Possible)
        );
    }

    #[test]
    fn the_port_tells_what_is_built_in_and_the_size_what_is_not() {
        let names = [];
        let verdict = |connection, diagonal| {
            let verdict = taken_for(&Clues {
                connection,
                diagonal,
                ..clues("AUO", &names)
            });
            (verdict.kind, verdict.confidence)
        };
        let inside = DisplayConnection::BuiltIn;
        assert_eq!(verdict(inside, Some(390)), (ScreenKind::BuiltIn, Confidence::Certain));
        assert_eq!(verdict(inside, Some(1650)), (ScreenKind::InteractivePanel, Confidence::Likely));
        let virtual_screen = taken_for(&clues("RHT", &names));
        assert_eq!(virtual_screen.kind, ScreenKind::Virtual);
        let nothing = Clues {
            basis: SizeBasis::Proportions,
            diagonal: None,
            takes_sound: false,
            ..clues("ABC", &names)
        };
        assert_eq!(taken_for(&nothing).kind, ScreenKind::Unknown);
    }
}
