//! The command line, as it is typed.

use clap::CommandFactory;

use super::*;

fn read(line: &str) -> Result<Task, CliError> {
    parse(line.split_whitespace().map(OsString::from))
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_flag_beats_the_file_and_the_file_beats_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, "max-clients = 7\nanswer-timeout = 9\n").unwrap();
    let line = format!("securechat server --max-clients 3 --config {}", path.display());
    let Task::Server(config, level, _) = read(&line).unwrap() else { panic!("not a server") };
    assert_eq!(config.max_clients, 3);
    assert_eq!(config.answer_timeout, Duration::from_secs(9));
    assert_eq!(level, LogLevel::Info);
}

#[test]
fn a_misspelt_setting_in_the_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, "max-client = 7\n").unwrap();
    let error = read(&format!("securechat server --config {}", path.display())).unwrap_err();
    assert!(error.to_string().contains("max-client"), "{error}");
    assert_eq!(error.exit_status(), 78);
}

#[test]
fn wrong_usage_is_status_64_and_says_what_is_right() {
    for line in [
        "securechat client",
        "securechat client --host :9",
        "securechat client --host h --key-file-memory-mib 18",
        "securechat server --max-clients 0",
        "securechat server --tls-cert x",
        "securechat server --listen nonsense",
        "securechat server --max-unauthenticated 10:300:5",
        "securechat server --login-timeout 0",
        "securechat server --login-penalty 601",
        "securechat server --registration maybe",
        "securechat dance",
    ] {
        let error = read(line).unwrap_err();
        assert_eq!(error.exit_status(), 64, "{line}: {error}");
    }
}

fn words(line: &str) -> Vec<String> {
    let CliError::Misuse(misuse) = read(line).unwrap_err() else {
        panic!("{line} is only clap's to explain")
    };
    misuse.last_words().iter().map(|line| line.text().to_owned()).collect()
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_what_to_type_in_the_next() {
    let see = |command: &str| format!("hint: {command} --help lists what can be typed");
    let client = see("securechat client");
    for (line, wrong, hint) in [
        ("securechat client --hots x", "there is no option --hots here", None),
        ("securechat client --host", "a value is missing after --host", Some(&client)),
        ("securechat client dance", "there is no command dance", Some(&client)),
        ("securechat client send", "NAME is missing", Some(&see("securechat client send"))),
        ("securechat client send bob carol", "carol is one word too many", None),
        ("securechat client --plain --full-screen", "--plain and --full-screen do not go together", None),
        ("securechat client --notify x", "--notify cannot be x: give off, bell or osc9", None),
        ("securechat client --language de", "--language cannot be de, only one of: en, fr", None),
        ("securechat server --log x", "--log cannot be x, only one of: error, warn, info, debug", None),
        ("securechat client --host h --retry x", "--retry cannot be x: expected a whole number", None),
        (
            "securechat client history bob --host h --last 0",
            "--last cannot be 0: expected a whole number, 1 or more",
            Some(&see("securechat client history")),
        ),
    ] {
        let words = words(line);
        assert_eq!(words.first().unwrap(), &format!("error: {wrong}"), "{line}");
        assert_eq!(words.len(), 2, "{words:?}");
        if let Some(hint) = hint {
            assert_eq!(words.last().unwrap(), hint, "{line}");
        }
    }
    assert_eq!(
        words("securechat clinet").last().unwrap(),
        "hint: did you mean client? securechat --help lists what can be typed"
    );
}

#[test]
fn the_name_alone_is_answered_with_the_two_lines_to_type() {
    let words = words("securechat");
    assert!(words[0].contains("  securechat server "), "{words:?}");
    assert!(words[0].contains("  securechat client --host HOST "), "{words:?}");
    assert!(words[0].lines().count() <= 5, "{words:?}");
}

#[test]
fn a_command_line_is_answered_in_the_language_that_it_would_be_spoken_to_in() {
    let of = |line: &str, variables: &[(&str, &str)]| {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let variable =
            |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).into());
        language_of(&arguments, variable)
    };
    let french = [("LANG", "fr_FR.UTF-8")];
    assert_eq!(of("securechat", &french), Language::French);
    assert_eq!(of("securechat client --hots", &french), Language::French);
    assert_eq!(of("securechat server --hots", &french), Language::English);
    assert_eq!(of("securechat client --language en --hots", &french), Language::English);
    assert_eq!(of("securechat client", &[("SECURECHAT_LANGUAGE", "fr")]), Language::French);
    assert_eq!(of("securechat client", &[]), Language::English);
}

