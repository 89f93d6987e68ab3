use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Inventory;
use crate::device::Source;
use crate::inventory::evidence;

fn samples() -> Vec<(&'static str, Inventory)> {
    let read = |text: &str| serde_json::from_str(text).unwrap();
    vec![
        ("whole", read(include_str!("../../examples/inventory-1.json"))),
        ("parts", read(include_str!("../../examples/inventory-1-parts.json"))),
        ("firmware", read(include_str!("../../examples/inventory-1-firmware.json"))),
        ("sparse", read(include_str!("../../examples/inventory-1-sparse.json"))),
    ]
}

fn read(document: &Value) -> Result<Stated, NotImportable> {
    import(&serde_json::from_value(document.clone()).unwrap(), Origin::Glpi)
}

#[test]
fn what_we_write_we_read_and_know_the_computer_by_it() {
    for (name, inventory) in samples() {
        let document = serde_json::to_value(export(&inventory)).unwrap();
        let root: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(root, ["action", "content", "deviceid", "itemtype"], "{name}");
        let Ok(stated) = read(&document) else {
            assert_eq!(name, "sparse");
            continue;
        };
        let (before, after) = (evidence::of(&inventory.sections), &stated.evidence);
        assert_eq!(after.system_uuid, before.system_uuid, "{name}");
        assert_eq!(after.system_serial, before.system_serial, "{name}");
        assert_eq!(after.board_serial, before.board_serial, "{name}");
        assert_eq!(after.memory_serials, before.memory_serials, "{name}");
        assert!(
            after.disk_serials.iter().all(|serial| before.disk_serials.contains(serial)),
            "{name}"
        );
        assert!(after.addresses.iter().all(|address| before.addresses.contains(address)), "{name}");
        for (section, _) in stated.sections.bodies().unwrap() {
            let text = section.understood().to_string();
            assert!(!text.contains("\"smbios\"") && !text.contains("\"sysfs_"), "{name}: {text}");
        }
        assert_eq!(read(&document).unwrap(), stated, "{name}");
    }
}

