//! A fresh database per test, on either engine, gone afterwards.

use std::future::Future;

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use uuid::Uuid;

/// Gives `test` the address of a database that does not exist yet.
pub async fn at_sqlite(test: impl AsyncFnOnce(String)) {
    let folder = tempfile::tempdir().unwrap();
    // A space, a percent sign and Cyrillic in the path must not matter.
    let path = folder.path().join("учёт 100%.db");
    test(format!("sqlite://{}", path.display())).await;
}

/// Gives `test` the address of an empty database; does nothing where no server is given.
pub async fn at_postgres<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(String) -> F) {
    let Ok(server) = std::env::var("COS_TEST_POSTGRES") else {
        return;
    };
    let name = format!("cos_test_{}", Uuid::now_v7().simple());
    execute(&server, format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
    let (address, _) = server.rsplit_once('/').unwrap();
    // In a task of its own, so that a failed test still drops its database.
    let outcome = tokio::spawn(test(format!("{address}/{name}"))).await;
    execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    outcome.unwrap();
}

/// Runs a statement past the store.
pub async fn execute(address: &str, statement: String) {
    sqlx::any::install_default_drivers();
    let address = address.replace('%', "%25");
    let mut connection = AnyConnection::connect(&address).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
