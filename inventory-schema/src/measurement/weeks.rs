//! What the measurements of weeks prove of one building's line. Pure.
//!
//! A norm is not met at one moment but usually: in nine lessons of ten at least, and so surely that chance explains it
//! in one case of twenty at most ([`super::binomial`]). Counted is what chance chose, in lesson hours, and what could
//! have come out either way. What is invalid is never averaged in; it is counted by its reason.
//!
//! A line where only passes can be seen (datagrams blocked, Wi-Fi, slow cards) can still be proven: then every attempt
//! in lesson hours counts, and whatever is no pass counts against it.
//!
//! It knows no calendar: whoever calls says of each sample whether it fell into lesson hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::binomial::{proven_share, proves_at_least, refutes_at_least};
use super::record::{Measurement, Occasion};
use super::verdict::{Judgement, Reason, Rule, RuleVersion, Verdict};
use crate::quantity::BitsPerSecond;
use crate::timestamp::Timestamp;

/// How many weeks are looked back on.
pub const WINDOW_DAYS: u64 = 28;

/// When weeks prove something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeksRule {
    /// The share of lessons in which the line must carry its target, thousandths.
    pub share: u32,
    /// The chance of a wrong proof, thousandths.
    pub alpha: u32,
    /// Fewer valid samples prove nothing.
    pub least: u32,
    /// So many of the passes must have come after a whole-second drain, and one after ten seconds of hold.
    pub full_drains: u32,
    pub deep: u32,
}

impl WeeksRule {
    pub const V1: Self = Self {
        share: 900,
        alpha: 50,
        least: 30,
        full_drains: 10,
        deep: 1,
    };

    pub const fn of(version: RuleVersion) -> Self {
        match version {
            RuleVersion::V1 => Self::V1,
        }
    }
}

/// One measurement as the weeks see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub moment: Timestamp,
    /// Of the municipality's clock.
    pub hour: u8,
    pub in_lessons: bool,
    pub occasion: Occasion,
    pub judgement: Judgement,
}

impl Sample {
    /// A measurement, judged.
    pub fn of(measurement: &Measurement, judgement: Judgement, hour: u8, in_lessons: bool) -> Self {
        Self {
            moment: measurement.moment(),
            hour,
            in_lessons,
            occasion: measurement.occasion,
            judgement,
        }
    }

    /// Chance chose the moment, within lesson hours.
    pub fn is_counted(&self) -> bool {
        self.in_lessons && self.occasion == Occasion::Slot
    }

    /// A result that could have been the other one too.
    fn is_two_sided(&self) -> bool {
        self.judgement.verdict.is_valid() && self.judgement.one_sided.is_empty()
    }
}

/// Where a building's line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// НЕ СООТВЕТСТВУЕТ
    Below,
    /// НЕДОСТОВЕРНО: most of what was measured proves nothing.
    Unreliable,
    /// НЕ ДОКАЗАНО: measure on.
    NotProven,
    /// НЕТ ДАННЫХ
    NoData,
    /// СООТВЕТСТВУЕТ
    Meets,
}

impl Standing {
    /// In the order of what needs people most.
    pub const ALL: [Self; 5] = [Self::Below, Self::Unreliable, Self::NotProven, Self::NoData, Self::Meets];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Unreliable => "unreliable",
            Self::NotProven => "not_proven",
            Self::NoData => "no_data",
            Self::Meets => "meets",
        }
    }
}

impl std::str::FromStr for Standing {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text).ok_or(())
    }
}

/// What a proof still wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanting {
    /// More valid samples than there are.
    Samples,
    /// Passes and shortfalls are too near to the share that is asked for.
    Clarity,
    FullDrains,
    DeepTest,
}

/// The hour of the day in which the line carried least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstHour {
    pub hour: u8,
    pub samples: u32,
    pub median: BitsPerSecond,
}

