//! Both languages say the same things.

use super::*;

fn keys(language: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(language);
    files(&folder)
        .iter()
        .flat_map(|file| {
            std::fs::read_to_string(file)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|line| line.split_once(" =").map(|(key, _)| key.to_owned()))
        .filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Keys written out as `.t("…")`, `.n("…"`, `.with("…"`.
fn used() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut keys = BTreeSet::new();
    for file in files(&root.join("templates")).into_iter().chain(files(&root.join("src/web"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        for call in [".t(\"", ".n(\"", ".with(\""] {
            for rest in text.split(call).skip(1) {
                let key: String = rest.chars().take_while(|c| *c != '"').collect();
                // Entries of the activity log have a `.with("name", value)` too: a sentence's argument has a name.
                let names_an_argument = rest[key.len() + 1..].starts_with(", \"");
                if call != ".with(\"" || names_an_argument {
                    keys.insert(key);
                }
            }
        }
    }
    keys
}

#[test]
fn both_languages_have_the_same_keys_and_every_key_that_is_used() {
    let (russian, english) = (keys("ru"), keys("en"));
    assert_eq!(
        russian.difference(&english).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "only in Russian"
    );
    assert_eq!(
        english.difference(&russian).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "only in English"
    );
    let used = used();
    let missing: Vec<_> = used.difference(&russian).filter(|key| *key != "key").collect();
    assert!(missing.is_empty(), "used and nowhere defined: {missing:?}");
    assert!(used.len() > 150, "the test still finds the keys: {}", used.len());
}
