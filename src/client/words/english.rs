//! The words of every sentence in English: the contract that tests and scripts wait for.

/// Which sentence, and its words.
pub(in crate::client) const TABLE: &[(&str, &str)] = &[
    ("account", "Do you already have an account? (yes/no) "),
    ("username", "Username: "),
    ("password", "Password: "),
    ("repeat_password", "Repeat password: "),
    ("current_password", "Current password: "),
    ("new_password", "New password: "),
    ("lobby", "Who do you want to start a conversation with? "),
    ("new_server_key", "Is this the right server? (yes/no/[fingerprint]) "),
    ("invitation_code", "Invitation code: "),
    ("bad_invitation", "that invitation code is not valid here: it is mistyped, used or expired"),
    ("registration_closed", "this server takes no new accounts; its operator can say who gets one"),
    ("wrong_login", "Wrong username or password"),
    ("password_empty", "a password has at least one character"),
    ("passwords_differ", "the two passwords differ; please type them again"),
    ("fingerprint_differs", "that is another fingerprint than the server's"),
    (
        "server_could_not_store",
        "the server could not write to its disk; nothing was changed. Try again later, or tell its operator",
    ),
    (
        "password_changed",
        "Password changed. A copy of the old key file still opens with the old password and holds the same identity: destroy such copies. Make a new copy of the key file now",
    ),
    (
        "password_not_changed",
        "the password was not changed: the connection was lost before the server heard of it. The old one is in force",
    ),
    (
        "account_unsure",
        "the connection was lost before the server answered. Start again and answer yes: the key file is kept, and the account is made then if it was not made now",
    ),
    ("connection_lost", "the connection to the server was lost; trying to get it back"),
    ("reconnected", "connected again"),
    ("sent_later", "(this is sent when the connection is back)"),
    ("not_connected", "there is no connection; that was not taken (/quit ends the client)"),
    ("draft_not_taken", "that line was begun before this question, so it was not taken as the answer"),
    ("codes_differ", "codes differ: someone may be between you"),
    (
        "too_many_wrong_codes",
        "codes differ: someone may be between you. That was the third; the key is refused",
    ),
    ("epochs_exhausted", "this pair has used all the key numbers there are"),
    (
        "number_is_used",
        "this machine could not write down that the key is used, so it was not accepted: the number is used for another key",
    ),
    (
        "step_out_of_place",
        "the agreement with {peer} failed: a step came that does not belong here. Someone may be between you; no key was agreed on",
    ),
    ("you_refused", "You refused the key"),
    ("you_left", "You left the conversation"),
    ("yourself", "that is you; name somebody else"),
    ("open_conversation_only", "that works in an open conversation; name somebody first"),
    ("lobby_only", "that works outside a conversation; type exit to leave this one first"),
    ("not_during_a_key", "that has to wait until the key is answered"),
    ("code_only_at_a_key", "there is no key with a code to compare here"),
    (
        "help",
        "/help           this list
/who            who is connected
/history [n]    the last n messages of this conversation (20 unless told)
/edit [text]    write a message in your own editor, at a terminal
/verify [name]  what is known of the other's identity, and how it was verified
/rekey          agree on a new key, in an open conversation
/passwd         change the password, outside a conversation
/quit           leave and log out
exit            leave the conversation; outside of one, log out
//text          sends a message that begins with /",
    ),
    (
        "new_server",
        "This machine has not met the server {address} before. Its key is\n  {shown}\nThe server printed the same line at its start: compare them,\nor type the fingerprint that its operator gave you.",
    ),
    (
        "server_pinned",
        "warning: the server {address} is new to this machine; its key {shown} was taken on trust and is pinned from now on",
    ),
    ("name_taken", "the name {name} is taken; please choose another"),
    ("key", "Accept this key? (yes / no / the code {peer} reads to you) "),
    ("invited", "{peer} wants to start a conversation with you"),
    ("invited_while_busy", "{peer} wants to start a conversation with you (they wait until you are free)"),
    ("invitation_ended", "{peer} does not wait for you any more"),
    ("peer_is_busy", "{peer} is busy; they are told, and your invitation waits. Type no to take it back"),
    ("invitation_taken_back", "You took back your invitation to {peer}"),
    ("waiting_for_answer", "Waiting for {peer} to answer... (no takes it back)"),
    ("not_sent_while_waiting", "{peer} has not answered yet, so that was not sent; type no to take it back"),
    ("refused_by", "{peer} refused the key"),
    ("withdrawn_by", "{peer} took the invitation back"),
    ("lost_during_key", "{peer} is not connected any more; no key was agreed on"),
    ("conversation_open", "Conversation with {peer} is open. Type a message, or exit to leave."),
    ("conversation_open_again", "Conversation with {peer} is open again."),
    (
        "reopening_takes_a_new_key",
        "opening the conversation with {peer} again takes a new key; name {peer} to agree on one",
    ),
    ("peer_is_away", "{peer}'s connection was lost; waiting a moment for them"),
    ("reopens_later", "{peer} is not here; the conversation opens again when both of you are"),
    ("ended_with_the_connection", "your meeting with {peer} ended with the connection; name them again"),
    ("rekeyed", "The conversation with {peer} goes on under key number {epoch}"),
    ("rekey_wanted", "{peer} wants to agree on a new key; until both accept it, the old one is used"),
    ("rekey_asked", "asking {peer} to agree on a new key"),
    (
        "draft_not_sent",
        "not sent, and nobody was invited: {line}\n  the conversation ended while you typed that; type it again if you meant it",
    ),
    (
        "unknown_command",
        "there is no command {line}; /help lists them, and // sends a message that begins with /",
    ),
    (
        "acceptance_invalid",
        "the server says that {peer} accepted, but {peer}'s proof does not verify. This key is not used; the server may be lying to you",
    ),
    ("forged_start", "the server tried to start a key with {peer} in your name; refused"),
    ("run_died", "a key with {peer} broke off before you answered ({count} of {max} within an hour)"),
    (
        "run_paused",
        "{peer}'s invitation was declined: too many keys with {peer} broke off within an hour, which is how a server would guess codes. Type {peer} to let another one begin",
    ),
    (
        "paused_by_peer",
        "{peer}'s client waits until {peer} names you: too many keys with you broke off within an hour",
    ),
    (
        "epoch_declined",
        "{peer} proposed key number {proposed}, and number {highest} is used already; declined",
    ),
    (
        "epoch_declined_by_peer",
        "{peer}'s machine has used key number {highest} already; name {peer} again to go on from there",
    ),
    (
        "kept_key_declined_by_us",
        "the kept key (number {epoch}) that {peer} wants to go on with is not the newest known here; declined",
    ),
    (
        "kept_key_declined_by_peer",
        "{peer}'s machine knows another kept key than the server shows; name {peer} again to agree on a new one",
    ),
    (
        "declined_as_invalid",
        "{peer}'s client found an error in the agreement and ended it; someone may be between you",
    ),
    (
        "agreement_failed",
        "the agreement with {peer} failed: {why}. Someone may be between you; no key was agreed on",
    ),
    (
        "could_not_remember",
        "this machine could not write down that the key is used, so it was not accepted: {why}",
    ),
    (
        "kept_key_gone",
        "WARNING: you and {peer} agreed on key number {epoch}, and the server has no record of it. It lost the key, or hides it; a new key is needed",
    ),
    (
        "kept_key_rolled_back",
        "WARNING: the server shows key number {shown} for {peer}, but you have used number {proven}. Its files were set back to an older state; a new key is needed",
    ),
    (
        "kept_key_swapped",
        "WARNING: the server shows another key number {epoch} for {peer} than you agreed on; a new key is needed",
    ),
    (
        "kept_key_does_not_open",
        "WARNING: your copy of key number {epoch} with {peer} does not open: it was altered; a new key is needed",
    ),
    (
        "kept_key_unremembered",
        "note: key number {epoch} with {peer} was accepted on another machine of yours, or this one forgot it",
    ),
    (
        "no_memory",
        "note: this machine has no memory of {peer}, so it cannot tell whether the server set something back",
    ),
    (
        "peer_saw_more",
        "WARNING: {peer} has seen a message from you that this machine does not know of. You wrote it on another machine, or this machine's memory was set back",
    ),
    (
        "changed_needs_code",
        "{peer}'s identity changed, so a plain yes is not enough: only the code that {peer} reads to you accepts it",
    ),
    ("that_is_your_own_code", "that is your own code; ask {peer} for theirs"),
    (
        "copies_mismatch",
        "the server received different keys from you and {peer}, or an old number; no key was agreed on",
    ),
    (
        "key_not_stored",
        "the server could not store the key with {peer}; nothing was agreed on. Tell its operator",
    ),
    ("timed_out", "not both of you answered in time; no key was agreed on with {peer}"),
    (
        "verify_with_codes",
        "  your code: {own_code}\n  to verify, type /verify and the code that {peer} reads to you",
    ),
    ("nothing_known", "this machine knows no identity of {peer}"),
    ("now_verified", "{peer}'s identity is now verified"),
    (
        "log_shortened",
        "WARNING: the server's log with {peer} ends at message {last}, but this machine has seen message {seen}. The end was cut off",
    ),
    (
        "log_altered",
        "WARNING: message {number} of the log with {peer} is not what this machine saw there before",
    ),
    ("log_numbering", "WARNING: the server's log with {peer} shows number {got} where {expected} belongs"),
    (
        "log_unreadable",
        "the server could not read the log with {peer}; earlier messages are not shown. Tell its operator",
    ),
    (
        "log_no_memory",
        "note: this machine sees this conversation with {peer} for the first time and cannot tell what came before",
    ),
    ("gap", "WARNING: one or more messages of {sender} before number {number} are missing"),
    ("repeat", "WARNING: number {number} repeats an earlier message of {sender}; it is not shown again"),
    ("late", "WARNING: number {number} is out of order: {sender} wrote it before one that was shown above"),
    (
        "answers_unseen",
        "WARNING: {sender} wrote number {number} after a message of {other} that is not shown above: one is missing, or the lines are out of order",
    ),
    (
        "old_key",
        "WARNING: number {number} of {sender} is sealed with an older key than {sender}'s message before it",
    ),
    (
        "does_not_open",
        "WARNING: number {number}, which the server shows as {sender}'s, does not open: it was altered or forged",
    ),
    ("relabelled", "WARNING: the server shows number {number} as {shown}'s, but it is sealed by {real}"),
    (
        "no_key_for",
        "WARNING: number {number} of {sender} cannot be opened: there is no key number {epoch} for it",
    ),
    ("peer_saw_other", "WARNING: {peer} was shown a message in your name that this machine did not send"),
    ("stored_differs", "WARNING: the server confirms another message to {peer} than you sent"),
    ("not_sent", "NOT SENT: {text}\n  {why}"),
    (
        "fate_unknown",
        "NOT CONFIRMED: {text}\n  the connection ended before the server said that it is stored",
    ),
    ("day", "--- {weekday} {day} {month} {year} ---"),
    ("weekdays", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    ("months", "January February March April May June July August September October November December"),
    ("several_lines", "Send these {lines} lines as one message? (yes/no/edit) "),
    ("several_not_sent", "not sent; the up arrow brings it back"),
    ("line_too_long", "error: a line has at most {max} bytes; it was not taken"),
    ("not_composed", "nothing was sent: {why}"),
    (
        "edit_needs_a_terminal",
        "/edit opens an editor on the terminal, and there is none here; write the message as a line",
    ),
    ("too_long", "NOT SENT: that message has {bytes} bytes and may have {max}; send it in parts"),
    ("trouble", "{what}"),
    ("trouble_with_hint", "{what}\nhint: {hint}"),
    ("not_valid", "{why}"),
    (
        "key_file_is_there",
        "a key file for {name} is on this machine already: {path}\nTo use it, start again and answer yes. To make a new account of that name, move the file away first",
    ),
    (
        "account_created",
        "Account created\nYour key file is {path}\nKeep a copy of it in a safe place: without it nobody, not even\nthe server's operator, can restore the account",
    ),
    ("left_by", "{peer} left the conversation"),
    ("left_by_loss", "{peer} left the conversation (connection lost)"),
    ("who", "connected: {connected}"),
    ("who_and_more", "connected: {connected} and {more} more"),
    ("unknown_user", "{peer} is unknown: nobody has an account of that name"),
    ("they_are_unknown", "they are unknown: nobody has an account of that name"),
    ("peer_not_connected", "{peer} is not connected"),
    ("they_are_not_connected", "they are not connected"),
    ("you_are_busy", "you are busy with somebody already"),
    ("not_open", "there is nothing open with {peer} any more"),
    ("nothing_open", "there is nothing open with them any more"),
    ("no_key", "you and {peer} have agreed on no key"),
    ("no_key_at_all", "you and they have agreed on no key"),
    ("out_of_order", "a message before it was not stored"),
    ("another_in_its_place", "the server has another message in its place"),
    ("unknown_epoch", "the server has no record of the key it was sealed with"),
    ("not_understood", "the server did not understand"),
    ("this_name_is_taken", "the name is taken"),
    ("too_many_attempts", "too many failed attempts"),
    ("too_many_registrations", "too many accounts were made from this network address; try again in an hour"),
    ("server_full", "it has as many connections as it takes"),
    ("address_full", "it has as many connections from this network address as it takes"),
    ("too_slow", "the server waited too long for this program, and closed the connection"),
    ("too_many_invitations", "too many invitations in a short time; wait a moment before the next"),
    ("too_many_waiting", "as many people as may wait for {peer} are waiting already; try again later"),
    ("too_many_waiting_for_them", "as many people as may wait for them are waiting already; try again later"),
    ("new_key", "A new key with {peer} (number {epoch})"),
    ("kept_key", "The kept key with {peer} (number {epoch})"),
    ("identity_of", "  {peer}'s identity: {identity}"),
    ("identity_new", "  this identity is new to you, and not verified"),
    ("identity_known", "  this identity is known since {since}, and not verified"),
    ("identity_verified", "  this identity was verified on {since}"),
    (
        "identity_changed_known",
        "  WARNING: THIS IDENTITY CHANGED; another one was known since {since}. {peer} made a new account, or someone poses as {peer}",
    ),
    (
        "identity_changed_verified",
        "  WARNING: THIS IDENTITY CHANGED; another one was verified since {since}. {peer} made a new account, or someone poses as {peer}",
    ),
    ("your_code", "  your code: {code}"),
    (
        "read_your_code",
        "  read it to {peer}, by telephone or face to face, and type the code\n  that {peer} reads to you",
    ),
    (
        "verify_known",
        "{peer}'s identity: {identity}\n  known since {since}, not verified\nyour identity: {own}",
    ),
    ("verify_verified", "{peer}'s identity: {identity}\n  verified on {since}\nyour identity: {own}"),
    ("verify_new", "{peer}'s identity: {identity}\n  new to you\nyour identity: {own}"),
];
