//! Rows of a table gathered into drafts: one per municipality, organization, building and room.
//!
//! A table repeats an organization on every line of its rooms. Repeated values must agree; an empty cell
//! agrees with anything. What the values mean is decided later, once per draft (`build`), so one mistyped
//! ИНН in an organization of fifty rooms is one error.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::column::Header;
use super::message::{LineError, Messages};
use super::{Column, MAX_ROWS};

/// The header is looked for in so many rows that are not empty.
const HEADER_SEARCH_ROWS: u32 = 20;

/// What the rows so far say of one thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// The line that named it first.
    pub(super) line: u64,
    values: Vec<Value>,
}

#[derive(Debug, Clone)]
struct Value {
    column: Column,
    text: String,
    line: u64,
}

impl Draft {
    /// The text and its line; `None` if no row filled this column.
    pub(super) fn value(&self, column: Column) -> Option<(&str, u64)> {
        let value = self.values.iter().find(|value| value.column == column)?;
        Some((&value.text, value.line))
    }

    fn note(&mut self, column: Column, text: &str, line: u64, messages: &mut Messages) {
        match self.value(column) {
            None => self.values.push(Value {
                column,
                text: text.to_owned(),
                line,
            }),
            Some((known, first)) if known != text => {
                let message = format!("В строке {first} здесь «{known}», а в строке {line} — «{text}». Оставьте одно значение.");
                messages.error(LineError::at(line, column, text, message));
            }
            Some(_) => {}
        }
    }
}

/// Whether more rows of this sheet are of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    More,
    Enough,
}

pub(super) type BuildingKey = (String, u32);
pub(super) type RoomKey = (String, u32, String);

#[derive(Debug, Default)]
pub(super) struct Drafts {
    header: Option<Header>,
    searched: u32,
    rows: u64,
    pub(super) municipalities: BTreeMap<String, Draft>,
    pub(super) organizations: BTreeMap<String, Draft>,
    pub(super) buildings: BTreeMap<BuildingKey, Draft>,
    pub(super) rooms: BTreeMap<RoomKey, Draft>,
}