/// A building's standing in one direction, with everything it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    pub standing: Standing,
    /// Attempts of chance in lesson hours.
    pub attempts: u32,
    /// Those that could have come out either way, and how many of them passed.
    pub valid: u32,
    pub passes: u32,
    /// Passes that could have been nothing else.
    pub one_sided: u32,
    /// Attempts that prove nothing, by the first reason; `None`: nothing was carried.
    pub invalid: BTreeMap<Option<Reason>, u32>,
    /// Measured outside lesson hours, or because somebody asked: shown, not counted.
    pub not_counted: u32,
    /// Over the valid ones.
    pub median: Option<BitsPerSecond>,
    pub tenth: Option<BitsPerSecond>,
    pub worst_hour: Option<WorstHour>,
    pub full_drains: u32,
    pub deep: u32,
    pub wanting: Vec<Wanting>,
    pub rule: RuleVersion,
    pub tolerance: u32,
}

impl Assessment {
    pub fn invalid_count(&self) -> u32 {
        self.invalid.values().sum()
    }

    /// The share of lessons that is proven, thousandths. Takes longer than the assessment itself.
    pub fn proven_share(&self) -> u32 {
        proven_share(self.valid, self.passes, WeeksRule::of(self.rule).alpha)
    }
}

/// Assesses one direction of one line by the samples of its window.
pub fn assess(samples: &[Sample], rule: &Rule) -> Assessment {
    let weeks = WeeksRule::of(rule.version);
    let counted: Vec<&Sample> = samples.iter().filter(|sample| sample.is_counted()).collect();
    let valid: Vec<&Sample> = counted.iter().copied().filter(|sample| sample.is_two_sided()).collect();
    let passed = |sample: &&&Sample| sample.judgement.verdict == Verdict::Meets;
    let passes = number(valid.iter().filter(passed).count());
    let one_sided = number(counted.iter().filter(passed).count()) - passes;
    let deep = samples.iter().filter(|sample| sample.in_lessons && is_deep_pass(sample)).count();
    let full_drains = counted.iter().filter(passed).filter(|sample| sample.judgement.full_drain).count();
    let mut assessment = Assessment {
        standing: Standing::NoData,
        attempts: number(counted.len()),
        valid: number(valid.len()),
        passes,
        one_sided,
        invalid: invalid(&counted),
        not_counted: number(samples.len() - counted.len()),
        median: quantile(&valid, 1, 2),
        tenth: quantile(&valid, 1, 10),
        worst_hour: worst_hour(&valid),
        full_drains: number(full_drains),
        deep: number(deep),
        wanting: Vec::new(),
        rule: rule.version,
        tolerance: rule.tolerance,
    };
    stand(&mut assessment, &weeks);
    assessment
}

fn stand(assessment: &mut Assessment, rule: &WeeksRule) {
    let Assessment {
        attempts,
        valid,
        passes,
        one_sided,
        ..
    } = *assessment;
    let proves = |n: u32, passes: u32| n >= rule.least && proves_at_least(n, passes, rule.share, rule.alpha);
    let refuted = valid >= rule.least && refutes_at_least(valid, passes, rule.share, rule.alpha);
    let proven = proves(valid, passes) || proves(attempts, passes + one_sided);
    let mut wanting = Vec::new();
    if !proven && !refuted {
        wanting.push(if valid < rule.least { Wanting::Samples } else { Wanting::Clarity });
    }
    if !refuted && assessment.full_drains < rule.full_drains {
        wanting.push(Wanting::FullDrains);
    }
    if !refuted && assessment.deep < rule.deep {
        wanting.push(Wanting::DeepTest);
    }
    assessment.standing = if attempts == 0 {
        Standing::NoData
    } else if refuted {
        Standing::Below
    } else if wanting.is_empty() {
        Standing::Meets
    } else if !proven && 2 * assessment.invalid_count() > attempts {
        Standing::Unreliable
    } else {
        Standing::NotProven
    };
    assessment.wanting = wanting;
}

fn is_deep_pass(sample: &Sample) -> bool {
    sample.judgement.deep && sample.judgement.verdict == Verdict::Meets
}

fn invalid(counted: &[&Sample]) -> BTreeMap<Option<Reason>, u32> {
    let mut invalid = BTreeMap::new();
    for sample in counted.iter().filter(|sample| !sample.judgement.verdict.is_valid()) {
        *invalid.entry(sample.judgement.main_reason()).or_insert(0) += 1;
    }
    invalid
}

