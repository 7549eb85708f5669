//! The twin of the fuzz target, and that its honest way leads somewhere.

use proptest::prelude::*;

use super::*;

/// Alice names Bob, both accept (one zero more: an honest answer to the log's reading), each says
/// something, hers are confirmed. The first zero: an honest answer to who her contacts are.
#[rustfmt::skip]
const A_CONVERSATION: [u8; 22] = [
    0, 0, 0, 5, 0, 5, 0, 0, 1, 5, 0, 0, 0, 9, 5, 0, 5, 10, 0, 9, 5, 0,
];

/// As above, then a new key asked for by Alice, her message under it, and the end.
#[rustfmt::skip]
const A_REKEY: [u8; 26] = [
    0, 0, 0, 5, 0, 5, 0, 0, 1, 5, 0, 0, 0, 4, 5, 0, 5, 0, 0, 1, 5, 0, 0, 9, 0, 3,
];

/// Bob's invitation, answered with his code; he leaves; the kept key is gone on with.
#[rustfmt::skip]
const A_RESUMED_KEY: [u8; 33] = [
    0, 5, 3, 5, 0, 5, 0, 0, 16, 5, 0, 0, 5, 10, 5, 0, 0, 0, 5, 0, 5, 0, 0, 1, 5, 0, 0, 0, 0, 9, 5, 0, 3,
];

#[test]
fn the_honest_way_leads_into_a_conversation() {
    assert_eq!(client_against_server(&A_CONVERSATION), Story { opened: 1, sealed: 2 });
    assert_eq!(client_against_server(&A_REKEY), Story { opened: 1, sealed: 1 });
    assert_eq!(client_against_server(&A_RESUMED_KEY), Story { opened: 2, sealed: 1 });
}

/// An honest beginning, so that most inputs get somewhere.
fn begun() -> impl Strategy<Value = Vec<u8>> {
    let beginnings: [&[u8]; 4] = [&[], &A_CONVERSATION, &A_REKEY, &A_RESUMED_KEY];
    let beginning = prop::sample::select(beginnings.to_vec())
        .prop_flat_map(|whole| (0..=whole.len()).prop_map(move |length| whole[..length].to_vec()));
    (beginning, prop::collection::vec(prop_oneof![0..24_u8, any::<u8>()], 0..200))
        .prop_map(|(beginning, rest)| [beginning, rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_from_the_server_leave_the_client_whole(input in begun()) {
        client_against_server(&input);
    }
}
