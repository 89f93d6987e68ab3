//! A PostgreSQL of the benchmark's own, with the settings that the known figures were taken with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process::SlowDisk;

const SETTINGS: [&str; 4] = ["-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"];

#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    /// `postgres://…/postgres`.
    address: String,
    postmaster: u32,
}

fn script() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/test/postgres.sh"))
}

impl Postgres {
    pub fn start(folder: &Path, slow: &SlowDisk) -> Outcome<Self> {
        let mut command = script();
        command.arg("start").arg(folder).args(SETTINGS);
        slow.preload_into(&mut command);
        let started = command.stderr(std::process::Stdio::inherit()).output()?;
        if !started.status.success() {
            return Err("PostgreSQL does not start".into());
        }
        let number = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
        Ok(Self {
            folder: folder.to_owned(),
            address: String::from_utf8(started.stdout)?.trim().to_owned(),
            postmaster: number.lines().next().ok_or("postmaster.pid is empty")?.parse()?,
        })
    }

    pub fn postmaster(&self) -> u32 {
        self.postmaster
    }

    /// Makes an empty database and answers its address.
    pub async fn database(&self, name: &str) -> Outcome<String> {
        use sqlx::Connection;
        let mut connection = sqlx::PgConnection::connect(&self.address).await?;
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await?;
        let server = self.address.rsplit_once('/').ok_or("an address without a database")?.0;
        Ok(format!("{server}/{name}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = script().arg("stop").arg(&self.folder).status();
    }
}
