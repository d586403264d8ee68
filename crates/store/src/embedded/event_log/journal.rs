//! Looks at the engine's journals before the engine does.
use crate::Result;
use std::path::{Path, PathBuf};

pub struct Aside {
    copies: Vec<(PathBuf, PathBuf)>,
}
pub fn set_torn_aside(_folder: &Path) -> Result<Aside> {
    Ok(Aside { copies: vec![] })
}
impl Aside {
    pub fn forget(self) {
        drop(self.copies)
    }
    pub fn restore(self) {
        drop(self.copies)
    }
}
