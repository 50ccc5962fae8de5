//! Files that are not what they should be are refused and left as they are; a full disk is said.

use std::fs;

use super::*;

async fn filled(place: &Place, questions: i64) {
    let store = place.open();
    for n in 0..questions {
        put(&store, |id| Ask::new(n, "s", "x").denied(id)).await;
    }
    drop(store);
    // The writer's thread ends on its own time; what it did is durable, so the file can be folded into one.
    let raw = place.raw();
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn refused(place: &Place) -> (StoreError, StoreError) {
    let before = fs::read(place.path()).unwrap();
    let errors = (Store::open(&place.path()).unwrap_err(), Store::open_read_only(&place.path()).unwrap_err());
    assert!(fs::read(place.path()).unwrap() == before, "the file was touched");
    errors
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    fs::write(place.path(), "a letter to my bank, which is long enough to be looked at".repeat(100)).unwrap();
    let (write, read) = refused(&place);
    assert!(matches!(write, StoreError::Corrupt { .. }), "{write}");
    assert!(write.to_string().contains("move it away, or put a backup in its place"), "{write}");
    assert_eq!(write, read);
}

#[tokio::test]
async fn a_database_cut_short_or_overwritten_is_refused() {
    for damage in ["cut", "zeroed"] {
        let place = Place::new();
        filled(&place, 200).await;
        let mut bytes = fs::read(place.path()).unwrap();
        if damage == "cut" {
            bytes.truncate(bytes.len() / 2);
        } else {
            bytes[4096..].fill(0);
        }
        fs::write(place.path(), bytes).unwrap();
        let (write, _) = refused(&place);
        assert!(matches!(write, StoreError::Corrupt { .. }), "{damage}: {write}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    filled(&place, 1).await;
    place.raw().execute_batch("PRAGMA user_version = 99").unwrap();
    place.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let (write, read) = refused(&place);
    assert_eq!(write, StoreError::Newer { path: place.path(), found: 99, known: open::SCHEMA_VERSION });
    assert_eq!(write, read);
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    place.raw().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert_eq!(refused(&place).0, StoreError::Foreign(place.path()));
}

#[tokio::test]
async fn no_log_is_no_log() {
    let place = Place::new();
    assert_eq!(Store::open_read_only(&place.path()).unwrap_err(), StoreError::Missing(place.path()));
    assert!(!place.path().exists());
}

#[tokio::test]
async fn a_file_in_the_way_of_the_folder_is_said() {
    let place = Place::new();
    fs::write(place.path().parent().unwrap(), "").unwrap();
    let error = Store::open(&place.path()).unwrap_err();
    assert!(matches!(error, StoreError::Inaccessible { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_this_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let store = place.open();
    put(&store, |id| Ask::new(1, "s", "x").denied(id)).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = place.path().parent().unwrap().to_owned();
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_what_was_there_stays() {
    let place = Place::new();
    let store = place.open();
    put(&store, |id| Ask::new(1, "s", "x").denied(id)).await;
    let limit = |store: &Store, pages: i64| {
        let limit = move |connection: &Connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        store.jobs.as_ref().unwrap().send(Job::With(Box::new(limit))).unwrap();
    };
    // A few pages are left, then none.
    let pages: i64 = place.raw().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    limit(&store, pages + 8);
    let long = "word ".repeat(200_000);
    let (too_big, small) = (new_id(at(2)), new_id(at(2)));
    let (no, yes) = tokio::join!(
        store.append(Ask::new(2, "s", &long).denied(too_big)),
        store.append(Ask::new(2, "s", "small").denied(small))
    );
    assert_eq!(no, Err(StoreError::Full(place.path())));
    assert!(yes.is_ok(), "one that does not fit is no reason to refuse one that does");

    limit(&store, 1);
    let mut refused = None;
    for n in 0..1000 {
        let id = new_id(at(3));
        if let Err(error) = store.append(Ask::new(n, "s", &"x".repeat(500)).denied(id)).await {
            refused = Some((id, error));
            break;
        }
    }
    let (id, error) = refused.unwrap();
    assert_eq!(error, StoreError::Full(place.path()));
    assert!(error.to_string().contains("every question is denied"), "{error}");
    assert!(matches!(store.show(id).await, Err(StoreError::Unknown(_))));

    limit(&store, 1_000_000);
    put(&store, |id| Ask::new(4, "s", "room again").denied(id)).await;
    assert!(store.verify(None).await.unwrap().is_ok());
}
