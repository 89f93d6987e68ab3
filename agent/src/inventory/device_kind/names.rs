//! Words in makers' names that tell a kind of computer. Whole words only: «Panel» is not found in «Panelist».

use inventory_schema::inventory::KindSign;

/// The signs in one name: a model, a family, a board.
pub(super) fn signs_in(name: &str) -> Vec<KindSign> {
    let folded = name.to_lowercase();
    let words: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let phrase = |known: &[&str]| {
        let joined = words.join(" ");
        known.iter().any(|phrase| format!(" {joined} ").contains(&format!(" {phrase} ")))
    };
    let mut signs = Vec::new();
    if has(&["aio", "моноблок", "imac"]) || phrase(&["all in one"]) || has(&["allinone"]) {
        signs.push(KindSign::AllInOneName);
    }
    if words.iter().any(|word| is_portable(word)) || phrase(&["surface pro", "surface go"]) {
        signs.push(KindSign::PortableName);
    }
    if words.iter().any(|word| is_pluggable(word)) {
        signs.push(KindSign::PluggableName);
    }
    if has(&[
        "panel",
        "панель",
        "activpanel",
        "actvipanel",
        "interactive",
        "ifp",
        "eduboard",
        "flipbox",
        "whiteboard",
    ]) {
        signs.push(KindSign::PanelName);
    }
    if has(&[
        "server",
        "сервер",
        "proliant",
        "poweredge",
        "thinksystem",
        "primergy",
        "rackstation",
    ]) || phrase(&["depo storm"])
    {
        signs.push(KindSign::ServerName);
    }
    signs
}

/// `notebook`, `MateBook`, `ThinkPad`. Families that are sold with and without a battery are not here.
fn is_portable(word: &str) -> bool {
    const KNOWN: [&str; 9] = [
        "laptop",
        "ноутбук",
        "нетбук",
        "thinkpad",
        "ideapad",
        "latitude",
        "travelmate",
        "планшет",
        "tablet",
    ];
    (word.ends_with("book") && word.len() > 4) || KNOWN.contains(&word)
}

/// `OPS`, `OPS3510`, `OPSC`: the standard of computers that are pushed into panels; `SDM` is its successor.
fn is_pluggable(word: &str) -> bool {
    let rest = word.strip_prefix("ops").or_else(|| word.strip_prefix("sdm"));
    rest.is_some_and(|rest| rest.is_empty() || rest == "c" || rest.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_tell_a_kind() {
        for (name, sign) in [
            ("ThinkPad T480s", KindSign::PortableName),
            ("HUAWEI MateBook D 15", KindSign::PortableName),
            ("Ноутбук ICL RAYbook", KindSign::PortableName),
            ("Aquarius Mnb T904 Моноблок", KindSign::AllInOneName),
            ("IdeaCentre AIO 3", KindSign::AllInOneName),
            ("All-in-One PC", KindSign::AllInOneName),
            ("OPS-H81", KindSign::PluggableName),
            ("MT43-OPS", KindSign::PluggableName),
            ("OPS3510", KindSign::PluggableName),
            ("ActivPanel V9", KindSign::PanelName),
            ("ProLiant DL380 Gen10", KindSign::ServerName),
        ] {
            assert!(signs_in(name).contains(&sign), "{name}: {:?}", signs_in(name));
        }
    }

    #[test]
    fn parts_of_words_tell_nothing() {
        for name in [
            "Opspro 7",
            "Panelist",
            "H61M-K",
            "Book",
            "Inspiron 3881",
            "Surface Studio",
            "Observer",
            "",
            "Topsy",
        ] {
            assert_eq!(signs_in(name), [], "{name}");
        }
    }
}
