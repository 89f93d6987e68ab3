//! Installed software: the package databases that are files of text.

use std::io::BufReader;

use inventory_schema::device::Source;
use inventory_schema::inventory::{PackageList, PackageManager, Software};
use inventory_schema::section::{ReadFailure, Section};

use super::Problems;
use crate::inventory::dpkg;
use crate::platform::{FileTree, ReadError};

pub(super) fn collect(tree: &FileTree) -> Section<Software> {
    let mut problems = Problems::default();
    let lists = dpkg_list(tree, &mut problems).into_iter().collect();
    if tree.exists("var/lib/rpm") {
        problems.add(
            Source::Other,
            ReadFailure::Other,
            "the RPM database of this system is not read by this version of the agent",
        );
    }
    problems.section(Software { lists })
}

fn dpkg_list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    let file = problems.keep(Source::DpkgStatus, tree.open("var/lib/dpkg/status"))?;
    let read = dpkg::read(BufReader::with_capacity(32 * 1024, file));
    let read = read.map_err(|source| ReadError::System {
        path: "var/lib/dpkg/status".to_owned(),
        source,
    });
    let status = problems.keep(Source::DpkgStatus, read)?;
    if status.garbled_lines > 0 {
        problems.add(
            Source::DpkgStatus,
            ReadFailure::Malformed,
            &format!("{} lines are no UTF-8", status.garbled_lines),
        );
    }
    if status.cut_short {
        problems.add(
            Source::DpkgStatus,
            ReadFailure::TooLarge,
            "more packages are installed than the agent lists",
        );
    }
    Some(PackageList {
        manager: PackageManager::Dpkg,
        packages: status.packages,
    })
}
