//! A comparison of a table with the register, in words for a terminal. Called by `organization import`.

use std::io::{self, Write};

use crate::register::{Change, FieldChange, LineError, Organization, Preview};

/// The most organizations of one kind that are named.
const NAMED: usize = 20;

pub fn describe(preview: &Preview, out: &mut impl Write) -> io::Result<()> {
    for error in &preview.errors {
        writeln!(out, "{}: {}", place(error), error.message)?;
    }
    if preview.errors_left_out > 0 {
        writeln!(out, "и ещё ошибок: {}", preview.errors_left_out)?;
    }
    for warning in &preview.warnings {
        writeln!(out, "{}: предупреждение: {}", place(warning), warning.message)?;
    }
    let (new, changed, vanished) = (&preview.new, &preview.changed, &preview.vanished);
    writeln!(out, "Строк в таблице: {}", preview.rows)?;
    let counts = |organizations: usize, buildings: usize, rooms: usize| {
        format!("организаций {organizations}, зданий {buildings}, кабинетов {rooms}")
    };
    let of_new = counts(new.organizations.len(), new.buildings.len(), new.rooms.len());
    writeln!(out, "Новых: {of_new}")?;
    name(new.organizations.iter().map(named), out)?;
    let of_changed = counts(changed.organizations.len(), changed.buildings.len(), changed.rooms.len());
    writeln!(out, "Изменённых: {of_changed}")?;
    name(changed.organizations.iter().map(change), out)?;
    let of_vanished = counts(vanished.organizations.len(), vanished.buildings.len(), vanished.rooms.len());
    writeln!(out, "Есть в реестре, нет в таблице (остаются): {of_vanished}")?;
    name(vanished.organizations.iter().map(named), out)
}

/// `строка 4, столбец «ИНН»`
fn place(message: &LineError) -> String {
    let line = match message.line {
        0 => "весь файл".to_owned(),
        line => format!("строка {line}"),
    };
    match message.column.as_str() {
        "" => line,
        column => format!("{line}, столбец «{column}»"),
    }
}

fn name(mut organizations: impl ExactSizeIterator<Item = String>, out: &mut impl Write) -> io::Result<()> {
    for organization in organizations.by_ref().take(NAMED) {
        writeln!(out, "  {organization}")?;
    }
    match organizations.len() {
        0 => Ok(()),
        more => writeln!(out, "  и ещё {more}"),
    }
}

fn named(organization: &Organization) -> String {
    format!("{} · {}", organization.ogrn, organization.short_name)
}

fn change(change: &Change<Organization>) -> String {
    let field = |field: &FieldChange| format!("{}: «{}» → «{}»", field.column.title(), field.before, field.after);
    let fields: Vec<String> = change.fields.iter().map(field).collect();
    format!("{}; {}", named(&change.after), fields.join("; "))
}
