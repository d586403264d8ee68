//! All stores of one shop, whichever engine stands behind each.

use std::sync::Arc;

use crate::{Catalog, EventLog, Lake, Ledger, Prices, Profiles, Quarantine, Registry, Settings, Users};

/// Cheap to clone. Replace a field to move one need to another engine.
pub struct ShopStores<P> {
    pub log: Arc<dyn EventLog>,
    pub profiles: Arc<dyn Profiles<P>>,
    pub catalog: Arc<dyn Catalog>,
    pub prices: Arc<dyn Prices>,
    pub users: Arc<dyn Users>,
    pub settings: Arc<dyn Settings>,
    pub quarantine: Arc<dyn Quarantine>,
    pub ledger: Arc<dyn Ledger>,
    pub registry: Arc<dyn Registry>,
    pub lake: Arc<dyn Lake>,
}

impl<P> Clone for ShopStores<P> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            profiles: self.profiles.clone(),
            catalog: self.catalog.clone(),
            prices: self.prices.clone(),
            users: self.users.clone(),
            settings: self.settings.clone(),
            quarantine: self.quarantine.clone(),
            ledger: self.ledger.clone(),
            registry: self.registry.clone(),
            lake: self.lake.clone(),
        }
    }
}
