//! Which of some numbered things are in place: as many as can be, so that each is above the one before.

/// The places of a longest part of `numbers` in which each is above the one before (or equal to it, where
/// `equal` says so). What is not in it was moved, repeated, or has a wrong number.
pub(super) fn in_place<T: Ord>(numbers: &[T], equal: bool) -> Vec<usize> {
    // The least last element of a chain of each length, and for every element the one before it in its chain.
    let mut ends: Vec<(usize, &T)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|(_, end)| if equal { *end <= number } else { *end < number });
        before.push(length.checked_sub(1).and_then(|length| ends.get(length)).map(|(end, _)| *end));
        match ends.get_mut(length) {
            // Of two that are alike the first is the one in place.
            Some((_, end)) if *end == number => (),
            Some(end) => *end = (at, number),
            None => ends.push((at, number)),
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut next = ends.last().map(|(at, _)| *at);
    while let Some(at) = next {
        chain.push(at);
        next = before.get(at).copied().flatten();
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_number_does_not_put_the_others_out_of_place() {
        for (numbers, expected) in [
            (&[1, 2, 3][..], &[0, 1, 2][..]),
            (&[1, 92, 3, 4, 5], &[0, 2, 3, 4]),
            (&[1, 2, 2, 3], &[0, 1, 3]),
            (&[4, 5, 1, 2, 3], &[2, 3, 4]),
            (&[1, 3, 2, 4], &[0, 2, 3]),
            (&[], &[]),
        ] {
            assert_eq!(in_place(numbers, false), expected, "{numbers:?}");
        }
        assert_eq!(in_place(&[1, 1, 9, 2], true), [0, 1, 3]);
    }
}
