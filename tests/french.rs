//! The client in French: the way through once, over pipes; which setting decides; no English left over.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;

use common::{TestClient, TestServer, password_of};

/// What only an English client says on the way through. Not what is both: names, codes, commands.
const ENGLISH: [&str; 11] =
    [" the ", " you ", " your ", " with ", " is ", " to ", "account", "Password", " key", "error:", "hint:"];

const LOBBY: &str = "Avec qui voulez-vous commencer une conversation\u{a0}? ";

fn client(server: &TestServer, name: &str, locale: &[(&str, &str)]) -> TestClient {
    let mut command = server.client_command(name);
    command.env_remove("LANG").envs(locale.iter().copied());
    TestClient::starts(name, command)
}

fn french(server: &TestServer, name: &str) -> TestClient {
    client(server, name, &[("LANG", "fr_FR.UTF-8")])
}

fn registers(server: &TestServer, name: &str) -> TestClient {
    let mut person = french(server, name);
    person.sees("Avez-vous déjà un compte\u{a0}? (oui/non) ");
    person.types("peut-être");
    person.sees("Avez-vous déjà un compte\u{a0}? (oui/non) ");
    person.types("non");
    person.sees("Nom d’utilisateur\u{a0}: ");
    person.types("oui");
    person.sees("ce mot a ici un sens particulier\u{a0}; veuillez choisir un autre nom");
    person.types(name);
    person.sees("Mot de passe\u{a0}: ");
    person.types(&password_of(name));
    person.sees("Compte créé\nVotre fichier de clé est ");
    person.sees(LOBBY);
    person
}

fn speaks_french_only(person: &TestClient) {
    // What is typed into a shell is the same in every language.
    let said = person.transcript().replace("securechat client key export", "");
    for words in ENGLISH {
        assert!(!said.contains(words), "{words:?} in\n{said}");
    }
}

#[test]
fn the_whole_way_through_in_french() {
    let server = TestServer::starts();
    let (mut alice, mut bob) = (registers(&server, "alice"), registers(&server, "bob"));
    alice.types("personne");
    alice.sees("personne est inconnu\u{a0}: personne n’a de compte de ce nom");
    alice.types("Alice");
    alice.sees("c’est vous-même\u{a0}; nommez quelqu’un d’autre");
    alice.types("bob");
    bob.sees("alice souhaite commencer une conversation avec vous");
    bob.sees("identité d’alice\u{a0}: ");
    let code = bob.reads_after("votre code\u{a0}: ");
    bob.sees("Acceptez-vous cette clé\u{a0}? (oui / non / le code qu’alice vous lit) ");
    alice.sees("identité de bob\u{a0}: ");
    alice.types(&code);
    alice.sees("En attente de la réponse de bob… (non annule)");
    bob.types("o");
    for (person, peer) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        person.sees(&format!(
            "La conversation avec {peer} est ouverte. Tapez un message, ou quitter pour partir."
        ));
    }
    alice.types("l'heure : « midi » ?");
    bob.sees("] alice: l'heure : « midi » ?\n");
    bob.types("/verify");
    bob.sees("connue depuis le ");
    bob.types("/help");
    bob.sees("quitter         quitter la conversation");
    bob.types("quitter");
    bob.sees("Vous avez quitté la conversation");
    alice.sees("bob a quitté la conversation");
    for person in [&mut alice, &mut bob] {
        person.sees(LOBBY);
        person.types("quitter");
        person.ends_well();
        speaks_french_only(person);
    }
}

#[test]
fn english_answers_are_understood_in_french_too() {
    let server = TestServer::starts();
    registers(&server, "alice").closes_input();
    let mut alice = french(&server, "alice");
    alice.sees("Avez-vous déjà un compte\u{a0}? (oui/non) ");
    alice.types("yes");
    alice.sees("Nom d’utilisateur\u{a0}: ");
    alice.types("alice");
    alice.types("pas le bon");
    alice.sees("Nom d’utilisateur ou mot de passe incorrect");
    alice.types("alice");
    alice.types(&password_of("alice"));
    alice.sees(LOBBY);
    alice.types("exit");
    alice.ends_well();
    speaks_french_only(&alice);
}

#[test]
fn flag_over_environment_over_file_over_locale() {
    let server = TestServer::starts();
    let file = server.data().parent().unwrap().join("client.toml");
    fs::write(&file, "language = \"fr\"\n").unwrap();
    let (french, english) = ("Avez-vous déjà un compte", "Do you already have an account? (yes/no) ");
    let with = |locale: &str, environment: Option<&str>, flag: Option<&str>, with_file: bool| {
        let mut command = server.client_command("alice");
        command.env("LANG", locale);
        environment.map(|value| command.env("SECURECHAT_LANGUAGE", value));
        flag.map(|value| command.args(["--language", value]));
        if with_file {
            command.arg("--config").arg(&file);
        }
        TestClient::starts("alice", command)
    };
    for (locale, environment, flag, with_file, question) in [
        ("C", None, None, false, english),
        ("C.UTF-8", None, None, false, english),
        ("de_DE.UTF-8", None, None, false, english),
        ("fr_CA.UTF-8", None, None, false, french),
        ("C", None, None, true, french),
        ("fr_FR.UTF-8", Some("en"), None, true, english),
        ("C", Some("en"), Some("fr"), false, french),
    ] {
        with(locale, environment, flag, with_file).sees(question);
    }
}

