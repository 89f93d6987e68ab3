//! What a check found, in Russian sentences. Says what is proven and, as plainly, what is not.

use std::fmt::Write;

use inventory_schema::envelope::ChainPlace;
use inventory_schema::{Digest, Timestamp};

use super::chain::Fault;
use super::{Code, Failure, Verdict};

pub fn unreadable(error: &impl std::fmt::Display) -> String {
    format!("запись не читается: {error}")
}

pub fn not_canonical(what: &str, error: &impl std::error::Error) -> String {
    let mut sentence = format!("{what} не в канонической форме: {error}");
    if let Some(cause) = error.source() {
        let _ = write!(sentence, ": {cause}");
    }
    sentence
}

/// The sentence with a report's place in its chain.
pub fn place(sentence: &str, place: ChainPlace) -> String {
    format!("{sentence} (отчёт {})", number(place))
}

fn number(place: ChainPlace) -> String {
    format!("{}, эпоха {}", place.sequence, place.epoch)
}

pub fn no_path(what: &str, checkpoint: u64) -> String {
    format!("{what}: доказательство не ведёт к корню контрольной точки {checkpoint}")
}

pub fn chain_fault(fault: &Fault) -> (Code, String) {
    match *fault {
        Fault::Gap { before, here } => (
            Code::Gap,
            format!(
                "цепочка прервана: отчёт {} не продолжает отчёт {} — между ними удалён или вставлен отчёт",
                number(here),
                number(before)
            ),
        ),
        Fault::EndsEarly { checkpoint, head } => (
            Code::Missing,
            format!(
                "в контрольной точке {checkpoint} цепочка доходит до отчёта {}, а в архиве кончается раньше: последние отчёты удалены",
                number(head)
            ),
        ),
        Fault::OtherReport { checkpoint, head } => (
            Code::Missing,
            format!(
                "в контрольной точке {checkpoint} на месте отчёта {} стоит другой отчёт, чем в архиве",
                number(head)
            ),
        ),
        Fault::NoProof { checkpoint } => (
            Code::Missing,
            format!(
                "в архиве нет доказательства, где была голова этой цепочки в контрольной точке {checkpoint}: за ней могли скрыть удалённые отчёты"
            ),
        ),
        Fault::NotInCheckpoint { checkpoint, here } => (
            Code::NotInCheckpoint,
            format!(
                "отчёт {} по записи получен до контрольной точки {checkpoint}, но в ней его нет: он добавлен позже",
                number(here)
            ),
        ),
    }
}

/// The whole verdict, a sentence or two to a line.
pub fn verdict(verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for failure in &verdict.failures {
        say(failure_line(failure));
    }
    if verdict.further_failures > 0 {
        say(format!("… и ещё нарушений: {}", verdict.further_failures));
    }
    if !verdict.holds {
        say("НЕ СХОДИТСЯ. Этому архиву нельзя верить в том, что названо выше; остальное без целого архива не доказано.".to_owned());
        return text;
    }
    say("СХОДИТСЯ.".to_owned());
    say(about(verdict));
    say(format!(
        "Подпись доказывает: каждый из {} отчётов подписан ключом, на который регион выдал сертификат, и с тех пор не изменён; внутри цепочек ничего не вставлено и не вынуто.",
        verdict.reports
    ));
    let aged = verdict.kept_since.map(|since| {
        format!(
            "Регион заявляет, что отчёты, полученные до {}, удалены по сроку хранения, кроме тех, на которых держится нынешнее состояние. Пропусков: {}; отчётов, которые поэтому ничем не связаны с контрольной точкой и НЕ доказаны: {}.",
            moment(since),
            verdict.aged_gaps,
            verdict.unlinked
        )
    });
    for line in aged
        .into_iter()
        .chain(checkpoints(verdict))
        .chain(roots(verdict))
        .chain(remarks(verdict))
    {
        say(line);
    }
    say("Подпись не доказывает: что программа на компьютере сказала правду, что ключ не скопировали вместе с диском и что часы шли верно; и что выгружены все устройства.".to_owned());
    text
}

fn failure_line(failure: &Failure) -> String {
    let at = &failure.at;
    format!(
        "✗ {}, байт {} архива (байт {} записи): {}",
        at.entry, at.offset, at.within, failure.sentence
    )
}

fn about(verdict: &Verdict) -> String {
    let region = verdict.region.as_ref().map(ToString::to_string).unwrap_or_default();
    let made_at = verdict.made_at.map(moment).unwrap_or_default();
    let since = verdict.from.map_or_else(String::new, |from| format!(" с {}", moment(from)));
    let until = verdict.to.map_or_else(String::new, |to| format!(" до {}", moment(to)));
    format!(
        "Регион {region}, архив составлен {made_at}. Устройств: {}, цепочек: {}, отчётов{since}{until}: {}.",
        verdict.devices, verdict.chains, verdict.reports
    )
}

fn checkpoints(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    match (verdict.line, verdict.line_moment) {
        (Some(line), Some(at)) => {
            let newer = verdict.reports.saturating_sub(verdict.forks + verdict.proven_by_line + verdict.unlinked);
            lines.push(format!(
                "Строка контрольной точки {line} (на {}) доказывает даже против самого региона: {} отчётов существовали, когда она была выдана.",
                moment(at),
                verdict.proven_by_line
            ));
            lines.push(match newer {
                0 => "Отчётов новее этой строки в архиве нет.".to_owned(),
                newer => format!("Новее строки, и потому НЕ доказано против региона: {newer} отчётов. За них ручается только регион."),
            });
        }
        _ => lines.push(format!(
            "Контрольных точек в архиве: {}, они знают {} отчётов. Но строка, полученная раньше от независимого хранителя, не указана (--checkpoint): что регион не составил всё это заново, НЕ доказано.",
            verdict.checkpoints, verdict.covered
        )),
    }
    if let Some(newest) = &verdict.newest_checkpoint {
        lines.push(format!("Новейшая контрольная точка архива:\n  {newest}"));
    }
    lines
}

fn roots(verdict: &Verdict) -> Vec<String> {
    if verdict.roots_compared {
        return vec!["Корневой сертификат — тот, что указан.".to_owned()];
    }
    let shown: Vec<String> = verdict.roots.iter().map(Digest::to_string).collect();
    vec![format!(
        "Сверьте корневой сертификат региона с опубликованным (или укажите --root):\n  {}",
        shown.join("\n  ")
    )]
}

fn remarks(verdict: &Verdict) -> Vec<String> {
    let counted = [
        (
            verdict.chains_begin_later,
            "Цепочек, начало которых в архив не вошло (срок выгрузки или хранения)",
        ),
        (
            verdict.breaks,
            "Разрывов, записанных самими устройствами (запись на сервере удалялась)",
        ),
        (verdict.links, "Отчётов позже срока, нужных для связи с контрольной точкой"),
        (verdict.epochs, "Новых эпох (цепочка продолжена после развилки)"),
        (
            verdict.forks,
            "Развилок: вторых отчётов на занятом месте; контрольные точки их не доказывают",
        ),
        (
            verdict.bodies_missing,
            "Разделов, содержание которых не сохранилось; подписан их отпечаток",
        ),
        (
            verdict.other_names,
            "Цепочек, записанных сейчас за другим устройством, чем названо в сертификате (объединённые и разделённые записи)",
        ),
        (verdict.log_newer, "Сертификатов и отзывов новее контрольной точки"),
    ];
    let told = counted.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{what}: {count}.")).collect()
}

fn moment(at: Timestamp) -> String {
    at.to_string().replace(".000000Z", "Z")
}
