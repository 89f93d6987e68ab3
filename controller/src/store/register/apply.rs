//! Writing changes of the register: the identities first, then the current versions closed, then the new ones.

use std::collections::{BTreeSet, HashMap};

use inventory_schema::organization::{BuildingId, Kpp, Ogrn, OrganizationId, RoomId};
use sqlx::AnyConnection;

use super::{BuildingRow, ChangeSource, OrganizationRow, RoomRow};
use crate::store::fold::{fold, sort_key};
use crate::store::statement::{Bulk, Columns, Value, word};
use crate::store::{StoreError, StoreResult};

pub(super) async fn organizations(connection: &mut AnyConnection, rows: &[OrganizationRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO organization (external_id, ogrn) VALUES",
        after: "ON CONFLICT (ogrn) DO NOTHING",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE organization_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE organization_version.organization_id = v.target AND organization_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO organization_version (organization_id, municipality_id, inn, kpp, kind, name, short_name, name_key, sort_key, \
                 status, contingent, valid_from, recorded_at, source) VALUES",
        after: "",
    };
    let new = rows
        .iter()
        .map(|row| vec![OrganizationId::generate().to_string().into(), row.ogrn.as_str().into()])
        .collect();
    INSERT.execute(&mut *connection, new).await?;
    let ids = organization_ids(&mut *connection, rows.iter().map(|row| &row.ogrn)).await?;
    let municipalities = municipality_ids(&mut *connection).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let id = known(&ids, row.ogrn.as_str(), || format!("organization {}", row.ogrn))?;
        let oktmo = row.municipality.municipality();
        let municipality = known(&municipalities, oktmo, || {
            format!("municipality {oktmo} of organization {}", row.ogrn)
        })?;
        versions.push(organization_version(row, id, municipality, source));
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

fn organization_version(row: &OrganizationRow, id: i64, municipality: i64, source: &ChangeSource) -> Vec<Value> {
    // Identifiers stand first: words are sought in order, and «школа 59» must not find every ИНН that has 59 in it.
    let searched = format!("{} {} {} {}", row.inn, row.ogrn, row.short_name, row.name);
    vec![
        id.into(),
        municipality.into(),
        row.inn.as_str().into(),
        row.kpp.as_ref().map(Kpp::as_str).into(),
        row.kind.as_str().into(),
        row.name.as_str().into(),
        row.short_name.as_str().into(),
        fold(&searched).into(),
        sort_key(row.short_name.as_str()).into(),
        word(&row.status).into(),
        row.contingent.into(),
        source.valid_from.into(),
        source.recorded_at.into(),
        source.source.as_str().into(),
    ]
}

pub(super) async fn buildings(connection: &mut AnyConnection, rows: &[BuildingRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO building (external_id, organization_id, number) VALUES",
        after: "ON CONFLICT (organization_id, number) DO NOTHING",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE building_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE building_version.building_id = v.target AND building_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO building_version (building_id, address, oktmo, settlement, settlement_class, fias, valid_from, recorded_at, \
                 source) VALUES",
        after: "",
    };
    let organizations = organization_ids(&mut *connection, rows.iter().map(|row| &row.ogrn)).await?;
    let mut new = Vec::with_capacity(rows.len());
    for row in rows {
        let organization = known(&organizations, row.ogrn.as_str(), || {
            format!("organization {} of building {}", row.ogrn, row.number)
        })?;
        new.push(vec![
            BuildingId::generate().to_string().into(),
            organization.into(),
            row.number.into(),
        ]);
    }
    INSERT.execute(&mut *connection, new).await?;
    let ids = building_ids(&mut *connection, rows.iter().map(|row| (&row.ogrn, row.number))).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.ogrn.as_str().to_owned(), row.number);
        let id = known(&ids, &key, || format!("building {} of {}", row.number, row.ogrn))?;
        versions.push(vec![
            id.into(),
            row.address.as_str().into(),
            String::from(row.oktmo.clone()).into(),
            row.settlement.as_str().into(),
            row.settlement_class.as_str().into(),
            row.fias.clone().into(),
            source.valid_from.into(),
            source.recorded_at.into(),
            source.source.as_str().into(),
        ]);
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

pub(super) async fn rooms(connection: &mut AnyConnection, rows: &[RoomRow], source: &ChangeSource) -> StoreResult<()> {
    const INSERT: Bulk = Bulk {
        before: "INSERT INTO room (external_id, building_id, number) VALUES",
        after: "ON CONFLICT (building_id, number) DO NOTHING",
    };
    const FIND: Bulk = Bulk {
        before: "WITH v(building, number) AS (VALUES",
        after: ") SELECT r.id, r.building_id, r.number FROM v JOIN room r ON r.building_id = v.building AND r.number = v.number",
    };
    const CLOSE: Bulk = Bulk {
        before: "WITH v(target, valid_end, recorded) AS (VALUES",
        after: ") UPDATE room_version SET valid_to = v.valid_end, superseded_at = v.recorded FROM v \
                WHERE room_version.room_id = v.target AND room_version.superseded_at IS NULL",
    };
    const VERSION: Bulk = Bulk {
        before: "INSERT INTO room_version (room_id, name, purpose, valid_from, recorded_at, source) VALUES",
        after: "",
    };
    let buildings = building_ids(&mut *connection, rows.iter().map(|row| (&row.ogrn, row.building))).await?;
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.ogrn.as_str().to_owned(), row.building);
        let building = known(&buildings, &key, || {
            format!("building {} of {}, of room {}", row.building, row.ogrn, row.number)
        })?;
        placed.push((building, row));
    }
    let new = placed
        .iter()
        .map(|(building, row)| {
            vec![
                RoomId::generate().to_string().into(),
                (*building).into(),
                row.number.as_str().into(),
            ]
        })
        .collect();
    INSERT.execute(&mut *connection, new).await?;
    let keys = placed
        .iter()
        .map(|(building, row)| vec![(*building).into(), row.number.as_str().into()])
        .collect();
    let mut ids = HashMap::new();
    for row in FIND.fetch(&mut *connection, keys).await? {
        ids.insert((row.int("building_id")?, row.text("number")?), row.int("id")?);
    }
    let mut versions = Vec::with_capacity(rows.len());
    for (building, row) in placed {
        let id = known(&ids, &(building, row.number.clone()), || format!("room {}", row.number))?;
        versions.push(vec![
            id.into(),
            row.name.as_str().into(),
            word(&row.purpose).into(),
            source.valid_from.into(),
            source.recorded_at.into(),
            source.source.as_str().into(),
        ]);
    }
    CLOSE.execute(&mut *connection, closing(ids.values(), source)).await?;
    VERSION.execute(&mut *connection, versions).await?;
    Ok(())
}

