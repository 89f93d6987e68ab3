//! XML of FusionInventory and OCS Inventory (`REQUEST/CONTENT`) as a document of GLPI's format.
//!
//! The newer format has the older one's names in small letters and lists for what is repeated; that is all the
//! translation there is. Sections that are of no use here or tell of persons are passed over unread. A DOCTYPE is
//! refused, so that there are no entities but XML's own five and characters by number.

use inventory_schema::glpi::Document;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

use super::Fault;

/// `REQUEST/CONTENT/SECTION/KEY/…`: the formats have four levels, and one more in places.
const MAX_DEPTH: usize = 16;
/// Elements that are kept: twenty thousand packages with fifteen keys each.
const MAX_ELEMENTS: usize = 300_000;

/// The sections that are read.
const SECTIONS: [&str; 20] = [
    "accesslog",
    "batteries",
    "bios",
    "cameras",
    "controllers",
    "cpus",
    "hardware",
    "inputs",
    "memories",
    "monitors",
    "networks",
    "operatingsystem",
    "printers",
    "softwares",
    "storages",
    "usbdevices",
    "versionclient",
    "versionprovider",
    "videos",
    "partial",
];

/// Sections of persons: that they were there is said, what they hold is passed over.
const OF_PERSONS: [&str; 8] = [
    "users",
    "local_users",
    "local_groups",
    "processes",
    "envs",
    "remote_mgmt",
    "licenseinfos",
    "accountinfo",
];

/// An element whose end has not come.
#[derive(Debug, Default)]
struct Open {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Open {
    fn value(self) -> Value {
        if self.children.is_empty() {
            Value::String(self.text)
        } else {
            Value::Object(self.children)
        }
    }

