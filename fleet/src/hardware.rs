//! Hardware as schools have it: drawn from a seed at the rates counted over 162,853 public firmware dumps.
//!
//! | Counted | Here |
//! |---|---|
//! | desktops: 42.5 % placeholder model, 33.2 % placeholder maker, baseboard 2.0 %, both 0.9 % | [`Kind::Desktop`] |
//! | notebooks 0.7 %, all-in-ones 1.4 %, mini computers 11.5 % placeholder model | the other kinds |
//! | memory modules: 17.6 % without a part number, 23.5 % with a JEDEC code for a maker or none | [`memory`] |
//! | 94 of 1,279 all-in-ones do not say that they are | chassis |
//! | the SKU is blank or a placeholder in 58.5 % | `sku` |
//!
//! How many of which kind a school has, and which images, is our assumption. What is drawn becomes the same
//! section documents that a real agent states; several computers of one image state the same software list.
//! Pure: it knows no network and no clock.

mod image;
mod parts;

use std::collections::BTreeMap;
use std::sync::Arc;

use inventory_schema::device::{AssetTag, Fact, Hostname, SerialNumber, Source, SystemUuid};
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::inventory::{Baseboard, Firmware, OperatingSystem, SecureBoot};
use inventory_schema::inventory::{Battery, BatteryCell, Chassis, ChassisKind, Inventory, InventoryFormat, SectionBody, Sections, System};
use inventory_schema::quantity::MilliwattHours;
use inventory_schema::section::Section;
use inventory_schema::text::{HardwareText, SystemTitle};
use inventory_schema::{Digest, SectionName};

use crate::dice::Dice;
pub use image::Images;
use image::Installed;
use parts::Parts;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Desktop,
    Notebook,
    AllInOne,
    Mini,
}

/// One computer, with everything that can change about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    number: u64,
    seed: u64,
    kind: Kind,
    system: System,
    parts: Parts,
    installed: Installed,
    battery: Battery,
    host_name: String,
    changes: u64,
}

/// What a computer states: the digest and the canonical text of every section. Equal texts are one text.
pub type Bodies = BTreeMap<SectionName, (Digest, Arc<str>)>;

