//! Does a piece of free text name a person? (152-ФЗ, promise 8)
//!
//! Host names, printer names and asset tags are typed by people, and people call a computer after its
//! user. The filter prefers to withhold too much: a device is known by its number and its room. It knows
//! Russian given names, patronymics and surname endings, in Cyrillic and in the usual transliterations;
//! what it cannot know (a nickname, a name of another language) is named in `docs/privacy.md`.

mod words;

use words::{COMPUTER_WORDS, GIVEN_NAMES, NOT_SURNAMES, PATRONYMIC_ENDINGS, SURNAME_ENDINGS};

/// Whether any word of `text` looks like a given name, a patronymic or a surname.
pub fn may_name_a_person(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic())
        .any(|word| camel_words(word).iter().any(|part| names_a_person(&part.to_lowercase())) || names_a_person(&word.to_lowercase()))
}

/// «IvanovaPC» → «Ivanova», «PC»; «PCMaria» → «PC», «Maria».
fn camel_words(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut parts = vec![String::new()];
    for (place, c) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place));
        let after = letters.get(place + 1);
        let after_lower = before.is_some_and(|c| c.is_lowercase());
        let ends_capitals = before.is_some_and(|c| c.is_uppercase()) && after.is_some_and(|c| c.is_lowercase());
        if c.is_uppercase() && (after_lower || ends_capitals) {
            parts.push(String::new());
        }
        parts.last_mut().expect("there is always a last part").push(*c);
    }
    parts
}

fn names_a_person(word: &str) -> bool {
    let bare = COMPUTER_WORDS
        .iter()
        .flat_map(|with| [word.strip_prefix(with), word.strip_suffix(with)]);
    let forms: Vec<&str> = std::iter::once(word).chain(bare.flatten()).collect();
    let known = forms.iter().any(|form| NOT_SURNAMES.contains(form));
    !known
        && forms
            .iter()
            .any(|form| is_name(form) || nominatives(form).iter().any(|nominative| is_name(nominative)))
}

fn is_name(word: &str) -> bool {
    let letters = word.chars().count();
    GIVEN_NAMES.contains(&word)
        || PATRONYMIC_ENDINGS.iter().any(|ending| letters >= 7 && word.ends_with(ending))
        || SURNAME_ENDINGS
            .iter()
            .any(|(ending, least)| letters >= *least && word.ends_with(ending))
}

/// What a Cyrillic word may be in the nominative: «ноутбук Марии Сергеевны» names a person too.
fn nominatives(word: &str) -> Vec<String> {
    const CASES: &[&str] = &["ой", "ей", "ым", "ом", "ем", "ы", "и", "е", "у", "ю", "а", "я"];
    const NOMINATIVES: &[&str] = &["", "а", "я", "й", "ь"];
    CASES
        .iter()
        .filter_map(|case| word.strip_suffix(case))
        .filter(|stem| stem.chars().count() >= 3)
        .flat_map(|stem| NOMINATIVES.iter().map(move |ending| format!("{stem}{ending}")))
        .filter(|candidate| {
            GIVEN_NAMES.contains(&candidate.as_str()) || PATRONYMIC_ENDINGS.iter().any(|ending| candidate.ends_with(ending))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_either_script() {
        for name in [
            "Иванова-ПК",
            "ivanova-pc",
            "PC_Petrov",
            "ноутбук Марии Сергеевны",
            "OlgaNotebook",
            "sidorov2",
            "Мария",
            "HP-Kuznetsova-201",
            "Ноутбук Петренко",
            "kab5-zaytsev",
            "ПК-Гайнуллин",
            "IvanovaPC",
            "завуч Светлана",
            "mariapc",
            "ivanovapc",
            "PCMaria",
            "ПКМария",
            "notebookivanova",
            "ноутбукмарии",
            "kab12Айгуль",
            "gulnara-nout",
            "marat.region.local",
        ] {
            assert!(may_name_a_person(name), "{name}");
        }
    }

    #[test]
    fn what_technicians_call_computers_is_kept() {
        for name in [
            "kab-12-pc03",
            "DESKTOP-7H2K9QF",
            "WIN-SRV-01",
            "кабинет 12",
            "school59-lab",
            "astra",
            "alt-p10",
            "MFU-2-etazh",
            "Учительская",
            "localhost",
            "debian",
            "panel-65-301",
            "admin-pc",
            "LAPTOP-3",
            "buh2",
            "print-server",
            "МФУ приёмная",
            "HP-LaserJet-M428",
            "Kyocera_ECOSYS_M2040dn",
            "canon-mf3010",
            "WORKSTATION",
            "teacher-pc-14",
            "itcube-nb-07",
            "PC-WIN-14",
            "pcadmin",
            "mainpc",
            "kabinet-informatiki",
            "biblioteka",
            "спортзал",
            "workgroup",
        ] {
            assert!(!may_name_a_person(name), "{name}");
        }
    }
}
