use rusqlite::ErrorCode;
use sidetask_core::Error;

/// Says what SQLite's failure means for whoever asked for `action`.
pub(crate) fn explain(action: &str, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            Error::storage_full(format!("cannot {action}: the disk is full; free some space and try again"), error)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::storage_busy(
            format!("cannot {action}: another process kept the database locked; look for a long transaction"),
            error,
        ),
        Some(ErrorCode::NotADatabase) => Error::unusable(format!(
            "cannot {action}: the file is not a SQLite database; give another path, or move the file away"
        )),
        Some(ErrorCode::DatabaseCorrupt) => Error::unusable(format!(
            "cannot {action}: the database is damaged ({error}); restore it from a backup, or save what is left with \
             `sqlite3 FILE .recover`"
        )),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::storage(
            format!("cannot {action}: the database may not be written; check the rights of the file and its folder"),
            error,
        ),
        Some(ErrorCode::CannotOpen) => Error::storage(
            format!("cannot {action}: the file cannot be opened; check that its folder exists and may be written"),
            error,
        ),
        _ => Error::storage(format!("cannot {action}"), error),
    }
}
