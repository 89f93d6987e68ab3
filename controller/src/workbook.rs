//! Lines as a workbook (XLSX): a sheet of buildings, a sheet of measurements, and a sheet that says by which rule.
//!
//! Numbers are numbers, so that people can go on counting; moments are texts in the municipality's clock, because a
//! workbook has no zones. Russian, like the papers it is laid beside. Called by the pages and the command line.

use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use inventory_schema::measurement::weeks::{Standing, WeeksRule};
use inventory_schema::quantity::BitsPerSecond;
use jiff::tz::TimeZone;
use rust_xlsxwriter::{Format, FormatAlign, Workbook, Worksheet, XlsxError};

use crate::line::{LineSettings, layer_word};
use crate::line_report::LineReport;
use crate::store::line::{LineBuilding, LineFilter, LineRow};
use crate::store::{Page, Scope, Store, StoreError};
use crate::task::lines::zone_of;
use crate::web::format::{exact_moment, moment};
use crate::web::language::Language;
use crate::web::line_view::{SampleLine, reason_text, standing_text, thousandths};

/// Rows that are read at a time.
const PAGE: i64 = 500;

#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the workbook could not be made")]
    Make(#[from] XlsxError),
}

const L: Language = Language::Russian;

const BUILDINGS: [(&str, f64); 22] = [
    ("Муниципалитет", 26.0),
    ("Организация", 34.0),
    ("ОГРН", 16.0),
    ("Корпус", 8.0),
    ("Адрес", 44.0),
    ("Тип населённого пункта", 22.0),
    ("Норматив, Мбит/с", 12.0),
    ("По договору, Мбит/с", 12.0),
    ("Состояние", 20.0),
    ("Медиана, Мбит/с", 12.0),
    ("p10, Мбит/с", 12.0),
    ("Худший час", 10.0),
    ("Медиана худшего часа, Мбит/с", 14.0),
    ("Действительных замеров", 14.0),
    ("Из них не ниже норматива", 14.0),
    ("Односторонних", 14.0),
    ("Недействительных", 14.0),
    ("Главная причина недействительности", 44.0),
    ("Всего попыток в учебные часы", 14.0),
    ("Последний замер", 18.0),
    ("Оценено", 18.0),
    ("Учебные данные", 12.0),
];

const SAMPLES: [(&str, f64); 11] = [
    ("Время", 20.0),
    ("Направление", 14.0),
    ("Скорость IP, Мбит/с", 12.0),
    ("± Мбит/с", 9.0),
    ("Норматив IP, Мбит/с", 12.0),
    ("Вывод", 18.0),
    ("Причины", 50.0),
    ("Примечания", 40.0),
    ("Способ", 22.0),
    ("Сервер", 30.0),
    ("Подписанный отчёт", 20.0),
];

/// Every building in scope that the filter keeps.
pub async fn region(
    store: &Store,
    scope: Scope,
    settings: &LineSettings,
    filter: &LineFilter,
    region: &str,
    now: Timestamp,
) -> Result<Vec<u8>, WorkbookError> {
    let mut book = Book::new();
    let mut rows = Vec::new();
    loop {
        let page = Page {
            offset: i64::try_from(rows.len()).unwrap_or(i64::MAX),
            limit: PAGE,
        };
        let found = store.lines(scope, Direction::Down, &settings.rule_name(), filter, page).await?;
        if found.rows.is_empty() {
            break;
        }
        rows.extend(found.rows);
    }
    book.buildings(&rows)?;
    book.rule(settings, region, now)?;
    book.finish()
}

/// One building with every measurement of the report's span, oldest first.
pub fn building(report: &LineReport, settings: &LineSettings, region: &str, now: Timestamp) -> Result<Vec<u8>, WorkbookError> {
    let mut book = Book::new();
    book.summary(report)?;
    book.samples(report)?;
    book.rule(settings, region, now)?;
    book.finish()
}

struct Book {
    book: Workbook,
    head: Format,
    megabits: Format,
    text: Format,
}

