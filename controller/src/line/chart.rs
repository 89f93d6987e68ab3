//! The chart of a building's line over time: a point per measurement, the norm, the contract, the weeks' standings, and
//! where the due date lies. Written as SVG here, so that it needs no script and prints as it is seen.
//!
//! Pure: it takes numbers and words. Colours are classes of the page's style sheet; a point's shape says its verdict too.

use std::fmt::Write;

use inventory_schema::Timestamp;
use inventory_schema::measurement::verdict::Verdict;

use super::history::WeekStanding;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 332.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 948.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 262.0;
const BAND_TOP: f64 = 272.0;
const BAND_HEIGHT: f64 = 16.0;
const DATES: f64 = 308.0;
/// Between two dates below the chart.
const DATE_EVERY: f64 = 110.0;

/// A terabit: what is said to be more is drawn at the upper edge.
const MOST: u64 = 1_000_000_000_000;

/// A measurement as a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub at: Timestamp,
    pub bits_per_second: u64,
    pub verdict: Verdict,
    /// It counts for the weeks: chosen by chance, within lessons.
    pub counted: bool,
}

#[derive(Debug, Clone)]
pub struct Chart<'a> {
    pub from: Timestamp,
    pub to: Timestamp,
    pub target: u64,
    pub contracted: Option<u64>,
    pub due: Timestamp,
    pub points: &'a [Point],
    pub weeks: &'a [WeekStanding],
}

/// What stands in the chart in words.
#[derive(Debug, Clone)]
pub struct Labels {
    /// For those who cannot see it.
    pub title: String,
    pub target: String,
    pub contracted: String,
    pub before_due: String,
    pub after_due: String,
}

impl Chart<'_> {
    /// `date` writes a moment as people read dates; `standing` says a standing in words.
    pub fn svg(&self, labels: &Labels, date: impl Fn(Timestamp) -> String, standing: impl Fn(&WeekStanding) -> String) -> String {
        let mut svg = String::with_capacity(4096 + self.points.len() * 48);
        let top = self.top();
        let y = |rate: u64| BOTTOM - (BOTTOM - TOP) * (rate.min(top) as f64 / top as f64);
        let written = (|| {
            write!(
                svg,
                "<svg class=\"line-chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>",
                escaped(&labels.title)
            )?;
            let target = y(self.target);
            rect(&mut svg, "band-meets", LEFT, TOP, RIGHT - LEFT, target - TOP)?;
            rect(&mut svg, "band-below", LEFT, target, RIGHT - LEFT, BOTTOM - target)?;
            self.rates(&mut svg, top, &y)?;
            self.dates(&mut svg, &date)?;
            self.due_line(&mut svg, labels)?;
            for point in self.points {
                let class = if point.counted { "" } else { " apart" };
                shape(&mut svg, point.verdict, class, self.x(point.at), y(point.bits_per_second))?;
            }
            level(&mut svg, "target", target, &labels.target)?;
            if let Some(contracted) = self.contracted {
                level(&mut svg, "contracted", y(contracted), &labels.contracted)?;
            }
            for week in self.weeks {
                let (begin, end) = (self.x(week.begin), self.x(week.end));
                let class = week.standing.as_str();
                write!(
                    svg,
                    "<rect class=\"week {class}\" x=\"{begin:.1}\" y=\"{BAND_TOP}\" width=\"{:.1}\" height=\"{BAND_HEIGHT}\"><title>{}</title></rect>",
                    (end - begin - 1.0).max(1.0),
                    escaped(&standing(week))
                )?;
            }
            svg.write_str("</svg>")
        })();
        written.expect("a String can be written");
        svg
    }

    /// The rate at the chart's upper edge: the next round one above everything there is.
    fn top(&self) -> u64 {
        let largest = self.points.iter().map(|point| point.bits_per_second).max().unwrap_or(0);
        let above = largest
            .max(self.target)
            .max(self.contracted.unwrap_or(0))
            .min(MOST)
            .saturating_add(1_000_000)
            / 10
            * 11;
        let step = step(above);
        above.div_ceil(step).saturating_mul(step).max(1)
    }

    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.to.micros_since(self.from).max(1) as f64;
        let part = (at.micros_since(self.from) as f64 / whole).clamp(0.0, 1.0);
        LEFT + (RIGHT - LEFT) * part
    }

    fn rates(&self, svg: &mut String, top: u64, y: &impl Fn(u64) -> f64) -> std::fmt::Result {
        let step = step(top);
        for rate in (0..=top / step).map(|number| number * step) {
            let at = y(rate);
            write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                rate / 1_000_000
            )?;
        }
        Ok(())
    }

    fn dates(&self, svg: &mut String, date: &impl Fn(Timestamp) -> String) -> std::fmt::Result {
        let count = ((RIGHT - LEFT) / DATE_EVERY) as i64;
        let whole = self.to.micros_since(self.from);
        for number in 0..=count {
            let at = Timestamp::from_unix_micros(self.from.unix_micros() + whole / count * number);
            let anchor = if number == count { "end" } else { "middle" };
            write!(
                svg,
                "<text class=\"axis\" x=\"{:.1}\" y=\"{DATES}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(at),
                escaped(&date(at))
            )?;
        }
        Ok(())
    }

    /// The day by which it was due, and what is before and after it.
    fn due_line(&self, svg: &mut String, labels: &Labels) -> std::fmt::Result {
        if self.due <= self.from || self.due >= self.to {
            // All of it lies on one side.
            return Ok(());
        }
        let x = self.x(self.due);
        write!(
            svg,
            "<line class=\"due\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"8\" y2=\"{BOTTOM}\"/>\
             <text class=\"due\" x=\"{:.1}\" y=\"16\" text-anchor=\"end\">{}</text><text class=\"due\" x=\"{:.1}\" y=\"16\">{}</text>",
            x - 6.0,
            escaped(&labels.before_due),
            x + 6.0,
            escaped(&labels.after_due)
        )
    }
}

