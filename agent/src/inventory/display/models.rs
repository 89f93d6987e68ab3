//! Which makers' letters and which words in a name tell what a screen is.
//!
//! Data only; called by [`super::kind`]. Letters are PNP ids as they stand in EDIDs of real screens; words are
//! compared in lower case. A list that lacks a screen costs confidence.

/// Makers of interactive panels and of the boards in them: HiteVision, Newline, SMART, Promethean, and boards
/// that call themselves interactive whiteboards.
pub(super) const PANEL_MAKERS: [&str; 5] = ["HHT", "NLE", "SBI", "PRW", "IWB"];

/// Rockchip's HDMI receiver as it is delivered: it is in panels above all, and in other things.
pub(super) const PANEL_BOARDS: [&str; 1] = ["RKP"];

/// Anywhere in a name.
pub(super) const PANEL_WORDS: [&str; 34] = [
    "activpanel",
    // As one maker spells it.
    "actvipanel",
    "activboard",
    "smart board",
    "smartboard",
    "newline",
    "trutouch",
    "viewboard",
    "clevertouch",
    "ctouch",
    "maxhub",
    "seewo",
    "hitevision",
    "iqtouch",
    "iqboard",
    "multiboard",
    "teachtouch",
    "nexttouch",
    "nextpanel",
    "newtouch",
    "edflat",
    "edcomm",
    "geckotouch",
    "interwrite",
    "proptimax",
    "lumien",
    "triumph",
    "mondopad",
    "jtouch",
    "intboard",
    "interactive",
    "whiteboard",
    "touch panel",
    "rk-uhd",
];

/// Words that begin a model's code, directly before its number: ViewSonic IFP7550, SMART SBID-MX265, Hikvision
/// DS-D5B65.
pub(super) const PANEL_CODES: [&str; 5] = ["ifp", "sbid-mx", "sbid-", "ds-d5b", "ds-d5a"];

/// The same where they are one maker's: BenQ RP654K and RM6503.
pub(super) const PANEL_CODES_OF: (&str, [&str; 4]) = ("BNQ", ["rp", "rm", "benq rp", "benq rm"]);

pub(super) const PROJECTOR_MAKERS: [&str; 2] = ["OTM", "IFS"];

pub(super) const PROJECTOR_WORDS: [&str; 14] = [
    "epson pj",
    "projector",
    "optoma",
    "lightraise",
    "smart uf",
    "smart ux",
    "smart v30",
    "vivitek",
    "xgimi",
    "viewsonic pj",
    "benq pj",
    "dlp",
    "casio xj",
    "nec np",
];

/// Codes of projectors: Sony VPL-…, Panasonic PT-…, NEC NP-…, Hitachi CP-…, InFocus IN….
pub(super) const PROJECTOR_CODES: [&str; 7] = ["vpl-", "pt-", "np-", "cp-", "infocus in", "pjd", "xj-"];

pub(super) const TELEVISION_MAKERS: [&str; 7] = ["HIS", "HEC", "TCL", "SKY", "VES", "TSB", "MEI"];

/// Whole names that makers give all their televisions.
pub(super) const TELEVISION_NAMES: [&str; 6] = ["samsung", "philips ftv", "ftv", "sharp hdmi", "lg tv ssc", "beyond tv"];

/// Makers of virtual machines' screens: Red Hat, VMware, Microsoft, Parallels, Oracle.
pub(super) const VIRTUAL_MAKERS: [&str; 5] = ["RHT", "VMW", "MSH", "PRL", "VBX"];
