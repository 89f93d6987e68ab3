//! Every published document under the name of its schema file: read by the schema, sample and privacy tests.

// Each test that includes this module uses a part of it.
#![allow(dead_code)]

use inventory_schema::Envelope;
use inventory_schema::activity::Activity;
use inventory_schema::carry::{CarriedAnswer, CarriedRequest, SignedCarriedAnswer, SignedCarriedRequest};
use inventory_schema::check_in::{CheckIn, CheckInAnswer, TimeAnswer};
use inventory_schema::enrollment::{
    EnrollmentAnswer, EnrollmentRequest, EnrollmentToken, Receipt, RekeyAnswer, RekeyRequest, RenewalAnswer, RenewalRequest, TokenAnswer,
    TokenQuestion,
};
use inventory_schema::inventory::{
    Battery, Display, Inventory, Memory, Network, OperatingSystem, Peripherals, Processors, Software, Storage, System,
};
use inventory_schema::measurement::Measurement;
use inventory_schema::problem::Problem;
use inventory_schema::report::{ReportAnswers, ReportBatch};
use inventory_schema::section::Section;
use inventory_schema::signature::Signed;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One published document: its schema, and how its samples are read and written again.
pub struct Document {
    pub name: &'static str,
    pub schema: fn() -> Schema,
    pub reread: fn(&Value) -> Result<Value, serde_json::Error>,
}

/// The documents in the order of the crate's own table.
pub fn all() -> Vec<Document> {
    vec![
        document::<Inventory>("inventory"),
        document::<Section<System>>("system"),
        document::<Section<Processors>>("processor"),
        document::<Section<Memory>>("memory"),
        document::<Section<Storage>>("storage"),
        document::<Section<Display>>("display"),
        document::<Section<Network>>("network"),
        document::<Section<OperatingSystem>>("operating_system"),
        document::<Section<Battery>>("battery"),
        document::<Section<Peripherals>>("peripherals"),
        document::<Section<Software>>("software"),
        document::<Envelope>("envelope"),
        document::<Activity>("activity"),
        document::<Measurement>("measurement"),
        document::<ReportBatch>("report_batch"),
        document::<ReportAnswers>("report_answers"),
        document::<EnrollmentToken>("enrollment_token"),
        document::<TokenQuestion>("token_question"),
        document::<TokenAnswer>("token_answer"),
        document::<EnrollmentRequest>("enrollment_request"),
        document::<EnrollmentAnswer>("enrollment_answer"),
        document::<Receipt>("receipt"),
        document::<Signed<Receipt>>("signed_receipt"),
        document::<RenewalRequest>("renewal_request"),
        document::<RenewalAnswer>("renewal_answer"),
        document::<RekeyRequest>("rekey_request"),
        document::<RekeyAnswer>("rekey_answer"),
        document::<CheckIn>("check_in"),
        document::<CheckInAnswer>("check_in_answer"),
        document::<TimeAnswer>("time_answer"),
        document::<Signed<TimeAnswer>>("signed_time_answer"),
        document::<CarriedRequest>("carried_request"),
        document::<SignedCarriedRequest>("signed_carried_request"),
        document::<CarriedAnswer>("carried_answer"),
        document::<SignedCarriedAnswer>("signed_carried_answer"),
        document::<Problem>("problem"),
    ]
}

fn document<T: JsonSchema + Serialize + DeserializeOwned>(name: &'static str) -> Document {
    Document {
        name,
        schema: schema_of::<T>,
        reread: reread::<T>,
    }
}

/// The schema of what is accepted, draft 2020-12.
pub fn schema_of<T: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<T>()
}

fn reread<T: Serialize + DeserializeOwned>(sample: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(T::deserialize(sample)?)
}
