#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn look(command: &str, args: &[&str], folder: &Path, env: &[(&str, &Path)]) -> Look {
    Look {
        command: command.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        cwd: Some(folder.to_owned()),
        program: folder.join("program"),
        env: env.iter().map(|(name, value)| ((*name).to_owned(), value.to_str().unwrap().into())).collect(),
        base_env: BaseEnv::default(),
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn program_and_script_are_hashed_each_time() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("program"), "one");
    write(&folder.path().join("s.py"), "print(1)");
    let look = look("python3", &["-u", "s.py"], folder.path(), &[("TOKEN", Path::new("hush"))]);
    let first = look.process();
    assert_eq!(first.program.sha256, Some(Sha256Hex::of(b"one")));
    assert_eq!(first.script.as_ref().unwrap().sha256, Some(Sha256Hex::of(b"print(1)")));
    assert_eq!((first.unpinned.as_ref(), first.env.as_slice()), (None, ["TOKEN".to_owned()].as_slice()));
    assert!(!serde_json::to_string(&first).unwrap().contains("hush"));
    write(&folder.path().join("s.py"), "print(2)");
    assert_eq!(look.process().script.unwrap().sha256, Some(Sha256Hex::of(b"print(2)")));
    std::fs::remove_file(folder.path().join("s.py")).unwrap();
    assert!(look.process().unpinned.unwrap().why.contains("no script"));
}

fn package(look: &Look) -> Result<Fetched, Unpinned> {
    match runs(&look.command, &look.args) {
        Runs::Package(package) => look.fetched(&package),
        other => panic!("{other:?}"),
    }
}

fn lock(version: &str, integrity: &str) -> String {
    format!(r#"{{"packages": {{"node_modules/@a/b": {{"version": "{version}", "integrity": "{integrity}"}}}}}}"#)
}

#[test]
fn npx_is_pinned_by_what_it_would_run() {
    let folder = tempfile::tempdir().unwrap();
    let (start, cache, prefix) = (folder.path().join("start"), folder.path().join("cache"), folder.path().join("p"));
    std::fs::create_dir_all(start.join("node_modules")).unwrap();
    let env = [("npm_config_cache", cache.as_path()), ("npm_config_prefix", prefix.as_path())];
    let look = look("npx", &["-y", "@a/b@1.2.3"], &start, &env);
    assert!(package(&look).unwrap_err().why.contains("no integrity"));

    // The first 16 digits of the SHA-512 of "@a/b@1.2.3".
    let cached = cache.join("_npx/").join(npm_folder("@a/b@1.2.3")).join("node_modules/.package-lock.json");
    write(&cached, &lock("1.2.4", "sha512-other"));
    assert!(package(&look).is_err(), "another version is not what was asked for");
    write(&cached, &lock("1.2.3", "sha512-cached"));
    assert_eq!(package(&look).unwrap(), Fetched { spec: "@a/b@1.2.3".into(), integrity: "sha512-cached".into() });

    write(&prefix.join("lib/node_modules/@a/b/package.json"), r#"{"version": "1.2.3"}"#);
    #[cfg(not(windows))]
    assert!(package(&look).unwrap_err().why.contains("no integrity is known"));

    write(&start.join("node_modules/@a/b/package.json"), r#"{"version": "1.2.3"}"#);
    write(&start.join("node_modules/.package-lock.json"), &lock("1.2.3", "sha512-near"));
    assert_eq!(package(&look).unwrap().integrity, "sha512-near");
}

/// As `printf %s SPEC | sha512sum | cut -c-16` prints it.
fn npm_folder(spec: &str) -> &'static str {
    assert_eq!(spec, "@a/b@1.2.3");
    "f90a0cdd3d12b575"
}

#[test]
fn uvx_is_pinned_by_the_record_of_the_wheel() {
    let folder = tempfile::tempdir().unwrap();
    let look = look("uvx", &["b-c@1.2.3"], folder.path(), &[("UV_CACHE_DIR", folder.path())]);
    assert!(package(&look).unwrap_err().why.contains("has no b-c==1.2.3"));
    let record = |archive: &str| folder.path().join("archive-v0").join(archive).join("b_c-1.2.3.dist-info/RECORD");
    write(&record("x"), "b_c/__init__.py,sha256=…,1");
    let digest = Sha256Hex::of("b_c/__init__.py,sha256=…,1".as_bytes());
    assert_eq!(package(&look).unwrap().integrity, format!("sha256 of RECORD: {digest}"));
    write(&record("y"), "another build");
    assert!(package(&look).unwrap_err().why.contains("several"));
}
