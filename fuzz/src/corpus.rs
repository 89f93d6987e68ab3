//! Writes every reader's samples into `corpus/<reader>/`, where cargo-fuzz looks for them.

use std::path::Path;
use std::{fs, io};

use cos_fuzz::readers::READERS;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for reader in READERS {
        let folder = corpus.join(reader.name);
        fs::create_dir_all(&folder)?;
        for (number, sample) in (reader.samples)().iter().enumerate() {
            fs::write(folder.join(format!("sample-{number}")), sample)?;
        }
    }
    Ok(())
}
