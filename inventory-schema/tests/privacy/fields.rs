//! Walks a schema to every value it allows: the closed set of fields, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Every string type an agent may send. Each has an alphabet, a length and a source; a new one is a decision
/// about privacy and gets its line here and in `docs/privacy.md`.
const TEXT_TYPES: &[&str] = &[
    "AssetTag",
    "BootId",
    "BuildingId",
    "DeviceId",
    "DeviceName",
    "Diagnosis",
    "EdidBytes",
    "HardwareText",
    "Hostname",
    "JedecCode",
    "LeaseId",
    "MacAddress",
    "MeasurementId",
    "OrganizationId",
    "Nonce",
    "OemText",
    "Pem",
    "PlaceName",
    "PrinterName",
    "PublicKey",
    "RawText",
    "RegionId",
    "RoomId",
    "SerialNumber",
    "ServerId",
    "ServerTitle",
    "Signature",
    "SoftwareName",
    "SoftwareVersion",
    "SystemTitle",
    "SystemUuid",
    "TokenId",
    "TokenSecret",
    "Word",
];

/// Strings that name no source, because the agent computes them.
const COMPUTED_TYPES: &[&str] = &["Day", "Digest", "KeyFingerprint", "QuarterHours", "Timestamp"];

/// Documents that travel as text within another, exactly as signed. Each is walked under its own name.
const EMBEDDED: &[&str] = &["CarriedRequest", "Envelope", "Receipt", "Section"];

/// Words that no field's name may hold.
const FORBIDDEN_WORDS: &[&str] = &[
    "account",
    "accounts",
    "activity",
    "birth",
    "bookmark",
    "bookmarks",
    "browser",
    "browsing",
    "child",
    "clipboard",
    "contact",
    "cookie",
    "cookies",
    "coordinates",
    "email",
    "employee",
    "face",
    "file",
    "files",
    "fio",
    "fullname",
    "geo",
    "gps",
    "history",
    "home",
    "ip",
    "ipv4",
    "ipv6",
    "keystrokes",
    "latitude",
    "location",
    "login",
    "logins",
    "longitude",
    "mail",
    "message",
    "messages",
    "microphone",
    "nickname",
    "owner",
    "password",
    "patronymic",
    "person",
    "phone",
    "photo",
    "photos",
    "picture",
    "process",
    "processes",
    "pupil",
    "recording",
    "screenshot",
    "session",
    "sessions",
    "snils",
    "ssid",
    "student",
    "surname",
    "tab",
    "tabs",
    "teacher",
    "uid",
    "url",
    "urls",
    "user",
    "username",
    "users",
    "video",
    "visited",
    "wallpaper",
    "window",
];

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The type of each value by its path: `memory.content.slots.value` → `Count`.
    pub types: BTreeMap<String, String>,
    /// What may not be, in words.
    pub faults: BTreeSet<String>,
}

/// Walks a document's root schema from the name it is published under.
pub fn walk(name: &str, root: &Value, into: &mut Fields) {
    Walk {
        root,
        into,
        within: Vec::new(),
    }
    .visit(root, name.to_owned(), None);
}

struct Walk<'s, 'f> {
    root: &'s Value,
    into: &'f mut Fields,
    /// The definitions being walked, outermost first: a type that holds itself has no closed set of fields.
    within: Vec<&'s str>,
}

