//! Operators, sessions, the activity log, previews.

use cos_controller::store::activity::NewActivity;
use cos_controller::store::import_preview::ImportPreview;
use cos_controller::store::operator::NewOperator;
use cos_controller::store::session::NewSession;
use cos_controller::store::{Page, Scope, Store, StoreError};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use uuid::Uuid;

use crate::database::{at_postgres, at_sqlite};
use crate::fixture::{HOUR, at, municipality_scope, place_of, with_region};

fn operator(login: &str) -> NewOperator {
    NewOperator {
        external_id: Uuid::now_v7(),
        login: login.into(),
        display_name: "Оператор".into(),
        password_hash: "$argon2id$one".into(),
        must_change_password: true,
        role: "region_administrator".into(),
        scope: Scope::REGION,
        language: "ru".into(),
        created_at: at(0),
    }
}

fn session(operator_id: i64, hash: &str) -> NewSession {
    NewSession {
        token_hash: hash.into(),
        operator_id,
        csrf_token: "csrf".into(),
        created_at: at(0),
        expires_at: at(0) + HOUR,
    }
}

pub async fn an_operator_logs_in_is_locked_and_disabled(store: Store) {
    with_region(&store).await;
    assert_eq!(store.count_operators().await.unwrap(), 0);
    let new = operator("Админ");
    let id = store.create_operator(&new).await.unwrap();
    let taken = store.create_operator(&operator("АДМИН")).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict { .. }), "{taken:?}");
    let found = store.operator_by_login(" админ ").await.unwrap().unwrap();
    assert_eq!((found.id, found.must_change_password, found.scope), (id, true, Scope::REGION));
    assert_eq!(store.operator_by_external_id(new.external_id).await.unwrap(), Some(found.clone()));
    assert_eq!(store.operator(id).await.unwrap(), Some(found));
    assert_eq!(store.operator_by_login("кто").await.unwrap(), None);

    assert_eq!(store.count_failed_login(id).await.unwrap(), 1);
    assert_eq!(store.count_failed_login(id).await.unwrap(), 2);
    assert_eq!(store.count_failed_login(id + 99).await.unwrap(), 0);
    store.lock_operator(id, at(60)).await.unwrap();
    assert_eq!(store.operator(id).await.unwrap().unwrap().locked_until, Some(at(60)));
    store.clear_failed_logins(id).await.unwrap();
    store.set_operator_language(id, "en").await.unwrap();
    let cleared = store.operator(id).await.unwrap().unwrap();
    assert_eq!(
        (cleared.failed_attempts, cleared.locked_until, cleared.language.as_str()),
        (0, None, "en")
    );

    for hash in ["one", "two"] {
        store.create_session(&session(id, hash)).await.unwrap();
    }
    store.update_password(id, "$argon2id$two", false, Some("one")).await.unwrap();
    assert!(store.session("one", at(1)).await.unwrap().is_some());
    assert_eq!(store.session("two", at(1)).await.unwrap(), None);
    store.set_operator_disabled(id, Some(at(9))).await.unwrap();
    assert_eq!(store.session("one", at(1)).await.unwrap(), None);
    let disabled = store.operator(id).await.unwrap().unwrap();
    assert_eq!(
        (disabled.disabled_at, disabled.password_hash.as_str()),
        (Some(at(9)), "$argon2id$two")
    );
    store.set_operator_disabled(id, None).await.unwrap();

    let town = municipality_scope(&store, "57701000").await;
    let mut local = operator("города");
    local.scope = town;
    store.create_operator(&local).await.unwrap();
    assert_eq!(store.operators(Scope::REGION).await.unwrap().len(), 2);
    let seen = store.operators(town).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].scope, town);
    assert_eq!(store.count_operators().await.unwrap(), 2);
}

pub async fn sessions_expire_and_end(store: Store) {
    let id = store.create_operator(&operator("admin")).await.unwrap();
    for hash in ["one", "two", "three"] {
        store.create_session(&session(id, hash)).await.unwrap();
    }
    let found = store.session("one", at(1)).await.unwrap().unwrap();
    assert_eq!((found.csrf_token.as_str(), found.operator.login.as_str()), ("csrf", "admin"));
    assert_eq!(store.session("one", at(0) + HOUR).await.unwrap(), None);
    store.touch_session("one", at(60), at(60) + HOUR).await.unwrap();
    let touched = store.session("one", at(0) + HOUR).await.unwrap().unwrap();
    assert_eq!((touched.last_seen_at, touched.expires_at), (at(60), at(60) + HOUR));
    store.delete_session("two").await.unwrap();
    assert_eq!(store.session("two", at(1)).await.unwrap(), None);
    assert_eq!(store.delete_expired_sessions(at(0) + HOUR).await.unwrap(), 1);
    assert!(store.session("one", at(70)).await.unwrap().is_some());
}

