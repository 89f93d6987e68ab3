//! The device interface from end to end: a region's controller, real agents, mutual TLS over loopback.
//!
//! SQLite runs always, PostgreSQL where `COS_TEST_POSTGRES` names a server; each test has a region of its own,
//! with a clock that it can move.
#![allow(clippy::unwrap_used)]

#[path = "device_interface/activity.rs"]
mod activity;
#[path = "device_interface/allowance.rs"]
mod allowance;
#[path = "device_interface/archives.rs"]
mod archives;
#[path = "environment/database.rs"]
mod database;
#[path = "device_interface/device.rs"]
mod device;
#[path = "environment/event.rs"]
mod event;
#[path = "environment/folder.rs"]
mod folder;
#[path = "device_interface/held.rs"]
mod held;
#[path = "device_interface/image.rs"]
mod image;
#[path = "device_interface/life.rs"]
mod life;
#[path = "device_interface/region.rs"]
mod region;

#[path = "device_interface/backup.rs"]
mod backup;

#[path = "device_interface/certificates.rs"]
mod certificates;

#[path = "device_interface/evidence.rs"]
mod evidence;

#[path = "device_interface/damaged_evidence.rs"]
mod damaged_evidence;

#[path = "device_interface/joined_evidence.rs"]
mod joined_evidence;

#[path = "device_interface/tokens.rs"]
mod tokens;

#[path = "device_interface/lines.rs"]
mod lines;

#[path = "device_interface/wire.rs"]
mod wire;

#[path = "device_interface/reports.rs"]
mod reports;

#[path = "device_interface/hostile.rs"]
mod hostile;

#[path = "device_interface/clones.rs"]
mod clones;

#[path = "device_interface/merging.rs"]
mod merging;

#[path = "device_interface/told.rs"]
mod told;

#[path = "device_interface/long_poll.rs"]
mod long_poll;

#[path = "device_interface/several_controllers.rs"]
mod several_controllers;

#[path = "device_interface/outages.rs"]
mod outages;

#[path = "device_interface/absence.rs"]
mod absence;

#[path = "device_interface/carry.rs"]
mod carry;

#[path = "device_interface/program.rs"]
mod program;

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
    clones::copies_of_one_image_are_devices_of_their_own,
    clones::copies_that_look_alike_are_told_apart_by_their_boots,
    clones::a_disk_restored_at_every_boot_is_one_device_wherever_it_is,
    clones::a_laptop_stays_one_device_through_its_career,
    merging::joined_records_are_one_and_can_be_parted_again,
    merging::a_parted_key_takes_its_reports_along_and_back,
    told::an_agent_never_takes_over_what_was_told,
    told::a_file_about_a_known_computer_is_a_question,
    life::a_computer_enrolls_reports_and_is_held_whole,
    life::a_deleted_record_is_whole_again_after_one_contact,
    life::a_disk_that_restores_itself_stays_one_device,
    life::a_refused_report_does_not_hold_up_those_behind_it,
    life::what_was_answered_as_stored_outlives_a_restart,
    tokens::each_fault_of_a_token_has_its_code,
    tokens::a_token_of_five_uses_makes_five_devices_of_twenty_computers,
    tokens::another_schools_token_never_takes_a_computer_over,
    tokens::the_same_computer_spends_one_use_and_is_one_device,
    tokens::what_says_little_of_a_computer_makes_a_new_device,
    tokens::a_revoked_key_cannot_enroll,
    certificates::requests_for_keys_of_another_kind_are_refused,
    certificates::a_revoked_device_is_refused_everywhere,
    certificates::only_this_regions_devices_are_heard,
    certificates::a_device_speaks_for_itself_alone,
    certificates::an_expired_certificate_renews_itself_and_nothing_else,
    certificates::an_agent_that_was_off_for_a_year_and_a_half_comes_back_by_itself,
    carry::a_room_without_a_network_is_served_by_one_stick,
    carry::sticks_in_the_wrong_order_lose_nothing,
    carry::a_stick_brings_news_to_an_enrolled_computer,
    carry::a_hostile_stick_harms_nothing,
    reports::a_replayed_report_is_a_duplicate_and_a_reordered_one_a_gap,
    reports::an_envelope_that_was_changed_is_refused,
    reports::a_body_that_does_not_fit_its_report_is_refused,
    reports::unknown_fields_are_kept_as_they_came,
    reports::one_poisoned_report_among_256_harms_no_other,
    reports::a_fork_keeps_both_and_the_agent_begins_a_new_epoch,
    lines::a_measurement_of_a_real_agent_is_stored_and_proven,
    activity::a_day_of_a_real_agent_is_reported_when_it_is_over,
    activity::a_day_that_is_none_is_refused_and_harms_no_chain,
    lines::a_measurement_that_is_none_is_refused_and_harms_no_chain,
    evidence::an_export_holds_and_says_how_far,
    evidence::what_retention_left_is_still_proven,
    evidence::a_device_that_was_lost_forked_and_revoked_still_holds,
    joined_evidence::a_parted_keys_reports_hold_by_either_name,
    joined_evidence::joined_and_parted_records_hold,
}
