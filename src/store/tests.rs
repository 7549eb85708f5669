//! What a crash leaves, who may read it, and who is kept out.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_replaced_file_is_whole_private_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/b");
    create_folder(&data).unwrap();
    assert_eq!(mode(&data), 0o700);
    let path = data.join("dico.json");
    assert_eq!(read(&path).unwrap(), None);
    replace(&path, b"one").unwrap();
    replace(&path, b"two").unwrap();
    assert_eq!(read(&path).unwrap().unwrap(), b"two");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_there_is_never_overwritten_by_create() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.txt");
    create(&path, b"mine").unwrap();
    let error = create(&path, b"other").unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(read(&path).unwrap().unwrap(), b"mine");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_folder(folder.path()).unwrap().unwrap();
    assert!(lock_folder(folder.path()).unwrap().is_none());
    drop(lock);
    assert!(lock_folder(folder.path()).unwrap().is_some());
}

#[test]
fn what_a_crash_left_unfinished_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".unfinished-x"), b"half").unwrap();
    fs::write(folder.path().join("dico.json"), b"{}").unwrap();
    clear_unfinished(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn where_others_may_be_writing_only_what_is_old_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let [old, young, whole] = [".unfinished-old", ".unfinished-young", "alice.txt"].map(|name| {
        let path = folder.path().join(name);
        fs::write(&path, b"half").unwrap();
        path
    });
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    for path in [&old, &whole] {
        File::options().write(true).open(path).unwrap().set_modified(yesterday).unwrap();
    }
    clear_abandoned(folder.path(), Duration::from_secs(60 * 60)).unwrap();
    assert_eq!([&old, &young, &whole].map(|path| path.exists()), [false, true, true]);
}

#[test]
fn a_full_disk_has_a_hint() {
    let error = StoreError::at(Action::Write, Path::new("x"))(io::ErrorKind::StorageFull.into());
    assert!(error.hint().unwrap().contains("full"));
    assert_eq!(error.to_string(), "could not write \"x\"");
}