/// One, two or five with zeros behind it, of which at most ten make the whole.
fn step(top: u64) -> u64 {
    let mut unit = 1_000_000u64;
    loop {
        let found = [unit, unit.saturating_mul(2), unit.saturating_mul(5)]
            .into_iter()
            .find(|step| top / step <= 10);
        match found {
            Some(step) => return step,
            None => unit = unit.saturating_mul(10),
        }
    }
}

fn rect(svg: &mut String, class: &str, x: f64, y: f64, width: f64, height: f64) -> std::fmt::Result {
    write!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
        height.max(0.0)
    )
}

fn level(svg: &mut String, class: &str, y: f64, label: &str) -> std::fmt::Result {
    write!(
        svg,
        "<line class=\"level {class}\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
         <text class=\"level {class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        LEFT + 6.0,
        y + 14.0,
        escaped(label)
    )
}

/// A disc for a pass, a triangle for a shortfall, an open diamond for what proves nothing, a cross for nothing carried.
fn shape(svg: &mut String, verdict: Verdict, apart: &str, x: f64, y: f64) -> std::fmt::Result {
    match verdict {
        Verdict::Meets => write!(svg, "<circle class=\"meets{apart}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"),
        Verdict::Below => write!(svg, "<path class=\"below{apart}\" d=\"M{x:.1} {:.1}l4.2 7h-8.4z\"/>", y - 4.0),
        Verdict::Inconclusive => write!(
            svg,
            "<path class=\"inconclusive{apart}\" d=\"M{x:.1} {:.1}l4 4-4 4-4-4z\"/>",
            y - 4.0
        ),
        Verdict::NoData => write!(
            svg,
            "<path class=\"no-data{apart}\" d=\"M{:.1} {:.1}l7 7m0-7l-7 7\"/>",
            x - 3.5,
            BOTTOM - 8.0
        ),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::measurement::weeks::Standing;
    use proptest::prelude::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_640_000_000 + number * 86_400)
    }

    fn labels() -> Labels {
        Labels {
            title: "Линия <1> & \"2\"".to_owned(),
            target: "Норма 100".to_owned(),
            contracted: "Договор 150".to_owned(),
            before_due: "до срока".to_owned(),
            after_due: "после".to_owned(),
        }
    }

    fn drawn(chart: &Chart<'_>) -> String {
        chart.svg(
            &labels(),
            |at| at.to_string()[..10].to_owned(),
            |week| week.standing.as_str().to_owned(),
        )
    }

    fn point(number: i64, megabits: u64, verdict: Verdict) -> Point {
        Point {
            at: day(number),
            bits_per_second: megabits * 1_000_000,
            verdict,
            counted: true,
        }
    }

    #[test]
    fn every_verdict_has_a_shape_of_its_own_and_texts_are_escaped() {
        let points = [
            point(1, 105, Verdict::Meets),
            point(2, 80, Verdict::Below),
            point(3, 97, Verdict::Inconclusive),
            point(4, 0, Verdict::NoData),
        ];
        let weeks = [WeekStanding {
            begin: day(0),
            end: day(7),
            standing: Standing::NotProven,
        }];
        let svg = drawn(&Chart {
            from: day(0),
            to: day(28),
            target: 100_000_000,
            contracted: Some(150_000_000),
            due: day(11),
            points: &points,
            weeks: &weeks,
        });
        for part in [
            "circle class=\"meets\"",
            "path class=\"below\"",
            "path class=\"inconclusive\"",
            "path class=\"no-data\"",
            "week not_proven",
            "level contracted",
            "до срока",
            "Линия &lt;1&gt; &amp; &quot;2&quot;",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn a_due_date_outside_is_not_drawn() {
        let chart = Chart {
            from: day(100),
            to: day(128),
            target: 50_000_000,
            contracted: None,
            due: day(11),
            points: &[],
            weeks: &[],
        };
        assert!(!drawn(&chart).contains("до срока"));
    }

    #[test]
    fn the_axis_has_few_round_steps() {
        assert_eq!(step(66_000_000), 10_000_000);
        assert_eq!(step(120_000_000), 20_000_000);
        assert_eq!(step(1_110_000_000), 200_000_000);
    }

    proptest! {
        #[test]
        fn whatever_is_drawn_stays_within_the_chart(
            points in proptest::collection::vec((any::<i64>(), any::<u64>(), 0usize..4), 0..40),
            from in any::<i64>(), to in any::<i64>(), target in any::<u64>(), contracted in proptest::option::of(any::<u64>()), due in any::<i64>()
        ) {
            let points: Vec<Point> = points
                .into_iter()
                .map(|(at, rate, verdict)| Point { at: Timestamp::from_unix_micros(at), bits_per_second: rate, verdict: Verdict::ALL[verdict], counted: rate.is_multiple_of(2) })
                .collect();
            let svg = drawn(&Chart {
                from: Timestamp::from_unix_micros(from),
                to: Timestamp::from_unix_micros(to),
                target,
                contracted,
                due: Timestamp::from_unix_micros(due),
                points: &points,
                weeks: &[],
            });
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            for part in svg.split("cx=\"").skip(1) {
                let x: f64 = part.split('"').next().unwrap().parse().unwrap();
                prop_assert!((LEFT..=RIGHT).contains(&x), "{}", x);
            }
        }
    }
}
