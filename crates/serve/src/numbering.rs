//! Numbers for all products that a request can meet, so that the steps between query and slate compare integers instead of ids.
//!
//! The models' products come first, numbered as the models number them; the rest of the shelf follows. Numbers hold within one snapshot.

use std::sync::Arc;

use domain::{Product, ProductId};
use rustc_hash::FxHashMap;

use crate::{ModelSet, Shelf};

/// Steps of a category path that tell products apart; deeper ones count as equal.
const PATH_MAX: usize = 4;
/// What two products have in common: this share for the category path, the rest for the brand.
const PATH_SHARE: f32 = 0.75;

#[derive(Default)]
pub(crate) struct Numbering {
    ids: Vec<ProductId>,
    products: Vec<Option<Arc<Product>>>,
    facets: Vec<Facets>,
    numbers: FxHashMap<ProductId, u32>,
    /// The shelf's products in its order.
    shelf: Vec<u32>,
}

/// What tells kinds of products apart, as numbers; 0 is "not said".
#[derive(Clone, Copy, Default)]
struct Facets {
    /// Each step stands for the whole path down to it.
    path: [u32; PATH_MAX],
    brand: u32,
}

impl Numbering {
    pub fn new(models: &ModelSet, shelf: &Shelf) -> Self {
        let n = models.n_items().max(shelf.len());
        let mut numbering = Self { ids: Vec::with_capacity(n), products: Vec::with_capacity(n), ..Self::default() };
        for item in 0..models.n_items() as u32 {
            numbering.add(models.product_id(item), shelf);
        }
        numbering.shelf = shelf.order().iter().map(|id| numbering.add(id, shelf)).collect();
        let mut words = Words::default();
        let facets = numbering
            .products
            .iter()
            .map(|product| product.as_deref().map_or_else(Facets::default, |product| words.facets(product)));
        numbering.facets = facets.collect();
        numbering
    }

    fn add(&mut self, id: &ProductId, shelf: &Shelf) -> u32 {
        *self.numbers.entry(id.clone()).or_insert_with(|| {
            self.ids.push(id.clone());
            self.products.push(shelf.get(id).cloned());
            self.ids.len() as u32 - 1
        })
    }

    pub fn number(&self, id: &ProductId) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    pub fn id(&self, number: u32) -> &ProductId {
        &self.ids[number as usize]
    }

    /// `None` for what the models know and the catalogue does not.
    pub fn product(&self, number: u32) -> Option<&Arc<Product>> {
        self.products[number as usize].as_ref()
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn shelf(&self) -> &[u32] {
        &self.shelf
    }

    /// 0 for products that have nothing in common – 1 for the same category and brand.
    pub fn similarity(&self, left: u32, right: u32) -> f32 {
        let (left, right) = (&self.facets[left as usize], &self.facets[right as usize]);
        let depth = |facets: &Facets| facets.path.iter().take_while(|step| **step != 0).count();
        let common = left.path.iter().zip(&right.path).take_while(|(a, b)| a == b && **a != 0).count();
        let deepest = depth(left).max(depth(right)).max(1);
        let same_brand = left.brand != 0 && left.brand == right.brand;
        PATH_SHARE * common as f32 / deepest as f32 + (1.0 - PATH_SHARE) * f32::from(u8::from(same_brand))
    }
}

/// Texts by number, from 1.
#[derive(Default)]
struct Words<'a> {
    brands: FxHashMap<&'a str, u32>,
    /// A step with the number of the path above it: `Ofertas` below `Hogar` is not `Ofertas` below `Moda`.
    steps: FxHashMap<(u32, &'a str), u32>,
}

impl<'a> Words<'a> {
    fn facets(&mut self, product: &'a Product) -> Facets {
        let mut facets = Facets::default();
        let mut above = 0;
        for (step, category) in facets.path.iter_mut().zip(&product.categories) {
            let next = self.steps.len() as u32 + 1;
            above = *self.steps.entry((above, category)).or_insert(next);
            *step = above;
        }
        if let Some(brand) = &product.brand {
            let next = self.brands.len() as u32 + 1;
            facets.brand = *self.brands.entry(brand).or_insert(next);
        }
        facets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: &str, path: &[&str], brand: Option<&str>) -> Arc<Product> {
        let mut product = Product::new(ProductId::new(id).unwrap(), id);
        product.categories = path.iter().map(|step| (*step).to_owned()).collect();
        product.brand = brand.map(str::to_owned);
        Arc::new(product)
    }

    #[test]
    fn products_are_as_similar_as_their_paths_and_brands() {
        let shelf = Shelf::new(vec![
            product("a", &["Hogar", "Ofertas"], Some("Inca")),
            product("b", &["Hogar", "Ofertas"], Some("Inca")),
            product("c", &["Hogar", "Cocina"], None),
            product("d", &["Moda", "Ofertas"], None),
            product("e", &[], None),
        ]);
        let numbering = Numbering::new(&ModelSet::default(), &shelf);
        let similarity = |a: u32, b: u32| numbering.similarity(a, b);
        assert_eq!(similarity(0, 1), 1.0);
        assert_eq!(similarity(0, 2), 0.375);
        assert_eq!(similarity(0, 3), 0.0, "a step is told from its namesake elsewhere");
        assert_eq!(similarity(4, 4), 0.0, "who says nothing is like nobody");
        assert_eq!((numbering.id(2).as_str(), numbering.shelf()), ("c", &[0, 1, 2, 3, 4][..]));
    }
}
