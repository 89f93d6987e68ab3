//! Do a key's reports follow each other, and which of them does a checkpoint prove? Pure.

use std::collections::HashMap;

use inventory_schema::envelope::{ChainHead, ChainPlace, Resumption};
use inventory_schema::{Digest, Timestamp};

use super::Place;
use crate::evidence::checkpoint::SETTLING;

/// A report of one key that continues its chain, in the archive's order.
#[derive(Debug, Clone)]
pub struct Link {
    pub place: ChainPlace,
    pub digest: Digest,
    pub previous: Option<Digest>,
    pub resumed: Option<Resumption>,
    pub received_at: Timestamp,
    /// Here only to link what was asked for to a checkpoint.
    pub is_extra: bool,
    pub at: Place,
}

/// The chain's head as a checkpoint has it; its path to the checkpoint's root was checked.
#[derive(Debug, Clone)]
pub struct ProvenHead {
    pub checkpoint: u64,
    pub head: ChainHead,
    pub at: Place,
}

/// A checkpoint by its number and the moment up to which it is complete; in their order.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub number: u64,
    pub taken_at: Timestamp,
}

/// What the region says of its archive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// The end of what was exported.
    pub to: Option<Timestamp>,
    /// Reports received before may have been let go for their age, one here and one there.
    pub kept_since: Option<Timestamp>,
}

impl Terms {
    fn may_lack(&self, moment: Timestamp) -> bool {
        self.kept_since.is_some_and(|since| moment < since)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A report between these two is missing, or one of them was put here.
    Gap { before: ChainPlace, here: ChainPlace },
    /// The checkpoint names a report after the last one here.
    EndsEarly { checkpoint: u64, head: ChainPlace },
    /// The checkpoint names another report for this place.
    OtherReport { checkpoint: u64, head: ChainPlace },
    /// Received before the checkpoint, as is said, and not in it.
    NotInCheckpoint { checkpoint: u64, here: ChainPlace },
    /// The archive does not say where the checkpoint has the chain's head.
    NoProof { checkpoint: u64 },
}

/// What a chain amounts to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// For each report the first checkpoint that proves it.
    pub proven: Vec<Option<u64>>,
    pub faults: Vec<(Place, Fault)>,
    /// The archive does not begin with the chain's first report.
    pub begins_later: bool,
    /// How often the chain goes on after its record was lost.
    pub breaks: u64,
    /// How often it goes on in a new epoch.
    pub epochs: u64,
    /// Places where reports were let go for their age.
    pub aged_gaps: u64,
    /// Old reports that nothing links to a checkpoint any more.
    pub unlinked: u64,
}

/// Judges a key's `links`, against the `heads` that checkpoints have of it, oldest first. Every checkpoint since the
/// first report must have one, up to the first that is no older than the end of what was exported.
pub fn judge(links: &[Link], heads: &[ProvenHead], moments: &[Moment], terms: Terms) -> Judgement {
    let mut judgement = Judgement {
        proven: vec![None; links.len()],
        ..Judgement::default()
    };
    let follows = linked(links, terms, &mut judgement);
    // Heads of a time whose reports may be gone prove what is left, and contradict nothing.
    let aged = moments
        .iter()
        .filter(|moment| terms.may_lack(moment.taken_at))
        .map(|moment| moment.number)
        .max();
    prove(links, &follows, heads, aged.unwrap_or(0), &mut judgement);
    complete(links, heads, moments, terms.to, &mut judgement);
    for (link, proven) in links.iter().zip(&judgement.proven) {
        let due = moments.get(moments.partition_point(|moment| moment.taken_at < link.received_at));
        if proven.is_none() && due.is_some() && terms.may_lack(link.received_at) {
            judgement.unlinked += 1;
        } else if let Some(due) = due.filter(|due| proven.is_none_or(|proven| proven > due.number)) {
            let fault = Fault::NotInCheckpoint {
                checkpoint: due.number,
                here: link.place,
            };
            judgement.faults.push((link.at.clone(), fault));
        }
    }
    judgement
}

/// For each report whether it follows the one before it here.
fn linked(links: &[Link], terms: Terms, judgement: &mut Judgement) -> Vec<bool> {
    let mut follows = Vec::with_capacity(links.len());
    let mut before: Option<&Link> = None;
    for link in links {
        let is_next = before.is_some_and(|before| {
            let next_epoch = link.place.sequence == 1 && before.place.epoch.checked_add(1) == Some(link.place.epoch);
            judgement.epochs += u64::from(next_epoch);
            link.previous == Some(before.digest) && (link.place == before.place.next() || next_epoch)
        });
        match before {
            None => judgement.begins_later = link.place != ChainPlace::FIRST || link.previous.is_some(),
            Some(_) if is_next => {}
            Some(before) if link.resumed == Some(Resumption::RecordLost) && link.place > before.place => judgement.breaks += 1,
            Some(before) if terms.may_lack(before.received_at) && link.place > before.place => judgement.aged_gaps += 1,
            Some(before) => {
                let fault = Fault::Gap {
                    before: before.place,
                    here: link.place,
                };
                judgement.faults.push((link.at.clone(), fault));
            }
        }
        follows.push(is_next);
        before = Some(link);
    }
    follows
}

