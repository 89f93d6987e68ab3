//! Installed packages, from `/var/lib/dpkg/status` (Debian, Ubuntu, Astra).
//!
//! Reads a stream line by line, because the file is larger than everything else the agent reads: of each
//! paragraph four fields are kept. Knows nothing of paths. Called by `collect/software.rs`.

use std::io::{self, BufRead, Read};

use inventory_schema::inventory::SoftwarePackage;
use inventory_schema::text::{SoftwareName, SoftwareVersion, Word};

/// The most bytes of one line that are kept; descriptions may be longer and are not wanted.
const LINE_LIMIT: u64 = 4096;

/// The most packages that are listed; a full workstation has 4,000.
const PACKAGE_LIMIT: usize = 20_000;

/// What a status file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PackageStatus {
    /// Sorted by name, version and architecture.
    pub packages: Vec<SoftwarePackage>,
    /// Lines that were no UTF-8: read with U+FFFD in place of what was not.
    pub garbled_lines: usize,
    /// There were more packages than the agent lists.
    pub cut_short: bool,
}

#[derive(Default)]
struct Paragraph {
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    installed: bool,
}

/// Reads to the end of the stream. Listed is what is installed, also when it is held or about to be removed;
/// not what was removed and left its settings.
pub fn read(mut stream: impl BufRead) -> io::Result<PackageStatus> {
    let mut status = PackageStatus::default();
    let mut paragraph = Paragraph::default();
    let mut native = None;
    let mut line = Vec::new();
    while read_line(&mut stream, &mut line)? {
        if line.is_empty() {
            keep(std::mem::take(&mut paragraph), &mut status, &mut native);
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            status.garbled_lines += 1;
        }
        paragraph.take_line(&text);
    }
    keep(paragraph, &mut status, &mut native);
    leave_out_native(&mut status.packages, native.as_ref());
    status.packages.sort_unstable();
    status.packages.shrink_to_fit();
    Ok(status)
}

/// One line without its end, cut at the limit. `false` at the end of the stream.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let taken = stream.by_ref().take(LINE_LIMIT).read_until(b'\n', line)?;
    let ended = line.pop_if(|byte| *byte == b'\n').is_some();
    if !ended && taken as u64 == LINE_LIMIT {
        stream.skip_until(b'\n')?;
        // The cut may have gone through a character: that is no fault of the file.
        if let Err(error) = std::str::from_utf8(line)
            && error.error_len().is_none()
        {
            line.truncate(error.valid_up_to());
        }
    }
    line.pop_if(|byte| *byte == b'\r');
    Ok(taken > 0)
}

impl Paragraph {
    fn take_line(&mut self, line: &str) {
        let Some((field, value)) = line.split_once(':') else { return };
        let value = value.trim();
        match field {
            "Package" => self.name = Some(value.to_owned()),
            "Version" => self.version = Some(value.to_owned()),
            "Architecture" => self.architecture = Some(value.to_owned()),
            "Status" => self.installed = value.split_whitespace().nth(2) == Some("installed"),
            _ => (),
        }
    }
}

fn keep(paragraph: Paragraph, status: &mut PackageStatus, native: &mut Option<Word>) {
    let Some(name) = paragraph.name.filter(|_| paragraph.installed) else {
        return;
    };
    let architecture = paragraph.architecture.as_deref().and_then(Word::observed);
    // dpkg itself runs on what the system counts as its own.
    if name == "dpkg" {
        native.clone_from(&architecture);
    }
    if status.packages.len() == PACKAGE_LIMIT {
        status.cut_short = true;
        return;
    }
    status.packages.extend(SoftwareName::observed(&name).map(|name| SoftwarePackage {
        name,
        version: paragraph.version.as_deref().and_then(SoftwareVersion::observed),
        architecture,
    }));
}

fn leave_out_native(packages: &mut [SoftwarePackage], native: Option<&Word>) {
    for package in packages {
        package
            .architecture
            .take_if(|architecture| architecture.as_str() == "all" || Some(&*architecture) == native);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paragraph(name: &str, status: &str, architecture: &str) -> String {
        format!(
            "Package: {name}\nStatus: {status}\nPriority: optional\nArchitecture: {architecture}\nVersion: 1.2-3\nDescription: words\n more: words\n\n"
        )
    }

    #[test]
    fn what_is_installed_is_listed_in_order() {
        let file = [
            paragraph("zlib1g", "install ok installed", "amd64"),
            paragraph("gone", "deinstall ok config-files", "amd64"),
            paragraph("dpkg", "install ok installed", "amd64"),
            paragraph("held", "hold ok installed", "i386"),
            paragraph("adduser", "install ok installed", "all"),
            paragraph("half", "install reinstreq half-installed", "amd64"),
        ]
        .concat();
        let status = read(file.trim_end().as_bytes()).unwrap();
        let listed: Vec<_> = status
            .packages
            .iter()
            .map(|p| (p.name.as_str(), p.architecture.as_ref().map(Word::as_str)))
            .collect();
        assert_eq!(
            listed,
            [("adduser", None), ("dpkg", None), ("held", Some("i386")), ("zlib1g", None)]
        );
        assert_eq!(status.packages[0].version.as_ref().unwrap().as_str(), "1.2-3");
        assert_eq!((status.garbled_lines, status.cut_short), (0, false));
    }

    #[test]
    fn bytes_that_are_no_text_spoil_one_line_only() {
        let mut file = b"Package: first\nStatus: install ok installed\nDescription: \xd0 caf\xe9\n\n".to_vec();
        file.extend_from_slice(paragraph("second", "install ok installed", "all").as_bytes());
        let status = read(file.as_slice()).unwrap();
        assert_eq!(status.packages.len(), 2);
        assert_eq!(status.garbled_lines, 1);
    }

    #[test]
    fn long_lines_are_cut_and_not_taken_for_garbled() {
        let file = format!(
            "Package: first\nStatus: install ok installed\nDescription: x{}\n\n{}",
            "ж".repeat(50_000),
            paragraph("second", "install ok installed", "all")
        );
        let status = read(file.as_bytes()).unwrap();
        assert_eq!((status.packages.len(), status.garbled_lines), (2, 0));
    }

    proptest! {
        #[test]
        fn no_stream_makes_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..2000), text in "([A-Z][a-z]+: [a-z ]{0,30}\n|\n){0,30}") {
            let _ = read(bytes.as_slice());
            let _ = read(text.as_bytes());
        }
    }
}
