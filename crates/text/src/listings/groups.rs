//! From pairs to groups.

use rustc_hash::FxHashMap;

/// No product is offered so often; more listings alike are a family whose differences the names do not show. It also bounds the work.
pub(super) const GROUP_MAX: usize = 64;

/// Two listings that are probably one product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub a: u32,
    pub b: u32,
    pub probability: f32,
}

/// Merges along the surest links first, and only where every listing of one side is linked with every listing of the other, as `linked` tells
/// also of pairs that are no candidates. Groups of two and more, each ascending, in the order of their first members.
pub(super) fn complete_link(links: &mut [Link], linked: impl Fn(u32, u32) -> bool) -> Vec<Vec<u32>> {
    links.sort_unstable_by(|x, y| y.probability.total_cmp(&x.probability).then((x.a, x.b).cmp(&(y.a, y.b))));
    let mut root_of: FxHashMap<u32, u32> = FxHashMap::default();
    let mut members: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for link in links.iter() {
        let [a, b] = [link.a, link.b].map(|place| *root_of.entry(place).or_insert(place));
        let group = |root: u32| members.get(&root).cloned().unwrap_or_else(|| vec![root]);
        if a == b {
            continue;
        }
        let (mut kept, joined) = (group(a), group(b));
        let is_small = kept.len() + joined.len() <= GROUP_MAX;
        if is_small && kept.iter().all(|&x| joined.iter().all(|&y| linked(x.min(y), x.max(y)))) {
            root_of.extend(joined.iter().map(|&place| (place, a)));
            members.remove(&b);
            kept.extend(joined);
            members.insert(a, kept);
        }
    }
    let mut groups: Vec<Vec<u32>> = members.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    groups
}