pub async fn activity_is_read_within_scope(store: Store) {
    with_region(&store).await;
    let entry = |organization_id, subject: &str| NewActivity {
        at: at(1),
        operator_id: None,
        operator_login: "admin".into(),
        action: "token.create".into(),
        subject_kind: "token".into(),
        subject_id: subject.into(),
        organization_id,
        detail: "{}".into(),
    };
    let (here, there) = (place_of(&store, 1).await, place_of(&store, 3).await);
    for (organization, subject) in [(None, "a"), (Some(here.organization_id), "b"), (Some(there.organization_id), "c")] {
        store.append_activity(&entry(organization, subject)).await.unwrap();
    }
    let subjects = async |scope| -> String {
        let list = store.activities(scope, Page::default()).await.unwrap();
        assert_eq!(list.total, list.rows.len() as i64);
        list.rows.into_iter().map(|entry| entry.subject_id).collect()
    };
    assert_eq!(subjects(Scope::REGION).await, "cba");
    assert_eq!(subjects(municipality_scope(&store, "57701000").await).await, "b");
    let school = Scope {
        municipality: None,
        organization: Some(there.organization_id),
    };
    assert_eq!(subjects(school).await, "c");
}

pub async fn an_import_preview_is_confirmed_once(store: Store) {
    let id = store.create_operator(&operator("registrar")).await.unwrap();
    let preview = |created_at| ImportPreview {
        external_id: Uuid::now_v7(),
        operator_id: id,
        created_at,
        kind: "register".into(),
        document: "{\"rows\":101}".into(),
    };
    let (old, new) = (preview(at(0)), preview(at(100)));
    store.save_import_preview(&old).await.unwrap();
    store.save_import_preview(&new).await.unwrap();
    let found = store.import_preview(new.external_id, id, &new.kind).await.unwrap();
    assert_eq!(found.as_ref(), Some(&new));
    assert_eq!(store.import_preview(new.external_id, id + 1, &new.kind).await.unwrap(), None);
    assert_eq!(store.import_preview(new.external_id, id, "another").await.unwrap(), None);
    assert_eq!(store.delete_import_previews_before(at(50)).await.unwrap(), 1);
    assert!(store.delete_import_preview(new.external_id, id).await.unwrap());
    assert!(!store.delete_import_preview(new.external_id, id).await.unwrap());
}

/// An entry is written by the store; then every statement, run past the store, is refused and the entry stays.
async fn the_log_refuses(address: String, statements: &[&'static str]) {
    let entry = NewActivity {
        at: at(1),
        operator_id: None,
        operator_login: "cli".into(),
        action: "token_created".into(),
        subject_kind: "token".into(),
        subject_id: "a".into(),
        organization_id: None,
        detail: "{}".into(),
    };
    let store = Store::open(&address).await.unwrap();
    store.append_activity(&entry).await.unwrap();
    store.close().await;

    let mut connection = AnyConnection::connect(&address.replace('%', "%25")).await.unwrap();
    for statement in statements {
        let refused = sqlx::raw_sql(AssertSqlSafe(*statement)).execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("append only"), "{statement}: {refused}");
    }
    connection.close().await.unwrap();

    let store = Store::open(&address).await.unwrap();
    store.append_activity(&entry).await.unwrap();
    let kept = store.activities(Scope::REGION, Page::default()).await.unwrap();
    let logins: Vec<_> = kept.rows.iter().map(|entry| entry.operator_login.as_str()).collect();
    assert_eq!(logins, ["cli", "cli"]);
    store.close().await;
}

const UPDATE: &str = "UPDATE activity SET operator_login = 'nobody'";
const DELETE: &str = "DELETE FROM activity";

#[tokio::test]
async fn activity_is_neither_changed_nor_deleted_in_sqlite() {
    const REPLACE: &str = "INSERT OR REPLACE INTO activity SELECT id, at, operator_id, 'nobody', action, subject_kind, subject_id, \
                           organization_id, detail FROM activity";
    at_sqlite(async |address| the_log_refuses(address, &[UPDATE, DELETE, REPLACE]).await).await;
}

#[tokio::test]
async fn activity_is_neither_changed_nor_deleted_in_postgres() {
    at_postgres(|address| async move { the_log_refuses(address, &[UPDATE, DELETE, "TRUNCATE activity"]).await }).await;
}
