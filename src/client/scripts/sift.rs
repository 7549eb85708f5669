//! What of an exported conversation lies between two times. The times are those that the senders say, and every
//! message is looked at: nothing is left out on the word of the server.

use chrono::{DateTime, Utc};

use super::json::Flaw;
use crate::client::error::ClientError;

/// Flaws kept until it is known whether they are within what is wanted. With more the first are named.
const FLAWS_KEPT_MAX: usize = 1000;

/// Looks at messages and flaws in their order.
pub(super) struct Sift {
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    /// So many messages within the times are not wanted: the first.
    surplus: u64,
    /// Messages within the times so far.
    count: u64,
    /// When the message before was sent.
    before: Option<DateTime<Utc>>,
    kept: Vec<Flaw>,
}

/// Where a flaw goes that is within what is wanted.
type Named<'a> = &'a mut dyn FnMut(&Flaw) -> Result<(), ClientError>;

impl Sift {
    /// Between these two times: from the first on, and before the second.
    pub(super) fn new(since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Self {
        Self::after(0, since, until)
    }

    /// The same without the first `surplus` messages.
    pub(super) fn after(surplus: u64, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Self {
        Self { since, until, surplus, count: 0, before: None, kept: Vec::new() }
    }

    /// Messages within the times so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// A flaw. It lies somewhere between the message before it and the one after it.
    pub(super) fn flaw(&mut self, flaw: Flaw, named: Named<'_>) -> Result<(), ClientError> {
        if self.wants_all() {
            return named(&flaw);
        }
        if self.kept.len() == FLAWS_KEPT_MAX {
            named(&self.kept.remove(0))?;
        }
        self.kept.push(flaw);
        Ok(())
    }

    /// A message that says to be sent at that time: whether it is wanted. One without a time is always within.
    pub(super) fn message(
        &mut self,
        sent: Option<DateTime<Utc>>,
        named: Named<'_>,
    ) -> Result<bool, ClientError> {
        let begun = sent.is_none_or(|sent| self.has_begun(sent));
        let within = begun && sent.is_none_or(|sent| self.is_not_over(sent));
        self.count += u64::from(within);
        let wanted = within && self.count > self.surplus;
        self.decide(begun && (wanted || !within), named)?;
        self.before = sent.or(self.before);
        Ok(wanted)
    }

    /// There are no more.
    pub(super) fn end(&mut self, named: Named<'_>) -> Result<(), ClientError> {
        self.decide(true, named)
    }

    /// What comes after the flaws that are kept is within the times or later: are they?
    fn decide(&mut self, reaches: bool, named: Named<'_>) -> Result<(), ClientError> {
        let not_over = self.before.is_none_or(|before| self.is_not_over(before));
        let skipped = self.surplus > 0 && self.count <= self.surplus;
        for flaw in self.kept.drain(..) {
            if reaches && not_over && !skipped {
                named(&flaw)?;
            }
        }
        Ok(())
    }

    fn wants_all(&self) -> bool {
        self.since.is_none() && self.until.is_none() && self.surplus == 0
    }

    fn has_begun(&self, at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| at >= since)
    }

    fn is_not_over(&self, at: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::scripts::json::Args;

    fn at(second: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(second, 0)
    }

    fn flaw(number: u64) -> Flaw {
        let (peer, reason) = ("bob".to_owned(), "gap".into());
        Flaw { id: None, peer, number: Some(number), reason, args: Args::new(), text: String::new() }
    }

    /// Messages sent at these seconds, with a flaw before each and one at the end: the messages that are wanted
    /// and the flaws that are named, by their place.
    fn sifted(mut sift: Sift, sent: &[i64]) -> (Vec<u64>, Vec<u64>) {
        let (mut wanted, mut named) = (Vec::new(), Vec::new());
        let mut name = |flaw: &Flaw| {
            named.extend(flaw.number);
            Ok(())
        };
        for (number, sent) in (1..).zip(sent) {
            sift.flaw(flaw(number), &mut name).unwrap();
            if sift.message(at(*sent), &mut name).unwrap() {
                wanted.push(number);
            }
        }
        sift.flaw(flaw(99), &mut name).unwrap();
        sift.end(&mut name).unwrap();
        (wanted, named)
    }

    #[test]
    fn a_flaw_is_named_where_it_may_hide_something_that_is_wanted() {
        let sent = [10, 20, 30, 40, 50];
        assert_eq!(sifted(Sift::new(None, None), &sent), (vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5, 99]));
        // What is missing before the first within, or after the last, may have been within.
        assert_eq!(sifted(Sift::new(at(20), at(40)), &sent), (vec![2, 3], vec![2, 3, 4]));
        assert_eq!(sifted(Sift::new(at(50), None), &sent), (vec![5], vec![5, 99]));
        assert_eq!(sifted(Sift::new(None, at(10)), &sent), (vec![], vec![1]));
        assert_eq!(sifted(Sift::new(at(51), None), &sent), (vec![], vec![99]));
        // Between two messages, both outside.
        assert_eq!(sifted(Sift::new(at(21), at(29)), &sent), (vec![], vec![3]));
        assert_eq!(sifted(Sift::after(2, at(20), None), &sent), (vec![4, 5], vec![4, 5, 99]));
    }

    #[test]
    fn a_message_whose_time_is_none_is_not_left_out_and_clocks_may_differ() {
        let mut sift = Sift::new(at(20), at(30));
        let mut name = |_: &Flaw| Ok(());
        let wanted = [at(25), None, at(10), at(29), at(30), at(20)];
        let wanted = wanted.map(|sent| sift.message(sent, &mut name).unwrap());
        assert_eq!(wanted, [true, true, false, true, false, true]);
    }

    #[test]
    fn flaws_without_end_are_not_kept_without_end() {
        let mut sift = Sift::new(at(20), None);
        let mut named = 0;
        for number in 0..1_500 {
            let mut name = |_: &Flaw| {
                named += 1;
                Ok(())
            };
            sift.flaw(flaw(number), &mut name).unwrap();
        }
        assert_eq!((named, sift.kept.len()), (500, FLAWS_KEPT_MAX));
    }
}
