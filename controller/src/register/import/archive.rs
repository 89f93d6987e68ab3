//! Whether a ZIP container may be handed to the workbook reader, decided before that reader sees it.
//!
//! First the directory alone is judged: number of entries, encryption, sizes and ratios as declared. Then
//! every entry is unpacked into nothing, because a declared size may lie and the reader keeps strings in
//! memory: the pass stops at the declared size, counts XML tags, and finds counts that would make the
//! reader reserve memory in advance. The pass holds a few KiB whatever the file is.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

const MAX_ENTRIES: u64 = 10_000;
const MAX_UNPACKED_BYTES: u64 = 512 << 20;
/// Unpacked to packed, for entries large enough to matter.
const MAX_RATIO: u64 = 200;
/// Below this a high ratio does no harm: small parts of real workbooks are mostly repetition.
const RATIO_MATTERS_FROM: u64 = 1 << 20;
/// XML tags in all entries: 200,000 rows of 20 filled cells have about 16 million.
const MAX_TAGS: u64 = 24_000_000;
/// Strings a workbook may announce.
const MAX_ANNOUNCED: u64 = 5_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("Файл обрезан или повреждён: оглавление книги не читается. Скачайте или сохраните его заново.")]
    Broken,
    #[error("Книга под паролем. Снимите пароль и сохраните её заново.")]
    Encrypted,
    #[error("В книге больше {MAX_ENTRIES} частей. Перенесите таблицу в новую книгу.")]
    Entries,
    #[error("Книга в распакованном виде больше {} МиБ. Перенесите таблицу без картинок в новую книгу.", MAX_UNPACKED_BYTES >> 20)]
    Unpacked,
    #[error("Книга сжата больше чем в {MAX_RATIO} раз: так бывает у вредоносных файлов. Перенесите таблицу в новую книгу.")]
    Ratio,
    #[error("Размер части книги не тот, что записан в оглавлении. Сохраните книгу в Excel или LibreOffice заново.")]
    Size,
    #[error("Часть книги сжата неизвестным способом. Сохраните книгу в Excel или LibreOffice заново.")]
    Method,
    #[error("В книге слишком много ячеек или строк текста. Оставьте в ней один лист с таблицей.")]
    Content,
}

struct Entry {
    method: u16,
    packed: u64,
    unpacked: u64,
    /// Where its local header starts.
    offset: u64,
}

/// Refuses what would exhaust memory, and what the workbook reader could not open anyway.
pub(super) fn check(bytes: &[u8]) -> Result<(), ArchiveError> {
    let entries = directory(bytes)?;
    let mut total = 0u64;
    for entry in &entries {
        total = total.saturating_add(entry.unpacked);
        if total > MAX_UNPACKED_BYTES {
            return Err(ArchiveError::Unpacked);
        }
        if entry.unpacked >= RATIO_MATTERS_FROM && entry.unpacked / entry.packed.max(1) > MAX_RATIO {
            return Err(ArchiveError::Ratio);
        }
    }
    let mut tags = 0;
    for entry in &entries {
        tags += unpack_into_nothing(bytes, entry)?;
        if tags > MAX_TAGS {
            return Err(ArchiveError::Content);
        }
    }
    Ok(())
}

/// Little-endian numbers at a place in the file; `None` beyond its end.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let (count, start) = end_record(bytes).ok_or(ArchiveError::Broken)?;
    if count > MAX_ENTRIES {
        return Err(ArchiveError::Entries);
    }
    let mut at = usize::try_from(start).map_err(|_| ArchiveError::Broken)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, encrypted, next) = entry(bytes, at).ok_or(ArchiveError::Broken)?;
        if encrypted {
            return Err(ArchiveError::Encrypted);
        }
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

/// The number of entries and where their list starts. An archive that two readers could take for two
/// different ones is refused: it has one end record, at its very end, and the directory stands right before it.
fn end_record(bytes: &[u8]) -> Option<(u64, u64)> {
    const RECORD: usize = 22;
    let last = bytes.len().checked_sub(RECORD)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let mut marks = (first..=last).filter(|at| bytes[*at..].starts_with(b"PK\x05\x06"));
    let at = marks.next().filter(|_| marks.next().is_none())?;
    let comment = number::<2>(bytes, at + 20)?;
    let [count, size, start] = [
        number::<2>(bytes, at + 10)?,
        number::<4>(bytes, at + 12)?,
        number::<4>(bytes, at + 16)?,
    ];
    let whole = at as u64 + RECORD as u64 + comment == bytes.len() as u64;
    let locator = at.checked_sub(20).filter(|locator| bytes[*locator..].starts_with(b"PK\x06\x07"));
    let Some(locator) = locator else {
        return (whole && start + size == at as u64).then_some((count, start));
    };
    let large = usize::try_from(number::<8>(bytes, locator + 8)?).ok()?;
    bytes.get(large..)?.starts_with(b"PK\x06\x06").then_some(())?;
    let wide = [32, 40, 48].map(|field| number::<8>(bytes, large + field));
    let [wide_count, wide_size, wide_start] = [wide[0]?, wide[1]?, wide[2]?];
    let agree = (count == 0xffff || count == wide_count) && (start == 0xffff_ffff || start == wide_start);
    let adjacent = wide_start.checked_add(wide_size)? == large as u64;
    (whole && agree && adjacent).then_some((wide_count, wide_start))
}

