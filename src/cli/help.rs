//! The command line's help in French: clap's definitions with other words, put in at run time.
//!
//! The words are keyed by the English ones, so that the same sentence is translated once. What an operator reads stays
//! English, as the server's log does: `server` and what is below it.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Cli;
use crate::client::{Language, typeset};

mod french;

/// How a page of help is laid out: as clap does it, but for the word before the usage. Of more than one, clap indents the
/// second so far.
const TEMPLATE: &str = "{about-with-newline}\nUtilisation\u{a0}:\n       {usage}\n\n{all-args}{after-help}";

/// The command whose help is for operators.
const OPERATORS: &str = "server";

/// What clap says by itself of its subcommand `help`.
const HELP: &str = "Affiche l'aide, ou celle d'une commande";

/// The command line as it is defined, with the help in this language.
pub(super) fn command(language: Language) -> Command {
    let mut command = definitions(language);
    if language == Language::French {
        // Clap's own subcommand is there once it is built.
        command.build();
        command = with_help_in_french(command);
    }
    command
}

/// The same without what clap adds by itself.
pub(super) fn definitions(language: Language) -> Command {
    match language {
        Language::English => Cli::command(),
        Language::French => in_french(Cli::command()),
    }
}

/// These words of the command line in the language that is spoken.
pub(super) fn say(english: &str) -> String {
    match Language::spoken() {
        Language::English => english.to_owned(),
        Language::French => french(english),
    }
}

/// In French; in English what there are no French words for, which a test looks for.
fn french(english: &str) -> String {
    find(english).map_or_else(|| english.to_owned(), typeset)
}

fn find(english: &str) -> Option<&'static str> {
    french::TABLE.iter().find(|(of, _)| *of == english).map(|(_, french)| *french)
}

fn in_french(command: Command) -> Command {
    let (about, long) = (command.get_about().cloned(), command.get_long_about().cloned());
    let after = command.get_after_help().cloned();
    let mut command = command;
    if let Some(about) = about {
        command = command.about(french(&about.to_string()));
    }
    if command.get_name() == OPERATORS {
        return in_english(command);
    }
    if let Some(long) = long {
        command = command.long_about(french(&long.to_string()));
    }
    if let Some(after) = after {
        command = command.after_help(french(&after.to_string()));
    }
    let command = command.mut_args(argument).mut_subcommands(in_french).help_template(TEMPLATE);
    let command = command.subcommand_help_heading("Commandes").subcommand_value_name("COMMANDE");
    with_flags(command, &typeset("Affiche l'aide (-h en bref, --help en entier)"), "Affiche la version")
}

/// What an operator reads. Clap's own flags go from every command when they go from one.
fn in_english(command: Command) -> Command {
    with_flags(command.mut_subcommands(in_english), "Print help", "Print version")
}

/// Flags in place of clap's own.
fn with_flags(command: Command, help: &str, version: &'static str) -> Command {
    let show_help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help(help.to_owned());
    let show_version =
        Arg::new("version").short('V').long("version").action(ArgAction::Version).help(version);
    command.disable_help_flag(true).disable_version_flag(true).arg(show_help).arg(show_version)
}

/// An argument with its help, and with what clap would put behind it in English.
fn argument(argument: Arg) -> Arg {
    let mut help = argument.get_help().map(|help| french(&help.to_string())).unwrap_or_default();
    let values: Vec<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if let Some(name) = argument.get_env() {
        help.push_str(&format!(" [env\u{a0}:\u{a0}{}]", name.to_string_lossy()));
    }
    if argument.get_action().takes_values() && !values.is_empty() {
        help.push_str(&typeset(&format!(" [valeurs possibles : {}]", values.join(", "))));
    }
    let name = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let name = name.filter(|_| argument.get_action().takes_values()).and_then(|name| find(&name));
    let named = match name {
        Some(name) => argument.value_name(name),
        None => argument,
    };
    let takes_value = named.get_action().takes_values();
    named.help(help).hide_env(true).hide_possible_values(takes_value)
}

/// A manual page in this language, from one whose commands and arguments are: its headings stand in no definition.
pub(super) fn man_page(language: Language, page: String) -> String {
    if language == Language::English {
        return page;
    }
    let headings = [(".SH NAME\n", ".SH NOM\n"), (".SH EXTRA\n", ".SH \"POUR FINIR\"\n")];
    headings.iter().fold(page, |page, (english, french)| page.replace(english, french))
}

