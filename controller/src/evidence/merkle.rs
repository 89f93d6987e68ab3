//! Merkle trees as RFC 6962 §2.1 defines them: SHA-256, leaves and nodes hashed under different prefixes, so that
//! no node can be shown as a leaf. Inclusion is verified as in RFC 9162 §2.1.3.2.
//!
//! A tree is built leaf by leaf in memory that grows with its height only. It can be kept in blocks of a power of
//! two: the root over the blocks' roots is the root over the leaves, because the tree splits at powers of two.
//! Knows nothing of what a leaf says.

use inventory_schema::Digest;

/// The hash of a leaf or of what stands above it.
pub type Node = Digest;

/// The most nodes a path can have: a tree of 2^63 leaves.
pub const MAX_PATH: usize = 63;

const LEAF: u8 = 0;
const INNER: u8 = 1;

/// The hash of a leaf that holds `data`.
pub fn leaf(data: &[u8]) -> Node {
    let mut bytes = Vec::with_capacity(1 + data.len());
    bytes.push(LEAF);
    bytes.extend_from_slice(data);
    Digest::of(&bytes)
}

fn parent(left: Node, right: Node) -> Node {
    let mut bytes = [INNER; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Digest::of(&bytes)
}

/// A tree in the making: the roots of its whole subtrees, largest first.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    /// Height and root; heights fall from left to right.
    peaks: Vec<(u32, Node)>,
}

impl Tree {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, node: Node) {
        self.size += 1;
        let (mut height, mut node) = (0, node);
        while let Some(&(peak, left)) = self.peaks.last() {
            if peak != height {
                break;
            }
            self.peaks.pop();
            (height, node) = (height + 1, parent(left, node));
        }
        self.peaks.push((height, node));
    }

    /// The root; of a tree without leaves it is the hash of nothing.
    pub fn root(&self) -> Node {
        let mut peaks = self.peaks.iter().rev().map(|(_, node)| *node);
        match peaks.next() {
            None => Digest::of(&[]),
            Some(last) => peaks.fold(last, |right, left| parent(left, right)),
        }
    }
}

impl Extend<Node> for Tree {
    fn extend<T: IntoIterator<Item = Node>>(&mut self, nodes: T) {
        nodes.into_iter().for_each(|node| self.push(node));
    }
}

pub fn root(nodes: &[Node]) -> Node {
    let mut tree = Tree::default();
    tree.extend(nodes.iter().copied());
    tree.root()
}

/// What is needed to come from the leaf at `index` to the root, from below.
///
/// # Panics
/// If there is no such leaf.
pub fn path(nodes: &[Node], index: usize) -> Vec<Node> {
    assert!(index < nodes.len(), "a path begins at a leaf of the tree");
    if nodes.len() == 1 {
        return Vec::new();
    }
    // The largest power of two below the number of leaves.
    let split = nodes.len().next_power_of_two() / 2;
    let (mut below, beside) = if index < split {
        (path(&nodes[..split], index), root(&nodes[split..]))
    } else {
        (path(&nodes[split..], index - split), root(&nodes[..split]))
    };
    below.push(beside);
    below
}

/// The root that a tree of `size` leaves has if `leaf` stands at `index` and `path` leads up from it; `None` if no
/// tree has such a path.
pub fn root_of_path(leaf: Node, index: u64, size: u64, path: &[Node]) -> Option<Node> {
    if index >= size || path.len() > MAX_PATH {
        return None;
    }
    let (mut place, mut last, mut node) = (index, size - 1, leaf);
    for &beside in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            node = parent(beside, node);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            node = parent(node, beside);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves and roots of the Certificate Transparency project's own tests.
    const LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
        ],
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn known(hex: &str) -> Node {
        format!("sha256:{hex}").parse().unwrap()
    }

    #[test]
    fn roots_are_the_known_ones() {
        let nodes = LEAVES.map(leaf);
        for (size, expected) in ROOTS.iter().enumerate() {
            assert_eq!(root(&nodes[..size]), known(expected), "{size} leaves");
        }
    }

    #[test]
    fn the_path_of_the_first_of_eight_is_the_known_one() {
        let nodes = LEAVES.map(leaf);
        let expected = [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ];
        assert_eq!(path(&nodes, 0), expected.map(known));
        assert_eq!(root_of_path(nodes[0], 0, 8, &expected.map(known)), Some(known(ROOTS[8])));
    }

    #[test]
    fn a_leaf_is_no_node() {
        let (left, right) = (leaf(b"a"), leaf(b"b"));
        let inner = [left.as_bytes().as_slice(), right.as_bytes()].concat();
        assert_ne!(leaf(&inner), root(&[left, right]));
    }

    fn numbered(size: usize) -> Vec<Node> {
        (0..size).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn every_leaf_is_proven_and_nothing_else(size in 1usize..70, index in any::<prop::sample::Index>(), other in 0usize..70) {
            let (nodes, index) = (numbered(size), index.index(size));
            let found = path(&nodes, index);
            let (place, length) = (index as u64, size as u64);
            prop_assert_eq!(root_of_path(nodes[index], place, length, &found), Some(root(&nodes)));
            if other != index {
                prop_assert_ne!(root_of_path(leaf(&other.to_be_bytes()), place, length, &found), Some(root(&nodes)));
                prop_assert_ne!(root_of_path(nodes[index], other as u64, length, &found), Some(root(&nodes)));
            }
            let mut longer = found.clone();
            longer.push(nodes[0]);
            prop_assert_eq!(root_of_path(nodes[index], place, length, &longer), None);
            if !found.is_empty() {
                prop_assert_eq!(root_of_path(nodes[index], place, length, &found[1..]), None);
            }
        }

        #[test]
        fn a_tree_in_blocks_is_the_same_tree(size in 1usize..200, index in any::<prop::sample::Index>()) {
            const BLOCK: usize = 8;
            let (nodes, index) = (numbered(size), index.index(size));
            let roots: Vec<Node> = nodes.chunks(BLOCK).map(root).collect();
            prop_assert_eq!(root(&roots), root(&nodes));
            let block = nodes.chunks(BLOCK).nth(index / BLOCK).unwrap();
            let both = [path(block, index % BLOCK), path(&roots, index / BLOCK)].concat();
            prop_assert_eq!(both, path(&nodes, index));
        }

        #[test]
        fn no_path_is_a_panic(index in any::<u64>(), size in any::<u64>(), length in 0usize..80) {
            let _ = root_of_path(leaf(b""), index, size, &numbered(length));
        }
    }
}
