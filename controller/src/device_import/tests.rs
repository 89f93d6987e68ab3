use std::path::Path;

use inventory_schema::SectionName;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::signature::PublicKey;
use serde_json::{Value, json};

use super::*;
use crate::register::sample;
use crate::register_import;
use crate::store::device::{EvidenceLevel, NewDevice};
use crate::store::review::{CaseKind, ReviewCase};
use crate::store::{Page, Scope};

/// A computer as agents of GLPI's format describe it, with a person in every place where one may stand.
pub(super) const GLPI: &str = r#"{
  "action": "inventory",
  "deviceid": "ZAHAROVA-PC-2026-09-01-08-00-00",
  "itemtype": "Computer",
  "content": {
    "accesslog": { "logdate": "2026-09-01 08:00:00", "userid": "zaharova" },
    "accountinfo": { "keyname": "TAG", "keyvalue": "Захарова Мария Петровна" },
    "bios": { "ssn": "PF1ABCDE", "smanufacturer": "LENOVO", "smodel": "20L7", "msn": "L1HF7CB00A1", "assettag": "Ноутбук Захаровой" },
    "hardware": { "name": "zaharova-pc", "uuid": "4C4C4544-0034-3010-8048-B6C04F503732", "memory": 7800, "chassis_type": "Laptop",
      "lastloggeduser": "zaharova", "winowner": "Захарова М.П.", "wincompany": "ИП Захаров", "workgroup": "ZAHAROVA.LOCAL",
      "description": "стол Захаровой" },
    "users": [{ "login": "zaharova" }],
    "local_users": [{ "id": "1000", "login": "zaharova", "name": "Захарова Мария", "home": "/home/zaharova" }],
    "local_groups": [{ "id": "1000", "name": "zaharova", "member": ["zaharova"] }],
    "processes": [{ "cmd": "/usr/bin/firefox zaharova", "pid": 1, "user": "zaharova" }],
    "envs": [{ "key": "USER", "val": "zaharova" }],
    "remote_mgmt": [{ "id": "zaharova-anydesk", "type": "anydesk" }],
    "licenseinfos": [{ "name": "Office", "fullname": "Захарова", "key": "zaharova-key" }],
    "cpus": [{ "name": "Intel(R) Core(TM) i5-6200U", "core": 2, "thread": 4, "speed": 2300 }],
    "memories": [{ "capacity": 4096, "caption": "DIMM0", "speed": "1867", "type": "DDR4", "serialnumber": "12161217" }],
    "storages": [{ "name": "nvme0n1", "model": "PM951 NVMe SAMSUNG 256GB", "serial": "S29NNXAH146409", "disksize": 256060 }],
    "drives": [{ "volumn": "/home/zaharova", "label": "Захарова" }],
    "networks": [{ "description": "enp0s31f6", "mac": "00:e0:4c:68:01:db", "type": "ethernet", "pciid": "8086:15D8:17AA:2256",
      "wifi_ssid": "zaharova home" }],
    "printers": [{ "name": "Принтер Захаровой", "driver": "HP LaserJet 1020", "comment": "у Захаровой", "sharename": "zaharova" }],
    "usbdevices": [{ "vendorid": "05ac", "productid": "12a8", "caption": "Телефон Захаровой", "class": "6" }],
    "softwares": [{ "name": "LibreOffice", "version": "7.6.4", "from": "registry", "username": "zaharova", "userid": "zaharova-sid" }],
    "operatingsystem": { "full_name": "Microsoft Windows 10 Pro", "fqdn": "zaharova-pc.local", "ssh_key": "ssh-rsa zaharova" },
    "zaharova": "zaharova",
    "versionclient": "GLPI-Agent_v1.11"
  }
}"#;

struct Region {
    folder: tempfile::TempDir,
    store: Store,
    places: Vec<Place>,
}

fn now() -> Timestamp {
    "2026-09-02T06:00:00.000000Z".parse().unwrap()
}

