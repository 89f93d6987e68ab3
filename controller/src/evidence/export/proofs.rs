//! Proofs for what an archive holds: paths from certificates and chain heads to the roots of checkpoints.

use std::collections::BTreeMap;

use inventory_schema::KeyFingerprint;
use inventory_schema::envelope::ChainHead;

use super::{Chains, ExportError, Folder, PART_BYTES, Point, Writing};
use crate::evidence::archive::{Output, Part};
use crate::evidence::document::{self, HeadLine, Proof};
use crate::evidence::merkle::{self, Node};
use crate::store::checkpoint::BLOCK;

impl<O: Output> Writing<'_, O> {
    /// A proof in the first checkpoint that has this place of the log.
    pub(super) async fn log_proof(&mut self, position: Option<u64>) -> Result<Option<Proof>, ExportError> {
        let point = position.and_then(|position| {
            let point = self.points.iter().find(|point| point.log_count > position)?;
            Some((position, *point))
        });
        let Some((position, point)) = point else { return Ok(None) };
        let block = BLOCK as u64;
        let whole = point.log_count / block;
        while (self.log_roots.len() as u64) < whole {
            let begin = self.log_roots.len() as u64 * block;
            let nodes = self.source.store.authority_nodes(begin, BLOCK).await?;
            self.log_roots.push(merkle::root(&nodes));
        }
        let mut roots = self.log_roots[..index(whole)].to_vec();
        let rest = index(point.log_count % block);
        if rest > 0 {
            roots.push(merkle::root(&self.source.store.authority_nodes(whole * block, rest).await?));
        }
        let own = position / block;
        let length = if own == whole { rest } else { BLOCK };
        let nodes = self.source.store.authority_nodes(own * block, length).await?;
        let path = [merkle::path(&nodes, index(position % block)), merkle::path(&roots, index(own))].concat();
        Ok(Some(Proof::new(point.number, position, &path)))
    }

    /// Where each key's chain stood in the first checkpoint that is no older than the span's end.
    pub(super) async fn covering_heads(&self, keys: &[KeyFingerprint]) -> Result<BTreeMap<KeyFingerprint, ChainHead>, ExportError> {
        let mut heads = BTreeMap::new();
        if let (Some(_), Some(point)) = (self.to, self.covering()) {
            for key in keys {
                if let Some(found) = self.source.store.head_in_checkpoint(point.number, *key).await? {
                    heads.insert(*key, found.head);
                }
            }
        }
        Ok(heads)
    }

    fn covering(&self) -> Option<Point> {
        let covering = self.to.and_then(|to| self.points.iter().find(|point| point.taken_at >= to));
        covering.or(self.points.last()).copied()
    }

    /// The heads of the device's chains in each checkpoint of the span: each also says that there was no more then.
    pub(super) async fn proofs(&mut self, folder: &mut Folder, chains: &Chains) -> Result<(), ExportError> {
        let Some(last) = self.covering() else { return Ok(()) };
        let mut lines = Vec::new();
        for (key, chain) in chains {
            let first = self.points.partition_point(|point| point.taken_at < chain.received_at);
            let points: Vec<Point> = self.points[first..]
                .iter()
                .filter(|point| point.number <= last.number)
                .copied()
                .collect();
            for point in points {
                let Some(found) = self.source.store.head_in_checkpoint(point.number, *key).await? else {
                    continue;
                };
                let block = index(found.index) / BLOCK;
                let path = [found.path, merkle::path(self.roots_of(point.number).await?, block)].concat();
                let line = HeadLine {
                    key: *key,
                    place: found.head.place,
                    digest: found.head.digest,
                    proof: Proof::new(point.number, found.index, &path),
                };
                document::write_line(&line, &mut lines)?;
                if lines.len() >= PART_BYTES {
                    self.part(folder, Part::Proofs, &mut lines).await?;
                }
            }
        }
        self.part(folder, Part::Proofs, &mut lines).await
    }

    async fn roots_of(&mut self, number: u64) -> Result<&[Node], ExportError> {
        // Some years of days; 4 KiB each in a large region.
        const KEPT: usize = 2048;
        if !self.head_roots.contains_key(&number) {
            if self.head_roots.len() >= KEPT {
                self.head_roots.pop_first();
            }
            let roots = self.source.store.head_block_roots(number).await?;
            self.head_roots.insert(number, roots);
        }
        Ok(&self.head_roots[&number])
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("what is counted here is held in memory")
}
