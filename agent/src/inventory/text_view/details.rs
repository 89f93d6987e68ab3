//! The details of a section's problems in Russian. The document states them in English, for programs and for
//! whoever mends the agent; a table that people read says them in their own language.

use inventory_schema::text::Diagnosis;

use crate::language::Language;

/// What the agent's own readers state, word for word.
const KNOWN: [(&str, &str); 12] = [
    ("nothing states the kernel's release", "версия ядра нигде не указана"),
    ("nothing states the architecture", "архитектура нигде не указана"),
    (
        "more packages are installed than the agent lists",
        "установлено больше пакетов, чем перечисляет агент",
    ),
    (
        "the RPM database of this system is not read by this version of the agent",
        "базу RPM этой системы эта версия агента не читает",
    ),
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
    match (text.strip_suffix(" does not exist"), text.strip_suffix(" is no regular file")) {
        (Some(path), _) => format!("{path} не существует"),
        (_, Some(path)) => format!("{path} — не обычный файл"),
        _ => text.to_owned(),
    }
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
            include_str!("../collect/processor.rs"),
            include_str!("../ask_printers.rs"),
            include_str!("../collect/software.rs"),
            include_str!("../collect/system.rs"),
        ];
        for (english, _) in KNOWN.iter().filter(|(english, _)| !english.starts_with("nothing states")) {
            assert!(
                collectors.iter().any(|source| source.contains(english)),
                "no collector states «{english}» any more"
            );
        }
    }
}
