//! What the commands' tests share: a region of its own in a temporary folder, with the sample register in it.

use std::path::Path;

use inventory_schema::Timestamp;

use super::{Outcome, print_chain, with_store};
use crate::authority::Authority;
use crate::config::Config;
use crate::register::sample;
use crate::register_import;
use crate::store::{Page, Scope};

/// Perm.
pub const TOWN: &str = "57701000";
pub const SCHOOL: &str = "1205999000019";

pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub config: Config,
}

pub fn now() -> Timestamp {
    "2026-09-01T06:00:00.000000Z".parse().unwrap()
}

impl Fixture {
    pub fn with_region() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::parse(crate::config::SAMPLE, Path::new("controller.toml")).unwrap();
        config.authority.directory = folder.path().join("authority");
        config.database.url = format!("sqlite:{}", folder.path().join("controller.sqlite").display())
            .try_into()
            .unwrap();
        Authority::create(&config.authority.directory, &config.region.id, now()).unwrap();
        with_store(&config, async |store| {
            let preview = register_import::compare(&store, sample::perm_2020()).await?;
            Ok(register_import::apply(&store, &preview, "sample".to_owned(), now()).await?)
        })
        .unwrap();
        Self { folder, config }
    }

    /// What a command prints, or what it says when it fails.
    pub fn printed(&self, command: impl FnOnce(&Config, &mut Vec<u8>) -> Outcome) -> Result<String, String> {
        let mut out = Vec::new();
        match command(&self.config, &mut out) {
            Ok(()) => Ok(String::from_utf8(out).unwrap()),
            Err(error) => {
                let mut said = Vec::new();
                print_chain(error.as_ref(), &mut said).unwrap();
                Err(String::from_utf8(said).unwrap())
            }
        }
    }

    /// The activity log, oldest first: who, what, on what.
    pub fn activities(&self) -> Vec<String> {
        let listed = with_store(&self.config, async |store| {
            Ok(store.activities(Scope::REGION, Page::default()).await?)
        });
        let entries = listed.unwrap().rows.into_iter().rev();
        entries
            .map(|entry| {
                assert_eq!(entry.operator_id, None);
                format!("{} {} {}", entry.operator_login, entry.action, entry.subject_id)
            })
            .collect()
    }

    /// The name of [`TOWN`].
    pub fn town(&self) -> String {
        let found = with_store(&self.config, async |store| Ok(store.municipalities(Scope::REGION).await?));
        let mut municipalities = found.unwrap().into_iter();
        municipalities
            .find(|municipality| municipality.oktmo.as_str() == TOWN)
            .unwrap()
            .name
    }

    /// The short name of [`SCHOOL`].
    pub fn school(&self) -> String {
        let ogrn = SCHOOL.parse().unwrap();
        let found = with_store(&self.config, async |store| {
            Ok(store.organization_by_ogrn(Scope::REGION, &ogrn).await?)
        });
        found.unwrap().unwrap().short_name
    }
}