#[test]
fn the_last_words_are_french_too() {
    let server = TestServer::starts();
    let mut command = server.client_command("alice");
    command.env("LANG", "fr_FR.UTF-8");
    drop(server);
    let ended = command.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(69));
    assert!(said.starts_with("erreur\u{a0}: impossible de se connecter à 127.0.0.1:"), "{said}");
    assert!(said.contains("connexion refusée par 127.0.0.1 sur le port "), "{said}");
    assert!(said.contains("\nconseil\u{a0}: `securechat server` y tourne-t-il, et "), "{said}");
    assert!(!said.contains("error") && !said.contains("hint"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_script_is_answered_in_its_own_language_whatever_the_client_that_runs_speaks() {
    let server = TestServer::starts();
    let _alice = registers(&server, "alice");
    let _bob = server.registers("bob");
    let english = "error: not sent: nobody is unknown: nobody has an account of that name";
    let french = "erreur\u{a0}: non envoyé\u{a0}: nobody est inconnu\u{a0}: personne n’a de compte de ce nom";
    for (who, locale, said) in [("alice", "C", english), ("bob", "fr_FR.UTF-8", french)] {
        let mut command = common::securechat();
        command.args(["client", "send", "nobody", "--host", &server.host(), "--server-key", server.key()]);
        command.arg("--home").arg(server.home_of(who)).env("LANG", locale);
        let output = command.stdin(fs::File::open("Cargo.toml").unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(69));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.starts_with(said), "{who} from {locale}: {words}");
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_answered_in_french() {
    for (arguments, said) in [
        (&[][..], "securechat\u{a0}: des conversations privées"),
        (
            &["client"][..],
            "erreur\u{a0}: il manque l’hôte du serveur\nconseil\u{a0}: tapez\u{a0}: securechat client",
        ),
        (
            &["client", "--hots", "x"][..],
            "erreur\u{a0}: il n’y a pas ici d’option --hots\nconseil\u{a0}: vouliez-vous",
        ),
        (&["client", "--host"][..], "erreur\u{a0}: il manque une valeur après --host\n"),
        (&["client", "--host", ":9"][..], "erreur\u{a0}: --host\u{a0}: il manque l’hôte\u{a0}: tapez HÔTE"),
        (
            &["client", "--host", "h", "--server-key", "x"][..],
            "--server-key ne peut pas être x\u{a0}: l’empreinte",
        ),
        (&["client", "send", "Oui", "--host", "h"][..], "ce mot a ici un sens particulier"),
    ] {
        let mut command = common::securechat();
        let output = command.args(arguments).env("LANG", "fr_FR.UTF-8").output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(said), "{arguments:?}: {words}");
        assert!(!words.contains("error") && !words.contains("hint"), "{words}");
    }
}

/// What `--help` and the like print, where the locale is this one.
fn printed(arguments: &[&str], locale: &str) -> String {
    let output = common::securechat().args(arguments).env("LC_ALL", locale).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_is_french_where_the_locale_is_and_an_operators_stays_english() {
    for (arguments, words) in [
        (&["--help"][..], "Utilisation\u{a0}:\n       securechat <COMMANDE>\n\nCommandes:\n  server"),
        (&["client", "--help"], "Montrer les contacts, la conversation"),
        (&["client", "-h"], "  send     Envoie à quelqu’un ce que contient l’entrée standard"),
        (&["client", "history", "--help"], "MOMENT est un jour (2026-11-01), une minute"),
        (&["client", "key", "export", "-h"], "[par défaut\u{a0}: le seul qui ait un compte ici]"),
        (&["setup-shell", "--help"], "Enlever ce que la commande écrit"),
        (&["help", "client", "send"], "C’est fait quand le serveur l’a enregistré."),
    ] {
        let help = printed(arguments, "fr_FR.UTF-8");
        assert!(help.contains(words), "{arguments:?}: {help}");
        assert!(!help.contains("Usage:") && !help.contains("Print help"), "{arguments:?}: {help}");
        assert!(printed(arguments, "C").contains("Usage:"), "{arguments:?}");
    }
    assert!(printed(&["client", "--help", "--language", "fr"], "C").contains("Utilisation"));
    for operators in [&["server", "--help"][..], &["server", "invite", "-h"]] {
        assert_eq!(printed(operators, "fr_FR.UTF-8"), printed(operators, "C"));
    }
    assert!(printed(&["client", "--version"], "fr_FR.UTF-8").starts_with("securechat-client "));
    assert!(printed(&["completions", "fish"], "fr_FR.UTF-8").contains("Le serveur, et son port"));
}