#[test]
fn the_same_computer_has_the_same_name_and_another_has_another() {
    let mut names = std::collections::BTreeSet::new();
    for (_, inventory) in samples() {
        let name = |inventory: &Inventory| export(inventory).deviceid.unwrap().as_str().to_owned();
        assert_eq!(name(&inventory), name(&inventory.clone()));
        assert!(name(&inventory).starts_with("cos-"));
        names.insert(name(&inventory));
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn fillers_stand_in_no_key_of_the_format_and_are_listed() {
    let mut inventory = samples().remove(0).1;
    if let crate::Section::Read(system) | crate::Section::Partial { content: system, .. } = &mut inventory.sections.system {
        system.serial = crate::device::SerialNumber::fact("To be filled by O.E.M.", Source::Smbios);
    }
    let document = serde_json::to_value(export(&inventory)).unwrap();
    assert_eq!(document["content"]["bios"].get("ssn"), None);
    let fillers = document["content"]["cos"]["fillers"].as_array().unwrap();
    assert!(
        fillers
            .iter()
            .any(|filler| filler["key"] == "bios.ssn" && filler["value"] == "To be filled by O.E.M."),
        "{fillers:?}"
    );
}

/// A computer as agents of the format describe it, with a person in every place where one may stand.
pub(crate) fn with_persons() -> Value {
    json!({
        "action": "inventory",
        "deviceid": "IVANOVA-PC-2026-09-01-08-00-00",
        "itemtype": "Computer",
        "content": {
            "accesslog": { "logdate": "2026-09-01 08:00:00", "userid": "zaharova" },
            "accountinfo": { "keyname": "TAG", "keyvalue": "Захарова Мария Петровна" },
            "bios": { "ssn": "PF1ABCDE", "smanufacturer": "LENOVO", "smodel": "20L7", "msn": "L1HF7CB00A1",
                      "assettag": "Ноутбук Захаровой", "bdate": "2019-02-11" },
            "hardware": { "name": "zaharova-pc", "uuid": "4C4C4544-0034-3010-8048-B6C04F503732", "memory": 7800,
                          "lastloggeduser": "zaharova", "datelastloggeduser": "Fri Jun 12", "winowner": "Захарова М.П.",
                          "wincompany": "ИП Захаров", "workgroup": "ZAHAROVA.LOCAL", "description": "стол Захаровой",
                          "chassis_type": "Laptop", "vmsystem": "Physical" },
            "users": [{ "login": "zaharova" }],
            "local_users": [{ "id": "1000", "login": "zaharova", "name": "Захарова Мария", "home": "/home/zaharova" }],
            "local_groups": [{ "id": "1000", "name": "zaharova", "member": ["zaharova"] }],
            "processes": [{ "cmd": "/usr/bin/firefox zaharova", "pid": 1, "user": "zaharova" }],
            "envs": [{ "key": "USER", "val": "zaharova" }],
            "remote_mgmt": [{ "id": "zaharova-anydesk", "type": "anydesk" }],
            "cpus": [{ "name": "Intel(R) Core(TM) i5-6200U CPU @ 2.30GHz", "core": 2, "thread": 4, "speed": 2300 }],
            "memories": [{ "capacity": 4096, "caption": "DIMM0", "speed": "1867 MT/s", "type": "DDR4",
                           "serialnumber": "12161217", "numslots": 1 },
                         { "caption": "DIMM1", "numslots": 2 }],
            "storages": [{ "name": "nvme0n1", "model": "PM951 NVMe SAMSUNG 256GB", "serial": "S29NNXAH146409", "disksize": 256060 }],
            "networks": [{ "description": "enp0s31f6", "mac": "00:e0:4c:68:01:db", "type": "ethernet", "virtualdev": false,
                           "pciid": "8086:15D8:17AA:2256", "speed": "1000", "wifi_ssid": "Zaharova home" },
                         { "description": "enp0s31f6", "mac": "00:E0:4C:68:01:DB", "type": "ethernet", "pciid": "8086:15D8:17AA:2256" },
                         { "description": "lo", "type": "loopback", "mac": "00:00:00:00:00:00" }],
            "printers": [{ "name": "Принтер Захаровой", "description": "zaharova", "driver": "HP LaserJet 1020", "comment": "у Захаровой",
                           "sharename": "zaharova" }],
            "usbdevices": [{ "vendorid": "05ac", "productid": "12a8", "caption": "Телефон Захаровой", "class": "6" }],
            "softwares": [{ "name": "LibreOffice 7.6", "version": "7.6.4", "from": "registry", "username": "zaharova", "userid": "S-1-5-21" }],
            "operatingsystem": { "full_name": "Microsoft Windows 10 Pro", "name": "Windows", "fqdn": "zaharova-pc.local",
                                 "ssh_key": "ssh-rsa AAAA zaharova", "arch": "x86_64", "kernel_version": "10.0.19045" },
            "monitors": [{ "base64": "AP///////wBNEEkUAAAAACAZAQSlHRF4Dt5Qo1RMmSYPUFQAAAABAQEBAQEBAQEBAQEBAQEBGjaAoHA4H0AwIDUAJqUQAAAYAAAAEAAAAAAAAAAAAAAAAAAAAAAA/gBESkNQNoBMUTEzM00xAAAAAAACQQMoABIAAAsBCiAgAGY=",
                           "caption": "DJCP6", "serial": "ABH55D" }],
            "versionclient": "GLPI-Agent_v1.11"
        }
    })
}

#[test]
fn no_person_is_left_in_what_is_kept() {
    let stated = read(&with_persons()).unwrap();
    let kept = serde_json::to_string(&stated).unwrap().to_lowercase();
    for person in ["zaharov", "захаров", "ivanova", "s-1-5-21", "anydesk"] {
        assert!(!kept.contains(person), "{person}: {kept}");
    }
    assert_eq!(stated.foreign_id.as_str(), crate::device::WITHHELD);
    for key in [
        "users",
        "processes",
        "envs",
        "local_users",
        "hardware.winowner",
        "softwares.username",
    ] {
        assert!(stated.stripped.iter().any(|stripped| stripped == key), "{key}");
    }
}

#[test]
fn the_rest_is_kept_with_its_source() {
    let stated = read(&with_persons()).unwrap();
    let sections = &stated.sections;
    let system = sections.system.as_ref().unwrap();
    assert_eq!(system.serial.as_ref().unwrap().source, Source::Glpi);
    assert_eq!(system.serial.as_ref().unwrap().value.as_str(), "PF1ABCDE");
    assert_eq!(system.hypervisor, None);
    let memory = sections.memory.as_ref().unwrap();
    assert_eq!(memory.modules.len(), 1);
    assert_eq!(memory.modules[0].speed.as_ref().unwrap().value.get(), 1867);
    assert_eq!(memory.empty_slots.len(), 1);
    assert_eq!(sections.network.as_ref().unwrap().cards.len(), 1);
    let screen = &sections.display.as_ref().unwrap().monitors[0];
    assert_eq!(screen.maker.as_ref().unwrap().value.as_str(), "SHP");
    assert_eq!(screen.made_in_year.as_ref().unwrap().value.get(), 2015);
    assert!(screen.edid_bytes.is_some());
    let items = stated.evidence.items();
    assert_eq!(items.len(), 6, "{items:?}");
    assert_eq!(stated.looked_at.unwrap().as_str(), "2026-09-01T08:00:00");
}

#[test]
fn what_is_no_computers_inventory_is_refused_with_its_reason() {
    let refused = |document: Value| read(&document).unwrap_err();
    assert_eq!(refused(json!({})), NotImportable::NoDeviceId);
    assert_eq!(refused(json!({ "deviceid": " ", "content": {} })), NotImportable::NoDeviceId);
    assert_eq!(refused(json!({ "deviceid": "x" })), NotImportable::NoContent);
    assert_eq!(refused(json!({ "deviceid": "x", "content": [] })), NotImportable::StatesNothing);
    assert_eq!(
        refused(json!({ "deviceid": "x", "content": { "versionclient": "y" } })),
        NotImportable::StatesNothing
    );
    assert!(matches!(
        refused(json!({ "deviceid": "x", "itemtype": "Printer", "content": {} })),
        NotImportable::NotAComputer { .. }
    ));
    assert!(matches!(
        refused(json!({ "deviceid": "x", "action": "netdiscovery", "content": {} })),
        NotImportable::NotAnInventory { .. }
    ));
}

/// JSON with the format's keys in places where they belong and where they do not.
fn some_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("content".to_owned()),
        Just("bios".to_owned()),
        Just("memories".to_owned()),
        Just("networks".to_owned()),
        Just("monitors".to_owned()),
        Just("storages".to_owned()),
        Just("softwares".to_owned()),
        Just("batteries".to_owned()),
        Just("name".to_owned()),
        Just("capacity".to_owned()),
        Just("mac".to_owned()),
        Just("base64".to_owned()),
        Just("pnpdeviceid".to_owned()),
        Just("speed".to_owned()),
        "[a-z_]{1,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "(PCI.VEN_|[0-9a-f]{4}:)\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn any_content_is_read_or_refused(content in some_json()) {
        let document = json!({ "deviceid": "x", "content": content });
        let read = serde_json::from_value::<Document>(document).ok().and_then(|document| import(&document, Origin::OcsXml).ok());
        for (section, body) in read.iter().flat_map(|stated| stated.sections.bodies().unwrap()) {
            // What is kept is what the strict door of the types lets in.
            prop_assert_eq!(crate::inventory::AnySection::read(body.name, body.bytes.as_bytes()).unwrap(), section);
        }
    }
}
