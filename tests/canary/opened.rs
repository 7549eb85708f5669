//! Opens what only its owner can open, by code of the test's own after PROTOCOL.md: every secret there is.

use std::{collections::BTreeMap, fs, path::Path};

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use ring::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use securechat::{
    crypto::{
        conversation_key::ConversationKey,
        key_file::{KeyFile, Password, Unlocked},
        label::{Label, encode},
        session,
        vault::Record,
    },
    wire::{Blob, Body, Bytes, KeptKey, Pair, Username},
};

/// A secret and what it is.
pub(crate) type Secrets = Vec<(String, Vec<u8>)>;

/// What a key file and its password give.
pub(crate) struct Person {
    pub(crate) name: Username,
    pub(crate) secrets: Secrets,
    unlocked: Unlocked,
}

/// Opens a key file by hand, and once more by the library: both see the same keys.
pub(crate) fn person(key_file: &Path, password: &str) -> Person {
    let text = fs::read_to_string(key_file).unwrap();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    let number = |name: &str| field(name).parse::<u32>().unwrap();
    let bytes = |name: &str| BASE64.decode(field(name).as_bytes()).unwrap();

    let mut stretched = [0; 64];
    let params = Params::new(number("memory-kib"), number("passes"), number("lanes"), Some(64)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), &bytes("salt"), &mut stretched).unwrap();
    let (seal_key, password_key) = stretched.split_at(32);

    let fields: [&[u8]; 6] = [
        field("username").as_bytes(),
        field("kdf").as_bytes(),
        &number("memory-kib").to_be_bytes(),
        &number("passes").to_be_bytes(),
        &number("lanes").to_be_bytes(),
        &bytes("salt"),
    ];
    let mut sealed = bytes("sealed");
    let key = LessSafeKey::new(UnboundKey::new(&aead::CHACHA20_POLY1305, seal_key).unwrap());
    let aad = Aad::from(encode(Label::KeyFile, &fields).as_bytes().to_vec());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let secret = key.open_in_place(nonce, aad, &mut sealed).expect("the key file opens").to_vec();

    let own = mac(&[], &secret);
    let identity = expand(&own, Label::IdentityKey, &[]);
    let vault = expand(&own, Label::VaultKey, &[]);
    let login = expand(&mac(&[], &[&secret, password_key].concat()), Label::LoginKey, &[]);
    let parsed: KeyFile = text.parse().unwrap();
    let unlocked = parsed.open(&Password::new(password.to_owned()).unwrap()).unwrap();
    assert_eq!(public(&identity), unlocked.identity.public().0, "the seed is the identity's");
    assert_eq!(public(&login), unlocked.login.public().0, "the seed is the login key's");

    let name = parsed.username().clone();
    let of = |what: &str, bytes: &[u8]| (format!("{name}'s {what}"), bytes.to_vec());
    let secrets = vec![
        of("password", password.as_bytes()),
        of("key of the seal", seal_key),
        of("key from the password", password_key),
        of("secret S", &secret),
        of("identity seed", &identity),
        of("vault key", &vault),
        of("login seed", &login),
    ];
    Person { name, secrets, unlocked }
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

/// HKDF-Expand to 32 bytes, which is its first block.
fn expand(key: &[u8], label: Label, fields: &[&[u8]]) -> Vec<u8> {
    mac(key, &[encode(label, fields).as_bytes(), &[1]].concat())
}

fn public(seed: &[u8]) -> [u8; 32] {
    Ed25519KeyPair::from_seed_unchecked(seed).unwrap().public_key().as_ref().try_into().unwrap()
}

/// Every key that a pair has, opened by one member's copy from `keys_dico.json`, and what comes from it for the pair's
/// log; and the texts of that log.
pub(crate) fn conversation(
    person: &Person,
    pair: &str,
    keys_file: &str,
    log: &str,
) -> (Secrets, Vec<String>) {
    let keys: serde_json::Value = serde_json::from_str(keys_file).unwrap();
    let newest = &keys[pair];
    let older = newest["older"].as_array().into_iter().flatten();
    let pair: Pair = pair.parse().unwrap();
    let mut secrets = Secrets::new();
    let mut opened = BTreeMap::new();
    for entry in std::iter::once(newest).chain(older) {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let epoch = u32::try_from(entry["epoch"].as_u64().unwrap()).unwrap();
        let key_id = Bytes::try_from(text(&entry["key_id"]).as_str()).unwrap();
        let sealed = Blob::try_from(text(&entry["sealed"][person.name.as_str()]).as_str()).unwrap();
        let record = Record::ConversationKey { pair: &pair, epoch, key_id: &key_id };
        let kept = person.unlocked.vault.open(&record, &sealed.0).expect("their own copy opens");
        let (secret, _peer_identity) = kept.split_at(32);
        let kept_key = KeptKey { epoch, key_id, sealed };
        let (key, _) = ConversationKey::open(&person.unlocked.vault, &pair, &kept_key).unwrap();
        secrets.push((format!("the key of {pair}, number {epoch}"), secret.to_vec()));
        let acceptance = expand(secret, Label::AcceptanceKey, &[]);
        secrets.push((format!("the acceptance key of {pair}, number {epoch}"), acceptance));
        opened.insert(epoch, (secret.to_vec(), key));
    }

    let mut texts = Vec::new();
    for line in log.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (sender, body): (Username, _) = (fields[1].parse().unwrap(), Body::try_from(fields[3]).unwrap());
        let header = body.header();
        let (secret, key) = &opened[&header.epoch];
        let epoch = header.epoch.to_be_bytes();
        let of: [&[u8]; 4] =
            [&pair.to_string().into_bytes(), &epoch, sender.as_str().as_bytes(), &header.stream.0];
        let message_key = expand(secret, Label::MessageKey, &of);
        secrets.push((format!("the key of a stream of {sender} in {pair}"), message_key));
        texts.push(session::open(key, &sender, &body).expect("a message that opens").text);
    }
    secrets.sort();
    secrets.dedup();
    (secrets, texts)
}
