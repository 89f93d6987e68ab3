//! Whether a check-in may say one digest for all that the agent believes.
//!
//! Not before this controller said that it understands that: a program of before reads the whole only. A digest that was
//! not the controller's is not said again; beliefs that changed since have another. Called by the core.

use inventory_schema::Digest;
use inventory_schema::check_in::{CheckIn, ProtocolRange};

#[derive(Debug, Default)]
pub(super) struct Summaries {
    understood: bool,
    /// The digest that the check-in under way said.
    said: Option<Digest>,
    /// The newest digest that was not the controller's.
    refused: Option<Digest>,
}

impl Summaries {
    pub(super) fn answered(&mut self, protocol: u16, beliefs_wanted: bool) {
        self.understood = protocol >= ProtocolRange::SECOND;
        let said = self.said.take();
        if beliefs_wanted {
            self.refused = said;
        }
    }

    /// The check-in to send in place of `whole`.
    pub(super) fn shortened(&mut self, whole: CheckIn) -> CheckIn {
        self.said = None;
        if !self.understood {
            return whole;
        }
        let short = whole.clone().summarized();
        if short.believed == self.refused {
            return whole;
        }
        self.said = short.believed;
        short
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use inventory_schema::check_in::SpoolDepth;
    use inventory_schema::device::BootId;
    use inventory_schema::envelope::ReportClock;
    use inventory_schema::quantity::Microseconds;
    use inventory_schema::{SectionName, Timestamp};

    use super::*;

    fn check_in(memory: &[u8]) -> CheckIn {
        CheckIn {
            protocol: ProtocolRange::CURRENT,
            agent: "0.1.0".parse().unwrap(),
            clock: ReportClock {
                device: Timestamp::from_unix_seconds(1_800_000_000),
                trusted: None,
                boot: BootId::generate(),
                uptime: Microseconds::saturating(1),
            },
            believed: None,
            held: BTreeMap::from([(SectionName::Memory, Digest::of(memory))]),
            acknowledged: None,
            trust: Some(Digest::of(b"trust")),
            receipt: None,
            signed_receipt: None,
            spool: SpoolDepth::default(),
            evidence: None,
            hardware: None,
            collection: None,
        }
    }

    #[test]
    fn beliefs_are_said_whole_until_the_controller_understands_their_digest() {
        let mut summaries = Summaries::default();
        assert_eq!(summaries.shortened(check_in(b"8")).believed, None);
        summaries.answered(1, false);
        assert_eq!(summaries.shortened(check_in(b"8")).believed, None);
        summaries.answered(2, false);
        let short = summaries.shortened(check_in(b"8"));
        assert!(short.believed.is_some() && short.held.is_empty() && short.trust.is_none());
        summaries.answered(1, false);
        assert_eq!(summaries.shortened(check_in(b"8")).believed, None);
    }

    #[test]
    fn a_digest_that_was_not_the_controllers_is_said_once() {
        let mut summaries = Summaries::default();
        summaries.answered(2, false);
        assert!(summaries.shortened(check_in(b"8")).believed.is_some());
        summaries.answered(2, true);
        assert_eq!(summaries.shortened(check_in(b"8")).believed, None);
        summaries.answered(2, false);
        assert_eq!(summaries.shortened(check_in(b"8")).believed, None);
        assert!(summaries.shortened(check_in(b"16")).believed.is_some());
    }
}
