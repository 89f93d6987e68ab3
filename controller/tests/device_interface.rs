//! The device interface from end to end: a region's controller, real agents, mutual TLS over loopback.
//!
//! SQLite runs always, PostgreSQL where `COS_TEST_POSTGRES` names a server; each test has a region of its own,
//! with a clock that it can move.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "store_contract/database.rs"]
mod database;
#[path = "device_interface/device.rs"]
mod device;
#[path = "device_interface/life.rs"]
mod life;
#[path = "device_interface/region.rs"]
mod region;

/// Runs each named test, an `async fn(Region)`, once per engine.
macro_rules! on_both_engines {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::region::on_sqlite(crate::$module::$test).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::region::on_postgres(crate::$module::$test).await;
            })*
        }
    };
}

on_both_engines! {
    life::a_computer_enrolls_reports_and_is_held_whole,
    life::a_deleted_record_is_whole_again_after_one_contact,
    life::what_was_answered_as_stored_outlives_a_restart,
}