impl Hardware {
    pub fn draw(seed: u64, number: u64) -> Self {
        let mut dice = Dice::of(seed, "hardware", number);
        let kind = *dice.weighed(&[(550, Kind::Desktop), (300, Kind::Notebook), (100, Kind::AllInOne), (50, Kind::Mini)]);
        Self {
            number,
            seed,
            kind,
            system: system(&mut dice, kind),
            parts: Parts::draw(&mut dice, kind),
            installed: Installed::draw(&mut dice),
            battery: battery(&mut dice, kind),
            host_name: format!("kab-{}-pc{:02}", 1 + number / 30, number % 30),
            changes: 0,
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Something about the computer is another thing from now on; what, the seed says. The state never comes
    /// back: each change makes a digest that was not stated before.
    pub fn change(&mut self) {
        self.changes += 1;
        let mut dice = Dice::of(self.seed ^ self.changes, "change", self.number);
        match dice.below(100) {
            // Most changes in a school are updates, and they come to all computers of an image alike.
            0..=49 => self.installed.update(),
            50..=69 => self.parts.plug(&mut dice),
            70..=79 => self.parts.exchange_memory(&mut dice),
            80..=89 => self.parts.exchange_monitor(&mut dice),
            _ => self.host_name = format!("kab-{}-pc{:02}-{}", 1 + self.number / 30, self.number % 30, self.changes),
        }
    }

    pub fn bodies(&self, images: &Images) -> Bodies {
        let sections = self.sections();
        let small = [
            SectionBody::of(&sections.system),
            SectionBody::of(&sections.processor),
            SectionBody::of(&sections.memory),
            SectionBody::of(&sections.storage),
            SectionBody::of(&sections.display),
            SectionBody::of(&sections.network),
            SectionBody::of(&sections.operating_system),
            SectionBody::of(&sections.battery),
            SectionBody::of(&sections.peripherals),
        ];
        let mut bodies: Bodies = small
            .into_iter()
            .map(|body| body.expect("sections are text, integers and lists"))
            .map(|body| (body.name, (body.digest, body.bytes.into_text().into())))
            .collect();
        bodies.insert(SectionName::Software, images.software(&self.installed));
        bodies
    }

    /// As the agent's own code reads it from what it observed.
    pub fn evidence(&self) -> HardwareEvidence {
        cos_agent::inventory::evidence(&Inventory {
            format: InventoryFormat::V1,
            agent: cos_agent::enrollment::agent_version(),
            sections: self.sections(),
        })
    }

    fn sections(&self) -> Sections {
        Sections {
            system: Section::Read(self.system.clone()),
            processor: Section::Read(self.parts.processors.clone()),
            memory: Section::Read(self.parts.memory.clone()),
            storage: Section::Read(self.parts.storage.clone()),
            display: Section::Read(self.parts.display.clone()),
            network: Section::Read(self.parts.network.clone()),
            operating_system: Section::Read(self.operating_system()),
            battery: Section::Read(self.battery.clone()),
            peripherals: Section::Read(self.parts.peripherals.clone()),
            // The list is made once for all computers of an image: `bodies` takes it from there.
            software: Section::Read(Default::default()),
        }
    }

    fn operating_system(&self) -> OperatingSystem {
        let image = self.installed.image();
        OperatingSystem {
            id: image.id.parse().ok().map(|id| Fact::new(id, Source::OsRelease)),
            version: image.version.parse().ok().map(|version| Fact::new(version, Source::OsRelease)),
            variant: None,
            title: SystemTitle::observed(image.title).map(|title| Fact::new(title, Source::OsRelease)),
            kernel: image.kernel.parse().ok().map(|kernel| Fact::new(kernel, Source::Kernel)),
            architecture: "x86_64".parse().ok().map(|word| Fact::new(word, Source::Kernel)),
            release: None,
            host_name: Hostname::without_person_names(&self.host_name).map(|name| Fact::new(name, Source::HostName)),
        }
    }
}

const PLACEHOLDERS: [&str; 6] = [
    "To Be Filled By O.E.M.",
    "Default string",
    "System Product Name",
    "To be filled by O.E.M.",
    "Not Specified",
    "OEM",
];
const MAKERS: [(&str, [&str; 3]); 8] = [
    ("Aquarius", ["Aquarius Pro, Std, Elt Series", "NS685U R11", "Std DV S24"]),
    ("Graviton", ["Graviton", "D22I", "N15I-K2"]),
    ("DEPO Computers", ["DEPO Neos DF226", "DEPO Race G540", "VIP C1530"]),
    ("ICL", ["RAYbook Si1512", "BasicRAY B102", "SafeRAY S222"]),
    ("iRU", ["Home 310H6GM", "Ofis 310H5SE", "Tactio 15TLI"]),
    ("HP", ["HP 260 G4 DM", "HP ProDesk 400 G7", "HP 250 G8"]),
    ("Lenovo", ["ThinkCentre M70q", "V15 G2 ITL", "IdeaCentre AIO 3"]),
    ("ASUSTeK COMPUTER INC.", ["ExpertCenter D500", "ExpertBook B1400", "V222FA"]),
];
const BOARDS: [(&str, &str); 6] = [
    ("ASUSTeK COMPUTER INC.", "PRIME H510M-K"),
    ("Gigabyte Technology Co., Ltd.", "H410M S2H V3"),
    ("ASRock", "H470M-HDV"),
    ("Micro-Star International Co., Ltd.", "H510M PRO-E (MS-7D23)"),
    ("Aquarius", "AQH410T"),
    ("BIOSTAR Group", "H510MHP"),
];

/// Per mille of computers of a kind whose (model, maker) is a placeholder.
fn placeholders(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::Desktop => (425, 332),
        Kind::Notebook => (7, 7),
        Kind::AllInOne => (14, 14),
        Kind::Mini => (115, 115),
    }
}

fn system(dice: &mut Dice, kind: Kind) -> System {
    let (of_models, of_makers) = placeholders(kind);
    // One throw for both: who left the maker empty left the model empty too.
    let thrown = dice.below(1000);
    let (no_model, no_maker) = (thrown < of_models, thrown < of_makers);
    // Counted: 2.0 % of the desktops' boards, 0.9 % together with the system's model.
    let no_board = kind == Kind::Desktop && if no_model { dice.below(425) < 9 } else { dice.below(575) < 11 };
    let (maker, models) = *dice.pick(&MAKERS);
    let model = *dice.pick(&models);
    let filler = *dice.pick(&PLACEHOLDERS);
    let (board_maker, board) = *dice.pick(&BOARDS);
    let serial = dice.serial(10);
    let board_serial = dice.serial(15);
    let serial = if no_model { filler.to_owned() } else { serial };
    System {
        maker: name(if no_maker { filler } else { maker }),
        model: name(if no_model { filler } else { model }),
        version: None,
        family: None,
        sku: if dice.happens(585) { name("SKU") } else { name(&dice.serial(7)) },
        serial: SerialNumber::fact(&serial, Source::Smbios),
        uuid: Some(system_uuid(dice, no_model).fact(Source::Smbios)),
        chassis: Some(Chassis {
            kind: Some(Fact::new(chassis(dice, kind), Source::Smbios)),
            maker: None,
            serial: SerialNumber::fact(if no_model { "Default string" } else { &serial }, Source::Smbios),
            asset_tag: AssetTag::without_person_names("No Asset Tag").map(|tag| Fact::new(tag, Source::Smbios)),
            ..Chassis::default()
        }),
        baseboard: Some(Baseboard {
            maker: name(board_maker),
            model: name(if no_board { "To be filled by O.E.M." } else { board }),
            version: None,
            serial: SerialNumber::fact(if no_board { "Default string" } else { &board_serial }, Source::Smbios),
            ..Baseboard::default()
        }),
        firmware: Some(Firmware {
            maker: name("American Megatrends Inc."),
            version: name(&format!("F{}", 1 + dice.below(20))),
            date: name("05/17/2021"),
            secure_boot: Some(Fact::new(SecureBoot::Disabled, Source::Efi)),
        }),
        hypervisor: None,
        ..System::default()
    }
}

/// Boards whose maker filled in nothing share one UUID by the thousand.
fn system_uuid(dice: &mut Dice, unfilled: bool) -> SystemUuid {
    let own = (u128::from(dice.throw()) << 64) | u128::from(dice.throw());
    let shared = unfilled && dice.happens(300);
    SystemUuid::from_uuid(uuid::Uuid::from_u128(if shared {
        0x03000200_0400_0500_0006_000700080009
    } else {
        own
    }))
}

fn chassis(dice: &mut Dice, kind: Kind) -> ChassisKind {
    match kind {
        Kind::AllInOne if !dice.happens(73) => ChassisKind::AllInOne,
        Kind::Desktop | Kind::AllInOne => ChassisKind::Desktop,
        Kind::Notebook => ChassisKind::Notebook,
        Kind::Mini => ChassisKind::MiniPc,
    }
}

fn battery(dice: &mut Dice, kind: Kind) -> Battery {
    if kind != Kind::Notebook {
        return Battery::default();
    }
    let design = 38_000 + 1000 * dice.below(20);
    let left = design / 100 * (70 + dice.below(30));
    let energy = |value| Some(Fact::new(MilliwattHours::saturating(value), Source::SysfsPowerSupply));
    Battery {
        cells: vec![BatteryCell {
            name: "BAT0".parse().expect("a device's name"),
            maker: None,
            model: None,
            serial: SerialNumber::fact(&dice.serial(8), Source::SysfsPowerSupply),
            technology: None,
            design_capacity: energy(design),
            full_capacity: energy(left),
            wear: None,
            cycles: None,
        }],
    }
}

fn name(text: &str) -> Option<Fact<HardwareText>> {
    let trust = inventory_schema::placeholder::trust_of_name(text);
    HardwareText::observed(text).map(|text| Fact::with_trust(text, Source::Smbios, trust))
}

#[cfg(test)]
mod tests;
