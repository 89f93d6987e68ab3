//! Hand-made samples for each reader: the corpus from which fuzzing grows.
//!
//! Made by code, so that no stranger's machine is in them. Documents are the project's own published samples.

const BLOCK: usize = 128;

/// Sets the last byte of each block of 128 so that the block sums to zero.
pub fn mend_edid(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(BLOCK) {
        let sum = block[..BLOCK - 1].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        block[BLOCK - 1] = sum.wrapping_neg();
    }
}

/// A base block, the same with CTA-861 and DisplayID behind it, a repeated half, and DisplayID alone.
pub fn edid() -> Vec<Vec<u8>> {
    let base = |extensions: u8| {
        let mut block = vec![0; BLOCK];
        block[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        block[8..20].copy_from_slice(&[0x04, 0x43, 0x34, 0x12, 1, 1, 1, 1, 27, 31, 1, 4]);
        block[20..23].copy_from_slice(&[0x80, 60, 34]);
        let timing = [
            0x02, 0x3a, 0x80, 0x18, 0x71, 0x38, 0x2d, 0x40, 0x58, 0x2c, 0x45, 0, 0x56, 0x50, 0x21, 0, 0, 0x9e,
        ];
        block[54..72].copy_from_slice(&timing);
        for (place, tag, text) in [
            (72, 0xfc, b"PANEL 65\n    "),
            (90, 0xfe, b"K026T\x80B156HW1"),
            (108, 0xff, b"0000000000001"),
        ] {
            block[place..place + 5].copy_from_slice(&[0, 0, 0, tag, 0]);
            block[place + 5..place + 18].copy_from_slice(text);
        }
        block[126] = extensions;
        block
    };
    let mut cta = vec![0; BLOCK];
    cta[..4].copy_from_slice(&[2, 3, 14, 0x40]);
    cta[4..14].copy_from_slice(&[0x65, 0x03, 0x0c, 0, 0x10, 0, 0x23, 9, 7, 7]);
    cta[14..32].copy_from_slice(&base(0)[54..72]);
    let mut extension = vec![0x70];
    extension.extend(display_id());
    extension.resize(BLOCK, 0);
    let whole = [base(2), cta.clone(), extension].concat();
    let half = [base(1), cta].concat();
    let mut samples = vec![base(0), whole, [half.clone(), half].concat(), [base(0), vec![0xee]].concat()];
    samples.iter_mut().for_each(|sample| mend_edid(sample));
    samples.push(display_id());
    samples
}

/// A section of version 2: product, parameters, a timing of type VII, a serial number.
fn display_id() -> Vec<u8> {
    let mut data = Vec::new();
    let mut block = |kind: u8, payload: &[u8]| data.extend([&[kind, 0, payload.len() as u8], payload].concat());
    block(0x20, b"\x00\x0c\x03\x01\x00\x07\x00\x00\x00\x09\x18\x08PANEL 65");
    block(0x21, &[0x36, 0x38, 0x9f, 0x1f, 0x00, 0x0f, 0x70, 0x08, 0, 0, 0, 0]);
    block(
        0x22,
        &[
            0x4f, 0x10, 0x09, 0x84, 0xff, 0x0e, 0x2f, 2, 0xaf, 0, 0x57, 0, 0x6f, 0x08, 0x59, 0, 7, 0, 9, 0,
        ],
    );
    block(0x0a, b"SN-1");
    let mut section = [&[0x20, data.len() as u8, 6, 0], &data[..], &[0]].concat();
    let sum = section.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    *section.last_mut().expect("it holds its sum") = sum.wrapping_neg();
    section
}

/// Firmware, system, board, chassis, two sockets of memory, the end; and an entry point.
pub fn smbios() -> Vec<Vec<u8>> {
    let structure = |kind: u8, numbers: &[u8], strings: &[&str]| {
        let mut bytes = vec![kind, 4 + numbers.len() as u8, kind, 0];
        bytes.extend_from_slice(numbers);
        for string in strings {
            bytes.extend_from_slice(string.as_bytes());
            bytes.push(0);
        }
        bytes.resize(bytes.len() + if strings.is_empty() { 2 } else { 1 }, 0);
        bytes
    };
    let mut module = [0; 0x24];
    module[8..10].copy_from_slice(&0x7fffu16.to_le_bytes());
    module[0x0c..0x14].copy_from_slice(&[1, 0, 0x1a, 0, 0, 0, 0, 2]);
    module[0x18..0x1c].copy_from_slice(&0x8000u32.to_le_bytes());
    let uuid = [0x11; 16];
    let table = [
        structure(0, &[1, 2, 0, 0xf0, 3, 0xff], &["Maker", "1.0", "01/02/2024"]),
        structure(
            1,
            &[&[1, 2, 0, 3][..], &uuid, &[6, 0, 0]].concat(),
            &["Графит", "Book 15", "GR15-1"],
        ),
        structure(2, &[1, 2, 0, 3], &["Maker", "Board", "To be filled by O.E.M."]),
        structure(3, &[1, 0x8a, 0, 0, 0], &["Maker"]),
        structure(17, &module, &["DIMM A", "80AD"]),
        structure(17, &[0; 0x17], &[]),
        structure(127, &[], &[]),
    ];
    vec![
        table.concat(),
        b"_SM3_\0\x18\x03\x02\0\x01\0".to_vec(),
        structure(17, &module[..4], &["x"]),
    ]
}

pub fn dpkg_status() -> Vec<Vec<u8>> {
    texts(&[
        "Package: first\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.3-4\nDescription: words\n more\n\n\
         Package: second\nStatus: deinstall ok config-files\nVersion: 1\n\n",
        "Package: held\r\nStatus: hold ok installed\r\nVersion: 5\r\n",
    ])
}

pub fn os_release() -> Vec<Vec<u8>> {
    texts(&[
        "PRETTY_NAME=\"Astra Linux\"\nID=astra\nVERSION_ID=1.8_x86-64\n# a word\n",
        "NAME='RED OS'\nID=\"redos\"\nVERSION_ID=7.3\nPRETTY_NAME=\"RED OS \\\"7.3.6\\\"\"\nEDITION=Standard\n",
        "ID=altlinux\nALT_BRANCH_ID=p10\nPRETTY_NAME=\"ALT Education 10.2\"",
    ])
}

pub fn udev() -> Vec<Vec<u8>> {
    texts(&["S:disk/by-id/x\nE:ID_MODEL_ENC=WDC\\x20WD5000\\xd0\\x96\nE:ID_SERIAL_SHORT=WD-1\nE:ID_INPUT_TOUCHSCREEN=1\n"])
}

pub fn cpuinfo() -> Vec<Vec<u8>> {
    texts(&[
        "processor\t: 0\nmodel name\t: Baikal-L  BE-L1000\nphysical id\t: 0\ncore id\t: 0\nflags\t: fpu hypervisor\n\n\
         processor\t: 1\nmodel name\t: Baikal-L  BE-L1000\nphysical id\t: 0\ncore id\t: 1\n\n",
        "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\nHardware\t: Board\nModel\t: Board 4\nSerial\t: 10\n",
    ])
}

pub fn input_devices() -> Vec<Vec<u8>> {
    texts(&["I: Bus=0003\nN: Name=\"ILITEK Multi-Touch\"\nB: PROP=2\nB: ABS=260800000000003\n\nN: Name=\"Mouse\"\nB: REL=3\n\n"])
}

pub fn printers() -> Vec<Vec<u8>> {
    texts(&[
        "<DefaultPrinter MFU-2>\nMakeModel HP LaserJet\nDeviceURI usb://HP/LaserJet?serial=VN1\n</DefaultPrinter>\n\
         <Printer kab12>\nUUID urn:uuid:1\nDeviceURI socket://10.0.0.1:9100\n</Printer>\n",
    ])
}

pub fn canonical() -> Vec<Vec<u8>> {
    let mut samples = texts(&[
        "{\"a\":[1,-2,true,null],\"b\":{\"\":\"\\u0001\\n\\\"\\\\ё\"},\"c\":9007199254740991}",
        "[[[[[[[[[[[[]]]]]]]]]]]]",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1.5}",
    ]);
    samples.extend(section());
    samples
}

pub fn envelope() -> Vec<Vec<u8>> {
    let batch: serde_json::Value =
        serde_json::from_str(include_str!("../../inventory-schema/examples/report_batch-1.json")).expect("a sample is JSON");
    let reports = batch["reports"].as_array().expect("a batch has reports");
    let envelopes = reports.iter().filter_map(|report| report["envelope"].as_str());
    envelopes.map(|text| text.as_bytes().to_vec()).collect()
}

pub fn report_batch() -> Vec<Vec<u8>> {
    texts(&[include_str!("../../inventory-schema/examples/report_batch-1.json")])
}

pub fn section() -> Vec<Vec<u8>> {
    texts(&[
        include_str!("../../inventory-schema/examples/display-1-screens.json"),
        include_str!("../../inventory-schema/examples/storage-1.json"),
        include_str!("../../inventory-schema/examples/system-1-failed.json"),
    ])
}

pub fn token() -> Vec<Vec<u8>> {
    let document = include_str!("../../inventory-schema/examples/enrollment_token-1.json");
    let token: inventory_schema::enrollment::EnrollmentToken = serde_json::from_str(document).expect("the sample is a token");
    texts(&[token.to_line().as_str(), "cos1.e30.00000000"])
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
