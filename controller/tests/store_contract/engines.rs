//! A store of each engine for one test, closed afterwards.

use std::future::Future;

use cos_controller::store::Store;

use crate::database::{at_postgres, at_sqlite};

pub async fn on_sqlite<F: Future<Output = ()> + Send + 'static>(test: fn(Store) -> F) {
    at_sqlite(async move |address| {
        let store = Store::open(&address).await.unwrap();
        test(store.clone()).await;
        store.close().await;
    })
    .await;
}

pub async fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: fn(Store) -> F) {
    at_postgres(move |address| async move {
        let store = Store::open(&address).await.unwrap();
        test(store.clone()).await;
        store.close().await;
    })
    .await;
}