impl Book {
    fn new() -> Self {
        Self {
            book: Workbook::new(),
            head: Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top),
            megabits: Format::new().set_num_format("0.00"),
            text: Format::new().set_text_wrap().set_align(FormatAlign::Top),
        }
    }

    fn finish(mut self) -> Result<Vec<u8>, WorkbookError> {
        Ok(self.book.save_to_buffer()?)
    }

    fn buildings(&mut self, rows: &[LineRow]) -> Result<(), XlsxError> {
        let (head, megabits) = (self.head.clone(), self.megabits.clone());
        let sheet = self.book.add_worksheet();
        sheet.set_name("Корпуса")?;
        heads(sheet, &BUILDINGS, &head)?;
        for (index, row) in rows.iter().enumerate() {
            let mut line = Line::new(sheet, index, &megabits);
            place(&mut line, &row.building)?;
            let standing = row.standing.as_ref();
            line.text(&standing_text(standing.map_or(Standing::NoData, |standing| standing.standing), L))?;
            let Some(standing) = standing else { continue };
            line.rate(standing.median)?.rate(standing.tenth)?;
            line.number(standing.worst_hour)?.rate(standing.worst_median)?;
            for count in [standing.valid, standing.passes, standing.one_sided, standing.invalid] {
                line.number(Some(count))?;
            }
            line.text(&standing.main_reason.map_or(String::new(), |reason| reason_text(reason, L)))?;
            line.number(Some(standing.attempts))?;
            let zone = zone_of(&row.building, &TimeZone::UTC);
            line.text(&standing.last_measured_at.map_or(String::new(), |at| moment(at, &zone)))?;
            line.text(&moment(standing.assessed_at, &zone))?;
            line.text(if standing.generated { "да" } else { "" })?;
        }
        Ok(())
    }

    fn summary(&mut self, report: &LineReport) -> Result<(), XlsxError> {
        use crate::web::line_view::AssessmentView;
        let (head, text) = (self.head.clone(), self.text.clone());
        let building = &report.building;
        let sheet = self.book.add_worksheet();
        sheet.set_name("Линия")?;
        sheet.set_column_width(0, 44)?;
        sheet.set_column_width(1, 60)?;
        let mut lines: Vec<(String, String)> = vec![
            ("Организация".to_owned(), building.organization_name.clone()),
            ("ОГРН".to_owned(), building.ogrn.clone()),
            ("Муниципалитет".to_owned(), building.municipality_name.clone()),
            ("Адрес".to_owned(), building.full_address()),
            (
                "Норматив, Мбит/с".to_owned(),
                (building.settlement_class.target().get() / 1_000_000).to_string(),
            ),
            (
                "По договору, Мбит/с".to_owned(),
                report.contracted().map_or("не известно".to_owned(), megabits_text),
            ),
            (
                "Период".to_owned(),
                format!("{} – {}", moment(report.from, &report.zone), moment(report.to, &report.zone)),
            ),
        ];
        if report.is_generated() {
            lines.push(("Внимание".to_owned(), L.t("line-generated")));
        }
        for (title, assessment) in [("line-direction-down", &report.down), ("line-direction-up", &report.up)] {
            let view = AssessmentView::of(assessment, L);
            lines.push((L.t(title), view.standing));
            lines.extend(view.wanting.into_iter().map(|wanting| (String::new(), wanting)));
            lines.extend(view.facts);
            lines.extend(
                view.invalid
                    .into_iter()
                    .map(|(reason, count)| (format!("Недействительно: {reason}"), count)),
            );
        }
        for (row, (label, value)) in (0u32..).zip(&lines) {
            sheet.write_string_with_format(row, 0, label, &head)?;
            sheet.write_string_with_format(row, 1, value, &text)?;
        }
        Ok(())
    }

    fn samples(&mut self, report: &LineReport) -> Result<(), XlsxError> {
        let (head, megabits) = (self.head.clone(), self.megabits.clone());
        let sheet = self.book.add_worksheet();
        sheet.set_name("Замеры")?;
        heads(sheet, &SAMPLES, &head)?;
        for (index, judged) in report.judged.iter().rev().enumerate() {
            let judgement = &judged.sample.judgement;
            let view = SampleLine::of(judged, L);
            let mut line = Line::new(sheet, index, &megabits);
            line.text(&exact_moment(view.at, &report.zone))?.text(&view.direction)?;
            let carried = judged.first().measurement.rates.map(|_| judgement.carried);
            line.rate(carried)?
                .rate(carried.map(|_| judgement.half_width))?
                .rate(Some(judgement.target))?;
            line.text(&view.verdict)?
                .text(&view.reasons.join("; "))?
                .text(&view.notes.join("; "))?;
            line.text(&view.method)?.text(&view.server)?.text(&view.reports.join(", "))?;
        }
        Ok(())
    }

    fn rule(&mut self, settings: &LineSettings, region: &str, now: Timestamp) -> Result<(), XlsxError> {
        let (head, text) = (self.head.clone(), self.text.clone());
        let weeks = WeeksRule::of(settings.rule.version);
        let sheet = self.book.add_worksheet();
        sheet.set_name("Как считалось")?;
        sheet.set_column_width(0, 30)?;
        sheet.set_column_width(1, 100)?;
        let lines = [
            ("Регион", region.to_owned()),
            ("Составлено (UTC)", moment(now, &TimeZone::UTC)),
            ("Версия правила", settings.rule.version.as_str().to_owned()),
            ("Слой норматива", L.family("line-rule-layer", layer_word(settings.rule.layer))),
            ("Допуск", thousandths(settings.rule.tolerance, L)),
            ("Доля уроков", L.with("line-rule-share", "share", &thousandths(weeks.share, L))),
            ("Наименьшее число замеров", weeks.least.to_string()),
            ("Действительные замеры", L.t("line-rule-valid")),
            ("Доказательства", L.t("line-act-evidence-how")),
        ];
        for (row, (label, value)) in (0u32..).zip(lines) {
            sheet.write_string_with_format(row, 0, label, &head)?;
            sheet.write_string_with_format(row, 1, value, &text)?;
        }
        Ok(())
    }
}

