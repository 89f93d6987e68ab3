//! Those who say nothing but that they are there: by far the most, and the one statement that notes them.

use std::collections::HashSet;
use std::fmt::Write;

use inventory_schema::Timestamp;
use sqlx::AnyConnection;

use crate::store::statement::Columns;
use crate::store::{EngineKind, StoreResult};

/// A device that says nothing but that it is there, and the revision that is known of it.
pub(super) struct Unchanged {
    pub(super) device: i64,
    pub(super) revision: i64,
    pub(super) at: Timestamp,
}

/// Notes those whose revision is the known one: usually all, and then nothing need be read. Answers devices that are to
/// be noted in another way: on SQLite all, if it is any.
///
/// One of the statements that are written for each engine: a list of three columns travels as one text on SQLite and as
/// a text for each column on PostgreSQL, where a value of its own for each would cost a multiple.
pub(super) async fn touch_unchanged(engine: EngineKind, connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    if signs.is_empty() {
        return Ok(HashSet::new());
    }
    match engine {
        EngineKind::Sqlite => touch_on_sqlite(connection, signs).await,
        EngineKind::Postgres => touch_on_postgres(connection, signs).await,
    }
}

async fn touch_on_sqlite(connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    const TOUCH: &str = "WITH v AS (SELECT value->>0 AS target, value->>1 AS expected, value->>2 AS seen FROM json_each($1)) \
        UPDATE presence SET last_seen_at = COALESCE(MAX(last_seen_at, v.seen), v.seen) FROM v \
        WHERE presence.device_id = v.target AND presence.revision = v.expected";
    let rows = joined(signs, |sign| {
        format!("[{},{},{}]", sign.device, sign.revision, sign.at.unix_micros())
    });
    let noted = sqlx::query(TOUCH)
        .bind(format!("[{rows}]"))
        .execute(connection)
        .await?
        .rows_affected();
    let all = usize::try_from(noted) == Ok(signs.len());
    Ok(if all {
        HashSet::new()
    } else {
        signs.iter().map(|sign| sign.device).collect()
    })
}

async fn touch_on_postgres(connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    const TOUCH: &str = "WITH v AS (SELECT * FROM UNNEST(CAST(string_to_array($1, ',') AS BIGINT[]), \
        CAST(string_to_array($2, ',') AS BIGINT[]), CAST(string_to_array($3, ',') AS BIGINT[])) AS v(target, expected, seen)), \
        noted AS (UPDATE presence p SET last_seen_at = GREATEST(p.last_seen_at, v.seen) \
        FROM v WHERE p.device_id = v.target AND p.revision = v.expected RETURNING p.device_id) \
        SELECT v.target FROM v WHERE NOT EXISTS (SELECT 1 FROM noted n WHERE n.device_id = v.target)";
    let rows = sqlx::query(TOUCH)
        .bind(joined(signs, |sign| sign.device))
        .bind(joined(signs, |sign| sign.revision))
        .bind(joined(signs, |sign| sign.at.unix_micros()))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.int("target")).collect()
}

/// What is said of each sign, with commas between.
fn joined<T: std::fmt::Display>(signs: &[Unchanged], said: impl Fn(&Unchanged) -> T) -> String {
    let mut text = String::with_capacity(signs.len() * 18);
    for sign in signs {
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{}", said(sign)).expect("a String can be written");
    }
    text
}