/// Whatever leads from a head backwards, by digests, existed when the head did. Up to the checkpoint `aged` a head's
/// own report may be gone.
fn prove(links: &[Link], follows: &[bool], heads: &[ProvenHead], aged: u64, judgement: &mut Judgement) {
    let places: HashMap<Digest, usize> = links.iter().enumerate().map(|(index, link)| (link.digest, index)).collect();
    for ProvenHead { checkpoint, head, at } in heads {
        let found = places.get(&head.digest).filter(|index| links[**index].place == head.place);
        let Some(&index) = found else {
            let fault = missing(links, *checkpoint, head.place).filter(|_| *checkpoint > aged);
            judgement.faults.extend(fault.map(|fault| (at.clone(), fault)));
            continue;
        };
        for index in (0..=index).rev() {
            // Proven by an earlier checkpoint, and so is everything before it.
            if judgement.proven[index].is_some() {
                break;
            }
            judgement.proven[index] = Some(*checkpoint);
            if !follows[index] {
                break;
            }
        }
    }
}

/// A head that is left out could hide what it follows.
fn complete(links: &[Link], heads: &[ProvenHead], moments: &[Moment], to: Option<Timestamp>, judgement: &mut Judgement) {
    let Some(first) = links.iter().min_by_key(|link| link.received_at) else {
        return;
    };
    let begin = moments.partition_point(|moment| moment.taken_at < first.received_at);
    let end = to.map_or(moments.len(), |to| moments.partition_point(|moment| moment.taken_at < to) + 1);
    for moment in moments.iter().take(end).skip(begin) {
        if heads.binary_search_by_key(&moment.number, |head| head.checkpoint).is_err() {
            let fault = Fault::NoProof { checkpoint: moment.number };
            judgement.faults.push((first.at.clone(), fault));
        }
    }
}

/// What it means that a checkpoint's head is not here; nothing, if it stands before the archive's beginning.
fn missing(links: &[Link], checkpoint: u64, head: ChainPlace) -> Option<Fault> {
    let (first, last) = (links.first().map(|link| link.place), links.last().map(|link| link.place));
    if first.is_some_and(|first| head < first) {
        None
    } else if last.is_none_or(|last| head > last) {
        Some(Fault::EndsEarly { checkpoint, head })
    } else {
        Some(Fault::OtherReport { checkpoint, head })
    }
}

