//! What the shop told us about a user. What we observed lives in the profile (`features`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Attributes sent with `PUT /v1/users`, kept under the pseudonym.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserTraits {
    /// The shop's own segment, such as `vip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Declared preferences: category names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}
