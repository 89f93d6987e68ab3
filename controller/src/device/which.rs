//! "Which device is this hardware?" One question, asked by enrollment and for copied disks.
//!
//! [`choose`] is pure: the neighbours that share readings go in, the answer comes out. Enrollments ask for the
//! neighbours in groups; [`which_device_besides`] asks the store itself.

use inventory_schema::DeviceId;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::likeness::{Likeness, LikenessVerdict};

use crate::store::evidence::{EvidenceCandidate, EvidenceNeighbours};
use crate::store::{Store, StoreResult};

/// A recorded device and how like the hardware in question it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognized {
    /// Internal id.
    pub id: i64,
    pub device: DeviceId,
    pub likeness: Likeness,
}

/// Whose hardware it is, as far as one school may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichDevice {
    /// A device of this organization: reinstalled, or repaired and reinstalled.
    Own(Recognized),
    /// A device of another organization, which is never taken over: a new device, and people are told.
    Elsewhere(Recognized),
    /// Nobody's, with the record of this organization that shares parts with it, if there is one: people are asked.
    New { resembles: Option<Recognized> },
}

/// Asks for a computer with `evidence` that comes to the organization with this internal id, where it may be known of
/// one device (by internal id) that it is another.
pub async fn which_device_besides(
    store: &Store,
    evidence: &HardwareEvidence,
    organization: i64,
    besides: Option<i64>,
) -> StoreResult<WhichDevice> {
    if evidence.items().is_empty() {
        return Ok(WhichDevice::New { resembles: None });
    }
    let mut neighbours = store.evidence_neighbours(&evidence.items()).await?;
    neighbours.candidates.retain(|candidate| Some(candidate.device) != besides);
    Ok(choose(evidence, &neighbours, organization))
}

/// Of those who are certainly the same the most alike of the own organization, else the most alike of another.
pub fn choose(evidence: &HardwareEvidence, neighbours: &EvidenceNeighbours, organization: i64) -> WhichDevice {
    let present = evidence.items();
    let recognize = |candidate: &EvidenceCandidate| Recognized {
        id: candidate.device,
        device: candidate.external_id,
        likeness: Likeness::weighing(&candidate.items, &present, |item| neighbours.carriers(item)),
    };
    let (own, foreign): (Vec<_>, Vec<_>) = neighbours
        .candidates
        .iter()
        .map(|candidate| (candidate.organization_id == organization, recognize(candidate)))
        .partition(|(own, _)| *own);
    let most_alike = |of: &[(bool, Recognized)], enough: fn(&Likeness) -> bool| {
        let enough = of
            .iter()
            .map(|(_, recognized)| recognized)
            .filter(|recognized| enough(&recognized.likeness));
        // The oldest record of equally like ones, so that the answer does not wander.
        enough.rev().max_by_key(|recognized| rank(&recognized.likeness)).cloned()
    };
    if let Some(known) = most_alike(&own, Likeness::identifies) {
        return WhichDevice::Own(known);
    }
    if let Some(known) = most_alike(&foreign, Likeness::identifies) {
        return WhichDevice::Elsewhere(known);
    }
    WhichDevice::New {
        resembles: most_alike(&own, Likeness::resembles),
    }
}

fn rank(likeness: &Likeness) -> (bool, i64) {
    let same = likeness.verdict == LikenessVerdict::Same;
    (same, i64::from(likeness.agrees) - i64::from(likeness.differs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::likeness::COMMON_FROM;

    fn evidence(serial: &str, disk: &str) -> HardwareEvidence {
        HardwareEvidence {
            system_serial: Some(serial.parse().unwrap()),
            disk_serials: vec![disk.parse().unwrap()],
            ..HardwareEvidence::default()
        }
    }

    fn candidate(device: i64, organization_id: i64, evidence: &HardwareEvidence) -> EvidenceCandidate {
        EvidenceCandidate {
            device,
            external_id: DeviceId::generate(),
            organization_id,
            items: evidence.items(),
        }
    }

    fn among(candidates: Vec<EvidenceCandidate>) -> EvidenceNeighbours {
        EvidenceNeighbours {
            candidates,
            carriers: Default::default(),
        }
    }

    #[test]
    fn the_own_school_comes_before_another_and_the_oldest_before_its_double() {
        let present = evidence("PF1ABCDE", "S4EWNX0M1");
        let neighbours = among(vec![
            candidate(1, 8, &present),
            candidate(2, 7, &present),
            candidate(3, 7, &present),
        ]);
        let WhichDevice::Own(known) = choose(&present, &neighbours, 7) else {
            panic!("it is known");
        };
        assert_eq!(known.id, 2);
        let WhichDevice::Elsewhere(known) = choose(&present, &neighbours, 9) else {
            panic!("it is known in another school");
        };
        assert_eq!(known.id, 1);
    }

    #[test]
    fn shared_parts_make_a_question_and_no_device() {
        let neighbours = among(vec![candidate(1, 7, &evidence("PF1ABCDE", "S4EWNX0M1"))]);
        let transplanted = evidence("PF2ZZZZZ", "S4EWNX0M1");
        let answer = choose(&transplanted, &neighbours, 7);
        assert!(matches!(answer, WhichDevice::New { resembles: Some(_) }), "{answer:?}");
        let elsewhere = choose(&transplanted, &neighbours, 8);
        assert_eq!(elsewhere, WhichDevice::New { resembles: None });
    }

    #[test]
    fn what_a_whole_batch_carries_joins_nobody() {
        let present = evidence("PF1ABCDE", "S4EWNX0M1");
        let mut neighbours = among(vec![candidate(1, 7, &present)]);
        for item in present.items() {
            neighbours.carriers.insert(item, COMMON_FROM);
        }
        assert_eq!(choose(&present, &neighbours, 7), WhichDevice::New { resembles: None });
    }
}