/// Whether a report was received well after its key had lost its force.
pub fn is_after(received_at: Timestamp, moment: Timestamp) -> bool {
    received_at > moment + SETTLING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_unix_seconds(minute * 60)
    }

    fn digest(name: u64) -> Digest {
        Digest::of(&name.to_be_bytes())
    }

    fn place(sequence: u64) -> ChainPlace {
        ChainPlace { epoch: 0, sequence }
    }

    fn here(number: u64) -> Place {
        Place {
            entry: "reports".into(),
            offset: number,
            within: number,
        }
    }

    /// Reports 1 to `count`, one each minute.
    fn chain(count: u64) -> Vec<Link> {
        let link = |number: u64| Link {
            place: place(number),
            digest: digest(number),
            previous: (number > 1).then(|| digest(number - 1)),
            resumed: None,
            received_at: at(number as i64),
            is_extra: false,
            at: here(number),
        };
        (1..=count).map(link).collect()
    }

    fn head(checkpoint: u64, sequence: u64) -> ProvenHead {
        ProvenHead {
            checkpoint,
            head: ChainHead {
                place: place(sequence),
                digest: digest(sequence),
            },
            at: here(1000 + checkpoint),
        }
    }

    fn moment(number: u64, minute: i64) -> Moment {
        Moment {
            number,
            taken_at: at(minute),
        }
    }

    #[test]
    fn a_head_proves_what_it_follows_and_no_more() {
        let heads = [head(1, 3), head(2, 5)];
        let judged = judge(&chain(7), &heads, &[moment(1, 3), moment(2, 5)], Terms::default());
        let expected = [Some(1), Some(1), Some(1), Some(2), Some(2), None, None];
        assert_eq!((judged.proven.as_slice(), judged.faults.as_slice()), (&expected[..], &[][..]));
        assert!(!judged.begins_later);
    }

    #[test]
    fn a_report_that_was_taken_out_leaves_a_gap_and_breaks_the_proof() {
        let mut links = chain(5);
        links.remove(2);
        let judged = judge(&links, &[head(1, 5)], &[moment(1, 9)], Terms::default());
        let gap = Fault::Gap {
            before: place(2),
            here: place(4),
        };
        assert_eq!(judged.faults[0], (here(4), gap));
        assert_eq!(judged.proven, [None, None, Some(1), Some(1)]);
        assert!(
            judged
                .faults
                .iter()
                .any(|(_, fault)| matches!(fault, Fault::NotInCheckpoint { .. }))
        );
    }

    #[test]
    fn a_chain_that_was_cut_short_contradicts_its_checkpoint() {
        let judged = judge(&chain(4), &[head(1, 6)], &[], Terms::default());
        let fault = Fault::EndsEarly {
            checkpoint: 1,
            head: place(6),
        };
        assert_eq!(judged.faults, [(here(1001), fault)]);
    }

    #[test]
    fn a_report_made_up_later_and_dated_back_is_in_no_checkpoint() {
        let judged = judge(&chain(3), &[head(2, 3)], &[moment(1, 60), moment(2, 120)], Terms::default());
        let early = |number| Fault::NotInCheckpoint {
            checkpoint: 1,
            here: place(number),
        };
        let mut expected = vec![(here(1), Fault::NoProof { checkpoint: 1 })];
        expected.extend([1, 2, 3].map(|number| (here(number), early(number))));
        assert_eq!(judged.faults, expected);
    }

    #[test]
    fn a_head_that_is_left_out_is_missed_within_the_span() {
        let moments = [moment(1, 3), moment(2, 60), moment(3, 120), moment(4, 180)];
        let missed = |to| {
            let terms = Terms { to, kept_since: None };
            let judged = judge(&chain(3), &[head(1, 3), head(3, 3)], &moments, terms);
            judged.faults.into_iter().map(|(_, fault)| fault).collect::<Vec<_>>()
        };
        assert_eq!(missed(None), [2, 4].map(|checkpoint| Fault::NoProof { checkpoint }));
        assert_eq!(missed(Some(at(60))), [Fault::NoProof { checkpoint: 2 }]);
        assert_eq!(missed(Some(at(3))), []);
    }

    #[test]
    fn what_was_let_go_for_its_age_is_no_fault_before_its_time_and_one_after() {
        // Report 2 is what the device still states; 3 links it to the first checkpoint, 5 and 6 are gone, 9 is younger.
        let mut links = chain(12);
        links.retain(|link| [2, 3, 4, 7, 8, 10, 11, 12].contains(&link.place.sequence));
        let heads = [head(1, 3), head(2, 6), head(3, 8), head(4, 12)];
        let moments = [moment(1, 3), moment(2, 6), moment(3, 8), moment(4, 12)];
        let terms = Terms {
            to: None,
            kept_since: Some(at(7)),
        };
        let judged = judge(&links, &heads, &moments, terms);
        assert_eq!(judged.proven, [1, 1, 0, 3, 3, 4, 4, 4].map(|number| (number > 0).then_some(number)));
        assert_eq!((judged.aged_gaps, judged.unlinked, judged.begins_later), (1, 1, true));
        let gap = Fault::Gap {
            before: place(8),
            here: place(10),
        };
        assert_eq!(judged.faults, [(here(10), gap)]);
        // Without that excuse all of it is a fault.
        assert!(judge(&links, &heads, &moments, Terms::default()).faults.len() > 3);
    }

    #[test]
    fn another_report_at_a_heads_place_is_told() {
        let mut links = chain(3);
        links[2].digest = digest(99);
        let judged = judge(&links, &[head(1, 3)], &[], Terms::default());
        let fault = Fault::OtherReport {
            checkpoint: 1,
            head: place(3),
        };
        assert_eq!(judged.faults, [(here(1001), fault)]);
    }

    #[test]
    fn a_span_that_begins_later_and_recorded_breaks_are_no_faults() {
        let mut links = chain(6);
        links.drain(..2);
        links[2].previous = Some(digest(77));
        links[2].place = place(40);
        links[2].resumed = Some(Resumption::RecordLost);
        links[3].place = ChainPlace { epoch: 1, sequence: 1 };
        let judged = judge(&links, &[head(1, 1)], &[], Terms::default());
        assert_eq!(judged.faults, []);
        assert_eq!((judged.begins_later, judged.breaks, judged.epochs), (true, 1, 1));
    }
}
