//! What prices and purchases tell beside the catalogue: which products are really cheaper than usual, who goes by the price, what is due again.
//!
//! Made off the request path whenever prices change and now and then, since deals end by themselves; then never changed again.

use domain::{Product, ProductId, Timestamp};
use features::{
    Conversion, HistoryEntry, Profile,
    deals::Deal,
    price_index::PriceIndex,
    price_sensitivity::{Evidence, PriceLevels, cue_of, price_sensitivity},
    replenishment::Replenishment,
};
use rustc_hash::FxHashMap;

use crate::Shelf;

/// Deals that slates choose among, those of the greatest saving.
const DEALS_MAX: usize = 2_000;
/// A purchase that is as due as this may be shown again: half way to the usual interval, or beyond it.
const DUE_MIN: f64 = 0.5;
/// Where nothing is known of a shop's people.
const SENSITIVITY: f64 = 0.5;

#[derive(Default)]
pub struct Offers {
    prices: PriceIndex,
    levels: PriceLevels,
    deals: FxHashMap<ProductId, Deal>,
    replenishment: Replenishment,
    conversion: Conversion,
    /// What all people of the shop together say of prices.
    sensitivity: Option<f64>,
}

impl Offers {
    /// `people` are those that speak for the shop.
    pub fn new(
        prices: PriceIndex,
        replenishment: Replenishment,
        shelf: &Shelf,
        people: impl IntoIterator<Item = impl AsRef<Profile>>,
        now: Timestamp,
    ) -> Self {
        let levels = PriceLevels::of(shelf.products().map(AsRef::as_ref));
        let deals = prices.deals(now).into_iter().filter(|(id, _)| shelf.get(id).is_some()).take(DEALS_MAX).collect();
        let people: Vec<_> = people.into_iter().collect();
        let category = |id: &ProductId| shelf.get(id)?.category().map(str::to_owned);
        let conversion = Conversion::learn(people.iter().map(|person| person.as_ref().history()), category);
        let mut offers = Self { prices, levels, deals, replenishment, conversion, sensitivity: None };
        let evidence = people.iter().map(|person| offers.evidence(person.as_ref()));
        offers.sensitivity = evidence.fold(Evidence::default(), Evidence::plus).mean();
        offers
    }

    /// A price that is lower than it was, proven by what the product cost before.
    pub fn deal(&self, id: &ProductId) -> Option<&Deal> {
        self.deals.get(id)
    }

    pub fn deals(&self) -> impl Iterator<Item = (&ProductId, &Deal)> {
        self.deals.iter()
    }

    pub fn prices(&self) -> &PriceIndex {
        &self.prices
    }

    pub fn replenishment(&self) -> &Replenishment {
        &self.replenishment
    }

    /// P(bought | looked at); `None` where nobody of the shop bought anything.
    pub(crate) fn conversion(&self, product: &Product) -> Option<f64> {
        Some(self.conversion.of(&product.product_id, product.category())).filter(|share| *share > 0.0)
    }

    fn evidence(&self, profile: &Profile) -> Evidence {
        Evidence::of(profile.history(), |id, at| cue_of(&self.prices, &self.levels, id, at))
    }

    /// How much somebody goes by the price, 0 to 1.
    pub fn sensitivity(&self, profile: Option<&Profile>) -> f64 {
        let evidence = profile.map(|profile| self.evidence(profile)).unwrap_or_default();
        price_sensitivity(evidence, self.sensitivity.unwrap_or(SENSITIVITY))
    }

    /// Is it a purchase that is usually made again about now? How due it is then.
    pub(crate) fn due(&self, entry: &HistoryEntry, category: Option<&str>, now: Timestamp) -> Option<f64> {
        Some(self.replenishment.due(entry, category, now)).filter(|due| *due >= DUE_MIN)
    }
}