impl<'s> Walk<'s, '_> {
    fn visit(&mut self, schema: &'s Value, path: String, name: Option<&'s str>) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.follow(reference, &path, name);
        }
        for branch in branches(schema) {
            // «One of these must be present» restricts the object that it stands in and declares nothing.
            let only_requires = branch
                .as_object()
                .is_some_and(|members| members.keys().all(|key| key == "required"));
            if !only_requires && branch["type"] != "null" {
                self.visit(branch, path.clone(), name);
            }
        }
        let declares_more = schema.get("$ref").is_some() || branches(schema).next().is_some();
        match type_of(schema) {
            Some("object") => self.object(schema, &path, declares_more),
            Some("array") => match schema.get("items") {
                Some(items) => self.visit(items, format!("{path}[]"), None),
                None => self.fault(&path, "is a list of anything"),
            },
            Some("string") => self.string(schema, path, name),
            Some("integer") => self.integer(schema, path, name),
            Some("boolean") => self.leaf(path, name.unwrap_or("boolean")),
            None if schema.get("const").is_some_and(Value::is_string) => self.leaf(path, "constant"),
            None if declares_more => {}
            other => self.fault(&path, &format!("may be anything of the type {other:?}")),
        }
    }

    fn follow(&mut self, reference: &'s str, path: &str, name: Option<&'s str>) {
        let Some(definition) = reference.strip_prefix("#/$defs/") else {
            let what = if reference == "#" {
                "holds itself"
            } else {
                "refers outside of its schema"
            };
            return self.fault(path, what);
        };
        if self.within.contains(&definition) {
            return self.fault(path, "holds itself");
        }
        self.within.push(definition);
        // A type that only renames another (KeyFingerprint) is known by its own name.
        self.visit(&self.root["$defs"][definition], path.to_owned(), name.or(Some(definition)));
        self.within.pop();
    }

    fn object(&mut self, schema: &'s Value, path: &str, declares_more: bool) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (field, below) in properties.into_iter().flatten() {
            if let Some(word) = field.split('_').find(|word| FORBIDDEN_WORDS.contains(word)) {
                self.fault(
                    path,
                    &format!("has the field «{field}»: «{word}» is of a person, not of a computer"),
                );
            }
            self.visit(below, format!("{path}.{field}"), None);
        }
        match schema.get("additionalProperties") {
            Some(Value::Object(_)) => {
                match schema.get("propertyNames") {
                    Some(names) => self.visit(names, format!("{path}.<key>"), None),
                    None => self.fault(path, "is a map whose keys may be any text"),
                }
                self.visit(&schema["additionalProperties"], format!("{path}.*"), None);
            }
            Some(Value::Bool(false)) => {}
            None if properties.is_some() || declares_more => {}
            _ => self.fault(path, "is an object of any fields"),
        }
    }

    fn string(&mut self, schema: &'s Value, path: String, name: Option<&'s str>) {
        if schema.get("enum").is_some() || schema.get("const").is_some() {
            return self.leaf(path, name.unwrap_or("constant"));
        }
        let has_length = schema.get("maxLength").is_some_and(Value::is_u64);
        let source = schema.get("x-source").and_then(Value::as_str).unwrap_or_default();
        if schema["contentMediaType"] == "application/json" && EMBEDDED.contains(&source) && has_length {
            return self.leaf(path, &format!("signed text of {source}"));
        }
        let anchored = |pattern: &str| pattern.starts_with('^') && pattern.ends_with('$');
        let has_alphabet = schema.get("pattern").and_then(Value::as_str).is_some_and(anchored);
        match name {
            None => self.fault(&path, "is a bare string: it needs a text type"),
            Some(name) if !TEXT_TYPES.contains(&name) && !COMPUTED_TYPES.contains(&name) => {
                self.fault(&path, &format!("is of the text type {name}, which is not listed"));
            }
            Some(name) if !has_length || !has_alphabet => self.fault(&path, &format!("is a {name} without a length or an alphabet")),
            Some(name) if source.is_empty() && !COMPUTED_TYPES.contains(&name) => {
                self.fault(&path, &format!("is a {name} without a source"))
            }
            Some(name) => self.leaf(path, name),
        }
    }

    fn integer(&mut self, schema: &'s Value, path: String, name: Option<&'s str>) {
        if schema.get("minimum").is_some() && schema.get("maximum").is_some() {
            self.leaf(path, name.unwrap_or("integer"));
        } else {
            self.fault(&path, "is a number without a range");
        }
    }

    fn leaf(&mut self, path: String, kind: &str) {
        let before = self.into.types.insert(path.clone(), kind.to_owned());
        if before.as_deref().is_some_and(|before| before != kind) {
            self.fault(&path, &format!("is both {} and {kind}", before.unwrap_or_default()));
        }
    }

    fn fault(&mut self, path: &str, what: &str) {
        self.into.faults.insert(format!("{path} {what}"));
    }
}

/// The one type of a value; an optional value's type is written as a pair with `null`.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|key| schema.get(key).and_then(Value::as_array))
        .flatten()
}
