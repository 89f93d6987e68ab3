//! Snaps, from the names of their files and what is said where they are mounted.
//!
//! Pure: names and texts in, packages out. `snapd` keeps older revisions beside the current one; one package is
//! reported of each name.

use std::collections::BTreeMap;

use inventory_schema::inventory::SoftwarePackage;
use inventory_schema::text::{SoftwareName, SoftwareVersion};

/// Names with their newest revision, from files called `firefox_4173.snap`. Revisions that were installed from a
/// file are `x1`, `x2` and count as older than any of the store's.
pub fn newest_revisions(files: &[String]) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for (name, revision) in files.iter().filter_map(|file| file.strip_suffix(".snap")?.rsplit_once('_')) {
        let is_newer = newest.get(name).is_none_or(|known| rank(known) < rank(revision));
        if rank(revision).is_some() && !name.is_empty() && is_newer {
            newest.insert(name.to_owned(), revision.to_owned());
        }
    }
    newest
}

fn rank(revision: &str) -> Option<(bool, u64)> {
    match revision.strip_prefix('x') {
        Some(local) => Some((false, local.parse().ok()?)),
        None => Some((true, revision.parse().ok()?)),
    }
}

/// A snap of a revision; `yaml` is its `meta/snap.yaml` where it is mounted. A version that is not known is given
/// by the revision.
pub fn package(name: &str, revision: &str, yaml: Option<&str>) -> Option<SoftwarePackage> {
    let version = yaml.and_then(stated_version).map(|version| format!("{version} (rev {revision})"));
    Some(SoftwarePackage {
        name: SoftwareName::observed(name)?,
        version: SoftwareVersion::observed(&version.unwrap_or_else(|| format!("rev {revision}"))),
        architecture: None,
    })
}

/// The document's own `version:`, with or without quotes.
fn stated_version(yaml: &str) -> Option<&str> {
    let value = yaml.lines().find_map(|line| line.strip_prefix("version:"))?.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.split(quote).next();
    let plain = || value.split(" #").next().map(str::trim);
    quoted('\'')
        .or_else(|| quoted('"'))
        .or_else(plain)
        .filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_newest_revision_of_each_name_counts() {
        let files = [
            "core22_1033.snap",
            "core22_999.snap",
            "my_tool_x3.snap",
            "my_tool_7.snap",
            "partial",
            "_1.snap",
            "a_b.snap",
        ];
        let newest = newest_revisions(&files.map(str::to_owned));
        let newest: Vec<_> = newest.iter().map(|(name, revision)| (name.as_str(), revision.as_str())).collect();
        assert_eq!(newest, [("core22", "1033"), ("my_tool", "7")]);
    }

    #[test]
    fn a_version_is_told_where_the_snap_is_mounted() {
        let version = |yaml: Option<&str>| package("firefox", "4173", yaml).unwrap().version.unwrap().to_string();
        assert_eq!(
            version(Some("name: firefox\nversion: '124.0.1'\nsummary: |\n  version: no\n")),
            "124.0.1 (rev 4173)"
        );
        assert_eq!(version(Some("version: 1.2-3 # of today\n")), "1.2-3 (rev 4173)");
        assert_eq!(version(Some("apps:\n  x:\n    version: no\n")), "rev 4173");
        assert_eq!(version(None), "rev 4173");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(name in any::<String>(), revision in any::<String>(), yaml in any::<String>()) {
            let _ = newest_revisions(&[format!("{name}_{revision}.snap"), name.clone()]);
            let _ = package(&name, &revision, Some(&format!("version:{yaml}")));
        }
    }
}
