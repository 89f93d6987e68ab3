//! The store's contract: one suite, every statement, both engines.
//!
//! SQLite runs always. PostgreSQL runs where `COS_TEST_POSTGRES` names a server
//! (`postgres://postgres@127.0.0.1:15432/postgres`); each test makes a database there and drops it.
#![allow(clippy::unwrap_used)]

#[path = "store_contract/backups.rs"]
mod backups;
#[path = "store_contract/checkpoints.rs"]
mod checkpoints;
#[path = "environment/database.rs"]
mod database;
#[path = "store_contract/devices.rs"]
mod devices;
#[path = "store_contract/engines.rs"]
mod engines;
#[path = "store_contract/fixture.rs"]
mod fixture;
#[path = "store_contract/identifiers.rs"]
mod identifiers;
#[path = "store_contract/identity.rs"]
mod identity;
#[path = "store_contract/imported.rs"]
mod imported;
#[path = "store_contract/lines.rs"]
mod lines;
#[path = "store_contract/migrations.rs"]
mod migrations;
#[path = "store_contract/months.rs"]
mod months;
#[path = "store_contract/outages.rs"]
mod outages;
#[path = "store_contract/parts.rs"]
mod parts;
#[path = "store_contract/people.rs"]
mod people;
#[path = "store_contract/presence.rs"]
mod presence;
#[path = "store_contract/registers.rs"]
mod registers;
#[path = "store_contract/reports.rs"]
mod reports;
#[path = "store_contract/retention.rs"]
mod retention;
#[path = "store_contract/tokens.rs"]
mod tokens;
#[path = "store_contract/year.rs"]
mod year;

/// Runs each named test, an `async fn(Store)`, once per engine.
macro_rules! on_both_engines {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::engines::on_sqlite(crate::$module::$test).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::engines::on_postgres(crate::$module::$test).await;
            })*
        }
    };
}

on_both_engines! {
    registers::an_import_is_read_back_as_it_was_applied,
    registers::a_change_adds_a_version_and_the_past_can_be_asked,
    registers::a_row_without_its_parent_writes_nothing,
    registers::cyrillic_is_searched_and_ordered_alike,
    registers::lists_come_in_pages,
    registers::a_scope_sees_its_own_part_only,
    tokens::a_token_is_made_listed_and_revoked,
    tokens::twenty_concurrent_enrollments_never_exceed_the_limit,
    tokens::the_same_hardware_spends_nothing_again,
    tokens::expired_revoked_and_unknown_tokens_are_told_apart,
    tokens::enrollments_of_one_group_are_told_apart,
    devices::enrolling_twice_is_one_device,
    devices::a_key_belongs_to_one_device,
    devices::devices_are_found_by_words_place_and_silence,
    devices::a_device_moves_within_its_organization_only,
    devices::a_device_out_of_scope_is_not_found,
    devices::the_overview_counts_by_municipality,
    devices::a_deleted_device_leaves_its_certificates_and_revocations,
    presence::signs_of_life_never_go_back,
    presence::what_a_sign_of_life_says_anew_is_recorded_and_nothing_else,
    presence::an_order_to_all_is_one_row_and_later_than_the_one_before,
    presence::whatever_an_answer_depends_on_ends_what_was_remembered,
    presence::a_record_that_is_gone_is_not_remembered,
    presence::a_device_is_told_once_to_look_at_its_hardware,
    presence::news_name_whom_they_concern,
    reports::a_report_is_stored_and_read_back,
    reports::a_chain_is_continued_within_one_group,
    reports::a_fork_keeps_both_and_is_found_once,
    reports::breaks_are_one_finding_that_counts,
    reports::a_gap_stores_nothing,
    reports::a_duplicate_is_known_and_may_bring_missing_bodies,
    reports::a_group_of_256_with_one_conflicting_report,
    reports::equal_bodies_are_stored_once,
    reports::groups_answer_as_single_reports_do,
    reports::concurrent_groups_of_one_chain_store_it_once,
    reports::a_deleted_device_that_returns_continues_its_chain_with_a_break,
    lines::a_measurement_is_found_by_its_building_and_goes_with_its_month,
    lines::a_measurement_of_another_schools_building_stays_at_home,
    lines::a_deleted_device_takes_its_measurements_along,
    lines::a_contracted_speed_is_a_version,
    lines::a_building_that_is_in_no_register_holds_up_nobody,
    lines::weeks_of_samples_are_judged_for_lists,
    months::a_chain_goes_over_a_months_end,
    months::a_fork_at_a_months_end_is_kept_once,
    months::any_clock_has_a_month,
    months::a_month_holds_the_bodies_its_reports_name,
    identity::hardware_is_found_by_what_it_has_now,
    identity::a_value_of_a_whole_batch_is_counted_and_finds_nobody,
    identity::hardware_is_claimed_once,
    identity::a_case_is_opened_once_and_decided,
    imported::what_was_told_is_read_back_and_refreshed,
    imported::a_file_is_written_whole_or_not_at_all,
    imported::told_hardware_and_read_hardware_are_apart,
    imported::lists_and_counts_tell_the_levels_apart,
    imported::a_case_is_opened_once_and_left_alone,
    retention::a_month_goes_and_what_rests_on_it_stays,
    retention::a_broken_run_is_finished_by_the_next,
    retention::reports_come_in_while_a_month_goes,
    people::an_operator_logs_in_is_locked_and_disabled,
    people::sessions_expire_and_end,
    people::activity_is_read_within_scope,
    people::an_import_preview_is_confirmed_once,
    parts::a_disk_that_wandered_is_one_event_naming_both,
    parts::what_is_stated_again_writes_nothing,
    parts::a_body_that_comes_late_is_read_when_it_comes,
    parts::a_number_of_two_live_devices_is_a_duplicate,
    parts::a_silent_device_is_presumed_to_have_lost_its_disk,
    parts::another_board_is_told_and_the_device_stays,
    parts::parts_are_found_by_number_model_and_maker_within_scope,
    parts::changes_are_seen_within_scope_and_filtered,
    parts::a_taught_name_holds_until_the_next,
    identifiers::a_worse_reading_leaves_the_last_good_one,
    identifiers::a_number_of_two_live_devices_names_both,
    identifiers::a_uuid_in_the_other_order_of_bytes_is_the_same,
    identifiers::a_ruled_kind_outlives_every_report_and_is_taken_back,
    identifiers::a_number_of_a_whole_delivery_costs_no_more_than_others,
    checkpoints::heads_and_certificates_are_in_a_checkpoint_for_good,
    checkpoints::a_day_has_one_checkpoint,
    checkpoints::what_a_broken_attempt_left_is_replaced,
    outages::the_database_answers_a_ping_and_migrates_again,
}
