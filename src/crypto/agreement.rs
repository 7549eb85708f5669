//! Agreeing on a new key: three steps between two people who are both there.
//!
//! ```text
//! initiator                                             responder
//!     identity, epoch, X25519, ML-KEM key, hash(nonce)  ->
//!     <-  identity, X25519, ML-KEM ciphertext, nonce, signature
//!                                    nonce, signature   ->
//! ```
//!
//! The server carries the steps and may change, keep, repeat and invent them. What each rule stops:
//!
//! - Both identities sign everything the other has sent: nothing is changed on the way, and the two
//!   know whom they agree with.
//! - The initiator commits to a nonce first, and the responder's nonce comes before it is opened: so
//!   neither a peer nor somebody between can search for keys whose short codes are alike.
//! - X25519 and ML-KEM together: the key is safe while either is.
//!
//! A stage is a type, and its one method takes it away: a run cannot be answered twice, and a key
//! cannot be had before the checks.

use ring::rand::{SecureRandom, SystemRandom};

use super::{
    conversation_key::ConversationKey,
    identity::{Identity, is_signed_by},
    kdf,
    kem::{KemKey, PeerKemKey},
    label::{Encoded, Label, encode, hash},
    random,
    secret::Secret,
    x25519::Ephemeral,
};
use crate::wire::{Bytes, Confirm, Offer, Reply, Role};

pub use super::agreed::{Agreed, AgreementError, Members};

/// The initiator, between its offer and the reply.
#[derive(Debug)]
pub struct Offering {
    members: Members,
    offer: Offer,
    x25519: Ephemeral,
    kem: KemKey,
    /// Secret until the reply is there: that is what the commitment is for.
    nonce: Secret<32>,
}

/// The responder, between its reply and the confirmation.
#[derive(Debug)]
pub struct Replied {
    members: Members,
    offer: Offer,
    /// Everything up to the reply, encoded.
    so_far: Encoded,
    /// X25519's and ML-KEM's shared secrets, one after the other.
    shared: Secret<64>,
}

/// Begins a run, as the initiator. One act of a person is one offer: offering again by itself would
/// let a server try for alike codes.
///
/// # Errors
/// [`AgreementError::Epoch`] for 0; [`AgreementError::Random`].
pub fn offer(me: &Identity, members: &Members, epoch: u32) -> Result<(Offering, Offer), AgreementError> {
    offer_from(&SystemRandom::new(), me, members, epoch)
}

pub(super) fn offer_from(
    source: &dyn SecureRandom,
    me: &Identity,
    members: &Members,
    epoch: u32,
) -> Result<(Offering, Offer), AgreementError> {
    if epoch == 0 {
        return Err(AgreementError::Epoch);
    }
    let nonce = random::draw_secret(source)?;
    let x25519 = Ephemeral::generate(source)?;
    let kem = KemKey::generate(source)?;
    let offer = Offer {
        identity: me.public(),
        epoch,
        x25519: x25519.public(),
        kem_key: kem.public(),
        commitment: commitment(nonce.expose()),
    };
    let offering = Offering { members: members.clone(), offer: offer.clone(), x25519, kem, nonce };
    Ok((offering, offer))
}

impl Offering {
    /// Takes the reply: the key, and the confirmation to send. `me` is the identity that offered.
    ///
    /// # Errors
    /// [`AgreementError::OwnIdentity`], [`AgreementError::Signature`], [`AgreementError::LowOrder`],
    /// [`AgreementError::Kem`]: the run is over.
    pub fn receive(self, me: &Identity, reply: &Reply) -> Result<(Agreed, Confirm), AgreementError> {
        if reply.identity == self.offer.identity {
            return Err(AgreementError::OwnIdentity);
        }
        let so_far = up_to_reply(&self.members, &self.offer, reply);
        if !is_signed_by(&reply.identity, &so_far, &reply.signature) {
            return Err(AgreementError::Signature);
        }
        let x25519 = self.x25519.agree(&reply.x25519).map_err(|_| AgreementError::LowOrder)?;
        let kem = self.kem.decapsulate(&reply.kem_ciphertext).map_err(|_| AgreementError::Kem)?;
        let whole = whole_run(&so_far, self.nonce.expose());
        let confirm = Confirm { nonce: Bytes(*self.nonce.expose()), signature: me.sign(&whole) };
        let key = derive(&self.members, self.offer.epoch, &whole, &Secret::joined(&x25519, &kem));
        let agreed = Agreed::new(key, &self.members, Role::Initiator, whole.hash(), Some(reply.identity));
        Ok((agreed, confirm))
    }
}

