//! Installed software: one list for each package manager that the system has.
//!
//! Each is asked on its own within the time limit, so that one whose files hang hides no other.

#[cfg(feature = "rpm")]
mod rpm;

use std::io::{BufReader, Read};

use inventory_schema::device::Source;
use inventory_schema::inventory::{PackageList, PackageManager, Software, SoftwarePackage};
use inventory_schema::section::{CollectionProblem, ReadFailure, Section};

use super::Problems;
use super::patience::Patience;
use crate::inventory::{dpkg, flatpak, snap};
use crate::platform::{FileTree, ReadError};

const DPKG_STATUS: &str = "var/lib/dpkg/status";

/// A full workstation's status file has 10 MB.
const DPKG_LIMIT: u64 = 256 * 1024 * 1024;

/// What `deploy` of an application may hold; usual are two kilobytes.
const DEPLOY_LIMIT: u64 = 256 * 1024;

/// Where the databases of RPM lie: as ever, and on systems whose `/var` is not the system's.
const RPM_FOLDERS: [&str; 2] = ["var/lib/rpm", "usr/lib/sysimage/rpm"];

/// One manager's answer: its list, where it has one, and what went wrong.
type Answer = (Option<PackageList>, Vec<CollectionProblem>);

/// Asks one manager's files.
type Lister = fn(&FileTree, &mut Problems) -> Option<PackageList>;

pub(super) fn collect(patience: &mut Patience) -> Section<Software> {
    let managers: [(Source, Lister); 4] = [
        (Source::DpkgStatus, dpkg_list),
        (Source::RpmDatabase, rpm_list),
        (Source::Flatpak, flatpak_list),
        (Source::Snap, snap_list),
    ];
    let mut problems = Problems::default();
    let mut lists = Vec::new();
    for (source, list) in managers {
        let answer = patience.ask(move |tree| -> Answer {
            let mut problems = Problems::default();
            (list(tree, &mut problems), problems.0)
        });
        match answer {
            Ok((list, found)) => {
                lists.extend(list);
                problems.0.extend(found);
            }
            Err(overdue) => problems.late(source, overdue),
        }
    }
    if lists.is_empty() && problems.0.is_empty() {
        problems.add(Source::DpkgStatus, ReadFailure::NotPresent, DPKG_STATUS);
    }
    problems.section(Software { lists })
}

fn dpkg_list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    let file = problems.keep_if_present(Source::DpkgStatus, tree.open(DPKG_STATUS))?;
    if file.metadata().is_ok_and(|metadata| metadata.len() > DPKG_LIMIT) {
        let path = DPKG_STATUS.to_owned();
        return problems.keep(Source::DpkgStatus, Err(ReadError::TooLarge { path, limit: DPKG_LIMIT }));
    }
    let read = dpkg::read(BufReader::with_capacity(32 * 1024, file.take(DPKG_LIMIT)));
    let read = read.map_err(|source| ReadError::System {
        path: DPKG_STATUS.to_owned(),
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
        too_many(problems, Source::DpkgStatus);
    }
    Some(PackageList::new(PackageManager::Dpkg, status.packages))
}

fn too_many(problems: &mut Problems, source: Source) {
    problems.add(source, ReadFailure::TooLarge, "more packages are installed than the agent lists");
}

#[cfg(feature = "rpm")]
use rpm::list as rpm_list;

/// An agent that was built without the reader says so where there is a database.
#[cfg(not(feature = "rpm"))]
fn rpm_list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    let names = ["rpmdb.sqlite", "Packages.db", "Packages"];
    let is_there = |folder: &str| names.iter().any(|name| tree.exists(&format!("{folder}/{name}")));
    if RPM_FOLDERS.into_iter().any(is_there) {
        problems.add(
            Source::RpmDatabase,
            ReadFailure::Other,
            "this agent was built without the reader of RPM",
        );
    }
    None
}

/// Applications for all users; those that one user installed lie in a person's folder and are not looked at.
fn flatpak_list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    const FOLDER: &str = "var/lib/flatpak/app";
    let names = problems.keep_if_present(Source::Flatpak, tree.list(FOLDER))?;
    let application = |name: &String| {
        let active = format!("{FOLDER}/{name}/current/active");
        let metadata = tree.text(&format!("{active}/metadata")).ok();
        let deploy = tree.read(&format!("{active}/deploy"), DEPLOY_LIMIT).ok();
        flatpak::application(name, metadata.as_deref(), deploy.as_deref())
    };
    some_of(PackageManager::Flatpak, names.iter().filter_map(application).collect())
}

fn snap_list(tree: &FileTree, problems: &mut Problems) -> Option<PackageList> {
    let files = problems.keep_if_present(Source::Snap, tree.list("var/lib/snapd/snaps"))?;
    let package = |(name, newest): (&String, &String)| {
        // Where snaps are mounted differs by distribution.
        let mount = ["snap", "var/lib/snapd/snap"].map(|folder| format!("{folder}/{name}/current"));
        let current = mount.iter().find_map(|path| tree.link_name(path));
        let yaml = mount.iter().find_map(|path| tree.text(&format!("{path}/meta/snap.yaml")).ok());
        snap::package(name, current.as_ref().unwrap_or(newest), yaml.as_deref())
    };
    some_of(
        PackageManager::Snap,
        snap::newest_revisions(&files).iter().filter_map(package).collect(),
    )
}

/// Many systems have the folders of a manager that installed nothing.
fn some_of(manager: PackageManager, mut packages: Vec<SoftwarePackage>) -> Option<PackageList> {
    packages.sort_unstable();
    (!packages.is_empty()).then(|| PackageList::new(manager, packages))
}
