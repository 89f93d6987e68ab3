//! Applications of Flatpak, from what is deployed of each.
//!
//! Pure: the application's `metadata` (a key file) and `deploy` (a serialized GVariant) in, a package out. Of the
//! latter one entry is looked for, the version that the application's own description states.

use inventory_schema::inventory::SoftwarePackage;
use inventory_schema::text::{SoftwareName, SoftwareVersion};

/// `None` where neither says that anything is deployed.
pub fn application(folder: &str, metadata: Option<&str>, deploy: Option<&[u8]>) -> Option<SoftwarePackage> {
    if metadata.is_none() && deploy.is_none() {
        return None;
    }
    let name = metadata.and_then(name).unwrap_or(folder);
    Some(SoftwarePackage {
        name: SoftwareName::observed(name)?,
        version: deploy.and_then(stated_version),
        architecture: None,
    })
}

/// `name=` of the group `[Application]`.
fn name(metadata: &str) -> Option<&str> {
    let mut lines = metadata.lines().map(str::trim).skip_while(|line| *line != "[Application]").skip(1);
    let mut of_group = lines.by_ref().take_while(|line| !line.starts_with('['));
    let (_, name) = of_group.find_map(|line| line.split_once('=').filter(|(key, _)| key.trim() == "name"))?;
    Some(name.trim()).filter(|name| !name.is_empty())
}

/// The dictionary's entry `appdata-version`: key, padding, text, and behind the text the type `s`.
fn stated_version(deploy: &[u8]) -> Option<SoftwareVersion> {
    const KEY: &[u8] = b"appdata-version\0";
    const LONGEST: usize = 128;
    let at = deploy.windows(KEY.len()).position(|window| window == KEY)?;
    let behind = &deploy[at + KEY.len()..];
    let padding = behind.iter().take(8).take_while(|byte| **byte == 0).count();
    let text = &behind[padding..];
    let length = text.iter().take(LONGEST).position(|byte| *byte == 0)?;
    if !text[length..].starts_with(b"\0\0s") {
        return None;
    }
    SoftwareVersion::observed(std::str::from_utf8(&text[..length]).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deploy(version: &str) -> Vec<u8> {
        let mut bytes = b"flathub\0c0ffee\0".to_vec();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend_from_slice(b"appdata-version\0");
        bytes.extend_from_slice(format!("{version}\0\0s").as_bytes());
        bytes
    }

    #[test]
    fn an_application_has_its_name_and_the_version_it_states() {
        let metadata = "[Application]\nname=org.geogebra.GeoGebra\nruntime=org.freedesktop.Platform/x86_64/23.08\n\n[Context]\nname=no\n";
        let package = application("folder", Some(metadata), Some(&deploy("6.0.8"))).unwrap();
        assert_eq!(package.name.as_str(), "org.geogebra.GeoGebra");
        assert_eq!(package.version.unwrap().as_str(), "6.0.8");
    }

    #[test]
    fn what_is_missing_is_left_out() {
        assert_eq!(application("org.a.B", None, None), None);
        let package = application("org.a.B", Some("[Context]\nname=no\n"), Some(b"appdata-version\0")).unwrap();
        assert_eq!((package.name.as_str(), package.version), ("org.a.B", None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(folder in any::<String>(), text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = application(&folder, Some(&format!("[Application]\n{text}")), Some(&bytes));
            let _ = application(&folder, None, Some(&[b"appdata-version\0".to_vec(), bytes].concat()));
        }
    }
}
