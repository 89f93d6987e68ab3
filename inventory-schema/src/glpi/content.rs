//! The format's objects with the keys that we write or read; all keys may be missing.
//!
//! A key that another system writes and we have no use for is not here and is passed over. Those of persons are
//! [`Present`]: that they were there is known, what they said is not.

use serde::{Deserialize, Serialize};

use super::lenient::{Flag, Items, One, Ours, Present, Text, Whole};

/// More packages than any computer has.
pub const MAX_PACKAGES: usize = 20_000;

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$line])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }
    };
}

object!(/// The whole file. The format allows no other key at this place.
Document {
    action: Text,
    content: One<Content>,
    deviceid: Text,
    itemtype: Text,
    partial: Flag,
    tag: Text,
    /// How agents before GLPI's own say what they send: `INVENTORY`.
    query: Text,
});

object!(Content {
    accesslog: One<AccessLog>,
    batteries: Items<Battery>,
    bios: One<Bios>,
    cameras: Items<Camera>,
    controllers: Items<Controller>,
    /// What we know and the format has no place for.
    cos: Ours,
    cpus: Items<Cpu>,
    hardware: One<Hardware>,
    inputs: Items<Input>,
    memories: Items<Memory>,
    monitors: Items<Monitor>,
    networks: Items<Network>,
    operatingsystem: One<OperatingSystem>,
    printers: Items<Printer>,
    softwares: Items<Software, MAX_PACKAGES>,
    storages: Items<Storage>,
    usbdevices: Items<UsbDevice>,
    versionclient: Text,
    versionprovider: One<VersionProvider>,
    videos: Items<Video>,
    users: Present,
    local_users: Present,
    local_groups: Present,
    processes: Present,
    envs: Present,
    remote_mgmt: Present,
    licenseinfos: Present,
    accountinfo: Present,
});

object!(AccessLog {
    logdate: Text,
    userid: Present,
});

object!(Battery {
    capacity: Whole,
    chemistry: Text,
    manufacturer: Text,
    name: Text,
    real_capacity: Whole,
    serial: Text,
});

object!(Bios {
    assettag: Text,
    bdate: Text,
    biosserial: Text,
    bmanufacturer: Text,
    bversion: Text,
    enclosureserial: Text,
    mmanufacturer: Text,
    mmodel: Text,
    msn: Text,
    secure_boot: Text,
    skunumber: Text,
    smanufacturer: Text,
    smodel: Text,
    ssn: Text,
});

object!(Camera {
    designation: Text,
    manufacturer: Text,
    model: Text,
});

object!(Controller {
    caption: Text,
    driver: Text,
    name: Text,
    pciclass: Text,
    productid: Text,
    r#type: Text,
    vendorid: Text,
});

object!(Cpu {
    arch: Text,
    core: Whole,
    manufacturer: Text,
    name: Text,
    speed: Whole,
    thread: Whole,
    /// OCS calls the name so.
    r#type: Text,
    /// OCS writes the cores so.
    cores: Whole,
    logical_cpus: Whole,
});

object!(Hardware {
    chassis_type: Text,
    memory: Whole,
    name: Text,
    uuid: Text,
    vmsystem: Text,
    /// What OCS knows of the system stands here.
    osname: Text,
    osversion: Text,
    processort: Text,
    lastloggeduser: Present,
    datelastloggeduser: Present,
    userid: Present,
    userdomain: Present,
    lastdate: Present,
    winowner: Present,
    wincompany: Present,
    winprodid: Present,
    winprodkey: Present,
    workgroup: Present,
    description: Present,
    ipaddr: Present,
});

object!(Input {
    caption: Text,
    description: Text,
    r#type: Text,
});

object!(Memory {
    capacity: Whole,
    caption: Text,
    description: Text,
    formfactor: Text,
    manufacturer: Text,
    model: Text,
    numslots: Whole,
    serialnumber: Text,
    speed: Text,
    r#type: Text,
});

object!(Monitor {
    altserial: Text,
    base64: Text,
    caption: Text,
    description: Text,
    manufacturer: Text,
    name: Text,
    serial: Text,
});

object!(Network {
    description: Text,
    driver: Text,
    mac: Text,
    /// The older agents' name of `mac`.
    macaddr: Text,
    pciid: Text,
    pnpdeviceid: Text,
    speed: Text,
    status: Text,
    r#type: Text,
    virtualdev: Flag,
});

object!(OperatingSystem {
    arch: Text,
    full_name: Text,
    kernel_name: Text,
    kernel_version: Text,
    name: Text,
    version: Text,
    ssh_key: Present,
    fqdn: Present,
    dns_domain: Present,
    hostid: Present,
});

object!(Printer {
    description: Text,
    driver: Text,
    name: Text,
    network: Flag,
    serial: Text,
    shared: Flag,
    comment: Present,
    servername: Present,
    sharename: Present,
});

object!(Software {
    arch: Text,
    from: Text,
    name: Text,
    version: Text,
    username: Present,
    userid: Present,
});

object!(Storage {
    description: Text,
    disksize: Whole,
    firmware: Text,
    interface: Text,
    manufacturer: Text,
    model: Text,
    name: Text,
    serial: Text,
    /// The older agents' name of `serial`.
    serialnumber: Text,
    r#type: Text,
    wwn: Text,
});

object!(UsbDevice {
    caption: Text,
    class: Text,
    manufacturer: Text,
    name: Text,
    productid: Text,
    serial: Text,
    vendorid: Text,
});

object!(VersionProvider { name: Text, version: Text });

object!(Video {
    chipset: Text,
    memory: Whole,
    name: Text,
});
