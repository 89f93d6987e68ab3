//! Makes databases of all three forms by hand, as small as their formats allow.

/// A package whose header holds `filler` bytes of file lists.
pub struct Package {
    pub name: &'static str,
    pub filler: usize,
}

impl Package {
    /// Tags in their order, their values in the store, the time of installation behind all else as rpm appends it.
    pub fn header(&self) -> Vec<u8> {
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let number = |number: u32| number.to_be_bytes().to_vec();
        let values: [(u32, u32, Vec<u8>); 9] = [
            (1000, 6, text(self.name)),
            (1001, 6, text("1.0")),
            (1002, 6, text("alt1")),
            (1003, 4, number(2)),
            (1009, 4, number(4096)),
            (1011, 6, text("ALT Linux Team")),
            (1022, 6, text("x86_64")),
            (1117, 7, vec![b'f'; self.filler]),
            (1008, 4, number(1_700_000_000)),
        ];
        let (mut index, mut store) = (Vec::new(), Vec::new());
        for (tag, kind, value) in values {
            let offset = u32::try_from(store.len()).unwrap();
            for word in [tag, kind, offset, 1] {
                index.extend_from_slice(&word.to_be_bytes());
            }
            store.extend_from_slice(&value);
        }
        let lengths = [9, u32::try_from(store.len()).unwrap()].map(u32::to_be_bytes).concat();
        [lengths, index, store].concat()
    }
}

fn variable(number: usize) -> Vec<u8> {
    let mut bytes = vec![(number & 0x7f) as u8];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}

fn record(columns: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let kinds: Vec<u8> = columns.iter().flat_map(|(kind, _)| variable(*kind)).collect();
    let values: Vec<u8> = columns.iter().flat_map(|(_, value)| value.clone()).collect();
    [variable(kinds.len() + 1), kinds, values].concat()
}

/// A leaf with one cell at its end.
fn leaf(page_size: usize, head: usize, cell: &[u8]) -> Vec<u8> {
    let mut page = vec![0; page_size];
    let at = page_size - cell.len();
    page[head] = 13;
    page[head + 4] = 1;
    page[head + 8..head + 10].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
    page[at..].copy_from_slice(cell);
    page
}

/// Page 1 is the schema, page 2 the root of the table, then a leaf for each package, then the overflow pages.
pub fn sqlite_file(packages: &[Package], page_size: usize) -> Vec<u8> {
    let sql = b"CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)".to_vec();
    let text = |text: &[u8]| (13 + 2 * text.len(), text.to_vec());
    let schema = record(&[text(b"table"), text(b"Packages"), text(b"Packages"), (1, vec![2]), text(&sql)]);
    let mut first = leaf(page_size, 100, &[variable(schema.len()), vec![1], schema].concat());
    first[..16].copy_from_slice(b"SQLite format 3\0");
    let stated = if page_size == 65536 { 1 } else { page_size };
    first[16..18].copy_from_slice(&u16::try_from(stated).unwrap().to_be_bytes());

    let mut root = vec![0; page_size];
    root[0] = 5;
    let children = packages.len() - 1;
    root[4] = u8::try_from(children).unwrap();
    root[11] = u8::try_from(3 + children).unwrap();
    for child in 0..children {
        let at = page_size - 5 * (child + 1);
        root[12 + 2 * child..14 + 2 * child].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        root[at + 3] = u8::try_from(3 + child).unwrap();
        root[at + 4] = u8::try_from(child + 1).unwrap();
    }

    let mut overflow: Vec<u8> = Vec::new();
    let mut leaves: Vec<u8> = Vec::new();
    for package in packages {
        let header = package.header();
        let whole = record(&[(0, Vec::new()), (12 + 2 * header.len(), header)]);
        let local = local_length(whole.len(), page_size);
        let mut cell = [variable(whole.len()), vec![1], whole[..local].to_vec()].concat();
        if local < whole.len() {
            let pieces: Vec<&[u8]> = whole[local..].chunks(page_size - 4).collect();
            let begin = 3 + packages.len() + overflow.len() / page_size;
            cell.extend_from_slice(&u32::try_from(begin).unwrap().to_be_bytes());
            for (index, piece) in pieces.iter().enumerate() {
                let next = if index + 1 == pieces.len() { 0 } else { begin + index + 1 };
                let mut page = u32::try_from(next).unwrap().to_be_bytes().to_vec();
                page.extend_from_slice(piece);
                page.resize(page_size, 0);
                overflow.extend(page);
            }
        }
        leaves.extend(leaf(page_size, 0, &cell));
    }
    [first, root, leaves, overflow].concat()
}

