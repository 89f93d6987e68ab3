//! What a run says at its end, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::observer::Observed;
use crate::record::{Figures, Quantiles};
use crate::run::Options;
use crate::verdict::Verdict;

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Summary {
    pub agents: u64,
    pub hours: u64,
    pub seed: u64,
    pub pace: u32,
    pub enrolled: u64,
    pub check_ins: u64,
    pub reports: u64,
    pub changes: u64,
    pub retries: u64,
    pub power_cuts: u64,
    pub restored_disks: u64,
    pub clock_jumps: u64,
    /// How many lines went bad, by fault.
    pub faults: BTreeMap<&'static str, u64>,
    pub check_in: Quantiles,
    pub visible: Quantiles,
    pub controller: Observed,
    /// Until every report had arrived after the plan's end; nothing when the fleet did not come to rest.
    pub drained_ms: Option<u128>,
    pub took_ms: u128,
    pub verdict: Verdict,
}

impl Summary {
    pub(crate) fn new(
        options: &Options,
        figures: &Figures,
        controller: Observed,
        drained: Option<Duration>,
        verdict: Verdict,
        took: Duration,
    ) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            agents: options.agents,
            hours: options.hours,
            seed: options.seed,
            pace: options.pace,
            enrolled: read(&figures.enrolled),
            check_ins: read(&figures.check_ins),
            reports: read(&figures.reports),
            changes: read(&figures.changes),
            retries: read(&figures.retries),
            power_cuts: read(&figures.power_cuts),
            restored_disks: read(&figures.restored_disks),
            clock_jumps: read(&figures.clock_jumps),
            faults: figures.faults.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            check_in: figures.check_in_times.quantiles(),
            visible: figures.visible_times.quantiles(),
            controller,
            drained_ms: drained.map(|time| time.as_millis()),
            took_ms: took.as_millis(),
            verdict,
        }
    }

    /// Nothing was lost, and everything came to rest.
    pub fn is_well(&self) -> bool {
        self.verdict.complaints.is_empty() && self.drained_ms.is_some() && self.enrolled == self.agents
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check_in,
            visible,
            controller,
            verdict,
            ..
        } = self;
        writeln!(
            f,
            "Компьютеров {}, часов {}, семя {}, темп {}×",
            self.agents, self.hours, self.seed, self.pace
        )?;
        writeln!(f, "  зарегистрировано      {}", self.enrolled)?;
        writeln!(f, "  изменений             {}", self.changes)?;
        writeln!(f, "  отчётов принято       {} (в базе {})", self.reports, verdict.reports)?;
        writeln!(
            f,
            "  обращений             {}, p50 {} мс, p99 {} мс",
            self.check_ins, check_in.p50_ms, check_in.p99_ms
        )?;
        writeln!(f, "  от запуска до отчёта  p50 {} мс, p99 {} мс", visible.p50_ms, visible.p99_ms)?;
        writeln!(f, "  повторов              {}", self.retries)?;
        writeln!(
            f,
            "  отключений питания {}, восстановлений диска {}, скачков часов {}",
            self.power_cuts, self.restored_disks, self.clock_jumps
        )?;
        writeln!(
            f,
            "  контроллер            память до {} МиБ, соединений до {}",
            controller.peak_resident_kib / 1024,
            controller.peak_connections
        )?;
        writeln!(f, "  неполадки линий       {:?}", self.faults)?;
        match self.drained_ms {
            Some(millis) => writeln!(f, "  покой                 через {millis} мс после плана")?,
            None => writeln!(f, "  покой                 НЕ НАСТУПИЛ")?,
        }
        writeln!(
            f,
            "  разрывы цепочек       {:?}, потеряно с дисками {}",
            verdict.breaks, verdict.lost_with_disks
        )?;
        for complaint in &verdict.complaints {
            writeln!(f, "  ПОТЕРЯ: {complaint}")?;
        }
        write!(
            f,
            "{}",
            if self.is_well() {
                "Потерь нет."
            } else {
                "Есть потери."
            }
        )
    }
}