impl Region {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("controller.sqlite").display());
        let store = Store::open(&url).await.unwrap();
        let preview = register_import::compare(&store, sample::perm_2020()).await.unwrap();
        register_import::apply(&store, &preview, "sample".to_owned(), now()).await.unwrap();
        let mut places = Vec::new();
        for ogrn in sample::perm_2020()
            .register
            .organizations
            .iter()
            .take(2)
            .map(|school| school.ogrn.clone())
        {
            let school = store.organization_by_ogrn(Scope::REGION, &ogrn).await.unwrap().unwrap();
            let building = store.buildings(Scope::REGION, school.external_id).await.unwrap().remove(0);
            let place = store.place(Scope::REGION, school.external_id, building.external_id, None).await;
            places.push(place.unwrap().unwrap());
        }
        Self { folder, store, places }
    }

    async fn import(&self, school: usize, file: &str) -> Result<(Outcome, DeviceId), Fault> {
        let stated = read::read(file.as_bytes())?;
        let place = &self.places[school];
        let plan = plan(&self.store, place, &kept_file_name("zaharova.json"), &stated).await.unwrap()?;
        let entry = |action, kind, subject: String| Entry::by_command_line(now(), action, kind, subject);
        let device = apply(&self.store, place, &plan, &entry, now()).await.unwrap()?;
        Ok((plan.outcome, device))
    }

    async fn devices(&self) -> i64 {
        let all = crate::store::device_list::DeviceFilter::default();
        self.store.devices(Scope::REGION, &all, Page::default()).await.unwrap().total
    }

    async fn cases(&self) -> Vec<ReviewCase> {
        self.store.cases(Scope::REGION, false, Page::default()).await.unwrap().rows
    }

    async fn entries(&self) -> i64 {
        self.store.activities(Scope::REGION, Page::default()).await.unwrap().total
    }

    /// A device whose agent read this hardware.
    async fn agent(&self, school: usize, evidence: &HardwareEvidence) -> (i64, DeviceId) {
        let place = &self.places[school];
        let device = NewDevice {
            external_id: DeviceId::generate(),
            organization_id: place.organization_id,
            building_id: place.building_id,
            room_id: None,
            key: a_key(),
            enrolled_at: now(),
            agent_version: None,
            receipt: None,
        };
        let id = self.store.insert_device(&device).await.unwrap();
        self.store.note_evidence(id, evidence, now()).await.unwrap();
        (id, device.external_id)
    }
}

/// A well-formed key that nobody holds.
fn a_key() -> PublicKey {
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    der.extend_from_slice(&[7; 64]);
    PublicKey::from_spki_der(&der).unwrap()
}

/// The sample with something else in it.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(GLPI).unwrap();
    change(&mut document);
    document.to_string()
}

#[tokio::test]
async fn no_person_reaches_the_database_file() {
    let region = Region::new().await;
    region.import(0, GLPI).await.unwrap();
    region.import(1, super::xml::tests::SAMPLE).await.unwrap();
    region.store.close().await;
    let mut looked_at = 0;
    for entry in std::fs::read_dir(region.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        looked_at += bytes.len();
        assert_person_free(&path, &bytes);
    }
    assert!(looked_at > 100_000);
}

/// Sections are kept compressed: they are looked at as they are read, besides.
fn assert_person_free(path: &Path, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for person in ["zaharov", "захаров", "anydesk", "петровн"] {
        assert!(!text.contains(person), "{person} is in {}", path.display());
    }
}

#[tokio::test]
async fn what_is_kept_names_its_source_and_no_person() {
    let region = Region::new().await;
    let (outcome, device) = region.import(0, GLPI).await.unwrap();
    assert_eq!(outcome, Outcome::New);
    let device = region.store.device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(device.evidence_level, EvidenceLevel::Stated);
    assert_eq!(device.summary.serial.as_deref(), Some("PF1ABCDE"));
    assert_eq!(device.summary.memory_bytes, Some(4 << 30));
    let sections = region.store.imported_sections(device.id).await.unwrap();
    assert_eq!(sections.len(), 8, "{sections:?}");
    for section in sections {
        let body = section.body.unwrap();
        assert_person_free(Path::new(section.section.as_str()), &body);
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("\"glpi\"") || section.section == SectionName::Software, "{text}");
    }
    assert!(region.store.current_sections(device.id).await.unwrap().is_empty());
    let told = region.store.imported_device(device.id).await.unwrap().unwrap();
    assert_eq!(told.telling.foreign_id, WITHHELD);
    assert_eq!(told.telling.file_name, WITHHELD);
    assert_eq!(told.telling.client.as_deref(), Some("GLPI-Agent_v1.11"));
}

#[tokio::test]
async fn a_repeated_file_changes_nothing_and_a_newer_one_what_it_states() {
    let region = Region::new().await;
    let (_, device) = region.import(0, GLPI).await.unwrap();
    let entries = region.entries().await;
    assert_eq!(region.import(0, GLPI).await.unwrap(), (Outcome::Unchanged, device));
    assert_eq!((region.devices().await, region.entries().await), (1, entries));

    let newer = changed(|document| {
        document["content"]["accesslog"]["logdate"] = json!("2026-10-01 08:00:00");
        document["content"]["memories"][0]["capacity"] = json!(8192);
        document["content"].as_object_mut().unwrap().remove("softwares");
    });
    assert_eq!(region.import(0, &newer).await.unwrap(), (Outcome::Changed, device));
    let id = region.store.device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(id.summary.memory_bytes, Some(8 << 30));
    let sections = region.store.imported_sections(id.id).await.unwrap();
    assert!(
        sections.iter().any(|section| section.section == SectionName::Software),
        "silence takes nothing away"
    );
    // The first file again, after the newer one: it looked at the computer earlier.
    assert_eq!(region.import(0, GLPI).await.unwrap(), (Outcome::Older, device));
    let after = region.store.device(Scope::REGION, device).await.unwrap().unwrap();
    assert_eq!(after.summary.memory_bytes, Some(8 << 30));
}

