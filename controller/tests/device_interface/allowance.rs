//! What one device may report: a flood is put off and harms nobody else.

use cos_controller::config::Config;
use cos_controller::config::value::Bounded;
use inventory_schema::SectionName;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::ReportOutcome;

use crate::device::{Device, memory, refusal};
use crate::region::with_settings;

fn little(config: &mut Config) {
    config.limits.device_hourly_report_bytes = Bounded::of(65_536);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_sends_without_end_is_put_off_and_harms_nobody_else() {
    with_settings(little, async |region| {
        let mut flooding = Device::new(&region).await;
        let mut stored = 0;
        let put_off = loop {
            let batch = flooding.report(&[(SectionName::Memory, &memory(stored))]);
            match flooding.transport.send_reports(&batch).await {
                Ok(_) => stored += 1,
                Err(failure) => break failure,
            }
            assert!(stored < 32 * 65_536 / (6 << 10), "{stored} reports were taken in one go");
        };
        assert_eq!(refusal::<()>(Err(put_off)), ProblemCode::Busy);
        assert!(stored > 100, "what waits after a summer is taken: {stored}");
        assert_eq!(region.server.state.metrics.over_allowance.read(), 1);
        // It is heard all the same, and nobody else is put off.
        flooding
            .transport
            .check_in(&flooding.check_in(), Seconds::saturating(0))
            .await
            .unwrap();
        let mut other = Device::new(&region).await;
        let batch = other.report(&[(SectionName::Memory, &memory(1))]);
        assert_eq!(other.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
        region.stop().await;
    })
    .await;
}
