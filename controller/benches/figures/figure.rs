//! One figure: both sides in turn, medians, their ratio, and the bound it is held against.

use std::fmt::Write;

use crate::Outcome;
use crate::load::Sample;

/// Rounds of each side; `COS_BENCH_ROUNDS` makes them fewer or more.
pub fn rounds() -> usize {
    std::env::var("COS_BENCH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5)
}

/// What is measured against what.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    pub name: String,
    /// The least ratio of rates, ours to the reference's.
    pub bound: Option<f64>,
    /// The most that the CPU per operation may be a multiple of the reference's.
    pub cpu_bound: Option<f64>,
    /// Microseconds of CPU per operation that the reference is known to reach, on the machine of the known figures.
    pub known_micros: Option<f64>,
}

impl Figure {
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// The rounds of both sides.
#[derive(Debug, Default)]
pub struct Rounds {
    pub ours: Vec<Sample>,
    pub other: Vec<Sample>,
}

impl Rounds {
    /// Alternates: other, ours, other, ours.
    pub async fn alternate(
        mut ours: impl AsyncFnMut() -> Outcome<Sample>,
        mut other: impl AsyncFnMut() -> Outcome<Sample>,
    ) -> Outcome<Self> {
        let mut rounds = Self::default();
        for _ in 0..self::rounds() {
            rounds.other.push(other().await?);
            rounds.ours.push(ours().await?);
        }
        Ok(rounds)
    }
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn spread(samples: &[Sample]) -> String {
    let rates: Vec<f64> = samples.iter().map(Sample::rate).collect();
    let (least, most) = rates
        .iter()
        .fold((f64::MAX, 0f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    format!("{:.0}/s [{least:.0}-{most:.0}]", median(rates))
}

fn cpu(samples: &[Sample]) -> String {
    let (server, database) = (
        median(samples.iter().map(Sample::server_micros)),
        median(samples.iter().map(Sample::database_micros)),
    );
    if database > 0.0 {
        format!("{server:.0}+{database:.0}")
    } else {
        format!("{server:.0}")
    }
}

/// Lines of the table, printed as they come and once more at the end.
#[derive(Debug, Default)]
pub struct Table {
    text: String,
}

const HEADING: &str =
    "| Figure | Ours | Reference | Ratio | Bound | CPU µs ours | CPU µs reference | CPU ratio |\n|---|---|---|---|---|---|---|---|\n";

impl Table {
    pub fn rates(&mut self, figure: &Figure, rounds: &Rounds) {
        let micros = |samples: &[Sample]| median(samples.iter().map(Sample::micros));
        let rate = |samples: &[Sample]| median(samples.iter().map(Sample::rate));
        let (ours, other) = (micros(&rounds.ours), micros(&rounds.other));
        let ratio = rate(&rounds.ours) / rate(&rounds.other);
        let known = figure
            .known_micros
            .map(|known| format!(" (known {known:.0}: reaches {:.0} %)", known / other * 100.0));
        self.line(&[
            &figure.name,
            &spread(&rounds.ours),
            &spread(&rounds.other),
            &format!("{ratio:.2}"),
            &figure.bound.map_or("–".to_owned(), |bound| at_least(ratio, bound)),
            &cpu(&rounds.ours),
            &format!("{}{}", cpu(&rounds.other), known.unwrap_or_default()),
            &match figure.cpu_bound {
                Some(bound) => format!("{:.2}, {}", ours / other, at_most(ours / other, bound, "")),
                None => format!("{:.2}", ours / other),
            },
        ]);
    }

    pub fn line(&mut self, cells: &[&str; 8]) {
        let mut line = String::new();
        cells.iter().for_each(|cell| {
            let _ = write!(line, "| {cell} ");
        });
        println!("{line}|");
        let _ = writeln!(self.text, "{line}|");
    }

    pub fn print(&self) {
        println!("\n{HEADING}{}", self.text);
    }
}

pub fn at_least(value: f64, bound: f64) -> String {
    format!("≥ {bound:.2}{}", if value < bound { " MISSED" } else { "" })
}

pub fn at_most(value: f64, bound: f64, unit: &str) -> String {
    format!("≤ {bound}{unit}{}", if value > bound { " MISSED" } else { "" })
}
