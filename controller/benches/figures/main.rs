//! `make bench`: what the controller does per second, in CPU and in memory, each beside the bare reference in the same run.
//!
//! The load runs here; the controller and the reference are this program in other roles, as processes of their own.
//! `cargo bench -p cos-controller --bench figures -- check-ins` measures what is named only.

mod check_in;
mod client;
mod connection;
mod controller;
mod device;
mod enrollment;
mod figure;
mod inventory;
mod load;
mod pair;
mod postgres;
mod process;
#[path = "../reference/server.rs"]
mod reference;
mod waiting;

use std::error::Error;
use std::path::Path;

use figure::Table;
use pair::{Engine, Pair};
use process::SlowDisk;

/// The controller's own; the reference has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["reference", ..] => reference::main(),
        ["controller", database, folder] => controller::main(database, Path::new(folder)),
        named => {
            let named: Vec<&str> = named.iter().filter(|name| !name.starts_with("--")).copied().collect();
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?
                .block_on(measure(&named))
        }
    }
}

async fn measure(named: &[&str]) -> Outcome {
    let engines = [Engine::Sqlite, Engine::Postgres];
    let is_engine = |name: &str| engines.iter().any(|engine| engine.name() == name);
    let (named_engines, figures): (Vec<&str>, Vec<&str>) = named.iter().partition(|name| is_engine(name));
    let wanted = |name: &str| figures.is_empty() || figures.contains(&name);
    let folder = tempfile::tempdir()?;
    allow_everyone(folder.path())?;
    let slow = SlowDisk::build(folder.path())?;
    let mut table = Table::default();
    for engine in engines {
        if !named_engines.is_empty() && !named_engines.contains(&engine.name()) {
            continue;
        }
        let mut pair = Pair::start(engine, folder.path(), &slow).await?;
        if wanted("enrollments") {
            enrollment::figure(&mut pair, &mut table).await?;
        }
        enrollment::fill(&mut pair, check_in::AT_ONE_TIME + 2 * inventory::AT_ONE_TIME).await?;
        inventory::introduce_all(&mut pair).await?;
        if wanted("inventories") {
            inventory::figures(&mut pair, &mut table).await?;
        }
        if wanted("check-ins") {
            check_in::figures(&mut pair, &slow, &mut table).await?;
        }
        // What is not the database's is measured once.
        if wanted("connections") && engine == Engine::Sqlite {
            connection::figures(&pair, &mut table).await?;
        }
        if wanted("waiting") && engine == Engine::Sqlite {
            waiting::figures(&mut pair, &slow, &mut table).await?;
        }
    }
    table.print();
    Ok(())
}

/// PostgreSQL runs as another user where this program is root's.
fn allow_everyone(folder: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
