use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Orders nodes so that each comes after those it waits for, and among the free ones by `rank`.
///
/// `waits_for[n]` are the nodes that node `n` waits for.
///
/// # Errors
/// The nodes of a cycle, in its order, if there is one.
pub(super) fn order<R: Ord + Copy>(
    ranks: &[R],
    waits_for: &[Vec<usize>],
) -> Result<Vec<usize>, Vec<usize>> {
    let mut missing: Vec<usize> = waits_for.iter().map(Vec::len).collect();
    let mut unblocks: Vec<Vec<usize>> = vec![Vec::new(); ranks.len()];
    for (node, others) in waits_for.iter().enumerate() {
        for &other in others {
            if let Some(unblocked) = unblocks.get_mut(other) {
                unblocked.push(node);
            }
        }
    }
    let mut free: BinaryHeap<Reverse<(R, usize)>> = ranks
        .iter()
        .zip(&missing)
        .enumerate()
        .filter(|(_, (_, missing))| **missing == 0)
        .map(|(node, (rank, _))| Reverse((*rank, node)))
        .collect();
    let mut ordered = Vec::with_capacity(ranks.len());
    while let Some(Reverse((_, node))) = free.pop() {
        ordered.push(node);
        for &next in unblocks.get(node).map(Vec::as_slice).unwrap_or_default() {
            if let (Some(count), Some(&rank)) = (missing.get_mut(next), ranks.get(next)) {
                *count -= 1;
                if *count == 0 {
                    free.push(Reverse((rank, next)));
                }
            }
        }
    }
    if ordered.len() == ranks.len() {
        Ok(ordered)
    } else {
        Err(cycle(&missing, waits_for))
    }
}

/// Follows what blocked nodes wait for until one comes up again.
fn cycle(missing: &[usize], waits_for: &[Vec<usize>]) -> Vec<usize> {
    let blocked = |node: &usize| missing.get(*node).is_some_and(|&count| count > 0);
    let mut path: Vec<usize> = Vec::new();
    let mut next = (0..missing.len()).find(|node| blocked(node));
    while let Some(node) = next {
        if let Some(start) = path.iter().position(|&seen| seen == node) {
            return path.split_off(start);
        }
        path.push(node);
        next = waits_for
            .get(node)
            .and_then(|others| others.iter().copied().find(|n| blocked(n)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_decide_where_dependencies_do_not() {
        let order = order(&[2, 1, 0], &[vec![], vec![0], vec![]]);
        assert_eq!(order, Ok(vec![2, 0, 1]));
    }

    #[test]
    fn a_cycle_is_named() {
        let order = order(&[0, 0, 0, 0], &[vec![], vec![2], vec![3], vec![1]]);
        assert_eq!(order, Err(vec![1, 2, 3]));
    }
}
