//! `POST /v1/reports`: a batch of signed envelopes with their bodies, and an answer for each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::Digest;
use crate::envelope::ChainHead;
use crate::problem::ProblemCode;
use crate::signature::Signature;

/// The most reports one batch may hold.
pub const MAX_REPORTS_PER_BATCH: usize = 256;
/// The most bytes of a request's body as it travels (compressed).
pub const MAX_COMPRESSED_BYTES: usize = 4 << 20;
/// The most bytes of a request's body after decompression.
pub const MAX_BODY_BYTES: usize = 32 << 20;
/// The most bytes of one section's body.
pub const MAX_SECTION_BYTES: usize = 4 << 20;

/// A batch, oldest report first. Bodies are shared: a digest stands once, however many reports name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportBatch {
    #[schemars(length(max = 256))]
    pub reports: Vec<SignedReport>,
    /// Canonical JSON of section bodies, and of measurements, by digest. A body that the controller is known to hold, or that was
    /// dropped from a full spool, may be missing.
    #[schemars(schema_with = "bodies_schema")]
    pub bodies: BTreeMap<Digest, String>,
}

fn bodies_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let digest = generator.subschema_for::<Digest>();
    schemars::json_schema!({
        "type": "object",
        "description": "Canonical JSON of section bodies, and of measurements, by digest.",
        "propertyNames": digest,
        "additionalProperties": { "type": "string", "maxLength": MAX_SECTION_BYTES, "contentMediaType": "application/json", "x-source": "Section" }
    })
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedReport {
    /// The canonical JSON of an [`crate::Envelope`], exactly as signed.
    #[schemars(length(max = 2048), extend("contentMediaType" = "application/json", "x-source" = "Envelope"))]
    pub envelope: String,
    pub signature: Signature,
}

/// One answer per report, in the batch's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportAnswers {
    pub answers: Vec<ReportAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportAnswer {
    /// The digest of the envelope this answers.
    pub digest: Digest,
    #[serde(flatten)]
    pub outcome: ReportOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ReportOutcome {
    /// Durable: the agent may forget it.
    Stored {
        /// Bodies that the report names and the controller does not hold.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<Digest>,
    },
    /// Was stored before: the agent may forget it.
    Duplicate,
    /// Another envelope stands at this place. Both are kept; the agent begins a new epoch from `head`.
    Forked { head: ChainHead },
    /// The envelope does not follow the chain's head. Nothing was stored; the agent resumes from `head`.
    Gap { head: ChainHead },
    /// Can never be stored, for the reason `code` gives. The agent keeps it aside and says so.
    Refused { code: ProblemCode },
    /// Was not stored this time; the agent sends it again later.
    Retry,
}

/// The paths of fields that were received and that this program has no place for: `content.disks[0].wear`.
/// They are kept in the stored bytes and listed on the device's page, never refused.
pub fn unknown_fields(received: &Value, understood: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect_unknown(received, understood, String::new(), &mut paths);
    paths
}

/// The most unknown fields that are listed; a report cannot fill a page with them.
const MAX_LISTED: usize = 100;

fn collect_unknown(received: &Value, understood: &Value, path: String, paths: &mut Vec<String>) {
    if paths.len() >= MAX_LISTED {
        return;
    }
    match (received, understood) {
        (Value::Object(received), understood) => {
            for (name, value) in received {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match understood.get(name) {
                    Some(known) => collect_unknown(value, known, below, paths),
                    // `null` and an empty list are other spellings of «absent».
                    None if value.is_null() || value.as_array().is_some_and(Vec::is_empty) => {}
                    None => paths.push(below),
                }
            }
        }
        (Value::Array(received), Value::Array(understood)) => {
            for (index, (value, known)) in received.iter().zip(understood).enumerate() {
                collect_unknown(value, known, format!("{path}[{index}]"), paths);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::AnySection;
    use crate::section::SectionName;
    use serde_json::json;

    #[test]
    fn unknown_fields_are_listed_by_path() {
        let received = json!({
            "format": "storage/1",
            "content": { "disks": [{
                "name": "sda", "kind": { "value": "hard_disk", "source": "sysfs_block", "certainty": "high" }, "wear": 3, "model": null
            }], "arrays": 2 }
        });
        let section = AnySection::read(SectionName::Storage, received.to_string().as_bytes()).unwrap();
        let mut unknown = unknown_fields(&received, &section.understood());
        unknown.sort();
        assert_eq!(
            unknown,
            ["content.arrays", "content.disks[0].kind.certainty", "content.disks[0].wear"]
        );
    }

    #[test]
    fn a_section_of_another_version_is_an_error() {
        let body = br#"{"content":{"disks":[]},"format":"storage/2"}"#;
        let error = AnySection::read(SectionName::Storage, body).unwrap_err().to_string();
        assert!(error.contains("storage/2"), "{error}");
    }
}