/// Answers an offer, as the responder. Whether its epoch is one to accept is for the caller to say,
/// who knows which were used.
///
/// # Errors
/// [`AgreementError::OwnIdentity`], [`AgreementError::Epoch`], [`AgreementError::LowOrder`],
/// [`AgreementError::Kem`] for an offer to be refused; [`AgreementError::Random`].
pub fn reply(me: &Identity, members: &Members, offer: &Offer) -> Result<(Replied, Reply), AgreementError> {
    reply_from(&SystemRandom::new(), me, members, offer)
}

pub(super) fn reply_from(
    source: &dyn SecureRandom,
    me: &Identity,
    members: &Members,
    offer: &Offer,
) -> Result<(Replied, Reply), AgreementError> {
    if offer.identity == me.public() {
        return Err(AgreementError::OwnIdentity);
    }
    if offer.epoch == 0 {
        return Err(AgreementError::Epoch);
    }
    let peer_kem = PeerKemKey::parse(&offer.kem_key).map_err(|_| AgreementError::Kem)?;
    let nonce = random::draw(source)?;
    let mine = Ephemeral::generate(source)?;
    let (kem_ciphertext, kem) = peer_kem.encapsulate(source)?;
    let mut reply = Reply {
        identity: me.public(),
        x25519: mine.public(),
        kem_ciphertext,
        nonce: Bytes(nonce),
        signature: Bytes([0; 64]),
    };
    let x25519 = mine.agree(&offer.x25519).map_err(|_| AgreementError::LowOrder)?;
    let so_far = up_to_reply(members, offer, &reply);
    reply.signature = me.sign(&so_far);
    let shared = Secret::joined(&x25519, &kem);
    Ok((Replied { members: members.clone(), offer: offer.clone(), so_far, shared }, reply))
}

impl Replied {
    /// Takes the confirmation: the key. Before this, nobody is to be asked anything: the codes are not
    /// yet settled, and who is on the other side is not yet proven.
    ///
    /// # Errors
    /// [`AgreementError::Commitment`], [`AgreementError::Signature`]: the run is over.
    pub fn receive(self, confirm: &Confirm) -> Result<Agreed, AgreementError> {
        if commitment(&confirm.nonce.0) != self.offer.commitment {
            return Err(AgreementError::Commitment);
        }
        let whole = whole_run(&self.so_far, &confirm.nonce.0);
        if !is_signed_by(&self.offer.identity, &whole, &confirm.signature) {
            return Err(AgreementError::Signature);
        }
        let key = derive(&self.members, self.offer.epoch, &whole, &self.shared);
        let peer = Some(self.offer.identity);
        Ok(Agreed::new(key, &self.members, Role::Responder, whole.hash(), peer))
    }
}

fn commitment(nonce: &[u8; 32]) -> Bytes<32> {
    Bytes(hash(Label::Commitment, &[nonce]))
}

/// The transcript up to the reply; the responder signs it. Every field of both steps is in it but the
/// signature: a signature may have several forms, and would let the two sides' transcripts differ.
fn up_to_reply(members: &Members, offer: &Offer, reply: &Reply) -> Encoded {
    let [initiator, initiates, responder, responds] = members.fields();
    let fields: [&[u8]; 13] = [
        initiator,
        initiates,
        responder,
        responds,
        &offer.identity.0,
        &reply.identity.0,
        &offer.epoch.to_be_bytes(),
        &offer.x25519.0,
        &offer.kem_key.0,
        &offer.commitment.0,
        &reply.x25519.0,
        &reply.kem_ciphertext.0,
        &reply.nonce.0,
    ];
    encode(Label::Reply, &fields)
}

/// The whole transcript; the initiator signs it.
fn whole_run(so_far: &Encoded, nonce: &[u8; 32]) -> Encoded {
    encode(Label::NewKey, &[so_far.as_bytes(), nonce])
}

/// The key of a run: both shared secrets, and the hash of all that was said as the salt, so that two
/// people with the same key have had the same conversation about it.
fn derive(members: &Members, epoch: u32, whole: &Encoded, shared: &Secret<64>) -> ConversationKey {
    let secret = kdf::extract(&whole.hash(), shared.expose());
    ConversationKey::new(members.pair().clone(), epoch, secret)
}

#[cfg(test)]
mod tests;
