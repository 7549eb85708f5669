//! Taking up a kept key again: two steps that prove to each side that the other has the key, now.
//!
//! No new key is made. The proof is the acceptance (see [`Agreed`]) over this run's transcript: two
//! fresh nonces, so an earlier run's is worth nothing; and what each side last saw of the other's
//! messages, so that a server that cut a tail off is found out before anybody writes.

use super::{
    agreed::{Agreed, AgreementError, Members},
    conversation_key::ConversationKey,
    label::{Encoded, Label, encode},
    random::random,
    seen,
};
use crate::wire::{Bytes, Resume, ResumeReply, Role, Seen};

/// The initiator, between its step and the reply.
#[derive(Debug)]
pub struct Resuming {
    members: Members,
    key: ConversationKey,
    resume: Resume,
}

/// Begins, as the initiator.
///
/// # Errors
/// [`AgreementError::OtherPair`] when the key is not these members'; [`AgreementError::Random`].
pub fn resume(
    members: &Members,
    key: ConversationKey,
    seen: Option<Seen>,
    reopens: bool,
) -> Result<(Resuming, Resume), AgreementError> {
    if key.pair() != members.pair() {
        return Err(AgreementError::OtherPair);
    }
    let resume = Resume { epoch: key.epoch(), key_id: key.key_id(), nonce: Bytes(random()?), seen, reopens };
    Ok((Resuming { members: members.clone(), key, resume: resume.clone() }, resume))
}

impl Resuming {
    /// Takes the reply. There is nothing to check yet: whether the other side has the key, and saw
    /// these same two steps, is what its acceptance shows.
    #[must_use]
    pub fn receive(self, reply: &ResumeReply) -> Agreed {
        let transcript = transcript(&self.members, &self.resume, reply);
        Agreed::new(self.key, &self.members, Role::Initiator, transcript.hash(), None)
    }
}

/// Answers, as the responder.
///
/// # Errors
/// [`AgreementError::OtherPair`] when the key is not these members'; [`AgreementError::OtherKey`] when
/// the initiator names another; [`AgreementError::Random`].
pub fn resume_reply(
    members: &Members,
    key: ConversationKey,
    resume: &Resume,
    seen: Option<Seen>,
    reopens: bool,
) -> Result<(Agreed, ResumeReply), AgreementError> {
    if key.pair() != members.pair() {
        return Err(AgreementError::OtherPair);
    }
    if (resume.epoch, resume.key_id) != (key.epoch(), key.key_id()) {
        return Err(AgreementError::OtherKey);
    }
    let reply = ResumeReply { nonce: Bytes(random()?), seen, reopens };
    let transcript = transcript(members, resume, &reply);
    Ok((Agreed::new(key, members, Role::Responder, transcript.hash(), None), reply))
}

