use super::*;

fn usb(serial: Option<&str>, id: Option<&str>, interfaces: &[[u8; 3]]) -> RawUsb {
    RawUsb {
        vendor: "03f0".into(),
        product: "042a".into(),
        maker: Some("Hewlett-Packard".into()),
        model: Some("HP LaserJet M1132 MFP".into()),
        serial: serial.map(str::to_owned),
        interfaces: interfaces.to_vec(),
        ieee1284: id.map(str::to_owned),
        ..RawUsb::default()
    }
}

fn listed(configuration: &str, devices: &[RawUsb]) -> Vec<Listed> {
    printers(&queues(configuration), &|_| Description::default(), devices)
}

#[test]
fn printers_are_named_without_persons_and_logins() {
    let configuration = "# Printer configuration\n<DefaultPrinter MFU-2>\nDeviceURI usb://HP/LaserJet%20M1132%20MFP?serial=000C12&interface=1\nMakeModel HP LaserJet M1132 MFP\n</DefaultPrinter>\n<Printer Printer_Ivanova>\nDeviceURI smb://login:word@host/q?serial=1\n</Printer>\n<Printer cut";
    let printers = listed(configuration, &[]);
    assert_eq!(printers.len(), 2);
    let first = &printers[0].printer;
    assert_eq!(first.name.as_str(), "MFU-2");
    assert_eq!(first.model.as_ref().unwrap().as_str(), "HP LaserJet M1132 MFP");
    assert_eq!(first.serial.as_ref().unwrap().as_str(), "000C12");
    assert_eq!(first.kind, Some(PrinterKind::Multifunction));
    let second = &printers[1].printer;
    assert_eq!((second.name.as_str(), &second.serial), ("withheld", &None));
    assert_eq!(second.connection, Some(PrinterConnection::Shared));
}

#[test]
fn a_printer_seen_on_usb_and_by_its_queue_is_one() {
    let configuration = "<Printer Klass>\nDeviceURI usb://HP/LaserJet%20M1132%20MFP?serial=000C12\n</Printer>\n<Printer Klass_dvustoronnyaya>\nDeviceURI usb://HP/LaserJet%20M1132%20MFP?serial=000C12\n</Printer>\n";
    let found = listed(configuration, &[usb(Some("000C12"), None, &[[7, 1, 2]])]);
    assert_eq!(found.len(), 1);
    let printer = &found[0].printer;
    assert_eq!((printer.name.as_str(), printer.source), ("Klass", Source::Cups));
    assert_eq!(printer.hardware_id.as_ref().unwrap().as_str(), "03f0:042a");
    // Two of one model are two.
    let two = listed(
        configuration,
        &[usb(Some("000C12"), None, &[[7, 1, 2]]), usb(Some("000C13"), None, &[[7, 1, 2]])],
    );
    assert_eq!(two.len(), 2);
    // A queue without a number is known by the model.
    let unnumbered = "<Printer Klass>\nDeviceURI usb://Hewlett-Packard/HP%20LaserJet%20M1132%20MFP\n</Printer>\n";
    let found = listed(unnumbered, &[usb(Some("000C12"), None, &[[7, 1, 2]])]);
    assert_eq!((found.len(), found[0].printer.serial.as_ref().unwrap().as_str()), (1, "000C12"));
}

#[test]
fn a_printer_without_a_queue_says_itself_who_it_is() {
    let id = "MFG:Pantum;CMD:DW-PS,DW-PCL,URF;MDL:M6500W series;CLS:PRINTER;SN:CK1A;";
    let found = listed("", &[usb(None, Some(id), &[[7, 1, 2], [0xff, 0, 0]])]);
    let printer = &found[0].printer;
    assert_eq!((printer.name.as_str(), printer.source), ("Pantum M6500W series", Source::SysfsUsb));
    assert_eq!(
        (printer.serial.as_ref().unwrap().as_str(), printer.kind),
        ("CK1A", Some(PrinterKind::Multifunction))
    );
    assert_eq!(printer.maker.as_ref().unwrap().as_str(), "Pantum");
    assert!(listed("", &[usb(None, None, &[[8, 6, 80]])]).is_empty(), "a stick");
}

#[test]
fn printers_in_the_network_are_one_for_each_host() {
    let configuration = "<Printer A4>\nDeviceURI socket://10.0.0.5:9100\nMakeModel Kyocera ECOSYS M2040dn\n</Printer>\n<Printer A5>\nDeviceURI ipp://10.0.0.5/ipp/print\nMakeModel Kyocera ECOSYS M2040dn, driverless\n</Printer>\n<Printer Raw>\nDeviceURI lpd://10.0.0.6/q\nMakeModel Local Raw Printer\n</Printer>\n";
    let found = listed(configuration, &[]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].host.as_deref(), Some("10.0.0.5"));
    assert_eq!(found[0].printer.kind, Some(PrinterKind::Multifunction));
    assert_eq!(
        (found[1].printer.kind, found[1].printer.connection),
        (None, Some(PrinterConnection::Network))
    );
}

#[test]
fn a_drivers_description_completes_the_queue() {
    let ppd = "*PPD-Adobe: \"4.3\"\n*ModelName: \"Xerox WorkCentre 3025\"\n*NickName: \"Xerox WorkCentre 3025, 1.0\"\n*1284DeviceID: \"MFG:Xerox;MDL:WorkCentre 3025;CLS:PRINTER;\"\n*cupsFax: True\n";
    let description = Description::read(ppd);
    assert!(description.faxes);
    assert_eq!(description.model.as_deref(), Some("Xerox WorkCentre 3025"));
    let queue = queues("<Printer Q>\nDeviceURI socket://10.0.0.7\n</Printer>\n");
    let found = printers(
        &queue,
        &|name| if name == "Q" { description.clone() } else { Description::default() },
        &[],
    );
    let printer = &found[0].printer;
    assert_eq!(printer.model.as_ref().unwrap().as_str(), "Xerox WorkCentre 3025");
    assert_eq!(
        (printer.maker.as_ref().unwrap().as_str(), printer.kind),
        ("Xerox", Some(PrinterKind::Multifunction))
    );
}
