//! The three forms, made byte by byte here; `agent/tests/rpm.rs` reads what rpm's own tools make.

mod make;

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use make::{Package, bdb_file, log_of, ndb_file, sqlite_file};

fn packages() -> Vec<Package> {
    let package = |name, filler| Package { name, filler };
    vec![package("zsh", 0), package("kernel", 30_000), package("bash", 900)]
}

fn read_sqlite(file: Vec<u8>, log: Option<Vec<u8>>) -> Result<Listing, DatabaseError> {
    let mut listing = Listing::default();
    let mut log = log.map(Cursor::new);
    let log = log.as_mut().map(|log| log as &mut dyn Stream);
    sqlite::read(&mut Cursor::new(file), log, &mut listing).map(|()| listing)
}

fn read_ndb(file: Vec<u8>) -> Result<Listing, DatabaseError> {
    let mut listing = Listing::default();
    ndb::read(&mut Cursor::new(file), &mut listing).map(|()| listing)
}

fn read_bdb(file: Vec<u8>) -> Result<Listing, DatabaseError> {
    let mut listing = Listing::default();
    bdb::read(&mut Cursor::new(file), &mut listing).map(|()| listing)
}

fn names(listing: Listing) -> Vec<String> {
    listing.finish().packages.iter().map(|package| package.name.to_string()).collect()
}

#[test]
fn every_form_gives_every_package() {
    let listings = [
        read_sqlite(sqlite_file(&packages(), 4096), None).unwrap(),
        read_sqlite(sqlite_file(&packages(), 512), None).unwrap(),
        read_sqlite(sqlite_file(&packages(), 65536), None).unwrap(),
        read_ndb(ndb_file(&packages())).unwrap(),
        read_bdb(bdb_file(&packages(), 4096, false)).unwrap(),
        read_bdb(bdb_file(&packages(), 512, true)).unwrap(),
    ];
    for (form, listing) in listings.into_iter().enumerate() {
        assert_eq!((listing.damaged, listing.cut_short), (0, false), "form {form}");
        let list = listing.finish();
        let shown: Vec<_> = list
            .packages
            .iter()
            .map(|p| (p.name.as_str(), p.version.as_ref().unwrap().as_str()))
            .collect();
        assert_eq!(
            shown,
            [("bash", "2:1.0-alt1"), ("kernel", "2:1.0-alt1"), ("zsh", "2:1.0-alt1")],
            "form {form}"
        );
        assert!(
            list.packages.iter().all(|package| package.architecture.is_none()),
            "the system's own is left out"
        );
        assert_eq!(list.installed_size.unwrap().get(), 3 * 4096);
        assert_eq!(list.last_change.unwrap().unix_seconds(), 1_700_000_000);
    }
}

#[test]
fn of_the_log_what_was_committed_counts() {
    let (before, after) = (sqlite_file(&packages()[..1], 4096), sqlite_file(&packages(), 4096));
    let log = log_of(&after, 4096);
    assert_eq!(
        names(read_sqlite(before.clone(), Some(log.clone())).unwrap()),
        ["bash", "kernel", "zsh"]
    );
    // A database whose pages are all in the log.
    assert_eq!(names(read_sqlite(Vec::new(), Some(log.clone())).unwrap()).len(), 3);
    // The last frame is half-written, so that nothing was committed.
    let torn = log[..log.len() - 100].to_vec();
    assert_eq!(names(read_sqlite(before.clone(), Some(torn)).unwrap()), ["zsh"]);
    let mut changed = log;
    changed[32 + 24 + 2000] ^= 1;
    assert_eq!(names(read_sqlite(before, Some(changed)).unwrap()), ["zsh"]);
}

#[test]
fn a_torn_page_is_counted_and_the_rest_is_listed() {
    let mut file = sqlite_file(&packages(), 4096);
    // The leaf of the first package.
    file[2 * 4096..3 * 4096].fill(0);
    let listing = read_sqlite(file, None).unwrap();
    assert_eq!(listing.damaged, 1);
    assert_eq!(names(listing), ["bash", "kernel"]);

    let mut file = ndb_file(&packages());
    let tail = file.len() - 1;
    file[tail] = 0;
    let listing = read_ndb(file).unwrap();
    assert_eq!((listing.damaged, names(listing)), (1, vec!["kernel".to_owned(), "zsh".to_owned()]));

    let file = bdb_file(&packages(), 4096, false);
    let cut = file.len() - 4096;
    let listing = read_bdb(file[..cut].to_vec()).unwrap();
    assert_eq!(listing.damaged, 1);
    assert_eq!(names(listing).len(), 2);
}

#[test]
fn what_leads_in_circles_ends() {
    let mut file = sqlite_file(&packages(), 4096);
    // The tree's root names itself as its last child.
    file[4096 + 8..4096 + 12].copy_from_slice(&2u32.to_be_bytes());
    assert!(read_sqlite(file, None).unwrap().damaged > 0);
    let mut file = bdb_file(&packages(), 4096, false);
    let pages = u32::try_from(file.len() / 4096).unwrap();
    for page in 1..pages as usize {
        if file[page * 4096 + 25] == 7 {
            let number = u32::try_from(page).unwrap();
            file[page * 4096 + 16..page * 4096 + 20].copy_from_slice(&number.to_le_bytes());
            file[page * 4096 + 22..page * 4096 + 24].copy_from_slice(&1u16.to_le_bytes());
        }
    }
    assert!(read_bdb(file).unwrap().damaged > 0);
}

#[test]
fn something_else_is_no_database() {
    assert!(matches!(read_sqlite(b"garbage".to_vec(), None), Err(DatabaseError::Malformed(_))));
    assert!(matches!(read_ndb(vec![0; 4096]), Err(DatabaseError::Malformed(_))));
    assert!(matches!(read_bdb(vec![0; 4096]), Err(DatabaseError::Malformed(_))));
}

fn spoil(mut file: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
    for (at, byte) in changes {
        let at = at % file.len();
        file[at] = *byte;
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_bytes_make_a_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read_sqlite(bytes.clone(), Some(bytes.clone()));
        let _ = read_ndb(bytes.clone());
        let _ = read_bdb(bytes);
    }

    #[test]
    fn no_damage_makes_a_reader_fail(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..40), heads in proptest::collection::vec((0usize..700, any::<u8>()), 0..6)) {
        let changes = [changes, heads].concat();
        let _ = read_sqlite(spoil(sqlite_file(&packages(), 512), &changes), Some(spoil(log_of(&sqlite_file(&packages(), 512), 512), &changes)));
        let _ = read_ndb(spoil(ndb_file(&packages()), &changes));
        let _ = read_bdb(spoil(bdb_file(&packages(), 512, true), &changes));
    }
}