fn closing<'a>(ids: impl Iterator<Item = &'a i64>, source: &ChangeSource) -> Vec<Vec<Value>> {
    ids.map(|id| vec![(*id).into(), source.valid_from.into(), source.recorded_at.into()])
        .collect()
}

fn known<K, Q>(ids: &HashMap<K, i64>, key: &Q, what: impl Fn() -> String) -> StoreResult<i64>
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    ids.get(key).copied().ok_or_else(|| StoreError::Reference { what: what() })
}

async fn municipality_ids(connection: &mut AnyConnection) -> StoreResult<HashMap<String, i64>> {
    let rows = sqlx::query("SELECT id, oktmo FROM municipality").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.text("oktmo")?, row.int("id")?))).collect()
}

async fn organization_ids<'a>(connection: &mut AnyConnection, ogrns: impl Iterator<Item = &'a Ogrn>) -> StoreResult<HashMap<String, i64>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(ogrn) AS (VALUES",
        after: ") SELECT o.id, o.ogrn FROM v JOIN organization o ON o.ogrn = v.ogrn",
    };
    let distinct: BTreeSet<&Ogrn> = ogrns.collect();
    let keys = distinct.into_iter().map(|ogrn| vec![ogrn.as_str().into()]).collect();
    let rows = FIND.fetch(connection, keys).await?;
    rows.iter().map(|row| Ok((row.text("ogrn")?, row.int("id")?))).collect()
}

async fn building_ids<'a>(
    connection: &mut AnyConnection,
    keys: impl Iterator<Item = (&'a Ogrn, i64)>,
) -> StoreResult<HashMap<(String, i64), i64>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(ogrn, number) AS (VALUES",
        after: ") SELECT b.id, o.ogrn, b.number FROM v JOIN organization o ON o.ogrn = v.ogrn \
                JOIN building b ON b.organization_id = o.id AND b.number = v.number",
    };
    let distinct: BTreeSet<(&Ogrn, i64)> = keys.collect();
    let keys = distinct
        .into_iter()
        .map(|(ogrn, number)| vec![ogrn.as_str().into(), number.into()])
        .collect();
    let rows = FIND.fetch(connection, keys).await?;
    rows.iter()
        .map(|row| Ok(((row.text("ogrn")?, row.int("number")?), row.int("id")?)))
        .collect()
}
