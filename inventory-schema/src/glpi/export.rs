//! An inventory of ours as a document of GLPI's.
//!
//! Fillers of makers stand in none of the format's keys, because whoever reads them would believe them; they are
//! listed in `content.cos`, with what could not be read and what the format has no place for. Addresses of the network,
//! users and processes are not exported because they are not known. Times of the format have no zone and are not needed.

mod parts;
mod system;
mod words;

use serde_json::{Map, Value, json};

use super::content::{Content, Document, VersionProvider};
use super::lenient::{One, Ours, Text};
use crate::canonical::Digest;
use crate::device::{Fact, WITHHELD};
use crate::inventory::{Inventory, Sections};
use crate::section::{Section, SectionContent};

pub use words::chassis_kind;

/// The document, which names the computer by `deviceid`: the same for the same computer each time.
pub fn export(inventory: &Inventory) -> Document {
    let sections = &inventory.sections;
    let mut ours = Extras::default();
    let system = sections.system.content();
    let operating_system = sections.operating_system.content();
    let content = Content {
        bios: system.and_then(|system| unless_empty(system::bios(system, &mut ours))),
        hardware: unless_empty(system::hardware(sections, &mut ours)),
        operatingsystem: operating_system.and_then(|system| unless_empty(system::operating_system(system))),
        softwares: sections.software.content().and_then(system::softwares),
        cpus: sections
            .processor
            .content()
            .and_then(|processors| parts::cpus(processors, operating_system)),
        memories: sections.memory.content().and_then(|memory| parts::memories(memory, &mut ours)),
        storages: sections.storage.content().and_then(|storage| parts::storages(storage, &mut ours)),
        monitors: sections.display.content().and_then(|display| parts::monitors(display, &mut ours)),
        videos: sections.display.content().and_then(parts::videos),
        controllers: sections.display.content().and_then(parts::controllers),
        networks: sections.network.content().and_then(parts::networks),
        batteries: sections.battery.content().and_then(|battery| parts::batteries(battery, &mut ours)),
        printers: sections.peripherals.content().and_then(parts::printers),
        usbdevices: sections.peripherals.content().and_then(parts::usb_devices),
        cameras: sections.peripherals.content().and_then(parts::cameras),
        inputs: sections.peripherals.content().and_then(parts::inputs),
        versionclient: Some(Text::new(format!("cos-agent_v{}", inventory.agent))),
        versionprovider: Some(One(VersionProvider {
            name: Some(Text::new("cos-agent")),
            version: Some(Text::new(inventory.agent.as_str())),
        })),
        cos: Some(ours.into_value(sections)),
        ..Content::default()
    };
    Document {
        action: Some(Text::new("inventory")),
        itemtype: Some(Text::new("Computer")),
        deviceid: Some(Text::new(device_id(sections))),
        content: Some(One(content)),
        ..Document::default()
    }
}

/// An object without a key says nothing.
fn unless_empty<T: Default + PartialEq>(object: T) -> Option<One<T>> {
    (object != T::default()).then_some(One(object))
}

/// A name that is made of what the computer is known by, so that the same computer has the same one each time and a
/// copy of its disk has another: of firmware's numbers, else of disks and cards, else of its host name.
fn device_id(sections: &Sections) -> String {
    let evidence = crate::inventory::evidence::of(sections);
    let firmware = crate::enrollment::HardwareEvidence {
        disk_serials: Vec::new(),
        addresses: Vec::new(),
        memory_serials: Vec::new(),
        ..evidence.clone()
    };
    let host = sections.operating_system.content().and_then(|system| system.host_name.as_ref());
    let named = firmware
        .digest()
        .or_else(|| evidence.digest())
        .or_else(|| host.map(|name| Digest::of(name.value.as_str().as_bytes())));
    named.map_or_else(
        || "cos-unidentified".to_owned(),
        |digest| {
            let hex = digest.to_string();
            format!("cos-{}", hex.chars().skip("sha256:".len()).take(32).collect::<String>())
        },
    )
}

/// What is collected for `content.cos` while the format's own keys are written.
#[derive(Debug, Default)]
struct Extras {
    fillers: Vec<Value>,
    more: Map<String, Value>,
}

impl Extras {
    /// The text of a fact for a key of the format; a filler is noted under `key` and not written.
    fn plausible<T: ToString>(&mut self, key: &str, fact: Option<&Fact<T>>) -> Option<Text> {
        let fact = fact?;
        let text = fact.value.to_string();
        if text == WITHHELD {
            return None;
        }
        if fact.trust.is_plausible() {
            return Some(Text::new(text));
        }
        self.fillers.push(json!({ "key": key, "value": text, "trust": fact.trust }));
        None
    }

    fn put(&mut self, name: &str, value: Value) {
        self.more.insert(name.to_owned(), value);
    }

    fn into_value(mut self, sections: &Sections) -> Ours {
        self.put("format", json!("cos_glpi/1"));
        let problems = problems(sections);
        if !problems.is_empty() {
            self.put("not_read", Value::Array(problems));
        }
        if !self.fillers.is_empty() {
            let fillers = std::mem::take(&mut self.fillers);
            self.put("fillers", Value::Array(fillers));
        }
        Ours(Value::Object(self.more))
    }
}

/// What could not be read, so that a missing key is not taken for a missing part.
fn problems(sections: &Sections) -> Vec<Value> {
    fn of<T: SectionContent>(section: &Section<T>) -> impl Iterator<Item = Value> {
        section
            .problems()
            .iter()
            .map(|problem| json!({ "section": T::NAME, "source": problem.source, "failure": problem.failure }))
    }
    let mut problems: Vec<Value> = Vec::new();
    problems.extend(of(&sections.system));
    problems.extend(of(&sections.processor));
    problems.extend(of(&sections.memory));
    problems.extend(of(&sections.storage));
    problems.extend(of(&sections.display));
    problems.extend(of(&sections.network));
    problems.extend(of(&sections.operating_system));
    problems.extend(of(&sections.battery));
    problems.extend(of(&sections.peripherals));
    problems.extend(of(&sections.software));
    problems.dedup();
    problems
}
