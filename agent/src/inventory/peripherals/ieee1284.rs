//! What a printer answers when asked who it is (IEEE 1284, annex on device ids), and what that makes it.
//!
//! Pure. A multifunction device says `CLS:PRINTER` like any other: whether one scans is gathered from whatever
//! speaks for it, and where nothing is known the kind stays open.

use inventory_schema::inventory::PrinterKind;

/// `MFG:Pantum;CMD:DW-PS;MDL:M6500W Series;CLS:PRINTER;`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceId {
    pub maker: Option<String>,
    pub model: Option<String>,
    pub class: Option<String>,
    pub commands: Option<String>,
    pub serial: Option<String>,
}

impl DeviceId {
    pub fn read(text: &str) -> Self {
        let mut id = Self::default();
        for (key, value) in text.split(';').filter_map(|pair| pair.split_once(':')) {
            let value = value.trim();
            let field = match key.trim().to_uppercase().as_str() {
                "MFG" | "MANUFACTURER" => &mut id.maker,
                "MDL" | "MODEL" => &mut id.model,
                "CLS" | "CLASS" => &mut id.class,
                "CMD" | "COMMAND SET" => &mut id.commands,
                "SN" | "SERN" | "SERIALNUMBER" => &mut id.serial,
                _ => continue,
            };
            if field.is_none() && !value.is_empty() {
                *field = Some(value.to_owned());
            }
        }
        id
    }

    /// Maker and model as people say them, the maker once.
    pub fn name(&self) -> Option<String> {
        let model = self.model.as_deref()?;
        Some(match self.maker.as_deref() {
            Some(maker) if !model.to_lowercase().starts_with(&maker.to_lowercase()) => format!("{maker} {model}"),
            _ => model.to_owned(),
        })
    }

    /// Whether its class or the commands it knows are of more than printing.
    pub fn scans(&self) -> bool {
        const CLASSES: [&str; 5] = ["MFP", "MULTIFUNCTION", "SCANNER", "FAX", "COPIER"];
        const COMMANDS: [&str; 6] = ["SCN", "SCAN", "SCANNER", "FAX", "COPY", "ESCL"];
        let words = |text: &Option<String>, known: &[&str]| {
            let text = text.as_deref().unwrap_or_default().to_uppercase();
            text.split([',', ' ', '/', '-']).any(|word| known.contains(&word))
        };
        words(&self.class, &CLASSES) || words(&self.commands, &COMMANDS)
    }
}

/// Whether makers call a device of this name a multifunction one.
pub fn named_multifunction(model: &str) -> bool {
    const WORDS: [&str; 11] = [
        "mfp",
        "mfu",
        "мфу",
        "workcentre",
        "all-in-one",
        "aio",
        "officejet",
        "imagerunner",
        "bizhub",
        "taskalfa",
        "multifunction",
    ];
    const BEGINNINGS: [&str; 5] = ["mfc-", "dcp-", "scx-", "mfp-", "mfc"];
    let name = model.to_lowercase();
    // «M6500W» of Pantum, «M247» of Катюша and «ECOSYS M2040dn» of Kyocera against their printers «P…».
    let by_letter = ["pantum", "катюша", "katusha", "katyusha", "ecosys"]
        .iter()
        .any(|maker| name.contains(maker));
    let numbered = |word: &str, letters: &str| {
        word.strip_prefix(letters)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut words = name.split([' ', '_', '/', '(', ')', ',']);
    words.any(|word| {
        WORDS.contains(&word)
            || BEGINNINGS
                .iter()
                .any(|beginning| word.starts_with(beginning) && word.len() > beginning.len())
            || (name.contains("canon") && numbered(word, "mf"))
            || (by_letter && ["m", "bm", "cm"].iter().any(|letters| numbered(word, letters)))
    })
}

/// By the classes of a device's interfaces: printing beside the still images of scanners; `None` where an
/// interface of the maker's own may be a scanner and may be anything.
pub fn kind_of_interfaces(interfaces: &[[u8; 3]]) -> Option<PrinterKind> {
    const STILL_IMAGE: u8 = 0x06;
    const OF_THE_MAKER: u8 = 0xff;
    let has = |wanted: u8| interfaces.iter().any(|[class, ..]| *class == wanted);
    match (has(STILL_IMAGE), has(OF_THE_MAKER)) {
        (true, _) => Some(PrinterKind::Multifunction),
        (false, true) => None,
        (false, false) => Some(PrinterKind::Printer),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_read_by_long_and_short_keys() {
        let id = DeviceId::read("MANUFACTURER:Hewlett-Packard;COMMAND SET:PJL,PCL;MODEL: HP LaserJet ;CLASS:PRINTER;SN:CNB1;junk;:;");
        assert_eq!(id.name().as_deref(), Some("Hewlett-Packard HP LaserJet"));
        assert_eq!((id.serial.as_deref(), id.scans()), (Some("CNB1"), false));
        assert_eq!(
            DeviceId::read("MFG:Canon;MDL:Canon MF4400;").name().as_deref(),
            Some("Canon MF4400")
        );
        assert_eq!(DeviceId::read("MFG:Canon;").name(), None);
    }

    #[test]
    fn what_scans_says_so_somewhere() {
        assert!(DeviceId::read("CLS:MFP;").scans());
        assert!(DeviceId::read("CLS:PRINTER;CMD:PJL,SCN;").scans());
        assert!(!DeviceId::read("CLS:PRINTER;CMD:PJL,PCL,POSTSCRIPT;").scans());
        for name in [
            "HP LaserJet M1132 MFP",
            "Brother DCP-L2540DW",
            "Samsung SCX-4200",
            "Xerox WorkCentre 3025",
            "Canon MF4400 Series",
            "Pantum M6500W Series",
            "Kyocera ECOSYS M2040dn",
            "Катюша M247",
        ] {
            assert!(named_multifunction(name), "{name}");
        }
        for name in [
            "HP LaserJet 1020",
            "Pantum P2500W",
            "Kyocera ECOSYS P2040dn",
            "Canon LBP6000",
            "HP LaserJet M402",
            "Xerox Phaser 3020",
            "",
        ] {
            assert!(!named_multifunction(name), "{name}");
        }
    }

    #[test]
    fn interfaces_tell_what_they_can() {
        assert_eq!(kind_of_interfaces(&[[7, 1, 2]]), Some(PrinterKind::Printer));
        assert_eq!(kind_of_interfaces(&[[7, 1, 2], [6, 1, 1]]), Some(PrinterKind::Multifunction));
        assert_eq!(kind_of_interfaces(&[[0xff, 0, 0], [7, 1, 2]]), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_fail(text in any::<String>(), pairs in "([A-Z]{0,4}[:;,]){0,20}") {
            for text in [text, pairs] {
                let id = DeviceId::read(&text);
                let _ = (id.name(), id.scans(), named_multifunction(&text));
            }
        }
    }
}