fn local_length(length: usize, usable: usize) -> usize {
    let least = (usable - 12) * 32 / 255 - 23;
    let wanted = least + (length.wrapping_sub(least)) % (usable - 4);
    match length {
        _ if length <= usable - 35 => length,
        _ if wanted <= usable - 35 => wanted,
        _ => least,
    }
}

/// A log that holds every page of `file` and one commit.
pub fn log_of(file: &[u8], page_size: usize) -> Vec<u8> {
    let mut sum = (0u32, 0u32);
    let mut add = |bytes: &[u8]| {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| u32::from_be_bytes(pair[at..at + 4].try_into().unwrap());
            sum.0 = sum.0.wrapping_add(word(0)).wrapping_add(sum.1);
            sum.1 = sum.1.wrapping_add(word(4)).wrapping_add(sum.0);
        }
        [sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let size = u32::try_from(page_size).unwrap();
    let mut log = words(&[0x377f_0683, 3_007_000, size, 0, 7, 9]);
    let head_sum = add(&log);
    log.extend(head_sum);
    let pages = u32::try_from(file.len() / page_size).unwrap();
    for (index, page) in file.chunks(page_size).enumerate() {
        let number = u32::try_from(index).unwrap() + 1;
        let head = words(&[number, if number == pages { pages } else { 0 }]);
        add(&head);
        let frame_sum = add(page);
        log.extend([head, words(&[7, 9]), frame_sum, page.to_vec()].concat());
    }
    log
}

/// One page of slots, then the blobs.
pub fn ndb_file(packages: &[Package]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut slots = [b"RpmP".to_vec(), words(&[0, 1, 1, 9, 0, 0, 0])].concat();
    let mut blobs = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        let (header, index) = (package.header(), u32::try_from(index).unwrap() + 1);
        let length = u32::try_from(header.len()).unwrap();
        let begin = (4096 + blobs.len()) / 16;
        let mut blob = [b"BlbS".to_vec(), words(&[index, 0, length]), header].concat();
        blob.resize((blob.len() + 12).next_multiple_of(16) - 12, 0);
        blob.extend([words(&[0, length]), b"BlbE".to_vec()].concat());
        let (begin, count) = (u32::try_from(begin).unwrap(), u32::try_from(blob.len() / 16).unwrap());
        slots.extend([b"Slot".to_vec(), words(&[index, begin, count])].concat());
        blobs.extend(blob);
    }
    while slots.len() < 4096 {
        slots.extend([b"Slot".to_vec(), words(&[0, 0, 0])].concat());
    }
    [slots, blobs].concat()
}

/// The head, one hash page with all keys, then the overflow pages. A header that fits stands on the hash page.
pub fn bdb_file(packages: &[Package], page_size: usize, is_big_endian: bool) -> Vec<u8> {
    let long = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if is_big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let short = |number: usize| {
        let number = u16::try_from(number).unwrap();
        if is_big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let mut items = vec![vec![1, 0, 0, 0, 0], vec![1, 9, 0, 0, 0]];
    let mut overflow: Vec<u8> = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        let header = package.header();
        items.push([vec![1], long(index + 1).to_vec()].concat());
        if header.len() < page_size / 4 {
            items.push([vec![1], header].concat());
            continue;
        }
        let begin = 2 + overflow.len() / page_size;
        items.push([vec![3, 0, 0, 0], long(begin).to_vec(), long(header.len()).to_vec()].concat());
        let pieces: Vec<&[u8]> = header.chunks(page_size - 26).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let mut page = vec![0; page_size];
            if index + 1 < pieces.len() {
                page[16..20].copy_from_slice(&long(begin + index + 1));
            }
            page[22..24].copy_from_slice(&short(piece.len()));
            page[25] = 7;
            page[26..26 + piece.len()].copy_from_slice(piece);
            overflow.extend(page);
        }
    }
    let mut meta = vec![0; page_size];
    meta[12..16].copy_from_slice(&long(0x0006_1561));
    meta[20..24].copy_from_slice(&long(page_size));
    meta[25] = 8;
    let mut hash = vec![0; page_size];
    hash[20..22].copy_from_slice(&short(items.len()));
    hash[25] = 13;
    let mut end = page_size;
    for (index, item) in items.iter().enumerate() {
        let begin = end - item.len();
        hash[begin..end].copy_from_slice(item);
        hash[26 + 2 * index..28 + 2 * index].copy_from_slice(&short(begin));
        end = begin;
    }
    [meta, hash, overflow].concat()
}
