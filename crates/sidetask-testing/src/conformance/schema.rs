//! In what form jobs are stored.

use crate::Harness;

/// A store with a schema has applied all of its migrations, which are numbered from 1 and have names and SQL; bringing it up
/// to date once more does nothing. One that has none says so.
pub async fn is_told(h: Harness) {
    let operate = h.store.operate();
    operate.migrate().await.unwrap();
    let schema = operate.schema().await;
    if !h.has_schema {
        assert!(schema.unwrap_err().is_unsupported());
        return;
    }
    let schema = schema.unwrap();
    let numbers: Vec<u32> = schema.migrations.iter().map(|migration| migration.number).collect();
    assert_eq!(numbers, (1..=schema.version).collect::<Vec<_>>());
    assert!(schema.version > 0);
    for migration in &schema.migrations {
        assert!(!migration.name.is_empty() && migration.sql.contains("sidetask"), "{migration:?}");
    }
}
