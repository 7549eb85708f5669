//! The reasons that the parts of the client give in English, where each error is defined; in French here.

use super::typography::typeset;

/// What is said in English, and in French.
#[rustfmt::skip]
const REASONS: &[(&str, &str)] = &[
    ("a username has at least one character", "un nom d'utilisateur a au moins un caractère"),
    ("a username has at most 32 characters", "un nom d'utilisateur a au plus 32 caractères"),
    ("a username begins with a letter a to z or a digit", "un nom d'utilisateur commence par une lettre de a à z ou un chiffre"),
    ("a username has only the letters a to z, digits, and _ . -", "un nom d'utilisateur n'a que les lettres a à z, des chiffres, et _ . -"),
    ("a username does not end in a dot", "un nom d'utilisateur ne se termine pas par un point"),
    ("that name is reserved by an operating system; please choose another", "ce nom est réservé par un système d'exploitation ; veuillez en choisir un autre"),
    ("that word has a meaning of its own here; please choose another name", "ce mot a ici un sens particulier ; veuillez choisir un autre nom"),
    ("a pair is two different usernames", "une paire, ce sont deux noms d'utilisateur différents"),
    ("a pair is two usernames joined by +, the lower one first", "une paire, ce sont deux noms d'utilisateur joints par +, le premier dans l'ordre d'abord"),
    ("an invitation code has 16 letters and digits from 2 to 7, as in abcd-efgh-ijkl-mnop", "un code d'invitation a 16 lettres et chiffres de 2 à 7, comme abcd-efgh-ijkl-mnop"),
    ("the other side claims this side's own identity", "l'autre côté prétend avoir la propre identité de ce côté-ci"),
    ("a step of the agreement is not signed by its sender", "une étape de l'accord n'est pas signée par son expéditeur"),
    ("the nonce is not the one that was committed to", "le nombre aléatoire n'est pas celui qui avait été engagé"),
    ("an X25519 key of low order", "une clé X25519 d'ordre faible"),
    ("not a valid ML-KEM key or ciphertext", "une clé ou un chiffré ML-KEM non valable"),
    ("an epoch that no key has", "un numéro qu'aucune clé ne porte"),
    ("the other side means another kept key", "l'autre côté parle d'une autre clé conservée"),
    ("the kept key is another pair's", "la clé conservée est celle d'une autre paire"),
    ("the operating system gives no random bytes", "le système d'exploitation ne donne pas d'octets aléatoires"),
    ("this stream of messages is at its end", "cette suite de messages est arrivée à son terme"),
    ("its sender is not a member of this conversation", "son expéditeur n'est pas membre de cette conversation"),
    ("the password is wrong, or the key file is damaged", "le mot de passe est faux, ou le fichier de clé est endommagé"),
    ("the cost is below the floor of 19456 KiB and 2 passes", "le coût est sous le minimum de 19456 Kio et 2 passes"),
    ("the cost is above the ceiling of 1048576 KiB and 20 passes", "le coût dépasse le maximum de 1048576 Kio et 20 passes"),
    ("this is not a securechat key file", "ce n'est pas un fichier de clé de securechat"),
    ("this key file is of another version of securechat", "ce fichier de clé est d'une autre version de securechat"),
    ("the only kdf is argon2id", "la seule kdf est argon2id"),
    ("expected a whole number", "un nombre entier est attendu"),
    ("the only number of lanes is 1", "le seul nombre de voies est 1"),
    ("not base64", "ce n'est pas du base64"),
    ("nothing may follow the last field", "rien ne peut suivre le dernier champ"),
    ("no answer in time", "pas de réponse à temps"),
    ("the other side does not speak TLS", "l'autre côté ne parle pas TLS"),
    ("the other side does not speak securechat", "l'autre côté ne parle pas securechat"),
    ("the other side speaks another version of the protocol, or is not a securechat server", "l'autre côté parle une autre version du protocole, ou n'est pas un serveur securechat"),
    ("no certificate authorities were found on this system", "aucune autorité de certification n'a été trouvée sur ce système"),
    ("the connection was closed", "la connexion a été fermée"),
    ("the secure channel failed", "le canal sécurisé a échoué"),
    ("no known authority issued it", "aucune autorité connue ne l'a délivré"),
    ("it is for another host", "il est pour un autre hôte"),
    ("it has expired", "il a expiré"),
    ("it is not valid yet", "il n'est pas encore valable"),
    ("it was revoked", "il a été révoqué"),
    ("a request was too large", "une demande était trop grande"),
    ("it answered what was not asked", "il a répondu à ce qui n'était pas demandé"),
    ("it did not answer a change of password", "il n'a pas répondu à un changement de mot de passe"),
    ("it did not answer a login", "il n'a pas répondu à une connexion"),
    ("it did not answer a registration", "il n'a pas répondu à une inscription"),
    ("it did not greet", "il n'a pas salué"),
    ("it did not understand a request", "il n'a pas compris une demande"),
    ("it sent more than it may", "il a envoyé plus qu'il n'est permis"),
    ("it sent what is no message", "il a envoyé ce qui n'est pas un message"),
    ("it showed no key", "il n'a pas montré de clé"),
    ("no stream could be begun", "aucune suite de messages n'a pu être commencée"),
    ("the disk is full: make room on it", "le disque est plein : faites-y de la place"),
    ("this user may not do that: check who owns the folder and its files", "cet utilisateur n'en a pas le droit : vérifiez à qui appartiennent le dossier et ses fichiers"),
    ("the file system is mounted read-only", "le système de fichiers est monté en lecture seule"),
    ("a file is where a folder should be", "un fichier se trouve là où devrait être un dossier"),
    ("the host is missing: type HOST or HOST:PORT", "il manque l'hôte : tapez HÔTE ou `HÔTE:PORT`"),
    ("the port is a number from 1 to 65535: type HOST or HOST:PORT", "le port est un nombre de 1 à 65535 : tapez HÔTE ou `HÔTE:PORT`"),
    ("a host is a name such as chat.example.org, or an address such as 192.0.2.7 or [2001:db8::7]", "un hôte est un nom comme chat.example.org, ou une adresse comme 192.0.2.7 ou `[2001:db8::7]`"),
    ("a server key's fingerprint begins with SHA256:", "l'empreinte d'une clé de serveur commence par `SHA256:`"),
    ("a server key's fingerprint has 43 characters of base64 after SHA256:", "l'empreinte d'une clé de serveur a 43 caractères de base64 après `SHA256:`"),
    ("give off, bell or osc9", "donnez off, bell ou osc9"),
    ("that number is too large", "ce nombre est trop grand"),
    ("expected a whole number, 1 or more", "un nombre entier est attendu, 1 au moins"),
];

/// A reason in French, if it is one that is known.
pub(super) fn in_french(english: &str) -> Option<String> {
    REASONS.iter().find(|(of, _)| *of == english).map(|(_, french)| typeset(french))
}

/// All of them in French, as they are typed here.
#[cfg(test)]
pub(super) fn all_in_french() -> impl Iterator<Item = &'static str> {
    REASONS.iter().map(|(_, french)| *french)
}
