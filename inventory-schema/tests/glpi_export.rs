//! The exported samples are checked in, where an independent validator reads them (`tests/glpi.py`); here they are held
//! to what the exporter writes today. `UPDATE_GLPI=1` writes them anew.

use std::path::Path;

use inventory_schema::{Inventory, glpi};

#[test]
fn the_exported_samples_are_what_the_exporter_writes() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sample in ["inventory-1", "inventory-1-parts", "inventory-1-firmware", "inventory-1-sparse"] {
        let inventory = std::fs::read_to_string(crate_folder.join(format!("examples/{sample}.json"))).unwrap();
        let inventory: Inventory = serde_json::from_str(&inventory).unwrap();
        let written = serde_json::to_string_pretty(&glpi::export(&inventory)).unwrap() + "\n";
        let kept = crate_folder.join(format!("tests/glpi/exported-{sample}.json"));
        if std::env::var_os("UPDATE_GLPI").is_some() {
            std::fs::write(&kept, &written).unwrap();
        }
        let kept = std::fs::read_to_string(&kept).unwrap_or_default();
        assert_eq!(
            kept, written,
            "{sample}: UPDATE_GLPI=1 cargo test -p inventory-schema --test glpi_export"
        );
    }
}