impl Drafts {
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.header.as_ref().is_some_and(|header| header.has(column))
    }

    pub(super) fn absent(&self) -> Vec<Column> {
        Column::ALL.into_iter().filter(|column| !self.has(*column)).collect()
    }

    /// Another sheet: its header is looked for from its first row.
    pub(super) fn start_sheet(&mut self) {
        self.searched = 0;
    }

    /// Takes the next row of a sheet; `line` is its number for people.
    pub(super) fn row(&mut self, line: u64, cells: &[Cell<'_>], messages: &mut Messages) -> Flow {
        if cells.iter().all(Cell::is_empty) {
            return Flow::More;
        }
        let Some(header) = &self.header else {
            return self.look_for_header(line, cells, messages);
        };
        if repeats(header, cells) {
            return Flow::More;
        }
        self.rows += 1;
        if self.rows > MAX_ROWS {
            messages.line_error(line, format!("В таблице больше {MAX_ROWS} строк. Разделите реестр на части."));
            return Flow::Enough;
        }
        if let Some(row) = Row::read(header, line, cells, messages) {
            self.take(&row, messages);
        }
        Flow::More
    }

    fn look_for_header(&mut self, line: u64, cells: &[Cell<'_>], messages: &mut Messages) -> Flow {
        let Some(header) = Header::of(cells.iter().map(Cell::title)) else {
            self.searched += 1;
            return if self.searched < HEADER_SEARCH_ROWS {
                Flow::More
            } else {
                Flow::Enough
            };
        };
        let missing = header.missing();
        for column in &missing {
            let message = format!("Нет столбца «{}». Добавьте его в заголовок.", column.title());
            messages.error(LineError::at(line, *column, "", message));
        }
        if let Some(column) = header.repeated {
            let message = "Столбец указан дважды. Оставьте один.";
            messages.error(LineError::at(line, column, "", message));
        }
        for title in &header.unknown {
            messages.warning(LineError {
                line,
                column: String::new(),
                value: title.clone(),
                message: "Столбец с таким названием не читается: его значения не попадут в реестр.".to_owned(),
            });
        }
        let usable = missing.is_empty() && header.repeated.is_none();
        self.header = Some(header);
        if usable { Flow::More } else { Flow::Enough }
    }

    fn take(&mut self, row: &Row, messages: &mut Messages) {
        let Some(ogrn) = row.value(Column::Ogrn) else {
            let message = "Укажите ОГРН организации в каждой строке.";
            messages.error(LineError::at(row.line, Column::Ogrn, "", message));
            return;
        };
        row.fill(
            draft(&mut self.organizations, ogrn.to_owned(), row.line),
            &Column::ORGANIZATION,
            messages,
        );
        self.take_municipality(ogrn, row, messages);
        self.take_building(ogrn, row, messages);
    }

    /// A row that repeats an organization may leave its municipality's code to an earlier row.
    fn take_municipality(&mut self, ogrn: &str, row: &Row, messages: &mut Messages) {
        let earlier = self
            .organizations
            .get(ogrn)
            .and_then(|draft| draft.value(Column::MunicipalityOktmo));
        let stated = row.value(Column::MunicipalityOktmo).or(earlier.map(|(text, _)| text));
        if let Some(oktmo) = stated.map(str::to_owned) {
            row.fill(draft(&mut self.municipalities, oktmo, row.line), &Column::MUNICIPALITY, messages);
        } else if let Some(name) = row.value(Column::Municipality) {
            let message = "Рядом с названием муниципалитета укажите его ОКТМО.";
            messages.error(LineError::at(row.line, Column::MunicipalityOktmo, name, message));
        }
    }

    fn take_building(&mut self, ogrn: &str, row: &Row, messages: &mut Messages) {
        let room = row.value(Column::RoomNumber);
        let Some(text) = row.value(Column::BuildingNumber) else {
            let needs_number = Column::BUILDING.into_iter().chain([Column::RoomNumber]);
            if let Some(value) = needs_number.filter_map(|column| row.value(column)).next() {
                let message = "Укажите номер здания: 1, если здание одно.";
                messages.error(LineError::at(row.line, Column::BuildingNumber, value, message));
            }
            return;
        };
        let Some(number) = text.parse::<u32>().ok().filter(|number| (1..=9_999).contains(number)) else {
            let message = "Номер здания — целое число от 1 до 9999.";
            messages.error(LineError::at(row.line, Column::BuildingNumber, text, message));
            return;
        };
        row.fill(
            draft(&mut self.buildings, (ogrn.to_owned(), number), row.line),
            &Column::BUILDING,
            messages,
        );
        match room {
            Some(room) => self.take_room((ogrn.to_owned(), number, room.to_owned()), row, messages),
            None => {
                if let Some(value) = Column::ROOM.into_iter().find_map(|column| row.value(column)) {
                    let message = "Укажите номер кабинета.";
                    messages.error(LineError::at(row.line, Column::RoomNumber, value, message));
                }
            }
        }
    }

    fn take_room(&mut self, key: RoomKey, row: &Row, messages: &mut Messages) {
        if let Some(known) = self.rooms.get(&key) {
            let message = format!("Этот кабинет уже описан в строке {}. Лишнюю строку можно удалить.", known.line);
            messages.warning(LineError::at(row.line, Column::RoomNumber, &key.2, message));
        }
        row.fill(draft(&mut self.rooms, key, row.line), &Column::ROOM, messages);
    }
}

fn draft<K: Ord>(drafts: &mut BTreeMap<K, Draft>, key: K, line: u64) -> &mut Draft {
    drafts.entry(key).or_insert_with(|| Draft { line, values: Vec::new() })
}

/// A header printed again on a later page, or merged over two rows. Only a row without digits under ОГРН can
/// be one, and only such a row is worth the comparison.
fn repeats(header: &Header, cells: &[Cell<'_>]) -> bool {
    let ogrn = header.columns.iter().find(|(_, column)| *column == Column::Ogrn);
    let title = ogrn.and_then(|(position, _)| cells.get(*position)).map_or("", Cell::title);
    title.starts_with(char::is_alphabetic) && Header::of(cells.iter().map(Cell::title)).is_some_and(|again| again.columns == header.columns)
}

/// The filled cells of one row as text.
struct Row {
    line: u64,
    values: Vec<(Column, String)>,
}

impl Row {
    fn read(header: &Header, line: u64, cells: &[Cell<'_>], messages: &mut Messages) -> Option<Self> {
        let mut values = Vec::new();
        let mut clean = true;
        for (position, column) in &header.columns {
            match cells.get(*position).unwrap_or(&Cell::Empty).text(*column) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => values.push((*column, in_one_spelling(text, *column))),
                Err(refused) => {
                    clean = false;
                    messages.error(LineError::at(line, *column, &refused.value, refused.message));
                }
            }
        }
        (clean && !values.is_empty()).then_some(Self { line, values })
    }

    fn value(&self, column: Column) -> Option<&str> {
        self.values
            .iter()
            .find(|(known, _)| *known == column)
            .map(|(_, text)| text.as_str())
    }

    fn fill(&self, draft: &mut Draft, columns: &[Column], messages: &mut Messages) {
        for (column, text) in self.values.iter().filter(|(column, _)| columns.contains(column)) {
            draft.note(*column, text, self.line, messages);
        }
    }
}

/// Values that differ only in the case of their letters are the same in these columns.
fn in_one_spelling(text: String, column: Column) -> String {
    match column {
        Column::Kind | Column::Status | Column::SettlementClass | Column::RoomPurpose | Column::Kpp => text.to_uppercase(),
        Column::Fias => text.to_lowercase(),
        _ => text,
    }
}