    /// What is repeated becomes a list.
    fn take(&mut self, child: Self) {
        let (name, value) = (child.name.clone(), child.value());
        match self.children.get_mut(&name) {
            None => {
                self.children.insert(name, value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

/// Reads the text of a file.
pub fn read(text: &str) -> Result<Document, Fault> {
    let root = tree(text)?;
    if !root.name.eq_ignore_ascii_case("request") {
        return Err(Fault::NotRequest);
    }
    // Values that a tree of text can have all fit: the document forgives every other.
    serde_json::from_value(root.value()).map_err(|_| Fault::NoContent)
}

fn tree(text: &str) -> Result<Open, Fault> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut elements = 0;
    loop {
        let position = reader.buffer_position();
        let broken = || Fault::BrokenXml { position };
        match reader.read_event().map_err(|_| broken())? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_lowercase();
                if is_passed_over(&open, &name) {
                    note_persons(&mut open, &name);
                    let end = start.to_end().into_owned();
                    reader.read_to_end(end.name()).map_err(|_| broken())?;
                    continue;
                }
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err(Fault::TooManyElements);
                }
                if open.len() >= MAX_DEPTH {
                    return Err(Fault::TooDeep);
                }
                open.push(Open { name, ..Open::default() });
            }
            Event::End(_) => {
                let closed = open.pop().ok_or_else(broken)?;
                match open.last_mut() {
                    Some(parent) => parent.take(closed),
                    None => return Ok(closed),
                }
            }
            // An element without content says nothing.
            Event::Empty(start) => {
                if open.is_empty() {
                    let name = start.local_name().as_ref().to_lowercase();
                    return Ok(Open { name, ..Open::default() });
                }
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(reference) => add_reference(&mut open, &reference),
            Event::DocType(_) => return Err(Fault::Doctype),
            Event::Eof => return Err(broken()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Directly below `CONTENT` only what is read is entered.
fn is_passed_over(open: &[Open], name: &str) -> bool {
    let in_content = open.len() == 2 && open.last().is_some_and(|parent| parent.name == "content");
    in_content && !SECTIONS.contains(&name)
}

fn note_persons(open: &mut [Open], name: &str) {
    if let (Some(content), true) = (open.last_mut(), OF_PERSONS.contains(&name)) {
        content.children.insert(name.to_owned(), Value::Bool(true));
    }
}

fn add(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// XML's own five and characters by number; what else is called by a name is left out.
fn add_reference(open: &mut [Open], reference: &BytesRef<'_>) {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        add(open, character.encode_utf8(&mut [0; 4]));
    } else if let Some(text) = resolve_predefined_entity(reference) {
        add(open, text);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use inventory_schema::glpi::{Origin, import};

    use super::*;

    /// A computer as FusionInventory describes it.
    pub const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8" ?>
<REQUEST>
  <CONTENT>
    <ACCESSLOG><LOGDATE>2026-09-01 08:00:00</LOGDATE></ACCESSLOG>
    <BIOS><SMANUFACTURER>Acme &amp; Sons</SMANUFACTURER><SMODEL>Board&#32;One</SMODEL><SSN>PF1ABCDE</SSN><MSN>L1HF7CB00A1</MSN></BIOS>
    <HARDWARE><NAME>kab-12-pc03</NAME><UUID>4C4C4544-0034-3010-8048-B6C04F503732</UUID><MEMORY>7822</MEMORY>
      <LASTLOGGEDUSER>zaharova</LASTLOGGEDUSER><OSNAME>Microsoft Windows 7</OSNAME><OSVERSION>6.1.7601</OSVERSION></HARDWARE>
    <CPUS><NAME>Intel(R) Core(TM) i3-3240</NAME><CORE>2</CORE><THREAD>4</THREAD><SPEED>3400</SPEED></CPUS>
    <MEMORIES><CAPACITY>4096</CAPACITY><CAPTION>DIMM_A1</CAPTION><SPEED>1600 MT/s</SPEED><TYPE>DDR3</TYPE><SERIALNUMBER>1A2B3C4D</SERIALNUMBER></MEMORIES>
    <MEMORIES><CAPACITY>4096</CAPACITY><CAPTION>DIMM_B1</CAPTION><SPEED>1600 MT/s</SPEED><TYPE>DDR3</TYPE><SERIALNUMBER>1A2B3C4E</SERIALNUMBER></MEMORIES>
    <STORAGES><NAME>sda</NAME><MODEL>WDC WD5000AAKX</MODEL><SERIALNUMBER>WD-WCC2E1234567</SERIALNUMBER><DISKSIZE>500107</DISKSIZE><INTERFACE>SATA</INTERFACE></STORAGES>
    <STORAGES><NAME>sr0</NAME><MODEL>DVD-RAM</MODEL><TYPE>cd</TYPE></STORAGES>
    <NETWORKS><DESCRIPTION>eth0</DESCRIPTION><MACADDR>00:E0:4C:68:01:DC</MACADDR><TYPE>ethernet</TYPE><PCIID>10EC:8168:1043:8505</PCIID><STATUS>Up</STATUS><VIRTUALDEV>0</VIRTUALDEV></NETWORKS>
    <SOFTWARES><NAME><![CDATA[LibreOffice <7>]]></NAME><VERSION>7.6</VERSION><FROM>registry</FROM></SOFTWARES>
    <USERS><LOGIN>zaharova</LOGIN></USERS>
    <PROCESSES><CMD>zaharova</CMD><PID>1</PID><USER>zaharova</USER></PROCESSES>
    <DRIVES><VOLUMN>/home/zaharova</VOLUMN></DRIVES>
    <VERSIONCLIENT>FusionInventory-Agent_v2.6</VERSIONCLIENT>
  </CONTENT>
  <DEVICEID>kab-12-pc03-2026-09-01-08-00-00</DEVICEID>
  <QUERY>INVENTORY</QUERY>
</REQUEST>"#;

    #[test]
    fn a_computer_is_read_and_persons_are_passed_over() {
        let stated = import(&read(SAMPLE).unwrap(), Origin::OcsXml).unwrap();
        let system = stated.sections.system.as_ref().unwrap();
        assert_eq!(system.maker.as_ref().unwrap().value.as_str(), "Acme & Sons");
        assert_eq!(system.model.as_ref().unwrap().value.as_str(), "Board One");
        let memory = stated.sections.memory.as_ref().unwrap();
        assert_eq!(memory.modules.len(), 2);
        assert_eq!(memory.installed.as_ref().unwrap().value.get(), 8 << 30);
        assert_eq!(stated.sections.storage.as_ref().unwrap().disks.len(), 1);
        let os = stated.sections.operating_system.as_ref().unwrap();
        assert_eq!(os.title.as_ref().unwrap().value.as_str(), "Microsoft Windows 7");
        let packages = &stated.sections.software.as_ref().unwrap().lists[0].packages;
        assert_eq!(packages[0].name.as_str(), "LibreOffice <7>");
        // Number, board, uuid, disk, address, two modules.
        assert_eq!(stated.evidence.items().len(), 7);
        assert_eq!(stated.stripped, ["users", "processes", "hardware.lastloggeduser"]);
        assert!(!serde_json::to_string(&stated).unwrap().contains("zaharova"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_reason() {
        let refused = |text: &str| read(text).unwrap_err();
        assert_eq!(refused("<REPLY><CONTENT/></REPLY>"), Fault::NotRequest);
        assert_eq!(
            refused("<!DOCTYPE x [<!ENTITY a 'b'>]><REQUEST>&a;</REQUEST>"),
            Fault::Doctype,
            "no entity is ever expanded"
        );
        assert!(matches!(refused("<REQUEST><CONTENT></REQUEST>"), Fault::BrokenXml { .. }));
        assert!(matches!(refused("<REQUEST><CONTENT>"), Fault::BrokenXml { .. }));
        assert_eq!(refused(&format!("<REQUEST>{}", "<A>".repeat(20))), Fault::TooDeep);
        let many = format!("<REQUEST><CONTENT>{}", "<BIOS></BIOS>".repeat(MAX_ELEMENTS));
        assert_eq!(refused(&many), Fault::TooManyElements);
    }

    #[test]
    fn unknown_entities_say_nothing() {
        let text = "<REQUEST><DEVICEID>a&b;c&#x41;</DEVICEID><CONTENT><BIOS><SSN>PF1ABCDE</SSN></BIOS></CONTENT></REQUEST>";
        let document = serde_json::to_value(read(text).unwrap()).unwrap();
        assert_eq!(document["deviceid"], "acA");
    }
}
