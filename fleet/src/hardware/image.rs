//! Disk images: what most computers of a region have in common.
//!
//! A region installs a handful of systems, each with its 200 to 1,200 packages. A computer adds nothing of its
//! own here; an update brings the whole image to its next state, so that two computers of one image and one
//! state have one software list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use inventory_schema::Digest;
use inventory_schema::inventory::{PackageList, PackageManager, SectionBody, Software, SoftwarePackage};
use inventory_schema::section::Section;
use inventory_schema::text::{SoftwareName, SoftwareVersion};

use crate::dice::Dice;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) id: &'static str,
    pub(super) version: &'static str,
    pub(super) title: &'static str,
    pub(super) kernel: &'static str,
    manager: PackageManager,
    packages: u64,
}

const IMAGES: [(u64, Image); 5] = [
    (
        350,
        image(
            "altlinux",
            "10.2",
            "ALT Education 10.2",
            "6.1.90-un-def-alt1",
            PackageManager::Rpm,
            1200,
        ),
    ),
    (
        250,
        image("astra", "1.7_x86-64", "Astra Linux", "5.15.0-83-generic", PackageManager::Dpkg, 980),
    ),
    (
        200,
        image("redos", "7.3", "RED OS 7.3", "6.1.52-1.el7.3.x86_64", PackageManager::Rpm, 740),
    ),
    (
        150,
        image(
            "debian",
            "12",
            "Debian GNU/Linux 12 (bookworm)",
            "6.1.0-21-amd64",
            PackageManager::Dpkg,
            520,
        ),
    ),
    (
        50,
        image(
            "altlinux",
            "9.2",
            "ALT Workstation K 9.2",
            "5.10.190-un-def-alt1",
            PackageManager::Rpm,
            200,
        ),
    ),
];

const fn image(
    id: &'static str,
    version: &'static str,
    title: &'static str,
    kernel: &'static str,
    manager: PackageManager,
    packages: u64,
) -> Image {
    Image {
        id,
        version,
        title,
        kernel,
        manager,
        packages,
    }
}

/// Which image a computer has, and how many updates it took.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Installed {
    image: usize,
    updates: u64,
}

impl Installed {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let by_weight: Vec<(u64, usize)> = IMAGES.iter().enumerate().map(|(index, (weight, _))| (*weight, index)).collect();
        Self {
            image: *dice.weighed(&by_weight),
            updates: 0,
        }
    }

    pub(super) fn update(&mut self) {
        self.updates += 1;
    }

    pub(super) fn image(&self) -> &'static Image {
        const ALL: &[(u64, Image)] = &IMAGES;
        &ALL[self.image].1
    }

    fn software(&self) -> Software {
        let image = self.image();
        // Every update brings new versions of a few packages.
        let updated = |package: u64| self.updates.saturating_sub(package % 40) / 40 + u64::from(package % 40 < self.updates % 40);
        let mut packages: Vec<SoftwarePackage> = (0..image.packages)
            .map(|package| SoftwarePackage {
                name: SoftwareName::observed(&package_name(self.image as u64, package)).expect("a name of letters"),
                version: SoftwareVersion::observed(&format!(
                    "{}.{}.{}-{}",
                    package % 7,
                    package % 23,
                    updated(package),
                    self.updates_of(package)
                )),
                architecture: None,
            })
            .collect();
        packages.sort();
        Software {
            lists: vec![PackageList::new(image.manager, packages)],
        }
    }

    fn updates_of(&self, package: u64) -> u64 {
        if package.is_multiple_of(37) { self.updates } else { 0 }
    }
}

fn package_name(image: u64, package: u64) -> String {
    const FIRST: [&str; 12] = [
        "lib", "python3-", "kde5-", "fonts-", "gir-", "perl-", "x11-", "qt5-", "xfce4-", "java-", "cups-", "gnome-",
    ];
    const SECOND: [&str; 16] = [
        "archive",
        "audio",
        "bluetooth",
        "calendar",
        "codec",
        "compress",
        "crypto",
        "database",
        "editor",
        "graphics",
        "image",
        "keyring",
        "network",
        "office",
        "player",
        "school",
    ];
    let mut dice = Dice::of(image, "package", package);
    format!("{}{}{package}", dice.pick(&FIRST), dice.pick(&SECOND))
}

/// Texts that several computers share, made once and kept once.
#[derive(Debug, Default)]
pub struct Images {
    software: Mutex<HashMap<Installed, (Digest, Arc<str>)>>,
}

impl Images {
    pub(super) fn software(&self, installed: &Installed) -> (Digest, Arc<str>) {
        let mut known = self.software.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known.entry(installed.clone()).or_insert_with(|| {
            let body = SectionBody::of(&Section::Read(installed.software())).expect("a list of texts");
            (body.digest, body.bytes.into_text().into())
        });
        made.clone()
    }
}
