//! A bounded memory in two generations: what was not asked for during one whole generation is forgotten.
//!
//! Pure. Called by those who remember something of each device and could do without it.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// How many a generation holds.
    generation: usize,
}

impl<K: Eq + Hash + Copy, V> Recent<K, V> {
    /// Remembers between `most / 2` and `most`.
    pub fn of_at_most(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation: (most / 2).max(1),
        }
    }

    pub fn get(&mut self, key: K) -> Option<&mut V> {
        if let Some(value) = self.old.remove(&key) {
            self.put(key, value);
        }
        self.young.get_mut(&key)
    }

    pub fn put(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub fn forget(&mut self, key: K) {
        self.young.remove(&key);
        self.old.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_remembered_and_the_rest_is_forgotten() {
        let mut recent = Recent::of_at_most(8);
        recent.put(0, 'a');
        for key in 1..100 {
            recent.put(key, 'b');
            assert_eq!(recent.get(0), Some(&mut 'a'));
            assert!(recent.young.len() <= 4 && recent.old.len() <= 4);
        }
        assert_eq!(recent.get(1), None);
        recent.forget(0);
        assert_eq!(recent.get(0), None);
    }

    #[test]
    fn what_is_put_again_is_there_once() {
        let mut recent = Recent::of_at_most(2);
        recent.put(1, 'a');
        recent.put(2, 'b');
        recent.put(1, 'c');
        assert_eq!(recent.get(1), Some(&mut 'c'));
        recent.forget(1);
        assert_eq!(recent.get(1), None);
    }
}