#[tokio::test]
async fn a_partial_file_is_for_a_known_computer() {
    let region = Region::new().await;
    let partial = changed(|document| {
        document["partial"] = json!(true);
        document["content"]["memories"][0]["capacity"] = json!(16384);
    });
    assert_eq!(region.import(0, &partial).await, Err(Fault::PartialOfUnknown));
    let (_, device) = region.import(0, GLPI).await.unwrap();
    assert_eq!(region.import(0, &partial).await.unwrap(), (Outcome::Changed, device));
}

#[tokio::test]
async fn one_name_of_two_computers_makes_two_devices() {
    let region = Region::new().await;
    let (_, first) = region.import(0, GLPI).await.unwrap();
    let clone = changed(|document| {
        document["content"]["bios"]["ssn"] = json!("PF2ZZZZZ");
        document["content"]["bios"]["msn"] = json!("L1HF8ZZZZZZ");
        document["content"]["hardware"]["uuid"] = json!("5C4C4544-0034-3010-8048-B6C04F503733");
        document["content"]["storages"][0]["serial"] = json!("S29NNXAH199999");
        document["content"]["networks"][0]["mac"] = json!("00:e0:4c:68:01:ff");
        document["content"]["memories"][0]["serialnumber"] = json!("99161217");
    });
    let (outcome, second) = region.import(0, &clone).await.unwrap();
    assert_eq!(outcome, Outcome::New);
    assert_ne!(first, second);
    assert_eq!(region.import(0, &clone).await.unwrap(), (Outcome::Unchanged, second));
    assert_eq!(region.import(0, GLPI).await.unwrap(), (Outcome::Unchanged, first));
    assert_eq!(region.cases().await, []);
}

#[tokio::test]
async fn a_double_is_offered_whoever_comes_first_and_never_joined() {
    let stated = read::read(GLPI.as_bytes()).unwrap();
    // The agent first, the file second.
    let region = Region::new().await;
    let (_, agent) = region.agent(0, &stated.evidence).await;
    let (outcome, told) = region.import(0, GLPI).await.unwrap();
    assert_eq!(outcome, Outcome::New);
    assert_ne!(agent, told);
    let cases = region.cases().await;
    assert_eq!(cases.len(), 1);
    assert_eq!(
        (cases[0].kind, cases[0].device, cases[0].other),
        (CaseKind::LikelyDouble, told, Some(agent))
    );
    region.import(0, GLPI).await.unwrap();
    assert_eq!(region.cases().await, cases, "seen again is no news");

    // The file first, the agent second.
    let region = Region::new().await;
    let (_, told) = region.import(0, GLPI).await.unwrap();
    let (id, agent) = region.agent(0, &stated.evidence).await;
    let neighbours = region.store.evidence_neighbours(&stated.evidence.items()).await.unwrap();
    assert_eq!(neighbours.candidates.len(), 1, "a told record is never taken for a device");
    let spoken = crate::device::stated::Spoken {
        id,
        external_id: agent,
        organization_id: region.places[0].organization_id,
    };
    crate::device::stated::compare_spoken(&region.store, spoken, &stated.evidence, now())
        .await
        .unwrap();
    let cases = region.cases().await;
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].device, cases[0].other), (told, Some(agent)));
}

#[tokio::test]
async fn files_of_two_schools_about_one_computer_are_a_question_too() {
    let region = Region::new().await;
    let (_, first) = region.import(0, GLPI).await.unwrap();
    let (outcome, second) = region.import(1, GLPI).await.unwrap();
    assert_eq!(outcome, Outcome::New);
    let cases = region.cases().await;
    assert_eq!(cases.len(), 1);
    assert_eq!(
        (cases[0].kind, cases[0].device, cases[0].other),
        (CaseKind::Move, second, Some(first))
    );
    region.import(0, GLPI).await.unwrap();
    assert_eq!(region.cases().await.len(), 1);
}

#[tokio::test]
async fn an_agents_facts_stay_as_they_are() {
    let region = Region::new().await;
    let stated = read::read(GLPI.as_bytes()).unwrap();
    let (id, agent) = region.agent(0, &stated.evidence).await;
    let before = region.store.device(Scope::REGION, agent).await.unwrap().unwrap();
    let evidence = region.store.evidence(id).await.unwrap();
    region.import(0, GLPI).await.unwrap();
    assert_eq!(region.store.device(Scope::REGION, agent).await.unwrap().unwrap(), before);
    assert_eq!(region.store.evidence(id).await.unwrap(), evidence);
}
