//! The details of a section's problems in Russian. The document states them in English, for programs and for
//! whoever mends the agent; a table that people read says them in their own language.

use inventory_schema::text::Diagnosis;

use crate::language::Language;

/// What the agent's own readers state, word for word.
const KNOWN: [(&str, &str); 17] = [
    ("nothing states the kernel's release", "версия ядра нигде не указана"),
    ("nothing states the architecture", "архитектура нигде не указана"),
    (
        "more packages are installed than the agent lists",
        "установлено больше пакетов, чем перечисляет агент",
    ),
    (
        "this agent was built without the reader of RPM",
        "этот агент собран без чтения базы RPM",
    ),
    (
        "this version of the agent does not read the hardware of Windows",
        "эта версия агента не читает оборудование под Windows",
    ),
    (
        "earlier readings still wait for their files",
        "прежние чтения всё ещё ждут своих файлов",
    ),
    ("the system gives no thread to read with", "система не даёт потока для чтения"),
    ("no processor is listed", "не перечислено ни одного процессора"),
    ("the sum of the base block is wrong", "контрольная сумма основного блока неверна"),
    (
        "the variable SecureBoot is neither 0 nor 1",
        "переменная SecureBoot не равна ни 0, ни 1",
    ),
    ("the table ends within a structure", "таблица обрывается внутри записи"),
    (
        "only the running system tells a card's own address",
        "собственный адрес карты сообщает только работающая система",
    ),
    ("the printer did not answer in time", "принтер не ответил вовремя"),
    (
        "the printer answered without saying what it is",
        "принтер ответил, но не назвал себя",
    ),
    ("the EDID does not begin with its mark", "EDID не начинается со своей метки"),
    (
        "the dump begins with no entry point of SMBIOS",
        "в начале дампа нет точки входа SMBIOS",
    ),
    ("MemTotal is missing", "нет строки MemTotal"),
];

/// The detail for people. What is not the agent's own sentence, a path or the system's words, stays as it is.
pub(super) fn shown(detail: &Diagnosis, lang: Language) -> String {
    let text = detail.as_str();
    if lang == Language::En {
        return text.to_owned();
    }
    if let Some((_, russian)) = KNOWN.iter().find(|(english, _)| *english == text) {
        return (*russian).to_owned();
    }
    if let Some(lines) = text.strip_suffix(" lines are no UTF-8") {
        return format!("строк не в UTF-8: {lines}");
    }
    if let Some(russian) = edid_complaint(text) {
        return russian;
    }
    if let Some((path, parts)) = text.strip_suffix(" parts cannot be read").and_then(|text| text.rsplit_once(": ")) {
        return format!("{path}: не прочитано частей: {parts}");
    }
    if let Some(seconds) = text
        .strip_prefix("nothing answered within ")
        .and_then(|text| text.strip_suffix(" s"))
    {
        return format!("нет ответа за {seconds} с");
    }
    match (text.strip_suffix(" does not exist"), text.strip_suffix(" is no regular file")) {
        (Some(path), _) => format!("{path} не существует"),
        (_, Some(path)) => format!("{path} — не обычный файл"),
        _ => text.to_owned(),
    }
}

/// What is wrong with the blocks of an EDID, with its numbers.
fn edid_complaint(text: &str) -> Option<String> {
    if let Some(number) = text.strip_prefix("the sum of extension block ") {
        let number = number.strip_suffix(" is wrong")?;
        return Some(format!("контрольная сумма блока расширения {number} неверна"));
    }
    if let Some(rest) = text.strip_prefix("the sums of ") {
        let (count, first) = rest.split_once(" extension blocks are wrong, from block ")?;
        let first = first.strip_suffix(" on")?;
        return Some(format!("контрольные суммы блоков расширения неверны: {count}, начиная с {first}"));
    }
    if let Some(rest) = text.strip_prefix("extension blocks announced: ") {
        let (announced, present) = rest.split_once(", present: ")?;
        return Some(format!("блоков расширения объявлено {announced}, есть {present}"));
    }
    if let Some(rest) = text.strip_prefix("the EDID has ") {
        let count = rest.strip_suffix(" bytes, a base block has 128")?;
        return Some(format!("в EDID {count} байт, в основном блоке их 128"));
    }
    let loose = text.strip_prefix("bytes behind the last whole block: ")?;
    Some(format!("лишние байты после последнего целого блока: {loose}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_russian(text: &str) -> String {
        shown(&Diagnosis::observed(text).unwrap(), Language::Ru)
    }

    #[test]
    fn the_agents_own_sentences_are_russian_in_russian() {
        for (english, russian) in KNOWN {
            assert_eq!(in_russian(english), russian);
            assert_eq!(shown(&Diagnosis::observed(english).unwrap(), Language::En), english);
        }
        assert_eq!(in_russian("3 lines are no UTF-8"), "строк не в UTF-8: 3");
        use crate::inventory::edid::{Complaint, EdidError};
        for complaint in [
            Complaint::BaseSum.to_string(),
            Complaint::BlockSums { first: 2, count: 1 }.to_string(),
            Complaint::BlockSums { first: 2, count: 3 }.to_string(),
            Complaint::MissingBlocks { announced: 2, present: 1 }.to_string(),
            Complaint::LooseBytes(1).to_string(),
            EdidError::TooShort(5).to_string(),
            EdidError::Header.to_string(),
        ] {
            assert_ne!(in_russian(&complaint), complaint);
        }
        assert_eq!(
            in_russian("var/lib/rpm/Packages: 3 parts cannot be read"),
            "var/lib/rpm/Packages: не прочитано частей: 3"
        );
        assert_eq!(in_russian("nothing answered within 10 s"), "нет ответа за 10 с");
        assert_eq!(in_russian("etc/os-release does not exist"), "etc/os-release не существует");
        assert_eq!(in_russian("sys/firmware/dmi/tables/DMI"), "sys/firmware/dmi/tables/DMI");
    }

    /// A sentence that was reworded there and not here would be English in the midst of Russian.
    #[test]
    fn the_sentences_are_those_of_the_collectors() {
        let collectors = [
            include_str!("../collect.rs"),
            include_str!("../collect/display.rs"),
            include_str!("../collect/network.rs"),
            include_str!("../collect/patience.rs"),
            include_str!("../../platform/windows.rs"),
            include_str!("../collect/firmware.rs"),
            include_str!("../smbios/container.rs"),
            include_str!("../collect/processor.rs"),
            include_str!("../ask_printers.rs"),
            include_str!("../collect/software.rs"),
            include_str!("../collect/system.rs"),
            include_str!("../edid.rs"),
        ];
        for (english, _) in KNOWN.iter().filter(|(english, _)| !english.starts_with("nothing states")) {
            assert!(
                collectors.iter().any(|source| source.contains(english)),
                "no collector states «{english}» any more"
            );
        }
    }
}
