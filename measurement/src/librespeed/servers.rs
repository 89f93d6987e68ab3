//! Where a backend's parts may be, what its answers look like, and lists of servers. Pure.
//!
//! PHP answers `backend/garbage.php`, the Go program also without `.php` and without `backend`. Which it is shows the
//! ping: the right address answers 200 with an empty body.

use serde_json::Value;

use crate::reach::Address;

/// The parts of one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub download: Address,
    pub upload: Address,
    pub ping: Address,
    pub own_address: Address,
}

/// Every place where a backend at this address may be, the likeliest first.
pub fn candidates(base: &Address) -> Vec<Parts> {
    let path = base.path.split('?').next().unwrap_or_default();
    let folder = path.trim_end_matches('/').trim_end_matches("/index.html");
    let folders = if folder.ends_with("/backend") {
        vec![folder.to_owned()]
    } else {
        vec![format!("{folder}/backend"), folder.to_owned()]
    };
    let both = folders.iter().flat_map(|folder| [".php", ""].map(|ending| (folder, ending)));
    both.map(|(folder, ending)| {
        let at = |name: &str| base.at(&format!("{folder}/{name}{ending}"));
        Parts {
            download: at("garbage"),
            upload: at("empty"),
            ping: at("empty"),
            own_address: at("getIP"),
        }
    })
    .collect()
}

/// One server of a list, as LibreSpeed's clients read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub parts: Parts,
}

/// The longest list that is read.
const MOST_SERVERS: usize = 1_000;

/// Reads a list; entries without an address are left out. `default_secure`: for addresses that begin with `//`.
pub fn read_list(json: &str, default_secure: bool) -> Vec<Listed> {
    let Ok(Value::Array(entries)) = serde_json::from_str(json) else {
        return Vec::new();
    };
    entries
        .iter()
        .take(MOST_SERVERS)
        .filter_map(|entry| listed(entry, default_secure))
        .collect()
}

fn listed(entry: &Value, default_secure: bool) -> Option<Listed> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let server = text("server")?;
    let scheme = if default_secure { "https:" } else { "http:" };
    let server = if server.starts_with("//") {
        format!("{scheme}{server}")
    } else {
        server.to_owned()
    };
    let base: Address = server.parse().ok()?;
    let folder = base.path.trim_end_matches('/').to_owned();
    let at = |name: &str| {
        let part = text(name)?.trim_start_matches('/');
        let address = base.at(&format!("{folder}/{part}"));
        // What would not be an address as a whole is none.
        address.to_string().parse().ok()
    };
    Some(Listed {
        name: text("name")
            .unwrap_or_default()
            .chars()
            .filter(|letter| !letter.is_control())
            .take(120)
            .collect(),
        parts: Parts {
            download: at("dlURL")?,
            upload: at("ulURL")?,
            ping: at("pingURL")?,
            own_address: at("getIpURL")?,
        },
    })
}

/// What `getIP` says, as people read it: the field of its JSON, or the whole of an old backend's text.
pub fn own_address(answer: &str) -> String {
    let json: Value = serde_json::from_str(answer).unwrap_or_default();
    let said = json.get("processedString").and_then(Value::as_str).unwrap_or(answer);
    said.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(base: &str) -> Vec<String> {
        let base = base.parse().unwrap();
        candidates(&base).iter().map(|parts| parts.download.path.clone()).collect()
    }

    #[test]
    fn a_backend_is_looked_for_where_the_known_ones_are() {
        assert_eq!(
            paths("https://speed.example"),
            ["/backend/garbage.php", "/backend/garbage", "/garbage.php", "/garbage"]
        );
        assert_eq!(
            paths("http://x/speed/index.html?a"),
            [
                "/speed/backend/garbage.php",
                "/speed/backend/garbage",
                "/speed/garbage.php",
                "/speed/garbage"
            ]
        );
        assert_eq!(paths("http://x/s/backend/"), ["/s/backend/garbage.php", "/s/backend/garbage"]);
    }

    #[test]
    fn lists_are_read_and_what_is_no_server_is_left_out() {
        let list = r#"[
            {"id":1,"name":"Пермь","server":"//speed.example/x/","dlURL":"backend/garbage.php","ulURL":"backend/empty.php","pingURL":"backend/empty.php","getIpURL":"backend/getIP.php"},
            {"name":"no address"}, 7,
            {"server":"http://a b/","dlURL":"a","ulURL":"a","pingURL":"a","getIpURL":"a"}
        ]"#;
        let read = read_list(list, true);
        assert_eq!(read.len(), 1, "{read:?}");
        assert_eq!(read[0].parts.download.to_string(), "https://speed.example/x/backend/garbage.php");
        assert!(read_list("{}", true).is_empty() && read_list("[", true).is_empty());
    }

    #[test]
    fn both_kinds_of_get_ip_are_read() {
        assert_eq!(
            own_address(r#"{"processedString":"10.0.0.2 - private","rawIspInfo":""}"#),
            "10.0.0.2 - private"
        );
        assert_eq!(own_address("10.0.0.2"), "10.0.0.2");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_fail(text in ".{0,200}", server in "[a-z/:.\\[\\]@0-9]{0,40}") {
            let _ = read_list(&text, true);
            let _ = own_address(&text);
            let entry = serde_json::json!([{"server": server, "dlURL": text, "ulURL": "", "pingURL": "", "getIpURL": ""}]);
            for listed in read_list(&entry.to_string(), false) {
                let _ = candidates(&listed.parts.download);
            }
        }
    }
}
