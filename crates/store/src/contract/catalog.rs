//! The catalogue.

use std::{path::Path, sync::Arc};

use domain::{Availability, Product, ProductId};

use super::{
    fresh,
    sample::{event, product},
};
use crate::Catalog;

type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Catalog>;

pub fn catalog(open: impl Fn(&Path) -> Arc<dyn Catalog>) {
    fresh(|path| products_come_back_as_they_went(path, &open));
    fresh(|path| a_second_write_replaces(&*open(path)));
    fresh(|path| the_revision_tells_changes(path, &open));
}

fn ids(catalog: &dyn Catalog) -> Vec<String> {
    catalog.all().expect("the read").iter().map(|product| product.product_id.to_string()).collect()
}

fn products_come_back_as_they_went(path: &Path, open: Open<'_>) {
    let full = Product {
        categories: vec!["Hogar".to_owned(), "Cocina".to_owned()],
        description: "Ñandú \"de\" loza \u{1F600}".to_owned(),
        availability: Availability::Preorder,
        stock: Some(3),
        listed_at: Some(event(1).occurred_at),
        hidden: true,
        ..product("b", "Taza")
    };
    let catalog = open(path);
    assert!(catalog.is_empty().expect("the read"));
    catalog.upsert(&[full.clone(), product("a", "Plato")]).expect("the write");
    drop(catalog);
    let catalog = open(path);
    assert_eq!(catalog.get(&full.product_id).expect("the read").as_deref(), Some(&full));
    assert_eq!((ids(&*catalog), catalog.len().expect("the read")), (vec!["a".to_owned(), "b".to_owned()], 2));
    assert_eq!(catalog.get(&ProductId::new("c").expect("an id")).expect("the read"), None);
}

fn a_second_write_replaces(catalog: &dyn Catalog) {
    let (old, new) = (product("a", "old"), product("a", "new"));
    catalog.upsert(&[old, product("b", "stays")]).expect("the write");
    catalog.upsert(std::slice::from_ref(&new)).expect("the write");
    assert_eq!(catalog.get(&new.product_id).expect("the read").as_deref(), Some(&new));
    assert!(catalog.delete(&new.product_id).expect("the deletion"));
    assert!(!catalog.delete(&new.product_id).expect("the deletion"));
    assert_eq!(ids(catalog), ["b"]);
}

fn the_revision_tells_changes(path: &Path, open: Open<'_>) {
    let catalog = open(path);
    let mut revisions = vec![catalog.revision()];
    catalog.upsert(&[product("a", "one")]).expect("the write");
    revisions.push(catalog.revision());
    catalog.upsert(&[product("a", "two")]).expect("the write");
    revisions.push(catalog.revision());
    catalog.delete(&product("a", "").product_id).expect("the deletion");
    revisions.push(catalog.revision());
    assert!(revisions.is_sorted_by(|left, right| left < right), "grows with every change, got {revisions:?}");
    catalog.delete(&product("a", "").product_id).expect("the deletion");
    drop(catalog);
    assert_eq!(Some(&open(path).revision()), revisions.last(), "stays when nothing changes");
}
