use serde::Deserialize;

use super::Page;

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Image {
    pub(in super::super) id: String,
    /// An image needs none.
    pub(in super::super) name: Option<String>,
    pub(in super::super) created_at: Option<String>,
    /// In MiB.
    #[serde(default)]
    pub(in super::super) min_ram: u64,
    /// In GB.
    #[serde(default)]
    pub(in super::super) min_disk: u64,
}

#[derive(Deserialize)]
pub(in super::super) struct Images {
    images: Vec<Image>,
    next: Option<String>,
}

impl Page for Images {
    type Item = Image;

    fn split(self) -> (Vec<Image>, Option<String>) {
        (self.images, self.next)
    }
}
