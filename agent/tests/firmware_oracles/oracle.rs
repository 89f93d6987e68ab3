//! The text that dmidecode prints: records with their lines.

#[derive(Debug, Default)]
pub struct Oracle {
    pub version: Option<(u8, u8)>,
    pub records: Vec<Record>,
}

#[derive(Debug, Default)]
pub struct Record {
    pub handle: String,
    pub kind: u8,
    /// `Key: value` in order.
    lines: Vec<(String, String)>,
    /// What stands indented below a key.
    items: Vec<String>,
}

impl Oracle {
    pub fn read(text: &str) -> Self {
        let mut oracle = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("Handle ") {
                oracle.records.push(Record::begun_by(rest));
            } else if let Some(version) = line.strip_prefix("SMBIOS ").and_then(|rest| rest.strip_suffix(" present.")) {
                let mut numbers = version.split('.').map(|number| number.parse().unwrap());
                oracle.version = numbers.next().zip(numbers.next());
            } else if let Some(record) = oracle.records.last_mut() {
                record.take(line);
            }
        }
        oracle
    }

    pub fn of_kind(&self, kind: u8) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.kind == kind)
    }
}

impl Record {
    /// `0x0041, DMI type 16, 23 bytes`.
    fn begun_by(rest: &str) -> Self {
        let (handle, rest) = rest.split_once(", DMI type ").unwrap();
        let (kind, _) = rest.split_once(',').unwrap();
        Self {
            handle: handle.to_owned(),
            kind: kind.parse().unwrap(),
            ..Self::default()
        }
    }

    fn take(&mut self, line: &str) {
        if let Some(item) = line.strip_prefix("\t\t") {
            self.items.push(item.trim().to_owned());
        } else if let Some((key, value)) = line.strip_prefix('\t').and_then(|line| line.split_once(':')) {
            self.lines
                .push((key.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        }
    }

    /// What is said under a key, single spaces; `None` where nothing is said.
    pub fn said(&self, key: &str) -> Option<String> {
        let (_, value) = self.lines.iter().find(|(known, _)| known == key)?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        (!matches!(value.as_str(), "" | "Not Specified" | "<BAD INDEX>")).then_some(value)
    }

    pub fn has(&self, key: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == key)
    }

    /// The values of the keys that begin so: `String 1`, `String 2`.
    pub fn all(&self, beginning: &str) -> Vec<String> {
        let numbered = self.lines.iter().filter(|(key, _)| key.starts_with(beginning));
        numbered
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    pub fn lists(&self, item: &str) -> bool {
        self.items.iter().any(|known| known == item)
    }
}

/// `8 GB` in bytes with the unit that it is told in; `None` for words.
pub fn size(text: &str) -> Option<(u64, u64)> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit {
        "bytes" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    Some((number.parse::<u64>().ok()? * unit, unit))
}

/// The number before a unit: `2400 MT/s`.
pub fn number(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}