/// The entry whose record in the directory starts at `at`, whether it is encrypted, and where the next one starts.
fn entry(bytes: &[u8], at: usize) -> Option<(Entry, bool, usize)> {
    bytes.get(at..)?.starts_with(b"PK\x01\x02").then_some(())?;
    let flags = number::<2>(bytes, at + 8)?;
    let lengths = [28, 30, 32].map(|field| number::<2>(bytes, at + field));
    let [name, extra, comment] = lengths.map(|length| length.unwrap_or(0) as usize);
    let extra_start = at + 46 + name;
    let next = extra_start + extra + comment;
    let mut entry = Entry {
        method: number::<2>(bytes, at + 10)? as u16,
        packed: number::<4>(bytes, at + 20)?,
        unpacked: number::<4>(bytes, at + 24)?,
        offset: number::<4>(bytes, at + 42)?,
    };
    widen(&mut entry, bytes.get(extra_start..extra_start + extra)?)?;
    (next <= bytes.len()).then_some((entry, flags & 1 != 0, next))
}

/// Takes sizes of 64 bits from the extra field 1 for those that are marked as not fitting into 32.
fn widen(entry: &mut Entry, mut extra: &[u8]) -> Option<()> {
    while extra.len() >= 4 {
        let (id, length) = (number::<2>(extra, 0)?, number::<2>(extra, 2)? as usize);
        let body = extra.get(4..4 + length)?;
        if id == 1 {
            let mut fields = body.as_chunks::<8>().0.iter().map(|field| u64::from_le_bytes(*field));
            for size in [&mut entry.unpacked, &mut entry.packed, &mut entry.offset] {
                if *size == 0xffff_ffff {
                    *size = fields.next()?;
                }
            }
        }
        extra = &extra[4 + length..];
    }
    Some(())
}

/// Unpacks an entry without keeping it; answers how many tags it has.
fn unpack_into_nothing(bytes: &[u8], entry: &Entry) -> Result<u64, ArchiveError> {
    let packed = packed_bytes(bytes, entry).ok_or(ArchiveError::Broken)?;
    match entry.method {
        0 => scan(packed, entry.unpacked),
        8 => scan(DeflateDecoder::new(packed), entry.unpacked),
        _ => Err(ArchiveError::Method),
    }
}

fn packed_bytes<'a>(bytes: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let header = usize::try_from(entry.offset).ok()?;
    bytes.get(header..)?.starts_with(b"PK\x03\x04").then_some(())?;
    let names = number::<2>(bytes, header + 26)? + number::<2>(bytes, header + 28)?;
    let start = header.checked_add(30)?.checked_add(names as usize)?;
    bytes.get(start..start.checked_add(usize::try_from(entry.packed).ok()?)?)
}

fn scan(mut source: impl Read, declared: u64) -> Result<u64, ArchiveError> {
    let mut buffer = [0; 16 << 10];
    let (mut unpacked, mut tags, mut announced) = (0u64, 0u64, Announced::default());
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(ArchiveError::Broken),
        };
        unpacked += length as u64;
        if unpacked > declared {
            return Err(ArchiveError::Size);
        }
        for byte in &buffer[..length] {
            tags += u64::from(*byte == b'<');
            if announced.exceeds(*byte) {
                return Err(ArchiveError::Content);
            }
        }
    }
    if unpacked == declared { Ok(tags) } else { Err(ArchiveError::Size) }
}

/// Finds `uniqueCount="N"` in a stream of bytes; zero bytes are passed over so that UTF-16 is seen too.
#[derive(Default)]
struct Announced {
    /// How much of the word has been seen; its whole length while the number is read.
    matched: usize,
    number: u64,
}

impl Announced {
    const WORD: &'static [u8] = b"uniqueCount";

    /// Takes the next byte; true when the announced number is too large.
    fn exceeds(&mut self, byte: u8) -> bool {
        if byte == 0 {
            return false;
        }
        if self.matched == Self::WORD.len() {
            match byte {
                b'0'..=b'9' => self.number = self.number.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
                b'=' | b'"' | b'\'' | b'+' | b' ' | b'\t' | b'\r' | b'\n' if self.number == 0 => {}
                _ => *self = Self::default(),
            }
        } else if byte == Self::WORD[self.matched] {
            self.matched += 1;
        } else {
            self.matched = usize::from(byte == Self::WORD[0]);
        }
        self.number > MAX_ANNOUNCED
    }
}