/// The smallest rate that `part` of `whole` samples do not exceed.
fn quantile(samples: &[&Sample], part: usize, whole: usize) -> Option<BitsPerSecond> {
    let mut rates: Vec<BitsPerSecond> = samples.iter().map(|sample| sample.judgement.carried).collect();
    rates.sort_unstable();
    let place = (rates.len() * part).div_ceil(whole).checked_sub(1)?;
    rates.get(place).copied()
}

/// Of hours with three samples at least, so that one bad minute makes no bad hour.
fn worst_hour(samples: &[&Sample]) -> Option<WorstHour> {
    let mut hours: BTreeMap<u8, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        hours.entry(sample.hour).or_default().push(sample);
    }
    hours
        .into_iter()
        .filter(|(_, samples)| samples.len() >= 3)
        .filter_map(|(hour, samples)| {
            let median = quantile(&samples, 1, 2)?;
            Some(WorstHour {
                hour,
                samples: number(samples.len()),
                median,
            })
        })
        .min_by_key(|worst| (worst.median, worst.hour))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn judgement(verdict: Verdict, megabits: u64) -> Judgement {
        let reasons = match verdict {
            Verdict::Inconclusive => BTreeSet::from([Reason::Nic, Reason::Short]),
            _ => BTreeSet::new(),
        };
        Judgement {
            verdict,
            reasons,
            one_sided: BTreeSet::new(),
            carried: BitsPerSecond::saturating(megabits * 1_000_000),
            half_width: BitsPerSecond::saturating(100_000),
            target: BitsPerSecond::saturating(100_000_000),
            full_drain: true,
            deep: false,
            rule: RuleVersion::V1,
        }
    }

    fn sample(verdict: Verdict, hour: u8, megabits: u64) -> Sample {
        Sample {
            moment: Timestamp::from_unix_seconds(1_790_000_000),
            hour,
            in_lessons: true,
            occasion: Occasion::Slot,
            judgement: judgement(verdict, megabits),
        }
    }

    fn samples(passes: usize, shortfalls: usize, invalid: usize) -> Vec<Sample> {
        let mut samples = vec![sample(Verdict::Meets, 9, 104); passes];
        samples.extend(vec![sample(Verdict::Below, 11, 80); shortfalls]);
        samples.extend(vec![sample(Verdict::Inconclusive, 12, 97); invalid]);
        if let Some(first) = samples.first_mut() {
            first.judgement.deep = true;
        }
        samples
    }

    fn standing(samples: &[Sample]) -> Standing {
        assess(samples, &Rule::default()).standing
    }

    #[test]
    fn sixty_samples_prove_from_fifty_nine_and_refute_to_forty_nine() {
        assert_eq!(standing(&samples(60, 0, 0)), Standing::Meets);
        assert_eq!(standing(&samples(59, 1, 0)), Standing::Meets);
        assert_eq!(standing(&samples(58, 2, 0)), Standing::NotProven);
        assert_eq!(standing(&samples(50, 10, 0)), Standing::NotProven);
        assert_eq!(standing(&samples(49, 11, 0)), Standing::Below);
        assert_eq!(standing(&samples(114, 6, 0)), Standing::Meets);
        assert_eq!(standing(&samples(113, 7, 0)), Standing::NotProven);
        assert_eq!(standing(&samples(101, 19, 0)), Standing::Below);
        assert_eq!(standing(&samples(102, 18, 0)), Standing::NotProven);
    }

    #[test]
    fn fewer_than_thirty_prove_nothing() {
        assert_eq!(standing(&samples(30, 0, 0)), Standing::Meets);
        let few = assess(&samples(29, 0, 0), &Rule::default());
        assert_eq!((few.standing, few.wanting), (Standing::NotProven, vec![Wanting::Samples]));
        assert_eq!(standing(&samples(0, 29, 0)), Standing::NotProven);
        assert_eq!(standing(&samples(0, 30, 0)), Standing::Below);
    }

    #[test]
    fn what_is_invalid_is_counted_by_its_reason_and_averaged_nowhere() {
        let assessment = assess(&samples(59, 1, 20), &Rule::default());
        assert_eq!(assessment.standing, Standing::Meets);
        assert_eq!((assessment.valid, assessment.passes, assessment.attempts), (60, 59, 80));
        assert_eq!(assessment.invalid, BTreeMap::from([(Some(Reason::Nic), 20)]));
        assert_eq!(assessment.median.unwrap().get(), 104_000_000);
        assert_eq!(assessment.proven_share(), 923);
        assert_eq!(standing(&samples(3, 0, 20)), Standing::Unreliable);
        assert_eq!(standing(&samples(0, 0, 20)), Standing::Unreliable);
        assert_eq!(standing(&[]), Standing::NoData);
    }

    #[test]
    fn a_proof_wants_drained_samples_and_a_deep_one() {
        let mut shallow = samples(60, 0, 0);
        shallow.iter_mut().for_each(|sample| sample.judgement.deep = false);
        let assessment = assess(&shallow, &Rule::default());
        assert_eq!(
            (assessment.standing, assessment.wanting),
            (Standing::NotProven, vec![Wanting::DeepTest])
        );
        let mut undrained = samples(60, 0, 0);
        undrained.iter_mut().skip(9).for_each(|sample| sample.judgement.full_drain = false);
        let assessment = assess(&undrained, &Rule::default());
        assert_eq!(
            (assessment.standing, assessment.wanting),
            (Standing::NotProven, vec![Wanting::FullDrains])
        );
        // A shortfall wants neither.
        let mut slow = samples(0, 60, 0);
        slow.iter_mut().for_each(|sample| sample.judgement.full_drain = false);
        assert_eq!(standing(&slow), Standing::Below);
    }

    #[test]
    fn only_what_chance_chose_in_lesson_hours_counts() {
        let mut asked = samples(0, 60, 0);
        asked.iter_mut().for_each(|sample| sample.occasion = Occasion::OnDemand);
        let assessment = assess(&asked, &Rule::default());
        assert_eq!((assessment.standing, assessment.not_counted), (Standing::NoData, 60));
        let mut night = samples(60, 0, 0);
        night.iter_mut().for_each(|sample| sample.in_lessons = false);
        assert_eq!(standing(&night), Standing::NoData);
    }

    #[test]
    fn passes_that_could_be_nothing_else_prove_only_when_every_attempt_is_counted() {
        let one_sided = |passes: usize, invalid: usize| {
            let mut all = samples(passes, 0, invalid);
            all.iter_mut()
                .filter(|sample| sample.judgement.verdict == Verdict::Meets)
                .for_each(|sample| sample.judgement.one_sided = BTreeSet::from([Reason::PassOnly]));
            assess(&all, &Rule::default())
        };
        let all_passed = one_sided(60, 0);
        assert_eq!(
            (all_passed.standing, all_passed.valid, all_passed.one_sided),
            (Standing::Meets, 0, 60)
        );
        // Half of the attempts showed nothing: counting only the passes would call any line good.
        assert_eq!(one_sided(60, 59).standing, Standing::NotProven);
        assert_eq!(one_sided(60, 61).standing, Standing::Unreliable);
        assert_eq!(one_sided(59, 1).standing, Standing::Meets);
    }

    #[test]
    fn the_worst_hour_has_three_samples_at_least() {
        let mut all = samples(30, 3, 0);
        all.push(sample(Verdict::Below, 13, 10));
        let assessment = assess(&all, &Rule::default());
        let worst = assessment.worst_hour.unwrap();
        assert_eq!((worst.hour, worst.samples, worst.median.get()), (11, 3, 80_000_000));
        assert_eq!(assessment.tenth.unwrap().get(), 80_000_000);
    }

    proptest! {
        #[test]
        fn more_passes_never_make_a_standing_worse(passes in 0usize..130, shortfalls in 0usize..130, invalid in 0usize..60) {
            let rank = |standing: Standing| match standing {
                Standing::Below => 0,
                Standing::Unreliable | Standing::NotProven | Standing::NoData => 1,
                Standing::Meets => 2,
            };
            let before = standing(&samples(passes, shortfalls, invalid));
            // A shortfall becomes a pass.
            if shortfalls > 0 {
                let after = standing(&samples(passes + 1, shortfalls - 1, invalid));
                prop_assert!(rank(after) >= rank(before), "{:?} became {:?}", before, after);
            }
        }
    }
}