fn heads(sheet: &mut Worksheet, columns: &[(&str, f64)], format: &Format) -> Result<(), XlsxError> {
    for (column, (title, width)) in (0u16..).zip(columns) {
        sheet.write_string_with_format(0, column, *title, format)?;
        sheet.set_column_width(column, *width)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

fn place(line: &mut Line<'_>, building: &LineBuilding) -> Result<(), XlsxError> {
    line.text(&building.municipality_name)?
        .text(&building.organization_name)?
        .text(&building.ogrn)?;
    line.number(Some(building.number))?;
    line.text(&building.full_address())?;
    line.text(&L.family("settlement", building.settlement_class.as_str()))?;
    line.rate(Some(building.settlement_class.target()))?;
    line.rate(building.contracted.map(|speed| speed.bits_per_second()))?;
    Ok(())
}

fn megabits_text(speed: inventory_schema::quantity::KilobitsPerSecond) -> String {
    crate::web::format::megabits(speed.bits_per_second().get(), L)
}

/// A row being written from left to right.
struct Line<'s> {
    sheet: &'s mut Worksheet,
    row: u32,
    column: u16,
    megabits: &'s Format,
}

impl<'s> Line<'s> {
    /// `index` counts from the first row below the heads.
    fn new(sheet: &'s mut Worksheet, index: usize, megabits: &'s Format) -> Self {
        Self {
            sheet,
            row: u32::try_from(index + 1).unwrap_or(u32::MAX),
            column: 0,
            megabits,
        }
    }

    fn text(&mut self, text: &str) -> Result<&mut Self, XlsxError> {
        self.sheet.write_string(self.row, self.column, text)?;
        self.column += 1;
        Ok(self)
    }

    fn number(&mut self, number: Option<i64>) -> Result<&mut Self, XlsxError> {
        if let Some(number) = number {
            self.sheet.write_number(self.row, self.column, number as f64)?;
        }
        self.column += 1;
        Ok(self)
    }

    fn rate(&mut self, rate: Option<BitsPerSecond>) -> Result<&mut Self, XlsxError> {
        if let Some(rate) = rate {
            let megabits = rate.get() as f64 / 1e6;
            self.sheet
                .write_number_with_format(self.row, self.column, megabits, self.megabits)?;
        }
        self.column += 1;
        Ok(self)
    }
}
