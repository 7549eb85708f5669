//! Who has a key with whom: for a name, the names of the others.
//!
//! It follows from the keyring, is made at the start, and grows with every pair's first key. Names are
//! kept once and otherwise known by a number, so that a pair costs eight bytes.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::wire::{Pair, Username};

/// The index behind its lock, which is held for memory only.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    numbers: HashMap<Username, u32>,
    /// By number: the name, and its contacts' numbers.
    people: Vec<(Username, Vec<u32>)>,
}

impl Contacts {
    /// Of these pairs, each of which is there once.
    pub(super) fn of_pairs<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut index = Index::default();
        for pair in pairs {
            index.add_new(pair);
        }
        Self { index: RwLock::new(index) }
    }

    /// A pair's first key was stored; one that is here already stays as it is.
    pub(super) fn add(&self, pair: &Pair) {
        self.index.write().add(pair);
    }

    /// All contacts of a name.
    pub(super) fn all(&self, name: &Username) -> Vec<Username> {
        let index = self.index.read();
        index.contacts(name).cloned().collect()
    }

    /// The first of a name's contacts after `after`, in order, at most `count`; and whether there are more.
    pub(super) fn page(
        &self,
        name: &Username,
        after: Option<&Username>,
        count: usize,
    ) -> (Vec<Username>, bool) {
        let mut names: Vec<Username> = {
            let index = self.index.read();
            index
                .contacts(name)
                .filter(|contact| after.is_none_or(|after| *contact > after))
                .cloned()
                .collect()
        };
        names.sort_unstable();
        let more = names.len() > count;
        names.truncate(count);
        (names, more)
    }
}

impl Index {
    fn add(&mut self, pair: &Pair) {
        let (lower, higher) = (self.number(pair.lower()), self.number(pair.higher()));
        let count = |number: u32| self.people.get(number as usize).map_or(0, |(_, contacts)| contacts.len());
        // Each is the other's contact, or neither is: the shorter of the two lists says which.
        let (one, other) = if count(lower) <= count(higher) { (lower, higher) } else { (higher, lower) };
        let known = self.people.get(one as usize).is_some_and(|(_, contacts)| contacts.contains(&other));
        if !known {
            self.join(lower, higher);
        }
    }

    /// Adds a pair that is not here: nothing is looked through, however many contacts somebody has.
    fn add_new(&mut self, pair: &Pair) {
        let (lower, higher) = (self.number(pair.lower()), self.number(pair.higher()));
        self.join(lower, higher);
    }

    fn join(&mut self, lower: u32, higher: u32) {
        for (one, other) in [(lower, higher), (higher, lower)] {
            if let Some((_, contacts)) = self.people.get_mut(one as usize) {
                contacts.push(other);
            }
        }
    }

    fn number(&mut self, name: &Username) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // A file of four thousand million names is read nowhere.
        let number = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.clone(), number);
        self.people.push((name.clone(), Vec::new()));
        number
    }

    fn contacts(&self, name: &Username) -> impl Iterator<Item = &Username> {
        let person = self.numbers.get(name).and_then(|number| self.people.get(*number as usize));
        let contacts = person.into_iter().flat_map(|(_, contacts)| contacts);
        contacts.filter_map(|number| self.people.get(*number as usize)).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_come_in_pages_in_the_order_of_their_names_each_once() {
        let pairs: Vec<Pair> = ["dave+eve", "alice+eve", "bob+eve", "alice+bob"]
            .iter()
            .map(|pair| pair.parse().unwrap())
            .collect();
        let contacts = Contacts::of_pairs(pairs.iter());
        let name = |name: &str| name.parse::<Username>().unwrap();
        contacts.add(&"carol+eve".parse().unwrap());
        contacts.add(&"alice+eve".parse().unwrap());
        let page = |after: Option<&str>| contacts.page(&name("eve"), after.map(name).as_ref(), 3);
        assert_eq!(page(None), (vec![name("alice"), name("bob"), name("carol")], true));
        assert_eq!(page(Some("carol")), (vec![name("dave")], false));
        assert_eq!(page(Some("dave")), (vec![], false));
        assert_eq!(contacts.all(&name("eve")).len(), 4);
        assert_eq!(contacts.all(&name("nobody")), []);
    }

    #[test]
    fn somebody_may_know_everybody() {
        // Were every contact compared with every other at the start, this would be five thousand million times.
        let count = 100_000;
        let pairs: Vec<Pair> = (0..count).map(|n| format!("hub+person{n}").parse().unwrap()).collect();
        let contacts = Contacts::of_pairs(pairs.iter());
        let hub: Username = "hub".parse().unwrap();
        for pair in pairs.iter().take(1000) {
            contacts.add(pair);
        }
        contacts.add(&"hub+newcomer".parse().unwrap());
        assert_eq!(contacts.all(&hub).len(), count + 1);
        assert_eq!(contacts.all(&"person7".parse().unwrap()), [hub]);
    }
}
