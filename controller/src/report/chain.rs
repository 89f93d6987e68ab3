//! Does an envelope follow its key's chain? The one rule by which evidence is ordered.
//!
//! Pure: it knows no database. The store reads the heads of a group, asks this module report by report,
//! and writes what it answers under a compare-and-swap on the head.

use inventory_schema::Digest;
use inventory_schema::envelope::{ChainHead, ChainPlace, ReceivedEnvelope, Resumption};

/// An envelope's link into its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLink {
    pub place: ChainPlace,
    pub digest: Digest,
    pub previous: Option<Digest>,
    pub resumed: Option<Resumption>,
}

impl ChainLink {
    pub fn of(received: &ReceivedEnvelope) -> Self {
        let envelope = &received.envelope;
        Self {
            place: envelope.place,
            digest: received.digest,
            previous: envelope.previous,
            resumed: envelope.resumed,
        }
    }

    /// Whether it is `head`'s successor: the next of its epoch, or the first of the next epoch.
    pub fn follows(&self, head: &ChainHead) -> bool {
        let next_epoch = self.place.epoch == head.place.epoch.wrapping_add(1) && self.place.sequence == 1;
        self.previous == Some(head.digest) && (self.place == head.place.next() || next_epoch)
    }

    pub fn head(&self) -> ChainHead {
        ChainHead {
            place: self.place,
            digest: self.digest,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Continues the chain: the head moves here.
    Append,
    /// Begins where no head is known, though it is not the first of its chain: the record was deleted, or
    /// the chain began under another controller. Stored, and the break is recorded.
    AppendAfterBreak,
    /// The very envelope that stands at this place.
    Duplicate,
    /// Another envelope stands at this place: both are kept, the head stays, the agent begins a new epoch.
    Fork { head: ChainHead },
    /// Does not follow the head: nothing is stored, the agent resumes from the head.
    Gap { head: ChainHead },
}

/// Judges `link` against the chain's `head` and the digest that is stored at the link's place, if any.
pub fn judge(head: Option<ChainHead>, stored_at_place: Option<Digest>, link: &ChainLink) -> Verdict {
    if stored_at_place == Some(link.digest) {
        return Verdict::Duplicate;
    }
    let Some(head) = head else {
        let first = link.place == ChainPlace::FIRST && link.previous.is_none();
        return if first { Verdict::Append } else { Verdict::AppendAfterBreak };
    };
    if head.digest == link.digest {
        return Verdict::Duplicate;
    }
    if stored_at_place.is_some() {
        return Verdict::Fork { head };
    }
    if link.follows(&head) {
        Verdict::Append
    } else if link.place <= head.place {
        // The place was passed and its envelope is no longer kept: nobody can tell a fork from a copy.
        Verdict::Gap { head }
    } else if link.place == head.place.next() {
        // The head's successor that names another predecessor: the chain split one step earlier.
        Verdict::Fork { head }
    } else {
        Verdict::Gap { head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(epoch: u32, sequence: u64) -> ChainPlace {
        ChainPlace { epoch, sequence }
    }

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn link(epoch: u32, sequence: u64, name: &str, previous: Option<&str>) -> ChainLink {
        ChainLink {
            place: place(epoch, sequence),
            digest: digest(name),
            previous: previous.map(digest),
            resumed: None,
        }
    }

    fn head(epoch: u32, sequence: u64, name: &str) -> ChainHead {
        ChainHead {
            place: place(epoch, sequence),
            digest: digest(name),
        }
    }

    #[test]
    fn a_chain_begins_and_continues() {
        assert_eq!(judge(None, None, &link(0, 1, "a", None)), Verdict::Append);
        assert_eq!(judge(Some(head(0, 1, "a")), None, &link(0, 2, "b", Some("a"))), Verdict::Append);
        assert_eq!(judge(Some(head(0, 2, "b")), None, &link(1, 1, "c", Some("b"))), Verdict::Append);
    }

    #[test]
    fn what_was_stored_is_a_duplicate_wherever_the_head_is() {
        assert_eq!(
            judge(Some(head(0, 9, "z")), Some(digest("b")), &link(0, 2, "b", Some("a"))),
            Verdict::Duplicate
        );
        assert_eq!(judge(Some(head(0, 2, "b")), None, &link(0, 2, "b", Some("a"))), Verdict::Duplicate);
    }

    #[test]
    fn another_envelope_at_a_taken_place_is_a_fork() {
        let chain = Some(head(0, 3, "c"));
        assert_eq!(
            judge(chain, Some(digest("b")), &link(0, 2, "x", Some("a"))),
            Verdict::Fork { head: head(0, 3, "c") }
        );
        assert_eq!(
            judge(chain, None, &link(0, 4, "x", Some("y"))),
            Verdict::Fork { head: head(0, 3, "c") }
        );
    }

    #[test]
    fn a_reordered_report_is_a_gap_and_the_answer_names_the_head() {
        let chain = Some(head(0, 3, "c"));
        assert_eq!(
            judge(chain, None, &link(0, 5, "e", Some("d"))),
            Verdict::Gap { head: head(0, 3, "c") }
        );
        assert_eq!(
            judge(chain, None, &link(2, 1, "e", Some("c"))),
            Verdict::Gap { head: head(0, 3, "c") }
        );
        assert_eq!(judge(chain, None, &link(0, 1, "x", None)), Verdict::Gap { head: head(0, 3, "c") });
    }

    #[test]
    fn a_chain_whose_record_was_deleted_goes_on_with_the_break_recorded() {
        assert_eq!(judge(None, None, &link(0, 17, "q", Some("p"))), Verdict::AppendAfterBreak);
    }

    proptest! {
        /// Whatever arrives in whatever order, the head only ever moves to an envelope that names it.
        #[test]
        fn the_head_moves_only_to_its_successor(epoch in 0u32..3, sequence in 1u64..6, previous in proptest::option::of("[abc]"), name in "[abcx]") {
            let current = head(1, 3, "c");
            let incoming = link(epoch, sequence, &name, previous.as_deref());
            if judge(Some(current), None, &incoming) == Verdict::Append {
                prop_assert_eq!(incoming.previous, Some(current.digest));
                prop_assert!(incoming.place > current.place);
            }
        }
    }
}