fn transcript(members: &Members, resume: &Resume, reply: &ResumeReply) -> Encoded {
    let [initiator, initiates, responder, responds] = members.fields();
    let fields: [&[u8]; 12] = [
        initiator,
        initiates,
        responder,
        responds,
        &resume.epoch.to_be_bytes(),
        &resume.key_id.0,
        &resume.nonce.0,
        &reply.nonce.0,
        &seen::to_bytes(resume.seen.as_ref()),
        &seen::to_bytes(reply.seen.as_ref()),
        &[u8::from(resume.reopens)],
        &[u8::from(reply.reopens)],
    ];
    encode(Label::KeptKey, &fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret;

    fn members(initiator: &str, responder: &str) -> Members {
        Members::new(initiator.parse().unwrap(), responder.parse().unwrap()).unwrap()
    }

    fn key(pair: &str, epoch: u32) -> ConversationKey {
        ConversationKey::new(pair.parse().unwrap(), epoch, Secret::copied(&[7; 32]).unwrap())
    }

    fn seen(counter: u64) -> Option<Seen> {
        Some(Seen { stream: Bytes([1; 16]), counter, hash: Bytes([2; 32]) })
    }

    /// Both ends of a run whose two steps are changed on their way.
    fn run(
        change_resume: impl FnOnce(&mut Resume),
        change_reply: impl FnOnce(&mut ResumeReply),
    ) -> (Agreed, Agreed) {
        let members = members("bob", "alice");
        let (resuming, mut step) = resume(&members, key("alice+bob", 3), seen(1), false).unwrap();
        change_resume(&mut step);
        let (alice, mut reply) = resume_reply(&members, key("alice+bob", 3), &step, seen(2), false).unwrap();
        change_reply(&mut reply);
        (resuming.receive(&reply), alice)
    }

    fn neither_verifies((bob, alice): &(Agreed, Agreed)) -> bool {
        !bob.verify(&alice.acceptance()) && !alice.verify(&bob.acceptance())
    }

    #[test]
    fn both_prove_the_kept_key_and_show_its_codes() {
        let (bob, alice) = run(|_| {}, |_| {});
        assert!(bob.verify(&alice.acceptance()) && alice.verify(&bob.acceptance()));
        assert_eq!((bob.peer_identity(), bob.key().epoch()), (None, 3));
        assert_eq!(bob.own_code().to_string(), alice.peer_code().to_string());
        assert_eq!(alice.own_code().to_string(), key("alice+bob", 3).codes().0.to_string());
    }

    #[test]
    fn a_change_to_any_field_is_noticed() {
        assert!(neither_verifies(&run(|step| step.nonce.0[0] ^= 1, |_| {})));
        assert!(neither_verifies(&run(|step| step.seen = None, |_| {})), "what the initiator saw");
        assert!(neither_verifies(&run(|step| step.seen = seen(9), |_| {})));
        assert!(neither_verifies(&run(|_| {}, |reply| reply.nonce.0[31] ^= 1)));
        assert!(neither_verifies(&run(|_| {}, |reply| reply.seen = None)), "what the responder saw");
        assert!(neither_verifies(&run(|_| {}, |reply| reply.seen = seen(9))));
        assert!(neither_verifies(&run(|step| step.reopens = true, |_| {})), "who reopens");
        assert!(neither_verifies(&run(|_| {}, |reply| reply.reopens = true)));
    }

    #[test]
    fn a_step_that_names_another_key_is_refused() {
        let members = members("bob", "alice");
        let (_, step) = resume(&members, key("alice+bob", 3), None, false).unwrap();
        let answer = |step: &Resume| resume_reply(&members, key("alice+bob", 3), step, None, false).err();
        assert_eq!(answer(&step), None);
        assert_eq!(answer(&Resume { epoch: 2, ..step.clone() }), Some(AgreementError::OtherKey));
        assert_eq!(answer(&Resume { key_id: Bytes([0; 16]), ..step }), Some(AgreementError::OtherKey));
    }

    #[test]
    fn a_key_of_another_pair_is_refused() {
        let members = members("bob", "alice");
        let (_, step) = resume(&members, key("alice+bob", 3), None, false).unwrap();
        let refused = Some(AgreementError::OtherPair);
        assert_eq!(resume(&members, key("alice+carol", 3), None, false).err(), refused);
        assert_eq!(resume_reply(&members, key("alice+carol", 3), &step, None, false).err(), refused);
    }

    #[test]
    fn an_acceptance_of_an_earlier_run_is_worth_nothing() {
        let (earlier_bob, earlier_alice) = run(|_| {}, |_| {});
        let (bob, alice) = run(|_| {}, |_| {});
        assert!(!bob.verify(&earlier_alice.acceptance()) && !alice.verify(&earlier_bob.acceptance()));
    }

    #[test]
    fn an_acceptance_sent_back_is_worth_nothing() {
        let (bob, alice) = run(|_| {}, |_| {});
        assert!(!bob.verify(&bob.acceptance()) && !alice.verify(&alice.acceptance()));
    }

    #[test]
    fn another_key_of_the_same_id_does_not_verify() {
        let members = members("bob", "alice");
        let (resuming, step) = resume(&members, key("alice+bob", 3), None, false).unwrap();
        let other = ConversationKey::new(members.pair().clone(), 3, Secret::copied(&[8; 32]).unwrap());
        let step = Resume { key_id: other.key_id(), ..step };
        let (alice, reply) = resume_reply(&members, other, &step, None, false).unwrap();
        let bob = resuming.receive(&reply);
        assert!(!bob.verify(&alice.acceptance()) && !alice.verify(&bob.acceptance()));
    }

    #[test]
    fn roles_that_differ_do_not_verify() {
        let (resuming, step) = resume(&members("bob", "alice"), key("alice+bob", 3), None, false).unwrap();
        let (alice, reply) =
            resume_reply(&members("alice", "bob"), key("alice+bob", 3), &step, None, false).unwrap();
        let bob = resuming.receive(&reply);
        assert!(!bob.verify(&alice.acceptance()) && !alice.verify(&bob.acceptance()));
    }
}