fn with_help_in_french(command: Command) -> Command {
    match command.get_name() {
        "help" => help_in_french(command),
        OPERATORS => command,
        _ => command.mut_subcommands(with_help_in_french),
    }
}

/// Clap's subcommand, and what it has below it: the names of all others.
fn help_in_french(command: Command) -> Command {
    let command = if command.get_name() == "help" { command.about(typeset(HELP)) } else { command };
    let command = command.help_template(TEMPLATE).subcommand_help_heading("Commandes");
    command.mut_subcommands(help_in_french).subcommand_value_name("COMMANDE")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All that the definitions say in English, and operators do not read alone.
    fn english() -> BTreeSet<String> {
        let mut said: BTreeSet<String> = super::super::shell_setup::SAID.map(str::to_owned).into();
        collect(&Cli::command(), &mut said);
        said
    }

    fn collect(command: &Command, said: &mut BTreeSet<String>) {
        let about = command.get_about().map(ToString::to_string);
        said.extend(about);
        if command.get_name() == OPERATORS {
            return;
        }
        let more = [command.get_long_about(), command.get_after_help(), command.get_after_long_help()];
        said.extend(more.into_iter().flatten().map(ToString::to_string));
        for argument in command.get_arguments() {
            let help = [argument.get_help(), argument.get_long_help()];
            said.extend(help.into_iter().flatten().map(ToString::to_string));
            if argument.get_action().takes_values() {
                said.extend(argument.get_value_names().into_iter().flatten().map(ToString::to_string));
            }
        }
        command.get_subcommands().for_each(|below| collect(below, said));
    }

    #[test]
    fn every_command_and_every_argument_has_its_french_help_and_no_word_is_left_over() {
        let translated: BTreeSet<String> =
            french::TABLE.iter().map(|(english, _)| (*english).to_owned()).collect();
        assert_eq!(translated.len(), french::TABLE.len(), "each stands once");
        let english = english();
        let missing: Vec<_> = english.difference(&translated).collect();
        assert!(missing.is_empty(), "no French for {missing:#?}");
        let spare: Vec<_> = translated.difference(&english).collect();
        assert!(spare.is_empty(), "nobody says {spare:#?}");
    }

    /// Every page of help of the command, but for operators.
    fn pages(command: &mut Command) -> Vec<String> {
        let mut pages = vec![command.render_long_help().to_string(), command.render_help().to_string()];
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != OPERATORS) {
            pages.extend(pages_of(below));
        }
        pages
    }

    fn pages_of(command: &mut Command) -> Vec<String> {
        pages(command)
    }

    #[test]
    fn no_english_is_left_on_a_page_of_french_help() {
        let mut command = command(Language::French);
        command.clone().debug_assert();
        let pages = pages(&mut command);
        assert!(pages.len() > 20, "{}", pages.len());
        for page in pages {
            for english in
                ["Usage:", "Commands:", "Possible values", "[env:", "[default", "Print ", " the ", " with "]
            {
                assert!(!page.contains(english), "{english:?} in\n{page}");
            }
            assert!(page.contains("Utilisation\u{a0}:\n       securechat"), "{page}");
        }
    }

    #[test]
    fn what_is_laid_out_by_hand_fits_a_terminal_of_80_columns() {
        for language in [Language::English, Language::French] {
            let after = command(language).get_after_help().unwrap().to_string();
            assert!(after.lines().all(|line| line.chars().count() <= 80), "{after}");
        }
    }

    #[test]
    fn the_two_languages_understand_the_same_arguments() {
        fn arguments(command: &Command) -> Vec<String> {
            let mut all: Vec<String> = command
                .get_arguments()
                .map(|of| format!("{:?} {:?}", of.get_id(), of.get_num_args()))
                .collect();
            all.sort();
            for below in command.get_subcommands() {
                all.extend(arguments(below).into_iter().map(|of| format!("{} {of}", below.get_name())));
            }
            all
        }
        fn all_of(language: Language) -> Vec<String> {
            let mut command = command(language);
            command.build();
            arguments(&command)
        }
        assert_eq!(all_of(Language::French), all_of(Language::English));
    }
}
