//! What somebody likes, kept apart: who likes shoes and televisions has two interests, and nothing in between.
//!
//! After PinnerSage (Pal et al., KDD 2020): liked products are clustered bottom up, a cluster's medoid stands for it, and recent likes
//! make it important. Clusters are joined by mean similarity (UPGMA) and not by Ward's criterion, so that where to stop is a similarity
//! that means the same for three products and for a hundred.

/// A product that somebody dealt with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liked {
    /// More than 0; a purchase more than a view.
    pub weight: f32,
    pub age_days: f32,
}

/// Products that are liked for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Interest {
    /// The member most similar to all of them, weights counted.
    pub medoid: usize,
    /// The most important first.
    pub members: Vec<usize>,
    /// Share of all that is liked, 0 – 1.
    pub importance: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InterestOptions {
    /// Interests at most, the most important ones.
    pub most: usize,
    /// Clusters whose products have a lower mean similarity stay apart.
    pub apart_below: f32,
    /// Days after which a like counts half.
    pub half_life_days: f32,
}

impl Default for InterestOptions {
    fn default() -> Self {
        Self { most: 4, apart_below: 0.15, half_life_days: 30.0 }
    }
}

/// Interests by importance. `similarity` of two of `liked` by their numbers, symmetric. Takes time in the cube of how many are liked: pass the
/// latest two hundred.
pub fn interests(
    liked: &[Liked],
    similarity: impl Fn(usize, usize) -> f32,
    options: &InterestOptions,
) -> Vec<Interest> {
    let importance: Vec<f32> =
        liked.iter().map(|liked| liked.weight * (-liked.age_days / options.half_life_days).exp2()).collect();
    let total: f32 = importance.iter().sum();
    let clusters = clusters(liked.len(), &similarity, options.apart_below);
    let mut interests: Vec<Interest> = clusters
        .into_iter()
        .map(|mut members| {
            let nearness = |a: usize| members.iter().map(|&b| importance[b] * similarity(a, b)).sum::<f32>();
            let nearer = |&a: &usize, &b: &usize| nearness(a).total_cmp(&nearness(b)).then(b.cmp(&a));
            let medoid = members.iter().copied().max_by(nearer).expect("a cluster has members");
            members.sort_by(|&a, &b| importance[b].total_cmp(&importance[a]).then(a.cmp(&b)));
            let importance = members.iter().map(|&member| importance[member]).sum::<f32>() / total;
            Interest { medoid, members, importance }
        })
        .collect();
    interests.sort_by(|a, b| b.importance.total_cmp(&a.importance).then(a.medoid.cmp(&b.medoid)));
    interests.truncate(options.most);
    interests
}

/// Joins the two most similar clusters until none are as similar as `apart_below`.
fn clusters(n: usize, similarity: &impl Fn(usize, usize) -> f32, apart_below: f32) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut similarities: Vec<Vec<f32>> = (0..n).map(|i| (0..n).map(|j| similarity(i, j)).collect()).collect();
    while let Some((a, b)) = most_similar(&similarities).filter(|&(a, b)| similarities[a][b] >= apart_below) {
        let (of_a, of_b) = (clusters[a].len() as f32, clusters[b].len() as f32);
        // Lance and Williams 1967: the mean over all pairs.
        let joined = |row: &[f32]| (of_a * row[a] + of_b * row[b]) / (of_a + of_b);
        similarities.iter_mut().for_each(|row| row[a] = joined(row));
        similarities[a] = similarities.iter().map(|row| row[a]).collect();
        // a < b, so a stays where it is.
        let joined = clusters.swap_remove(b);
        clusters[a].extend(joined);
        similarities.swap_remove(b);
        for row in &mut similarities {
            row.swap_remove(b);
        }
    }
    clusters
}

/// The first of the most similar pairs (a, b) with a < b.
fn most_similar(similarities: &[Vec<f32>]) -> Option<(usize, usize)> {
    let pairs = (1..similarities.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.reduce(|best, pair| if similarities[pair.0][pair.1] > similarities[best.0][best.1] { pair } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directions around some centres at right angles: `centre` and a tilt of its own for each product.
    fn tastes(centres: &[usize]) -> impl Fn(usize, usize) -> f32 {
        let vector = |i: usize, centre: usize| {
            let mut x = vec![0.0f32; 8 + centres.len()];
            (x[centre], x[8 + i]) = (1.0, 0.7);
            x.iter_mut().for_each(|x| *x /= 1.49f32.sqrt());
            x
        };
        let vectors: Vec<Vec<f32>> = centres.iter().enumerate().map(|(i, &centre)| vector(i, centre)).collect();
        move |a, b| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum()
    }

    fn today(n: usize) -> Vec<Liked> {
        vec![Liked { weight: 1.0, age_days: 0.0 }; n]
    }

    #[test]
    fn two_tastes_stay_apart_and_one_taste_is_one_interest() {
        let options = InterestOptions::default();
        let found = interests(&today(9), tastes(&[0, 1, 0, 0, 1, 0, 1, 0, 0]), &options);
        let members: Vec<_> = found.iter().map(|interest| interest.members.clone()).collect();
        assert_eq!(members, [vec![0, 2, 3, 5, 7, 8], vec![1, 4, 6]]);
        assert!((found[0].importance - 6.0 / 9.0).abs() < 1e-6);
        assert_eq!(interests(&today(30), tastes(&[0; 30]), &options).len(), 1);
        assert_eq!(interests(&today(1), tastes(&[0]), &options)[0].members, [0]);
        assert_eq!(interests(&[], tastes(&[]), &options), []);
    }

    #[test]
    fn what_is_recent_and_bought_is_important_and_the_rest_is_dropped() {
        let (old, new) = (Liked { weight: 1.0, age_days: 60.0 }, Liked { weight: 1.0, age_days: 0.0 });
        let bought = Liked { weight: 5.0, age_days: 30.0 };
        let liked = [old, old, old, new, bought];
        let options = InterestOptions { most: 2, ..InterestOptions::default() };
        let found = interests(&liked, tastes(&[0, 0, 0, 1, 2]), &options);
        // 3 likes at a quarter, 1 whole, 5 at half.
        let importance = |i: usize| found[i].importance * (0.75 + 1.0 + 2.5);
        assert_eq!((&found[0].members[..], &found[1].members[..], found.len()), (&[4][..], &[3][..], 2));
        assert!((importance(0) - 2.5).abs() < 1e-5 && (importance(1) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_medoid_is_a_product_in_the_middle() {
        // On a line: 1 is nearest to all; with 2 bought often it is 2.
        let place = [0.0f32, 0.4, 0.6, 1.0, 0.3];
        let similarity = |a: usize, b: usize| 1.0 - (place[a] - place[b]).abs() / 2.0;
        let mut liked = today(5);
        assert_eq!(interests(&liked, similarity, &InterestOptions::default())[0].medoid, 1);
        liked[2].weight = 10.0;
        assert_eq!(interests(&liked, similarity, &InterestOptions::default())[0].medoid, 2);
    }
}