#[test]
fn a_name_may_be_typed_with_capital_letters_here_too() {
    let Task::Send(task) = read("securechat client send Bob --host h --user Alice").unwrap() else {
        panic!("no send")
    };
    assert_eq!(task.peer.as_str(), "bob");
    assert_eq!(task.config.user.unwrap().as_str(), "alice");
}

#[test]
fn the_announcement_can_be_pasted() {
    let key: Fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
    for (local, host) in [
        ("127.0.0.1:4117", "127.0.0.1"),
        ("127.0.0.1:99", "127.0.0.1:99"),
        ("[::1]:99", "[::1]:99"),
        ("[::]:4117", "HOST"),
        ("0.0.0.0:99", "HOST:99"),
    ] {
        let text = announcement(local.parse().unwrap(), &key);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("listening on {local}"));
        assert_eq!(lines[1], format!("server key {key}"));
        assert_eq!(lines[2], format!("securechat client --host {host} --server-key {key}"));
    }
}

#[test]
fn what_stored_means_is_the_disk_unless_a_flag_or_the_file_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, "durability = \"os\"\n").unwrap();
    let durability = |line: &str| match read(line).unwrap() {
        Task::Server(config, ..) => config.durability,
        _ => panic!("not a server"),
    };
    let file = format!("--config {}", path.display());
    assert_eq!(durability("securechat server"), server::Durability::Disk);
    assert_eq!(durability(&format!("securechat server {file}")), server::Durability::Os);
    assert_eq!(durability(&format!("securechat server {file} --durability disk")), server::Durability::Disk);
    assert!(read("securechat server --durability maybe").is_err());
}

#[test]
fn limits_are_set_by_flags_or_by_the_file_and_0_takes_one_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let text = "limit-loopback = true\nmax-per-address = 5\nregistration = \"invite\"\nlogin-penalty = 20\n\
                max-unauthenticated = \"10:50:20\"\nconnections-per-minute = 7\n";
    std::fs::write(&path, text).unwrap();
    let line = format!(
        "securechat server --max-per-address 0 --requests-per-second 9 --frame-timeout 2 --config {}",
        path.display()
    );
    let Task::Server(config, ..) = read(&line).unwrap() else { panic!("not a server") };
    let limits = &config.limits;
    assert!(limits.loopback);
    assert_eq!((limits.per_address, limits.requests_per_second), (None, Some(9)));
    assert_eq!(limits.connections_per_minute, Some(7));
    assert_eq!(limits.frame_timeout, Duration::from_secs(2));
    assert_eq!(limits.login_penalty, Duration::from_secs(20));
    assert_eq!(limits.early_drop, server::limits::EarlyDrop { start: 10, rate: 50, full: 20 });
    assert_eq!(config.registration, crate::wire::Registration::Invite);
    std::fs::write(&path, "limit-loopback = true\nmax-per-adress = 5\n").unwrap();
    let error = read(&format!("securechat server --config {}", path.display())).unwrap_err();
    assert!(error.to_string().contains("max-per-adress"), "{error}");
}

#[test]
fn without_settings_the_limits_are_the_defaults() {
    let Task::Server(config, ..) = read("securechat server").unwrap() else { panic!("not a server") };
    assert_eq!(config.limits, server::limits::Limits::for_clients(10_000));
    let Task::Server(config, ..) = read("securechat server --limit-loopback").unwrap() else { panic!() };
    assert!(config.limits.loopback);
}

#[test]
fn invitations_are_asked_for_beside_the_server() {
    let Task::Invite { data, count, valid_for } =
        read("securechat server invite --data d --count 3 --expires 12h").unwrap()
    else {
        panic!("no invitations")
    };
    assert_eq!((data, count, valid_for), (PathBuf::from("d"), 3, Duration::from_secs(43_200)));
    for line in
        ["--count 0", "--count 1001", "--expires soon", "--expires 0d", "--expires 366d", "--listen x"]
    {
        let error = read(&format!("securechat server invite {line}")).unwrap_err();
        assert_eq!(error.exit_status(), 64, "{line}: {error}");
    }
}

#[test]
fn the_view_is_chosen_by_a_flag_or_by_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    std::fs::write(&path, "full-screen = true\nmouse = true\n").unwrap();
    let with_file = format!("--config {}", path.display());
    for (arguments, view) in [
        ("", View::Lines),
        ("--mouse", View::Lines),
        ("--full-screen", View::FullScreen { mouse: false }),
        ("--full-screen --mouse", View::FullScreen { mouse: true }),
        (with_file.as_str(), View::FullScreen { mouse: true }),
    ] {
        let Task::Client(config) = read(&format!("securechat client --host h --home x {arguments}")).unwrap()
        else {
            panic!("not a client")
        };
        assert_eq!(config.view, view, "{arguments}");
    }
}
